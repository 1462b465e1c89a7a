use super::*;

/// What `--set` is given.
type Sets<'a> = &'a [(&'a str, &'a str)];

fn script(config: &str) -> Script {
    script_with(config, "")
}

/// The same with more functions.
fn script_with(config: &str, more: &str) -> Script {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.rhai");
    let text = format!(
        "fn config() {{ {config} }}\n\
         fn params() {{ #{{ tau: param(0.1, 0.001, 10.0, \"temperature\"), batch: param(1.0, 0.0, 2.0, \"a namesake\") }} }}\n\
         fn loss(net, t, p) {{ p.tau * p.batch * (net.q[t.action] - t.reward) ** 2 }}\n{more}"
    );
    std::fs::write(&path, text).unwrap();
    Script::load(&path).unwrap()
}

fn env(atari: bool) -> EnvSpec {
    EnvSpec {
        id: "x".to_owned(),
        height: 84,
        width: 84,
        actions: vec!["NOOP".to_owned(), "FIRE".to_owned()],
        frames_per_step: 4,
        stack: 4,
        atari,
    }
}

fn resolve(config: &str, sets: Sets) -> Result<Config, Failure> {
    resolve_script(&script(config), sets, true)
}

fn resolve_script(script: &Script, sets: Sets, atari: bool) -> Result<Config, Failure> {
    let wanted = Wanted {
        env: "x".to_owned(),
        preset: Preset::Paper,
        full_action_set: false,
        seed: 3,
        device: "cpu".to_owned(),
        frames: None,
        reference: None,
        sets: sets.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    };
    Config::resolve(&wanted, script, &env(atari))
}

#[test]
fn atari_defaults_are_the_papers() {
    let config = resolve("#{}", &[]).unwrap();
    assert_eq!((config.batch, config.update_every, config.target_every), (32, 4, 40_000));
    assert_eq!((config.learning_rate, config.adam_epsilon, config.clip_norm), (1e-4, 1e-4, 10.0));
    assert_eq!(config.learning_starts, AgentSteps(50_000));
    assert_eq!((config.epsilon_mid, config.epsilon_mid_at, config.epsilon_end_at), (0.1, 0.02, 0.2));
}

#[test]
fn the_command_line_overrides_the_script_and_the_script_the_defaults() {
    let script =
        "#{ batch: 64, learning_rate: 1, exploration: epsilon_greedy(0.5, 0.2), heads: [\"v\", \"q\"] }";
    let config = resolve(
        script,
        &[("learning_rate", "3e-4"), ("tau", "2"), ("params.batch", "0.5"), ("clip", "global")],
    );
    let config = config.unwrap();
    assert_eq!((config.batch, config.learning_rate, config.clip), (64, 3e-4, ClipName::Global));
    assert_eq!((config.epsilon_start, config.epsilon_mid, config.epsilon_end), (0.5, 0.2, 0.2));
    assert_eq!((config.outputs(2), config.column(HeadName::Q, 2)), (3, Some(1)));
    assert_eq!(config.column(HeadName::Logits, 2), None);
    assert_eq!((config.params["tau"], config.params["batch"]), (2.0, 0.5));
    assert_eq!(config.pinned, BTreeSet::from(["batch", "learning_rate", "tau"].map(str::to_owned)));
}

#[test]
fn a_configuration_survives_its_file() {
    let config = resolve("#{ n: 3 }", &[("tau", "0.01"), ("hidden", "[8, 4]")]).unwrap();
    assert_eq!(Config::parse(&config.to_toml().unwrap()).unwrap(), config);
}

#[test]
fn mistakes_say_where_and_what_to_do() {
    let cases: [(&str, Sets, &str); 23] = [
        ("#{ btach: 3 }", &[], "did you mean `batch`?"),
        ("#{ batchsize: 3 }", &[], "did you mean `batch`?"),
        ("#{ lr: 3 }", &[], "did you mean `learning_rate`?"),
        ("#{ on_nan: \"ignore\" }", &[], "on_nan: stop, skip, continue"),
        ("#{ clip_rewards: 1 }", &[], "takes true or false"),
        ("#{ eval_episodes: 0 }", &[], "must lie in 1"),
        ("#{ eval_policy: \"best\" }", &[], "eval_policy: auto, stochastic"),
        ("#{}", &[("eval_epsilon", "1.5")], "must lie in 0 to 1"),
        ("#{ seed: 3 }", &[], "use --seed"),
        ("#{ batch: \"many\" }", &[], "takes a whole number"),
        ("#{ learner: \"rolout\" }", &[], "learner: replay, rollout"),
        ("#{ heads: [\"v\"] }", &[], "how to act"),
        ("#{ heads: [\"q\", \"q\"] }", &[], "twice"),
        ("#{ exploration: 3 }", &[], "epsilon_greedy(1.0, 0.01)"),
        ("#{}", &[("leraning_rate", "1")], "did you mean `learning_rate`?"),
        ("#{}", &[("tua", "1")], "did you mean `tau`?"),
        ("#{}", &[("tau", "100")], "between 0.001 and 10"),
        ("#{}", &[("tau", "warm")], "no number"),
        ("#{}", &[("batch", "-1")], "whole number"),
        ("#{}", &[("envs", "1152921504606846976")], "1 to 65536"),
        ("#{}", &[("hidden", "[65536]")], "layers, 1 to 8192 wide"),
        ("#{}", &[("n", "1000")], "1 to 128"),
        ("#{}", &[("replay_capacity", "10")], "at least"),
    ];
    for (script, sets, expected) in cases {
        let failure = resolve(script, sets).expect_err(expected).to_string();
        assert!(failure.contains(expected), "{script} {sets:?}: {failure}");
    }
}

#[test]
fn what_a_script_has_decides_defaults() {
    let plain = resolve("#{}", &[]).unwrap();
    assert!(plain.clip_rewards && plain.on_nan == OnNan::Stop);
    assert_eq!((plain.eval_every, plain.eval_episodes, plain.epsilon_end), (0, 10, 0.01));

    let hooks = "fn reward(r) { r / 10.0 }\nfn behave(net, p) { softmax(net.q) }\nfn on_eval(stats) { #{} }";
    let config = resolve_script(&script_with("#{}", hooks), &[], true).unwrap();
    assert!(!config.clip_rewards);
    assert_eq!((config.eval_every, config.epsilon_start, config.epsilon_end), (250_000, 0.0, 0.0));
    let built_in = resolve_script(&script_with("#{}", hooks), &[], false).unwrap();
    assert!(built_in.eval_every * 5 <= built_in.frames.0);
    let explicit = script_with("#{ exploration: epsilon_greedy(0.5, 0.1), clip_rewards: true }", hooks);
    let config = resolve_script(&explicit, &[], true).unwrap();
    assert_eq!((config.epsilon_start, config.epsilon_end, config.clip_rewards), (0.5, 0.1, true));

    let sampled = resolve("#{ heads: [\"logits\", \"q\"], learner: \"rollout\" }", &[]).unwrap();
    assert_eq!((sampled.epsilon_end, sampled.learner), (0.01, LearnerName::Rollout), "it follows its values");
    let behaves = script_with("#{ heads: [\"v\", \"q\"] }", "fn behave(net, p) { softmax(net.q) }");
    assert!(resolve_script(&behaves, &[("heads", "[\"v\"]")], true).is_ok(), "only what runs is asked for");
}

#[test]
fn what_was_set_by_hand_is_noted() {
    let config =
        resolve("#{ learning_rate: 1 }", &[("learning_rate", "3e-4"), ("epsilon_end", "0.2")]).unwrap();
    assert_eq!(config.pinned, BTreeSet::from(["epsilon", "learning_rate"].map(str::to_owned)));
}

#[test]
fn a_file_from_before_some_settings_is_read() {
    let config = resolve("#{}", &[]).unwrap();
    let text = config.to_toml().unwrap();
    let older = text.lines().filter(|line| {
        !["clip_rewards", "on_nan", "eval_", "overlap", "init", "optimizer", "learning_rate_decay", "rmsprop"]
            .iter()
            .any(|key| line.starts_with(key))
    });
    assert_eq!(Config::parse(&older.collect::<Vec<_>>().join("\n")).unwrap(), config);
}

#[test]
fn the_command_line_may_ask_for_the_other_learner() {
    for name in ["rollout", "\"rollout\""] {
        let config = resolve("#{ learner: \"replay\" }", &[("learner", name)]).unwrap();
        assert_eq!(
            (config.learner, config.envs, config.target_every),
            (LearnerName::Rollout, 16, 0),
            "{name}"
        );
    }
    // A slip is told of where it was made, and not in the script.
    let failure = resolve("#{ learner: \"replay\" }", &[("learner", "rolout")]).unwrap_err().to_string();
    assert!(failure.contains("rolout") && !failure.contains("s.rhai"), "{failure}");
}

#[test]
fn zero_where_something_must_be_positive_is_refused() {
    for key in
        ["envs", "n", "batch", "update_every", "target_every", "log_every", "learning_rate", "clip_norm"]
    {
        let failure = resolve("#{}", &[(key, "0")]).expect_err(key).to_string();
        assert!(failure.contains(key), "{failure}");
    }
    for (key, value) in [("epsilon_start", "1.5"), ("adam_beta2", "0.99999999"), ("learning_rate", "nan")] {
        assert!(resolve("#{}", &[(key, value)]).is_err(), "{key}={value}");
    }
}
