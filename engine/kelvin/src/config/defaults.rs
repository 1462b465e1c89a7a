//! What holds where neither the script nor the command line says otherwise.

use super::{
    ClipName, Config, DecayName, EvalPolicyName, EvalPresetName, HeadName, InitName, LearnerName,
    NetworkName, OnNan, OptimizerName, Wanted,
};
use crate::memory;
use crate::replay::bytes_per_transition;
use crate::units::{AgentSteps, Frames};
use kelvin_env::EnvSpec;
use kelvin_objective::{ConfigValue, Script};
use std::collections::BTreeSet;

/// Share of the free memory that replay takes at most by default.
const MEMORY_SHARE: f64 = 0.6;

/// Atari: the settings of the paper's section 6.2 and of the code it builds on. Built-in environments: a
/// small network and short schedules, with which they are solved in seconds.
pub(super) fn defaults(wanted: &Wanted, script: &Script, env: &EnvSpec) -> Config {
    let hooks = script.hooks();
    // A policy that is sampled explores by itself; a script that wants random actions on top asks for them.
    let [epsilon_start, epsilon_mid, epsilon_end] =
        if hooks.behave || !acts_by_values(script) { [0.0; 3] } else { [1.0, 0.1, 0.01] };
    let common = Config {
        script: path(script),
        env: wanted.env.clone(),
        preset: wanted.preset,
        full_action_set: wanted.full_action_set,
        seed: wanted.seed,
        device: wanted.device.clone(),
        frames: wanted.frames.unwrap_or(Frames(10_000_000)),
        envs: 8,
        learner: LearnerName::Replay,
        n: 1,
        heads: vec![HeadName::Q],
        network: NetworkName::Nature,
        hidden: vec![64, 64],
        overlap: true,
        init: InitName::Glorot,
        batch: 32,
        replay_capacity: affordable(1_000_000, env),
        learning_starts: AgentSteps(50_000),
        update_every: 4,
        target_every: 40_000,
        optimizer: OptimizerName::Adam,
        learning_rate: 1e-4,
        learning_rate_decay: DecayName::Constant,
        adam_beta1: 0.9,
        adam_beta2: 0.999,
        adam_epsilon: 1e-4,
        rmsprop_decay: 0.99,
        rmsprop_epsilon: 1e-5,
        clip: ClipName::PerTensor,
        clip_norm: 10.0,
        epsilon_start,
        epsilon_mid,
        epsilon_end,
        epsilon_mid_at: 0.02,
        epsilon_end_at: 0.2,
        // A script that shapes rewards wants to see them as they are.
        clip_rewards: !hooks.reward,
        on_nan: OnNan::Stop,
        log_every: 1000,
        checkpoint_every: 250_000,
        eval_every: if hooks.on_eval { 250_000 } else { 0 },
        eval_episodes: 10,
        eval_policy: EvalPolicyName::Auto,
        eval_epsilon: 0.001,
        eval_preset: EvalPresetName::Run,
        live: true,
        params: script.params().iter().map(|param| (param.name.clone(), param.default)).collect(),
        reference: wanted.reference.clone(),
        forked_from: None,
        pinned: BTreeSet::new(),
    };
    match (on_policy(wanted, script), env.atari) {
        (false, true) => common,
        (true, true) => rollout(common),
        (false, false) => small(common, wanted, script, env),
        // Larger steps for a smaller network.
        (true, false) => Config { learning_rate: 7e-3, ..rollout(small(common, wanted, script, env)) },
    }
}

/// Where a script is, from the root on: the run may be resumed from another folder.
pub(super) fn path(script: &Script) -> String {
    std::path::absolute(script.path()).unwrap_or_else(|_| script.path().into()).display().to_string()
}

/// Built-in environments: small networks, short schedules.
fn small(common: Config, wanted: &Wanted, script: &Script, env: &EnvSpec) -> Config {
    Config {
        frames: wanted.frames.unwrap_or(Frames(100_000)),
        network: NetworkName::Mlp,
        replay_capacity: affordable(50_000, env),
        learning_starts: AgentSteps(1_000),
        update_every: 2,
        target_every: 500,
        learning_rate: 1e-3,
        epsilon_mid_at: 0.1,
        epsilon_end_at: 0.3,
        checkpoint_every: 50_000,
        eval_every: if script.hooks().on_eval { 20_000 } else { 0 },
        ..common
    }
}

/// A2C: the settings of the paper's sections 6.1 and 6.3 and of the code it builds on.
fn rollout(common: Config) -> Config {
    Config {
        envs: 16,
        learner: LearnerName::Rollout,
        init: InitName::Orthogonal,
        batch: 16,
        learning_starts: AgentSteps(0),
        // The target network is a reference, which stays as it is.
        target_every: 0,
        optimizer: OptimizerName::Rmsprop,
        learning_rate: 7e-4,
        learning_rate_decay: DecayName::Linear,
        clip: ClipName::Global,
        clip_norm: 0.5,
        ..common
    }
}

/// Whether the command line, or else the script, asks for rollouts.
fn on_policy(wanted: &Wanted, script: &Script) -> bool {
    let asked =
        wanted.sets.iter().rfind(|(key, _)| key == "learner").map(|(_, value)| value.trim_matches('"'));
    match (asked, script.config().get("learner")) {
        (Some(asked), _) => asked == "rollout",
        (None, Some(ConfigValue::Str(learner))) => learner == "rollout",
        _ => false,
    }
}

/// Whether the script's network has action values, or does not say what it has.
fn acts_by_values(script: &Script) -> bool {
    match script.config().get("heads") {
        Some(ConfigValue::List(heads)) => heads.contains(&ConfigValue::Str("q".to_owned())),
        _ => true,
    }
}

/// `wanted` transitions, or the largest power of two that fits the share of memory that replay may take: in
/// steps so coarse that the same machine gives the same run, whatever else is open.
fn affordable(wanted: usize, env: &EnvSpec) -> usize {
    let Some(free) = memory::available_bytes() else { return wanted };
    let fits = free as f64 * MEMORY_SHARE / bytes_per_transition(env.frame_len()) as f64;
    if fits >= wanted as f64 { wanted } else { 1 << (fits.max(1024.0).log2() as u32) }
}
