//! The functions that a script consists of: one table of their names, arguments and meaning.

/// Which optional functions a script has, beside `config`, `params`, `target` and `loss`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// `behave(net, p)`: the policy that acts; see [`Script::behaviour`](crate::Script::behaviour).
    pub behave: bool,
    /// `reward(r)` or `reward(r, p)`: what the other functions read as rewards.
    pub reward: bool,
    /// `metrics(net, t, p)` or `metrics(net, y, t, p)`.
    pub metrics: bool,
    /// `schedule(step)`; see [`Script::schedule`](crate::Script::schedule).
    pub schedule: bool,
    /// `on_eval(stats)`; see [`Script::on_eval`](crate::Script::on_eval).
    pub on_eval: bool,
}

/// A function that Kelvin calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    Config,
    Params,
    Target,
    Loss,
    Metrics,
    Behave,
    Reward,
    Schedule,
    OnEval,
}

/// What there is to say about a function that Kelvin calls.
pub(crate) struct HookInfo {
    pub hook: Hook,
    pub name: &'static str,
    /// The lists of arguments it may be written with.
    pub forms: &'static [&'static [&'static str]],
    /// What it takes, for the error about other arguments.
    pub takes: &'static str,
    pub doc: &'static str,
}

pub(crate) const HOOKS: &[HookInfo] = &[
    HookInfo {
        hook: Hook::Config,
        name: "config",
        forms: &[&[]],
        takes: "no arguments",
        doc: "A map of static choices: learner, window n, heads, exploration, and any setting of the run.",
    },
    HookInfo {
        hook: Hook::Params,
        name: "params",
        forms: &[&[]],
        takes: "no arguments",
        doc: "A map of parameters, each made by param(…) with default, range and meaning.",
    },
    HookInfo {
        hook: Hook::Target,
        name: "target",
        forms: &[&["t", "p"], &["net", "t", "p"]],
        takes: "the transition and the parameters, and the network if it needs it",
        doc: "The backup target: numbers with any axes, which loss receives as y, its gradient stopped.",
    },
    HookInfo {
        hook: Hook::Loss,
        name: "loss",
        forms: &[&["net", "y", "t", "p"], &["net", "t", "p"]],
        takes: "the network, the target, the transition and the parameters",
        doc: "One number per sample, or one per step of the window, of which the mean over the window counts, \
              steps after a termination being 0. The gradient is that of the mean over the batch.",
    },
    HookInfo {
        hook: Hook::Metrics,
        name: "metrics",
        forms: &[&["net", "y", "t", "p"], &["net", "t", "p"]],
        takes: "the network, the target if there is one, the transition and the parameters",
        doc: "Calls metric(…) and returns nothing: a place for what is only looked at.",
    },
    HookInfo {
        hook: Hook::Behave,
        name: "behave",
        forms: &[&["net", "p"]],
        takes: "the network and the parameters",
        doc: "The policy that acts: one probability per action, from the network's outputs in the state to act \
              in. Without it the largest q acts, or a sample of softmax(logits).",
    },
    HookInfo {
        hook: Hook::Reward,
        name: "reward",
        forms: &[&["r"], &["r", "p"]],
        takes: "a reward, and the parameters if it needs them",
        doc: "What the script reads as rewards, from the rewards as the environment gave them; switches their \
              clipping off.",
    },
    HookInfo {
        hook: Hook::Schedule,
        name: "schedule",
        forms: &[&["step"]],
        takes: "one argument, how far the run has come",
        doc: "Plain numbers: a map of live parameters, learning_rate and epsilon to their values until the next \
              call; what it leaves out goes back. Called before the first update and every 1000 agent steps.",
    },
    HookInfo {
        hook: Hook::OnEval,
        name: "on_eval",
        forms: &[&["stats"]],
        takes: "one argument, the outcome of an evaluation",
        doc: "As schedule, after each evaluation; what it sets holds until it sets it anew.",
    },
];

impl Hook {
    pub fn info(self) -> &'static HookInfo {
        HOOKS.iter().find(|info| info.hook == self).expect("HOOKS has every hook: a test goes through them")
    }

    pub fn name(self) -> &'static str {
        self.info().name
    }
}

impl HookInfo {
    /// `fn loss(net, y, t, p), or fn loss(net, t, p)`
    pub fn written(&self) -> String {
        let forms = self.forms.iter().map(|form| format!("fn {}({})", self.name, form.join(", ")));
        forms.collect::<Vec<_>>().join(", or ")
    }
}

/// What others call these functions.
const ALIASES: &[(&str, Hook)] = &[
    ("behaviour", Hook::Behave),
    ("behavior", Hook::Behave),
    ("act", Hook::Behave),
    ("policy", Hook::Behave),
    ("metric", Hook::Metrics),
    ("rewards", Hook::Reward),
    ("shape_reward", Hook::Reward),
    ("reward_shaping", Hook::Reward),
    ("on_evaluation", Hook::OnEval),
    ("on_evaluate", Hook::OnEval),
    ("evaluation", Hook::OnEval),
    ("parameters", Hook::Params),
    ("configuration", Hook::Config),
    ("targets", Hook::Target),
    ("backup", Hook::Target),
    ("losses", Hook::Loss),
    ("objective", Hook::Loss),
];

/// The hook that a function was most likely meant to be.
pub(crate) fn meant(name: &str) -> Option<Hook> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|&(_, hook)| hook);
    let near = || {
        let close = |info: &&HookInfo| strsim::osa_distance(name, info.name) <= 1 + info.name.len() / 7;
        HOOKS.iter().find(close).map(|info| info.hook)
    };
    alias.or_else(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_is_described() {
        use Hook::{Behave, Config, Loss, Metrics, OnEval, Params, Reward, Schedule, Target};
        for hook in [Config, Params, Target, Loss, Metrics, Behave, Reward, Schedule, OnEval] {
            assert_eq!(hook.info().hook, hook);
        }
    }

    #[test]
    fn slips_are_recognised_and_other_names_are_not() {
        for (name, hook) in [
            ("behaviour", Hook::Behave),
            ("metric", Hook::Metrics),
            ("on_evaluation", Hook::OnEval),
            ("shedule", Hook::Schedule),
            ("traget", Hook::Target),
        ] {
            assert_eq!(meant(name), Some(hook));
        }
        for name in ["soft_value", "value", "half", "cost", "targeted", "advantage", "toss_up"] {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}
