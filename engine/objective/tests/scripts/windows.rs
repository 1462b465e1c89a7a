//! Soft Q-learning and path consistency over windows.

use crate::support::{ROUNDING, Sample, assert_near, kl, load, load_with, log_softmax, soft_maximum};

const GAMMA: f64 = 0.99;

/// V of eq. 29, with a KL penalty.
fn value(q: &[f64], tau: f64) -> f64 {
    soft_maximum(q, tau) - tau * (q.len() as f64).ln()
}

/// τ KL of the Boltzmann policy of each step.
fn penalties(sample: &Sample, tau: f64) -> Vec<f64> {
    let scaled = |q: &Vec<f64>| q.iter().map(|q| q / tau).collect::<Vec<_>>();
    sample.target.iter().map(|q| tau * kl(&scaled(q))).collect()
}

/// The windows that the tests go through: whole, and ended at each step.
fn windows(n: usize) -> Vec<Sample> {
    let whole = Sample::varied(n, 4, 4);
    (0..n).map(|step| whole.clone().ended(step)).chain([whole.clone()]).collect()
}

/// Equation 46: the first KL is added back, those of states that were not reached are not paid.
#[test]
fn soft_nstep_pays_the_penalty_on_the_way() {
    let script = load("soft_nstep");
    for tau in [0.05, 1.0] {
        for sample in windows(5) {
            let penalties = penalties(&sample, tau);
            let mut expected = penalties[0];
            let mut alive = 1.0;
            for (d, penalty) in penalties[..5].iter().enumerate() {
                expected += GAMMA.powi(d as i32) * (sample.rewards[d] - alive * penalty);
                alive *= 1.0 - sample.terminated[d];
            }
            expected += GAMMA.powi(5) * alive * value(&sample.target[5], tau);
            // Sums of a dozen terms near 1.
            assert_near(sample.target(&script, &[("tau", tau)]), expected, 10.0 * ROUNDING);
        }
    }
}

/// With n = 1 the two penalties cancel.
#[test]
fn soft_nstep_over_one_step_is_soft_kl() {
    let (script, one_step) = (load_with("soft_nstep", "n: 5", "n: 1"), load("soft_kl"));
    for sample in windows(1) {
        assert_near(sample.target(&script, &[]), sample.target(&one_step, &[]), 10.0 * ROUNDING);
    }
}

/// Equations 42 and 43: the sum of discounted errors of one step.
#[test]
fn soft_lambda_adds_up_temporal_differences() {
    let script = load("soft_lambda");
    let tau = 0.2;
    for lambda in [0.0, 0.6, 1.0] {
        for sample in windows(8) {
            let penalties = penalties(&sample, tau);
            let values: Vec<f64> = sample.target.iter().map(|q| value(q, tau)).collect();
            let (mut expected, mut weight) = (penalties[0] + values[0], 1.0);
            for d in 0..8 {
                let ahead = (1.0 - sample.terminated[d]) * values[d + 1];
                let error = sample.rewards[d] - penalties[d] + GAMMA * ahead - values[d];
                expected += weight * error;
                // Nothing follows an end.
                weight *= GAMMA * lambda * (1.0 - sample.terminated[d]);
            }
            let found = sample.target(&script, &[("tau", tau), ("lambda", lambda)]);
            assert_near(found, expected, 20.0 * ROUNDING);
        }
    }
}

#[test]
fn soft_lambda_at_its_ends_is_one_step_and_n_steps() {
    let (script, all) = (load("soft_lambda"), load_with("soft_nstep", "n: 5", "n: 8"));
    for sample in windows(8) {
        let n_step = sample.target(&all, &[]);
        assert_near(sample.target(&script, &[("lambda", 1.0)]), n_step, 20.0 * ROUNDING);
        let first = Sample {
            rewards: sample.rewards[..1].to_vec(),
            terminated: sample.terminated[..1].to_vec(),
            actions: sample.actions[..1].to_vec(),
            online: sample.online[..2].to_vec(),
            target: sample.target[..2].to_vec(),
        };
        let one_step = first.target(&load("soft_kl"), &[]);
        assert_near(sample.target(&script, &[("lambda", 0.0)]), one_step, 20.0 * ROUNDING);
    }
}

/// Where every reward is τ log(π/π̄) + V(s) - γ V(s'), the residual of eq. 90 telescopes to zero.
#[test]
fn consistent_paths_have_no_residual() {
    let script = load("pcl");
    let (n, actions, tau) = (10, 4, 0.3);
    for end in (0..n).map(Some).chain([None]) {
        let mut sample = Sample::varied(n, actions, actions + 1);
        for d in 0..n {
            let row = &sample.online[d];
            let log_ratio = log_softmax(&row[..actions])[sample.actions[d]] + (actions as f64).ln();
            let ahead = if end == Some(d) { 0.0 } else { sample.online[d + 1][actions] };
            sample.rewards[d] = tau * log_ratio + row[actions] - GAMMA * ahead;
        }
        let sample = match end {
            Some(step) => sample.ended(step),
            None => sample,
        };
        let (loss, grad) = sample.run(&script, &[("tau", tau)]);
        assert_near(loss, 0.0, ROUNDING);
        assert!(grad.iter().flatten().all(|g| g.abs() <= 10.0 * ROUNDING), "{grad:?}");
        // A reward more is a residual of as much, which V at the start has the whole blame for.
        let mut more = sample.clone();
        more.rewards[0] += 0.5;
        let (loss, grad) = more.run(&script, &[("tau", tau)]);
        assert_near(loss, 0.125, 10.0 * ROUNDING);
        assert_near(grad[0][actions], -0.5, 10.0 * ROUNDING);
        let far_end = if end.is_none() { 0.5 * GAMMA.powi(n as i32) } else { 0.0 };
        assert_near(grad[n][actions], far_end, 10.0 * ROUNDING);
    }
}
