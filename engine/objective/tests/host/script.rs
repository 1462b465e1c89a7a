//! What a loaded script carries: choices and parameters.

use std::collections::BTreeMap;

use kelvin_objective::{Behaviour, ConfigValue, Diagnostic, Objective, ParamKind, Script, Traced};

use crate::support::{layout, load, loss, write};

#[test]
fn parameters_keep_the_order_of_their_declaration() {
    let text = "fn params() { #{
            zeta: param(1.0, 0.0, 2.0, \"z\"),
            steps: param(3, 1, 10, \"whole\"),
            alpha: param(0.5, 0, 1, \"a\"),
            double: param(true, \"flag\"),
            depth: param_int(2, 1, 4, \"whole\"),
        } }
        fn loss(net, t, p) { if p.double { p.alpha * net.v * p.steps } else { p.zeta * net.v } }";
    let script = load(text).expect("it loads");
    let kinds: Vec<(&str, ParamKind)> = script.params().iter().map(|p| (p.name.as_str(), p.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("zeta", ParamKind::Live { slot: 0 }),
            ("steps", ParamKind::StaticInt),
            ("alpha", ParamKind::Live { slot: 1 }),
            ("double", ParamKind::StaticBool),
            ("depth", ParamKind::StaticInt),
        ]
    );
    assert_eq!(script.params()[2].doc, "a");
    // alpha is uniform 1 and here 0.1.
    assert!((loss(text, 1) - 0.1 * 0.25 * 3.0).abs() < 1e-15);
}

#[test]
fn static_parameters_can_be_replaced_within_their_range() {
    let text = "fn params() { #{ k: param(3, 1, 10, \"whole\"), x: param(0.5, 0.0, 1.0, \"live\") } }
        fn loss(net, t, p) { net.v ** p.k }";
    let script = load(text).expect("it loads");
    let with =
        |name: &str, value: f64| script.trace(&layout(1, 1), &BTreeMap::from([(name.to_owned(), value)]));
    assert!(with("k", 7.0).is_ok());
    for (name, value, part) in [
        ("k", 11.0, "between 1 and 10"),
        ("k", 1.5, "whole"),
        ("k", f64::NAN, "whole"),
        ("kk", 1.0, "no parameter"),
    ] {
        let message = with(name, value).expect_err("out of range").to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn config_is_carried_as_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "fn config() { #{ n: 2, deep: #{ list: [1, 2.5, \"x\", true] }, e: epsilon_greedy(1, 0.1) } }
        fn loss(net, t, p) { net.v }";
    let script = Script::load(&write(folder.path(), "c.rhai", text)).expect("it loads");
    let map = |items: &[(&str, ConfigValue)]| {
        ConfigValue::Map(items.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    };
    let list = [1.into(), 2.5.into(), "x".into(), true.into()];
    let list: Vec<ConfigValue> = list.into_iter().map(|Wrapped(value)| value).collect();
    assert_eq!(script.config()["n"], ConfigValue::Int(2));
    assert_eq!(script.config()["deep"], map(&[("list", ConfigValue::List(list))]));
    let epsilon = [
        ("kind", ConfigValue::Str("epsilon_greedy".into())),
        ("start", ConfigValue::Float(1.0)),
        ("end", ConfigValue::Float(0.1)),
    ];
    assert_eq!(script.config()["e"], map(&epsilon));
    let placed = script.diagnostic("unknown key `n`", "remove it").to_string();
    assert!(placed.contains(":1:4"), "{placed}");
}

#[test]
fn what_leaves_the_host_may_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Script>();
    crosses::<Objective>();
    crosses::<Diagnostic>();
    crosses::<Traced>();
    crosses::<Behaviour>();
}

/// Shorthand for the list above.
struct Wrapped(ConfigValue);
impl From<i64> for Wrapped {
    fn from(value: i64) -> Self {
        Wrapped(ConfigValue::Int(value))
    }
}
impl From<f64> for Wrapped {
    fn from(value: f64) -> Self {
        Wrapped(ConfigValue::Float(value))
    }
}
impl From<&str> for Wrapped {
    fn from(value: &str) -> Self {
        Wrapped(ConfigValue::Str(value.into()))
    }
}
impl From<bool> for Wrapped {
    fn from(value: bool) -> Self {
        Wrapped(ConfigValue::Bool(value))
    }
}

#[test]
fn a_new_version_may_change_all_but_what_the_run_was_built_on() {
    let load_with = |config: &str, more: &str| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = format!("fn config() {{ #{{ {config} }} }}\nfn loss(net, t, p) {{ net.v }}\n{more}");
        Script::load(&write(folder.path(), "s.rhai", &text)).expect("it loads")
    };
    let plain = load_with("n: 1", "");
    let metrics = "fn metrics(net, t, p) { metric(\"v\", net.v); }";
    assert_eq!(load_with("n: 1", metrics).check_succession(&plain), Ok(()));
    let (behave, reward) = ("fn behave(net, p) { softmax(net.q) }", "fn reward(r) { r }");
    for (config, more, line, part) in [
        ("n: 2, m: 1", "", 1, "config() now changes `m`, `n`, which a run cannot change"),
        ("n: 1", behave, 3, "the script now has `behave`"),
        ("n: 1", reward, 3, "the script now has `reward`"),
    ] {
        let next = load_with(config, more);
        let error = next.check_succession(&plain).expect_err(part);
        assert!(error.message.contains(part), "{error}");
        assert_eq!(error.line, line, "{error}");
        // And back again.
        assert!(plain.check_succession(&next).is_err(), "{part}");
    }
    // Random actions go by what is written, so behave may come and go.
    let written = "exploration: epsilon_greedy(1.0, 0.01)";
    assert_eq!(load_with(written, behave).check_succession(&load_with(written, "")), Ok(()));
}

#[test]
fn what_was_recorded_and_never_used_is_told_apart() {
    let traced =
        load("fn loss(net, t, p) { let unused = exp(net.q); metric(\"m\", tanh(net.v)); net.v * 2 }")
            .and_then(|script| script.trace(&layout(1, 1), &BTreeMap::new()))
            .unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
    let used = traced.used();
    let is_used = |name: &str| {
        let id = traced.graph.ids().find(|&id| traced.graph.op(id).name() == name);
        id.map(|id| used[id.index()])
    };
    assert_eq!(["exp", "tanh", "mul"].map(is_used), [Some(false), Some(true), Some(true)]);
    assert_eq!(traced.graph.name(traced.loss, 1), format!("x{}", traced.loss.index()));
    let v = traced.graph.op(traced.loss).operands().next().expect("an operand");
    assert_eq!(traced.graph.name(v, 1), "net.v");
    assert_eq!(traced.graph.formula(traced.loss, 1), "net.v * 2");
    assert_eq!(traced.graph.formula(v, 1), "net.v");
}
