//! The interpreter, with functions that compute at once.

use std::any::TypeId;
use std::cell::RefCell;
use std::rc::Rc;

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext, OptimizationLevel, Position};

use crate::ops::Span;

use super::evaluation::{Evaluation, Outcome};
use super::functions::FUNCTIONS;
use super::operators;
use super::records::{Record, element};
use super::value::{Item, Steps, Value};

type Failure = Box<EvalAltResult>;

/// An evaluation, as the functions of its engine hold it.
pub(super) type Shared = Rc<RefCell<Evaluation>>;

/// The interpreter as objective scripts know it, with functions that compute at once. It has no limit of time:
/// a script that was traced has ended once, and how much is computed is limited by the evaluation.
pub(super) fn engine(evaluation: &Shared) -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_fast_operators(false);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_max_call_levels(64);
    engine.set_max_expr_depths(128, 128);
    engine
        .register_type_with_name::<Value>("a traced value")
        .register_type_with_name::<Steps>("a list of steps")
        .register_type_with_name::<Record>("a record");
    register_operators(&mut engine, evaluation);
    for &(name, arity, function) in FUNCTIONS {
        register_function(&mut engine, evaluation, name, arity, function);
    }
    register_access(&mut engine, evaluation);
    engine
        .register_iterator::<std::ops::Range<i64>>()
        .register_iterator::<std::ops::RangeInclusive<i64>>()
        .register_iterator::<rhai::Array>()
        .register_iterator::<Steps>();
    engine.register_fn("push", |list: &mut rhai::Array, item: Dynamic| list.push(item));
    engine
}

/// Runs a function, and writes down what it returned.
fn enter(
    evaluation: &Shared,
    context: &NativeCallContext,
    name: &str,
    f: impl FnOnce(&mut Evaluation) -> Outcome,
) -> Result<Dynamic, Failure> {
    let position = context.call_position();
    let span = Span {
        file: context.call_source().and_then(|source| source.parse().ok()).unwrap_or(0),
        line: position.line().unwrap_or(0) as u32,
        column: position.position().unwrap_or(0) as u32,
    };
    let evaluation = &mut *evaluation.borrow_mut();
    let result = f(evaluation).and_then(|item| {
        evaluation.record(span, name, &item);
        evaluation.check().map(|()| item)
    });
    result.map(Item::into_dynamic).map_err(|message| failure(&message, position))
}

/// As [`enter`], for a function of these items: of plain ones only, the result is plain too.
fn compute(
    evaluation: &Shared,
    context: &NativeCallContext,
    name: &str,
    args: &[&mut Dynamic],
    f: impl FnOnce(&mut Evaluation, &[Item]) -> Outcome,
) -> Result<Dynamic, Failure> {
    let items: Vec<Item> = args.iter().map(|arg| Item::read((**arg).clone())).collect();
    enter(evaluation, context, name, |evaluation| {
        let result = f(evaluation, &items)?;
        Ok(if items.iter().any(Item::is_traced) { result } else { result.settled() })
    })
}

fn failure(message: &str, position: Position) -> Failure {
    EvalAltResult::ErrorRuntime(message.into(), position).into()
}

fn register_operators(engine: &mut Engine, evaluation: &Shared) {
    let any = TypeId::of::<Dynamic>();
    for (op, assigning) in operators::ARITHMETIC {
        let shared = evaluation.clone();
        engine.register_raw_fn(op, [any; 2], move |context, args| {
            compute(&shared, &context, op, args, |e, x| operators::arithmetic(e, op, &x[0], &x[1]))
        });
        let shared = evaluation.clone();
        engine.register_raw_fn(assigning, [any; 2], move |context, args| {
            *args[0] =
                compute(&shared, &context, op, args, |e, x| operators::arithmetic(e, op, &x[0], &x[1]))?;
            Ok(())
        });
    }
    for op in operators::LOGIC {
        let shared = evaluation.clone();
        engine.register_raw_fn(op, [any; 2], move |context, args| {
            compute(&shared, &context, op, args, |e, x| operators::logic(e, op, &x[0], &x[1]))
        });
    }
    register_function(engine, evaluation, "-", 1, |e, x| operators::negate(e, &x[0]));
    register_function(engine, evaluation, "!", 1, |e, x| operators::not(e, &x[0]));
}

fn register_function(
    engine: &mut Engine,
    evaluation: &Shared,
    name: &'static str,
    arity: usize,
    function: fn(&mut Evaluation, &[Item]) -> Outcome,
) {
    let shared = evaluation.clone();
    engine.register_raw_fn(name, vec![TypeId::of::<Dynamic>(); arity], move |context, args| {
        compute(&shared, &context, name, args, function)
    });
}

fn register_access(engine: &mut Engine, evaluation: &Shared) {
    let shared = evaluation.clone();
    engine.register_indexer_get(
        move |context: NativeCallContext, record: &mut Record, name: ImmutableString| {
            let field = record.field(&shared.borrow(), &name);
            match field.map_err(|message| failure(&message, context.call_position()))? {
                Ok(item) => enter(&shared, &context, &name, |_| Ok(item)),
                Err(record) => Ok(Dynamic::from(record)),
            }
        },
    );
    let shared = evaluation.clone();
    engine.register_indexer_get(move |context: NativeCallContext, of: &mut Value, index: Dynamic| {
        enter(&shared, &context, "[]", |_| element(&Item::One(of.clone()), &Item::read(index)))
    });
    let shared = evaluation.clone();
    engine.register_indexer_get(move |context: NativeCallContext, of: &mut Steps, index: Dynamic| {
        enter(&shared, &context, "[]", |_| element(&Item::Steps(of.0.clone()), &Item::read(index)))
    });
}
