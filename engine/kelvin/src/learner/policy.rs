//! How an action is chosen from the network's outputs, and how likely that was.
//!
//! A script with `behave` is sampled from; else action values are followed greedily; else logits are sampled from.
//! Uniform actions are mixed in with probability ε. The amount of randomness drawn is the same for every choice
//! under one rule, so that a change of the values does not shift the stream.

use crate::config::{Config, HeadName};
use crate::failure::Failure;
use crate::staged::Staged;
use kelvin_objective::Behaviour;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The behaviour policy of a run.
pub struct Policy {
    rule: Rule,
    actions: usize,
    /// Room for the probabilities of one observation's actions.
    probabilities: Vec<f32>,
}

enum Rule {
    /// The first action of the largest value; values from this column on.
    Greedy { column: usize },
    /// Sampled from the softmax of the logits from this column on.
    Softmax { column: usize },
    /// Sampled from what the script's `behave` says.
    Script { behave: Box<Behaviour>, uniforms: Vec<f32>, scratch: Vec<f32> },
}

/// An action and the log-probability that it was taken with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Index of the action.
    pub action: usize,
    /// log((1 - ε) π(a) + ε / |A|).
    pub logp: f32,
}

/// A row of outputs that nothing can be sampled from.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsampled {
    /// What is wrong with it.
    pub reason: String,
    /// A uniform action in its place.
    pub instead: Choice,
}

impl Policy {
    /// The rule that a script and its heads imply. Fails where nothing says how to act.
    pub fn new(config: &Config, staged: &Staged, actions: usize) -> Result<Self, Failure> {
        let column = |head| config.column(head, actions);
        let rule = match (staged.behaviour(), column(HeadName::Q), column(HeadName::Logits)) {
            (Some(behave), ..) => {
                Rule::Script { behave: Box::new(behave.clone()), uniforms: Vec::new(), scratch: Vec::new() }
            }
            (None, Some(column), _) => Rule::Greedy { column },
            (None, None, Some(column)) => Rule::Softmax { column },
            (None, None, None) => {
                let message = "nothing says how to act: `heads` has neither \"q\" nor \"logits\"";
                let hint = "add a function `behave(net, p)` that returns probabilities";
                return Err(staged.script.diagnostic(message, hint).into());
            }
        };
        Ok(Self { rule, actions, probabilities: vec![0.0; actions] })
    }

    /// The live parameters that `behave` reads.
    pub fn set_uniforms(&mut self, values: &[f32]) {
        if let Rule::Script { uniforms, .. } = &mut self.rule {
            values.clone_into(uniforms);
        }
    }

    /// Whether actions are sampled, so that it explores without ε.
    pub fn samples(&self) -> bool {
        !matches!(self.rule, Rule::Greedy { .. })
    }

    /// Chooses from one row of outputs. Fails where the row says nothing that could be sampled from.
    pub fn choose(
        &mut self,
        outputs: &[f32],
        epsilon: f64,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<Choice, Unsampled> {
        let (explore, uniform) = (rng.random::<f64>() < epsilon, rng.random_range(0..self.actions));
        // A greedy choice needs no more.
        let u = if self.samples() { rng.random::<f64>() } else { 0.0 };
        if let Err(reason) = self.fill(outputs) {
            let logp = -(self.actions as f32).ln();
            return Err(Unsampled { reason, instead: Choice { action: uniform, logp } });
        }
        let action = if explore { uniform } else { sample(&self.probabilities, u) };
        let pi = f64::from(self.probabilities[action]);
        let logp = ((1.0 - epsilon) * pi + epsilon / self.actions as f64).ln() as f32;
        Ok(Choice { action, logp })
    }

    /// Chooses the likeliest action, the first of several, or a uniform one with probability ε. Fails as [`choose`]
    /// does.
    ///
    /// [`choose`]: Self::choose
    pub fn choose_best(
        &mut self,
        outputs: &[f32],
        epsilon: f64,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<Choice, Unsampled> {
        let (explore, uniform) = (rng.random::<f64>() < epsilon, rng.random_range(0..self.actions));
        let share = epsilon / self.actions as f64;
        if let Err(reason) = self.fill(outputs) {
            let logp = -(self.actions as f32).ln();
            return Err(Unsampled { reason, instead: Choice { action: uniform, logp } });
        }
        let best = greedy(&self.probabilities);
        let action = if explore { uniform } else { best };
        let pi = if action == best { 1.0 - epsilon + share } else { share };
        Ok(Choice { action, logp: pi.ln() as f32 })
    }

    /// The probabilities of the actions at one row of outputs, without random actions on top.
    pub fn probabilities(&mut self, outputs: &[f32]) -> Result<&[f32], String> {
        self.fill(outputs)?;
        Ok(&self.probabilities)
    }

    /// What speaks for each action at the row that was chosen from last: its value where values are followed greedily,
    /// else its probability.
    pub fn weights<'a>(&'a self, outputs: &'a [f32]) -> &'a [f32] {
        match self.rule {
            Rule::Greedy { column } => &outputs[column..column + self.actions],
            _ => &self.probabilities,
        }
    }

    /// The probabilities of the actions, ε aside.
    fn fill(&mut self, outputs: &[f32]) -> Result<(), String> {
        let of = |column: usize| &outputs[column..column + self.actions];
        let probabilities = &mut self.probabilities;
        match &mut self.rule {
            Rule::Greedy { column } => {
                probabilities.fill(0.0);
                probabilities[greedy(of(*column))] = 1.0;
                Ok(())
            }
            Rule::Softmax { column } => softmax(of(*column), probabilities),
            Rule::Script { behave, uniforms, scratch } => {
                behave.probabilities(uniforms, outputs, scratch, probabilities)
            }
        }
    }
}

/// The first action of the largest value.
fn greedy(q: &[f32]) -> usize {
    let mut best = 0;
    for (action, value) in q.iter().enumerate() {
        if *value > q[best] {
            best = action;
        }
    }
    best
}

fn softmax(logits: &[f32], out: &mut [f32]) -> Result<(), String> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (p, logit) in out.iter_mut().zip(logits) {
        *p = (logit - largest).exp();
        sum += *p;
    }
    if !sum.is_finite() {
        return Err(format!("the policy's logits are {logits:?}"));
    }
    out.iter_mut().for_each(|p| *p /= sum);
    Ok(())
}

/// The action that `u`, uniform in [0, 1), falls to.
fn sample(probabilities: &[f32], u: f64) -> usize {
    let mut below = 0.0;
    for (action, p) in probabilities.iter().enumerate() {
        below += f64::from(*p);
        if u < below {
            return action;
        }
    }
    // Rounding leaves the sum a little short of one: the last action that can be taken at all.
    probabilities.iter().rposition(|p| *p > 0.0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn policy(rule: Rule) -> Policy {
        Policy { rule, actions: 4, probabilities: vec![0.0; 4] }
    }

    fn count(policy: &mut Policy, outputs: &[f32], epsilon: f64) -> [usize; 4] {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut counts = [0; 4];
        for _ in 0..10_000 {
            counts[policy.choose(outputs, epsilon, &mut rng).unwrap().action] += 1;
        }
        counts
    }

    #[test]
    fn greedy_explores_as_often_as_epsilon_says() {
        let mut policy = policy(Rule::Greedy { column: 1 });
        let outputs = [9.0, 0.0, 5.0, 1.0, 5.0];
        // 0.8 greedy and a quarter of 0.2: 8500 expected, six standard deviations are 215. Ties go to the first.
        assert!(count(&mut policy, &outputs, 0.2)[1].abs_diff(8500) < 215);
        assert_eq!(count(&mut policy, &outputs, 0.0), [0, 10_000, 0, 0]);
    }

    #[test]
    fn the_best_of_any_policy_can_be_taken() {
        for (rule, outputs) in [
            (Rule::Softmax { column: 1 }, [9.0, 0.0, 5.0, 1.0, 5.0]),
            (Rule::Greedy { column: 1 }, [9.0, 0.0, 5.0, 1.0, 5.0]),
        ] {
            let (mut policy, mut rng) = (policy(rule), Xoshiro256PlusPlus::seed_from_u64(3));
            for _ in 0..100 {
                let best = policy.choose_best(&outputs, 0.0, &mut rng).unwrap();
                assert_eq!(best, Choice { action: 1, logp: 0.0 });
                let any = policy.choose_best(&outputs, 0.2, &mut rng).unwrap();
                let expected: f32 = if any.action == 1 { 0.85 } else { 0.05 };
                assert!((any.logp - expected.ln()).abs() < 1e-6, "{any:?}");
            }
        }
    }

    #[test]
    fn logits_are_sampled_in_their_proportions() {
        let mut policy = policy(Rule::Softmax { column: 0 });
        let outputs = [0.1f32, 0.2, 0.3, 0.4].map(f32::ln);
        let counts = count(&mut policy, &outputs, 0.0);
        for (action, counted) in counts.into_iter().enumerate() {
            // Six standard deviations of a binomial with p = 0.4 are 294.
            assert!(counted.abs_diff(1000 * (action + 1)) < 294, "{counts:?}");
        }
    }

    #[test]
    fn a_choice_knows_how_likely_it_was() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut greedy = policy(Rule::Greedy { column: 0 });
        let mut softmax = policy(Rule::Softmax { column: 0 });
        for _ in 0..100 {
            let choice = greedy.choose(&[0.0, 1.0, 0.0, 0.0], 0.2, &mut rng).unwrap();
            let expected: f32 = if choice.action == 1 { 0.85 } else { 0.05 };
            assert!((choice.logp - expected.ln()).abs() < 1e-6, "{choice:?}");
            let outputs = [0.1f32, 0.2, 0.3, 0.4].map(|p| p.ln() + 300.0);
            let choice = softmax.choose(&outputs, 0.5, &mut rng).unwrap();
            let expected = 0.05 * (choice.action + 1) as f32 + 0.125;
            // Logits near 300 carry an error of 2e-5 each.
            assert!((choice.logp - expected.ln()).abs() < 1e-4, "{choice:?}");
        }
    }

    #[test]
    fn what_cannot_be_sampled_is_said() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut policy = policy(Rule::Softmax { column: 0 });
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(policy.choose(&[0.0, bad, 0.0, 0.0], 0.0, &mut rng).is_err());
        }
        assert!(policy.choose(&[f32::NEG_INFINITY; 4], 0.0, &mut rng).is_err());
        let certain = policy.choose(&[f32::NEG_INFINITY, 0.0, -1e30, -500.0], 0.0, &mut rng).unwrap();
        assert_eq!(certain, Choice { action: 1, logp: 0.0 });
    }

    #[test]
    fn as_much_randomness_is_drawn_whatever_the_values() {
        for rule in [|| Rule::Greedy { column: 0 }, || Rule::Softmax { column: 0 }] {
            let after = |outputs: [f32; 4], epsilon| {
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
                // One of the choices fails, and has drawn like any other.
                drop(policy(rule()).choose(&outputs, epsilon, &mut rng));
                rng.random::<u64>()
            };
            let same = after([0.0; 4], 0.0);
            assert_eq!([after([1.0, 2.0, 3.0, 4.0], 1.0), after([f32::NAN; 4], 0.5)], [same; 2]);
        }
    }

    #[test]
    fn rounding_never_yields_an_impossible_action() {
        assert_eq!(sample(&[0.5, 0.499_999, 0.0], 0.999_999_999), 1);
        assert_eq!(sample(&[0.0, 1.0], 0.0), 1);
    }
}
