//! Random graphs: a kernel computes what its traced graph says, whatever the passes made of it. The oracle
//! walks the traced graph and knows neither folding, simplification, slots nor shapes smaller than a row.

use kelvin_objective::{
    BinaryOp, CmpOp, Field, Graph, Head, Layout, NodeId, Objective, Op, Pass, ReduceOp, Shape, Traced,
    UnaryOp,
};

use crate::differences::{assert_none, compare};
use crate::support::{Data, ONLINE, Random, TARGET, layout, line};

/// Values of all nodes, by sample, every one as a row of actions.
fn evaluate(graph: &Graph, data: &Data) -> Vec<Vec<Vec<f64>>> {
    let mut values = Vec::new();
    for id in graph.ids() {
        let rows = (0..data.layout.batch).map(|sample| row(graph, data, id, sample, &values)).collect();
        values.push(rows);
    }
    values
}

/// One node's value for one sample, from those before it.
fn row(graph: &Graph, data: &Data, id: NodeId, sample: usize, values: &[Vec<Vec<f64>>]) -> Vec<f64> {
    let Layout { batch, actions, .. } = data.layout;
    let truth = |x: f64| x != 0.0;
    let number = |b: bool| f64::from(u8::from(b));
    let of = |id: NodeId| &values[id.index()][sample];
    let each = |f: &dyn Fn(usize) -> f64| (0..actions).map(f).collect::<Vec<f64>>();
    match *graph.op(id) {
        Op::Const(bits) => each(&|_| f64::from_bits(bits)),
        Op::Param(slot) => each(&|_| data.inputs.uniforms[slot]),
        Op::Sample(field) => each(&|_| data.field(field, sample)),
        Op::Output(pass, head) => {
            let column = data.layout.column(head).unwrap();
            let step = usize::from(head.shape() == Shape::Action);
            each(&|a| data.row(pass, sample)[column + a * step])
        }
        Op::Unary(op, x) => each(&|a| {
            let x = of(x)[a];
            match op {
                UnaryOp::Neg => -x,
                UnaryOp::Exp => x.exp(),
                UnaryOp::Log => x.ln(),
                UnaryOp::Sqrt => x.sqrt(),
                UnaryOp::Abs => x.abs(),
                UnaryOp::Tanh => x.tanh(),
                UnaryOp::Sigmoid if x >= 0.0 => 1.0 / (1.0 + (-x).exp()),
                UnaryOp::Sigmoid => x.exp() / (1.0 + x.exp()),
            }
        }),
        Op::Binary(op, x, y) => each(&|a| {
            let (x, y) = (of(x)[a], of(y)[a]);
            let nan = x.is_nan() || y.is_nan();
            match op {
                BinaryOp::Add => x + y,
                BinaryOp::Sub => x - y,
                BinaryOp::Mul => x * y,
                BinaryOp::Div => x / y,
                BinaryOp::Min | BinaryOp::Max if nan => f64::NAN,
                BinaryOp::Min => x.min(y),
                BinaryOp::Max => x.max(y),
                BinaryOp::Pow if x < 0.0 => f64::NAN,
                BinaryOp::Pow => x.powf(y),
            }
        }),
        Op::Compare(op, x, y) => each(&|a| {
            let (x, y) = (of(x)[a], of(y)[a]);
            number(match op {
                CmpOp::Lt => x < y,
                CmpOp::Le => x <= y,
                CmpOp::Gt => x > y,
                CmpOp::Ge => x >= y,
                CmpOp::Eq => x == y,
                CmpOp::Ne => x != y,
            })
        }),
        Op::And(x, y) => each(&|a| number(truth(of(x)[a]) && truth(of(y)[a]))),
        Op::Or(x, y) => each(&|a| number(truth(of(x)[a]) || truth(of(y)[a]))),
        Op::Not(x) => each(&|a| number(!truth(of(x)[a]))),
        Op::Select(c, x, y) => each(&|a| if truth(of(c)[a]) { of(x)[a] } else { of(y)[a] }),
        Op::At(x, i) => each(&|_| of(x)[of(i)[0] as usize]),
        Op::OneHot(i) => each(&|a| number(a == of(i)[0] as usize)),
        Op::Reduce(ReduceOp::Sum, x) => each(&|_| of(x).iter().fold(0.0, |sum, x| sum + x)),
        Op::Reduce(ReduceOp::Max, x) => {
            let nan = of(x).iter().any(|x| x.is_nan());
            each(&|_| {
                if nan { f64::NAN } else { of(x).iter().copied().fold(f64::NEG_INFINITY, f64::max) }
            })
        }
        Op::ArgMax(x) => {
            let row = of(x);
            let nan = row.iter().position(|x| x.is_nan());
            let best = nan.unwrap_or_else(|| {
                (0..actions).rev().max_by(|&a, &b| row[a].partial_cmp(&row[b]).unwrap()).unwrap()
            });
            each(&|_| best as f64)
        }
        Op::BatchMean(x) => {
            let sum: f64 = (0..batch).map(|sample| values[x.index()][sample][0]).sum();
            each(&|_| sum / batch as f64)
        }
        Op::StopGradient(x) | Op::ScaleGradient(x, _) => of(x).clone(),
    }
}

/// The first is what a random operation falls back to, and has one number per action.
const HEADS: [Head; 3] = [Head::Q, Head::V, Head::Logits];

/// Some thirty operations on operands drawn from what is there.
fn random_graph(random: &mut Random, actions: usize) -> Graph {
    let mut g = Graph::new(actions);
    let mut nodes = Vec::new();
    let mut indices = Vec::new();
    for pass in [ONLINE, TARGET, Pass::target(1), Pass::online(1)] {
        for head in HEADS {
            let id = g.push(Op::Output(pass, head), line(1));
            assert_eq!(*g.op(id), Op::Output(pass, head));
            nodes.push(id);
        }
    }
    nodes.extend([Op::Param(0), Op::Param(1), Op::Sample(Field::Reward(0))].map(|op| g.push(op, line(1))));
    nodes.extend([0.0, 1.0, -1.0, 2.0, 0.25, 3.0].map(|k| g.constant(k)));
    indices.push(g.push(Op::Sample(Field::Action(0)), line(1)));
    indices.push(g.constant((actions - 1) as f64));
    for number in 0..30 {
        let mut pick = || nodes[random.below(nodes.len())];
        let (x, y, z) = (pick(), pick(), pick());
        let index = indices[random.below(indices.len())];
        let per_action = [x, y, z, nodes[0]].into_iter().find(|&x| g.shape(x) == Shape::Action).unwrap();
        let binary = BinaryOp::ALL[random.below(7)];
        // The one rewrite that changes digits, `x - (max + y)`, has a test of its own.
        let op = match random.below(13) {
            0 => Op::Unary(UnaryOp::ALL[random.below(7)], x),
            1..=3 if !matches!(*g.op(x), Op::Reduce(ReduceOp::Max, _) | Op::StopGradient(_)) => {
                Op::Binary(binary, x, y)
            }
            1..=3 => Op::Unary(UnaryOp::Neg, y),
            4 => Op::Compare(CmpOp::ALL[random.below(6)], x, y),
            5 => [Op::And(x, y), Op::Or(x, y), Op::Not(x)][random.below(3)],
            6 | 7 => Op::Select(x, y, z),
            8 => Op::At(per_action, index),
            9 => Op::OneHot(index),
            10 => Op::Reduce(ReduceOp::ALL[random.below(2)], per_action),
            11 if g.shape(z) == Shape::Scalar && random.below(2) == 0 => Op::BatchMean(z),
            _ => [Op::ArgMax(per_action), Op::StopGradient(x)][random.below(2)],
        };
        let id = g.push(op, line(number + 2));
        assert!(*g.op(id) == op || g.as_constant(id).is_some(), "{op:?} became {:?}", g.op(id));
        if let Op::ArgMax(_) = op {
            indices.push(id);
        }
        nodes.push(id);
    }
    g
}

#[test]
fn kernels_compute_what_was_traced() {
    let mut random = Random::new(2024);
    let mut compiled = 0;
    for round in 0..600 {
        let actions = [1, 2, 5][round % 3];
        let mut g = random_graph(&mut random, actions);
        // The last scalars as metrics, and a loss that learns something.
        let scalars: Vec<NodeId> = g.ids().filter(|&id| g.shape(id) == Shape::Scalar).collect();
        let metrics: Vec<(String, NodeId)> =
            scalars.iter().rev().take(15).map(|&id| (format!("{}", id.index()), id)).collect();
        let q = g.push(Op::Output(ONLINE, Head::Q), line(1));
        let loss = g.sum(q, line(99));
        let layout = layout(3, actions, 1, &HEADS);
        let traced = Traced { graph: g.clone(), loss, metrics: metrics.clone() };
        let objective = match Objective::compile(traced.clone(), &layout) {
            Ok(objective) => objective,
            // Some divide a constant by zero; that is the only fault such a graph can have.
            Err(error) => {
                assert!(error.message.contains("32-bit float"), "round {round}: {error}\n{g:?}");
                continue;
            }
        };
        compiled += 1;
        let data = Data::random(&layout, &[0.5, 2.0], -2.0, 2.0, round as u64);
        let output = data.run::<f64>(&objective);
        let values = evaluate(&g, &data);
        let library = traced.evaluate(&layout, &data.inputs, None);
        for (id, sample) in g.ids().flat_map(|id| (0..3).map(move |sample| (id, sample))) {
            for (k, &value) in library.get(id, sample).iter().enumerate() {
                let expected = values[id.index()][sample][k];
                let same = value == expected || value.is_nan() && expected.is_nan();
                let near = (value - expected).abs() <= 1e-12 * expected.abs();
                assert!(same || near, "round {round}: {value} instead of {expected} for {:?}", g.op(id));
            }
        }
        for (slot, (_, id)) in metrics.iter().enumerate() {
            for (sample, row) in values[id.index()].iter().enumerate() {
                let (kernel, traced) = (output.metrics[sample * 16 + slot + 1], row[0]);
                // Rewrites change no bit but the sign of a zero, and a reciprocal of it.
                let same = kernel == traced
                    || (kernel.is_nan() && traced.is_nan())
                    || (kernel.is_infinite() && traced.is_infinite());
                // Sigmoid's two forms differ by rounding.
                let near = (kernel - traced).abs() <= 1e-12 * traced.abs();
                assert!(
                    same || near,
                    "round {round}: {kernel} instead of {traced} for {:?}\n{g:?}",
                    g.op(*id)
                );
            }
        }
    }
    assert!(compiled > 300, "only {compiled} of 600 graphs compiled");
}

/// The same graphs as losses, squeezed into a range where differences have digits. Those whose gradient is
/// infinite somewhere have no difference to compare with.
#[test]
fn gradients_are_those_of_what_was_traced() {
    let mut random = Random::new(77);
    let (mut found, mut compared, mut kinks, mut elements) = (Vec::new(), 0, 0, 0);
    for round in 0..600 {
        let actions = [1, 2, 5][round % 3];
        let mut g = random_graph(&mut random, actions);
        let scalars: Vec<NodeId> = g.ids().filter(|&id| g.shape(id) == Shape::Scalar).collect();
        let mut loss = g.constant(0.0);
        for &scalar in scalars.iter().rev().take(6) {
            let tenth = g.constant(0.1);
            let small = g.mul(tenth, scalar, line(50));
            let squeezed = g.unary(UnaryOp::Tanh, small, line(50));
            loss = g.add(loss, squeezed, line(51));
        }
        let layout = layout(3, actions, 1, &HEADS);
        let traced = Traced { graph: g, loss, metrics: vec![] };
        let data = Data::random(&layout, &[0.5, 2.0], -2.0, 2.0, round as u64);
        // Nothing to learn, or a constant divided by zero.
        let Ok(objective) = Objective::compile(traced.clone(), &layout) else { continue };
        let output = data.run::<f64>(&objective);
        if output.grad.iter().chain(&output.loss).any(|x| !x.is_finite() || x.abs() > 100.0) {
            continue;
        }
        let comparison = compare(&format!("round {round}"), &traced, &data, 0.01);
        if !comparison.disagreements.is_empty() {
            found.push(objective.graph_text());
        }
        found.extend(comparison.disagreements);
        compared += 1;
        kinks += comparison.kinks;
        elements += comparison.elements;
    }
    assert_none(found);
    assert!(compared > 200, "only {compared} of 600 graphs compared");
    assert!(kinks * 5 < elements, "{kinks} of {elements} elements on a kink");
}

/// `select(per action, v, v)` equals `v`, but it has one number per action: its sum is `actions · v`.
#[test]
fn a_shorter_node_keeps_the_shape() {
    let mut g = Graph::new(5);
    let q = g.push(Op::Output(ONLINE, Head::Q), line(1));
    let v = g.push(Op::Output(ONLINE, Head::V), line(1));
    let condition = g.push(Op::Compare(CmpOp::Gt, q, v), line(2));
    let repeated = g.select(condition, v, v, line(2));
    let loss = g.sum(repeated, line(3));
    let layout = layout(2, 5, 1, &[Head::Q, Head::V]);
    let traced = Traced { graph: g, loss, metrics: vec![] };
    let objective = Objective::compile(traced, &layout).unwrap();
    let data = Data::random(&layout, &[], -1.0, 1.0, 6);
    let output = data.run::<f64>(&objective);
    for sample in 0..2 {
        let v = data.row(ONLINE, sample)[5];
        assert!((output.loss[sample] - 5.0 * v).abs() <= 4.0 * f64::EPSILON);
        // The mean over two samples.
        assert_eq!(&output.grad[sample * 6..][..6], [0.0, 0.0, 0.0, 0.0, 0.0, 2.5]);
    }
}
