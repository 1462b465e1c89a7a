//! Every broken script in `tests/diagnostics` and the text that a researcher gets for it.
//!
//! The snapshots are the specification: read them as one who made the mistake. `INSTA_UPDATE=always` renews
//! them; the diff is then to be read, not only accepted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kelvin_objective::{ConfigValue, Diagnostic, Head, Layout, Script};

/// The layout that a script's own `config()` asks for, with 4 actions.
fn layout(script: &Script) -> Layout {
    let heads = match script.config().get("heads") {
        Some(ConfigValue::List(heads)) => heads.iter().filter_map(head).collect(),
        _ => vec![Head::Q],
    };
    let window = match script.config().get("n") {
        Some(ConfigValue::Int(n)) => *n as usize,
        _ => 1,
    };
    Layout { batch: 3, actions: 4, window, heads, param_slots: 64, metric_slots: 16, workgroup: 32 }
}

fn head(value: &ConfigValue) -> Option<Head> {
    match value {
        ConfigValue::Str(name) => {
            [Head::Q, Head::Logits, Head::V].into_iter().find(|head| head.name() == name)
        }
        _ => None,
    }
}

fn compile(path: &Path) -> Result<(), Diagnostic> {
    let script = Script::load(path)?;
    script.compile(&layout(&script), &BTreeMap::new()).map(|_| ())
}

/// Paths from the crate's folder, with forward slashes, so that the texts are the same everywhere.
fn broken_scripts() -> Vec<PathBuf> {
    let mut scripts: Vec<PathBuf> = std::fs::read_dir("tests/diagnostics")
        .expect("tests run in the crate's folder")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .collect();
    scripts.sort();
    scripts
}

#[test]
fn every_broken_script_gets_its_text() {
    let scripts = broken_scripts();
    assert!(scripts.len() >= 25, "only {} broken scripts found", scripts.len());
    let (mut missing_hint, mut compiled) = (Vec::new(), Vec::new());
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "diagnostics/golden" }, {
        for path in scripts {
            let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
            match compile(&path) {
                Ok(()) => compiled.push(name),
                Err(diagnostic) => {
                    if diagnostic.hint.is_none() {
                        missing_hint.push(name.clone());
                    }
                    insta::assert_snapshot!(name, diagnostic.to_string());
                }
            }
        }
    });
    assert!(compiled.is_empty(), "meant to be broken, and compiled: {compiled:?}");
    assert!(missing_hint.is_empty(), "diagnostics without a hint: {missing_hint:?}");
}
