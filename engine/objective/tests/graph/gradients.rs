//! Every gradient rule and every shared objective against finite differences in `f64`.

use kelvin_objective::{
    BinaryOp, CmpOp, Field, Graph, Head, NodeId, Objective, Op, Pass, ReduceOp, Span, Traced, UnaryOp,
};

use crate::differences::{assert_none, disagreements};
use crate::losses;
use crate::support::{Data, ONLINE, TARGET, layout, line, output, traced};

fn check(name: &str, traced: Traced, heads: &[Head], low: f64, high: f64) -> Vec<String> {
    let actions = traced.graph.actions();
    let mut found = Vec::new();
    for batch in [1, 7] {
        let layout = layout(batch, actions, 1, heads);
        let data = Data::random(&layout, &[0.3, 0.9, 1.0], low, high, 11 + batch as u64);
        found.extend(disagreements(&format!("{name}, batch {batch}"), &traced, &data, 0.1));
    }
    found
}

/// Ways to put an operation on the path from the online output to the loss.
#[derive(Clone, Copy, Debug)]
enum Setting {
    /// On every action, then a weighted sum.
    EveryAction,
    /// On the value of the taken action.
    Taken,
    /// On the V head, repeated along the actions by its neighbour.
    Repeated,
}

const SETTINGS: [Setting; 3] = [Setting::EveryAction, Setting::Taken, Setting::Repeated];

/// `Σ_a w_a f(x_a, c_a)` or `w_a f(x_a, c_a)`, squared so that the adjoint varies.
fn around(
    setting: Setting,
    actions: usize,
    f: &dyn Fn(&mut Graph, NodeId, NodeId) -> NodeId,
) -> (Traced, Vec<Head>) {
    let mut g = Graph::new(actions);
    let other = output(&mut g, Pass::target(1), Head::Q);
    let weights = output(&mut g, TARGET, Head::Q);
    let action = g.push(Op::Sample(Field::Action(0)), Span::NONE);
    let value = match setting {
        Setting::EveryAction => {
            let q = output(&mut g, ONLINE, Head::Q);
            let y = f(&mut g, q, other);
            let weighted = g.mul(weights, y, line(2));
            g.sum(weighted, line(2))
        }
        Setting::Taken => {
            let q = output(&mut g, ONLINE, Head::Q);
            let (q, other) = (g.at(q, action, line(1)), g.at(other, action, line(1)));
            let y = f(&mut g, q, other);
            let weight = g.at(weights, action, line(2));
            g.mul(weight, y, line(2))
        }
        Setting::Repeated => {
            let v = output(&mut g, ONLINE, Head::V);
            let y = f(&mut g, v, other);
            let weighted = g.mul(weights, y, line(2));
            g.sum(weighted, line(2))
        }
    };
    let loss = g.mul(value, value, line(3));
    (traced(g, loss), vec![Head::Q, Head::V])
}

#[test]
fn unary_rules() {
    let mut found = Vec::new();
    for op in UnaryOp::ALL {
        // Inputs where the function is smooth; `abs` gets both signs, far from 0 on the stencil's scale.
        let signed = !matches!(op, UnaryOp::Log | UnaryOp::Sqrt);
        for setting in SETTINGS {
            for actions in [1, 2, 18] {
                let (t, heads) = around(setting, actions, &|g, x, _| g.unary(op, x, line(1)));
                let low = if signed { -2.0 } else { 0.3 };
                found.extend(check(&format!("{op:?} {setting:?} {actions}"), t, &heads, low, 2.0));
            }
        }
    }
    assert_none(found);
}

#[test]
fn binary_rules_in_either_operand_and_both() {
    let mut found = Vec::new();
    for op in BinaryOp::ALL {
        for setting in SETTINGS {
            for actions in [2, 18] {
                let left = around(setting, actions, &|g, x, c| g.binary(op, x, c, line(1)));
                let right = around(setting, actions, &|g, x, c| g.binary(op, c, x, line(1)));
                let both = around(setting, actions, &|g, x, c| {
                    let shifted = g.mul(x, c, line(1));
                    g.binary(op, x, shifted, line(1))
                });
                for (side, (t, heads)) in [("left", left), ("right", right), ("both", both)] {
                    // Positive, because pow needs it and div must stay away from 0.
                    found.extend(check(&format!("{op:?} {side} {setting:?} {actions}"), t, &heads, 0.3, 2.0));
                }
            }
        }
    }
    assert_none(found);
}

#[test]
fn select_by_every_condition() {
    let mut found = Vec::new();
    for op in CmpOp::ALL {
        for (name, logic) in [("plain", 0), ("and", 1), ("or", 2), ("not", 3)] {
            for setting in SETTINGS {
                let (t, heads) = around(setting, 18, &|g, x, c| {
                    let half = g.constant(0.5);
                    let one = g.push(Op::Compare(op, x, c), line(1));
                    let two = g.push(Op::Compare(CmpOp::Lt, c, half), line(1));
                    let condition = match logic {
                        0 => one,
                        1 => g.push(Op::And(one, two), line(1)),
                        2 => g.push(Op::Or(one, two), line(1)),
                        _ => g.push(Op::Not(one), line(1)),
                    };
                    let square = g.mul(x, x, line(1));
                    let exp = g.unary(UnaryOp::Exp, x, line(1));
                    g.select(condition, square, exp, line(1))
                });
                found.extend(check(&format!("{op:?} {name} {setting:?}"), t, &heads, -2.0, 2.0));
            }
        }
    }
    assert_none(found);
}

#[test]
fn reductions_gathers_and_composites() {
    let mut found = Vec::new();
    type Build = fn(&mut Graph, NodeId, NodeId) -> NodeId;
    let every_action: [(&str, Build); 11] = [
        ("sum", |g, q, _| g.sum(q, line(1))),
        ("max", |g, q, _| g.push(Op::Reduce(ReduceOp::Max, q), line(1))),
        ("mean", |g, q, _| g.mean(q, line(1))),
        ("log_sum_exp", |g, q, _| g.log_sum_exp(q, line(1))),
        ("log_mean_exp", |g, q, _| g.log_mean_exp(q, line(1))),
        ("softmax", |g, q, c| {
            let p = g.softmax(q, line(1));
            let terms = g.mul(p, c, line(1));
            g.sum(terms, line(1))
        }),
        ("log_softmax", |g, q, c| {
            let p = g.log_softmax(q, line(1));
            let terms = g.mul(p, c, line(1));
            g.sum(terms, line(1))
        }),
        ("entropy_of_logits", |g, q, _| g.entropy_of_logits(q, line(1))),
        ("kl_of_logits", |g, q, c| g.kl_of_logits(q, c, line(1))),
        ("kl_of_logits, reference", |g, q, c| g.kl_of_logits(c, q, line(1))),
        ("value at argmax, at an action and at 0", |g, q, c| {
            let square = g.mul(q, c, line(1));
            let best = g.push(Op::ArgMax(c), line(1));
            let zero = g.constant(0.0);
            let at_best = g.at(square, best, line(1));
            let at_zero = g.at(q, zero, line(1));
            g.mul(at_best, at_zero, line(1))
        }),
    ];
    for (name, build) in every_action {
        for actions in [1, 2, 18] {
            let mut g = Graph::new(actions);
            let q = output(&mut g, ONLINE, Head::Q);
            let c = output(&mut g, TARGET, Head::Q);
            let value = build(&mut g, q, c);
            let first = g.constant(0.0);
            let extra = g.at(q, first, line(2));
            let shifted = g.add(value, extra, line(2));
            let loss = g.mul(shifted, shifted, line(2));
            found.extend(check(
                &format!("{name}, {actions} actions"),
                traced(g, loss),
                &[Head::Q],
                -2.0,
                2.0,
            ));
        }
    }
    assert_none(found);
}

#[test]
fn elementwise_composites() {
    let mut found = Vec::new();
    for setting in SETTINGS {
        for n in [-3, -1, 0, 1, 2, 3, 7, 10] {
            let (t, heads) = around(setting, 2, &|g, x, c| {
                let power = g.powi(x, n, line(1));
                let product = g.mul(x, c, line(1));
                g.add(power, product, line(1))
            });
            // Away from 0 for the negative powers; elsewhere a negative base must do.
            let (low, high) = if n < 0 { (0.5, 1.5) } else { (-1.5, 1.5) };
            found.extend(check(&format!("powi {n} {setting:?}"), t, &heads, low, high));
        }
        let (t, heads) = around(setting, 18, &|g, x, c| {
            let two = g.constant(2.0);
            let low = g.sub(c, two, line(1));
            g.clip(x, low, c, line(1))
        });
        found.extend(check(&format!("clip {setting:?}"), t, &heads, -2.0, 2.0));
        let (t, heads) = around(setting, 18, &|g, x, c| {
            let delta = g.constant(0.7);
            let error = g.sub(x, c, line(1));
            g.huber(error, delta, line(1))
        });
        found.extend(check(&format!("huber {setting:?}"), t, &heads, -2.0, 2.0));
    }
    assert_none(found);
}

#[test]
fn shared_objectives_at_awkward_sizes_and_temperatures() {
    let mut found = Vec::new();
    for (batch, actions) in [(1, 2), (1, 18), (5, 18)] {
        for tau in [1e-3, 0.1, 10.0] {
            for size in [1.0, 1e4] {
                for loss in losses::all(batch, actions) {
                    // δ so wide that half of the errors fall into the parabola.
                    let params = [tau, 0.99, size];
                    let data = Data::random(&loss.layout, &params, -size, size, batch as u64);
                    let name = format!("{} batch {batch} actions {actions} tau {tau} size {size}", loss.name);
                    found.extend(disagreements(&name, &loss.traced, &data, 0.1 * size));
                }
            }
        }
    }
    assert_none(found);
}

/// Beside the differences, which see through `evaluate` what is frozen: the same objective with the marked part
/// read from another pass that holds the same numbers has the gradient of the rest.
#[test]
fn stopped_and_scaled_gradients() {
    let layout = layout(7, 18, 1, &[Head::Q]);
    let mut data = Data::random(&layout, &[0.5], -2.0, 2.0, 3);
    data.inputs.target = data.inputs.online.clone();

    let product = |mark: &dyn Fn(&mut Graph, NodeId) -> NodeId, pass: Pass| {
        let mut g = Graph::new(18);
        let q = output(&mut g, ONLINE, Head::Q);
        let factor = output(&mut g, pass, Head::Q);
        let factor = g.unary(UnaryOp::Exp, factor, line(1));
        let factor = mark(&mut g, factor);
        let terms = g.mul(q, factor, line(1));
        let loss = g.sum(terms, line(1));
        let traced = traced(g, loss);
        assert_none(disagreements("marked", &traced, &data, 0.1));
        data.run::<f64>(&Objective::compile(traced, &layout).unwrap()).grad
    };
    let fixed = product(&|_, x| x, TARGET);
    let through = product(&|_, x| x, ONLINE);
    assert_eq!(product(&|g, x| g.stop_gradient(x, line(1)), ONLINE), fixed);

    let scaled = product(
        &|g, x| {
            let factor = g.push(Op::Param(0), line(1));
            g.push(Op::ScaleGradient(x, factor), line(1))
        },
        ONLINE,
    );
    for ((scaled, fixed), through) in scaled.iter().zip(&fixed).zip(&through) {
        // The factor is 0.5. Two roundings.
        let expected = fixed + 0.5 * (through - fixed);
        assert!((scaled - expected).abs() <= 4.0 * f64::EPSILON * through.abs(), "{scaled} {expected}");
    }
}
