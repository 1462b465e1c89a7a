//! `schedule` and `on_eval`: plain numbers that steer a run.

use std::collections::BTreeMap;

use kelvin_objective::{Clock, EvalStats, Script};

use crate::support::{load, sound};

const SCRIPT: &str = "
    fn params() { #{
        tau: param(0.1, 0.001, 10.0, \"temperature\"),
        steps: param(3, 1, 10, \"whole\"),
        double: param(true, \"flag\"),
    } }
    fn loss(net, t, p) { net.v }
";

fn script(hooks: &str) -> Script {
    sound(load(&format!("{SCRIPT}{hooks}")))
}

fn clock(progress: f64) -> Clock {
    Clock { frames: 4_000_000, agent_steps: 1_000_000, updates: 250_000, progress }
}

fn stats(mean_return: f64) -> EvalStats {
    EvalStats {
        episodes: 10,
        mean_return,
        std_return: 2.0,
        best_return: 30.0,
        clock: clock(0.5),
        params: BTreeMap::from([("tau".to_owned(), 0.5), ("steps".to_owned(), 4.0)]),
    }
}

fn map(values: &[(&str, f64)]) -> BTreeMap<String, f64> {
    values.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
}

#[test]
fn a_schedule_sets_parameters_and_settings() {
    let script = script(
        "fn schedule(step) {
            let left = 1 - step.progress;
            #{ tau: 0.01 + left, learning_rate: 1e-4 * left, epsilon: if step.frames < 1000000 { 1 } else { 0.1 } }
        }",
    );
    let at = |clock| sound(script.schedule(&clock));
    assert_eq!(at(clock(0.75)), map(&[("tau", 0.26), ("learning_rate", 0.25e-4), ("epsilon", 0.1)]));
    assert_eq!(at(Clock::default())["epsilon"], 1.0);
    // An evaluation has nothing to add.
    assert_eq!(sound(script.on_eval(&stats(1.0))), map(&[]));
}

#[test]
fn counts_are_whole_numbers() {
    let script = script(
        "fn schedule(step) {
            let tau = 1.0;
            for i in 0..(step.updates - step.updates % 125000) / 125000 { tau *= 0.5; }
            #{ tau: tau }
        }",
    );
    assert_eq!(sound(script.schedule(&clock(0.5))), map(&[("tau", 0.25)]));
    // A division that works out now and then is found at once.
    let text = format!("{SCRIPT}fn schedule(step) {{ #{{ tau: 0.1 + step.updates / 1000 }} }}");
    let error = load(&text).expect_err("it would end a run");
    assert!(error.message.contains("drop the fraction"), "{error}");
}

#[test]
fn an_evaluation_may_change_parameters() {
    let script = script(
        "fn on_eval(stats) {
            if stats.mean_return < stats.best_return - stats.std_return && stats.episodes == 10 {
                return #{ tau: 0.5 * stats.params.tau * stats.params.steps };
            }
            if !stats.params.double { #{ tau: 0.2 } }
        }",
    );
    assert_eq!(sound(script.on_eval(&stats(27.0))), map(&[("tau", 1.0)]));
    // Nothing is set where nothing is returned; a parameter that is not handed over has its default.
    assert_eq!(sound(script.on_eval(&stats(29.0))), map(&[]));
    assert_eq!(sound(script.schedule(&clock(0.0))), map(&[]));
}

#[test]
fn what_only_some_numbers_break_is_found_when_they_come() {
    // Both pass the trial with made-up numbers.
    let script = script(
        "fn schedule(step) { #{ tau: 0.1 + 1.0 / (0.75 - step.progress) } }
        fn on_eval(stats) { #{ tau: stats.mean_return } }",
    );
    let error = script.schedule(&clock(0.75)).expect_err("1 / 0");
    assert!(error.message.contains("not finite"), "{error}");
    assert_eq!(sound(script.on_eval(&stats(0.5))), map(&[("tau", 0.5)]));
    for wrong in [-3.0, f64::NAN] {
        let error = script.on_eval(&stats(wrong)).expect_err("out of range");
        assert!(error.message.contains("`tau` lies between 0.001 and 10"), "{error}");
        assert!(error.to_string().contains("#{ tau: stats.mean_return }"), "{error}");
    }
}

#[test]
fn what_can_never_work_is_found_at_once() {
    for (hook, part) in [
        ("fn schedule(step) { #{ taau: 0.1 } }", "did you mean tau?"),
        ("fn schedule(step) { #{ steps: 4 } }", "`steps` is static"),
        ("fn schedule(step) { #{ tau: true } }", "`tau` of schedule is true, not a number"),
        ("fn schedule(step) { #{ epsilon: 1.5 } }", "`epsilon` lies between 0 and 1"),
        ("fn schedule(step) { 0.1 }", "not a map"),
        ("fn schedule(step) { #{ tau: step.frame } }", "did you mean step.frames?"),
        ("fn schedule(step) { step.frames = 0; #{} }", "cannot be assigned to"),
        ("fn schedule(step) { #{ tau: p.tau } }", "no variable `p`"),
        ("fn schedule(step) { #{ tau: lg(step.progress) } }", "no function `lg`"),
        ("fn schedule(step) { loop {} }", "did not end"),
        ("fn on_eval(stats) { if stats.progress > 0.9 { #{ gamma: 0.9 } } }", "nothing called `gamma`"),
        ("fn on_eval(stats) { #{ tau: stats.params.tua } }", "did you mean stats.params.tau?"),
    ] {
        let Err(error) = load(&format!("{SCRIPT}{hook}")) else { panic!("{hook} is accepted") };
        assert!(error.to_string().contains(part), "{hook}: {error}");
    }
}

#[test]
fn plain_functions_work_on_plain_numbers() {
    let script = script(
        "fn schedule(step) {
            let list = [0.5, 2, 1.5];
            #{ tau: clip(max(list) * exp(-3 * step.progress), 0.01, 1) + mean(list) - select(true, 1, 2) * 1.0 }
        }",
    );
    let expected = (2.0 * (-1.5f64).exp()).clamp(0.01, 1.0) + 4.0 / 3.0 - 1.0;
    let found = sound(script.schedule(&clock(0.5)))["tau"];
    assert!((found - expected).abs() < 1e-12, "{found}");
}
