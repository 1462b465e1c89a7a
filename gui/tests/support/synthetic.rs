//! Run directories as training leaves them, without training: for tests of what reads them, and to measure it.
//!
//! The lines are those of `kelvin_run`'s records, with numbers that look like a training's: returns that rise and are
//! noisy, a loss that falls, norms of six layers. The same arguments give the same bytes.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How a run came to be as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It trained to its end.
    Done,
    /// It was stopped.
    Stopped,
    /// An error ended it.
    Failed,
    /// It says that it trains and has not said anything for an hour.
    Stalled,
    /// It says that it trains, now.
    Running,
    /// It waits.
    Paused,
    /// It was made before there were live slots, and is done.
    Old,
    /// It was killed while it wrote a record.
    Torn,
    /// A line in the middle of its metrics is damaged.
    DamagedLine,
    /// Its configuration is damaged.
    DamagedConfig,
}

/// Agent steps between two records.
const LOG_EVERY: u64 = 1000;
/// Frames an agent step.
const REPEAT: u64 = 4;
const LAYERS: [&str; 3] = ["conv1.weight", "conv2.weight", "q.weight"];

/// A run to be written.
#[derive(Clone, Debug)]
pub struct Synthetic {
    /// The script's name.
    pub script: String,
    /// The game.
    pub env: String,
    /// The seed, of the numbers too.
    pub seed: u64,
    /// Lines of `metrics.jsonl`: every other one an episode.
    pub points: u64,
    /// How it came to be as it is.
    pub kind: Kind,
}

impl Synthetic {
    /// A run of soft Q-learning on Pong.
    pub fn new(seed: u64, points: u64, kind: Kind) -> Self {
        Self { script: "soft_kl".to_owned(), env: "pong".to_owned(), seed, points, kind }
    }

    /// Frames at the end.
    fn frames(&self) -> u64 {
        self.points.div_ceil(2) * LOG_EVERY * REPEAT
    }

    /// Writes the run's folder.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for name in ["objective", "checkpoints/000000001000", "live"] {
            fs::create_dir_all(folder.join(name))?;
        }
        self.write_records(folder)?;
        let mut events = BufWriter::new(File::create(folder.join("events.jsonl"))?);
        let updates = self.frames() / REPEAT / 4;
        writeln!(
            events,
            r#"{{"agent_steps":{},"event":"params","params":{{"tau":0.05}},"source":"control.toml","update":{}}}"#,
            updates * 2,
            updates / 2
        )?;
        let last = match self.kind {
            Kind::Done | Kind::Old => "done",
            Kind::Stopped => "stopped",
            Kind::Failed => "fault",
            _ => "checkpoint",
        };
        writeln!(events, r#"{{"agent_steps":{},"event":"{last}","update":{updates}}}"#, updates * 4)?;
        events.flush()?;
        fs::write(
            folder.join("objective/index.jsonl"),
            format!(
                "{{\"update\":0,\"hash\":\"3f9a01bc\",\"script\":\"objective/000000000000-3f9a01bc/{}.rhai\"}}\n",
                self.script
            ),
        )?;
        if !matches!(self.kind, Kind::Old) {
            self.write_status(folder, 1)?;
        }
        if self.kind == Kind::Stalled {
            let hour_ago = SystemTime::now() - Duration::from_secs(3600);
            File::options().append(true).open(folder.join("live/status.json"))?.set_modified(hour_ago)?;
        }
        if matches!(self.kind, Kind::Done | Kind::Old) {
            fs::write(folder.join("DONE"), "{}\n")?;
        }
        // Last: only now it is a run.
        let config = match self.kind {
            Kind::DamagedConfig => "script = \"soft_kl.rhai\nenv = ".to_owned(),
            _ => format!(
                "script = \"/data/kelvin/scripts/{}.rhai\"\nenv = \"{}\"\npreset = \"paper\"\nseed = {}\n\
                 device = \"auto\"\nframes = {}\nenvs = 8\nlog_every = {LOG_EVERY}\n\n[params]\ngamma = 0.99\ntau = 0.1\n",
                self.script,
                self.env,
                self.seed,
                self.frames()
            ),
        };
        fs::write(folder.join("config.toml"), config)
    }

    /// Writes the live slot with the given beat.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn write_status(&self, folder: &Path, beat: u64) -> io::Result<()> {
        let activity = match self.kind {
            Kind::Done => "done",
            Kind::Stopped => "stopped",
            Kind::Failed => "failed",
            Kind::Paused => "paused",
            _ => "running",
        };
        let (frames, ahead) =
            (self.frames(), matches!(self.kind, Kind::Running | Kind::Paused | Kind::Stalled));
        let total = if ahead { 2 * frames } else { frames };
        let text = format!(
            r#"{{"activity":"{activity}","beat":{beat},"pid":4000000,"host":"elsewhere","unix_ms":1700000000000,"frames":{frames},"total_frames":{total},"agent_steps":{},"updates":{},"frames_per_s":2512.5,"updates_per_s":157.0,"mean_return":12.25,"loss":0.01,"epsilon":0.01,"learning_rate":0.0001,"replay":50000,"replay_capacity":1000000,"device":"cpu","script":"{}","script_hash":"3f9a01bc","script_since":0,"params":{{"gamma":0.99,"tau":0.1}},"phases":{{"act":0.2,"step":0.3,"update":0.5}}}}"#,
            frames / REPEAT,
            frames / REPEAT / 4,
            self.script
        );
        let partial = folder.join("live/.partial-status");
        fs::write(&partial, text)?;
        fs::rename(partial, folder.join("live/status.json"))
    }

    fn write_records(&self, folder: &Path) -> io::Result<()> {
        let mut metrics = BufWriter::with_capacity(1 << 20, File::create(folder.join("metrics.jsonl"))?);
        let mut timing = BufWriter::with_capacity(1 << 20, File::create(folder.join("timing.jsonl"))?);
        let mut noise = Noise(self.seed);
        let (mut mean, mut wall_s) = (-20.7, 0.0);
        for point in 0..self.points {
            let way = point as f64 / self.points as f64;
            let steps = (point / 2 + 1) * LOG_EVERY;
            if self.kind == Kind::DamagedLine && point == self.points / 2 {
                writeln!(metrics, r#"{{"kind":"train","frames":12"#)?;
            } else if point % 2 == 0 {
                let steps = steps - LOG_EVERY / 2;
                let score = (-20.7 + 41.0 / (1.0 + (-12.0 * (way - 0.4)).exp()) + 3.0 * noise.next()).round();
                mean += 0.01 * (score - mean);
                let length = 1000 + (500.0 * noise.next()) as i64;
                writeln!(
                    metrics,
                    r#"{{"kind":"episode","frames":{},"agent_steps":{steps},"env":{},"episode_return":{score:.1},"episode_agent_steps":{length},"episode_frames":{}}}"#,
                    steps * REPEAT,
                    point / 2 % 8,
                    length * REPEAT as i64
                )?;
            } else {
                let (updates, loss) = (steps / 4, 0.02 * (-3.0 * way).exp() * (1.0 + 0.3 * noise.next()));
                write!(
                    metrics,
                    r#"{{"kind":"train","frames":{},"agent_steps":{steps},"updates":{updates},"mean_return":{mean},"learning_rate":0.0001,"epsilon":{},"replay":{},"metrics":{{"loss":{loss},"td_abs":{}}},"params":{{"gamma":0.99,"tau":0.1}}"#,
                    steps * REPEAT,
                    (1.0 - 5.0 * way).max(0.01),
                    steps.min(1_000_000),
                    loss.sqrt()
                )?;
                for (name, scale) in [("grad_norms", 0.5), ("weight_norms", 10.0)] {
                    for (index, layer) in LAYERS.iter().enumerate() {
                        let open = if index == 0 { format!(r#","{name}":{{"#) } else { ",".to_owned() };
                        write!(metrics, r#"{open}"{layer}":{:.4}"#, scale * (1.0 + 0.2 * noise.next()))?;
                    }
                    write!(metrics, "}}")?;
                }
                writeln!(metrics, "}}")?;
                let speed = 2500.0 * (1.0 + 0.1 * noise.next());
                wall_s += (LOG_EVERY * REPEAT) as f64 / speed;
                writeln!(
                    timing,
                    r#"{{"agent_steps":{steps},"frames_per_s":{speed:.3},"updates_per_s":{:.3},"wall_s":{wall_s:.6}}}"#,
                    speed / 16.0
                )?;
            }
        }
        if self.kind == Kind::Torn {
            write!(metrics, r#"{{"kind":"episode","frames":400000"#)?;
        }
        metrics.flush()?;
        timing.flush()
    }
}

/// Writes `runs` runs of `points` lines below `root`, in experiments of seven games by five seeds; one in twenty is
/// damaged, half-written, stalled, paused or failed.
///
/// # Errors
/// A disk that does not take it.
pub fn write_tree(root: &Path, runs: u64, points: u64) -> io::Result<()> {
    const GAMES: [&str; 7] =
        ["pong", "breakout", "beam_rider", "enduro", "qbert", "seaquest", "space_invaders"];
    const LABELS: [&str; 4] = ["dqn", "soft_kl", "soft_entropy", "double_dqn"];
    const KINDS: [Kind; 7] = [
        Kind::Stalled,
        Kind::Torn,
        Kind::DamagedLine,
        Kind::Paused,
        Kind::Failed,
        Kind::DamagedConfig,
        Kind::Old,
    ];
    for run in 0..runs {
        let (seed, game) = (run % 5, GAMES[(run / 5 % 7) as usize]);
        let (label, experiment) = (LABELS[(run / 35 % 4) as usize], run / 140);
        let kind = match (run % 20, run % 3) {
            (19, _) => KINDS[(run / 20 % 7) as usize],
            (_, 0) => Kind::Running,
            _ => Kind::Done,
        };
        let folder = root.join(format!("figure-{experiment}/{label}/{game}-s{seed}"));
        let synthetic = Synthetic { script: label.to_owned(), env: game.to_owned(), seed: run, points, kind };
        Synthetic { seed, ..synthetic }.write(&folder)?;
    }
    Ok(())
}

/// Numbers in -1..1 that look random.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}
