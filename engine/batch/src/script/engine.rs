//! The Rhai engine that a batch script runs in: plain Rhai with limits, without files, clocks or chance.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, EvalAltResult, INT, Map, NativeCallContext, OptimizationLevel};

use kelvin_objective::hosting::Memory;

use super::complaint::Complaint;
use super::grid::{self, MAX_RUNS};

/// Operations of the interpreter: thousands of runs with conditions take a quarter. Each may put a function into another,
/// and a chain of them is taken apart from the outside in, on the stack.
const MAX_OPERATIONS: u64 = 2_000_000;
/// Wall-clock limit, for what few operations can make slow.
const MAX_TIME: Duration = Duration::from_secs(5);
/// Lines of `print` that are kept, and bytes of each.
const MAX_PRINTED: (usize, usize) = (1000, 4096);

/// What a script printed.
pub(super) type Printed = Rc<RefCell<Vec<String>>>;

pub(super) fn engine() -> (Engine, Printed) {
    let mut engine = Engine::new_raw();
    // All but the packages that read clocks, sleep or end the process.
    for package in [
        ArithmeticPackage::new().as_shared_module(),
        BasicStringPackage::new().as_shared_module(),
        BasicIteratorPackage::new().as_shared_module(),
        BasicFnPackage::new().as_shared_module(),
        LogicPackage::new().as_shared_module(),
        BasicMathPackage::new().as_shared_module(),
        BasicArrayPackage::new().as_shared_module(),
        BasicMapPackage::new().as_shared_module(),
        MoreStringPackage::new().as_shared_module(),
    ] {
        engine.register_global_module(package);
    }
    limit(&mut engine);
    // `1 / 2` of whole numbers would be 0 without a word.
    engine.set_fast_operators(false);
    engine.register_fn("/", divide);
    engine.register_fn("grid", |context: NativeCallContext, axes: Map| grid::grid(&context, axes));
    engine.register_fn("run", |context: NativeCallContext, run: Map| grid::run(&context, run));
    let printed = Printed::default();
    let lines = printed.clone();
    engine.on_print(move |line| {
        let mut lines = lines.borrow_mut();
        let (most, longest) = MAX_PRINTED;
        if lines.len() < most {
            lines.push(line[..line.floor_char_boundary(longest)].to_owned());
        }
    });
    (engine, printed)
}

fn limit(engine: &mut Engine) {
    // Constants stay where they are written, where errors look for them.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_fail_on_invalid_map_property(true);
    // A function that is curried with itself doubles with each operation, and no limit sees it; texts that are run have no
    // places.
    for symbol in ["curry", "eval"] {
        engine.disable_symbol(symbol);
    }
    engine.set_max_operations(MAX_OPERATIONS);
    engine.set_max_call_levels(64);
    engine.set_max_expr_depths(128, 128);
    engine.set_max_variables(1024);
    engine.set_max_functions(256);
    // Of all texts, lists and maps that a value holds together: as many runs as there may be, with dozens of keys.
    engine.set_max_string_size(MAX_RUNS * 64 * 8);
    engine.set_max_array_size(MAX_RUNS * 64);
    engine.set_max_map_size(MAX_RUNS * 64);
    let (start, memory) = (Instant::now(), Memory::now());
    engine.on_progress(move |operations| match operations % 64 {
        0 if start.elapsed() > MAX_TIME => Some(Dynamic::from(format!("{} seconds", MAX_TIME.as_secs()))),
        0 if memory.is_spent() => Some(Dynamic::from(Memory::limit())),
        _ => None,
    });
}

fn divide(context: NativeCallContext, a: INT, b: INT) -> Result<INT, Box<EvalAltResult>> {
    match a.checked_rem(b) {
        Some(0) => Ok(a / b),
        Some(_) => Err(Complaint::new(format!("{a} / {b} of whole numbers would drop the fraction"))
            .hint(format!("write {a}.0 / {b}"))
            .at_call(&context)),
        None => Err(Complaint::new(format!("{a} / {b} is not a whole number"))
            .hint("nothing can be divided by zero")
            .at_call(&context)),
    }
}
