//! Gradients into several states of a window, and what a kernel reads there.

use kelvin_objective::{Field, Graph, Head, Net, NodeId, Objective, Op, Pass, Reads, Traced};

use crate::differences::{assert_none, disagreements};
use crate::losses::{self, Loss};
use crate::support::{Data, close, layout, line, output, traced};

#[test]
fn gradients_flow_into_every_state() {
    let mut found = Vec::new();
    for (batch, actions, window) in [(1, 2, 1), (1, 18, 3), (5, 18, 1), (3, 4, 6), (2, 18, 20)] {
        for tau in [0.01, 0.5, 10.0] {
            let loss = losses::consistent_window(batch, actions, window);
            let data = Data::random(&loss.layout, &[tau, 0.9], -2.0, 2.0, (batch * window) as u64);
            let name = format!("batch {batch} actions {actions} window {window} tau {tau}");
            found.extend(disagreements(&name, &loss.traced, &data, 0.1));
        }
    }
    assert_none(found);
}

#[test]
fn a_window_of_128_steps() {
    let Loss { layout, traced, .. } = losses::consistent_window(2, 3, 128);
    let data = Data::random(&layout, &[0.3, 0.99], -1.0, 1.0, 8);
    let objective = Objective::compile(traced.clone(), &layout).unwrap();
    assert_eq!(objective.reads(), &Reads { trained: (0..=128).collect(), ..Reads::default() });
    assert_none(disagreements("128 steps", &traced, &data, 0.1));
    let (single, double) = (data.run::<f32>(&objective), data.run::<f64>(&objective));
    for (single, double) in single.grad.iter().zip(&double.grad) {
        // 128 additions of terms of the size of the sum, and the gradients are of size 1.
        assert!(close(*single, *double, 128.0 * f64::from(f32::EPSILON) * double.abs().max(1.0)));
    }
}

/// The regions are sorted by state whatever the order of the script, and a state is either trained or read.
#[test]
fn regions_are_what_the_gradient_reaches() {
    let heads = [Head::V, Head::Q];
    let mut g = Graph::new(4);
    let value = |g: &mut Graph, pass| output(g, pass, Head::V);
    let (far, near) = (value(&mut g, Pass::online(3)), value(&mut g, Pass::online(1)));
    let stopped = value(&mut g, Pass::online(2));
    let stopped = g.stop_gradient(stopped, line(1));
    let compared = value(&mut g, Pass::online(0));
    let (late, early) = (value(&mut g, Pass::target(3)), value(&mut g, Pass::target(0)));
    let condition = g.push(Op::Compare(kelvin_objective::CmpOp::Gt, compared, early), line(2));
    let chosen = g.select(condition, far, late, line(2));
    let product = g.mul(chosen, near, line(3));
    let product = g.mul(product, stopped, line(3));
    let metric = output(&mut g, Pass::target(2), Head::Q);
    let metric = g.sum(metric, line(4));
    let traced = Traced { graph: g, loss: product, metrics: vec![("sum".into(), metric)] };
    let layout = layout(3, 4, 3, &heads);
    let objective = Objective::compile(traced.clone(), &layout).unwrap();
    let expected = Reads { trained: vec![1, 3], online: vec![0, 2], target: vec![0, 2, 3] };
    assert_eq!(objective.reads(), &expected);
    assert_eq!(objective.reads().states(), [0, 1, 2, 3]);
    for (line, states) in [(2, "states 1, 3"), (3, "states 0, 2"), (4, "states 0, 2 to 3")] {
        let binding = objective.wgsl().lines().find(|l| l.contains(&format!("@binding({line})"))).unwrap();
        assert!(binding.ends_with(states), "{binding}");
    }
    assert_none(disagreements("regions", &traced, &Data::random(&layout, &[], -2.0, 2.0, 5), 0.1));
}

/// The loss is NaN where an output of a state that is read is none, whatever the script makes of it.
#[test]
fn a_broken_output_shows_in_the_loss_from_every_state() {
    let window = 3;
    let layout = layout(2, 3, window, &[Head::V, Head::Q]);
    let mut g = Graph::new(3);
    let mut total = output(&mut g, Pass::online(0), Head::V);
    let zero = g.constant(0.0);
    for pass in (0..=window).flat_map(|state| [Pass::online(state), Pass::target(state)]) {
        let q = output(&mut g, pass, Head::Q);
        let best = g.push(Op::ArgMax(q), line(1));
        let above = g.push(Op::Compare(kelvin_objective::CmpOp::Gt, best, zero), line(2));
        total = g.add(total, above, line(3));
    }
    let objective = Objective::compile(traced(g, total), &layout).unwrap();
    let all: Vec<usize> = (0..=window).collect();
    assert_eq!(objective.reads(), &Reads { trained: vec![0], online: all[1..].to_vec(), target: all });
    let sound = Data::random(&layout, &[], -1.0, 1.0, 3);
    assert!(sound.run::<f32>(&objective).loss.iter().all(|loss| loss.is_finite()));
    for pass in (0..=window).flat_map(|state| [Pass::online(state), Pass::target(state)]) {
        for (sample, column) in [(0, 0), (1, 3)] {
            let mut data = sound.clone();
            data.row_mut(pass, sample)[column] = f64::INFINITY;
            let loss = data.run::<f32>(&objective).loss;
            assert_eq!([loss[0].is_nan(), loss[1].is_nan()], [sample == 0, sample == 1], "{pass:?}");
        }
    }
    for (region, states) in [("online", 3), ("target_net", 4)] {
        let look = format!(
            "for (var s = 0u; s < {states}u; s++) {{\n        for (var k = 0u; k < OUTPUTS; k++) {{ largest = \
             max(largest, size_bits({region}[row + s * STATE + k])); }}"
        );
        assert!(objective.wgsl().contains(&look), "{}", objective.wgsl());
    }
}

/// What simplification removes is not read: no forward pass for it.
#[test]
fn a_gradient_that_vanishes_trains_nothing() {
    let mut g = Graph::new(2);
    let (now, next) = (output(&mut g, Pass::online(0), Head::V), output(&mut g, Pass::online(1), Head::V));
    let zero = g.constant(0.0);
    let scaled = g.push(Op::ScaleGradient(next, zero), line(1));
    let never = g.constant(0.0);
    let target = output(&mut g, Pass::target(1), Head::V);
    let dead = g.select(never, target, scaled, line(2));
    let sum = g.mul(now, dead, line(2));
    let objective = Objective::compile(traced(g, sum), &layout(2, 2, 1, &[Head::V])).unwrap();
    // The factor 0 multiplies the adjoint, and 0 · x is kept for the sake of a NaN: still trained.
    assert_eq!(objective.reads(), &Reads { trained: vec![0, 1], ..Reads::default() });

    type Build = fn(&mut Graph, NodeId, NodeId) -> NodeId;
    let untrained: [Build; 3] = [
        |g, now, next| {
            let next = g.stop_gradient(next, line(1));
            g.mul(now, next, line(2))
        },
        |g, now, next| {
            let zero = g.constant(0.0);
            let next = g.push(Op::ScaleGradient(next, zero), line(1));
            g.add(now, next, line(2))
        },
        // Not simplified, because it may be ∞ - ∞; but the two slopes cancel.
        |g, now, next| {
            let nothing = g.sub(next, next, line(1));
            g.add(now, nothing, line(2))
        },
    ];
    for build in untrained {
        let mut g = Graph::new(2);
        let (now, next) =
            (output(&mut g, Pass::online(0), Head::V), output(&mut g, Pass::online(1), Head::V));
        let loss = build(&mut g, now, next);
        let objective = Objective::compile(traced(g, loss), &layout(2, 2, 1, &[Head::V])).unwrap();
        assert_eq!(objective.reads(), &Reads { trained: vec![0], online: vec![1], ..Reads::default() });
    }
}

/// Gathers are pushed to the outputs of every state, online and target.
#[test]
fn every_state_is_gathered_at_its_leaf() {
    let mut g = Graph::new(6);
    let tau = losses::param(&mut g, losses::TAU);
    let mut total = g.constant(0.0);
    for pass in [Pass::online(0), Pass::online(1), Pass::online(2), Pass::target(1), Pass::target(2)] {
        let step = pass.state.min(1);
        let action = losses::sample(&mut g, Field::Action(step));
        let q = output(&mut g, pass, Head::Q);
        let scaled = g.div(q, tau, line(2));
        let log_p = g.log_softmax(scaled, line(3));
        let taken = g.at(log_p, action, line(4));
        total = g.add(total, taken, line(5));
    }
    let traced = traced(g, total);
    let layout = layout(4, 6, 2, &[Head::Q]);
    let objective = Objective::compile(traced.clone(), &layout).unwrap();
    let gathers =
        ["net.q[action_0]", "net.steps.q[1][action_1]", "net.next.q[action_1]", "t.next.q[action_1]"];
    for gather in gathers {
        assert!(objective.graph_text().contains(gather), "{gather}\n{}", objective.graph_text());
    }
    assert_none(disagreements("gathers", &traced, &Data::random(&layout, &[0.7], -2.0, 2.0, 2), 0.1));
}

/// Every field of every step is read where the layout says.
#[test]
fn fields_have_their_rows() {
    let window = 3;
    let layout = layout(2, 3, window, &[Head::V]);
    let mut data = Data::random(&layout, &[], -1.0, 1.0, 1);
    let fields = [Field::Reward, Field::Terminated, Field::Action, Field::BehaviourLogp, Field::Valid];
    let all = fields.iter().flat_map(|field| (0..window).map(field)).chain([Field::Weight]);
    let all: Vec<Field> = all.collect();
    assert_eq!(all.len(), layout.fields());
    let mut rows: Vec<usize> = all.iter().map(|&field| layout.field(field)).collect();
    rows.sort_unstable();
    assert_eq!(rows, (0..layout.fields()).collect::<Vec<_>>());
    for (number, &field) in all.iter().enumerate() {
        let mut g = Graph::new(3);
        let v = output(&mut g, Pass::online(0), Head::V);
        let stored = losses::sample(&mut g, field);
        let loss = g.mul(v, stored, line(1));
        let objective = Objective::compile(traced(g, loss), &layout).unwrap();
        // Distinct, and legal as actions.
        let value = f64::from(u8::from(matches!(field, Field::Action(_)))) + number as f64 / 64.0;
        data.set(field, 1, value);
        let found = data.run::<f64>(&objective).loss[1];
        assert_eq!(found, value * data.row(Pass { net: Net::Online, state: 0 }, 1)[0], "{field:?}");
        let text = if matches!(field, Field::Action(_)) { "action(" } else { "field(" };
        assert!(objective.wgsl().contains(&format!("{text}{}u, i)", layout.field(field))), "{field:?}");
    }
}
