//! Checkpoints with anything in them: bytes that do not fit their manifest, and bytes that do.

use super::finding::Finding;
use super::run::{self, FORK, FRAMES, RUN};
use super::runs::{in_folder, refused};
use super::{Random, Target, edits};
use crate::command::repository;
use kelvin::console::Console;
use kelvin::evaluate::{EvalRequest, evaluate};
use kelvin::export::weights::weights;
use kelvin::train::{RerunRequest, Session, TrainRequest, rerun};
use kelvin::units::Frames;
use rand::RngExt;
use std::path::Path;

/// Processor time that a case may take, in seconds.
const MOST_SECONDS: f64 = 20.0;
/// Turns of the loop after a run was taken up: some updates from what is in memory.
const TURNS: usize = 120;

/// Checkpoints.
pub struct Checkpoints;

impl Target for Checkpoints {
    fn name(&self) -> &'static str {
        "checkpoints"
    }

    fn case(&self, random: &mut Random) -> String {
        let everything = random.random_bool(0.15);
        let (run, folder) = if random.random_bool(0.2) { (FORK, "/origin/") } else { (RUN, "/checkpoints/") };
        let wanted = |name: &str| name.starts_with(run) && (everything || name.contains(folder));
        let mut edits = edits::make(random, run::tree(), wanted);
        // Else the hash guards everything behind it.
        if random.random_bool(0.8) {
            edits.push("seal".to_owned());
        }
        edits.join("\n") + "\n"
    }

    fn judge(&self, case: &str) -> Result<&'static str, Finding> {
        in_folder(case, MOST_SECONDS, |folder| {
            let run = folder.join(if case.contains(FORK) { FORK } else { RUN });
            let played = played(&run)?;
            exported(&run, &folder.join("out"))?;
            forked(&run, &folder.join("fork"))?;
            replayed(&run)?;
            Ok(match (resumed(&run)?, played) {
                (false, false) => "taken",
                (true, true) => "refused",
                _ => "half-refused",
            })
        })
    }
}

/// `kelvin train --resume`, for some turns; whether it was refused.
fn resumed(run: &Path) -> Result<bool, Finding> {
    trained(TrainRequest { out: Some(run.to_path_buf()), resume: true, ..TrainRequest::default() })
}

/// `kelvin train --fork`, for as many.
fn forked(run: &Path, out: &Path) -> Result<bool, Finding> {
    let script = repository().join("scripts/soft_kl.rhai");
    let (out, fork) = (Some(out.to_path_buf()), Some(run.to_path_buf()));
    trained(TrainRequest { script: Some(script), out, fork, ..TrainRequest::default() })
}

fn trained(request: TrainRequest) -> Result<bool, Finding> {
    let (device, frames) = (Some("cpu".to_owned()), Some(Frames(2 * FRAMES)));
    let request = TrainRequest { device, frames, ..request };
    let mut console = Console::new(true);
    let mut session = match Session::open(&request, &console) {
        Ok(session) => session,
        Err(failure) => return refused(Err::<(), _>(failure)),
    };
    for _ in 0..TURNS {
        if let Err(failure) = session.step(&mut console) {
            return refused(Err::<(), _>(failure));
        }
    }
    Ok(false)
}

/// `kelvin replay`; whether it was refused, or is another run.
fn replayed(run: &Path) -> Result<bool, Finding> {
    let request = RerunRequest { run: run.to_path_buf(), ..RerunRequest::default() };
    refused(rerun(&request, &mut Console::new(true)))
}

/// `kelvin export --safetensors`; whether it was refused.
fn exported(run: &Path, out: &Path) -> Result<bool, Finding> {
    refused(weights(&request(run), out, &Console::new(true)))
}

/// `kelvin eval`; whether it was refused.
fn played(run: &Path) -> Result<bool, Finding> {
    refused(evaluate(&request(run), &Console::new(true)))
}

fn request(run: &Path) -> EvalRequest {
    EvalRequest {
        run: run.to_path_buf(),
        episodes: 1,
        policy: None,
        epsilon: None,
        preset: None,
        seed: 1,
        device: "cpu".to_owned(),
        roms: None,
    }
}
