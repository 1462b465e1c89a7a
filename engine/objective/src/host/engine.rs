//! The Rhai engine of one load or one trace.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext, OptimizationLevel};

use crate::ops::{CmpOp, Span};

use super::operand::{Operand, Steps, Value};
use super::operators::{self, Arithmetic, Junction};
use super::records::{Record, element, step};
use super::trace::{Complaint, Outcome, Trace};
use super::training::ParamSpec;
use super::vocabulary;

/// Operations of the interpreter, enough for windows of hundreds of steps.
const MAX_OPERATIONS: u64 = 2_000_000;
/// Wall-clock limit, for what few operations can make slow.
const MAX_TIME: Duration = Duration::from_secs(5);
/// Stack of the thread that runs a script. The limits below keep a script within a fraction of it in
/// unoptimised builds too.
const STACK_BYTES: usize = 64 << 20;

/// Syntax that would decide silently on a traced value, or hide or postpone errors.
const DISABLED: [&str; 4] = ["switch", "try", "catch", "eval"];

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
        limit(&mut engine);
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
pub(crate) fn on_deep_stack<T: Send>(f: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("script".into()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, f) {
            Ok(thread) => thread.join().map_err(|_| "the script host failed on this script".to_owned()),
            Err(error) => Err(format!("cannot start a thread for the script: {error}")),
        }
    })
}

fn limit(engine: &mut Engine) {
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
    let start = Instant::now();
    engine.on_progress(move |operations| {
        let late = operations % 256 == 0 && start.elapsed() > MAX_TIME;
        late.then(|| Dynamic::from(format!("{} seconds", MAX_TIME.as_secs())))
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

fn register_operators(engine: &mut Engine, trace: &Rc<RefCell<Trace>>) {
    for op in Arithmetic::ALL {
        let shared = trace.clone();
        engine.register_fn(op.symbol(), move |context: NativeCallContext, a: Dynamic, b: Dynamic| {
            enter(&shared, &context, |trace, at| {
                operators::arithmetic(trace, at, op, Operand::read(a), Operand::read(b))
            })
        });
        // `x /= 2` must not reach Rhai's own division either.
        let shared = trace.clone();
        let types = [std::any::TypeId::of::<Dynamic>(); 2];
        engine.register_raw_fn(op.assigning(), types, move |context, args| {
            let (a, b) = (Operand::read(args[0].clone()), Operand::read(args[1].clone()));
            let result = enter(&shared, &context, |trace, at| operators::arithmetic(trace, at, op, a, b))?;
            *args[0] = result;
            Ok(())
        });
    }
    for op in CmpOp::ALL {
        let shared = trace.clone();
        engine.register_fn(op.symbol(), move |context: NativeCallContext, a: Dynamic, b: Dynamic| {
            enter(&shared, &context, |trace, at| {
                operators::compare(trace, at, op, Operand::read(a), Operand::read(b))
            })
        });
    }
    for (symbol, op) in [("&", Junction::And), ("|", Junction::Or)] {
        let shared = trace.clone();
        engine.register_fn(symbol, move |context: NativeCallContext, a: Dynamic, b: Dynamic| {
            enter(&shared, &context, |trace, at| {
                operators::junction(trace, at, op, Operand::read(a), Operand::read(b))
            })
        });
    }
    let shared = trace.clone();
    engine.register_fn("-", move |context: NativeCallContext, x: Dynamic| {
        enter(&shared, &context, |trace, at| operators::negate(trace, at, Operand::read(x)))
    });
    let shared = trace.clone();
    engine.register_fn("!", move |context: NativeCallContext, x: Dynamic| {
        enter(&shared, &context, |trace, at| operators::not(trace, at, Operand::read(x)))
    });
}

fn register_functions(engine: &mut Engine, trace: &Rc<RefCell<Trace>>) {
    for function in vocabulary::functions() {
        let name = function.name;
        for &arity in function.arities {
            let trace = trace.clone();
            let call = move |context: NativeCallContext, args: Vec<Dynamic>| {
                let args = args.into_iter().map(Operand::read).collect();
                enter(&trace, &context, |trace, at| (function.run)(trace, at, args))
            };
            type Context<'a> = NativeCallContext<'a>;
            type D = Dynamic;
            match arity {
                1 => engine.register_fn(name, move |c: Context, x: D| call(c, vec![x])),
                2 => engine.register_fn(name, move |c: Context, x: D, y: D| call(c, vec![x, y])),
                3 => engine.register_fn(name, move |c: Context, x: D, y: D, z: D| call(c, vec![x, y, z])),
                4 => engine
                    .register_fn(name, move |c: Context, x: D, y: D, z: D, w: D| call(c, vec![x, y, z, w])),
                _ => unreachable!("the vocabulary has functions of one to four arguments"),
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
        enter(&shared, &context, |_, _| step(of, Operand::read(index)))
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
