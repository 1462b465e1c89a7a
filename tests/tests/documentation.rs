//! The reference page of the language is true: every example compiles, and its tables are those of the compiler.
//!
//! A block of `docs/objectives.md` that starts with three backticks and `rhai` and defines `loss` is a script. Others
//! say after a comma what they are: `rhai,target` and `rhai,loss` are the bodies of those functions in a script with
//! all heads and the usual parameters; `rhai,config` and the like are whole functions to go with a loss. With
//! `broken` a block must be refused.

use kelvin_objective::{Clock, Diagnostic, EvalStats, Script, reference_tables};
use kelvin_tests::command::repository;
use kelvin_tests::scripts::layout;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A fenced block of the page.
struct Block {
    /// Of its first line.
    line: usize,
    /// What stands after `rhai` on the fence.
    marks: BTreeSet<String>,
    text: String,
}

fn page() -> String {
    fs::read_to_string(repository().join("docs/objectives.md")).expect("the reference page")
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => {
                let marks = info.split(',').map(|mark| mark.trim().to_owned()).collect();
                open = Some(Block { line: number + 2, marks, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "the last block is not closed");
    blocks.retain(|block| block.marks.contains("rhai"));
    blocks
}

const PARAMS: &str = r#"fn params() { #{
    tau: param(0.1, 0.001, 10.0, "temperature"), gamma: param(0.99, 0.0, 1.0, "discount"),
    delta: param(1.0, 0.01, 100.0, "Huber threshold"), lambda: param(0.9, 0.0, 1.0, "trace decay"),
} }
"#;

/// The script that a block stands for, with windows of `n` steps where the block does not say.
fn whole(block: &Block, n: usize) -> String {
    let Block { marks, text, .. } = block;
    let config =
        format!("fn config() {{ #{{ learner: \"replay\", n: {n}, heads: [\"q\", \"logits\", \"v\"] }} }}\n");
    let takes_y = text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "y");
    if marks.contains("target") {
        let target = format!("fn target(net, t, p) {{\n{text}}}\n");
        return format!(
            "{config}{PARAMS}{target}fn loss(net, y, t, p) {{ huber(net.q[t.action] - y, p.delta) }}\n"
        );
    }
    // What is broken and defines no function is a broken loss.
    if marks.contains("loss") || (marks.contains("broken") && !text.contains("fn ")) {
        let target = "fn target(t, p) { discounted_return(t.steps.reward, p.gamma) }\n";
        return match takes_y {
            true => format!("{config}{PARAMS}{target}fn loss(net, y, t, p) {{\n{text}}}\n"),
            false => format!("{config}{PARAMS}fn loss(net, t, p) {{\n{text}}}\n"),
        };
    }
    // Functions beside target and loss: the rest of a script is put around those that are not there.
    let defines = |name: &str| text.contains(&format!("fn {name}("));
    let mut script = text.clone();
    for (name, code) in [("config", config.as_str()), ("params", PARAMS)] {
        if !defines(name) {
            script += code;
        }
    }
    if !defines("loss") {
        script += match defines("target") {
            true => "fn loss(net, y, t, p) { huber(net.q[t.action] - y, p.delta) }\n",
            false => "fn loss(net, t, p) { huber(net.q[t.action] - max(t.next.q), p.delta) }\n",
        };
    }
    script
}

/// Loads, traces and compiles a script, and what it says beside its loss.
fn compile(path: &Path) -> Result<(), Diagnostic> {
    let script = Script::load(path)?;
    let layout = layout(&script, 4, 3);
    script.compile(&layout, &BTreeMap::new())?;
    script.behaviour(&layout, &BTreeMap::new())?;
    script.schedule(&Clock::default())?;
    let params = script.params().iter().map(|param| (param.name.clone(), param.default)).collect();
    script.on_eval(&EvalStats { params, best_return: 1.0, ..EvalStats::default() })?;
    Ok(())
}

/// Compiles what a block stands for. Some read a single transition, others a window: one of the two must do.
fn try_out(block: &Block) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = folder.path().join("lib");
    fs::create_dir(&library).expect("a writable folder");
    let shipped = repository().join("scripts/lib");
    for entry in fs::read_dir(shipped).expect("the shipped library") {
        let from = entry.expect("a readable folder").path();
        fs::copy(&from, library.join(from.file_name().expect("a file"))).expect("a writable folder");
    }
    let path = folder.path().join("example.rhai");
    let attempt = |n| {
        fs::write(&path, whole(block, n)).expect("a writable folder");
        compile(&path).map_err(|diagnostic| diagnostic.to_string())
    };
    attempt(1).or_else(|single| attempt(3).map_err(|window| format!("{single}\n{window}")))
}

#[test]
fn every_example_compiles_and_every_mistake_is_refused() {
    let blocks = blocks(&page());
    assert!(blocks.len() >= 10, "only {} examples were found", blocks.len());
    let mut found = Vec::new();
    for block in &blocks {
        match (try_out(block), block.marks.contains("broken")) {
            (Err(diagnostic), false) => {
                found.push(format!("line {} does not compile:\n{diagnostic}", block.line))
            }
            (Ok(()), true) => found.push(format!("line {} is said to be broken, and compiles", block.line)),
            _ => {}
        }
    }
    assert!(found.is_empty(), "{} of {} examples:\n{}", found.len(), blocks.len(), found.join("\n\n"));
}

/// The tables of functions and fields are copies of the compiler's own.
#[test]
fn the_tables_are_those_of_the_compiler() {
    let (page, tables) = (page(), reference_tables());
    for (name, table) in [("functions", &tables.functions), ("fields", &tables.fields)] {
        assert!(page.contains(table.as_str()), "the table of {name} should read\n\n{table}");
    }
}

/// The functions of a script and the places of outputs are told with more words; none is forgotten.
#[test]
fn every_function_of_a_script_and_every_record_is_named() {
    let (page, tables) = (page(), reference_tables());
    let first_cells = |table: &str| -> Vec<String> {
        let rows = table.lines().skip(2).filter_map(|row| row.split(" | ").next());
        rows.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };
    let names = first_cells(&tables.hooks).into_iter().chain(first_cells(&tables.outputs));
    let missing: Vec<String> = names.filter(|name| !page.contains(&format!("`{name}"))).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}
