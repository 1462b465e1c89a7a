//! The derivatives of an evaluation against differences of its values.

use kelvin_objective::{Inputs, Layout, Script};

use crate::support::{
    Random, SPREADS, Spread, batch, eager, layout, library, load_text, load_with, loss_script, mean, shipped,
};
use crate::vocabulary::SMOOTH;

#[test]
fn every_word_of_the_language() {
    let mut wrong = Vec::new();
    for body in SMOOTH {
        let script = load_text(&loss_script(body));
        let layout = layout(&script, 2, 3);
        // Where outputs tie, a choice has a derivative and no difference.
        for spread in SPREADS.into_iter().filter(|spread| !matches!(spread, Spread::Ties(_))) {
            let inputs = batch(&layout, spread, 7);
            let found = differences(&script, &layout, &inputs);
            wrong.extend(found.iter().map(|found| format!("{body}, {spread:?}: {found}")));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// A difference sees through what stops a gradient. So whatever is stopped is read from the target network
/// instead, which has the same outputs here: the same numbers, and the same gradient, of which nothing is
/// stopped any more.
#[test]
fn shipped_scripts() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (name, text) in shipped() {
        let twin = unstopped(&text);
        if twin.contains("_gradient(") {
            continue;
        }
        checked += 1;
        let (script, twin) = (load_with(&text, &library()), load_with(&twin, &library()));
        for (actions, samples) in [(3, 2), (6, 1)] {
            let layout = layout(&script, samples, actions);
            for spread in [Spread::Uniform(2.0), Spread::Uniform(0.05), Spread::OneDominates(30.0)] {
                let mut inputs = batch(&layout, spread, 11);
                inputs.target.clone_from(&inputs.online);
                let (one, other) = (eager(&script, &layout, &inputs), eager(&twin, &layout, &inputs));
                assert_eq!((one.losses, one.grad), (other.losses, other.grad), "{name}");
                let found = differences(&twin, &layout, &inputs);
                wrong.extend(found.iter().map(|found| format!("{name}, {spread:?}: {found}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked >= 5, "only {checked} scripts were looked at");
}

/// `target` and what is stopped, with the target network in place of the online one.
fn unstopped(text: &str) -> String {
    let mut in_target = false;
    let line = |line: &str| {
        in_target = line.starts_with("fn target") || in_target && !line.starts_with('}');
        let line = line.replace("stop_gradient(net.", "(t.").replace("stop_gradient(returns)", "returns");
        // Of what is trained, only `returns` of PGQ reads the states that steps lead to.
        match in_target {
            true => line.replace("target(net, t, p)", "target(online, t, p)").replace("net.", "t."),
            false => line.replace("net.steps.next.v", "t.steps.next.v"),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Where the gradient is not the slope, along directions that move about a quarter of the outputs each.
fn differences(script: &Script, layout: &Layout, inputs: &Inputs<f64>) -> Vec<String> {
    let exact = eager(script, layout, inputs);
    let mut random = Random(3);
    let mut found = Vec::new();
    for _ in 0..DIRECTIONS {
        // In proportion to the output; outputs of the size 1e-9 have their next kink at that distance.
        let step = |x: f64, random: &mut Random| match random.below(4) {
            0 => 1e-4 * x.abs().clamp(1e-9, 1.0) * (2.0 * random.unit() - 1.0),
            _ => 0.0,
        };
        let direction: Vec<f64> = inputs.online.iter().map(|x| step(*x, &mut random)).collect();
        let expected: f64 = exact.grad.iter().zip(&direction).map(|(slope, step)| slope * step).sum();
        let loss = |scale: f64| mean(&eager(script, layout, &moved(inputs, &direction, scale)).losses);
        let (wide, narrow) = (0.5 * (loss(1.0) - loss(-1.0)), loss(0.5) - loss(-0.5));
        // The error of a central difference falls with the square of the step: what is left of it at the half
        // is a third of what was gained, and six times that leaves room for the next order. A loss of the size
        // L is right to a few hundred units of 1.1e-16 L (sums of dozens of terms, whose parts are as large).
        let size = mean(&exact.losses).abs().max(inputs.online.iter().fold(1.0, |size, x| x.abs().max(size)));
        let tolerance = 2.0 * (wide - narrow).abs() + 4e-14 * size + 1e-9 * expected.abs();
        let near = (narrow - expected).abs() <= tolerance;
        if !near {
            found.push(format!("{expected}, by differences {narrow} ± {tolerance:e}"));
        }
    }
    found
}

/// Directions along which a gradient is looked at. A wrong element is in one of four, and shows in it.
const DIRECTIONS: usize = 12;

fn moved(inputs: &Inputs<f64>, direction: &[f64], scale: f64) -> Inputs<f64> {
    let online = inputs.online.iter().zip(direction).map(|(x, step)| x + scale * step).collect();
    Inputs { online, ..inputs.clone() }
}

#[test]
fn every_operation_of_the_trail() {
    let mut wrong = Vec::new();
    for body in SMOOTH {
        let script = load_text(&loss_script(body));
        let layout = layout(&script, 3, 4);
        let inputs = batch(&layout, Spread::Uniform(2.0), 5);
        let exact = eager(&script, &layout, &inputs);
        let trail = |scale| eager(&script, &layout, &moved(&inputs, &exact.direction, scale)).trail;
        let h = 1e-5;
        let (above, below) = (trail(h), trail(-h));
        assert_eq!(above.len(), exact.trail.len());
        for (operation, (above, below)) in exact.trail.iter().zip(above.iter().zip(&below)) {
            let values = above.values.iter().zip(&below.values).zip(&operation.slopes).zip(&operation.values);
            for (((above, below), slope), value) in values {
                let difference = (above - below) / (2.0 * h);
                // The third derivative times h²/6, for functions like exp and x^17 up to a thousand times the
                // slope and the value, and rounding divided by h. Jumps of h = 1e-5 are met by none of these.
                let tolerance = 1e-7 * (1.0 + slope.abs() + value.abs());
                let near = (difference - slope).abs() <= tolerance;
                if !near {
                    let (name, span) = (&operation.name, operation.span);
                    wrong.push(format!("{body}: {name} at {span}: {slope}, by differences {difference}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
