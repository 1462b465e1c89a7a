//! What a gradient is where a finite difference is not: at ties, kinks, and behind a select.

use kelvin_objective::{BinaryOp, CmpOp, Field, Graph, Head, NodeId, Objective, Op, Pass, Span, UnaryOp};

use crate::support::{Data, ONLINE, layout, line, output, traced};

/// Gradient of the loss that `build` makes of `net.q`, at one sample with the given outputs.
fn gradient_at(q: &[f64], build: &dyn Fn(&mut Graph, NodeId) -> NodeId) -> Vec<f64> {
    let layout = layout(1, q.len(), 1, &[Head::Q]);
    let mut g = Graph::new(q.len());
    let node = output(&mut g, ONLINE, Head::Q);
    let loss = build(&mut g, node);
    let objective = Objective::compile(traced(g, loss), &layout).unwrap();
    let mut data = Data::random(&layout, &[], 0.0, 1.0, 1);
    data.row_mut(ONLINE, 0).copy_from_slice(q);
    data.run::<f64>(&objective).grad
}

#[test]
fn a_tied_maximum_gives_its_gradient_to_the_first() {
    let max = |g: &mut Graph, q| g.max(q, line(1));
    assert_eq!(gradient_at(&[1.0, 3.0, 3.0, 2.0, 3.0], &max), [0.0, 1.0, 0.0, 0.0, 0.0]);
    let at_argmax = |g: &mut Graph, q| {
        let best = g.push(Op::ArgMax(q), line(1));
        g.at(q, best, line(1))
    };
    assert_eq!(gradient_at(&[-2.0, -2.0], &at_argmax), [1.0, 0.0]);
}

#[test]
fn tied_operands_give_their_gradient_to_the_left_one() {
    for op in [BinaryOp::Min, BinaryOp::Max] {
        let build = |g: &mut Graph, q| {
            let (zero, one) = (g.constant(0.0), g.constant(1.0));
            let (a, b) = (g.at(q, zero, line(1)), g.at(q, one, line(1)));
            g.binary(op, a, b, line(1))
        };
        assert_eq!(gradient_at(&[0.5, 0.5], &build), [1.0, 0.0], "{op:?}");
    }
}

#[test]
fn a_log_sum_exp_of_equal_values_is_shared_evenly() {
    // exp(0) / 2 each: exact.
    assert_eq!(gradient_at(&[1e4, 1e4], &|g, q| g.log_sum_exp(q, line(1))), [0.5, 0.5]);
}

#[test]
fn abs_and_huber_are_flat_at_zero() {
    let first = |g: &mut Graph, q| {
        let zero = g.constant(0.0);
        g.at(q, zero, line(1))
    };
    let abs = |g: &mut Graph, q| {
        let x = first(g, q);
        g.unary(UnaryOp::Abs, x, line(1))
    };
    assert_eq!(gradient_at(&[0.0, 1.0], &abs), [0.0, 0.0]);
    let huber = |g: &mut Graph, q| {
        let x = first(g, q);
        let one = g.constant(1.0);
        g.huber(x, one, line(1))
    };
    for (x, slope) in
        [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (7.0, 1.0), (-0.5, -0.5), (-1.0, -1.0), (-7.0, -1.0)]
    {
        assert_eq!(gradient_at(&[x, 0.0], &huber), [slope, 0.0], "at {x}");
    }
}

/// The side not taken divides by zero, and must not turn the gradient into `0 · ∞ = NaN`.
#[test]
fn the_side_not_taken_has_no_say() {
    type Build = fn(&mut Graph, NodeId) -> NodeId;
    let unsafe_at_zero: [(&str, Build); 6] = [
        ("sqrt", |g, x| g.unary(UnaryOp::Sqrt, x, line(1))),
        ("log", |g, x| g.unary(UnaryOp::Log, x, line(1))),
        ("reciprocal", |g, x| {
            let one = g.constant(1.0);
            g.div(one, x, line(1))
        }),
        ("power", |g, x| {
            let small = g.constant(0.3);
            g.pow(x, small, line(1))
        }),
        ("sqrt of a product", |g, x| {
            let square = g.mul(x, x, line(1));
            g.unary(UnaryOp::Sqrt, square, line(1))
        }),
        ("twice sqrt", |g, x| {
            let root = g.unary(UnaryOp::Sqrt, x, line(1));
            let (two, three) = (g.constant(2.0), g.constant(3.0));
            let (a, b) = (g.mul(two, root, line(1)), g.powi(root, 3, line(1)));
            let product = g.mul(three, b, line(1));
            g.add(a, product, line(1))
        }),
    ];
    for (name, function) in unsafe_at_zero {
        let per_action = move |g: &mut Graph, q: NodeId| {
            let zero = g.constant(0.0);
            let positive = g.push(Op::Compare(CmpOp::Gt, q, zero), line(1));
            let y = function(g, q);
            let safe = g.select(positive, y, q, line(1));
            g.sum(safe, line(1))
        };
        let grad = gradient_at(&[0.0, 4.0], &per_action);
        assert_eq!(grad[0], 1.0, "{name}");
        assert!(grad[1].is_finite() && grad[1] != 0.0, "{name}: {grad:?}");

        // Nested: two conditions, the inner of which is false, and a use outside of the select.
        let nested = move |g: &mut Graph, q: NodeId| {
            let (zero, minus) = (g.constant(0.0), g.constant(-1.0));
            let x = g.at(q, zero, line(1));
            let above = g.push(Op::Compare(CmpOp::Gt, x, minus), line(1));
            let positive = g.push(Op::Compare(CmpOp::Gt, x, zero), line(1));
            let y = function(g, x);
            let inner = g.select(positive, y, zero, line(1));
            let outer = g.select(above, inner, x, line(1));
            let total = g.add(outer, x, line(1));
            g.mul(total, total, line(1))
        };
        assert!(gradient_at(&[0.0, 4.0], &nested).iter().all(|x| x.is_finite()), "{name}, nested");
    }
}

#[test]
fn a_terminated_sample_bootstraps_nothing() {
    let layout = layout(3, 2, 1, &[Head::Q]);
    let loss = crate::losses::value_loss("dqn", 3, 2, 1, crate::losses::Backup::Hard);
    let objective = Objective::compile(loss.traced, &layout).unwrap();
    let mut data = Data::random(&layout, &[1.0, 0.5, 100.0], -1.0, 1.0, 5);
    let terminated = [1.0, 0.0, 1.0];
    for (sample, terminated) in terminated.into_iter().enumerate() {
        data.set(Field::Terminated(0), sample, terminated);
    }
    let output = data.run::<f64>(&objective);
    for (sample, terminated) in terminated.into_iter().enumerate() {
        let next = data.row(Pass::target(1), sample);
        let backed_up = if terminated == 1.0 { 0.0 } else { 0.5 * next[0].max(next[1]) };
        let action = data.action(0, sample);
        let error = data.row(ONLINE, sample)[action] - (data.reward(0, sample) + backed_up);
        assert!((output.loss[sample] - 0.5 * error * error).abs() < 1e-15, "sample {sample}");
        let slope = output.grad[sample * 2 + action] * 3.0;
        assert!((slope - error).abs() < 1e-15, "sample {sample}: {slope} {error}");
        assert_eq!(output.grad[sample * 2 + 1 - action], 0.0);
    }
}

#[test]
fn an_action_beyond_the_last_is_read_as_the_last() {
    // A corrupt sample must not read outside of its row.
    let layout = layout(1, 3, 1, &[Head::Q]);
    let mut g = Graph::new(3);
    let q = output(&mut g, ONLINE, Head::Q);
    let action = g.push(Op::Sample(Field::Action(0)), Span::NONE);
    let loss = g.at(q, action, line(1));
    let objective = Objective::compile(traced(g, loss), &layout).unwrap();
    let mut data = Data::random(&layout, &[], -1.0, 1.0, 9);
    for (stored, read) in [(7.0, 2), (-1.0, 0), (f64::NAN, 0)] {
        data.set(Field::Action(0), 0, stored);
        assert_eq!(data.run::<f64>(&objective).loss[0], data.row(ONLINE, 0)[read]);
    }
}
