//! The objectives that the tests share, as a script's tracing would build them.

use kelvin_objective::{BinaryOp, Field, Graph, Head, Layout, NodeId, Op, Pass, Span, Traced, UnaryOp};

use crate::support::{ONLINE, TARGET, layout, line, output};

/// Parameters by slot: τ, γ, Huber's δ.
pub const TAU: usize = 0;
pub const GAMMA: usize = 1;
pub const DELTA: usize = 2;

/// An objective and the layout it is for.
pub struct Loss {
    pub name: &'static str,
    pub layout: Layout,
    pub traced: Traced,
}

/// All objectives of this file.
pub fn all(batch: usize, actions: usize) -> Vec<Loss> {
    let value = |name, window, backup| value_loss(name, batch, actions, window, backup);
    vec![
        value("dqn", 1, Backup::Hard),
        value("double_dqn", 1, Backup::Double),
        value("soft_kl", 1, Backup::SoftKl),
        value("soft_entropy", 1, Backup::SoftEntropy),
        value("soft_kl_n3", 3, Backup::SoftKl),
        value("munchausen", 1, Backup::Munchausen),
        policy_gradient(batch, actions),
        path_consistency(batch, actions),
        consistent_window(batch, actions, 4),
        normalised_advantage(batch, actions),
    ]
}

pub enum Backup {
    /// Maximum of the target network (eq. 81).
    Hard,
    /// Target network at the online network's choice.
    Double,
    /// τ log-mean-exp (eq. 82).
    SoftKl,
    /// τ log-sum-exp (eq. 83).
    SoftEntropy,
    /// Soft backup with τ log π(a|s) of the target network added to the reward.
    Munchausen,
}

pub fn param(graph: &mut Graph, slot: usize) -> NodeId {
    graph.push(Op::Param(slot), Span::NONE)
}

pub fn sample(graph: &mut Graph, field: Field) -> NodeId {
    graph.push(Op::Sample(field), Span::NONE)
}

/// Huber loss between `q[a]` and an n-step backup, with the metric `td_abs`.
pub fn value_loss(name: &'static str, batch: usize, actions: usize, window: usize, backup: Backup) -> Loss {
    let mut g = Graph::new(actions);
    let (tau, gamma, delta) = (param(&mut g, TAU), param(&mut g, GAMMA), param(&mut g, DELTA));
    let next = output(&mut g, Pass::target(window), Head::Q);
    let action = sample(&mut g, Field::Action(0));
    let mut bonus = None;
    let v_next = match backup {
        Backup::Hard => g.max(next, line(12)),
        Backup::Double => {
            let online_next = output(&mut g, Pass::online(window), Head::Q);
            let best = g.push(Op::ArgMax(online_next), line(12));
            g.at(next, best, line(12))
        }
        Backup::SoftKl | Backup::SoftEntropy | Backup::Munchausen => {
            let scaled = g.div(next, tau, line(12));
            let soft = match backup {
                Backup::SoftKl => g.log_mean_exp(scaled, line(12)),
                _ => g.log_sum_exp(scaled, line(12)),
            };
            g.mul(tau, soft, line(12))
        }
    };
    if let Backup::Munchausen = backup {
        let now = output(&mut g, TARGET, Head::Q);
        let scaled = g.div(now, tau, line(11));
        let lse = g.log_sum_exp(scaled, line(11));
        let log_pi = g.sub(scaled, lse, line(11));
        let taken = g.at(log_pi, action, line(11));
        bonus = Some(g.mul(tau, taken, line(11)));
    }
    // r_0 + γ r_1 + … + γ^n (1 - terminated) v_next
    let mut y = g.constant(0.0);
    for step in 0..window {
        let reward = sample(&mut g, Field::Reward(step));
        let discount = g.powi(gamma, step as i32, line(13));
        let term = g.mul(discount, reward, line(13));
        y = g.add(y, term, line(13));
    }
    if let Some(bonus) = bonus {
        y = g.add(y, bonus, line(13));
    }
    let discount = g.powi(gamma, window as i32, line(14));
    let terminated = sample(&mut g, Field::Terminated(window - 1));
    let one = g.constant(1.0);
    let running = g.sub(one, terminated, line(14));
    let discount = g.mul(discount, running, line(14));
    let backed_up = g.mul(discount, v_next, line(14));
    let y = g.add(y, backed_up, line(14));
    let y = g.stop_gradient(y, line(14));

    let q = output(&mut g, ONLINE, Head::Q);
    let chosen = g.at(q, action, line(18));
    let error = g.sub(chosen, y, line(18));
    let td_abs = g.unary(UnaryOp::Abs, error, line(19));
    let loss = g.huber(error, delta, line(20));
    Loss {
        name,
        layout: layout(batch, actions, window, &[Head::Q]),
        traced: Traced { graph: g, loss, metrics: vec![("td_abs".into(), td_abs)] },
    }
}

/// A2C with an entropy bonus, logits and value heads (eq. 84 to 86), weighted samples. The advantage of the
/// policy term reads the target network's value, so that finite differences see it fixed.
pub fn policy_gradient(batch: usize, actions: usize) -> Loss {
    let mut g = Graph::new(actions);
    let (tau, gamma) = (param(&mut g, TAU), param(&mut g, GAMMA));
    let logits = output(&mut g, ONLINE, Head::Logits);
    let v = output(&mut g, ONLINE, Head::V);
    let v_next = output(&mut g, Pass::target(1), Head::V);
    let (action, reward) = (sample(&mut g, Field::Action(0)), sample(&mut g, Field::Reward(0)));
    let backed_up = g.mul(gamma, v_next, line(5));
    let y = g.add(reward, backed_up, line(5));
    let advantage = g.sub(y, v, line(6));
    let baseline = output(&mut g, TARGET, Head::V);
    let fixed = g.sub(y, baseline, line(6));
    let log_pi = g.log_softmax(logits, line(7));
    let taken = g.at(log_pi, action, line(8));
    let policy = g.mul(taken, fixed, line(8));
    let entropy = g.entropy_of_logits(logits, line(9));
    let bonus = g.mul(tau, entropy, line(9));
    let gain = g.add(policy, bonus, line(9));
    let square = g.powi(advantage, 2, line(10));
    let quarter = g.constant(0.25);
    let value = g.mul(quarter, square, line(10));
    let total = g.sub(value, gain, line(11));
    let weight = sample(&mut g, Field::Weight);
    let loss = g.mul(weight, total, line(11));
    Loss {
        name: "policy_gradient",
        layout: layout(batch, actions, 1, &[Head::Logits, Head::V]),
        traced: Traced { graph: g, loss, metrics: vec![("entropy".into(), entropy)] },
    }
}

/// One-step path consistency (eq. 90) on Q = V + τ log π with a penalty on the gap to the best action: the
/// scalar head is repeated along the action axis, and comes first among the columns.
pub fn path_consistency(batch: usize, actions: usize) -> Loss {
    let mut g = Graph::new(actions);
    let (tau, gamma) = (param(&mut g, TAU), param(&mut g, GAMMA));
    let v = output(&mut g, ONLINE, Head::V);
    let logits = output(&mut g, ONLINE, Head::Logits);
    let v_next = output(&mut g, TARGET, Head::V);
    let (action, reward) = (sample(&mut g, Field::Action(0)), sample(&mut g, Field::Reward(0)));
    let log_pi = g.log_softmax(logits, line(3));
    let half = g.constant(0.5);
    let soft = g.mul(tau, log_pi, line(4));
    let q = g.add(v, soft, line(5));
    let taken = g.at(q, action, line(6));
    let backed_up = g.mul(gamma, v_next, line(6));
    let y = g.add(reward, backed_up, line(6));
    let error = g.sub(taken, y, line(7));
    let square = g.powi(error, 2, line(7));
    let best = g.max(q, line(8));
    let penalty = g.binary(BinaryOp::Min, best, taken, line(8));
    let penalty = g.mul(half, penalty, line(8));
    let loss = g.add(square, penalty, line(9));
    Loss {
        name: "path_consistency",
        layout: layout(batch, actions, 1, &[Head::V, Head::Logits]),
        traced: Traced { graph: g, loss, metrics: vec![] },
    }
}

/// Path consistency of every stretch of a window that ends at its bootstrap state (eq. 90), with gradients into
/// the logits and values of all states:
/// `C_d = Σ_k γ^k (r_{d+k} - τ log π(a_{d+k} | s_{d+k})) + γ^{n-d} V(s_n) - V(s_d)`, and the loss is the mean of
/// `valid_d C_d² / 2`. Every operation stands on a line of its own.
pub fn consistent_window(batch: usize, actions: usize, window: usize) -> Loss {
    let mut g = Graph::new(actions);
    let (tau, gamma) = (param(&mut g, TAU), param(&mut g, GAMMA));
    let (half, one, steps) = (g.constant(0.5), g.constant(1.0), g.constant(window as f64));
    let mut future = output(&mut g, Pass::online(window), Head::V);
    let mut total = g.constant(0.0);
    for step in (0..window).rev() {
        let [reward, terminated, action, valid] =
            [Field::Reward(step), Field::Terminated(step), Field::Action(step), Field::Valid(step)]
                .map(|field| sample(&mut g, field));
        let logits = output(&mut g, Pass::online(step), Head::Logits);
        let value = output(&mut g, Pass::online(step), Head::V);
        let log_pi = g.log_softmax(logits, line(11));
        let taken = g.at(log_pi, action, line(12));
        let cost = g.mul(tau, taken, line(13));
        let running = g.sub(one, terminated, line(14));
        let discount = g.mul(gamma, running, line(15));
        let later = g.mul(discount, future, line(16));
        let gain = g.sub(reward, cost, line(17));
        future = g.add(gain, later, line(18));
        let error = g.sub(future, value, line(19));
        let square = g.mul(error, error, line(20));
        let counted = g.mul(valid, square, line(21));
        let halved = g.mul(half, counted, line(22));
        total = g.add(total, halved, line(23));
    }
    let loss = g.div(total, steps, line(24));
    Loss {
        name: "consistent_window",
        layout: layout(batch, actions, window, &[Head::Logits, Head::V]),
        traced: Traced { graph: g, loss, metrics: vec![] },
    }
}

/// A policy gradient whose advantages are brought to mean 0 and variance 1 over the batch, and whose gradient
/// flows through both: two rounds of means, one inside the other.
pub fn normalised_advantage(batch: usize, actions: usize) -> Loss {
    let mut g = Graph::new(actions);
    let (logits, v) = (output(&mut g, ONLINE, Head::Logits), output(&mut g, ONLINE, Head::V));
    let (action, reward) = (sample(&mut g, Field::Action(0)), sample(&mut g, Field::Reward(0)));
    let advantage = g.sub(reward, v, line(4));
    let mean = g.push(Op::BatchMean(advantage), line(5));
    let centred = g.sub(advantage, mean, line(6));
    let square = g.mul(centred, centred, line(7));
    let variance = g.push(Op::BatchMean(square), line(8));
    let floor = g.constant(0.01);
    let above = g.add(variance, floor, line(9));
    let deviation = g.unary(UnaryOp::Sqrt, above, line(10));
    let normal = g.div(centred, deviation, line(11));
    let log_pi = g.log_softmax(logits, line(12));
    let taken = g.at(log_pi, action, line(13));
    let gain = g.mul(taken, normal, line(14));
    let loss = g.unary(UnaryOp::Neg, gain, line(15));
    Loss {
        name: "normalised_advantage",
        layout: layout(batch, actions, 1, &[Head::Logits, Head::V]),
        traced: Traced { graph: g, loss, metrics: vec![("deviation".into(), deviation)] },
    }
}
