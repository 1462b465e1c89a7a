//! Two objectives with one network, and windows for both.

use super::agreement::Part;
use crate::config::{Config, LearnerName, Wanted, any_game};
use crate::console::{Console, grouped};
use crate::failure::Failure;
use crate::learner::{Learner, Policy};
use crate::memory;
use crate::params::Steered;
use crate::staged::{self, Staged};
use crate::train::{checkpoint, open_device};
use kelvin_compute::objective::sample_fields;
use kelvin_compute::{Batch, Device, Model, ModelState};
use kelvin_env::{EnvOptions, EnvSpec, Preset, VecEnv, make};
use kelvin_objective::{Head, Script};
use kelvin_run::RunDir;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::path::{Path, PathBuf};

/// Rollouts that are played before the first that counts, so that not all windows are beginnings.
const WARM_UP: usize = 20;

/// Actions where nothing is played: those of most games.
const RANDOM_ACTIONS: usize = 6;
/// Memory that a pixel of a window takes: as a byte in the data, its copies and each model, and as a float in both.
const BYTES_A_PIXEL: u64 = 16;

/// What to compare, and on what.
#[derive(Clone, Debug)]
pub struct CompareRequest {
    /// The two scripts.
    pub scripts: [PathBuf; 2],
    /// Environment that is played; random windows without one.
    pub env: Option<String>,
    /// Run whose newest weights the network has; fresh ones without.
    pub checkpoint: Option<PathBuf>,
    /// Run whose newest network is the target network.
    pub reference: Option<PathBuf>,
    /// Whether windows are copied for each action.
    pub enumerate: bool,
    /// `--set key=value`, for both scripts.
    pub sets: Vec<(String, String)>,
    /// Windows of a batch.
    pub windows: usize,
    /// Of weights, environments and actions.
    pub seed: u64,
    /// As for training.
    pub device: String,
    /// A folder of ROMs to search first.
    pub roms: Option<PathBuf>,
}

/// Windows of `n` steps with their observations at all states.
#[derive(Clone, Debug)]
pub struct Data {
    /// `[n + 1, windows, stack, height, width]`.
    pub obs: Vec<u8>,
    /// `[fields, windows]`; see [`kelvin_compute::objective`].
    pub samples: Vec<f32>,
    /// How many.
    pub windows: usize,
}

/// Two objectives, and a model for each, with the same weights.
pub struct Pair {
    pub(super) config: Config,
    pub(super) env: EnvSpec,
    pub(super) staged: [Staged; 2],
    pub(super) policy: Policy,
    pub(super) seed: u64,
    pub(super) models: [Model; 2],
    /// Windows of a batch of the models.
    rows: usize,
    player: Option<Learner>,
}

impl Pair {
    /// Compiles both scripts for one network.
    pub fn new(request: &CompareRequest, console: &Console) -> Result<Self, Failure> {
        let run = request.checkpoint.as_deref().map(RunDir::open).transpose()?;
        let of_run = run.as_ref().map(|dir| Config::parse(&dir.read_config()?)).transpose()?;
        let name = request.env.clone().or_else(|| of_run.as_ref().map(|config| config.env.clone()));
        let options = EnvOptions {
            roms: request.roms.clone(),
            preset: of_run.as_ref().map(|config| config.preset).unwrap_or_default(),
            full_action_set: of_run.as_ref().is_some_and(|config| config.full_action_set),
            ..EnvOptions::default()
        };
        let env = match &name {
            Some(name) => make(name, &options, 1)?.spec().clone(),
            None => any_game(RANDOM_ACTIONS),
        };
        let device = open_device(&request.device, console)?;
        let [a, b] = &request.scripts;
        let configured = |path: &PathBuf| -> Result<(Script, Config), Failure> {
            let script = Script::load(path)?;
            let config = configure(request, of_run.as_ref(), &script, &env)?;
            Ok((script, config))
        };
        let ((first, config), (second, other)) = (configured(a)?, configured(b)?);
        agree(&config, &other, request)?;
        let actions = env.actions.len();
        let rows = request.windows * if request.enumerate { actions } else { 1 };
        check_memory(&config, &env, rows)?;
        let staged = [(first, &config), (second, &other)].map(|(script, config)| {
            let layout = staged::layout(&Config { batch: rows, ..config.clone() }, actions);
            Staged::new(script, &layout, &config.params)
        });
        let [first, second] = staged;
        let staged = [first?, second?];
        let mut models = [
            model(device.as_ref(), &config, &env, &staged[0], rows, request.seed)?,
            model(device.as_ref(), &other, &env, &staged[1], rows, request.seed)?,
        ];
        share_weights(request, &mut models, console)?;
        let mut policy = Policy::new(&config, &staged[0], actions)?;
        policy.set_uniforms(&staged[0].uniforms(&config.params));
        if request.enumerate && !policy.samples() {
            let message = "the largest q acts: there is no policy to weigh actions by";
            let hint = "add a function `behave(net, p)`, such as softmax(net.q / p.tau), or leave out --enumerate-actions";
            return Err(staged[0].script.diagnostic(message, hint).into());
        }
        let player = match &name {
            None => None,
            Some(name) => {
                Some(player(&staged[0].script, &config, device.as_ref(), name, &options, &mut models[0])?)
            }
        };
        let scripts = staged.each_ref().map(|staged| staged.script.name().to_owned());
        let [first, second] = &scripts;
        console.line(format!(
            "A is {first}, B is {second}; {} parameters, {}",
            grouped(models[0].tensors().last().map_or(0, |tensor| tensor.range().end) as u64),
            match &name {
                Some(name) => format!("windows of {} steps played on {name}", config.n),
                None => format!("random windows of {} steps", config.n),
            }
        ));
        Ok(Self { config, env, staged, policy, seed: request.seed, models, rows, player })
    }

    /// Other windows each time.
    pub fn draw(&mut self, rng: &mut Xoshiro256PlusPlus) -> Result<Data, Failure> {
        match &mut self.player {
            Some(player) => {
                let windows = player.play()?;
                Ok(Data { windows: windows.size(), obs: windows.obs, samples: windows.samples })
            }
            None => self.random(rng),
        }
    }

    /// Windows of noise: observations, rewards in ±1, an end now and then, actions drawn from the policy.
    fn random(&mut self, rng: &mut Xoshiro256PlusPlus) -> Result<Data, Failure> {
        let (n, windows, obs_len) = (self.config.n, self.config.envs, self.env.obs_len());
        let obs: Vec<u8> = (0..(n + 1) * windows * obs_len).map(|_| rng.random()).collect();
        let mut samples = vec![0.0; sample_fields(n) * windows];
        for window in 0..windows {
            let mut terminated = false;
            for step in 0..n {
                let mut set =
                    |field: usize, value: f32| samples[(field * n + step) * windows + window] = value;
                let valid = !terminated;
                terminated |= rng.random::<f64>() < 0.05;
                set(0, if valid { rng.random_range(-1.0..1.0) } else { 0.0 });
                set(1, f32::from(u8::from(terminated)));
                set(4, f32::from(u8::from(valid)));
            }
            samples[5 * n * windows + window] = 1.0;
        }
        let data = Data { obs, samples, windows };
        self.act(data, rng)
    }

    /// The windows with actions drawn from the policy.
    fn act(&mut self, mut data: Data, rng: &mut Xoshiro256PlusPlus) -> Result<Data, Failure> {
        let rows = self.rows(&data)?;
        for (row, outputs) in rows.iter().enumerate() {
            let choice = self.policy.choose(outputs, 0.0, rng).map_err(|failed| no_policy(&failed.reason))?;
            let at = |field: usize| field * rows.len() + row;
            if data.samples[at(4)] != 0.0 {
                data.samples[at(2)] = choice.action as f32;
                data.samples[at(3)] = choice.logp;
            }
        }
        Ok(data)
    }

    /// Probabilities of the actions at states 0 to n - 1, `[n][windows]`.
    pub(super) fn policies(&mut self, data: &Data) -> Result<Vec<Vec<f32>>, Failure> {
        let rows = self.rows(data)?;
        let of = |outputs: &Vec<f32>| {
            self.policy.probabilities(outputs).map(<[f32]>::to_vec).map_err(|reason| no_policy(&reason))
        };
        rows.iter().map(of).collect()
    }

    /// The network's outputs at states 0 to n - 1, `[n][windows]`.
    fn rows(&mut self, data: &Data) -> Result<Vec<Vec<f32>>, Failure> {
        let width = self.config.outputs(self.env.actions.len());
        let mut outputs = vec![0.0; data.windows * width];
        let mut rows = Vec::new();
        // A model acts for as many observations as there are windows.
        for seen in data.obs.chunks_exact(data.windows * self.env.obs_len()).take(self.config.n) {
            self.models[0].act(seen, &mut outputs)?;
            rows.extend(outputs.chunks_exact(width).map(<[f32]>::to_vec));
        }
        Ok(rows)
    }

    /// The gradient of one of the objectives on as many windows as its model takes. `weigh` is handed a trained state,
    /// a window, and the gradient of the network's outputs there.
    pub(super) fn gradient(
        &mut self,
        which: usize,
        data: &Data,
        mut weigh: impl FnMut(usize, usize, &mut [f32]),
    ) -> Result<Vec<f32>, Failure> {
        let reads = self.staged[which].reads();
        let len = self.rows * self.env.obs_len();
        let obs: Vec<u8> = reads
            .states()
            .into_iter()
            .flat_map(|state| &data.obs[state * len..(state + 1) * len])
            .copied()
            .collect();
        let width = self.config.outputs(self.env.actions.len());
        let rows = self.rows;
        let weigh = |of_outputs: &mut [f32]| {
            for (state, rows) in reads.trained.iter().zip(of_outputs.chunks_exact_mut(rows * width)) {
                for (window, row) in rows.chunks_exact_mut(width).enumerate() {
                    weigh(*state, window, row);
                }
            }
        };
        Ok(self.models[which].gradient(&Batch { obs: &obs, samples: &data.samples }, weigh)?)
    }

    /// The parts of the parameters that are told apart: each tensor, of the output layer each head.
    pub(super) fn parts(&self) -> Vec<Part> {
        let actions = self.env.actions.len();
        let width = self.config.outputs(actions);
        let mut parts = Vec::new();
        for tensor in self.models[0].tensors() {
            let range = tensor.range();
            let Some(role) = tensor.name.strip_prefix("output.") else {
                parts.push(Part { name: tensor.name.clone(), ranges: vec![range] });
                continue;
            };
            for &head in &self.config.heads {
                let first = self.config.column(head, actions).unwrap_or(0);
                let columns = head.columns(actions);
                let rows = range.clone().step_by(width);
                let ranges = rows.map(|row| row + first..row + first + columns).collect();
                parts.push(Part { name: format!("{}.{role}", Head::from(head).name()), ranges });
            }
        }
        parts
    }
}

fn no_policy(reason: &str) -> Failure {
    Failure::failed(format!("the network says no policy: {reason}"))
}

/// Gives both models the networks of the checkpoint, or else those of the first and another target network: equal
/// ones would hide what a script does with the two.
fn share_weights(
    request: &CompareRequest,
    models: &mut [Model; 2],
    console: &Console,
) -> Result<(), Failure> {
    let unlike = |run: &Path, error: kelvin_compute::Error| {
        Failure::failed(format!("the network of {} is another one: {error}", run.display()))
            .hint("it must have the same environment, heads and layers as the scripts' network")
    };
    match &request.checkpoint {
        Some(run) => {
            let learned = newest(run, console)?;
            for model in models.iter_mut() {
                model.import_networks(&learned).map_err(|error| unlike(run, error))?;
            }
        }
        None => {
            models[0].draw_target(request.seed.wrapping_add(1))?;
            let shared = models[0].export()?;
            models[1].import_networks(&shared)?;
        }
    }
    if let Some(run) = &request.reference {
        let reference = newest(run, console)?;
        for model in models.iter_mut() {
            model.import_target(&reference).map_err(|error| unlike(run, error))?;
        }
    }
    Ok(())
}

/// The networks of a run's newest checkpoint.
fn newest(run: &Path, console: &Console) -> Result<ModelState, Failure> {
    let newest = checkpoint::for_evaluation(&RunDir::open(run)?, console)?;
    Ok(checkpoint::load_model(&newest)?.1)
}

/// Refuses windows that do not fit the memory.
fn check_memory(config: &Config, env: &EnvSpec, rows: usize) -> Result<(), Failure> {
    let wanted = ((config.n + 1) * rows * env.obs_len()) as u64 * BYTES_A_PIXEL;
    match memory::available_bytes().filter(|free| wanted > *free) {
        None => Ok(()),
        Some(free) => Err(Failure::usage(format!(
            "{rows} windows of {} steps take about {}, and {} are free",
            config.n,
            memory::readable(wanted),
            memory::readable(free)
        ))
        .hint("ask for fewer with --windows, or for shorter ones with --set n=…")),
    }
}

/// A script's settings as for training by rollouts, whatever its own learner: the data are on policy. With a run's
/// weights the layers are the run's.
fn configure(
    request: &CompareRequest,
    of_run: Option<&Config>,
    script: &Script,
    env: &EnvSpec,
) -> Result<Config, Failure> {
    if let Some((key, _)) =
        request.sets.iter().find(|(key, _)| ["envs", "batch", "learner"].contains(&key.as_str()))
    {
        return Err(Failure::usage(format!("--set {key} means nothing here"))
            .hint("the number of windows is --windows"));
    }
    let mut sets = request.sets.clone();
    sets.push(("learner".to_owned(), "rollout".to_owned()));
    sets.push(("envs".to_owned(), request.windows.to_string()));
    let wanted = Wanted {
        env: env.id.clone(),
        preset: Preset::default(),
        full_action_set: false,
        seed: request.seed,
        device: request.device.clone(),
        frames: None,
        reference: None,
        sets,
    };
    let config = Config::resolve(&wanted, script, env)?;
    Ok(match of_run {
        Some(run) => Config { network: run.network, hidden: run.hidden.clone(), ..config },
        None => config,
    })
}

/// Refuses scripts that cannot have one network and one set of windows.
fn agree(a: &Config, b: &Config, request: &CompareRequest) -> Result<(), Failure> {
    let [first, second] = request.scripts.each_ref().map(|path| path.display());
    if a.heads != b.heads {
        let message =
            format!("{first} has heads {:?}, and {second} {:?}: no network has both", a.heads, b.heads);
        return Err(Failure::usage(message).hint("compare scripts with the same heads, in the same order"));
    }
    if (a.network, &a.hidden) != (b.network, &b.hidden) {
        let message = format!("{first} has another network than {second}");
        return Err(
            Failure::usage(message).hint("give both the same: --set network=nature, --set hidden=[64,64]")
        );
    }
    if a.n != b.n {
        let message = format!("{first} has windows of {} steps, and {second} of {}", a.n, b.n);
        return Err(Failure::usage(message).hint("give both the same: --set n=5"));
    }
    Ok(())
}

fn model(
    device: &dyn Device,
    config: &Config,
    env: &EnvSpec,
    staged: &Staged,
    rows: usize,
    seed: u64,
) -> Result<Model, Failure> {
    debug_assert_eq!(config.learner, LearnerName::Rollout);
    let config = Config { batch: rows, ..config.clone() };
    let reads = staged.reads();
    let mut model = Model::new(device, config.model_spec(env, config.envs, reads.clone(), seed))?;
    let compiled = model.compiler().compile(&staged.kernel())?;
    model.set_objective(&reads, compiled)?;
    model.set_uniforms(&staged.uniforms(&config.params))?;
    Ok(model)
}

/// Plays with the first script's policy and the weights of `model`.
fn player(
    script: &Script,
    config: &Config,
    device: &dyn Device,
    env: &str,
    options: &EnvOptions,
    model: &mut Model,
) -> Result<Learner, Failure> {
    let options = EnvOptions { clip_rewards: config.clip_rewards, ..options.clone() };
    let envs = VecEnv::new(env, &options, config.envs, config.seed)?;
    let staged =
        Staged::new(script.clone(), &staged::layout(config, envs.spec().actions.len()), &config.params)?;
    let mut learner = Learner::new(config, device, envs, staged, Steered::default())?;
    learner.import_networks(&model.export()?)?;
    for _ in 0..WARM_UP {
        learner.play()?;
    }
    Ok(learner)
}
