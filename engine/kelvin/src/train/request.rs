//! What a command line asks of a training run.

use crate::config::Wanted;
use crate::failure::Failure;
use crate::units::Frames;
use kelvin_env::{EnvOptions, Preset};
use kelvin_objective::Script;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What was asked for; `None` is what was left open.
#[derive(Clone, Debug, Default)]
pub struct TrainRequest {
    /// The objective; a resumed run has its own.
    pub script: Option<PathBuf>,
    /// `--env`.
    pub env: Option<String>,
    /// `--preset`.
    pub preset: Option<Preset>,
    /// `--full-action-set`.
    pub full_action_set: bool,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--device`.
    pub device: Option<String>,
    /// `--frames`.
    pub frames: Option<Frames>,
    /// `--set key=value`, in order.
    pub sets: Vec<(String, String)>,
    /// The run directory.
    pub out: Option<PathBuf>,
    /// Go on with the run.
    pub resume: bool,
    /// `--fork`, a run directory to start from.
    pub fork: Option<PathBuf>,
    /// `--at`, the update of its checkpoint; the newest without.
    pub at: Option<u64>,
    /// `--reference`, a run directory.
    pub reference: Option<PathBuf>,
    /// `--profile`, how much of the training.
    pub profile: Option<Duration>,
    /// `--monitor`: open one beside the run.
    pub monitor: bool,
    /// A folder of ROMs to search first.
    pub roms: Option<PathBuf>,
}

/// The environment of a command that names none.
const DEFAULT_ENV: &str = "pong";

impl TrainRequest {
    /// The request with its defaults.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            env: self.env.clone().unwrap_or_else(|| DEFAULT_ENV.to_owned()),
            preset: self.preset.unwrap_or_default(),
            full_action_set: self.full_action_set,
            seed: self.seed.unwrap_or(0),
            device: self.device.clone().unwrap_or_else(|| "auto".to_owned()),
            frames: self.frames,
            // The run may be resumed from another folder.
            reference: self
                .reference
                .as_ref()
                .map(|run| std::path::absolute(run).unwrap_or_else(|_| run.clone()).display().to_string()),
            sets: self.sets.clone(),
        }
    }

    /// The script that a new run is of.
    pub(super) fn load_script(&self) -> Result<Script, Failure> {
        let path = self.script.as_deref().ok_or_else(|| {
            Failure::usage("no script is given").hint("kelvin train scripts/soft_kl.rhai --env pong")
        })?;
        Ok(Script::load(path)?)
    }

    /// The environment's options, for training.
    pub(super) fn env_options(&self, preset: Preset, full_action_set: bool) -> EnvOptions {
        EnvOptions { preset, full_action_set, roms: self.roms.clone(), ..EnvOptions::default() }
    }

    /// Where the run is: `--out`, or `runs/<script>-<env>-s<seed>`.
    pub(super) fn out(&self) -> Result<PathBuf, Failure> {
        if let Some(out) = &self.out {
            return Ok(out.clone());
        }
        let script = self.script.as_deref().and_then(Path::file_stem).ok_or_else(|| {
            Failure::usage("neither a script nor a run directory is given")
                .hint("kelvin train scripts/soft_kl.rhai --env pong, or kelvin train --resume runs/NAME")
        })?;
        let wanted = self.wanted();
        Ok(PathBuf::from("runs").join(format!("{}-{}-s{}", script.display(), wanted.env, wanted.seed)))
    }
}
