//! A learner to and from a checkpoint.

use crate::console::Console;
use crate::failure::Failure;
use crate::learner::{Learner, LearnerState};
use kelvin_compute::{ModelState, Tensor};
use kelvin_run::{Checkpoint, Latest, RunDir};
use std::io::Read;

/// Weights and optimizer.
const MODEL: &str = "model.safetensors";
/// Counters and random streams.
const STATE: &str = "state.json";
/// The memory.
const REPLAY: &str = "replay.zst";
/// Fast, and Atari frames shrink by an order of magnitude all the same.
const ZSTD_LEVEL: i32 = 1;
/// What evaluation reads of a checkpoint; the memory, far larger, need not even be sound.
const FOR_EVALUATION: [&str; 2] = [MODEL, STATE];
/// Checkpoints kept.
const KEEP: usize = 2;

/// Saves weights, optimizer, counters, random streams and memory.
pub fn save(dir: &RunDir, learner: &mut Learner) -> Result<(), Failure> {
    let model = learner.export()?;
    if let Some(tensor) =
        model.tensors.iter().find(|tensor| tensor.data.iter().any(|value| !value.is_finite()))
    {
        return Err(Failure::failed(format!("no checkpoint is made: {} is no longer finite", tensor.name))
            .hint(
                "the checkpoints that are there are from before; look for what can overflow in the script",
            ));
    }
    let mut writer = dir.begin_checkpoint(learner.state().updates.0)?;
    let tensors: Vec<_> = model
        .tensors
        .iter()
        .map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice(), tensor.data.as_slice()))
        .collect();
    writer.tensors(MODEL, &tensors)?;
    writer.json(STATE, learner.state())?;
    let mut file = writer.stream(REPLAY)?;
    let written = zstd::Encoder::new(&mut file, ZSTD_LEVEL).and_then(|encoder| {
        let mut encoder = std::io::BufWriter::with_capacity(1 << 20, encoder);
        learner.replay().write_to(&mut encoder)?;
        encoder.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish()?;
        Ok(())
    });
    written.map_err(|error| Failure::failed(format!("the replay memory cannot be saved: {error}")))?;
    file.finish()?;
    writer.commit(KEEP)?;
    Ok(())
}

/// The newest sound checkpoint, with a warning for each that had to be passed over; none if the run ended
/// before its first.
pub fn newest(latest: Latest, console: &Console) -> Result<Option<Checkpoint>, Failure> {
    for damage in &latest.damaged {
        console.warn(damage);
    }
    if latest.checkpoint.is_none() && !latest.damaged.is_empty() {
        // Not the same as none: starting over would wipe the run's records.
        return Err(Failure::failed("none of the run's checkpoints can be read")
            .hint("mend what the warnings name, or start a new run with another --out"));
    }
    Ok(latest.checkpoint)
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

/// Weights and counters alone, as evaluation needs them.
pub fn load_model(checkpoint: &Checkpoint) -> Result<(LearnerState, ModelState), Failure> {
    let state: LearnerState = checkpoint.json(STATE)?;
    let tensors = checkpoint.tensors(MODEL)?;
    let tensors = tensors.into_iter().map(|(name, shape, data)| Tensor { name, shape, data }).collect();
    let model = ModelState { tensors, updates: state.updates.0 };
    Ok((state, model))
}

/// Puts a learner where the checkpoint was taken. What was said about parameters stays as the learner has it, which may
/// run another version of the script by now.
pub fn restore(checkpoint: &Checkpoint, learner: &mut Learner) -> Result<(), Failure> {
    let (mut state, model) = load_model(checkpoint)?;
    state.steered.clone_from(&learner.state().steered);
    let file = checkpoint.open_file(REPLAY)?;
    let read = zstd::Decoder::with_buffer(file).and_then(|decoder| {
        let mut decoder = std::io::BufReader::with_capacity(1 << 20, decoder);
        learner.replay_mut().read_from(&mut decoder)?;
        // A stream that goes on was written by another version.
        match decoder.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(std::io::Error::other("it is longer than it should be")),
        }
    });
    read.map_err(|error| {
        Failure::failed(format!("the replay memory cannot be restored: {error}")).hint(
            "start a new run with another --out; what this one learned can still be evaluated: kelvin eval",
        )
    })?;
    learner.restore(state, &model)
}
