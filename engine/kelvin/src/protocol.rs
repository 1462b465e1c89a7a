//! How an evaluation chooses actions.

use crate::config::EvalPolicyName;
use crate::failure::Failure;
use crate::learner::{Choice, Policy, Unsampled};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::Serialize;
use std::fmt;

/// How actions are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Drawn from the policy: the softmax of the logits, or what the script's `behave` says.
    Stochastic,
    /// The likeliest action of the policy, or that of the largest value; the first of several.
    Greedy,
    /// The same, or a uniform action with probability ε.
    Epsilon,
}

impl Way {
    /// As records and settings call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stochastic => "stochastic",
            Self::Greedy => "greedy",
            Self::Epsilon => "epsilon",
        }
    }
}

/// A way to choose, with its probability of a random action.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Protocol {
    /// The way.
    #[serde(rename = "policy")]
    pub way: Way,
    /// Probability of a uniform action.
    pub epsilon: f64,
}

impl Protocol {
    /// What was asked for, for a policy of this kind. `epsilon` is what was asked for by itself, and `usual` the ε of a
    /// way that needs one: a greedy policy may get stuck where one random action frees it (Mnih et al. 2015).
    ///
    /// # Errors
    /// A draw from action values, which are no policy; a greedy choice that is to be random.
    pub fn resolve(
        asked: EvalPolicyName,
        epsilon: Option<f64>,
        usual: f64,
        policy: &Policy,
    ) -> Result<Self, Failure> {
        let way = match asked {
            EvalPolicyName::Auto if policy.samples() => Way::Stochastic,
            EvalPolicyName::Auto | EvalPolicyName::Epsilon => Way::Epsilon,
            EvalPolicyName::Stochastic => Way::Stochastic,
            EvalPolicyName::Greedy => Way::Greedy,
        };
        match way {
            Way::Stochastic if !policy.samples() => Err(Failure::usage(
                "a stochastic evaluation needs a policy, and this script has action values only",
            )
            .hint(
                "ask for greedy or epsilon, or add a function `behave(net, p)` that returns probabilities",
            )),
            Way::Greedy if epsilon.is_some_and(|epsilon| epsilon > 0.0) => {
                Err(Failure::usage("a greedy evaluation takes no random actions")
                    .hint("ask for the policy `epsilon` where ε is to be above zero"))
            }
            Way::Epsilon => Ok(Self { way, epsilon: epsilon.unwrap_or(usual) }),
            Way::Stochastic | Way::Greedy => Ok(Self { way, epsilon: epsilon.unwrap_or(0.0) }),
        }
    }

    /// Chooses from one row of outputs.
    ///
    /// # Errors
    /// A row that says nothing that could be chosen from.
    pub fn choose(
        &self,
        policy: &mut Policy,
        outputs: &[f32],
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<Choice, Unsampled> {
        match self.way {
            Way::Stochastic => policy.choose(outputs, self.epsilon, rng),
            Way::Greedy | Way::Epsilon => policy.choose_best(outputs, self.epsilon, rng),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.way {
            Way::Greedy => f.write_str("greedy"),
            Way::Epsilon => write!(f, "ε {}", self.epsilon),
            Way::Stochastic => write!(f, "stochastic, ε {}", self.epsilon),
        }
    }
}
