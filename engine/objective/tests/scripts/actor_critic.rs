//! Policy gradients with a critic, and Q-learning on the same network.

use kelvin_objective::Script;

use crate::support::{ROUNDING, Sample, assert_near, kl, load, log_softmax};

const ACTIONS: usize = 4;
const GAMMA: f64 = 0.99;

/// Windows of five steps, whole and ended; rows are logits, then v.
fn windows() -> Vec<Sample> {
    let whole = Sample::varied(5, ACTIONS, ACTIONS + 1);
    vec![whole.clone(), whole.clone().ended(0), whole.clone().ended(2), whole.ended(4)]
}

/// Returns of every step, bootstrapped at the window's end, of rewards less `penalty` times KL.
fn returns(sample: &Sample, penalty: f64) -> Vec<f64> {
    let n = sample.rewards.len();
    let mut later = sample.online[n][ACTIONS];
    let mut returns = vec![0.0; n];
    for d in (0..n).rev() {
        let reward = sample.rewards[d] - penalty * kl(&sample.online[d][..ACTIONS]);
        later = reward + GAMMA * (1.0 - sample.terminated[d]) * later;
        returns[d] = later;
    }
    returns
}

/// Equations 79 and 80 differ in what the return is of; their gradients by hand.
fn assert_policy_gradient(script: &Script, charged: bool) {
    let (tau, c) = (0.3, 0.7);
    for sample in windows() {
        let (_, grad) = sample.run(script, &[("tau", tau), ("c", c)]);
        let returns = returns(&sample, if charged { tau } else { 0.0 });
        for d in 0..5 {
            let valid = d == 0 || sample.terminated[d - 1] == 0.0;
            let weight = if valid { 1.0 / 5.0 } else { 0.0 };
            let (logits, v) = (&sample.online[d][..ACTIONS], sample.online[d][ACTIONS]);
            let advantage = returns[d] - v;
            let (log_pi, divergence) = (log_softmax(logits), kl(logits));
            for a in 0..ACTIONS {
                let taken = f64::from(u8::from(a == sample.actions[d]));
                let pi = log_pi[a].exp();
                let slope_of_kl = pi * (log_pi[a] + (ACTIONS as f64).ln() - divergence);
                let expected = weight * (-(taken - pi) * advantage + tau * slope_of_kl);
                assert_near(grad[d][a], expected, 10.0 * ROUNDING);
            }
            assert_near(grad[d][ACTIONS], -weight * c * advantage, 10.0 * ROUNDING);
        }
        assert!(grad[5].iter().all(|&g| g == 0.0), "the bootstrap value is not trained");
    }
}

#[test]
fn a2c_naive_has_the_gradient_of_equation_79() {
    assert_policy_gradient(&load("a2c_naive"), false);
}

#[test]
fn a2c_proper_has_the_gradient_of_equation_80() {
    assert_policy_gradient(&load("a2c_proper"), true);
}

/// Equation 65: on average over the policy's own actions, Q-learning and the policy gradient are one.
#[test]
fn ql_online_is_a2c_proper_on_average_over_actions() {
    let (policy_gradient, q_learning) = (load("a2c_proper"), load("ql_online"));
    let params = [("tau", 0.4), ("c", 0.6)];
    for sample in windows() {
        // Whatever one step's action is, the others' weights do not change: so one step at a time.
        for d in 0..5 {
            let log_pi = log_softmax(&sample.online[d][..ACTIONS]);
            let mut sums = [vec![0.0; ACTIONS + 1], vec![0.0; ACTIONS + 1]];
            for (action, log_pi) in log_pi.iter().enumerate() {
                let mut taken = sample.clone();
                taken.actions[d] = action;
                for (sum, script) in sums.iter_mut().zip([&policy_gradient, &q_learning]) {
                    let (_, grad) = taken.run(script, &params);
                    sum.iter_mut().zip(&grad[d]).for_each(|(sum, g)| *sum += log_pi.exp() * g);
                }
            }
            for (left, right) in sums[0].iter().zip(&sums[1]) {
                assert_near(*left, *right, 10.0 * ROUNDING);
            }
        }
    }
}

/// A reference that prefers nothing is the uniform policy; one that is the policy itself costs nothing.
#[test]
fn a_prior_that_is_uniform_makes_a2c_proper() {
    let (proper, prior, params) = (load("a2c_proper"), load("a2c_prior"), [("tau", 0.4), ("c", 0.6)]);
    for mut sample in windows() {
        let (_, expected) = sample.run(&proper, &params);
        sample.target.iter_mut().for_each(|outputs| outputs[..ACTIONS].fill(0.7));
        let (_, found) = sample.run(&prior, &params);
        for (left, right) in expected.iter().flatten().zip(found.iter().flatten()) {
            assert_near(*left, *right, 100.0 * ROUNDING);
        }
        let (_, free) = sample.run(&proper, &[("tau", 0.0), ("c", 0.6)]);
        sample.target.clone_from(&sample.online);
        let (_, found) = sample.run(&prior, &params);
        for (left, right) in free.iter().flatten().zip(found.iter().flatten()) {
            assert_near(*left, *right, 100.0 * ROUNDING);
        }
    }
}

/// O'Donoghue et al. 2016, mixed by η: at 0 the policy gradient with an entropy bonus.
#[test]
fn pgq_without_its_q_is_a2c_naive() {
    for sample in windows() {
        let params = [("tau", 0.3), ("c", 0.8)];
        let (_, naive) = sample.run(&load("a2c_naive"), &params);
        let (_, mixed) = sample.run(&load("pgq"), &[params[0], params[1], ("eta", 0.0)]);
        for (left, right) in naive.iter().flatten().zip(mixed.iter().flatten()) {
            assert_near(*left, *right, 10.0 * ROUNDING);
        }
    }
}

/// The other half of eq. 87: half the squared error of Q(s, a) = V + τ (log π + H).
#[test]
fn pgq_learns_action_values() {
    let (script, tau) = (load("pgq"), 0.3);
    for sample in windows() {
        let q = |state: usize| -> Vec<f64> {
            let (logits, v) = sample.online[state].split_at(ACTIONS);
            let log_pi = log_softmax(logits);
            let entropy: f64 = -log_pi.iter().map(|log_p| log_p.exp() * log_p).sum::<f64>();
            log_pi.iter().map(|log_p| v[0] + tau * (log_p + entropy)).collect()
        };
        let mut expected = 0.0;
        for d in 0..5 {
            let valid = d == 0 || sample.terminated[d - 1] == 0.0;
            let best = q(d + 1).into_iter().fold(f64::MIN, f64::max);
            let y = sample.rewards[d] + GAMMA * (1.0 - sample.terminated[d]) * best;
            let error = q(d)[sample.actions[d]] - y;
            expected += if valid { 0.5 * error * error / 5.0 } else { 0.0 };
        }
        let (loss, _) = sample.run(&script, &[("tau", tau), ("eta", 1.0)]);
        assert_near(loss, expected, 10.0 * ROUNDING);
    }
}
