//! Every broken script in `tests/diagnostics` and the text that a researcher gets for it.
//!
//! What is expected stands in two places. In the script (or in the import that is at fault), on the line
//! before the one to be marked:
//!
//! ```text
//!     // Error: 9 `-` needs numbers, found the record `net`
//!     net - y
//! ```
//!
//! that is the column, then the whole message. Where a text ends too early the place is the end of its last
//! line, and the comment stands before that line as anywhere else. An import may be broken in several ways
//! that different scripts meet; a comment that no script meets is an error of this test.
//!
//! The rendered texts are the snapshots in `golden`: read them as one who made the mistake.
//! `INSTA_UPDATE=always` renews them; the diff is then to be read, not only accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kelvin_objective::{ConfigValue, Diagnostic, Head, Layout, Script};

const FOLDER: &str = "tests/diagnostics";
const MARK: &str = "// Error: ";

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
    let layout = layout(&script);
    script.compile(&layout, &BTreeMap::new())?;
    script.behaviour(&layout, &BTreeMap::new()).map(|_| ())
}

/// The scripts of a folder. Paths from the crate's folder, with forward slashes, so that the texts are the
/// same everywhere.
fn scripts(folder: &str) -> Vec<PathBuf> {
    let mut scripts: Vec<PathBuf> = fs::read_dir(folder)
        .expect("tests run in the crate's folder")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .collect();
    scripts.sort();
    scripts
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).expect("a readable script").lines().map(|line| line.trim().to_owned()).collect()
}

/// Every expectation: its file, and its line from 1.
fn expectations() -> BTreeSet<(PathBuf, usize)> {
    let files = scripts(FOLDER).into_iter().chain(scripts(&format!("{FOLDER}/lib")));
    let mut all = BTreeSet::new();
    for file in files {
        for (index, line) in lines(&file).iter().enumerate() {
            if line.starts_with(MARK) {
                all.insert((file.clone(), index + 1));
            }
        }
    }
    all
}

/// The place of the comment that a diagnostic meets, if there is one.
fn expectation(diagnostic: &Diagnostic) -> Option<(PathBuf, usize)> {
    let lines = lines(&diagnostic.file);
    let text = format!("{MARK}{} {}", diagnostic.column, diagnostic.message);
    let above = (1..diagnostic.line as usize).rev().take_while(|&line| lines[line - 1].starts_with(MARK));
    let mut above = above.filter(|&line| lines[line - 1] == text);
    above.next().map(|line| (diagnostic.file.clone(), line))
}

#[test]
fn every_broken_script_gets_its_text() {
    let scripts = scripts(FOLDER);
    assert!(scripts.len() >= 100, "only {} broken scripts found", scripts.len());
    let mut left = expectations();
    let mut wrong = Vec::new();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "diagnostics/golden" }, {
        for path in scripts {
            let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
            let Err(diagnostic) = compile(&path) else {
                wrong.push(format!("{name}: meant to be broken, and compiled"));
                continue;
            };
            match expectation(&diagnostic) {
                Some(found) => {
                    left.remove(&found);
                }
                None => wrong.push(format!("{name}: not as the comment in the script says:\n{diagnostic}")),
            }
            if diagnostic.hint.is_none() {
                wrong.push(format!("{name}: no hint"));
            }
            insta::assert_snapshot!(name, diagnostic.to_string());
        }
    });
    wrong.extend(left.iter().map(|(file, line)| format!("{}:{line}: not met", file.display())));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
