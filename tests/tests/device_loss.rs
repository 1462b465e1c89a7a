//! A run whose device is lost while it trains goes on by itself, and is bit for bit the run that never lost one.

use kelvin::console::Console;
use kelvin::failure::Failure;
use kelvin::train::{Session, TrainRequest};
use kelvin::units::Frames;
use kelvin_tests::command::repository;
use kelvin_tests::cuts::assert_same;
use kelvin_tests::records::{self, count};
use kelvin_tests::suite::{Suite, adapter};
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let mut suite = Suite::new();
    let adapter = adapter();
    suite.test_with(&adapter, "destroyed: goes on from its checkpoint", |adapter| destroyed(&adapter, 1300));
    suite.test_with(&adapter, "destroyed: starts over without one", |adapter| destroyed(&adapter, 300));
    suite.test_with(&adapter, "silent: nobody waits for it", |adapter| silent(&adapter));
    suite.test_with(&adapter, "lost again and again: ends, to be resumed", |adapter| {
        again_and_again(&adapter)
    });
    suite.test_with(&adapter, "what was asked for is done once", |adapter| asked(&adapter, 1, 2));
    suite.test_with(&adapter, "what is asked for meanwhile is done", |adapter| asked(&adapter, 2, 3));
    suite.run()
}

/// Catch learns from its 200th step on, and 8 environments step at once.
const SETTINGS: [(&str, &str); 3] =
    [("learning_starts", "200"), ("log_every", "100"), ("checkpoint_every", "500")];

fn request(adapter: &str, out: &Path, sets: &[(&str, &str)]) -> TrainRequest {
    let sets = SETTINGS.iter().chain(sets).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    TrainRequest {
        script: Some(repository().join("scripts/dqn.rhai")),
        env: Some("catch".to_owned()),
        device: Some(adapter.to_owned()),
        frames: Some(Frames(2400)),
        sets: sets.collect(),
        out: Some(out.to_owned()),
        ..TrainRequest::default()
    }
}

fn open(request: &TrainRequest) -> Session {
    Session::open(request, &Console::new(true)).unwrap_or_else(|failure| panic!("{failure}"))
}

fn train(session: Session) {
    session.train(&mut Console::new(true)).unwrap_or_else(|failure| panic!("{failure}"));
}

/// Makes steps until `enough`, or until one fails.
fn step_until(session: &mut Session, mut enough: impl FnMut(&Session) -> bool) -> Result<(), Failure> {
    let mut console = Console::new(true);
    while !enough(session) {
        session.step(&mut console)?;
    }
    Ok(())
}

fn step_to(session: &mut Session, agent_steps: u64) {
    step_until(session, |session| session.learner().state().agent_steps.0 >= agent_steps)
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Steps on until the loss is noticed.
fn lose(session: &mut Session) -> Failure {
    let mut steps = 0;
    let noticed = step_until(session, |_| {
        steps += 1;
        steps > 100
    });
    let lost = noticed.expect_err("a loss that nobody notices");
    assert!(lost.is_device_lost(), "{lost}");
    lost
}

fn destroyed(adapter: &str, at: u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (alone, lost) = (folder.path().join("alone"), folder.path().join("lost"));
    train(open(&request(adapter, &alone, &[])));
    let mut session = open(&request(adapter, &lost, &[]));
    step_to(&mut session, at);
    session.device().destroy();
    train(session);

    records::assert_recorded_once(&lost);
    assert!(lost.join("DONE").is_file());
    let losses = records::events_of(&lost, "device_lost");
    assert_eq!(losses.len(), 1);
    assert!(losses[0]["message"].as_str().is_some_and(|said| said.contains("destroyed")), "{}", losses[0]);
    let resumed = records::events_of(&lost, "resume");
    assert_eq!(resumed.len(), 1);
    assert_eq!(count(&resumed[0], "agent_steps"), at / 500 * 500, "from the last checkpoint");
    assert_same(&alone, &lost);
}

fn silent(adapter: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("run");
    // No device makes an update of so many samples in so short a time.
    let mut session = open(&request(adapter, &out, &[("batch", "1024")]));
    step_to(&mut session, 520);
    session.device().set_patience(Duration::from_millis(1));
    let lost = lose(&mut session);
    assert!(lost.message().contains("no answer for 0.001 s"), "{lost}");
    let mut session =
        session.recover(&lost, &Console::new(true)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(session.learner().state().agent_steps.0, 504, "not from the checkpoint after 500 steps");
    step_to(&mut session, 560);
    records::assert_recorded_once(&out);
}

fn again_and_again(adapter: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("run");
    let mut session = open(&request(adapter, &out, &[]));
    let console = Console::new(true);
    // A checkpoint in between means that it gets on.
    for steps in [100, 100, 600, 100] {
        let start = session.learner().state().agent_steps.0;
        step_to(&mut session, start + steps);
        session.device().destroy();
        let lost = lose(&mut session);
        session = session.recover(&lost, &console).unwrap_or_else(|failure| panic!("{failure}"));
    }
    session.device().destroy();
    let lost = lose(&mut session);
    let failure = session.recover(&lost, &console).err().expect("an end");
    assert!(failure.message().contains("3 times"), "{failure}");
    assert!(failure.advice().is_some_and(|hint| hint.contains("--resume") && hint.contains("--device cpu")));
    let losses = records::events_of(&out, "device_lost");
    let losses: Vec<_> = losses.iter().map(|event| count(event, "losses")).collect();
    assert_eq!(losses, [1, 2, 1, 2, 3]);
    assert_eq!(records::events_of(&out, "fault").len(), 1);
    train(open(&TrainRequest { out: Some(out.clone()), resume: true, ..TrainRequest::default() }));
    records::assert_recorded_once(&out);
    assert!(out.join("DONE").is_file());
}

/// Asks for a checkpoint, loses the device, asks once more, with the number `then`; and counts checkpoints.
fn asked(adapter: &str, then: u64, expected: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("run");
    let request = request(adapter, &out, &[("checkpoint_every", "1000000")]);
    let mut session = open(&TrainRequest { frames: Some(Frames(10_000_000)), ..request });
    let ask = |text: String| fs::write(out.join("control.toml"), text).expect("a writable folder");
    let checkpoints = || records::events_of(&out, "checkpoint").len();
    let work = |session: &mut Session, enough: &dyn Fn() -> bool| {
        step_until(session, |_| enough()).unwrap_or_else(|failure| panic!("{failure}"));
    };
    ask("checkpoint = 1\n".to_owned());
    work(&mut session, &|| checkpoints() == 1);
    let saved = session.learner().state().agent_steps.0;
    step_to(&mut session, saved + 200);

    session.device().destroy();
    ask(format!("checkpoint = {then}\n"));
    let lost = lose(&mut session);
    session = session.recover(&lost, &Console::new(true)).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(session.learner().state().agent_steps.0 <= saved);
    step_to(&mut session, saved + 100);
    ask(format!("checkpoint = {then}\nstop = 1\n"));
    train(session);
    assert_eq!(records::events_of(&out, "stop").len(), 1);
    assert_eq!(checkpoints(), expected, "with the one at the end");
}
