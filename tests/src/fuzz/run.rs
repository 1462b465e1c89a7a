//! A sound run, small and quickly made, for others to break.

use super::edits::{self, Tree};
use crate::command::repository;
use kelvin::console::Console;
use kelvin::train::{TrainRequest, train};
use kelvin::units::Frames;
use kelvin_run::{Experiment, Picture, RunDir, Task};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// The run's folder, below that of the experiment which it belongs to.
pub const RUN: &str = "kl/catch-s0";
/// A fork of it that was killed before it had a checkpoint of its own.
pub const FORK: &str = "kl/fork";
/// Frames that it was trained for: with one lane, some beyond the first segment of the memory.
pub const FRAMES: u64 = 1400;

/// All files of an experiment of one run that is done, with its plan and a fork; made once.
pub fn tree() -> &'static Tree {
    static TREE: LazyLock<Tree> = LazyLock::new(|| {
        // Without it nothing can be tried, and a run of the built-in game needs nothing that could be missing.
        make().expect("a run of a second on the processor")
    });
    &TREE
}

fn make() -> Result<Tree, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (script, out) = (repository().join("scripts/soft_kl.rhai"), folder.path().join(RUN));
    let sets = [
        ("network", "mlp"),
        ("hidden", "[4]"),
        ("envs", "1"),
        ("replay_capacity", "2048"),
        ("learning_starts", "100"),
        ("update_every", "50"),
        ("batch", "4"),
        ("log_every", "200"),
        ("checkpoint_every", "1200"),
        ("eval_every", "700"),
        ("eval_episodes", "2"),
    ];
    let request = TrainRequest {
        script: Some(script.clone()),
        env: Some("catch".to_owned()),
        seed: Some(0),
        device: Some("cpu".to_owned()),
        frames: Some(Frames(FRAMES)),
        sets: sets.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        out: Some(out.clone()),
        ..TrainRequest::default()
    };
    train(&request, &mut Console::new(true))?;
    fork(&script, &out, &folder.path().join(FORK))?;
    let run = RunDir::open(&out)?;
    run.write_control("pause = false\nstep = 1\n\n[params]\ntau = 0.05\n")?;
    run.write_picture(&Picture {
        screen: (0..18).collect(),
        screen_size: [2, 3],
        stack: (0..8).collect(),
        stack_size: [2, 2, 2],
    })?;
    let hash = run.objectives()?.first().map(|version| version.hash.clone()).unwrap_or_default();
    plan(&script, &hash).write(folder.path())?;
    Ok(edits::tree(folder.path())?)
}

fn fork(script: &Path, run: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let request = TrainRequest {
        script: Some(script.to_path_buf()),
        device: Some("cpu".to_owned()),
        frames: Some(Frames(FRAMES + 200)),
        fork: Some(run.to_path_buf()),
        out: Some(out.to_path_buf()),
        ..TrainRequest::default()
    };
    train(&request, &mut Console::new(true))?;
    fs::remove_file(out.join("DONE"))?;
    Ok(fs::remove_dir_all(out.join("checkpoints"))?)
}

fn plan(script: &Path, hash: &str) -> Experiment {
    let task = |index: usize, folder: &str| Task {
        index,
        folder: folder.to_owned(),
        label: "KL, τ = 0.1".to_owned(),
        script: script.display().to_string(),
        script_hash: hash.to_owned(),
        env: "catch".to_owned(),
        seed: index as u64,
        frames: FRAMES,
        preset: "paper".to_owned(),
        full_action_set: false,
        reference: None,
        set: BTreeMap::from([("tau".to_owned(), "0.1".to_owned())]),
    };
    let plan = Experiment::new("figure", Path::new("/batches/figure.rhai"), "cd", "smoke");
    // The second was not started.
    Experiment { tasks: vec![task(0, RUN), task(1, "kl/catch-s1")], ..plan }
}
