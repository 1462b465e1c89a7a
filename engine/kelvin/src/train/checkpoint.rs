//! A learner to and from a checkpoint.

use super::recorder::{Marks, Recorder};
use super::steering::Scheduled;
use crate::console::Console;
use crate::failure::Failure;
use crate::learner::{Learner, LearnerState};
use crate::replay::{Replay, ReplaySpec};
use kelvin_compute::{ModelState, Tensor};
use kelvin_run::{Checkpoint, Latest, RunDir, RunError, Segments};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;

/// Weights and optimizer.
const MODEL: &str = "model.safetensors";
/// What norms are taken from until the next update.
const GRADIENT: &str = "gradient.safetensors";
/// Counters and random streams.
const STATE: &str = "state.json";
/// How far the run's records had come.
const RECORDS: &str = "records.json";
/// The environments.
const ENVS: &str = "envs.zst";
/// What of the memory is in no segment.
const NEWEST: &str = "newest.zst";
/// Fast, and Atari frames shrink by an order of magnitude all the same.
const ZSTD_LEVEL: i32 = 1;
/// What evaluation reads of a checkpoint; the memory, far larger, need not even be sound.
pub(super) const FOR_EVALUATION: [&str; 2] = [MODEL, STATE];
/// Checkpoints kept.
const KEEP: usize = 2;
/// Bytes of the memory that a checkpoint holds itself, about: what is copied while the training waits.
const NEWEST_BYTES: usize = 32 << 20;
/// Slots of a segment, at most and at least.
const SEGMENT_SLOTS: Range<usize> = 16..1024;
/// Bytes of an environment beside its observation, at most: every action of an episode of half an hour.
const ENV_BYTES: usize = 1 << 18;

/// What a checkpoint says beside weights, environments and memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Saved {
    /// The learner's.
    pub learner: LearnerState,
    /// The script that ran, by its hash.
    pub objective: String,
    /// What was done to the run by then.
    pub(super) past: Past,
    /// Returns of the last episodes, oldest first.
    pub(super) returns: VecDeque<f64>,
    /// Numbers of the slots that each lane of the memory keeps.
    kept: Vec<Range<u64>>,
}

/// What was done to a run by the time of a checkpoint.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Past {
    pub scheduled: Scheduled,
    /// Versions of the script, up to the one that ran.
    pub versions: usize,
    /// Edits, of those in the run's records.
    pub edited: usize,
}

/// Everything a checkpoint is made of, as it was between two ticks.
pub(super) struct Snapshot {
    pub saved: Saved,
    model: ModelState,
    gradient: Vec<f32>,
    envs: Vec<u8>,
    newest: Vec<u8>,
    marks: Marks,
}

impl Snapshot {
    /// Takes it, but for the slots of each lane before `written`, which are in segments.
    pub fn take(
        learner: &mut Learner,
        past: Past,
        recorder: &Recorder,
        written: &[u64],
    ) -> Result<Self, Failure> {
        let model = learner.export()?;
        let broken = |tensor: &&Tensor| tensor.data.iter().any(|value| !value.is_finite());
        if let Some(tensor) = model.tensors.iter().find(broken) {
            return Err(Failure::failed(format!(
                "no checkpoint is made: {} is no longer finite",
                tensor.name
            ))
            .hint(
                "the checkpoints that are there are from before; look for what can overflow in the script",
            ));
        }
        let memory = learner.replay();
        let kept = memory.kept();
        let mut newest = Vec::new();
        for (lane, (kept, written)) in kept.iter().zip(written).enumerate() {
            memory.write_slots(lane, unwritten(kept, *written), &mut newest);
        }
        Ok(Self {
            newest,
            marks: recorder.marks(),
            envs: learner.save_envs(),
            saved: Saved {
                learner: learner.state().clone(),
                objective: learner.staged().script.hash().to_owned(),
                past,
                returns: recorder.returns().clone(),
                kept,
            },
            model,
            gradient: learner.last_gradient()?,
        })
    }

    /// Writes it, and lists the segments that it needs.
    pub fn write(&self, dir: &RunDir, segments: &mut Segments) -> Result<(), Failure> {
        let mut writer = dir.begin_checkpoint(self.saved.learner.updates.0)?;
        let tensors: Vec<_> = self
            .model
            .tensors
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice(), tensor.data.as_slice()))
            .collect();
        writer.tensors(MODEL, &tensors)?;
        writer.tensors(GRADIENT, &[("gradient", &[self.gradient.len()], &self.gradient)])?;
        writer.json(STATE, &self.saved)?;
        writer.json(RECORDS, &self.marks)?;
        writer.bytes(ENVS, &compress(&self.envs)?)?;
        writer.bytes(NEWEST, &compress(&self.newest)?)?;
        writer.list(segments)?;
        writer.commit(KEEP)?;
        Ok(segments.clean()?)
    }
}

/// Slots of a lane that no segment has.
fn unwritten(kept: &Range<u64>, written: u64) -> Range<u64> {
    kept.start.max(written)..kept.end
}

/// How a memory is cut into segments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Slots of a segment.
    slots: u64,
    /// Bytes of it.
    bytes: usize,
    /// Whether lanes are long enough to be cut at all.
    is_cut: bool,
}

impl Cut {
    /// Short enough that what no segment has yet is copied in no time, of all lanes together. The memory of a learner that
    /// is on policy is written anew all the time, and not cut.
    pub fn of(memory: &ReplaySpec, on_policy: bool) -> Self {
        let slots = NEWEST_BYTES / (memory.lanes * memory.slot_bytes());
        let slots = slots.clamp(SEGMENT_SLOTS.start, SEGMENT_SLOTS.end);
        let slots = 1 << slots.ilog2();
        let is_cut = !on_policy && memory.capacity / memory.lanes >= 2 * slots;
        Self { slots: slots as u64, bytes: slots * memory.slot_bytes(), is_cut }
    }

    /// The slots of a lane that make a segment now, if there is one; `written` are in segments already. The newest slot
    /// may still change.
    pub fn next(&self, written: u64, kept: &Range<u64>) -> Option<Range<u64>> {
        let next = written..written + self.slots;
        (self.is_cut && kept.end > next.end).then_some(next)
    }

    /// What a segment is called.
    pub fn name(lane: usize, first: u64) -> String {
        format!("{lane:04}-{first:012}.zst")
    }

    /// The lane of a segment, and the numbers of its slots.
    pub fn read_name(&self, name: &str) -> Option<(usize, Range<u64>)> {
        let (lane, first) = name.strip_suffix(".zst")?.split_once('-')?;
        let (lane, first) = (lane.parse().ok()?, first.parse::<u64>().ok()?);
        (Self::name(lane, first) == name).then(|| (lane, first..first.saturating_add(self.slots)))
    }

    /// How far each lane is in these segments.
    pub fn written<'a>(&self, lanes: usize, names: impl Iterator<Item = &'a str>) -> Vec<u64> {
        let mut written = vec![0; lanes];
        for (lane, slots) in names.filter_map(|name| self.read_name(name)) {
            if let Some(written) = written.get_mut(lane) {
                *written = slots.end.max(*written);
            }
        }
        written
    }
}

/// As checkpoints and segments hold it.
pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    zstd::bulk::compress(bytes, ZSTD_LEVEL)
        .map_err(|error| Failure::failed(format!("what is to be saved cannot be compressed: {error}")))
}

/// The newest sound checkpoint, with a warning for each that had to be passed over; none if the run ended
/// before its first.
pub fn newest(latest: Latest, console: &Console) -> Result<Option<Checkpoint>, Failure> {
    for damage in &latest.damaged {
        console.warn(damage);
    }
    if latest.checkpoint.is_none() && !latest.damaged.is_empty() {
        return Err(all_damaged());
    }
    Ok(latest.checkpoint)
}

/// Why a run with checkpoints has none to go on from.
pub(super) fn all_damaged() -> Failure {
    Failure::failed("none of the run's checkpoints can be read")
        .hint("mend what the warnings name, or start a new run with another --out")
}

/// The newest sound checkpoint of a run that is not there to be trained, as far as evaluation needs it.
pub fn for_evaluation(dir: &RunDir, console: &Console) -> Result<Checkpoint, Failure> {
    newest(dir.latest_checkpoint_with(&FOR_EVALUATION)?, console)?.ok_or_else(|| none_yet(dir))
}

/// The same of one that a new run is to start from: whole, and of the update that is asked for, or the newest.
pub fn to_fork(dir: &RunDir, at: Option<u64>, console: &Console) -> Result<Checkpoint, Failure> {
    let Some(update) = at else {
        return newest(dir.latest_checkpoint()?, console)?.ok_or_else(|| none_yet(dir));
    };
    let there_are = dir.checkpoint_updates()?;
    if there_are.is_empty() {
        return Err(none_yet(dir));
    }
    let list = there_are.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    if !there_are.contains(&update) {
        let message = format!("{} has no checkpoint of update {update}", dir.path().display());
        return Err(
            Failure::usage(message).hint(format!("there are those of {list}; a run keeps its newest"))
        );
    }
    dir.checkpoint(update).map_err(|error| {
        Failure::failed(format!("the checkpoint of update {update} cannot be used: {error}"))
            .hint(format!("there are those of {list}; without --at the newest sound one is taken"))
    })
}

fn none_yet(dir: &RunDir) -> Failure {
    Failure::failed(format!("{} has no checkpoint yet", dir.path().display())).hint(
        "a run makes one every `checkpoint_every` agent steps and when it ends or is stopped with Ctrl-C",
    )
}

/// Counters and random streams.
pub fn load_state(checkpoint: &Checkpoint) -> Result<Saved, Failure> {
    let saved: Saved = checkpoint.json(STATE)?;
    let (says, of) = (saved.learner.updates.0, checkpoint.update());
    if says != of {
        let reason = format!("it speaks of update {says}, its checkpoint is that of {of}");
        return Err(RunError::damaged(&checkpoint.path().join(STATE), reason).into());
    }
    Ok(saved)
}

/// How far the run's records had come.
pub(super) fn load_marks(checkpoint: &Checkpoint) -> Result<Marks, Failure> {
    Ok(checkpoint.json(RECORDS)?)
}

/// Weights and counters alone, as evaluation needs them.
pub fn load_model(checkpoint: &Checkpoint) -> Result<(Saved, ModelState), Failure> {
    let saved = load_state(checkpoint)?;
    let tensors = checkpoint.tensors(MODEL)?;
    let tensors = tensors.into_iter().map(|(name, shape, data)| Tensor { name, shape, data }).collect();
    let model = ModelState { tensors, updates: saved.learner.updates.0 };
    Ok((saved, model))
}

/// Where `count` environments with observations of `obs_len` bytes were.
pub(super) fn load_envs(checkpoint: &Checkpoint, count: usize, obs_len: usize) -> Result<Vec<u8>, Failure> {
    let most = count.saturating_mul(obs_len + ENV_BYTES) + ENV_BYTES;
    decompress(&checkpoint.path().join(ENVS), &checkpoint.bytes(ENVS)?, most)
}

/// Puts a learner where the checkpoint was taken; `same` if its environments are there already, as against new ones.
pub(super) fn restore(checkpoint: &Checkpoint, learner: &mut Learner, same: bool) -> Result<(), Failure> {
    let (saved, model) = load_model(checkpoint)?;
    let actions = learner.env().actions.len();
    let cut = Cut::of(learner.replay().spec(), learner.is_on_policy());
    load_memory(checkpoint, &saved.kept, cut, learner.replay_mut(), actions)?;
    let gradient = checkpoint.tensors(GRADIENT)?.into_iter().flat_map(|(.., data)| data).collect::<Vec<_>>();
    learner.restore(saved.learner, &model, &gradient, same)
}

fn load_memory(
    checkpoint: &Checkpoint,
    kept: &[Range<u64>],
    cut: Cut,
    memory: &mut Replay,
    actions: usize,
) -> Result<(), Failure> {
    let spec = *memory.spec();
    let refused = |reason: String| {
        Failure::failed(format!("the replay memory cannot be restored: {reason}")).hint(
            "start a new run with another --out; what this one learned can still be evaluated: kelvin eval",
        )
    };
    let mut refill = memory.refill(kept, actions).map_err(refused)?;
    for name in checkpoint.segments() {
        let (lane, slots) =
            cut.read_name(name).ok_or_else(|| refused(format!("{name} is no segment of it")))?;
        let path = checkpoint.segment_path(name);
        let bytes = decompress(&path, &checkpoint.segment(name)?, cut.bytes)?;
        refill.take(lane, slots.start, &bytes).map_err(refused)?;
    }
    let written = cut.written(kept.len(), checkpoint.segments());
    let newest: Vec<_> = kept.iter().zip(written).map(|(kept, written)| unwritten(kept, written)).collect();
    let total = newest.iter().map(|slots| slots.end.saturating_sub(slots.start) as usize).sum::<usize>();
    let bytes = total * spec.slot_bytes();
    let path = checkpoint.path().join(NEWEST);
    let mut rest = &decompress(&path, &checkpoint.bytes(NEWEST)?, bytes)?[..];
    for (lane, slots) in newest.into_iter().enumerate() {
        let bytes = slots.end.saturating_sub(slots.start) as usize * spec.slot_bytes();
        let (these, others) = rest.split_at_checked(bytes).unwrap_or((rest, &[]));
        refill.take(lane, slots.start, these).map_err(refused)?;
        rest = others;
    }
    refill.finish().map_err(refused)
}

/// At most `most` bytes, whatever a file claims to hold.
fn decompress(path: &Path, bytes: &[u8], most: usize) -> Result<Vec<u8>, Failure> {
    zstd::bulk::decompress(bytes, most).map_err(|error| RunError::damaged(path, error).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(capacity: usize, lanes: usize, pixels: usize) -> ReplaySpec {
        ReplaySpec { capacity, lanes, pixels, stack: 4, n: 1 }
    }

    #[test]
    fn what_a_checkpoint_holds_itself_stays_small() {
        for (lanes, pixels, slots) in
            [(1, 7056, 1024), (16, 7056, 256), (64, 7056, 64), (1, 50, 1024), (4096, 7056, 16)]
        {
            let cut = Cut::of(&spec(1_000_000, lanes, pixels), false);
            assert_eq!(cut.slots, slots, "{lanes} lanes");
        }
    }

    #[test]
    fn a_segment_is_cut_once_its_last_slot_cannot_change() {
        let cut = Cut::of(&spec(4096, 1, 7056), false);
        assert_eq!((cut.next(0, &(0..1024)), cut.next(0, &(0..1025))), (None, Some(0..1024)));
        assert_eq!(cut.next(1024, &(0..2049)), Some(1024..2048));
        // A memory that is shorter than two segments is written whole each time.
        assert_eq!(Cut::of(&spec(2047, 1, 7056), false).next(0, &(0..2047)), None);
        assert_eq!(Cut::of(&spec(1_000_000, 1, 7056), true).next(0, &(0..9000)), None);
    }

    #[test]
    fn names_say_what_segments_hold() {
        let cut = Cut::of(&spec(1_000_000, 16, 7056), false);
        for (lane, first) in [(0, 0), (15, 256), (12_345, 99_999_999_999_999)] {
            assert_eq!(cut.read_name(&Cut::name(lane, first)), Some((lane, first..first + 256)));
        }
        for name in
            ["", "0-0.zst", "0000-000000000000", "0001-000000000256.zst.partial", "+001-000000000256.zst"]
        {
            assert_eq!(cut.read_name(name), None, "{name}");
        }
        let names = [(0, 0), (0, 256), (2, 512)].map(|(lane, first)| Cut::name(lane, first));
        assert_eq!(cut.written(3, names.iter().map(String::as_str)), [512, 0, 768]);
    }
}
