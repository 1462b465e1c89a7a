//! Small random MDPs, evaluated exactly.

use crate::draw::{self, Rng};
use crate::number::{Number, solve};
use crate::soft::{self, DISCOUNTS, Sum, TEMPERATURES};

/// A finite MDP with a reference policy, a discount and a temperature. Tables are row-major; one over states and
/// actions is `[states, actions]`.
#[derive(Clone, Debug)]
pub(crate) struct Mdp {
    pub(crate) states: usize,
    pub(crate) actions: usize,
    /// `P(s'|s, a)`, `[states, actions, states]`.
    pub(crate) transition: Vec<f64>,
    /// `r(s, a)`, `[states, actions]`.
    pub(crate) reward: Vec<f64>,
    /// `π̄(a|s)`, `[states, actions]`.
    pub(crate) reference: Vec<f64>,
    pub(crate) gamma: f64,
    pub(crate) tau: f64,
}

/// A trajectory `s_0, a_0, s_1, …, a_{n−1}, s_n` and its probability.
pub(crate) struct Path<'a> {
    pub(crate) states: &'a [usize],
    pub(crate) actions: &'a [usize],
    pub(crate) chance: f64,
}

impl Mdp {
    /// Random transitions, rewards and reference policy.
    pub(crate) fn random(rng: &mut Rng, states: usize, actions: usize, tau: f64, gamma: f64) -> Self {
        let transition = draw::policy(rng, states * actions, states);
        let reward = draw::normals(rng, states * actions);
        let reference = draw::policy(rng, states, actions);
        Self { states, actions, transition, reward, reference, gamma, tau }
    }

    /// One MDP for each temperature and discount.
    pub(crate) fn grid(rng: &mut Rng, states: usize, actions: usize) -> Vec<Self> {
        let pairs =
            TEMPERATURES.into_iter().flat_map(|tau| DISCOUNTS.into_iter().map(move |gamma| (tau, gamma)));
        pairs.map(|(tau, gamma)| Self::random(rng, states, actions, tau, gamma)).collect()
    }

    /// The same, with each action leading to one state only.
    pub(crate) fn deterministic(mut self, rng: &mut Rng) -> Self {
        self.transition.fill(0.0);
        for row in self.transition.chunks_mut(self.states) {
            row[draw::index(rng, self.states)] = 1.0;
        }
        self
    }

    /// The same, with a uniform reference policy.
    pub(crate) fn uniform(mut self) -> Self {
        self.reference.fill(1.0 / self.actions as f64);
        self
    }

    /// A random policy with full support.
    pub(crate) fn policy(&self, rng: &mut Rng) -> Vec<f64> {
        draw::policy(rng, self.states, self.actions)
    }

    /// Random action values. Half of the time they are so close together that their policy is far from greedy.
    pub(crate) fn action_values(&self, rng: &mut Rng) -> Vec<f64> {
        let spread = if draw::index(rng, 2) == 0 { 1.0 } else { 3.0 * self.tau };
        draw::normals(rng, self.states * self.actions).into_iter().map(|q| spread * q).collect()
    }

    /// The row of a table that belongs to a state.
    pub(crate) fn at<'a, T>(&self, table: &'a [T], state: usize) -> &'a [T] {
        &table[state * self.actions..][..self.actions]
    }

    /// `P(·|s, a)`.
    pub(crate) fn next(&self, state: usize, action: usize) -> &[f64] {
        &self.transition[(state * self.actions + action) * self.states..][..self.states]
    }

    /// A number for each state, from its row of a table and that of the reference policy.
    pub(crate) fn per_state<T: Copy>(&self, table: &[T], f: impl Fn(&[T], &[f64]) -> T) -> Vec<T> {
        (0..self.states).map(|s| f(self.at(table, s), self.at(&self.reference, s))).collect()
    }

    /// `V_Q(s)` (29).
    pub(crate) fn soft_values(&self, q: &[f64]) -> Vec<f64> {
        self.per_state(q, |q, reference| soft::value(q, reference, self.tau))
    }

    /// `π_Q(a|s)` (28).
    pub(crate) fn boltzmann(&self, q: &[f64]) -> Vec<f64> {
        let row = |s| soft::boltzmann(self.at(q, s), self.at(&self.reference, s), self.tau);
        (0..self.states).flat_map(row).collect()
    }

    /// `KL[π(·|s) ‖ π̄(·|s)]`.
    pub(crate) fn kls<T: Number>(&self, pi: &[T]) -> Vec<T> {
        self.per_state(pi, |pi, reference| soft::kl(pi, reference))
    }

    /// `Σ_a π(a|s) x(s, a)`.
    pub(crate) fn means(&self, pi: &[f64], x: &[f64]) -> Vec<f64> {
        (0..self.states).map(|s| soft::mean(self.at(pi, s), self.at(x, s))).collect()
    }

    /// `r(s, a) + γ E[v(s')]`.
    pub(crate) fn backup(&self, v: &[f64]) -> Vec<f64> {
        let pairs = (0..self.states).flat_map(|s| (0..self.actions).map(move |a| (s, a)));
        let future = pairs.map(|(s, a)| self.gamma * soft::mean(self.next(s, a), v));
        future.zip(&self.reward).map(|(future, reward)| reward + future).collect()
    }

    /// `P_π(s'|s)`, rows of `[states, states]`.
    pub(crate) fn chain<T: Number>(&self, pi: &[T]) -> Vec<Vec<T>> {
        let row = |s: usize| {
            let to =
                |next: usize| soft::sum((0..self.actions).map(|a| self.at(pi, s)[a] * self.next(s, a)[next]));
            (0..self.states).map(to).collect()
        };
        (0..self.states).map(row).collect()
    }

    /// `V_π` (24), the solution of `V = r_π − τ KL + γ P_π V`.
    pub(crate) fn evaluate<T: Number>(&self, pi: &[T]) -> Vec<T> {
        let kls = self.kls(pi);
        let gain = |s: usize| soft::mean(self.at(pi, s), self.at(&self.reward, s)) - kls[s] * self.tau;
        let mut matrix = self.chain(pi);
        for (s, row) in matrix.iter_mut().enumerate() {
            for (next, entry) in row.iter_mut().enumerate() {
                *entry = *entry * -self.gamma + f64::from(s == next);
            }
        }
        solve(matrix, (0..self.states).map(gain).collect())
    }

    /// Steps after which what is left of a discounted sum is below the rounding of its beginning.
    pub(crate) fn horizon(gamma: f64) -> usize {
        (2f64.powi(-60).ln() / gamma.ln()).ceil() as usize
    }

    /// `E[Σ_t discount^t x(s_t)]` when `s_0` has the distribution `start` and actions come from π: the distribution is
    /// moved forward step by step.
    pub(crate) fn discounted(&self, pi: &[f64], start: &[f64], discount: f64, x: &[f64]) -> f64 {
        let occupancy = self.occupancy(pi, start, discount);
        occupancy.iter().zip(x).map(|(visits, x)| visits * x).sum()
    }

    /// `Σ_t discount^t Pr(s_t = s)`, likewise.
    pub(crate) fn occupancy(&self, pi: &[f64], start: &[f64], discount: f64) -> Vec<f64> {
        let chain = self.chain(pi);
        let (mut now, mut weight) = (start.to_vec(), 1.0);
        let mut visits: Vec<Sum> = start.iter().map(|_| Sum::default()).collect();
        for _ in 0..Self::horizon(discount) {
            visits.iter_mut().zip(&now).for_each(|(visits, chance)| visits.add(weight * chance));
            weight *= discount;
            let to = |next: usize| now.iter().zip(&chain).map(|(chance, row)| chance * row[next]).sum();
            now = (0..self.states).map(to).collect();
        }
        visits.iter().map(Sum::total).collect()
    }

    /// `Q*` by soft policy iteration: evaluate by a linear solve, take the Boltzmann policy, and again. It is Newton's
    /// method, and shares nothing with value iteration.
    pub(crate) fn optimal(&self) -> Vec<f64> {
        let mut q = self.backup(&self.evaluate(&self.reference));
        // It improves in every step and ends quadratically; ten steps suffice in practice.
        for _ in 0..50 {
            q = self.backup(&self.evaluate(&self.boltzmann(&q)));
        }
        q
    }

    /// Mean of `f` over all trajectories of `n` steps, each weighted by its probability under π. The first action is
    /// given, or comes from π too.
    pub(crate) fn expect(
        &self,
        pi: &[f64],
        state: usize,
        first: Option<usize>,
        n: usize,
        f: impl Fn(&Path<'_>) -> f64,
    ) -> f64 {
        let mut sum = Sum::default();
        self.paths(pi, state, first, n, &mut |path| sum.add(path.chance * f(path)));
        sum.total()
    }

    /// Visits all trajectories of `n` steps that have a chance.
    pub(crate) fn paths(
        &self,
        pi: &[f64],
        state: usize,
        first: Option<usize>,
        n: usize,
        visit: &mut impl FnMut(&Path<'_>),
    ) {
        let mut branch = Branch { mdp: self, pi, first, n, states: vec![state], actions: Vec::new() };
        branch.extend(1.0, visit);
    }
}

/// The trajectory that a walk through all of them stands at.
struct Branch<'a> {
    mdp: &'a Mdp,
    pi: &'a [f64],
    first: Option<usize>,
    n: usize,
    states: Vec<usize>,
    actions: Vec<usize>,
}

impl Branch<'_> {
    fn extend(&mut self, chance: f64, visit: &mut impl FnMut(&Path<'_>)) {
        let depth = self.actions.len();
        if depth == self.n {
            return visit(&Path { states: &self.states, actions: &self.actions, chance });
        }
        let (mdp, state) = (self.mdp, self.states[depth]);
        for action in 0..mdp.actions {
            let taken = match self.first.filter(|_| depth == 0) {
                Some(first) => f64::from(first == action),
                None => mdp.at(self.pi, state)[action],
            };
            self.actions.push(action);
            for (next, &moved) in mdp.next(state, action).iter().enumerate() {
                let chance = chance * taken * moved;
                if chance > 0.0 {
                    self.states.push(next);
                    self.extend(chance, visit);
                    self.states.pop();
                }
            }
            self.actions.pop();
        }
    }
}
