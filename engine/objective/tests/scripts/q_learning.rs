//! One-step Q-learning and its soft variants.

use crate::support::{ROUNDING, Sample, assert_near, load, log_softmax, soft_maximum};

fn one_step() -> Sample {
    Sample {
        rewards: vec![0.25],
        terminated: vec![0.0],
        actions: vec![1],
        online: vec![vec![0.3, -0.2, 0.1], vec![0.0, 1.0, -1.0]],
        target: vec![vec![f64::NAN; 3], vec![0.5, 0.25, 0.75]],
    }
}

/// Equation 82 by hand: γ = 0.99, τ = 0.1, Q̂(s') = (0.5, 0.25, 0.75), r = 0.25, q(s, a) = -0.2.
#[test]
fn soft_kl_computes_equation_82() {
    // e^-2.5 and e^-5, relative to the largest.
    let mean: f64 = (0.082_084_998_623_898_8 + 0.006_737_946_999_085_467 + 1.0) / 3.0;
    let y = 0.25 + 0.99 * (0.75 + 0.1 * mean.ln());
    let error: f64 = -0.2 - y;
    // |error| = 1.09 is beyond the threshold δ = 1.
    let (loss, grad) = one_step().run(&load("soft_kl"), &[]);
    assert_near(loss, error.abs() - 0.5, ROUNDING);
    assert_near(grad[0][1], -1.0, ROUNDING);
    assert_eq!((grad[0][0], grad[0][2]), (0.0, 0.0));
    assert_near(one_step().target(&load("soft_kl"), &[]), y, ROUNDING);
}

#[test]
fn a_terminal_step_has_no_future() {
    for name in ["dqn", "soft_kl", "soft_entropy", "double_dqn"] {
        assert_near(one_step().ended(0).target(&load(name), &[]), 0.25, ROUNDING);
    }
}

/// 0 <= max - τ log mean exp(q/τ) <= τ log|A|, so the distance vanishes with τ.
#[test]
fn dqn_is_the_limit_of_soft_kl() {
    let hard = one_step().target(&load("dqn"), &[]);
    let soft = |tau: f64| one_step().target(&load("soft_kl"), &[("tau", tau)]);
    for tau in [1.0, 0.1, 0.01, 0.001] {
        let bound = 0.99 * tau * 3f64.ln();
        assert!((0.0..=bound + ROUNDING).contains(&(hard - soft(tau))), "tau {tau}");
    }
    // At τ = 0.001 the runner-up weighs e^-250: only the constant is left.
    assert_near(hard - soft(0.001), 0.99 * 0.001 * 3f64.ln(), ROUNDING);
}

#[test]
fn entropy_bonus_and_kl_penalty_differ_by_the_constant() {
    let (with_entropy, with_kl) = (load("soft_entropy"), load("soft_kl"));
    for (tau, actions) in [(0.01, 2), (0.1, 6), (1.0, 18), (10.0, 18)] {
        let sample = Sample::varied(1, actions, actions);
        let difference =
            sample.target(&with_entropy, &[("tau", tau)]) - sample.target(&with_kl, &[("tau", tau)]);
        // Sums and logarithms of up to 18 terms, scaled by τ up to 10.
        assert_near(difference, 0.99 * tau * (actions as f64).ln(), 20.0 * ROUNDING);
    }
}

#[test]
fn double_dqn_values_the_online_choice() {
    // The online network prefers action 1, which the target network values 0.25.
    assert_near(one_step().target(&load("double_dqn"), &[]), 0.25 + 0.99 * 0.25, ROUNDING);
}

#[test]
fn five_steps_discount_rewards_and_bootstrap() {
    let script = load("dqn_nstep");
    let sample = Sample { rewards: vec![1.0, 0.0, -1.0, 0.5, 0.25], ..Sample::varied(5, 3, 3) };
    let best = sample.target[5].iter().copied().fold(f64::MIN, f64::max);
    let g: f64 = 0.99;
    let rewards = 1.0 - g.powi(2) + 0.5 * g.powi(3) + 0.25 * g.powi(4);
    assert_near(sample.target(&script, &[]), rewards + g.powi(5) * best, ROUNDING);
    assert_near(sample.ended(4).target(&script, &[]), rewards, ROUNDING);
}

/// Vieillard et al. 2020, eq. 2.
#[test]
fn munchausen_rewards_its_own_log_policy() {
    let script = load("munchausen");
    let sample = Sample::varied(1, 4, 4);
    for (tau, alpha, lowest) in [(0.03, 0.9, -1.0), (0.5, 0.4, -10.0), (0.5, 0.9, -0.01)] {
        let log_pi = |q: &[f64]| log_softmax(&q.iter().map(|q| q / tau).collect::<Vec<_>>());
        let bonus = alpha * (tau * log_pi(&sample.target[0])[sample.actions[0]]).clamp(lowest, 0.0);
        let next: f64 = sample.target[1]
            .iter()
            .zip(log_pi(&sample.target[1]))
            .map(|(q, log_pi)| log_pi.exp() * (q - tau * log_pi))
            .sum();
        assert_near(next, soft_maximum(&sample.target[1], tau), ROUNDING);
        let params = [("tau", tau), ("alpha", alpha), ("lowest", lowest)];
        assert_near(sample.target(&script, &params), sample.rewards[0] + bonus + 0.99 * next, ROUNDING);
    }
    // Without the bonus it is soft Q-learning.
    let plain = sample.target(&load("soft_entropy"), &[("tau", 0.2)]);
    assert_near(sample.target(&script, &[("tau", 0.2), ("alpha", 0.0)]), plain, ROUNDING);
}
