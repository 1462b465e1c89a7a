//! What fits the damped target `Q^ε` against the natural gradient step that it approximates (74, 78).

use super::Drawn;
use crate::draw::Rng;
use crate::regression::Regression;
use crate::soft;
use kelvin_chart::{Axis, BLUE, Canvas, Corner, Curve, GREEN, GREY, ORANGE, Panel, Stroke};

const TAU: f64 = 0.5;

/// `E_π[Δ] − τ KL[π ‖ π̄]`, weighted by visits.
fn objective(problem: &Regression, theta: &[f64]) -> f64 {
    let pi: Vec<f64> = problem.log_policy(theta).iter().map(|log| log.exp()).collect();
    let states = problem.visits.iter().enumerate().map(|(s, visits)| {
        let row = s * problem.actions..(s + 1) * problem.actions;
        let kl = soft::kl(&pi[row.clone()], &problem.reference[row.clone()]);
        visits * (soft::mean(&pi[row.clone()], &problem.delta[row]) - problem.tau * kl)
    });
    states.sum()
}

pub(super) fn draw(canvas: &Canvas<'_>, rng: &mut Rng) -> Drawn {
    let mut departures = Vec::new();
    let mut gains = Vec::new();
    for (network, name, color) in
        [(false, "linear in 10 features", BLUE), (true, "network, 24 parameters", ORANGE)]
    {
        let problem = Regression::random(rng, network, TAU);
        let target = problem.entropy_target();
        let scaled =
            |epsilon: f64| -> Vec<f64> { target.iter().map(|target| epsilon / TAU * target).collect() };
        let departure = |epsilon: f64| (epsilon, problem.departure(&scaled(epsilon), &scaled(epsilon)));
        let epsilons = (-8..=0).map(|half_decades| 10f64.powf(f64::from(half_decades) / 2.0));
        let points: Vec<_> = epsilons.map(departure).collect();
        if !network {
            let (x, y) = points[0];
            let points = vec![(x, y), (1.0, y / x)];
            let name = "proportional to ε".to_owned();
            departures.push(Curve { name, color: GREY, stroke: Stroke::Dashed, points });
            gains = gain_curves(&problem, scaled);
        }
        departures.push(Curve { name: name.to_owned(), color, stroke: Stroke::Dotted, points });
    }
    let (left, right) = canvas.split_horizontally(620);
    Panel {
        title: "Fitting Q^ε is a natural gradient step for small ε only (78)",
        x: Axis {
            name: "mixing rate ε of the target (74); 1 is undamped",
            from: -4.0,
            to: 0.0,
            logarithmic: true,
        },
        y: Axis {
            name: "distance of log π from the natural step's / its length",
            from: -5.0,
            to: 1.0,
            logarithmic: true,
        },
        curves: departures,
        corner: Corner::Left,
    }
    .draw(&left)?;
    let top = gains.iter().flat_map(|curve| &curve.points).fold(0.0, |top: f64, (_, gain)| top.max(*gain));
    Panel {
        title: "What each step gains, from damped to undamped",
        x: Axis {
            name: "mixing rate ε of the target (74); 1 is undamped",
            from: 0.0,
            to: 1.0,
            logarithmic: false,
        },
        y: Axis {
            name: "gain of E[Δ] − τ KL (reward units)", from: 0.0, to: 1.25 * top, logarithmic: false
        },
        curves: gains,
        corner: Corner::Left,
    }
    .draw(&right)
}

/// The gain of the fit of `Q^ε`, of the natural step `(ε/τ) F⁻¹g`, and to first order.
fn gain_curves(problem: &Regression, scaled: impl Fn(f64) -> Vec<f64>) -> Vec<Curve> {
    let scores = problem.scores(&problem.old);
    let base = objective(problem, &problem.old);
    let slope = problem.gradient(&scores, &problem.entropy_target());
    let (mut fitted, mut natural, mut first) = (Vec::new(), Vec::new(), Vec::new());
    for twentieth in 0..=20 {
        let epsilon = f64::from(twentieth) / 20.0;
        let step = problem.least_squares(&scores, &scaled(epsilon)).step;
        let moved: Vec<f64> = problem.old.iter().zip(&step).map(|(old, step)| old + step).collect();
        first.push((epsilon, slope.iter().zip(&step).map(|(slope, step)| slope * step).sum()));
        natural.push((epsilon, objective(problem, &moved) - base));
        fitted.push((epsilon, objective(problem, &problem.minimise(&scaled(epsilon))) - base));
    }
    let curve = |name: &str, color, stroke, points| Curve { name: name.to_owned(), color, stroke, points };
    vec![
        curve("first order: (ε/τ) gᵀF⁻¹g", GREY, Stroke::Dashed, first),
        curve("fit of Q^ε (features)", BLUE, Stroke::Dotted, fitted),
        curve("natural step (ε/τ) F⁻¹g", GREEN, Stroke::Dotted, natural),
    ]
}
