//! What a run will cost, as far as that can be said before.

use crate::config::{Config, LearnerName, NetworkName};
use crate::console::duration;
use crate::memory;
use crate::replay::bytes_per_transition;
use kelvin_env::EnvSpec;
use kelvin_run::Task;
use std::path::Path;

/// Copies of the weights in a checkpoint: online, target, and two moments.
const COPIES: u64 = 4;
/// Checkpoints of a run that are kept.
const KEPT: u64 = 2;
/// How much smaller a memory of Atari frames becomes in a checkpoint; a rough figure.
const SHRINKS: u64 = 12;
/// Weights of the convolutional network (Mnih et al. 2015), and more than a small one has.
const WEIGHTS: [u64; 2] = [1_700_000, 50_000];
/// Free memory that replay may take over all processes. Each of them takes no more than this share of what it finds free,
/// so that none shrinks its memory for another's.
const MEMORY_SHARE: f64 = 0.6;

/// What is known of a run before it starts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    /// How it learns.
    pub learner: LearnerName,
    /// Whether an emulator runs in it.
    pub atari: bool,
    /// Bytes of memory that its replay fills.
    pub memory: u64,
    /// Bytes of memory that its replay may fill, and that must be free when it starts.
    pub reserved: u64,
    /// Bytes on disk of a checkpoint.
    pub checkpoint: u64,
    /// Checkpoints that stay when it is done.
    pub kept: u64,
    /// Whether it ends before it learns anything.
    pub idle: bool,
    /// What else a person should know of it before it starts.
    pub cautions: Vec<&'static str>,
}

impl Facts {
    pub fn new(config: &Config, env: &EnvSpec, cautions: Vec<&'static str>) -> Self {
        let steps = config.frames.0 / env.frames_per_step as u64;
        // Memory is taken as it fills.
        let slots = config.slots() as u64;
        let bytes = |slots: u64| slots.saturating_mul(bytes_per_transition(env.frame_len()) as u64);
        let (memory, reserved) = (bytes(slots.min(steps + 1000)), bytes(slots));
        let weights = WEIGHTS[usize::from(config.network == NetworkName::Mlp)];
        let idle = config.learner == LearnerName::Replay && config.learning_starts.0 >= steps;
        let checkpoint = 4 * COPIES * weights + memory / SHRINKS;
        let kept = KEPT.min(1 + steps / config.checkpoint_every);
        Self { learner: config.learner, atari: env.atari, memory, reserved, checkpoint, kept, idle, cautions }
    }

    /// Frames a second to expect of `threads` threads where nothing was measured: those of the machine in
    /// docs/benchmarks.md, without a GPU.
    fn assumed(&self, threads: usize) -> f64 {
        let of_one = match (self.atari, self.learner) {
            (true, LearnerName::Replay) => 1_100.0,
            (true, LearnerName::Rollout) => 6_000.0,
            (false, _) => 40_000.0,
        };
        of_one * threads as f64
    }

    /// Runs of one kind go at one speed.
    fn kind(&self) -> (bool, bool) {
        (self.atari, self.learner == LearnerName::Replay)
    }
}

/// How many processes run at once, with how many threads each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packing {
    /// Processes.
    pub jobs: usize,
    /// Threads of each.
    pub threads: usize,
}

impl Packing {
    /// One process a core, as far as there are tasks and memory for them: two runs on a thread each make more frames
    /// than one on two threads. On a GPU a process needs some cores to feed it.
    pub fn new(wanted: Option<usize>, tasks: usize, cores: usize, on_cpu: bool, largest: u64) -> Self {
        const CORES_FOR_A_GPU: usize = 4;
        let by_cores = if on_cpu { cores } else { cores.div_ceil(CORES_FOR_A_GPU) };
        let by_memory = match memory::available_bytes() {
            Some(free) if largest > 0 => (MEMORY_SHARE * free as f64 / largest as f64) as usize,
            _ => usize::MAX,
        };
        let jobs = wanted.unwrap_or(by_cores.min(by_memory)).clamp(1, tasks.max(1));
        Self { jobs, threads: (cores / jobs).max(1) }
    }
}

/// Bytes of the files of all checkpoints in a folder; none where there is no such folder.
fn bytes(checkpoints: &Path) -> u64 {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries(checkpoints).flat_map(|checkpoint| entries(&checkpoint.path()));
    files.filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum()
}

/// What an experiment still costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    /// Frames still to be trained.
    pub frames: u64,
    /// Wall-clock time, seconds.
    pub seconds: f64,
    /// Whether runs of this experiment were measured, rather than speeds assumed.
    pub measured: bool,
    /// Bytes on disk still to be written.
    pub disk: u64,
    /// Bytes of memory that the processes fill at the same time.
    pub memory: u64,
}

impl Estimate {
    /// `tasks` with their facts; those that are done cost nothing.
    pub fn new(folder: &Path, tasks: &[(&Task, &Facts)], packing: Packing) -> Self {
        let mut estimate = Self { frames: 0, seconds: 0.0, measured: false, disk: 0, memory: 0 };
        let (mut memories, mut largest) = (Vec::new(), 0);
        let mut speeds = std::collections::BTreeMap::new();
        for (task, facts) in tasks {
            if let Some(speed) = kelvin_batch::speed(&folder.join(&task.folder)) {
                speeds.insert(facts.kind(), speed);
            }
        }
        estimate.measured = !speeds.is_empty();
        for (task, facts) in tasks {
            if task.is_done(folder) {
                continue;
            }
            let path = folder.join(&task.folder);
            let left = task.frames.saturating_sub(kelvin_batch::Progress::read(&path).frames);
            let speed = speeds.get(&facts.kind()).copied().unwrap_or_else(|| facts.assumed(packing.threads));
            estimate.frames += left;
            estimate.seconds += left as f64 / speed.max(1.0);
            // Those that are there make room for new ones.
            let more = (facts.kept * facts.checkpoint).saturating_sub(bytes(&path.join("checkpoints")));
            estimate.disk = estimate.disk.saturating_add(more);
            largest = largest.max(facts.checkpoint);
            memories.push(facts.memory);
        }
        // Each process writes a new one before an old one goes.
        estimate.disk = estimate.disk.saturating_add(packing.jobs as u64 * largest);
        memories.sort_unstable();
        estimate.memory = memories.iter().rev().take(packing.jobs).sum();
        estimate.seconds /= packing.jobs.min(memories.len()).max(1) as f64;
        estimate
    }

    /// For a person.
    pub fn describe(&self) -> String {
        format!(
            "about {} at speeds {}; {} of checkpoints, {} of memory",
            duration(self.seconds),
            if self.measured { "measured in this folder" } else { "assumed for idle cores" },
            memory::readable(self.disk),
            memory::readable(self.memory),
        )
    }
}
