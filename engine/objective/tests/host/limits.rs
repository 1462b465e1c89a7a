//! Nothing in a script may panic, hang or take all memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kelvin_objective::{Clock, ConfigValue, Diagnostic, EvalStats, Layout, Script};

use crate::support::{CONFIG, layout, write};

/// Loads, compiles and steers by a text; what counts is that it comes back with a result of the script's own.
fn survives(folder: &Path, text: &str) -> Result<(), Diagnostic> {
    let path = write(folder, "s.rhai", text);
    let result = Script::load(&path).and_then(|script| {
        let window = match script.config().get("n") {
            Some(ConfigValue::Int(n @ 1..=8)) => *n as usize,
            _ => 1,
        };
        script.compile(&layout(1, window), &BTreeMap::new())?;
        script.behaviour(&layout(1, window), &BTreeMap::new())?;
        script.schedule(&Clock::default())?;
        script.on_eval(&EvalStats::default())
    });
    if let Err(diagnostic) = &result {
        let rendered = diagnostic.to_string();
        assert!(!rendered.contains("fault of Kelvin"), "{rendered}\n{text}");
        assert!(!rendered.contains("kelvin_objective::"), "a Rust path in a message: {rendered}\n{text}");
    }
    result.map(|_| ())
}

/// Every function and most of the syntax, in few characters.
const EVERYTHING: &str = "fn config() { #{ n: 2, heads: [\"q\", \"v\"] } }
fn params() { #{ g: param(0.9, 0.0, 1.0, \"d\"), k: param(2, 1, 3, \"k\"), b: param(true, \"b\") } }
fn reward(r, p) { clip(r, -1, p.g) }
fn target(net, t, p) { lambda_return(t.steps.reward, t.steps.terminated, max(t.steps.next.q, \"action\"), p.g, 0.5) }
fn loss(net, y, t, p) {
    let f = |x| x ** 2;
    for i in 0..p.k { y = y * 0.5; }
    if p.b { metric(\"m\", batch_mean(net.v)); }
    f.call(net.steps.q[t.steps.action] - y) + select(t.steps.valid, entropy(softmax(net.steps.q)), 0)
}
fn metrics(net, t, p) { metric(\"q\", net.q[argmax(net.next.q)]); }
fn behave(net, p) { softmax(net.q) + 0.1 }
fn schedule(step) { #{ g: 1 - 0.1 * step.progress } }
fn on_eval(stats) { if stats.mean_return > 3 { #{ epsilon: 0.1 } } }";

#[test]
fn a_script_cut_off_or_short_of_a_character_is_an_error_not_a_panic() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/soft_kl.rhai");
    let text = fs::read_to_string(script).expect("the script is there");
    let shipped = text[text.find("fn config").expect("a config")..].trim_end();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for body in [shipped, EVERYTHING] {
        survives(folder.path(), body).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
        for (at, c) in body.char_indices() {
            // What is left may be a script still, of another meaning.
            let _ = survives(folder.path(), &body[..at]);
            let _ = survives(folder.path(), &format!("{}{}", &body[..at], &body[at + c.len_utf8()..]));
        }
    }
}

/// One word in the place of another.
#[test]
fn words_may_stand_anywhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let words: Vec<&str> = EVERYTHING.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_').collect();
    // A fixed walk through the pairs of places, coprime to their number.
    for k in 0..400 {
        let (from, to) = ((k * 7919) % words.len(), (k * 104_729 + 13) % words.len());
        let mut mixed = words.clone();
        mixed[to] = words[from];
        let _ = survives(folder.path(), &mixed.concat());
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
        "let l = []; loop { l.push(t.steps.reward); }",
        "let m = #{}; let i = 0; loop { m[\"k\" + i] = m; i += 1; }",
        "let m = #{}; loop { m = #{ a: m }; }",
        "let f = |g| g.call(g); f.call(f)",
        // Doubles with every round.
        "let f = |x| x; loop { f = f.curry(f); }",
        // A chain of a million links, and a list that holds itself.
        "let f = |x| x; loop { let g = f; f = |x| g.call(x); }",
        "let l = []; let f = || l; l.push(f); net.v",
        "for i in 0..9223372036854775807 { }",
        "loop { import \"x\" as x; }",
        "let x = net; for i in 0..100000 { x = net.next; } x",
        // Many values an operation, none of them new.
        "let l = []; for i in 0..8000 { l.push(net.v); } loop { sum(l * l); }",
        "let l = []; for i in 0..8000 { l.push(net.q * i); } kl(softmax(l), softmax(2 * l))",
        "let x = net.steps.q; loop { x = softmax(x) + log_softmax(x); }",
        "loop { lambda_return(t.steps.reward, t.steps.valid, net.steps.v, 0.9, 0.9); }",
        "loop { discounted_return([1] * 2, 0.5); }",
        "for i in 0..16 { batch_mean(net.v + i); } loop { batch_mean(net.v); }",
        "throw net.v",
        "9223372036854775807 + 1",
        "-(-9223372036854775807 - 1)",
        "net.q[9223372036854775807]",
        "net.steps.q[9223372036854775807]",
        "sum(net.q, \"action\" + \"action\")",
    ] {
        let text = format!("{CONFIG}fn loss(net, t, p) {{ {body} }}");
        let start = std::time::Instant::now();
        let error = survives(folder.path(), &text).expect_err(&body[..body.len().min(60)]);
        assert!(error.line > 0, "{error}");
        // The limit is five seconds of a run; this is for a machine that does something else beside.
        assert!(start.elapsed().as_secs() < 20, "{:?}: {body}", start.elapsed());
    }
}

#[test]
fn hostile_hooks_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let loss = "fn loss(net, t, p) { net.v * t.steps.reward[0] }";
    for text in [
        format!("fn config() {{ loop {{}} }} {loss}"),
        format!("fn config() {{ #{{ a: [[[[1 ** 2]]]], b: config }} }} {loss}"),
        format!("loop {{}} {CONFIG} {loss}"),
        format!("{CONFIG} {loss} fn params() {{ let m = #{{}}; loop {{ m[\"a\" + m.len()] = 1; }} }}"),
        format!("{CONFIG} {loss} fn reward(r) {{ loop {{ r = r * 2; }} }}"),
        format!("{CONFIG} {loss} fn metrics(net, t, p) {{ loop {{ metric(\"a\", 1); }} }}"),
        format!("{CONFIG} {loss} fn behave(net, p) {{ let x = net.q; loop {{ x = softmax(x); }} }}"),
        format!("{CONFIG} {loss} fn schedule(step) {{ schedule(step) }}"),
        format!("{CONFIG} {loss} fn on_eval(stats) {{ loop {{ stats.params }} }}"),
    ] {
        let error = survives(folder.path(), &text).expect_err(&text);
        assert!(error.line > 0, "{error}");
    }
}

/// 128 steps and 18 actions are what a run may have; loops over all of them stay within the limits.
#[test]
fn long_windows_fit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let body = "let log_pi = log_softmax(net.steps.q)[t.steps.action];
        let total = 0.0;
        for d in 0..t.n {
            let path = 0.0;
            for i in d..t.n { path += 0.9 ** (i - d) * (t.steps.reward[i] - log_pi[i]); }
            for a in 0..18 { path += net.steps.q[d][a] * t.steps.q[d][a]; }
            total += (path - net.steps.v[d] + 0.9 ** (t.n - d) * net.next.v) ** 2;
        }
        total";
    let path = write(folder.path(), "s.rhai", &format!("{CONFIG}fn loss(net, t, p) {{ {body} }}"));
    let script = Script::load(&path).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
    let layout = Layout { actions: 18, ..layout(32, 128) };
    let traced = script.trace(&layout, &BTreeMap::new()).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
    assert!(traced.graph.len() > 10_000);
}
