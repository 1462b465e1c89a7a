//! The compiled objective in `f64` against the script on numbers.

use std::collections::BTreeMap;

use kelvin_objective::{Eager, Inputs, KernelIo, Layout, Net, Script, Shake};

use crate::support::{
    SPREADS, batch, eager, layout, library, load_text, load_with, loss_script, shipped, uniforms,
};
use crate::vocabulary::{JUMPS, SMOOTH};

#[test]
fn every_word_of_the_language() {
    let mut wrong = Vec::new();
    for body in SMOOTH.iter().chain(JUMPS) {
        let script = load_text(&loss_script(body));
        for (actions, samples) in [(3, 5), (18, 1)] {
            let layout = layout(&script, samples, actions);
            wrong.extend(disagreements(&script, &layout).into_iter().map(|found| format!("{body}, {found}")));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn shipped_scripts() {
    let mut wrong = Vec::new();
    for (name, text) in shipped() {
        let script = load_with(&text, &library());
        for (actions, samples) in [(2, 7), (18, 2)] {
            let layout = layout(&script, samples, actions);
            wrong.extend(disagreements(&script, &layout).into_iter().map(|found| format!("{name}, {found}")));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// `behave` has a program of its own. Called from `metrics` it is evaluated number by number.
#[test]
fn policies_that_act() {
    let made_up = [
        "softmax(net.q / p.tau)",
        "0.9 * softmax(net.logits + net.v * net.q) + 0.1 / len(net.q)",
        "let best = net.q[argmax(net.q)]; select(net.q >= best, 1, 0)",
        "let h = entropy(softmax(net.logits)); softmax(select(h > p.k, net.q, 2 * net.logits) - max(net.q))",
        "abs(net.q) + exp(clip(net.logits, -3, 3)) ** p.whole",
    ];
    let scripts = made_up.map(|body| format!("{}\nfn behave(net, p) {{ {body} }}", loss_script("net.v")));
    let shipped = shipped().into_iter().map(|(_, text)| text).filter(|text| text.contains("fn behave("));
    for text in shipped.chain(scripts) {
        let call =
            "let b = behave(net, p); for a in 0..len(b) { if a < 3 { metric(\"b\" + a, b[a] / sum(b)); } }";
        let metrics = format!("\nfn metrics(net, t, p) {{ {call} }}\n");
        let loss_only = text.replace("fn metrics(", "fn other_metrics(").replace("metric(\"", "ignored(\"");
        let script = load_with(&format!("{loss_only}{metrics}fn ignored(name, x) {{}}\n"), &library());
        let layout = layout(&script, 4, 5);
        for spread in SPREADS {
            let inputs = batch(&layout, spread, 3);
            let behaviour = script.behaviour(&layout, &BTreeMap::new()).unwrap().expect("a policy");
            let expected = eager(&script, &layout, &inputs).metrics;
            let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
            let uniforms = single(&uniforms(&script, &layout));
            for sample in 0..layout.batch {
                let row = &inputs.online[sample * layout.outputs()..][..layout.outputs()];
                let mut policy = vec![0.0; layout.actions];
                behaviour.probabilities(&uniforms, &single(row), &mut Vec::new(), &mut policy).unwrap();
                for (action, (_, expected)) in expected.iter().enumerate() {
                    // Exponents are sums of a few outputs and their products, up to 1e5 at temperatures down to
                    // 0.1, rounded to 24 bits each; an exponential turns their errors into its own.
                    let size = row.iter().fold(1.0, |size: f64, x| x.abs().max(size));
                    let tolerance = 8.0 * size * size * 10.0 * 6e-8;
                    let off = (f64::from(policy[action]) - expected[sample]).abs();
                    assert!(
                        off <= tolerance.min(1.0),
                        "{loss_only}\n{spread:?}: off by {off:e} ± {tolerance:e}"
                    );
                }
            }
        }
    }
}

/// Losses, metrics and gradient of both, one after the other.
fn numbers(result: &Eager) -> Vec<f64> {
    let metrics = result.metrics.iter().flat_map(|(_, values)| values);
    result.losses.iter().chain(metrics).chain(&result.grad).copied().collect()
}

fn disagreements(script: &Script, layout: &Layout) -> Vec<String> {
    let mut found = Vec::new();
    for spread in SPREADS {
        let inputs = batch(layout, spread, 9);
        let (one, other) = (eager(script, layout, &inputs), compiled(script, layout, &inputs));
        let names = |result: &Eager| result.metrics.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&one), names(&other));
        // Both are right to the rounding of f64, each in an order of its own: what that may come to, for this
        // script and these numbers, is seen by shaking. Six shakes at 16 times the size of a rounding find the
        // error of one that is half as large; functions of the library may be off by more than one unit.
        let shaken = (0..6).map(|seed| {
            let shake = Shake { unit: 16.0 / (1u64 << 53) as f64, seed };
            numbers(&script.eager_shaken(layout, &BTreeMap::new(), &inputs, shake).unwrap())
        });
        let shaken: Vec<Vec<f64>> = shaken.collect();
        for (index, (a, b)) in numbers(&one).into_iter().zip(numbers(&other)).enumerate() {
            let spread_out = shaken.iter().map(|x| (x[index] - a).abs()).fold(0.0, f64::max);
            // Numbers near 1e-308 have no digits to lose.
            let tolerance = 2.0 * spread_out + 1e-15 * a.abs() + 1e-300;
            let equal = (a - b).abs() <= tolerance || a.is_nan() && b.is_nan() || a == b;
            if !equal {
                found.push(format!("{spread:?}: number {index} is {a:e}, compiled {b:e} ± {tolerance:e}"));
            }
        }
    }
    found
}

/// What the kernel computes, in the form of an evaluation.
fn compiled(script: &Script, layout: &Layout, inputs: &Inputs<f64>) -> Eager {
    let objective =
        script.compile(layout, &BTreeMap::new()).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
    let reads = objective.reads();
    let trained = inputs.region(Net::Online, &reads.trained, layout);
    let row = layout.batch * layout.outputs();
    let mut grad = vec![f64::NAN; trained.len()];
    let mut metrics = vec![f64::NAN; layout.batch * layout.metric_slots];
    objective.cpu().run(KernelIo {
        uniforms: &uniforms(script, layout),
        samples: &inputs.samples,
        online: &inputs.region(Net::Online, &reads.online, layout),
        target: &inputs.region(Net::Target, &reads.target, layout),
        trained: &trained,
        grad: &mut grad,
        metrics: &mut metrics,
    });
    let mut all = vec![0.0; (layout.window + 1) * row];
    for (position, state) in reads.trained.iter().enumerate() {
        all[state * row..][..row].copy_from_slice(&grad[position * row..][..row]);
    }
    let slot = |slot: usize| metrics.iter().skip(slot).step_by(layout.metric_slots).copied().collect();
    let named = objective.metric_names().iter().enumerate();
    Eager {
        losses: slot(0),
        metrics: named.map(|(index, name)| (name.clone(), slot(index + 1))).collect(),
        grad: all,
        trail: Vec::new(),
        direction: Vec::new(),
    }
}
