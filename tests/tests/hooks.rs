//! What a script may have beside target and loss: how to act, what a reward is, what changes with time and success.

use kelvin_tests::command::{kelvin, run, succeed};
use kelvin_tests::records::{self, count};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A script like `dqn.rhai`, with further functions.
fn script(config: &str, more: &str) -> String {
    format!(
        r#"fn config() {{ #{{ heads: ["q"], {config} }} }}
fn params() {{ #{{
    gamma: param(0.99, 0.0, 1.0, "discount"),
    tau: param(0.1, 0.001, 10.0, "temperature"),
}} }}
fn target(t, p) {{ t.reward + p.gamma * (1 - t.terminated) * max(t.next.q) }}
fn loss(net, y, t, p) {{
    metric("logp", t.behaviour_logp);
    metric("reward_abs", abs(t.reward));
    huber(net.q[t.action] - y, 1.0)
}}
{more}
"#
    )
}

fn place(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mine.rhai");
    fs::write(&path, text).expect("a writable folder");
    (folder, path)
}

/// Trains on catch; the run's folder lies beside the script.
fn train(script: &Path, name: &str, frames: &str, sets: &[&str]) -> PathBuf {
    let out = script.with_file_name(name);
    let mut command = kelvin();
    command.arg("train").arg(script).arg("--out").arg(&out);
    command.args(["--env", "catch", "--device", "cpu", "--frames", frames]);
    for set in sets {
        command.args(["--set", set]);
    }
    succeed(&mut command);
    out
}

fn evaluations(run: &Path) -> Vec<Value> {
    records::metrics(run).into_iter().filter(|record| record["kind"] == "eval").collect()
}

fn metric(record: &Value, name: &str) -> f64 {
    record["metrics"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {record}"))
}

#[test]
fn a_policy_is_sampled_and_remembered_with_its_probability() {
    let (_folder, path) = place(&script("", "fn behave(net, p) { softmax(net.q / p.tau) }"));
    let run = train(&path, "soft", "40k", &[]);
    let records = records::training(&run);
    let first = records.iter().find(|record| count(record, "updates") > 100).expect("updates");
    // With fresh weights close to uniform over three actions, in the end close to certain; and no ε on top.
    assert!((-1.3..-0.7).contains(&metric(first, "logp")), "{first}");
    let last = records.last().expect("records");
    assert!(metric(last, "logp") > metric(first, "logp") && metric(last, "logp") < 0.0, "{last}");
    assert_eq!(last["epsilon"], 0.0);
    assert!(records::mean_return(&run) > 0.8, "{last}");
    let json = succeed(kelvin().args(["eval", "--json"]).arg(&run)).stdout;
    let evaluation: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(evaluation["epsilon"], 0.0, "it acts as it trained");
    assert!(evaluation["mean"].as_f64().is_some_and(|mean| mean > 0.8), "{json}");

    // Ever so hot, it acts at random, live and in evaluation.
    let run = train(&path, "hot", "5k", &["tau=10"]);
    assert!(metric(records::training(&run).last().expect("records"), "logp") < -1.0);
    let json = succeed(kelvin().args(["eval", "--json"]).arg(&run)).stdout;
    let evaluation: Value = serde_json::from_str(&json).expect("JSON");
    assert!(evaluation["mean"].as_f64().is_some_and(|mean| mean < 0.5), "{json}");
}

#[test]
fn a_policy_that_is_none_stops_the_run_with_its_place() {
    let (_folder, path) = place(&script("", "fn behave(net, p) { net.q - 5.0 }"));
    let mut command = kelvin();
    command.arg("train").arg(&path).args(["--env", "catch", "--device", "cpu", "--frames", "5k", "--out"]);
    let said = run(command.arg(path.with_file_name("run")));
    assert_eq!(said.code, Some(1), "{said}");
    assert!(
        said.stderr.contains("no action can be chosen") && said.stderr.contains("mine.rhai:12:4"),
        "{said}"
    );
    assert!(said.stderr.contains("go on with: kelvin train --resume"), "{said}");
    assert_eq!(records::events_of(&path.with_file_name("run"), "checkpoint").len(), 1);
}

#[test]
fn logits_are_sampled_where_there_are_no_values() {
    let text = r#"fn config() { #{ heads: ["logits", "v"] } }
fn loss(net, t, p) {
    let advantage = t.reward - net.v;
    -log_softmax(net.logits)[t.action] * stop_gradient(advantage) + advantage ** 2
}
"#;
    let (_folder, path) = place(text);
    let run = train(&path, "run", "5k", &[]);
    let last = records::training(&run).pop().expect("records");
    assert_eq!(last["epsilon"], 0.0, "a sampled policy explores by itself");
}

#[test]
fn rewards_are_shaped_where_they_are_read() {
    let exploration = "exploration: epsilon_greedy(1.0, 0.01)";
    let (_folder, path) = place(&script(exploration, "fn reward(r) { 100.0 * r }"));
    let shaped = train(&path, "shaped", "3k", &[]);
    let (_folder, path) = place(&script(exploration, ""));
    let plain = train(&path, "plain", "3k", &[]);
    let reward = |run: &Path| metric(records::training(run).last().expect("records"), "reward_abs");
    // The samples of the same seed differ only by what was learned; catch rewards with one step in nine.
    assert!(reward(&shaped) > 20.0 * reward(&plain), "{} {}", reward(&shaped), reward(&plain));
    let config = fs::read_to_string(shaped.join("config.toml")).expect("a configuration");
    assert!(config.contains("clip_rewards = false"), "{config}");
    // Returns are those of the game.
    assert!(records::mean_return(&shaped) >= -1.0);
}

#[cfg(unix)]
#[test]
fn what_a_reward_is_can_be_edited_live_but_not_whether_it_is_shaped() {
    use kelvin_tests::running::Running;
    let exploration = "exploration: epsilon_greedy(1.0, 0.01)";
    let (_folder, path) = place(&script(exploration, "fn reward(r) { 10.0 * r }"));
    let out = path.with_file_name("run");
    let mut command = kelvin();
    command.arg("train").arg(&path).args(["--env", "catch", "--device", "cpu", "--frames", "100M", "--out"]);
    let mut running = Running::start(command.arg(&out), &out);
    running.wait_for_updates(10);
    fs::write(&path, script(exploration, "fn reward(r) { 5.0 * r }")).expect("a writable folder");
    running.wait_for_event("reload", 1);
    fs::write(&path, script(exploration, "")).expect("a writable folder");
    let refused = running.wait_for_event("reload_refused", 1);
    let diagnostic = refused["diagnostic"].as_str().expect("a diagnostic");
    assert!(diagnostic.contains("no longer has `reward`") && diagnostic.contains("hint:"), "{diagnostic}");
}

#[test]
fn random_actions_stay_what_they_are_when_behave_is_edited() {
    use kelvin_tests::running::Running;
    let behave = "fn behave(net, p) { softmax(net.q) }";
    let (_folder, path) = place(&script("", behave));
    let out = path.with_file_name("run");
    let mut command = kelvin();
    command.arg("train").arg(&path).args(["--env", "catch", "--device", "cpu", "--frames", "100M", "--out"]);
    let mut running = Running::start(command.arg(&out), &out);
    running.wait_for_updates(10);
    fs::write(&path, script("", &behave.replace("net.q", "2.0 * net.q"))).expect("a writable folder");
    running.wait_for_event("reload", 1);
    // A script without it would never explore: this one was started without random actions.
    fs::write(&path, script("", "")).expect("a writable folder");
    let refused = running.wait_for_event("reload_refused", 1);
    let diagnostic = refused["diagnostic"].as_str().expect("a diagnostic");
    assert!(diagnostic.contains("no longer has `behave`") && diagnostic.contains("hint:"), "{diagnostic}");
}

#[test]
fn a_schedule_follows_the_clock_and_what_is_set_by_hand_stays() {
    let schedule = r#"fn schedule(step) {
    #{ tau: 1.0 - 0.9 * step.progress, gamma: 0.5, learning_rate: 0.001 * (1.0 - step.progress) + 1e-9, epsilon: 0.25 }
}"#;
    let (_folder, path) = place(&script("exploration: epsilon_greedy(1.0, 0.01)", schedule));
    let run = train(&path, "run", "20k", &["gamma=0.9"]);
    let records = records::training(&run);
    let tau: Vec<f64> = records.iter().map(|record| record["params"]["tau"].as_f64().expect("tau")).collect();
    assert!(tau.windows(2).all(|pair| pair[0] >= pair[1]), "{tau:?}");
    assert!(tau[0] > 0.95 && tau.last().is_some_and(|last| *last < 0.15), "{tau:?}");
    assert!(records.iter().all(|record| record["params"]["gamma"] == 0.9 && record["epsilon"] == 0.25));

    // One that cannot be followed is found before anything is made.
    let (_folder, path) = place(&script("", "fn schedule(step) { #{ tua: 1.0 } }"));
    let out = path.with_file_name("run");
    let said = kelvin_tests::command::run(
        kelvin().arg("train").arg(&path).args(["--env", "catch", "--device", "cpu", "--out"]).arg(&out),
    );
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("tua") && said.stderr.contains("mine.rhai:12") && !out.exists(), "{said}");
    // One that fails later changes nothing, and is told once.
    let later = "fn schedule(step) { if step.progress > 0.5 { #{ tau: 99.0 } } else { #{ tau: 0.5 } } }";
    let (_folder, path) = place(&script("exploration: epsilon_greedy(1.0, 0.01)", later));
    let run = train(&path, "run", "20k", &[]);
    assert_eq!(records::events_of(&run, "hook_failed").len(), 1);
    assert_eq!(records::training(&run).last().expect("records")["params"]["tau"], 0.5);
}

#[test]
fn evaluations_are_recorded_steer_the_run_and_leave_it_alone() {
    let on_eval = r#"fn on_eval(stats) {
    if stats.best_return > stats.mean_return { return #{}; }
    #{ tau: stats.params.tau / 2.0 }
}"#;
    let exploration = "exploration: epsilon_greedy(1.0, 0.01)";
    let (_folder, path) = place(&script(exploration, on_eval));
    let every = ["eval_every=8000", "eval_episodes=5"];
    let run = train(&path, "run", "40k", &every);
    let evaluations = evaluations(&run);
    let steps: Vec<u64> = evaluations.iter().map(|record| count(record, "agent_steps")).collect();
    assert_eq!(steps, [8000, 16_000, 24_000, 32_000, 40_000]);
    for record in &evaluations {
        let returns: Vec<f64> =
            record["returns"].as_array().expect("returns").iter().filter_map(Value::as_f64).collect();
        let mean = returns.iter().sum::<f64>() / 5.0;
        assert_eq!((returns.len(), count(record, "episodes")), (5, 5));
        assert!((record["mean_return"].as_f64().expect("a mean") - mean).abs() < 1e-12, "{record}");
    }
    let halved = records::events_of(&run, "params");
    assert!(!halved.is_empty() && halved.iter().all(|event| event["source"] == "on_eval"), "{halved:?}");
    // The last record was made before the last evaluation.
    let before = halved.iter().filter(|event| count(event, "agent_steps") < 40_000).count();
    let tau = 0.1 / f64::from(1u32 << before);
    let last = records::training(&run).pop().expect("records");
    assert!((last["params"]["tau"].as_f64().expect("tau") - tau).abs() < 1e-12, "{last}");

    // The same once more; and without evaluations training is the same.
    let again = train(&path, "again", "40k", &every);
    let metrics = |run: &Path| fs::read(run.join("metrics.jsonl")).expect("metrics");
    assert!(metrics(&again) == metrics(&run), "evaluations are not deterministic");
    let (_folder, path) = place(&script(exploration, ""));
    let [alone, watched] = [("alone", &["eval_every=0"][..]), ("watched", &every)]
        .map(|(name, sets)| train(&path, name, "40k", sets));
    assert!(records::weights(&alone) == records::weights(&watched), "an evaluation disturbed the training");
    assert_eq!(records::training(&alone), records::training(&watched));
}
