//! Graphs whose adjoints could outgrow them: compiling takes time in proportion to the graph, or stops with an
//! error.

use std::time::{Duration, Instant};

use kelvin_objective::{BinaryOp, CmpOp, Field, Graph, Head, NodeId, Objective, Op, Span, Traced, UnaryOp};

use crate::differences::disagreements;
use crate::support::{Data, ONLINE, TARGET, layout, line, output, traced};

/// A value folded into itself `rounds` times by `step(graph, value, other)`.
fn folded(rounds: usize, every_action: bool, step: Step) -> Traced {
    let mut g = Graph::new(3);
    let (q, other) = (output(&mut g, ONLINE, Head::Q), output(&mut g, TARGET, Head::Q));
    let action = g.push(Op::Sample(Field::Action(0)), Span::NONE);
    let (mut x, a) =
        if every_action { (q, other) } else { (g.at(q, action, line(1)), g.at(other, action, line(1))) };
    for _ in 0..rounds {
        x = step(&mut g, x, a);
    }
    let loss = if every_action { g.sum(x, line(9)) } else { x };
    traced(g, loss)
}

type Step = fn(&mut Graph, NodeId, NodeId) -> NodeId;

/// Each doubles the paths from the loss back to the network's output, all of them behind selects.
const STEPS: [(&str, Step); 4] = [
    ("max and min", |g, x, a| {
        let (half, third) = (g.constant(0.5), g.constant(0.3));
        let (max, min) = (g.binary(BinaryOp::Max, x, a, line(2)), g.binary(BinaryOp::Min, x, a, line(2)));
        let (left, right) = (g.mul(max, half, line(2)), g.mul(min, third, line(2)));
        g.add(left, right, line(2))
    }),
    ("one condition, two slopes", |g, x, a| {
        let condition = g.push(Op::Compare(CmpOp::Gt, a, x), line(2));
        let (up, down) = (g.constant(1.1), g.constant(0.9));
        let (up, down) = (g.mul(x, up, line(2)), g.mul(x, down, line(2)));
        g.select(condition, up, down, line(2))
    }),
    ("a chain of clips", |g, x, a| {
        let (slope, low) = (g.constant(0.9), g.constant(-4.0));
        let scaled = g.mul(x, slope, line(2));
        let raised = g.add(scaled, a, line(2));
        g.binary(BinaryOp::Max, raised, low, line(2))
    }),
    ("product of choices", |g, x, a| {
        let (max, min) = (g.binary(BinaryOp::Max, x, a, line(2)), g.binary(BinaryOp::Min, x, a, line(2)));
        let product = g.mul(max, min, line(2));
        g.unary(UnaryOp::Tanh, product, line(2))
    }),
];

#[test]
fn adjoints_behind_selects_grow_with_the_graph_only() {
    let mut found = Vec::new();
    for (name, step) in STEPS {
        for every_action in [false, true] {
            for rounds in [3, 30] {
                let layout = layout(5, 3, 1, &[Head::Q]);
                let traced = folded(rounds, every_action, step);
                let start = Instant::now();
                Objective::compile(traced.clone(), &layout).unwrap();
                let time = start.elapsed();
                // Some milliseconds; unoptimised builds take some twenty times as long.
                let limit = if cfg!(debug_assertions) { 2000 } else { 100 };
                let name = format!("{name}, {rounds} rounds, every action: {every_action}");
                if time > Duration::from_millis(limit) {
                    found.push(format!("{name}: compiling took {time:?}"));
                }
                let data = Data::random(&layout, &[], -1.0, 1.0, 3);
                found.extend(disagreements(&name, &traced, &data, 0.1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_loop_of_very_many_rounds_is_refused() {
    let error =
        Objective::compile(folded(30_000, false, STEPS[0].1), &layout(5, 3, 1, &[Head::Q])).unwrap_err();
    assert!(error.message.contains("more than 100000 operations"), "{error}");
    assert_eq!(error.span, Some(line(2)), "{error}");
    assert!(error.hint.contains("loop"), "{error}");
}

/// On the small stack of a test's thread: no pass may recurse along the graph.
#[test]
fn a_long_chain_needs_no_deep_stack() {
    let chains: [Step; 3] = [
        |g, x, a| g.mul(x, a, line(2)),
        |g, x, a| g.binary(BinaryOp::Pow, x, a, line(2)),
        |g, x, a| {
            let shift = g.constant(g.len() as f64);
            let moved = g.add(a, shift, line(2));
            g.binary(BinaryOp::Max, x, moved, line(2))
        },
    ];
    for chain in chains {
        let traced = folded(5_000, true, chain);
        let mut graph = traced.graph;
        let action = graph.push(Op::Sample(Field::Action(0)), line(3));
        let Op::Reduce(_, chained) = *graph.op(traced.loss) else { unreachable!("a sum over the actions") };
        let loss = graph.at(chained, action, line(3));
        Objective::compile(self::traced(graph, loss), &layout(5, 3, 1, &[Head::Q])).unwrap();
    }
}

#[test]
fn an_index_chosen_again_and_again_is_checked_once() {
    let mut g = Graph::new(3);
    let q = output(&mut g, ONLINE, Head::Q);
    let reward = g.push(Op::Sample(Field::Reward(0)), Span::NONE);
    let mut index = g.push(Op::Sample(Field::Action(0)), Span::NONE);
    for round in 0..64 {
        let bound = g.constant(f64::from(round));
        let above = g.push(Op::Compare(CmpOp::Gt, reward, bound), line(1));
        index = g.select(above, index, index, line(1));
    }
    let loss = g.at(q, index, line(2));
    Objective::compile(traced(g, loss), &layout(5, 3, 1, &[Head::Q])).unwrap();
}

/// The slope of a square root at 0 is infinite, and many selects lie between it and the loss: none of them may
/// be passed as `0 · ∞`.
#[test]
fn many_choices_keep_the_side_not_taken_silent() {
    let mut g = Graph::new(2);
    let (q, a) = (output(&mut g, ONLINE, Head::Q), output(&mut g, TARGET, Head::Q));
    let zero = g.constant(0.0);
    let positive = g.push(Op::Compare(CmpOp::Gt, q, zero), line(1));
    let root = g.unary(UnaryOp::Sqrt, q, line(1));
    let mut x = g.select(positive, root, zero, line(1));
    for _ in 0..8 {
        x = STEPS[0].1(&mut g, x, a);
    }
    let loss = g.sum(x, line(2));
    let layout = layout(1, 2, 1, &[Head::Q]);
    let objective = Objective::compile(traced(g, loss), &layout).unwrap();
    let mut data = Data::random(&layout, &[], -1.0, 1.0, 1);
    data.row_mut(ONLINE, 0).copy_from_slice(&[0.0, 4.0]);
    let grad = data.run::<f64>(&objective).grad;
    assert_eq!(grad[0], 0.0);
    // Slopes of 0.5 and 0.3 along every path.
    assert!(grad[1].is_finite() && grad[1] > 0.0, "{grad:?}");
}
