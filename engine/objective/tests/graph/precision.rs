//! Kernels against formulas written by hand in `f64`, and `f32` kernels against `f64` ones.

use kelvin_objective::{Head, Objective, Pass};

use crate::losses::{self, Backup};
use crate::support::{Data, ONLINE, TARGET, close};

/// Loss and slope in `q[a]` of the one-step objectives, from the paper's equations, with nothing shared with
/// the graph.
fn by_hand(backup: &Backup, data: &Data, sample: usize) -> (f64, f64) {
    let [tau, gamma, delta] = [data.inputs.uniforms[0], data.inputs.uniforms[1], data.inputs.uniforms[2]];
    let next = data.row(Pass::target(1), sample);
    let soft = |values: &[f64]| {
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        max + tau * values.iter().map(|q| ((q - max) / tau).exp()).sum::<f64>().ln()
    };
    let best = |values: &[f64]| (0..values.len()).rev().max_by(|&a, &b| values[a].total_cmp(&values[b]));
    let action = data.action(0, sample);
    let v_next = match backup {
        Backup::Hard => next.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Backup::Double => next[best(data.row(Pass::online(1), sample)).unwrap()],
        Backup::SoftKl => soft(next) - tau * (next.len() as f64).ln(),
        Backup::SoftEntropy | Backup::Munchausen => soft(next),
    };
    let bonus = match backup {
        Backup::Munchausen => {
            let now = data.row(TARGET, sample);
            now[action] - soft(now)
        }
        _ => 0.0,
    };
    let y = data.reward(0, sample) + bonus + gamma * (1.0 - data.terminated(0, sample)) * v_next;
    let error = data.row(ONLINE, sample)[action] - y;
    if error.abs() <= delta {
        (0.5 * error * error, error)
    } else {
        (delta * (error.abs() - 0.5 * delta), delta * error.signum())
    }
}

#[test]
fn one_step_objectives_against_their_equations() {
    let backups: [fn() -> Backup; 5] = [
        || Backup::Hard,
        || Backup::Double,
        || Backup::SoftKl,
        || Backup::SoftEntropy,
        || Backup::Munchausen,
    ];
    let mut found = Vec::new();
    for (batch, actions) in [(1, 1), (1, 18), (33, 2), (33, 18)] {
        for tau in [1e-3, 0.01, 10.0] {
            for size in [1.0, 1e4] {
                for (number, backup) in backups.iter().enumerate() {
                    let loss = losses::value_loss("", batch, actions, 1, backup());
                    let objective = Objective::compile(loss.traced, &loss.layout).unwrap();
                    let delta = 0.7 * size;
                    let data = Data::random(&loss.layout, &[tau, 0.99, delta], -size, size, 21);
                    let double = data.run::<f64>(&objective);
                    let single = data.run::<f32>(&objective);
                    for sample in 0..batch {
                        let (loss, slope) = by_hand(&backup(), &data, sample);
                        let action = data.action(0, sample);
                        for (kernel, epsilon) in [(&double, f64::EPSILON), (&single, f64::from(f32::EPSILON))]
                        {
                            // The error is a sum of a few terms of the size of Q, each rounded a few times;
                            // exp and log are right to an ulp or two. The loss multiplies it by δ at most.
                            let tolerance = 16.0 * epsilon * size.max(tau * 3.0);
                            let row = &kernel.grad[sample * actions..][..actions];
                            let ok = close(kernel.loss[sample], loss, tolerance * 2.0 * delta.max(1.0))
                                && (0..actions).all(|a| {
                                    let expected = if a == action { slope } else { 0.0 };
                                    close(row[a] * batch as f64, expected, tolerance)
                                });
                            if !ok {
                                found.push(format!(
                                    "backup {number} batch {batch} actions {actions} tau {tau} size {size} sample \
                                     {sample}: loss {} {loss}, slopes {row:?} {slope}",
                                    kernel.loss[sample]
                                ));
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "{} wrong:\n{}", found.len(), found.join("\n"));
}

#[test]
fn single_precision_follows_double() {
    for tau in [1e-3, 0.1, 10.0] {
        for loss in losses::all(9, 18) {
            let objective = Objective::compile(loss.traced, &loss.layout).unwrap();
            let data = Data::random(&loss.layout, &[tau, 0.99, 1.0], -3.0, 3.0, 4);
            let (single, double) = (data.run::<f32>(&objective), data.run::<f64>(&objective));
            // Of q / tau, the largest number that is exponentiated, `f32` keeps an absolute error of
            // ε |q / tau|, and so do the log-probabilities; everything else is of size 1.
            let exponent = if loss.layout.heads == [Head::Q] { 3.0 / tau } else { 3.0 };
            let tolerance = 16.0 * f64::from(f32::EPSILON) * (3.0 + tau * exponent);
            for (a, b) in
                single.grad.iter().zip(&double.grad).chain(single.metrics.iter().zip(&double.metrics))
            {
                assert!(close(*a, *b, tolerance * b.abs().max(1.0)), "{} tau {tau}: {a} {b}", loss.name);
            }
        }
    }
}

/// `q / tau - logsumexp(q / tau)` as a script may write it keeps the digits of `log_softmax`.
#[test]
fn log_probabilities_survive_large_logits() {
    use kelvin_objective::{Graph, Head};
    let actions = 3;
    let layout = crate::support::layout(1, actions, 1, &[Head::Logits]);
    let mut g = Graph::new(actions);
    let logits = crate::support::output(&mut g, ONLINE, Head::Logits);
    let lse = g.log_sum_exp(logits, crate::support::line(1));
    let log_pi = g.sub(logits, lse, crate::support::line(1));
    let loss = g.sum(log_pi, crate::support::line(2));
    let objective = Objective::compile(crate::support::traced(g, loss), &layout).unwrap();
    let mut data = Data::random(&layout, &[], 0.0, 1.0, 1);
    // Multiples of 1, which is the spacing of `f32` at 1e7: the differences are exact.
    data.row_mut(ONLINE, 0).copy_from_slice(&[1e7, 1e7 - 1.0, 1e7 - 2.0]);
    let sum: f64 = (0..3).map(|k| (-f64::from(k)).exp()).sum();
    let expected = -3.0 - 3.0 * sum.ln();
    let output = data.run::<f32>(&objective);
    // Rounding at the size of the result, about 4, not at that of the logits.
    assert!(
        close(output.loss[0], expected, 4.0 * 4.0 * f64::from(f32::EPSILON)),
        "{} {expected}",
        output.loss[0]
    );
    for (k, slope) in output.grad.iter().enumerate() {
        let expected = 1.0 - 3.0 * (-(k as f64)).exp() / sum;
        assert!(close(*slope, expected, 8.0 * f64::from(f32::EPSILON)), "{slope} {expected}");
    }
}

#[test]
fn unused_metric_slots_and_heads_are_written_as_zero() {
    let loss = losses::value_loss("dqn", 2, 3, 1, Backup::Hard);
    let mut layout = loss.layout;
    layout.heads = vec![Head::V, Head::Q, Head::Logits];
    let objective = Objective::compile(loss.traced, &layout).unwrap();
    assert_eq!(objective.metric_names(), ["td_abs"]);
    let data = Data::random(&layout, &[1.0, 0.9, 1.0], -1.0, 1.0, 8);
    let output = data.run::<f64>(&objective);
    for (sample, row) in output.metrics.chunks(16).enumerate() {
        assert!(row[2..].iter().all(|&x| x == 0.0));
        assert_eq!(row[0], output.loss[sample]);
    }
    for row in output.grad.chunks(7) {
        assert_eq!((row[0], &row[4..]), (0.0, &[0.0; 3][..]));
        assert!(row[1..4].iter().any(|&x| x != 0.0));
    }
}
