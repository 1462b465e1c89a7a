//! Nothing in a script may panic, hang or take all memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kelvin_objective::{Diagnostic, Script};

use crate::support::{CONFIG, layout, write};

/// Loads and traces a text; what counts is that it comes back with a result of the script's own.
fn survives(folder: &Path, text: &str) -> Result<(), Diagnostic> {
    let path = write(folder, "s.rhai", text);
    let result = Script::load(&path).and_then(|script| script.trace(&layout(1, 1), &BTreeMap::new()));
    if let Err(diagnostic) = &result {
        let rendered = diagnostic.to_string();
        assert!(!rendered.contains("fault of Kelvin"), "{rendered}\n{text}");
        assert!(!rendered.contains("kelvin_objective::"), "a Rust path in a message: {rendered}\n{text}");
    }
    result.map(|_| ())
}

#[test]
fn a_script_cut_off_or_short_of_a_character_is_an_error_not_a_panic() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/soft_kl.rhai");
    let text = fs::read_to_string(script).expect("the script is there");
    let body = text[text.find("fn config").expect("a config")..].trim_end();
    let folder = tempfile::tempdir().expect("a temporary folder");
    survives(folder.path(), body).expect("it is whole");
    for (at, c) in body.char_indices() {
        assert!(survives(folder.path(), &body[..at]).is_err(), "cut off at {at}");
        // Without one character it may still be a script, of another meaning.
        let _ = survives(folder.path(), &format!("{}{}", &body[..at], &body[at + c.len_utf8()..]));
    }
}

#[test]
fn hostile_scripts_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let depth = 20_000;
    let parentheses = format!("{}net.v{}", "(".repeat(depth), ")".repeat(depth));
    let blocks = format!("{}net.v{}", "{".repeat(depth), "}".repeat(depth));
    let negations = format!("{}net.v", "-".repeat(depth));
    let sum = vec!["net.v"; depth].join(" + ");
    for body in [
        parentheses.as_str(),
        &blocks,
        &negations,
        &sum,
        "let s = \"ab\"; loop { s += s; }",
        "let l = []; loop { l.push(l); }",
        "let m = #{}; let i = 0; loop { m[\"k\" + i] = m; i += 1; }",
        "let f = |g| g.call(g); f.call(f)",
        "for i in 0..9223372036854775807 { }",
        "loop { import \"x\" as x; }",
        "let x = net; for i in 0..100000 { x = net.next; } x",
        "throw net.v",
        "9223372036854775807 + 1",
        "-(-9223372036854775807 - 1)",
        "net.q[9223372036854775807]",
    ] {
        let text = format!("{CONFIG}fn loss(net, t, p) {{ {body} }}");
        let error = survives(folder.path(), &text).expect_err(&body[..body.len().min(60)]);
        assert!(error.line > 0, "{error}");
    }
}
