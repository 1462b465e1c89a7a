use super::*;

/// What `--set` is given.
type Sets<'a> = &'a [(&'a str, &'a str)];

fn script(config: &str) -> Script {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.rhai");
    let text = format!(
        "fn config() {{ {config} }}\n\
         fn params() {{ #{{ tau: param(0.1, 0.001, 10.0, \"temperature\"), batch: param(1.0, 0.0, 2.0, \"a namesake\") }} }}\n\
         fn loss(net, t, p) {{ p.tau * p.batch * (net.q[t.action] - t.reward) ** 2 }}\n"
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
    let wanted = Wanted {
        env: "x".to_owned(),
        preset: Preset::Paper,
        full_action_set: false,
        seed: 3,
        device: "cpu".to_owned(),
        frames: None,
        sets: sets.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    };
    Config::resolve(&wanted, &script(config), &env(true))
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
    assert_eq!((config.outputs(2), config.q_column(2)), (3, 1));
    assert_eq!((config.params["tau"], config.params["batch"]), (2.0, 0.5));
    assert_eq!(config.pinned, BTreeSet::from(["batch".to_owned(), "tau".to_owned()]));
}

#[test]
fn a_configuration_survives_its_file() {
    let config = resolve("#{ n: 3 }", &[("tau", "0.01"), ("hidden", "[8, 4]")]).unwrap();
    assert_eq!(Config::parse(&config.to_toml().unwrap()).unwrap(), config);
}

#[test]
fn mistakes_say_where_and_what_to_do() {
    let cases: [(&str, Sets, &str); 16] = [
        ("#{ btach: 3 }", &[], "did you mean `batch`?"),
        ("#{ seed: 3 }", &[], "use --seed"),
        ("#{ batch: \"many\" }", &[], "takes a whole number"),
        ("#{ learner: \"rollout\" }", &[], "rollout"),
        ("#{ heads: [\"v\"] }", &[], "has no \"q\""),
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
