//! What has a convention and not only a derivative.

use std::collections::BTreeMap;

use kelvin_objective::{Eager, Inputs, Layout, Script, Shake};

use crate::support::{HEADER, Spread, batch, eager, layout, load_text, load_with, loss_script, mean};

/// Outputs are q, v, logits of 3 actions: the first state's row of the first sample.
const V: usize = 3;

struct Case {
    script: Script,
    layout: Layout,
    inputs: Inputs<f64>,
}

/// One sample of three steps, nothing terminated, every output 0.
fn case(body: &str) -> Case {
    let script = load_text(&loss_script(body));
    let layout = layout(&script, 1, 3);
    let mut inputs = batch(&layout, Spread::Ties(0.0), 1);
    inputs.samples[3..6].fill(0.0);
    inputs.samples[12..15].fill(1.0);
    Case { script, layout, inputs }
}

impl Case {
    /// With these as the first of the online outputs.
    fn at(mut self, outputs: &[f64]) -> Self {
        self.inputs.online[..outputs.len()].copy_from_slice(outputs);
        self
    }

    fn run(&self) -> Eager {
        eager(&self.script, &self.layout, &self.inputs)
    }

    /// Loss, and the first elements of its gradient.
    fn gradient<const N: usize>(&self) -> (f64, [f64; N]) {
        let result = self.run();
        (result.losses[0], std::array::from_fn(|index| result.grad[index]))
    }
}

#[test]
fn a_tie_goes_to_the_first() {
    assert_eq!(case("max(net.q)").at(&[2.0, 5.0, 5.0]).gradient(), (5.0, [0.0, 1.0, 0.0]));
    assert_eq!(case("min(net.q)").at(&[2.0, 2.0, 5.0]).gradient(), (2.0, [1.0, 0.0, 0.0]));
    assert_eq!(case("max(net.q[1], net.q[0])").at(&[2.0, 2.0]).gradient(), (2.0, [0.0, 1.0]));
    assert_eq!(case("min(net.q[1], net.q[0])").at(&[2.0, 2.0]).gradient(), (2.0, [0.0, 1.0]));
    assert_eq!(case("max([net.q[2], net.q[0], net.q[1]])").gradient(), (0.0, [0.0, 0.0, 1.0]));
    assert_eq!(case("net.q[argmax(net.q)] * 3").gradient(), (0.0, [3.0, 0.0, 0.0]));
}

#[test]
fn kinks_have_the_slope_that_is_written_down() {
    for (body, at, slope) in [
        ("abs(net.q[0])", 0.0, 0.0),
        ("abs(net.q[0])", -0.0, 0.0),
        ("sign(net.q[0]) * 2", 0.5, 0.0),
        ("clip(net.q[0], -1, 1)", 1.0, 1.0),
        ("clip(net.q[0], -1, 1)", -1.0, 1.0),
        ("clip(net.q[0], -1, 1)", 1.0 + 1e-15, 0.0),
        ("huber(net.q[0], 0.5)", 0.5, 0.5),
        ("huber(net.q[0], 0.5)", -0.5, -0.5),
        ("huber(net.q[0], 0.5)", -3.0, -0.5),
        ("net.q[0] ** 0", 0.0, 0.0),
        ("net.q[0] ** 1", 0.0, 1.0),
        ("net.q[0] ** 2", 0.0, 0.0),
        ("net.q[0] ** p.gamma", 0.0, f64::INFINITY),
        ("net.q[0] ** (p.gamma + 1)", 0.0, 0.0),
        ("sqrt(net.q[0])", 0.0, f64::INFINITY),
    ] {
        let (_, [found]) = case(body).at(&[at]).gradient();
        assert_eq!(found, slope, "{body} at {at}");
    }
}

#[test]
fn a_side_that_is_not_taken_has_no_influence() {
    for body in [
        "select(net.q[0] > 0, log(net.q[0]), net.q[1])",
        "select(net.q[0] > 0, sqrt(net.q[0]) / net.q[0], net.q[1])",
        "max(net.q[1], -1 / abs(net.q[0]))",
        "select(t.steps.terminated, log(net.steps.v), [net.q[1], 0, 0])[0]",
    ] {
        let case = case(body).at(&[0.0, 1.0, 1.0]);
        assert_eq!(case.gradient(), (1.0, [0.0, 1.0, 0.0]), "{body}");
    }
}

#[test]
fn what_is_not_a_number_comes_through() {
    for body in [
        "max(log(net.q[0]), 1)",
        "clip(sqrt(net.q[0]), 0, 1)",
        "max(log(net.q))",
        "net.q[argmax(log(net.q))] + log(net.q[0])",
    ] {
        let loss = case(body).at(&[-1.0, 2.0, 3.0]).run().losses[0];
        assert!(loss.is_nan(), "{body}: {loss}");
    }
}

#[test]
fn powers_of_negative_numbers() {
    for (body, value) in [
        ("net.q[0] ** 3", -8.0),
        ("net.q[0] ** -2.0", 0.25),
        ("net.q[0] ** p.whole", 4.0),
        ("net.q[0] ** 64 / 2.0 ** 64", 1.0),
        ("net.q[0] ** 66", f64::NAN),
        ("net.q[0] ** 0.5", f64::NAN),
        ("net.q[0] ** (p.gamma * 0 + 2)", f64::NAN),
    ] {
        let (found, []) = case(body).at(&[-2.0]).gradient();
        assert!(found == value || found.is_nan() && value.is_nan(), "{body}: {found}");
    }
}

#[test]
fn gradients_are_stopped_and_scaled() {
    let at = [0.3, -0.2, 0.9, 0.7];
    assert_eq!(case("stop_gradient(net.v) * net.v").at(&at).gradient::<4>().1[V], 0.7);
    assert_eq!(case("scale_gradient(net.v, -2) * net.v").at(&at).gradient::<4>().1[V], 0.7 - 1.4);
    let (loss, slopes) = case("scale_gradient(net.v, net.q[0])").at(&at).gradient::<4>();
    assert_eq!((loss, slopes), (0.7, [0.0, 0.0, 0.0, 0.3]));
    // A policy's functions go back to its logits, and these are stopped and scaled alike.
    let whole = case("entropy(softmax(net.q))").at(&at).gradient::<3>();
    let half = case("entropy(scale_gradient(softmax(net.q), 0.5))").at(&at).gradient::<3>();
    assert_eq!(half, (whole.0, whole.1.map(|slope| 0.5 * slope)));
    assert_eq!(case("entropy(stop_gradient(softmax(net.q)))").at(&at).gradient(), (whole.0, [0.0; 3]));
    let per_step = case("sum(scale_gradient(net.steps.v, [1, 2, 3]))").run().grad;
    assert_eq!([per_step[V], per_step[7 + V], per_step[14 + V]], [1.0, 2.0, 3.0]);
}

#[test]
fn the_target_is_stopped_and_handed_on() {
    let script = load_text(&format!(
        "{HEADER}
        fn target(net, t, p) {{ metric(\"first\", net.v); net.steps.v + t.steps.reward }}
        fn loss(net, y, t, p) {{ metric(\"second\", y[1]); (net.steps.v - y) ** 2 }}
        fn metrics(net, t, p) {{ metric(\"third\", p.tau); metric(\"step_\" + 4, 4); }}"
    ));
    let layout = layout(&script, 2, 3);
    let inputs = batch(&layout, Spread::Uniform(1.0), 2);
    let values = BTreeMap::from([("tau".to_owned(), 0.25)]);
    let result = script.eager(&layout, &values, &inputs).unwrap();
    let names: Vec<&str> = result.metrics.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["first", "second", "third", "step_4"]);
    assert_eq!(result.metrics[2].1, [0.25, 0.25]);
    for sample in 0..2 {
        let field = |field: usize, step: usize| inputs.samples[(field * 3 + step) * 2 + sample];
        let v = |state: usize| inputs.online[(state * 2 + sample) * 7 + V];
        // The mean over the window of reward², where the step was taken.
        let loss: f64 = (0..3).map(|step| field(4, step) * field(0, step).powi(2)).sum::<f64>() / 3.0;
        assert!((result.losses[sample] - loss).abs() < 1e-15);
        assert_eq!(result.metrics[0].1[sample], v(0));
        assert_eq!(result.metrics[1].1[sample], v(1) + field(0, 1));
        for step in 0..3 {
            let slope = field(4, step) * -2.0 * field(0, step) / 3.0 / 2.0;
            let found = result.grad[(step * 2 + sample) * 7 + V];
            assert!((found - slope).abs() < 1e-15, "{found} {slope}");
        }
    }
}

#[test]
fn steps_after_the_end_count_as_nothing_whatever_they_are() {
    let mut case = case("log(net.steps.v)");
    // The last step was not taken, and its value has no logarithm.
    case.inputs.samples[14] = 0.0;
    for (state, v) in [(0, 1.0), (1, 2.0), (2, -1.0)] {
        case.inputs.online[state * 7 + V] = v;
    }
    let result = case.run();
    assert_eq!(result.losses[0], 2f64.ln() / 3.0);
    let slopes = [0, 1, 2].map(|state| result.grad[state * 7 + V]);
    assert_eq!(slopes, [1.0 / 3.0, 0.5 / 3.0, 0.0]);
}

#[test]
fn the_batch_is_one_value() {
    let script =
        load_text(&loss_script("(net.v - batch_mean(net.v)) ** 2 + 0 * sum(batch_mean(net.steps.v))"));
    let layout = layout(&script, 4, 3);
    let inputs = batch(&layout, Spread::Uniform(1.0), 3);
    let result = eager(&script, &layout, &inputs);
    let v: Vec<f64> = (0..4).map(|sample| inputs.online[sample * 7 + V]).collect();
    let centre = mean(&v);
    for (sample, v) in v.into_iter().enumerate() {
        assert!((result.losses[sample] - (v - centre).powi(2)).abs() < 1e-15);
        // Of the variance Σ (v - m)² / B, in which the part through m cancels.
        let slope = 2.0 * (v - centre) / 4.0;
        assert!((result.grad[sample * 7 + V] - slope).abs() < 1e-15);
    }
}

#[test]
fn returns_are_what_their_definitions_say() {
    let script = load_text(&loss_script(
        "let g = lambda_return(t.steps.reward, t.steps.terminated, t.steps.next.v, p.gamma, 0.6);
         for d in 0..t.n { metric(\"g\" + d, g[d]); }
         metric(\"r\", discounted_return(t.steps.reward, p.gamma));
         let n = lambda_return(t.steps.reward, t.steps.terminated, t.steps.next.v, p.gamma, 1.0);
         metric(\"n\", n[0] - discounted_return(t.steps.reward, p.gamma)); net.v",
    ));
    let layout = layout(&script, 8, 3);
    let inputs = batch(&layout, Spread::Uniform(1.0), 4);
    let result = eager(&script, &layout, &inputs);
    for sample in 0..8 {
        let field = |field: usize, step: usize| inputs.samples[(field * 3 + step) * 8 + sample];
        let v = |state: usize| inputs.target[(state * 8 + sample) * 7 + V];
        // The mean of the k-step returns that start at step d, with weights (1 - λ) λ^(k-1) and the rest on the
        // longest.
        for d in 0..3 {
            let (mut g, mut rewards, mut discount) = (0.0, 0.0, 1.0);
            for k in 1..=3 - d {
                rewards += discount * field(0, d + k - 1);
                discount *= 0.9 * (1.0 - field(1, d + k - 1));
                let weight = if k == 3 - d { 1.0 } else { 0.4 } * 0.6f64.powi(k as i32 - 1);
                g += weight * (rewards + discount * v(d + k));
            }
            assert!((result.metrics[d].1[sample] - g).abs() < 1e-15, "{} {g}", result.metrics[d].1[sample]);
        }
        let r: f64 = (0..3).map(|d| 0.9f64.powi(d as i32) * field(0, d)).sum();
        assert!((result.metrics[3].1[sample] - r).abs() < 1e-15);
        let bootstrap = if field(1, 2) == 1.0 { 0.0 } else { 0.9f64.powi(3) * v(3) };
        assert!((result.metrics[4].1[sample] - bootstrap).abs() < 1e-15);
    }
}

#[test]
fn rewards_are_those_that_the_script_makes() {
    let script = load_text(&format!(
        "{HEADER}
        fn reward(r, p) {{ sign(r) * p.tau }}
        fn loss(net, t, p) {{ metric(\"first\", t.steps.reward[0]); net.v + sum(t.steps.reward) }}"
    ));
    let layout = layout(&script, 5, 3);
    let inputs = batch(&layout, Spread::Uniform(1.0), 6);
    let result = eager(&script, &layout, &inputs);
    for sample in 0..5 {
        let r = |step: usize| {
            let r = inputs.samples[step * 5 + sample];
            if r == 0.0 { 0.0 } else { 0.5 * r.signum() }
        };
        assert_eq!(result.metrics[0].1[sample], r(0));
        assert_eq!(result.losses[sample], inputs.online[sample * 7 + V] + (r(0) + r(1) + r(2)));
    }
}

#[test]
fn plain_numbers_stay_plain() {
    let body = "
        let list = [1, 2] * 3 + [0.5, 0];
        let chosen = if sum(list) > 9 { list[1] } else { 0 };
        let n = 0;
        while n < max(t.n, 2) { n += 1; }
        net.v * (chosen + n + len(list) + abs(-2) + 7 / 7 + 2 ** 3 + 7 % 4 + select(true, 1, 0) + sign(-3))";
    assert_eq!(
        case(body).at(&[0.0, 0.0, 0.0, 1.0]).run().losses[0],
        6.0 + 3.0 + 2.0 + 2.0 + 1.0 + 8.0 + 3.0 + 1.0 - 1.0
    );
}

#[test]
fn imports_have_places_of_their_own() {
    let imports = [("lib/half".to_owned(), "fn half(x) {\n    x * 0.5\n}\n".to_owned())];
    let text = format!("import \"lib/half\" as h;\n{}", loss_script("h::half(net.v)"));
    let script = load_with(&text, &imports);
    let layout = layout(&script, 1, 3);
    let result = eager(&script, &layout, &batch(&layout, Spread::Uniform(1.0), 1));
    let places: Vec<_> =
        result.trail.iter().map(|it| (it.name.as_str(), it.span.file, it.span.line)).collect();
    assert_eq!(places, [("v", 0, 10), ("*", 1, 2)]);
    assert_eq!(result.trail[1].values, result.losses);
    let slope = 0.5 * result.direction[V];
    assert_eq!(result.trail[1].slopes, [slope]);
}

#[test]
fn the_trail_says_which_axes_a_result_has() {
    let result = case("let x = net.steps.q + t.steps.reward; sum(sum(x, \"step\")) + net.v * t.weight").run();
    let shape = |name: &str| {
        let found = result.trail.iter().find(|operation| operation.name == name).expect("an operation");
        (found.steps, found.actions, found.values.len())
    };
    assert_eq!(shape("q"), (Some(3), Some(3), 9));
    assert_eq!(shape("reward"), (Some(3), None, 3));
    assert_eq!(shape("sum"), (None, Some(3), 3));
    assert_eq!(shape("*"), (None, None, 1));
}

#[test]
fn shaking_shows_what_rounding_may_do() {
    let spread = |body: &str, at: &[f64]| {
        let case = case(body).at(at);
        let exact = case.run().losses[0];
        let off = (0..20).map(|seed| {
            let shake = Shake { unit: 1e-12, seed };
            let shaken = case.script.eager_shaken(&case.layout, &BTreeMap::new(), &case.inputs, shake);
            (shaken.unwrap().losses[0] - exact).abs()
        });
        off.fold(0.0, f64::max)
    };
    // A choice rounds nothing, and neither does arithmetic of small whole numbers; a product rounds in proportion
    // to itself, and a difference of large numbers in proportion to those.
    assert_eq!(spread("max(net.q)", &[1.0, 3.0, 2.0]), 0.0);
    assert_eq!(spread("net.q[0] * net.q[1] / 5 - 7", &[3.0, 5.0]), 0.0);
    let product = spread("net.q[0] * net.q[1]", &[3.1, 5.3]);
    assert!((1e-12..17e-12).contains(&product), "{product}");
    let difference = spread("(net.q[0] + 1e6) - 1e6", &[3.1]);
    assert!((1e-7..2e-6).contains(&difference), "{difference}");
}

#[test]
fn what_cannot_be_evaluated_is_an_error_with_a_place() {
    let mut case = case("net.v - t.v");
    case.inputs.target.clear();
    let error = case.script.eager(&case.layout, &BTreeMap::new(), &case.inputs).unwrap_err();
    assert_eq!((error.line, error.hint.is_some()), (9, true), "{error}");
    let endless =
        load_text(&loss_script("let x = net.q; for i in 0..1000000 { x += net.steps.q[0]; } sum(x)"));
    let layout = layout(&endless, 64, 18);
    let error =
        endless.eager(&layout, &BTreeMap::new(), &batch(&layout, Spread::Uniform(1.0), 1)).unwrap_err();
    assert_eq!(error.line, 9, "{error}");
    assert!(error.message.contains("too many"), "{error}");
}
