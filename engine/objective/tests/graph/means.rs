//! Means over the batch: their gradients, their rounds, their limits.

use kelvin_objective::{
    BinaryOp, CompileError, Field, Graph, Head, MAX_PHASES, NodeId, Objective, Op, Pass, STAT_SLOTS, UnaryOp,
};

use crate::differences::{assert_none, disagreements};
use crate::losses::{self, sample};
use crate::support::{Data, ONLINE, close, layout, line, output, traced};

fn mean(g: &mut Graph, x: NodeId, at: u32) -> NodeId {
    g.push(Op::BatchMean(x), line(at))
}

/// The loss that `build` makes of `net.v` and the mean reward, against finite differences; the number of rounds.
fn rounds(name: &str, build: &dyn Fn(&mut Graph, NodeId) -> NodeId) -> usize {
    let mut found = Vec::new();
    let mut phases = 0;
    for batch in [1, 2, 7, 40] {
        let mut g = Graph::new(3);
        let v = output(&mut g, ONLINE, Head::V);
        let loss = build(&mut g, v);
        let layout = layout(batch, 3, 1, &[Head::Q, Head::V]);
        let traced = traced(g, loss);
        phases = Objective::compile(traced.clone(), &layout).unwrap().phases();
        let data = Data::random(&layout, &[0.5], 0.3, 2.0, 3 + batch as u64);
        found.extend(disagreements(&format!("{name}, batch {batch}"), &traced, &data, 0.1));
    }
    assert_none(found);
    phases
}

#[test]
fn gradients_of_means() {
    // The mean of v, alone and multiplied by what differs between samples: then its adjoint is a mean too, of
    // what is known before the first round.
    assert_eq!(rounds("mean", &|g, v| mean(g, v, 1)), 1);
    let times_reward = |g: &mut Graph, v: NodeId| {
        let (m, reward) = (mean(g, v, 1), sample(g, Field::Reward(0)));
        g.mul(m, reward, line(2))
    };
    assert_eq!(rounds("mean times reward", &times_reward), 1);
    let square = |g: &mut Graph, v: NodeId| {
        let m = mean(g, v, 1);
        g.mul(m, v, line(2))
    };
    assert_eq!(rounds("mean times value", &square), 1);
    // A mean, the variance about it, its root, and the adjoints of both means.
    let normalised = |g: &mut Graph, v: NodeId| {
        let reward = sample(g, Field::Reward(0));
        let m = mean(g, v, 1);
        let centred = g.sub(v, m, line(2));
        let square = g.mul(centred, centred, line(3));
        let variance = mean(g, square, 4);
        let floor = g.constant(0.1);
        let above = g.add(variance, floor, line(5));
        let deviation = g.unary(UnaryOp::Sqrt, above, line(5));
        let normal = g.div(centred, deviation, line(6));
        let weighted = g.mul(normal, reward, line(7));
        g.mul(weighted, weighted, line(8))
    };
    assert_eq!(rounds("normalised", &normalised), 4);
    // Behind a select, where the side not taken is not a number.
    let chosen = |g: &mut Graph, v: NodeId| {
        let one = g.constant(1.0);
        let above = g.push(Op::Compare(kelvin_objective::CmpOp::Gt, v, one), line(1));
        let less = g.sub(v, one, line(2));
        let root = g.unary(UnaryOp::Sqrt, less, line(3));
        let safe = g.select(above, root, v, line(4));
        let m = mean(g, safe, 5);
        let exp = g.unary(UnaryOp::Exp, m, line(6));
        g.mul(exp, v, line(7))
    };
    assert_eq!(rounds("chosen", &chosen), 2);
}

#[test]
fn gradients_of_means_over_a_window_and_the_actions() {
    let mut found = Vec::new();
    for batch in [1, 6] {
        let mut g = Graph::new(5);
        let mut total = g.constant(0.0);
        for state in 0..3 {
            let q = output(&mut g, Pass::online(state), Head::Q);
            let best = g.log_sum_exp(q, line(1));
            let m = mean(&mut g, best, 2);
            let centred = g.sub(q, m, line(3));
            let square = g.mul(centred, centred, line(4));
            let sum = g.sum(square, line(5));
            let action = sample(&mut g, Field::Action(state.min(1)));
            let taken = g.at(centred, action, line(6));
            let product = g.mul(taken, sum, line(7));
            total = g.add(total, product, line(8));
        }
        let layout = layout(batch, 5, 2, &[Head::Q]);
        let data = Data::random(&layout, &[], -2.0, 2.0, batch as u64);
        found.extend(disagreements(&format!("window, batch {batch}"), &traced(g, total), &data, 0.1));
    }
    assert_none(found);
}

#[test]
fn normalised_advantages() {
    let mut found = Vec::new();
    for batch in [1, 2, 33] {
        let loss = losses::normalised_advantage(batch, 4);
        let data = Data::random(&loss.layout, &[], -2.0, 2.0, 9);
        found.extend(disagreements(&format!("batch {batch}"), &loss.traced, &data, 0.1));
        let objective = Objective::compile(loss.traced, &loss.layout).unwrap();
        // By hand: the metric is the same number for every sample.
        let advantages: Vec<f64> = (0..batch).map(|s| data.reward(0, s) - data.row(ONLINE, s)[4]).collect();
        let mean = advantages.iter().sum::<f64>() / batch as f64;
        let variance = advantages.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / batch as f64;
        for (precision, output) in
            [(f64::EPSILON, data.run::<f64>(&objective)), (f32::EPSILON.into(), data.run::<f32>(&objective))]
        {
            for row in output.metrics.chunks(16) {
                assert!(close(row[1], (variance + 0.01).sqrt(), 64.0 * precision), "{} {variance}", row[1]);
            }
        }
    }
    assert_none(found);
}

/// A mean of what no sample changes is that number, and costs no round.
#[test]
fn means_of_what_no_sample_changes_are_none() {
    let mut g = Graph::new(2);
    let v = output(&mut g, ONLINE, Head::V);
    let tau = losses::param(&mut g, losses::TAU);
    let two = g.constant(2.0);
    let fixed = g.mul(tau, two, line(1));
    let fixed = mean(&mut g, fixed, 2);
    let constant = mean(&mut g, two, 3);
    let product = g.mul(fixed, constant, line(4));
    let loss = g.mul(v, product, line(5));
    let traced = traced(g, loss);
    let layout = layout(3, 2, 1, &[Head::V]);
    let objective = Objective::compile(traced.clone(), &layout).unwrap();
    assert_eq!(objective.phases(), 0);
    assert!(!objective.wgsl().contains("stats") && !objective.graph_text().contains("batch_mean"));
    // The mean of a mean is that mean.
    let mut g = traced.graph.clone();
    let once = mean(&mut g, v, 6);
    let (twice, sum) = (mean(&mut g, once, 7), g.add(once, v, line(8)));
    let loss = g.add(twice, sum, line(8));
    let objective = Objective::compile(crate::support::traced(g, loss), &layout).unwrap();
    assert_eq!(objective.phases(), 1);
    assert_eq!(objective.wgsl().matches("let x").count(), 1, "{}", objective.wgsl());
}

#[test]
fn stops_and_gathers_pass_a_mean_by() {
    // A stopped mean is no constant: it has its value, and sends nothing back.
    let stopped = |g: &mut Graph, v: NodeId| {
        let m = mean(g, v, 1);
        let m = g.stop_gradient(m, line(2));
        let difference = g.sub(v, m, line(3));
        g.mul(difference, difference, line(4))
    };
    assert_eq!(rounds("stopped", &stopped), 1);
    let scaled = |g: &mut Graph, v: NodeId| {
        let tau = losses::param(g, losses::TAU);
        let square = g.mul(v, v, line(1));
        let inner = g.push(Op::ScaleGradient(square, tau), line(2));
        let m = mean(g, inner, 3);
        let outer = g.push(Op::ScaleGradient(m, tau), line(4));
        g.mul(outer, v, line(5))
    };
    assert_eq!(rounds("scaled", &scaled), 1);
    // A gather inside, and one of an action-shaped value that holds a mean.
    let gathered = |g: &mut Graph, v: NodeId| {
        let q = output(g, ONLINE, Head::Q);
        let action = sample(g, Field::Action(0));
        let taken = g.at(q, action, line(1));
        let m = mean(g, taken, 2);
        let shifted = g.sub(q, m, line(3));
        let scaled = g.mul(shifted, v, line(4));
        g.at(scaled, action, line(5))
    };
    assert_eq!(rounds("gathered", &gathered), 1);
}

fn refused(build: &dyn Fn(&mut Graph, NodeId) -> NodeId) -> CompileError {
    let mut g = Graph::new(3);
    let v = output(&mut g, ONLINE, Head::V);
    let loss = build(&mut g, v);
    Objective::compile(traced(g, loss), &layout(4, 3, 1, &[Head::Q, Head::V])).expect_err("too many means")
}

#[test]
fn more_means_than_fit_are_refused_with_their_place() {
    let nested = |times: u32| {
        move |g: &mut Graph, v: NodeId| {
            let mut x = v;
            for level in 0..times {
                let m = mean(g, x, level + 1);
                let difference = g.sub(x, m, line(level + 1));
                x = g.mul(difference, v, line(level + 1));
            }
            let stopped = g.stop_gradient(x, line(50));
            g.mul(stopped, v, line(51))
        }
    };
    let error = refused(&nested(MAX_PHASES as u32 + 1));
    assert!(error.message.contains("9 times") && error.message.contains("at most 8"), "{error}");
    assert_eq!(error.span, Some(line(9)), "{error}");

    let many = |count: usize| {
        move |g: &mut Graph, v: NodeId| {
            let mut total = v;
            for k in 0..count {
                let bound = g.constant(k as f64);
                let clipped = g.binary(BinaryOp::Max, v, bound, line(k as u32 + 1));
                let m = mean(g, clipped, k as u32 + 1);
                let stopped = g.stop_gradient(m, line(70));
                total = g.add(total, stopped, line(70));
            }
            total
        }
    };
    let error = refused(&many(STAT_SLOTS + 1));
    assert!(error.message.contains("33 batch means") && error.message.contains("at most 32"), "{error}");
    assert_eq!(error.span, Some(line(33)), "{error}");

    // As many as fit do compile.
    for build in [&nested(MAX_PHASES as u32) as &dyn Fn(&mut Graph, NodeId) -> NodeId, &many(STAT_SLOTS)] {
        let mut g = Graph::new(3);
        let v = output(&mut g, ONLINE, Head::V);
        let loss = build(&mut g, v);
        let layout = layout(5, 3, 1, &[Head::Q, Head::V]);
        let traced = traced(g, loss);
        assert_none(disagreements("full", &traced, &Data::random(&layout, &[], -1.0, 1.0, 4), 0.1));
    }

    let per_action = |g: &mut Graph, v: NodeId| {
        let q = output(g, ONLINE, Head::Q);
        let m = mean(g, q, 3);
        let sum = g.sum(m, line(4));
        g.add(sum, v, line(4))
    };
    let error = refused(&per_action);
    assert!(error.message.contains("batch_mean takes one number per sample"), "{error}");
    assert_eq!(error.span, Some(line(3)));
}

#[test]
fn rounds_are_entry_points() {
    let loss = losses::normalised_advantage(40, 6);
    let objective = Objective::compile(loss.traced, &loss.layout).unwrap();
    insta::assert_snapshot!("normalised_advantage_wgsl", objective.wgsl());
    for phase in 0..objective.phases() {
        assert_eq!(objective.wgsl().matches(&format!("fn batch_means_{phase}(")).count(), 1);
    }
    assert!(!objective.wgsl().contains(&format!("fn batch_means_{}(", objective.phases())));
}
