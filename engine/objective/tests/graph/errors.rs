//! What is refused, where, and with which words.

use kelvin_objective::{CompileError, Field, Graph, Head, NodeId, Objective, Op, Pass, Span, UnaryOp};

use crate::support::{ONLINE, TARGET, layout, line, output, traced};

/// The error for a loss built from `net.q` of three actions.
fn refused(build: &dyn Fn(&mut Graph, NodeId) -> NodeId) -> CompileError {
    let mut g = Graph::new(3);
    let q = output(&mut g, ONLINE, Head::Q);
    let loss = build(&mut g, q);
    Objective::compile(traced(g, loss), &layout(4, 3, 1, &[Head::Q])).expect_err("should be refused")
}

fn says(error: &CompileError, line_number: u32, words: &str) {
    assert!(error.message.contains(words), "{error}");
    assert_eq!(error.span, Some(line(line_number)), "{error}");
    assert!(!error.hint.is_empty());
}

#[test]
fn a_loss_that_learns_nothing() {
    let words = "does not depend on net.q";
    says(&refused(&|g, _| g.push(Op::Sample(Field::Reward(0)), line(3))), 3, words);
    let stopped = |g: &mut Graph, q| {
        let max = g.max(q, line(2));
        g.stop_gradient(max, line(3))
    };
    says(&refused(&stopped), 3, words);
    let compared = |g: &mut Graph, q| {
        let max = g.max(q, line(2));
        let zero = g.constant(0.0);
        g.push(Op::Compare(kelvin_objective::CmpOp::Gt, max, zero), line(3))
    };
    says(&refused(&compared), 3, words);
}

#[test]
fn shapes() {
    says(&refused(&|g, q| g.unary(UnaryOp::Exp, q, line(3))), 3, "the loss has one number per action");
    let sum_of_scalar = |g: &mut Graph, q| {
        let max = g.max(q, line(2));
        g.sum(max, line(3))
    };
    says(&refused(&sum_of_scalar), 3, "needs one number per action");
    let reward_as_index = |g: &mut Graph, q| {
        let reward = g.push(Op::Sample(Field::Reward(0)), line(2));
        g.at(q, reward, line(3))
    };
    says(&refused(&reward_as_index), 3, "not an action index");
    let too_far = |g: &mut Graph, q| {
        let three = g.constant(3.0);
        g.at(q, three, line(3))
    };
    says(&refused(&too_far), 3, "not an action index");
}

#[test]
fn metrics() {
    let mut g = Graph::new(3);
    let q = output(&mut g, ONLINE, Head::Q);
    let loss = g.max(q, line(1));
    let mut t = traced(g, loss);
    let per_action = t.graph.unary(UnaryOp::Exp, q, line(2));
    t.metrics = vec![("spread".into(), per_action)];
    let layout = layout(4, 3, 1, &[Head::Q]);
    says(
        &Objective::compile(t.clone(), &layout).unwrap_err(),
        2,
        "metric \"spread\" has one number per action",
    );
    t.metrics = (0..16).map(|k| (format!("m{k}"), loss)).collect();
    says(&Objective::compile(t, &layout).unwrap_err(), 1, "metric \"m15\" is one too many");
}

#[test]
fn numbers_that_no_f32_holds() {
    for value in [1e39, f64::INFINITY, f64::NAN, 1e-60] {
        let build = |g: &mut Graph, q: NodeId| {
            let k = g.push(Op::constant(value), line(2));
            let scaled = g.mul(k, q, line(3));
            g.max(scaled, line(3))
        };
        says(&refused(&build), 2, "cannot be held by a 32-bit float");
    }
    let log_of_zero = |g: &mut Graph, q: NodeId| {
        let zero = g.constant(0.0);
        let log = g.unary(UnaryOp::Log, zero, line(2));
        let scaled = g.mul(log, q, line(3));
        g.max(scaled, line(3))
    };
    says(&refused(&log_of_zero), 2, "not a number that a 32-bit float can hold");
}

#[test]
fn what_the_layout_does_not_have() {
    let head = |g: &mut Graph, q: NodeId| {
        let v = g.push(Op::Output(TARGET, Head::V), line(2));
        let sum = g.add(q, v, line(3));
        g.max(sum, line(3))
    };
    let error = refused(&head);
    says(&error, 2, "no head \"v\"");
    assert!(error.hint.contains("t.v"));
    let step = |g: &mut Graph, q: NodeId| {
        let reward = g.push(Op::Sample(Field::Reward(1)), line(2));
        let sum = g.add(q, reward, line(3));
        g.max(sum, line(3))
    };
    says(&refused(&step), 2, "outside of the window of 1 steps");
    let state = |g: &mut Graph, q: NodeId| {
        let beyond = g.push(Op::Output(Pass::target(2), Head::Q), line(2));
        let sum = g.add(q, beyond, line(3));
        g.max(sum, line(3))
    };
    says(&refused(&state), 2, "state 2 is outside of the window of 1 steps");
    let param = |g: &mut Graph, q: NodeId| {
        let param = g.push(Op::Param(64), line(2));
        let sum = g.add(q, param, line(3));
        g.max(sum, line(3))
    };
    says(&refused(&param), 2, "one too many");
}

#[test]
fn sizes_of_nothing() {
    let mut g = Graph::new(3);
    let q = output(&mut g, ONLINE, Head::Q);
    let loss = g.max(q, Span::NONE);
    let t = traced(g, loss);
    let good = layout(4, 3, 1, &[Head::Q]);
    for bad in [
        kelvin_objective::Layout { batch: 0, ..good.clone() },
        kelvin_objective::Layout { actions: 4, ..good.clone() },
        kelvin_objective::Layout { heads: vec![], ..good.clone() },
        kelvin_objective::Layout { metric_slots: 0, ..good.clone() },
    ] {
        assert!(Objective::compile(t.clone(), &bad).is_err(), "{bad:?}");
    }
}
