//! The texts: WGSL that naga accepts (compiling checks that), and the listing.

use kelvin_objective::{BinaryOp, CmpOp, Field, Graph, Head, Objective, Op, Reads, UnaryOp};

use crate::losses::{self, Backup};
use crate::support::{ONLINE, TARGET, layout, line, output, traced};

#[test]
fn soft_kl_is_readable() {
    let loss = losses::value_loss("soft_kl", 32, 18, 1, Backup::SoftKl);
    let objective = Objective::compile(loss.traced, &loss.layout).unwrap();
    insta::assert_snapshot!("soft_kl_wgsl", objective.wgsl());
    insta::assert_snapshot!("soft_kl_graph", objective.graph_text());
}

#[test]
fn policy_gradient_is_readable() {
    let loss = losses::policy_gradient(80, 6);
    let objective = Objective::compile(loss.traced, &loss.layout).unwrap();
    insta::assert_snapshot!("policy_gradient_wgsl", objective.wgsl());
}

#[test]
fn only_what_is_read_is_bound() {
    for loss in losses::all(32, 18) {
        let objective = Objective::compile(loss.traced, &loss.layout).unwrap();
        let (text, reads) = (objective.wgsl(), objective.reads());
        let bound = |name: &str| {
            text.contains(&format!("> {name}: array")) || text.contains(&format!("{name}: array"))
        };
        assert!(text.contains("@binding(2)"), "{}", loss.name);
        assert_eq!(text.contains("@binding(3)"), !reads.online.is_empty(), "{}", loss.name);
        assert_eq!(text.contains("@binding(4)"), !reads.target.is_empty(), "{}", loss.name);
        assert_eq!(text.contains("@binding(5)"), objective.phases() > 0, "{}", loss.name);
        assert!(bound("grad") && bound("metrics"), "{}", loss.name);
        assert!(!text.contains("var<private>") && !text.contains("inf"), "{}", loss.name);
    }
}

/// The built-in functions lose a NaN; only whole numbers may go through them.
#[test]
fn no_minimum_or_maximum_of_numbers_is_built_in() {
    for loss in losses::all(2, 3) {
        let objective = Objective::compile(loss.traced, &loss.layout).unwrap();
        let (_, body) = objective.wgsl().split_once("fn objective").unwrap();
        for call in body.match_indices("max(").chain(body.match_indices("min(")) {
            let after = &body[call.0 + 4..];
            assert!(after.starts_with("largest") || after.starts_with("u32("), "{}: {after}", loss.name);
        }
        assert!(!body.contains("> best") && body.contains("largest >= 0x7f800000u"), "{}", loss.name);
    }
}

#[test]
fn passes_are_what_the_leaves_name() {
    let reads = |backup| {
        let loss = losses::value_loss("", 32, 18, 1, backup);
        Objective::compile(loss.traced, &loss.layout).unwrap().reads().clone()
    };
    let hard = Reads { trained: vec![0], online: vec![], target: vec![1] };
    assert_eq!(reads(Backup::Hard), hard);
    assert_eq!(reads(Backup::Double), Reads { online: vec![1], ..hard.clone() });
    assert_eq!(reads(Backup::Munchausen), Reads { target: vec![0, 1], ..hard });
}

/// Every operation in one kernel, on scalars and on actions, with truths as numbers and numbers as truths.
#[test]
fn every_operation_has_a_form() {
    let mut g = Graph::new(5);
    let q = output(&mut g, ONLINE, Head::Q);
    let target = output(&mut g, TARGET, Head::Q);
    let v = output(&mut g, ONLINE, Head::V);
    let action = g.push(Op::Sample(Field::Action(0)), line(1));
    let best = g.push(Op::ArgMax(q), line(1));
    let weight = g.push(Op::Sample(Field::Weight), line(1));
    let mut total = g.sum(q, line(1));
    for (x, y) in [(q, target), (v, weight), (q, v), (best, action)] {
        for op in UnaryOp::ALL {
            let y = g.unary(op, x, line(2));
            total = g.add(total, y, line(2));
        }
        for op in BinaryOp::ALL {
            let z = g.binary(op, y, x, line(3));
            total = g.add(total, z, line(3));
        }
        for op in CmpOp::ALL {
            let c = g.push(Op::Compare(op, x, y), line(4));
            let both = g.push(Op::And(c, x), line(4));
            let either = g.push(Op::Or(both, y), line(4));
            let not = g.push(Op::Not(either), line(4));
            let chosen = g.select(not, x, c, line(4));
            total = g.add(total, chosen, line(4));
        }
    }
    let chosen = g.push(Op::OneHot(action), line(5));
    total = g.mul(total, chosen, line(5));
    let scaled = g.push(Op::ScaleGradient(total, weight), line(6));
    let stopped = g.stop_gradient(scaled, line(6));
    total = g.add(stopped, scaled, line(6));
    let at_best = g.at(total, best, line(7));
    let max = g.max(total, line(7));
    let sum = g.add(at_best, max, line(7));
    let mean = g.mean(total, line(7));
    let loss = g.add(sum, mean, line(7));
    for heads in [&[Head::Q, Head::V][..], &[Head::V, Head::Q]] {
        let objective = Objective::compile(traced(g.clone(), loss), &layout(3, 5, 2, heads)).unwrap();
        assert!(
            ["tanh_of", "sigmoid_of", "pow_of"]
                .iter()
                .all(|name| objective.wgsl().contains(&format!("fn {name}(")))
        );
    }
}

#[test]
fn literals_read_back() {
    for value in
        [1e-38, 1.1754944e-38, 3.4028235e38, -3.4028235e38, 0.1, -0.0, 1e-45, 16777217.0, -1.5e-7, 1e10]
    {
        let mut g = Graph::new(2);
        let q = output(&mut g, ONLINE, Head::Q);
        let k = g.constant(value);
        let scaled = g.mul(k, q, line(1));
        let shifted = g.sub(scaled, k, line(1));
        let loss = g.sum(shifted, line(1));
        // A batch of 1, so that the constants are in the gradient as they are.
        let objective = Objective::compile(traced(g, loss), &layout(1, 2, 1, &[Head::Q]));
        if value == 0.0 {
            continue;
        }
        let objective = objective.unwrap_or_else(|e| panic!("{value:e}: {e}"));
        let literal = format!("{:?}", (value as f32).abs());
        assert!(objective.wgsl().contains(&literal), "{literal}\n{}", objective.wgsl());
    }
}

#[test]
fn the_name_of_a_metric_cannot_end_its_comment() {
    let loss = losses::value_loss("dqn", 2, 3, 1, Backup::Hard);
    let mut t = loss.traced;
    t.metrics[0].0 = "a\n}\nfn broken( {\u{2028}//".into();
    let objective = Objective::compile(t, &loss.layout).unwrap();
    assert!(objective.wgsl().contains(r#"// "a\n}\nfn broken( {\u{2028}//""#), "{}", objective.wgsl());
}
