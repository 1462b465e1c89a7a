//! What is no mistake in a run, and perhaps not meant either.

use crate::config::Config;
use crate::staged::Staged;
use kelvin_objective::Script;

/// What a person should know of a run before it starts.
pub fn cautions(config: &Config, staged: &Staged) -> Vec<&'static str> {
    let frozen = !staged.reads().target.is_empty() && config.target_every == 0 && config.reference.is_none();
    let frozen = frozen.then_some(
        "the target network that the script reads stays as the network was at the start; a `reference` is another \
         run's, and `target_every` copies, in agent steps",
    );
    frozen.into_iter().chain(unheard(config, &staged.script)).collect()
}

/// A hook that will never be called.
pub fn unheard(config: &Config, script: &Script) -> Option<&'static str> {
    (config.eval_every == 0 && script.hooks().on_eval).then_some(
        "the script has `on_eval`, and this run makes no evaluations: `eval_every` is 0; a run is started with it, in \
         agent steps",
    )
}
