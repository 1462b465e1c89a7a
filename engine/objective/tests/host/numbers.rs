//! Arithmetic, plain and traced, and functions of one state.

use crate::support::{assert_value, loss};

#[test]
fn plain_numbers_are_mathematics() {
    assert_value("1.0 / 2", 0.5);
    assert_value("4 / 2", 2.0);
    assert_value("2 ** 10", 1024.0);
    assert_value("2.0 ** -1", 0.5);
    assert_value("exp(1)", std::f64::consts::E);
    assert_value("sqrt(2)", std::f64::consts::SQRT_2);
    assert_value("log(10)", 10f64.ln());
    assert_value("min(3, 2.5) + max(1, 2)", 4.5);
    assert_value("abs(-3)", 3.0);
    assert_value("clip(7, 0, 1)", 1.0);
    assert_value("7 % 4", 3.0);
    assert_value("-2.0 + (-2) ** 2", 2.0);
}

#[test]
fn plain_comparisons_are_exact() {
    // Rhai calls floats equal that differ by less than its epsilon.
    assert_value("if 1e-20 > 0.0 { 1.0 } else { 0.0 }", 1.0);
    assert_value("if 1e-20 == 0 { 1.0 } else { 0.0 }", 0.0);
    assert_value("if 1 < 2 && !(2 <= 1) { 1.0 } else { 0.0 }", 1.0);
    assert_value("if t.n == 3 || false { 1.0 } else { 0.0 }", 1.0);
}

#[test]
fn traced_arithmetic_takes_plain_numbers_on_either_side() {
    assert_value("net.v + 1", 1.25);
    assert_value("1 - net.v", 0.75);
    assert_value("2.0 * net.v", 0.5);
    assert_value("1 / net.v", 4.0);
    assert_value("net.v ** 2", 0.0625);
    assert_value("-net.v", -0.25);
    assert_value("(-net.v) ** 3", -0.015625);
    assert_value("2 ** net.v", 2f64.powf(0.25));
    assert_value("net.v ** 0.5", 0.5);
}

#[test]
fn comparisons_are_traced_in_both_orders_for_every_operator() {
    for (operator, less, equal, greater) in [
        ("<", 1.0, 0.0, 0.0),
        ("<=", 1.0, 1.0, 0.0),
        (">", 0.0, 0.0, 1.0),
        (">=", 0.0, 1.0, 1.0),
        ("==", 0.0, 1.0, 0.0),
        ("!=", 1.0, 0.0, 1.0),
    ] {
        for (number, expected) in [("1", less), ("0.25", equal), ("0", greater)] {
            assert_value(&format!("select(net.v {operator} {number}, 1, 0)"), expected);
        }
        for (number, expected) in [("1", greater), ("0.25", equal), ("0", less)] {
            assert_value(&format!("select({number} {operator} net.v, 1, 0)"), expected);
        }
        assert_value(&format!("select(net.v {operator} net.v, 1, 0)"), equal);
    }
    assert_value("select(t.action == 2, 1, 0)", 1.0);
    assert_value("select((net.v > 0) & !(net.v > 1) | t.terminated, 1, 0)", 1.0);
}

#[test]
fn functions_over_the_actions() {
    let q = [0.5f64, -1.0, 2.0];
    let sum: f64 = q.iter().map(|x| x.exp()).sum();
    let p = q.map(|x| x.exp() / sum);
    let entropy: f64 = -p.iter().map(|p| p * p.ln()).sum::<f64>();
    assert_value("sum(net.q)", 1.5);
    assert_value("mean(net.q)", 0.5);
    assert_value("max(net.q)", 2.0);
    assert_value("min(net.q)", -1.0);
    assert_value("logsumexp(net.q)", sum.ln());
    assert_value("logmeanexp(net.q)", (sum / 3.0).ln());
    assert_value("softmax(net.q)[0]", p[0]);
    assert_value("log_softmax(net.q)[t.action]", p[2].ln());
    assert_value("entropy(softmax(net.q))", entropy);
    assert_value("entropy(log_softmax(net.q))", entropy);
    assert_value("kl(softmax(net.q))", 3f64.ln() - entropy);
    let reference: f64 = q.iter().map(|x| (2.0 * x).exp()).sum();
    let expected: f64 = (0..3).map(|a| p[a] * (p[a].ln() - (2.0 * q[a] - reference.ln()))).sum();
    assert_value("kl(softmax(net.q), softmax(2 * net.q))", expected);
    assert_value("select(argmax(net.q) == 2, 1, 0)", 1.0);
    assert_value("net.q[argmax(-net.q)]", -1.0);
    assert_value("len(net.q)", 3.0);
    assert_value("max(sum(net.q), 5)", 5.0);
    assert_value("sum(max(net.q, 0))", 2.5);
    assert_value("clip(net.q, -0.5, 1)[2]", 1.0);
    assert_value("huber(net.q[2], 1.0)", 1.5);
    assert_value("tanh(net.v) + sigmoid(net.v)", 0.25f64.tanh() + 1.0 / (1.0 + (-0.25f64).exp()));
    assert_value("scale_gradient(stop_gradient(net.v), 0.5)", 0.25);
    assert_value("t.weight", 0.5);
}

#[test]
fn steps_of_a_window() {
    assert_value("sum(t.steps.reward)", 6.0);
    assert_value("mean(t.steps.reward)", 2.0);
    assert_value("max(t.steps.reward) - min(t.steps.reward)", 2.0);
    assert_value("t.steps.reward[2]", 3.0);
    assert_value("discounted_return(t.steps.reward, 0.5)", 1.0 + 1.0 + 0.75);
    assert_value("sum(t.steps.reward * (1 - t.steps.terminated) * 2)", 12.0);
    assert_value("sum(t.steps.reward - [1, 2.0, net.v])", 6.0 - 3.25);
    assert_value("len(t.steps.reward)", 3.0);
    assert_eq!(loss("fn loss(net, t, p) { let s = net.v; for r in t.steps.reward { s += r; } s }", 3), 6.25);
    let by_index = "fn loss(net, t, p) { let l = []; for i in 0..t.n { l.push(net.v * i); } sum(l) }";
    assert_eq!(loss(by_index, 3), 0.75);
}

#[test]
fn scripts_may_use_functions_closures_and_constants() {
    let text = "const HALF = 0.5;
        fn square(x) { x ** 2 }
        fn loss(net, t, p) { let double = |x| 2 * x; global::HALF * square(double.call(net.v)) }";
    assert_eq!(loss(text, 1), 0.125);
    // A constant as first argument of a function or an operator.
    assert_eq!(
        loss("const ONE = 1; fn loss(net, t, p) { const k = 2; exp(k - k) * k - global::ONE + net.v }", 1),
        1.25
    );
    assert_eq!(loss("fn loss(net, t, p) { net.v.abs() + abs(net.v) }", 1), 0.5);
}
