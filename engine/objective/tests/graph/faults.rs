//! The place where a NaN or an infinity comes from.

use kelvin_objective::{
    BinaryOp, CmpOp, Fault, FaultKind, Field, Graph, Head, NodeId, Objective, Op, Pass, Span, Traced, UnaryOp,
};

use crate::losses;
use crate::support::{Data, ONLINE, layout, line, output, traced};

/// A batch of four, three actions, sound numbers above 0.
fn data() -> Data {
    Data::random(&layout(4, 3, 1, &[Head::Q, Head::V]), &[0.5], 0.3, 2.0, 7)
}

fn compiled(build: &dyn Fn(&mut Graph, NodeId) -> NodeId) -> Objective {
    let mut g = Graph::new(3);
    let v = output(&mut g, ONLINE, Head::V);
    let loss = build(&mut g, v);
    Objective::compile(traced(g, loss), &data().layout).unwrap()
}

fn fault(objective: &Objective, data: &Data) -> Fault {
    objective.fault(&data.to::<f32>()).expect("a fault")
}

#[test]
fn a_sound_batch_has_none() {
    for loss in losses::all(4, 5) {
        let data = Data::random(&loss.layout, &[0.5, 0.9, 1.0], 0.3, 2.0, 3);
        let objective = Objective::compile(loss.traced, &loss.layout).unwrap();
        assert_eq!(objective.fault(&data.to::<f32>()), None, "{}", loss.name);
    }
}

#[test]
fn the_first_broken_value() {
    let objective = compiled(&|g, v| {
        let one = g.constant(1.0);
        let less = g.sub(v, one, line(2));
        let log = g.unary(UnaryOp::Log, less, line(3));
        let exp = g.unary(UnaryOp::Exp, log, line(4));
        g.mul(exp, log, line(5))
    });
    let mut data = data();
    for (sample, v) in [1.5, 1.25, 0.5, 1.0].into_iter().enumerate() {
        data.row_mut(ONLINE, sample)[3] = v;
    }
    let found = fault(&objective, &data);
    assert_eq!((found.sample, found.span, &found.kind), (2, line(3), &FaultKind::Forward));
    assert!(found.value.is_nan(), "{found:?}");
    assert_eq!(found.inputs.len(), 1);
    let (name, value) = &found.inputs[0];
    assert_eq!((found.operation.as_str(), *value), (format!("log {name}").as_str(), -0.5));
    // The names are those of the listing and of the kernel.
    assert!(objective.graph_text().contains(&format!("  {} ", found.node)), "{}", objective.graph_text());
    assert!(objective.graph_text().contains(&format!("{name} ")) && name.starts_with('x'));

    // Sample 3 alone: log 0, an infinity before it is a NaN.
    data.row_mut(ONLINE, 2)[3] = 1.75;
    let found = fault(&objective, &data);
    assert_eq!((found.sample, found.span, found.value), (3, line(3), f64::NEG_INFINITY));
}

#[test]
fn a_broken_slope_of_a_sound_value() {
    // sqrt is 0 at 0, and its slope is not a number.
    let objective = compiled(&|g, v| {
        let one = g.constant(1.0);
        let less = g.sub(v, one, line(2));
        g.unary(UnaryOp::Sqrt, less, line(3))
    });
    let mut data = data();
    for sample in 0..4 {
        data.row_mut(ONLINE, sample)[3] = if sample == 1 { 1.0 } else { 1.5 };
    }
    let found = fault(&objective, &data);
    assert_eq!((found.sample, found.span, &found.kind), (1, line(3), &FaultKind::Gradient));
    assert!(found.operation.starts_with("div "), "{found:?}");
    assert!(found.inputs.iter().any(|(_, value)| *value == 0.0), "{found:?}");
}

/// Sample 0 has a broken slope, sample 1 a broken value.
#[test]
fn values_come_before_gradients() {
    let objective = compiled(&|g, v| {
        let one = g.constant(1.0);
        let less = g.sub(v, one, line(2));
        let root = g.unary(UnaryOp::Sqrt, less, line(3));
        let reward = losses::sample(g, Field::Reward(0));
        let log = g.unary(UnaryOp::Log, reward, line(4));
        g.mul(root, log, line(5))
    });
    let mut data = data();
    for sample in 0..4 {
        data.row_mut(ONLINE, sample)[3] = if sample == 0 { 1.0 } else { 1.5 };
        data.set(Field::Reward(0), sample, if sample == 1 { -1.0 } else { 2.0 });
    }
    let found = fault(&objective, &data);
    assert_eq!((found.sample, found.span, &found.kind), (1, line(4), &FaultKind::Forward));
    data.set(Field::Reward(0), 1, 2.0);
    let found = fault(&objective, &data);
    assert_eq!((found.sample, found.span, &found.kind), (0, line(3), &FaultKind::Gradient));
}

/// A side not taken, an index not read and an action not chosen have no part in it.
#[test]
fn what_has_no_influence_is_not_blamed() {
    let objective = compiled(&|g, v| {
        let (zero, action) = (g.constant(0.0), losses::sample(g, Field::Action(0)));
        let minus = g.unary(UnaryOp::Neg, v, line(2));
        let log = g.unary(UnaryOp::Log, minus, line(3));
        let above = g.push(Op::Compare(CmpOp::Gt, v, zero), line(4));
        let safe = g.select(above, v, log, line(5));
        let target = output(g, Pass::target(1), Head::Q);
        let roots = g.unary(UnaryOp::Sqrt, target, line(6));
        let taken = g.at(roots, action, line(7));
        let reward = losses::sample(g, Field::Reward(0));
        let quotient = g.div(taken, reward, line(8));
        g.mul(safe, quotient, line(9))
    });
    let mut data = data();
    data.set(Field::Action(0), 0, 1.0);
    data.row_mut(Pass::target(1), 0).copy_from_slice(&[-1.0, 4.0, -1.0, 1.0]);
    data.set(Field::Reward(0), 0, 0.25);
    assert_eq!(objective.fault(&data.to::<f32>()), None);
    data.set(Field::Reward(0), 2, 0.0);
    let found = fault(&objective, &data);
    assert_eq!((found.sample, found.span, found.value), (2, line(8), f64::INFINITY));
    assert!(found.inputs.contains(&("reward_0".into(), 0.0)), "{found:?}");
}

/// Both sides are broken, the one not taken on an earlier line.
#[test]
fn of_two_broken_sides_the_one_taken() {
    let objective = compiled(&|g, v| {
        let zero = g.constant(0.0);
        let minus = g.unary(UnaryOp::Neg, v, line(2));
        let log = g.unary(UnaryOp::Log, minus, line(3));
        let reward = losses::sample(g, Field::Reward(0));
        let quotient = g.div(v, reward, line(4));
        let above = g.push(Op::Compare(CmpOp::Gt, v, zero), line(5));
        let chosen = g.select(above, quotient, log, line(6));
        g.mul(chosen, v, line(7))
    });
    let mut data = data();
    data.set(Field::Reward(0), 1, 0.0);
    let found = fault(&objective, &data);
    assert_eq!((found.sample, found.span, found.value), (1, line(4), f64::INFINITY));
}

/// A maximum is broken by its largest, not by what lies below.
#[test]
fn of_two_broken_actions_the_one_that_counts() {
    let objective = compiled(&|g, v| {
        let q = output(g, ONLINE, Head::Q);
        let logs = g.unary(UnaryOp::Log, q, line(2));
        let best = g.max(logs, line(3));
        let (zero, one) = (g.constant(0.0), g.constant(1.0));
        let (first, second) = (g.at(logs, zero, line(4)), g.at(logs, one, line(4)));
        let larger = g.binary(BinaryOp::Max, first, second, line(5));
        let sum = g.add(best, larger, line(6));
        g.mul(sum, v, line(6))
    });
    let mut data = data();
    // Logarithms: -∞, NaN, 0.
    data.row_mut(ONLINE, 2)[..3].copy_from_slice(&[0.0, -1.0, 1.0]);
    let found = fault(&objective, &data);
    assert_eq!(found.inputs, [("net.q[1]".to_string(), -1.0)]);
    assert!(found.value.is_nan() && found.sample == 2, "{found:?}");
}

#[test]
fn one_action_of_many() {
    let objective = compiled(&|g, v| {
        let q = output(g, ONLINE, Head::Q);
        let logs = g.unary(UnaryOp::Log, q, line(2));
        let best = g.max(logs, line(3));
        g.mul(best, v, line(4))
    });
    let mut data = data();
    data.row_mut(ONLINE, 1)[2] = -2.0;
    let found = fault(&objective, &data);
    assert_eq!((found.sample, found.span), (1, line(2)));
    assert_eq!(found.inputs, [("net.q[2]".to_string(), -2.0)]);
}

#[test]
fn outputs_of_a_broken_network() {
    let mut g = Graph::new(3);
    let q = output(&mut g, Pass::online(2), Head::Q);
    let target = g.push(Op::Output(Pass::target(1), Head::V), line(4));
    let best = g.push(Op::ArgMax(q), line(5));
    let taken = g.at(q, best, line(5));
    let loss = g.mul(taken, target, line(6));
    let layout = layout(4, 3, 2, &[Head::Q, Head::V]);
    let objective = Objective::compile(traced(g, loss), &layout).unwrap();
    let mut data = Data::random(&layout, &[], 0.3, 2.0, 7);
    data.row_mut(Pass::target(1), 2)[3] = f64::NAN;
    let found = fault(&objective, &data);
    assert_eq!(found.kind, FaultKind::Input { what: "t.steps.v[1]".into() });
    assert_eq!((found.sample, found.span), (2, line(4)));
    // An output that the script does not look at is one that its kernels do.
    data.row_mut(Pass::online(2), 1)[3] = f64::INFINITY;
    let found = fault(&objective, &data);
    assert_eq!(found.kind, FaultKind::Input { what: "net.next.v".into() });
    assert_eq!((found.sample, found.span, found.value), (1, Span::NONE, f64::INFINITY));
    data.row_mut(Pass::online(2), 0)[1] = f64::NEG_INFINITY;
    assert_eq!(fault(&objective, &data).kind, FaultKind::Input { what: "net.next.q[1]".into() });
    // The state in between is not read.
    let mut data = Data::random(&layout, &[], 0.3, 2.0, 7);
    data.row_mut(Pass::online(1), 0).fill(f64::NAN);
    assert_eq!(objective.fault(&data.to::<f32>()), None);
}

#[test]
fn stored_numbers_and_parameters() {
    let objective = compiled(&|g, v| {
        let (reward, tau) = (losses::sample(g, Field::Reward(0)), losses::param(g, losses::TAU));
        let product = g.mul(reward, tau, line(2));
        g.mul(product, v, line(3))
    });
    let mut data = data();
    data.set(Field::Reward(0), 3, f64::NAN);
    let found = fault(&objective, &data);
    assert_eq!((found.sample, found.kind), (3, FaultKind::Input { what: "t.reward".into() }));
    data.set(Field::Reward(0), 3, 1.0);
    data.inputs.uniforms[0] = f64::INFINITY;
    assert_eq!(fault(&objective, &data).kind, FaultKind::Input { what: "param_0".into() });
}

/// The sample that breaks a batch mean, and with it all samples.
#[test]
fn through_a_batch_mean() {
    let mut g = Graph::new(3);
    let v = output(&mut g, ONLINE, Head::V);
    let log = g.unary(UnaryOp::Log, v, line(2));
    let mean = g.push(Op::BatchMean(log), line(3));
    let loss = g.mul(mean, v, line(4));
    let traced = Traced { graph: g, loss, metrics: vec![] };
    let mut data = data();
    let objective = Objective::compile(traced, &data.layout).unwrap();
    data.row_mut(ONLINE, 3)[3] = -1.0;
    assert!(data.run::<f32>(&objective).loss.iter().all(|loss| loss.is_nan()));
    let found = fault(&objective, &data);
    assert_eq!((found.sample, found.span), (3, line(2)));
    assert_eq!(found.inputs, [("net.v".to_string(), -1.0)]);
}

/// 1e30 squared is no `f32`, though it is an `f64`.
#[test]
fn an_overflow_of_single_precision() {
    let objective = compiled(&|g, v| g.mul(v, v, line(2)));
    let mut data = data();
    data.row_mut(ONLINE, 0)[3] = 1e30;
    let found = fault(&objective, &data);
    assert_eq!((found.sample, found.span, found.value), (0, line(2), f64::INFINITY));
    assert_eq!(data.run::<f32>(&objective).loss[0], f64::INFINITY);
    assert!(data.run::<f64>(&objective).loss[0].is_finite());
}
