//! The live slots: what a run shows of itself while it goes on, each the newest value and no history. Numbers that are
//! not finite, which a run that diverges may well show, are `null` in the files and NaN here.
//!
//! ```text
//! live/status.json        → [`Status`]: where it is, how fast, and that it lives
//! live/agent.json         → [`AgentView`]: what the network makes of what one environment shows
//! live/view.safetensors   → [`Picture`]: that environment's screen and the frames that the network sees
//! live/watched            ← touched by whoever looks on, or a run shows itself rarely
//! ```

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::durable::{self, Survives};
use crate::plain::{is_link, open_own, open_plain};
use crate::tensors::{self, Elements};
use crate::{RunDir, RunError};

const STATUS: &str = "status.json";
const AGENT: &str = "agent.json";
const VIEW: &str = "view.safetensors";
const WATCHED: &str = "watched";

/// Bytes a slot may have: a picture takes some hundred thousand.
const MAX_BYTES: u64 = 16 << 20;
/// Pixels that a side of a picture may have, and frames that a stack may have: none is near it, and a graphics card is
/// asked for textures of that size.
const MAX_SIDE: usize = 2048;
const MAX_STACK: usize = 64;

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It trains.
    Running,
    /// It waits, as `control.toml` asks.
    Paused,
    /// It plays an evaluation.
    Evaluating,
    /// It was stopped before its end; it can be resumed.
    Stopped,
    /// It trained to its end.
    Done,
    /// It ended with an error.
    Failed,
}

impl Activity {
    /// Whether a process is there that takes requests.
    pub fn lives(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Evaluating)
    }
}

/// Where a run is. It is written anew at least once a second while the process lives, so that a `beat` that stands
/// still tells of a process that hangs or was killed, whatever the clocks of two machines say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// What it is doing.
    pub activity: Activity,
    /// Grows with every write.
    pub beat: u64,
    /// The process.
    pub pid: u32,
    /// The machine it runs on.
    pub host: String,
    /// The writer's clock, milliseconds since 1970.
    pub unix_ms: u64,
    /// Frames trained.
    pub frames: u64,
    /// Frames at its end.
    pub total_frames: u64,
    /// Agent steps, over all environments.
    pub agent_steps: u64,
    /// Optimizer steps.
    pub updates: u64,
    /// Frames a second, over the last few seconds.
    pub frames_per_s: f64,
    /// Updates a second, over the last few seconds.
    pub updates_per_s: f64,
    /// Mean return of the last hundred episodes.
    pub mean_return: Option<f64>,
    /// Mean loss in the last record.
    pub loss: Option<f64>,
    /// Probability of a random action.
    pub epsilon: f64,
    /// The optimizer's step size.
    pub learning_rate: f64,
    /// Transitions in memory.
    pub replay: u64,
    /// Transitions that there is room for.
    pub replay_capacity: u64,
    /// The adapter or processor that computes.
    pub device: String,
    /// The script's name.
    pub script: String,
    /// The hash of the version that runs.
    pub script_hash: String,
    /// The update that version took effect at.
    pub script_since: u64,
    /// The script's parameters.
    pub params: BTreeMap<String, f64>,
    /// Shares of the last seconds' time by phase (`act`, `step`, `update`, …); together at most 1.
    pub phases: BTreeMap<String, f64>,
}

/// What the network makes of what one environment shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentView {
    /// Grows with every write.
    pub beat: u64,
    /// Which environment.
    pub env: usize,
    /// Agent steps, over all environments.
    pub agent_steps: u64,
    /// Names of the actions, by index.
    pub actions: Vec<String>,
    /// The action that was taken.
    pub action: usize,
    /// Action values, where the network has them.
    #[serde(deserialize_with = "vector")]
    pub q: Option<Vec<f32>>,
    /// Policy logits, where the network has them.
    #[serde(deserialize_with = "vector")]
    pub logits: Option<Vec<f32>>,
    /// State value: that of the head `v`, else what `q` and τ imply (eq. 11: τ log mean exp(q / τ)), else max q.
    pub v: Option<f32>,
    /// Probabilities that actions are drawn with, ε aside.
    pub policy: Vec<f32>,
    /// Its entropy in nats.
    #[serde(deserialize_with = "number")]
    pub entropy: f32,
    /// Its KL divergence to the uniform policy in nats.
    #[serde(deserialize_with = "number")]
    pub kl_uniform: f32,
    /// How far the policy is from that of another run's network, where the run is held near one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ReferenceView>,
    /// The Boltzmann policy softmax(q / τ), where there are action values and a temperature.
    #[serde(deserialize_with = "vector")]
    pub boltzmann: Option<Vec<f32>>,
    /// The temperature, where the script has a parameter `tau`.
    pub tau: Option<f64>,
    /// Probability of a random action.
    pub epsilon: f64,
    /// Sum of the raw rewards of the episode so far.
    pub episode_return: f64,
    /// Agent steps of the episode so far.
    pub episode_agent_steps: u64,
    /// Returns of this environment's last episodes, newest last.
    pub last_returns: Vec<f64>,
}

/// How far a run's policy is from that of its reference at one observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceView {
    /// Directory of the run whose network is the reference.
    pub run: String,
    /// KL divergence of the run's policy to the reference's in nats; NaN where it is infinite or there is none.
    #[serde(deserialize_with = "number")]
    pub kl: f32,
    /// Whose divergence that is; nothing where neither network has a policy to compare.
    pub of: Option<Compared>,
}

/// Which policies of a run and its reference are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// Those that the run's rule for drawing actions makes of the outputs.
    Acting,
    /// softmax(logits), of a run that follows action values greedily.
    Logits,
    /// softmax(q / τ), of a run that follows action values greedily and has no logits.
    Boltzmann,
}

/// Pictures of one environment, bytes, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The screen as a person would see it, `[height, width, 3]`, RGB; nothing where the environment has none.
    pub screen: Vec<u8>,
    /// Height and width of the screen.
    pub screen_size: [usize; 2],
    /// What the network sees, `[stack, height, width]`, the oldest frame first.
    pub stack: Vec<u8>,
    /// Frames, height and width of the stack.
    pub stack_size: [usize; 3],
}

/// A number, NaN for `null`.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f32::NAN))
}

/// Numbers, NaN for each `null` among them.
fn vector<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<f32>>, D::Error> {
    let numbers = Option::<Vec<Option<f32>>>::deserialize(from)?;
    Ok(numbers.map(|numbers| numbers.into_iter().map(|number| number.unwrap_or(f32::NAN)).collect()))
}

impl RunDir {
    /// Says where the run is. No slot need survive a loss of power, so writing one costs no disk flush.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn write_status(&self, status: &Status) -> Result<(), RunError> {
        write_json(&self.slot(STATUS), status)
    }

    /// Where the run was when it last said so; `None` if it never did.
    ///
    /// # Errors
    /// A file that cannot be read, or holds something else.
    pub fn read_status(&self) -> Result<Option<Status>, RunError> {
        read_json(&self.slot(STATUS))
    }

    /// Shows what the network makes of what it sees.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn write_agent(&self, agent: &AgentView) -> Result<(), RunError> {
        write_json(&self.slot(AGENT), agent)
    }

    /// What the network last made of what it saw; `None` if it never said.
    ///
    /// # Errors
    /// A file that cannot be read, or holds something else.
    pub fn read_agent(&self) -> Result<Option<AgentView>, RunError> {
        read_json(&self.slot(AGENT))
    }

    /// Shows what the environment shows.
    ///
    /// # Errors
    /// Bytes that do not fill their sizes, or a disk that does not take them.
    pub fn write_picture(&self, picture: &Picture) -> Result<(), RunError> {
        let path = self.slot(VIEW);
        let [height, width] = picture.screen_size;
        let bytes = tensors::encode(
            &path,
            &[
                ("screen", &[height, width, 3], Elements::U8(&picture.screen)),
                ("stack", &picture.stack_size, Elements::U8(&picture.stack)),
            ],
        )?;
        durable::replace(&path, &bytes, Survives::Crash)
    }

    /// What the environment last showed; `None` if it never did.
    ///
    /// # Errors
    /// A file that cannot be read, or holds something else.
    pub fn read_picture(&self) -> Result<Option<Picture>, RunError> {
        let path = self.slot(VIEW);
        let Some(content) = read(&path)? else { return Ok(None) };
        let [(screen_shape, screen), (stack_shape, stack)] =
            tensors::decode_bytes(&path, &content, ["screen", "stack"])?;
        let ([height, width, 3], [frames, rows, columns]) = (&screen_shape[..], &stack_shape[..]) else {
            let reason = format!("a screen of shape {screen_shape:?} and frames of shape {stack_shape:?}");
            return Err(RunError::damaged(&path, reason));
        };
        if [height, width, rows, columns].into_iter().any(|side| *side > MAX_SIDE) || *frames > MAX_STACK {
            let reason = format!(
                "a screen of {width}×{height} and {frames} frames of {columns}×{rows} are no environment's"
            );
            return Err(RunError::damaged(&path, reason));
        }
        let (screen_size, stack_size) = ([*height, *width], [*frames, *rows, *columns]);
        Ok(Some(Picture { screen, screen_size, stack, stack_size }))
    }

    /// Says that somebody looks on. The run hears of it within a second and forgets it after some, so it is to be said
    /// again and again.
    ///
    /// # Errors
    /// A folder that only its owner can write in, or a disk that does not take it.
    pub fn watch(&self) -> Result<(), RunError> {
        let path = self.slot(WATCHED);
        if is_link(durable::parent(&path)) {
            // It could lead to somebody's folder.
            let reason = std::io::Error::new(ErrorKind::InvalidInput, "its folder is a link");
            return Err(RunError::io("write", &path)(reason));
        }
        let touch = || open_own(&path, false)?.set_modified(SystemTime::now());
        touch().map_err(RunError::io("write", &path))
    }

    /// When somebody last said that they look on, by their clock; `None` if nobody did, as far as can be told.
    pub fn watched(&self) -> Option<SystemTime> {
        // Opened, since network filesystems ask their server only then.
        open_plain(&self.slot(WATCHED)).and_then(|file| file.metadata()?.modified()).ok()
    }

    fn slot(&self, name: &str) -> PathBuf {
        self.path().join("live").join(name)
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RunError> {
    let text = serde_json::to_vec(value).map_err(|error| RunError::encode(path, error))?;
    durable::replace(path, &text, Survives::Crash)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RunError> {
    let Some(text) = read(path)? else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|error| RunError::damaged(path, error))
}

/// A slot's content; none if there is no such file.
fn read(path: &Path) -> Result<Option<Vec<u8>>, RunError> {
    let file = match open_plain(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RunError::io("open", path)(error)),
    };
    let mut content = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut content).map_err(RunError::io("read", path))?;
    if content.len() as u64 > MAX_BYTES {
        return Err(RunError::damaged(path, "it is far too large for what it should hold"));
    }
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> (tempfile::TempDir, RunDir) {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(folder.path().join("a")).unwrap();
        (folder, run)
    }

    #[test]
    fn what_is_shown_is_seen() {
        let (_folder, run) = run();
        assert_eq!((run.read_agent().unwrap(), run.read_picture().unwrap()), (None, None));
        assert_eq!(run.read_status().unwrap(), None);
        let agent = AgentView { beat: 3, q: Some(vec![0.1, -2.5]), ..AgentView::default() };
        run.write_agent(&agent).unwrap();
        assert_eq!(run.read_agent().unwrap(), Some(agent));
        let broken =
            AgentView { q: Some(vec![1.5, f32::NAN]), entropy: f32::INFINITY, ..AgentView::default() };
        run.write_agent(&broken).unwrap();
        let read = run.read_agent().unwrap().unwrap();
        let q = read.q.unwrap();
        assert!(q[0] == 1.5 && q[1].is_nan() && read.entropy.is_nan(), "{q:?}");
        let near = ReferenceView { run: "/runs/prior".into(), kl: 0.25, of: Some(Compared::Acting) };
        for (kl, of) in [(0.25, near.of), (f32::INFINITY, near.of), (f32::NAN, None)] {
            let reference = Some(ReferenceView { kl, of, ..near.clone() });
            run.write_agent(&AgentView { reference, ..AgentView::default() }).unwrap();
            let read = run.read_agent().unwrap().unwrap().reference.unwrap();
            assert_eq!((read.run, read.of), (near.run.clone(), of));
            assert!(if kl == 0.25 { read.kl == kl } else { read.kl.is_nan() }, "{kl}: {}", read.kl);
        }
        let picture = Picture {
            screen: (0..18).collect(),
            screen_size: [2, 3],
            stack: (0..8).collect(),
            stack_size: [2, 2, 2],
        };
        run.write_picture(&picture).unwrap();
        assert_eq!(run.read_picture().unwrap(), Some(picture.clone()));
        // An environment without a screen.
        let none = Picture { screen: Vec::new(), screen_size: [0, 0], ..picture.clone() };
        run.write_picture(&none).unwrap();
        assert_eq!(run.read_picture().unwrap(), Some(none));
        let wide = Picture { screen: vec![0; 120_000], screen_size: [1, 40_000], ..picture.clone() };
        let deep = Picture { stack: vec![0; 300], stack_size: [300, 1, 1], ..picture.clone() };
        for odd in [wide, deep] {
            run.write_picture(&odd).unwrap();
            assert!(run.read_picture().unwrap_err().to_string().contains("no environment's"));
        }
        let torn = Picture { screen_size: [2, 4], ..picture };
        assert!(run.write_picture(&torn).is_err());
    }

    #[test]
    fn who_looks_on_is_seen() {
        let (_folder, run) = run();
        assert_eq!(run.watched(), None);
        run.watch().unwrap();
        let first = run.watched().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
        run.watch().unwrap();
        assert!(run.watched().unwrap() > first);
        std::fs::remove_dir_all(run.path()).unwrap();
        assert!(run.watch().is_err());
    }

    #[test]
    fn what_is_no_slot_is_an_error_and_no_panic() {
        let (_folder, run) = run();
        let f32s = tensors::encode(
            Path::new("x"),
            &[("screen", &[1, 1, 3], Elements::F32(&[0.0; 3])), ("stack", &[1, 1, 1], Elements::U8(&[0]))],
        );
        let two = tensors::encode(
            Path::new("x"),
            &[("screen", &[3], Elements::U8(&[0; 3])), ("stack", &[1, 1, 1], Elements::U8(&[0]))],
        );
        for content in [Vec::new(), b"{".to_vec(), vec![0xff; 64], f32s.unwrap(), two.unwrap()] {
            for name in [STATUS, AGENT, VIEW] {
                durable::replace(&run.slot(name), &content, Survives::Crash).unwrap();
            }
            assert!(run.read_status().is_err() && run.read_agent().is_err() && run.read_picture().is_err());
        }
    }
}
