//! `kelvin compare`: the paper's equivalence on a real network, on the processor and through WGSL, and what is none.

use kelvin_tests::command::{Said, kelvin, run, succeed};
use kelvin_tests::suite::{Suite, adapter};
use serde_json::Value;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut suite = Suite::new();
    suite.test("soft Q-learning is a policy gradient", || equivalent("cpu", "5"));
    suite.test_with(&adapter(), "soft Q-learning is a policy gradient, in WGSL", |name| {
        equivalent(&name, "2")
    });
    suite.test("the naive entropy bonus is not the proper one", naive_differs);
    suite.test("a factor is a factor", factor);
    suite.test("samples of equal expectations come together", samples);
    suite.test("scripts without a common network are refused", refused);
    suite.test("gradients into the last state and importance weights count", last_state_and_weights);
    suite.test("what is no number is not the same", not_a_number);
    suite.test("a reference that both read tells them apart", reads_the_target);
    suite.run()
}

fn compare(a: &str, b: &str, more: &[&str]) -> Value {
    let path = |name: &str| format!("scripts/{name}.rhai");
    let said = succeed(kelvin().arg("compare").args([path(a), path(b)]).arg("--json").args(more));
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{said}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The bound is the issue's; sums of some hundred products in single precision leave a tenth of it.
fn equivalent(device: &str, steps: &str) {
    let n = format!("n={steps}");
    for tau in ["tau=0.01", "tau=1"] {
        let more = ["--enumerate-actions", "--windows", "3", "--device", device, "--set", tau, "--set", &n];
        let found = compare("ql_online", "a2c_proper", &more);
        let agreement = &found["agreement"];
        assert_eq!(agreement["verdict"]["is"], "same", "{found}");
        assert!(number(&agreement["total"]["norm_a"]) > 1e-3, "there is a gradient: {found}");
        assert!((0.0..=1e-5).contains(&number(&agreement["total"]["difference"])), "{found}");
        for part in agreement["parts"].as_array().expect("parts") {
            assert!((0.0..=1e-4).contains(&number(&part["difference"])), "{part}");
        }
    }
}

fn naive_differs() {
    let found = compare(
        "a2c_proper",
        "a2c_naive",
        &["--enumerate-actions", "--windows", "3", "--device", "cpu", "--set", "tau=0.1"],
    );
    assert_eq!(found["agreement"]["verdict"]["is"], "different", "{found}");
    assert!(number(&found["agreement"]["total"]["difference"]) > 1e-3, "{found}");
}

/// The value loss has weight c: another c is another length of the value head's gradient, and of no other's.
fn factor() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = std::fs::read_to_string(kelvin_tests::command::repository().join("scripts/a2c_proper.rhai"));
    let doubled =
        text.expect("a shipped script").replace("    policy_loss + p.c", "    2 * policy_loss + 2 * p.c");
    let path = folder.path().join("doubled.rhai");
    std::fs::write(&path, doubled).expect("a writable folder");
    let mut command = kelvin();
    command.args(["compare", "scripts/a2c_proper.rhai"]).arg(&path);
    command.args(["--enumerate-actions", "--windows", "2", "--device", "cpu", "--json", "--env", "catch"]);
    let found: Value = serde_json::from_str(&succeed(&mut command).stdout).expect("JSON");
    assert_eq!(found["agreement"]["verdict"]["is"], "scaled", "{found}");
    assert!((number(&found["agreement"]["verdict"]["factor"]) - 0.5).abs() <= 1e-6, "{found}");
}

fn samples() {
    let found = compare("ql_online", "a2c_proper", &["--env", "catch", "--device", "cpu", "--batches", "64"]);
    let sizes = found["sizes"].as_array().expect("sizes");
    let off = |size: &Value| 1.0 - number(&size["cosine"]["low"]);
    let (first, last) = (&sizes[0], &sizes[sizes.len() - 1]);
    assert_eq!((&first["windows"], &last["windows"]), (&Value::from(16), &Value::from(256)));
    // Noise of independent samples: a 16th of the squared angle, give or take.
    assert!(off(last) < 0.5 * off(first), "{found}");
    assert!((0.98..=1.02).contains(&number(&last["norm_ratio"]["middle"])), "{found}");
}

fn refused() {
    let said: Said =
        run(kelvin().args(["compare", "scripts/a2c_proper.rhai", "scripts/dqn.rhai", "--device", "cpu"]));
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.stderr.contains("no network has both") && said.stderr.contains("hint:"), "{said}");
}

/// A variant of a shipped script: each text is replaced by another.
fn variant(folder: &std::path::Path, name: &str, of: &str, changes: &[(&str, &str)]) -> String {
    let path = kelvin_tests::command::repository().join(format!("scripts/{of}.rhai"));
    let mut text = std::fs::read_to_string(path).expect("a shipped script");
    for (from, to) in changes {
        assert!(text.contains(from), "{of} has no {from}");
        text = text.replace(from, to);
    }
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a writable folder");
    path.to_string_lossy().into_owned()
}

fn verdict(a: &str, b: &str, more: &[&str]) -> String {
    let common = ["--env", "catch", "--device", "cpu", "--json"];
    let said = succeed(kelvin().args(["compare", a, b]).args(common).args(more));
    let found: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{said}"));
    found["agreement"]["verdict"]["is"].as_str().unwrap_or_else(|| panic!("{found}")).to_owned()
}

fn last_state_and_weights() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let proper = "scripts/a2c_proper.rhai";
    let weighted = [(
        "- log_pi * advantage",
        "- exp(stop_gradient(log_pi) - t.steps.behaviour_logp) * log_pi * advantage",
    )];
    let weighted = variant(folder.path(), "weighted.rhai", "a2c_proper", &weighted);
    // On policy the weights are one.
    assert_eq!(verdict(proper, &weighted, &["--enumerate-actions"]), "same");
    let into_last = [("    policy_loss + p.c", "    0.1 * net.next.v ** 2 + policy_loss + p.c")];
    let into_last = variant(folder.path(), "last.rhai", "a2c_proper", &into_last);
    assert_eq!(verdict(proper, &into_last, &["--enumerate-actions"]), "different");
}

fn not_a_number() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let broken = [("    policy_loss + p.c", "    sqrt(-1.0 - abs(net.steps.v)) + policy_loss + p.c")];
    let broken = variant(folder.path(), "broken.rhai", "a2c_proper", &broken);
    assert_eq!(verdict(&broken, &broken, &["--enumerate-actions"]), "different");
}

fn reads_the_target() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let none = variant(
        folder.path(),
        "none.rhai",
        "a2c_prior",
        &[("kl(softmax(net.steps.logits), softmax(t.steps.logits))", "0.0 * net.steps.v")],
    );
    let more = ["--enumerate-actions", "--set", "tau=10"];
    assert_eq!(verdict("scripts/a2c_prior.rhai", &none, &more), "different");
}
