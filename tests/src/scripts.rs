//! The shipped scripts.

use crate::command::repository;
use kelvin_compute::objective::{METRIC_SLOTS, PARAM_SLOTS, WORKGROUP};
use kelvin_objective::{ConfigValue, Head, Layout, Script};
use std::path::{Path, PathBuf};

/// Every objective in `scripts/`, in alphabetical order.
pub fn shipped() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("scripts")).expect("the scripts");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut scripts: Vec<_> = paths.filter(|path| path.extension().is_some_and(|it| it == "rhai")).collect();
    scripts.sort();
    scripts
}

/// Loads a script.
///
/// # Panics
/// With the diagnostic, if it has a mistake.
pub fn load(path: &Path) -> Script {
    Script::load(path).unwrap_or_else(|diagnostic| panic!("{diagnostic}"))
}

/// The shapes it is compiled for, with the window and the heads of its `config()`.
pub fn layout(script: &Script, batch: usize, actions: usize) -> Layout {
    let window = match script.config().get("n") {
        Some(ConfigValue::Int(n)) => usize::try_from(*n).expect("a window is positive"),
        _ => 1,
    };
    let heads = match script.config().get("heads") {
        Some(ConfigValue::List(names)) => names.iter().map(head).collect(),
        _ => vec![Head::Q],
    };
    let (param_slots, metric_slots) = (PARAM_SLOTS, METRIC_SLOTS);
    Layout { batch, actions, window, heads, param_slots, metric_slots, workgroup: WORKGROUP }
}

fn head(name: &ConfigValue) -> Head {
    match name {
        ConfigValue::Str(name) if name == "q" => Head::Q,
        ConfigValue::Str(name) if name == "logits" => Head::Logits,
        ConfigValue::Str(name) if name == "v" => Head::V,
        other => panic!("{other:?} is no head"),
    }
}
