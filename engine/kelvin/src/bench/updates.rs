//! One update, and acting, for objectives as training runs them, on windows of no meaning.

use super::Bench;
use super::kernels::{self, KernelRow};
use super::measure::{Measurement, Unit, repeat};
use crate::config::{Config, Wanted, any_game};
use crate::failure::Failure;
use crate::params::{self, Steered};
use crate::staged::{self, Staged};
use kelvin_compute::objective::sample_fields;
use kelvin_compute::{Batch, Device, Model};
use kelvin_env::{EnvSpec, Preset};
use kelvin_objective::Script;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::path::{Path, PathBuf};

/// Actions of the games that the paper names: Pong's, Q*bert's and Space Invaders'.
const ACTIONS: usize = 6;

/// Numbers of environments that acting is measured for.
pub(super) const ACTING: [usize; 3] = [1, 16, 64];

/// A standard objective at a size.
#[derive(Clone, Copy)]
pub(super) struct Workload {
    /// What it is called in names.
    pub name: &'static str,
    file: &'static str,
    text: &'static str,
    /// Windows.
    pub batch: usize,
    /// Steps a window.
    pub n: usize,
}

/// Deep Q-learning.
pub(super) const DQN: Workload = Workload {
    name: "dqn",
    file: "dqn.rhai",
    text: include_str!("../../../../scripts/dqn.rhai"),
    batch: 32,
    n: 1,
};
/// Advantage actor-critic.
pub(super) const A2C: Workload = Workload {
    name: "a2c",
    file: "a2c_proper.rhai",
    text: include_str!("../../../../scripts/a2c_proper.rhai"),
    batch: 16,
    n: 5,
};
/// Path consistency: every state of a window is trained.
pub(super) const PCL: Workload = Workload {
    name: "pcl",
    file: "pcl.rhai",
    text: include_str!("../../../../scripts/pcl.rhai"),
    batch: 32,
    n: 10,
};

/// The updates that are measured.
pub(super) const STANDARD: [Workload; 5] = [DQN, DQN.of(256), A2C, A2C.of(256), PCL];

impl Workload {
    /// The same with another number of windows.
    pub(super) const fn of(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// The same over windows of another length.
    pub(super) const fn over(self, n: usize) -> Self {
        Self { n, ..self }
    }

    /// The name of its measurement: with the states that are trained, a step each for rollouts.
    pub(super) fn name(&self) -> String {
        let states = if self.name == "a2c" { self.batch * self.n } else { self.batch };
        format!("update {} {states}", self.name)
    }

    /// The script as a file, in a folder that lives as long.
    pub(super) fn write(&self, folder: &Path) -> Result<PathBuf, Failure> {
        let path = folder.join(self.file);
        std::fs::write(&path, self.text)
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?;
        Ok(path)
    }
}

/// The name of the measurement of a script's update: its own, or its path where another of `all` is called the same.
pub(super) fn name_of(path: &Path, all: &[PathBuf]) -> String {
    let stem = path.file_stem().unwrap_or_default();
    match all.iter().filter(|other| other.file_stem() == Some(stem)).count() {
        0 | 1 => format!("update {}", stem.display()),
        _ => format!("update {}", path.display()),
    }
}

/// The name of the measurement of acting.
pub(super) fn act_name(envs: usize) -> String {
    format!("act {envs}")
}

/// A standard update.
pub(super) fn standard(
    bench: &Bench<'_>,
    work: Workload,
) -> Result<(Vec<Measurement>, Vec<KernelRow>), Failure> {
    let mut subject = Subject::standard(bench.device.as_ref(), work, 1)?;
    measure(bench, &work.name(), &mut subject)
}

/// The update of somebody's script, with its own settings.
pub(super) fn of_script(
    bench: &Bench<'_>,
    name: &str,
    path: &Path,
) -> Result<(Vec<Measurement>, Vec<KernelRow>), Failure> {
    let mut subject = Subject::new(bench.device.as_ref(), path, &[], 1)?;
    measure(bench, name, &mut subject)
}

fn measure(
    bench: &Bench<'_>,
    name: &str,
    subject: &mut Subject,
) -> Result<(Vec<Measurement>, Vec<KernelRow>), Failure> {
    let samples = repeat(bench.request.effort, |count| subject.update(count))?;
    let cost = subject.model.update_cost();
    let measured =
        Measurement::of(name, Unit::Milliseconds, samples).costing(cost, bench.least_seconds(cost));
    let kernels = match bench.request.kernels {
        true => kernels::measure(bench, name, subject)?,
        false => vec![],
    };
    Ok((vec![measured], kernels))
}

/// Acting for so many environments: bytes in, outputs on the host.
pub(super) fn acting(bench: &Bench<'_>, envs: usize) -> Result<Measurement, Failure> {
    let mut subject = Subject::standard(bench.device.as_ref(), DQN.of(1), envs)?;
    let samples = repeat(bench.request.effort, |count| subject.act(count))?;
    let cost = subject.model.act_cost();
    let measured = Measurement::of(act_name(envs), Unit::Milliseconds, samples);
    Ok(measured.costing(cost, bench.least_seconds(cost)))
}

/// A model and what it learns from.
pub(super) struct Subject {
    pub(super) model: Model,
    obs: Vec<u8>,
    samples: Vec<f32>,
    act_obs: Vec<u8>,
    outputs: Vec<f32>,
}

impl Subject {
    pub(super) fn standard(device: &dyn Device, work: Workload, act_batch: usize) -> Result<Self, Failure> {
        let folder = scratch_folder()?;
        let path = work.write(folder.path())?;
        Self::new(device, &path, &[("batch", work.batch), ("envs", work.batch), ("n", work.n)], act_batch)
    }

    fn new(
        device: &dyn Device,
        script: &Path,
        sets: &[(&str, usize)],
        act_batch: usize,
    ) -> Result<Self, Failure> {
        let script = Script::load(script)?;
        let env = any_game(ACTIONS);
        let config = configure(&script, &env, sets)?;
        let values = params::values(&script, &config, &Steered::default())?;
        let staged = Staged::new(script, &staged::layout(&config, ACTIONS), &values)?;
        let reads = staged.reads();
        let spec = config.model_spec(&env, act_batch, reads.clone(), 1);
        let mut model = Model::new(device, spec)?;
        let compiled = model.compiler().compile(&staged.kernel())?;
        model.set_objective(&reads, compiled)?;
        model.set_uniforms(&staged.uniforms(&values))?;
        Ok(Self {
            obs: noise(reads.states().len() * config.batch * env.obs_len()),
            samples: windows(&config),
            act_obs: noise(act_batch * env.obs_len()),
            outputs: vec![0.0; act_batch * config.outputs(ACTIONS)],
            model,
        })
    }

    /// Makes updates, and waits for the last.
    pub(super) fn update(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            self.model.update(&Batch { obs: &self.obs, samples: &self.samples }, 1e-4)?;
        }
        self.model.report()?;
        Ok(())
    }

    /// Acts, each time for new observations.
    pub(super) fn act(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            self.model.act(&self.act_obs, &mut self.outputs)?;
        }
        Ok(())
    }
}

/// A folder for files that nobody keeps.
pub(super) fn scratch_folder() -> Result<tempfile::TempDir, Failure> {
    tempfile::tempdir().map_err(|error| Failure::failed(format!("no folder to work in: {error}")))
}

fn configure(script: &Script, env: &EnvSpec, sets: &[(&str, usize)]) -> Result<Config, Failure> {
    let wanted = Wanted {
        env: env.id.clone(),
        preset: Preset::default(),
        full_action_set: false,
        seed: 1,
        device: "auto".into(),
        frames: None,
        reference: None,
        sets: sets.iter().map(|(key, value)| ((*key).to_owned(), value.to_string())).collect(),
    };
    Config::resolve(&wanted, script, env)
}

/// Bytes without a pattern that a cache or a branch predictor could like.
fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Xoshiro256PlusPlus::seed_from_u64(1).fill_bytes(&mut bytes);
    bytes
}

/// Windows that were played to their ends: `[fields, batch]`.
fn windows(config: &Config) -> Vec<f32> {
    let (n, batch) = (config.n, config.batch);
    let mut samples = vec![0.0; sample_fields(n) * batch];
    // The fields are reward, terminated, action, behaviour_logp and valid at each step, then the weight.
    for (field, values) in samples.chunks_exact_mut(batch).enumerate() {
        match field / n {
            0 => values.iter_mut().enumerate().for_each(|(i, reward)| *reward = (i % 3) as f32 - 1.0),
            2 => values.iter_mut().enumerate().for_each(|(i, action)| *action = (i % ACTIONS) as f32),
            3 => values.fill(-(ACTIONS as f32).ln()),
            4 | 5 => values.fill(1.0),
            _ => {}
        }
    }
    samples
}
