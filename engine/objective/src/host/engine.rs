//! The Rhai engine of one load or one trace.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext, OptimizationLevel};

use crate::ops::{CmpOp, Span};

use super::broadcast::settle;
use super::declare::ParamSpec;
use super::index::{element, step};
use super::operand::{Operand, Steps, Value};
use super::operators::{self, Arithmetic, Junction};
use super::records::Record;
use super::trace::{Complaint, Outcome, Trace};
use super::vocabulary;

/// Operations of the interpreter, enough for windows of hundreds of steps.
const MAX_OPERATIONS: u64 = 2_000_000;
/// Stack of the thread that runs a script. The limits below keep a script within a fraction of it in
/// unoptimised builds too; pages that nobody touches take no memory.
const STACK_BYTES: usize = 256 << 20;

/// Syntax that would decide silently on a traced value, hide or postpone errors, or (`curry`, of a function
/// with itself) double a value that no limit sees; and operators on bits, which on plain whole numbers Rhai would
/// compute in silence: `2 ^ 3` is 1.
const DISABLED: [&str; 13] =
    ["switch", "try", "catch", "eval", "curry", "^", "^=", "<<", "<<=", ">>", ">>=", "&=", "|="];

type Failure = Box<EvalAltResult>;

/// An engine, and the trace that its functions fill.
pub(crate) struct Host {
    pub engine: Engine,
    trace: Rc<RefCell<Trace>>,
}

impl Host {
    pub fn new(trace: Trace) -> Self {
        let trace = Rc::new(RefCell::new(trace));
        let mut engine = Engine::new_raw();
        limit(&mut engine, &trace);
        register_operators(&mut engine, &trace);
        register_functions(&mut engine, &trace);
        register_records(&mut engine, &trace);
        register_lists(&mut engine);
        Self { engine, trace }
    }

    /// Looks at or changes the trace.
    pub fn with<T>(&self, f: impl FnOnce(&mut Trace) -> T) -> T {
        f(&mut self.trace.borrow_mut())
    }

    /// Ends the run and hands out what it recorded.
    pub fn finish(self) -> Trace {
        self.trace.replace(Trace::for_load())
    }
}

/// Runs `f` on a thread whose stack is deep enough for every script within the limits.
///
/// # Errors
/// If the thread cannot be started, or ended in a panic: a text for a diagnostic.
pub fn on_deep_stack<T: Send>(f: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("script".into()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, f) {
            Ok(thread) => thread.join().map_err(|_| "the script host failed on this script".to_owned()),
            Err(error) => Err(format!("cannot start a thread for the script: {error}")),
        }
    })
}

fn limit(engine: &mut Engine, trace: &Rc<RefCell<Trace>>) {
    // The optimiser folds `traced && true`, and fast operators pass by everything registered below.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_fast_operators(false);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_max_operations(MAX_OPERATIONS);
    engine.set_max_call_levels(64);
    engine.set_max_expr_depths(128, 128);
    engine.set_max_variables(1024);
    engine.set_max_functions(256);
    engine.set_max_modules(32);
    engine.set_max_string_size(64 << 10);
    engine.set_max_array_size(16 << 10);
    engine.set_max_map_size(1024);
    for symbol in DISABLED {
        engine.disable_symbol(symbol);
    }
    let trace = trace.clone();
    engine.on_progress(move |operations| {
        let trace = trace.try_borrow().ok().filter(|_| operations % 64 == 0)?;
        trace.spent().map(Dynamic::from)
    });
}

/// Place of a call. Sources are named by their index.
fn place(context: &NativeCallContext) -> Span {
    let position = context.call_position();
    Span {
        file: context.call_source().and_then(|source| source.parse().ok()).unwrap_or(0),
        line: position.line().unwrap_or(0) as u32,
        column: position.position().unwrap_or(0) as u32,
    }
}

/// Runs a function on the trace.
fn enter(
    trace: &RefCell<Trace>,
    context: &NativeCallContext,
    f: impl FnOnce(&mut Trace, Span) -> Outcome,
) -> Result<Dynamic, Failure> {
    let at = place(context);
    let mut trace = trace.borrow_mut();
    trace.last = at;
    f(&mut trace, at).map_err(|complaint| complaint.into_error(context.call_position()))
}

/// As [`enter`], for a function of these operands: of plain ones only, the result is plain too.
fn compute<O: AsRef<[Operand]>>(
    trace: &RefCell<Trace>,
    context: &NativeCallContext,
    operands: O,
    f: impl FnOnce(&mut Trace, Span, O) -> Outcome,
) -> Result<Dynamic, Failure> {
    let plain = !operands.as_ref().iter().any(Operand::is_traced);
    enter(trace, context, |trace, at| {
        let result = f(trace, at, operands)?;
        Ok(if plain { settle(trace, result) } else { result })
    })
}

fn register_operators(engine: &mut Engine, trace: &Rc<RefCell<Trace>>) {
    for op in Arithmetic::ALL {
        let shared = trace.clone();
        engine.register_fn(op.symbol(), move |context: NativeCallContext, a: Dynamic, b: Dynamic| {
            compute(&shared, &context, [a, b].map(Operand::read), |trace, at, [a, b]| {
                operators::arithmetic(trace, at, op, a, b)
            })
        });
        // `x /= 2` must not reach Rhai's own division either.
        let shared = trace.clone();
        let types = [std::any::TypeId::of::<Dynamic>(); 2];
        engine.register_raw_fn(op.assigning(), types, move |context, args| {
            let sides = [args[0].clone(), args[1].clone()].map(Operand::read);
            let result = compute(&shared, &context, sides, |trace, at, [a, b]| {
                operators::arithmetic(trace, at, op, a, b)
            })?;
            *args[0] = result;
            Ok(())
        });
    }
    for op in CmpOp::ALL {
        let shared = trace.clone();
        engine.register_fn(op.symbol(), move |context: NativeCallContext, a: Dynamic, b: Dynamic| {
            compute(&shared, &context, [a, b].map(Operand::read), |trace, at, [a, b]| {
                operators::compare(trace, at, op, a, b)
            })
        });
    }
    for (symbol, op) in [("&", Junction::And), ("|", Junction::Or)] {
        let shared = trace.clone();
        engine.register_fn(symbol, move |context: NativeCallContext, a: Dynamic, b: Dynamic| {
            compute(&shared, &context, [a, b].map(Operand::read), |trace, at, [a, b]| {
                operators::junction(trace, at, op, a, b)
            })
        });
    }
    type OfOne = fn(&mut Trace, Span, Operand) -> Outcome;
    for (symbol, run) in [("-", operators::negate as OfOne), ("!", operators::not)] {
        let shared = trace.clone();
        engine.register_fn(symbol, move |context: NativeCallContext, x: Dynamic| {
            compute(&shared, &context, [Operand::read(x)], |trace, at, [x]| run(trace, at, x))
        });
    }
}

fn register_functions(engine: &mut Engine, trace: &Rc<RefCell<Trace>>) {
    for function in vocabulary::functions() {
        let name = function.name;
        for arity in function.arities() {
            let trace = trace.clone();
            let call = move |context: NativeCallContext, args: Vec<Dynamic>| {
                let args: Vec<Operand> = args.into_iter().map(Operand::read).collect();
                compute(&trace, &context, args, function.run)
            };
            type C<'a> = NativeCallContext<'a>;
            type D = Dynamic;
            match arity {
                1 => engine.register_fn(name, move |c: C, x: D| call(c, vec![x])),
                2 => engine.register_fn(name, move |c: C, x: D, y: D| call(c, vec![x, y])),
                3 => engine.register_fn(name, move |c: C, x: D, y: D, z: D| call(c, vec![x, y, z])),
                4 => engine.register_fn(name, move |c: C, x: D, y: D, z: D, u: D| call(c, vec![x, y, z, u])),
                5 => engine.register_fn(name, move |c: C, x: D, y: D, z: D, u: D, v: D| {
                    call(c, vec![x, y, z, u, v])
                }),
                _ => unreachable!("the vocabulary has functions of one to five arguments"),
            };
        }
    }
}

fn register_records(engine: &mut Engine, trace: &Rc<RefCell<Trace>>) {
    engine
        .register_type_with_name::<Value>("a traced value")
        .register_type_with_name::<Steps>("a list of steps")
        .register_type_with_name::<Record>("a record")
        .register_type_with_name::<ParamSpec>("a parameter");

    let shared = trace.clone();
    engine.register_indexer_get(
        move |context: NativeCallContext, record: &mut Record, field: ImmutableString| {
            enter(&shared, &context, |trace, at| record.field(trace, at, &field))
        },
    );
    let shared = trace.clone();
    engine.register_indexer_get(move |context: NativeCallContext, of: &mut Value, index: Dynamic| {
        enter(&shared, &context, |trace, at| element(trace, at, *of, Operand::read(index)))
    });
    let shared = trace.clone();
    engine.register_indexer_get(move |context: NativeCallContext, of: &mut Steps, index: Dynamic| {
        enter(&shared, &context, |trace, at| step(trace, at, of, Operand::read(index)))
    });

    engine.register_indexer_set(|context: NativeCallContext, _: &mut Record, _: Dynamic, _: Dynamic| {
        read_only(&context)
    });
    engine.register_indexer_set(|context: NativeCallContext, _: &mut Value, _: Dynamic, _: Dynamic| {
        read_only(&context)
    });
    engine.register_indexer_set(|context: NativeCallContext, _: &mut Steps, _: Dynamic, _: Dynamic| {
        read_only(&context)
    });
}

fn read_only(context: &NativeCallContext) -> Result<(), Failure> {
    let complaint = Complaint::new("records and traced values cannot be assigned to");
    Err(complaint.hint("give the new value a name: let x = …;").into_error(context.call_position()))
}

/// The little of Rhai's library that objectives need: ranges, and lists that grow.
fn register_lists(engine: &mut Engine) {
    engine
        .register_iterator::<std::ops::Range<i64>>()
        .register_iterator::<std::ops::RangeInclusive<i64>>()
        .register_iterator::<Array>()
        .register_iterator::<Steps>();
    engine.register_fn("push", |list: &mut Array, item: Dynamic| list.push(item));
}
