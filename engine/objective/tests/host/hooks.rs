//! The optional functions on symbols: `metrics`, `reward`, `behave`.

use std::collections::BTreeMap;

use kelvin_objective::{Behaviour, Hooks, Reads};

use crate::support::{Window, assert_near, assert_refused, compile, layout, load, run, sound};

const LOSS: &str = "fn loss(net, t, p) { net.v }\n";

#[test]
fn a_script_says_which_hooks_it_has() {
    assert_eq!(sound(load(LOSS)).hooks(), Hooks::default());
    let all = format!(
        "{LOSS} fn metrics(net, t, p) {{}} fn behave(net, p) {{ softmax(net.q) }} fn reward(r) {{ r }}
        fn schedule(step) {{ #{{}} }} fn on_eval(stats) {{ #{{}} }}"
    );
    let hooks = Hooks { behave: true, reward: true, metrics: true, schedule: true, on_eval: true };
    assert_eq!(sound(load(&all)).hooks(), hooks);
}

#[test]
fn metrics_are_reported_beside_those_of_the_loss() {
    let text = "fn target(t, p) { metric(\"v_next\", t.next.v); t.next.v }
        fn loss(net, y, t, p) { metric(\"error\", net.v - y); (net.v - y) ** 2 }
        fn metrics(net, y, t, p) { metric(\"y\", y); metric(\"q_max\", max(net.q)); }";
    let w = Window::varied(1);
    let out = run(text, std::slice::from_ref(&w));
    let y = w.target[1][3];
    for (name, expected) in [("v_next", y), ("error", w.online[0][3] - y), ("y", y)] {
        assert_near(out.metrics[name][0], expected, name);
    }
    assert_eq!(out.metrics.len(), 4);
    // Without y also where there is a target, and reading what nothing else reads.
    let text = "fn target(t, p) { t.next.v }
        fn loss(net, y, t, p) { net.v - y }
        fn metrics(net, t, p) { metric(\"later\", net.next.v); }";
    let objective = compile(text, &layout(1, 2));
    let reads = Reads { trained: vec![0], online: vec![2], target: vec![2] };
    assert_eq!(objective.reads(), &reads);
}

#[test]
fn rewards_are_shaped_wherever_they_are_read() {
    let text = "fn reward(r) { sign(r) * sqrt(abs(r)) }
        fn loss(net, t, p) { discounted_return(t.steps.reward, 0.5) + t.steps.reward[1] + net.v - stop_gradient(net.v) }";
    let w = Window { reward: vec![4.0, -9.0], ..Window::same(2) };
    assert_near(run(text, &[w]).loss[0], 2.0 - 1.5 - 3.0, "shaped rewards");
    // With parameters, on the reward of a single step, and as a number that no reward is in.
    let text = "fn params() { #{ scale: param(0.1, 0.0, 1.0, \"one tenth\") } }
        fn reward(r, p) { clip(p.scale * r, -1, 1) }
        fn loss(net, t, p) { t.reward + net.v - stop_gradient(net.v) }";
    assert_near(run(text, &[Window { reward: vec![5.0], ..Window::same(1) }]).loss[0], 0.5, "scaled");
    let text = "fn reward(r) { 1 } fn loss(net, t, p) { t.reward + net.v - stop_gradient(net.v) }";
    assert_near(run(text, &[Window::same(1)]).loss[0], 1.0, "a plain reward");
    // Steps that were not taken earn nothing.
    let text = "fn reward(r) { r - 1 }
        fn loss(net, t, p) { sum(t.steps.reward) + net.v - stop_gradient(net.v) }";
    let w = Window {
        reward: vec![4.0, 0.0, 0.0],
        terminated: vec![1.0, 1.0, 1.0],
        valid: vec![1.0, 0.0, 0.0],
        ..Window::same(3)
    };
    assert_near(run(text, &[w]).loss[0], 3.0, "an early end");
    // What nobody reads costs nothing.
    let text = format!("{LOSS} fn reward(r) {{ tanh(r) }}");
    assert!(!compile(&text, &layout(1, 3)).graph_text().contains("tanh"));
}

fn behaviour(text: &str) -> Behaviour {
    let script = sound(load(&format!("{LOSS}{text}")));
    sound(script.behaviour(&layout(8, 3), &BTreeMap::new())).expect("it has one")
}

/// The policy on one row of outputs, `[q0, q1, q2, v]`.
fn act(behaviour: &Behaviour, outputs: [f32; 4]) -> Result<[f32; 3], String> {
    let (mut scratch, mut out) = (Vec::new(), [f32::NAN; 3]);
    behaviour.probabilities(&[0.1; 64], &outputs, &mut scratch, &mut out).map(|()| out)
}

#[test]
fn behave_gives_probabilities() {
    let params = "fn params() { #{ tau: param(0.1, 0.0, 1.0, \"temperature\") } }";
    let policy = behaviour(&format!("{params} fn behave(net, p) {{ softmax(net.q / p.tau) }}"));
    let found = act(&policy, [0.1, 0.0, 0.2, 9.0]).expect("probabilities");
    let weights = [1f32, 0.0, 2.0].map(f32::exp);
    for (found, weight) in found.into_iter().zip(weights) {
        assert!((found - weight / weights.iter().sum::<f32>()).abs() < 1e-6, "{found}");
    }
    // Arithmetic on policies need not keep the sum; it is divided out.
    let mixture = behaviour("fn behave(net, p) { softmax(net.q) + 1 }");
    let found = act(&mixture, [50.0, 0.0, 0.0, 0.0]).expect("probabilities");
    assert!((found[0] - 0.5).abs() < 1e-6 && (found[1] - 0.25).abs() < 1e-6, "{found:?}");
    // Ties of a greedy policy share.
    let greedy = behaviour("fn behave(net, p) { net.q >= max(net.q) }");
    assert_eq!(act(&greedy, [1.0, 3.0, 3.0, 0.0]), Ok([0.0, 0.5, 0.5]));
    let uneven = behaviour("fn behave(net, p) { select(net.v > 0, softmax(net.q), net.q * 0 + 1) }");
    assert_eq!(act(&uneven, [8.0, 0.0, 0.0, -1.0]), Ok([1.0 / 3.0; 3]));
}

#[test]
fn behave_knows_static_parameters_and_needs_no_target() {
    let text = "fn params() { #{ k: param(2, 1, 5, \"sharpness\") } }
        fn loss(net, t, p) { net.v }
        fn behave(net, p) { softmax(net.q * p.k) }";
    let script = sound(load(text));
    let policy = |k: f64| {
        let statics = BTreeMap::from([("k".to_owned(), k)]);
        let policy = sound(script.behaviour(&layout(1, 1), &statics)).expect("it has one");
        act(&policy, [1.0, 0.0, 0.0, 0.0]).expect("probabilities")[0]
    };
    assert!(policy(5.0) > policy(1.0));
    assert!(sound(load(LOSS)).behaviour(&layout(1, 1), &BTreeMap::new()).is_ok_and(|none| none.is_none()));
}

#[test]
fn what_are_no_probabilities_is_said() {
    let raw = behaviour("fn behave(net, p) { net.q + 0.5 }");
    for (outputs, part) in [
        ([1.0, -2.0, 0.0, 0.0], "action 1 the probability -1.5"),
        ([1.0, 1.0, f32::NAN, 0.0], "action 2 the probability NaN"),
        ([f32::INFINITY, 1.0, 1.0, 0.0], "action 0 the probability inf"),
        ([-0.5, -0.5, -0.5, 0.0], "every action the probability 0"),
    ] {
        let message = act(&raw, outputs).expect_err("no probabilities");
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn the_scratch_is_kept() {
    let policy = behaviour("fn behave(net, p) { softmax(net.q) }");
    let (mut scratch, mut out) = (Vec::new(), [0.0; 3]);
    policy.probabilities(&[0.0; 64], &[0.0; 4], &mut scratch, &mut out).expect("probabilities");
    let before = (scratch.as_ptr(), scratch.capacity());
    for _ in 0..100 {
        policy.probabilities(&[0.0; 64], &[0.0; 4], &mut scratch, &mut out).expect("probabilities");
    }
    assert_eq!(before, (scratch.as_ptr(), scratch.capacity()));
}

#[test]
fn helpers_may_have_names_near_those_of_hooks_where_something_calls_them() {
    let text = "fn rewards(x) { x } fn loss(net, t, p) { rewards(net.v) }";
    sound(load(text));
    let text = "fn metrics(net, t, p) {} fn metric2(x) { x } fn loss(net, t, p) { net.v }";
    sound(load(text));
    assert_refused("fn rewards(x) { x } fn loss(net, t, p) { net.v }", 1, "it looks like `reward`");
    let pointer = "fn act(x) { x } fn loss(net, t, p) { Fn(\"act\").call(net.v) }";
    sound(load(pointer));
}
