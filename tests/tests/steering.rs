//! A run is watched and steered through its files: what it shows of itself, and what `control.toml` asks of it.
#![cfg(unix)]

use kelvin_run::{Activity, Compared, RunDir, Status};
use kelvin_tests::command::{kelvin, run, succeed, train};
use kelvin_tests::exact::{boltzmann, outputs_at};
use kelvin_tests::records::{self, count};
use kelvin_tests::running::Running;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A run in the background.
struct Steered {
    _folder: tempfile::TempDir,
    run: PathBuf,
    running: Running,
}

impl Steered {
    fn start(script: &str) -> Self {
        Self::start_with(script, &[])
    }

    fn start_with(script: &str, settings: &[&str]) -> Self {
        Self::start_for("100M", script, settings)
    }

    fn start_for(frames: &str, script: &str, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = folder.path().join("run");
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        let mut command = train(script, "catch", &run);
        let running = Running::start(command.args(["--frames", frames]).args(settings), &run);
        Self { _folder: folder, run, running }
    }

    fn control(&self, text: &str) {
        fs::write(self.run.join("control.toml"), text).expect("a run");
    }

    fn dir(&self) -> Option<RunDir> {
        RunDir::open(&self.run).ok()
    }

    /// Waits for a status that `wanted` likes.
    #[track_caller]
    fn wait(&mut self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let dir = self.run.clone();
        self.running.wait(what, || RunDir::open(&dir).ok()?.read_status().expect("sound").filter(&wanted))
    }
}

#[test]
fn a_run_shows_what_it_does() {
    let mut steered = Steered::start("soft_kl");
    let status = steered.wait("updates", |status| status.updates > 100);
    assert_eq!((status.activity, status.total_frames), (Activity::Running, 100_000_000));
    assert_eq!((status.script.as_str(), status.params["tau"]), ("soft_kl", 0.1));
    assert!(status.frames_per_s > 0.0 && status.replay > 0, "{status:?}");
    let shares: f64 = steered.wait("phases", |status| !status.phases.is_empty()).phases.values().sum();
    assert!((0.1..=1.0).contains(&shares), "{shares}");

    let dir = steered.dir().expect("a run");
    let agent = dir.read_agent().unwrap().expect("a view of the agent");
    assert_eq!((agent.actions.len(), agent.policy.len(), agent.env), (3, 3, 0));
    let (q, boltzmann) = (agent.q.expect("action values"), agent.boltzmann.expect("a temperature"));
    assert_eq!(q.len(), 3);
    assert!((boltzmann.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{boltzmann:?}");
    let (low, high) = q.iter().fold((f32::MAX, f32::MIN), |(low, high), q| (low.min(*q), high.max(*q)));
    let v = agent.v.expect("a value");
    assert!(low - 1e-5 <= v && v <= high + 1e-5, "{v} of {q:?}");
    let picture = dir.read_picture().unwrap().expect("a picture");
    assert_eq!((picture.screen_size, picture.stack_size), ([10, 5], [1, 10, 5]));

    // A heart that beats whether or not anything is trained.
    steered.control("pause = true");
    let paused = steered.wait("a pause", |status| status.activity == Activity::Paused);
    steered.wait("another beat", |status| status.beat > paused.beat);
    steered.running.signal("INT");
    let dir = steered.dir().expect("a run");
    assert_eq!(steered.running.end().code, Some(0));
    assert_eq!(dir.read_status().unwrap().map(|status| status.activity), Some(Activity::Stopped));
}

/// The divergence that a run shows from the network it is held near.
#[test]
fn a_run_shows_how_far_it_is_from_its_reference() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let short = ["--frames", "4k", "--set"];
    succeed(train("a2c_proper", "catch", &at("prior")).args(["--frames", "60k", "--seed", "3"]));
    // A run with a reference, and what it showed at its end.
    let held = |name: &str, reference: &str, setting: &str| {
        let mut command = train("a2c_prior", "catch", &at(name));
        succeed(command.args(short).arg(setting).arg("--reference").arg(at(reference)));
        let dir = RunDir::open(at(name)).expect("a run");
        let agent = dir.read_agent().unwrap().expect("a view of its end");
        let view = agent.reference.clone().expect("a reference");
        assert_eq!((Path::new(&view.run), view.of), (&*at(reference), Some(Compared::Acting)));
        (agent, view.kl, dir.read_picture().unwrap().expect("a picture").stack)
    };

    // By hand, from the policy that is shown and the other run's network at what is shown.
    let (agent, shown, stack) = held("held", "prior", "learning_rate=1e-3");
    let prior = boltzmann(&outputs_at(&at("prior"), &stack, 1)[0][..3], 1.0);
    let pi = agent.policy.iter().map(|p| f64::from(*p));
    let kl: f64 = pi.zip(&prior).map(|(p, prior)| p * (p / prior).ln()).sum();
    // Both policies are known to 1e-7.
    assert!(kl > 1e-4 && (f64::from(shown) - kl).abs() < 1e-6, "{shown} is not {kl}");
    assert!((agent.kl_uniform - shown).abs() > 1e-4, "{agent:?}");

    // From the same start, and nothing is learned: the run is its reference.
    let frozen = "learning_rate=1e-30";
    succeed(train("a2c_proper", "catch", &at("start")).args(short).arg(frozen));
    let (agent, kl, _) = held("copy", "start", frozen);
    // What is left is rounding: one network acts for eight environments, and the other for one.
    assert!((0.0..1e-6).contains(&kl) && agent.kl_uniform > 1e-4, "{kl}, {}", agent.kl_uniform);
}

#[test]
fn a_run_that_nobody_looks_at_shows_no_pictures() {
    let mut steered = Steered::start("dqn");
    let first = steered.wait("a beat", |status| status.updates > 0).beat;
    let dir = steered.dir().expect("a run");
    let shown = || dir.read_agent().unwrap().expect("a view of its beginning").beat;
    let before = shown();
    steered.wait("three more beats", |status| status.beat >= first + 3);
    assert_eq!(shown(), before);
    for _ in 0..3 {
        let before = shown();
        steered.running.wait("another view", || {
            dir.watch().expect("a run of ours");
            (shown() > before).then_some(())
        });
    }
}

#[test]
fn a_run_waits_steps_and_goes_on() {
    for script in ["soft_kl", "a2c_proper"] {
        let mut steered = Steered::start(script);
        steered.running.wait_for_updates(20);
        // A number that stands there with the pause is a request too: it was not there before.
        steered.control("pause = true");
        let paused = steered.running.wait_for_event("paused", 1);
        steered.wait("a pause", |status| status.activity == Activity::Paused);
        steered.control("pause = true\nstep = 1\n[params]\ntau = 0.5");
        steered.running.wait_for_event("step", 1);
        let update = count(&paused, "update");
        let stepped = steered.wait("a step", |status| status.updates > update && status.params["tau"] == 0.5);
        // A turn of the loop steps eight environments, and may update as often.
        assert!(stepped.updates <= update + 8, "{script}: {update}, {}", stepped.updates);
        // The same number again asks for nothing.
        steered.control("step = 1\npause = true\n[params]\ntau = 0.5 # the same");
        // Several at once, with a value for something that the script does not have.
        steered.control("pause = true\nstep = 4\n[params]\ntau = 0.5\ngone = 1");
        steered.running.wait_for_event("step", 2);
        steered.running.wait_for_event("control_refused", 1);
        let mut again = steered.wait("three steps", |status| status.updates >= stepped.updates + 3);
        // Until it stands still.
        loop {
            let beat = again.beat;
            let before =
                std::mem::replace(&mut again, steered.wait("another beat", |status| status.beat > beat));
            if before.updates == again.updates && again.activity == Activity::Paused {
                break;
            }
        }
        assert!(again.updates <= stepped.updates + 3 * 8, "{script}: {again:?}");

        steered.control("");
        let goes_on = steered.running.wait_for_event("continued", 1);
        assert_eq!(count(&goes_on, "update"), again.updates);
        steered.running.wait_for_updates(update + 100);
        steered.running.signal("INT");
        assert_eq!(steered.running.end().code, Some(0));
        records::assert_recorded_once(&steered.run);
        // The clock stood still while it waited, and never ran back.
        let history = RunDir::open(&steered.run).expect("a run").history().expect("a sound run");
        assert!(history.timing.is_sorted_by_key(|timing| timing.wall_s), "{:?}", history.timing);
        let fastest = history.timing.iter().map(|timing| timing.frames_per_s).fold(0.0, f64::max);
        assert!(fastest < 1e7, "{fastest} frames a second");
    }
}

#[test]
fn a_run_saves_and_stops_when_asked_and_can_be_resumed() {
    let mut steered = Steered::start("soft_kl");
    steered.running.wait_for_updates(20);
    steered.control("checkpoint = 1");
    let saved = steered.running.wait_for_event("checkpoint", 1);
    let dir = steered.dir().expect("a run");
    assert_eq!(dir.checkpoint_updates().unwrap(), [count(&saved, "update")]);
    steered.control("checkpoint = 1\nstop = 7");
    let stopped = steered.running.wait_for_event("stopped", 1);
    let said = steered.running.end();
    assert_eq!(said.code, Some(0), "{said}");
    // What stopped it then does not stop it now; that it is to wait would hold.
    let mut command = kelvin();
    command.args(["train", "--quiet", "--frames", "500M", "--resume"]).arg(&steered.run);
    let mut resumed = Running::start(&mut command, &steered.run);
    resumed.wait_for_updates(count(&stopped, "update") + 100);
    fs::write(steered.run.join("control.toml"), "stop = 8").unwrap();
    resumed.wait_for_event("stopped", 2);
    assert_eq!(resumed.end().code, Some(0));
    records::assert_recorded_once(&steered.run);
}

/// Of the run's last step: it is not done before that is made, and a fork makes it as the run itself does.
#[test]
fn an_evaluation_that_was_cut_off_is_made_when_the_run_goes_on() {
    let settings = ["eval_every=2000", "eval_episodes=20000"];
    let mut steered = Steered::start_for("2k", "dqn", &settings);
    steered.wait("an evaluation", |status| status.activity == Activity::Evaluating);
    steered.control("stop = 1\n");
    steered.running.wait_for_event("stopped", 1);
    assert_eq!(steered.running.end().code, Some(0));
    assert!(!steered.run.join("DONE").exists());
    let fork = steered.run.with_file_name("fork");
    let mut command = kelvin();
    command.arg("train").arg(kelvin_tests::command::repository().join("scripts/dqn.rhai")).arg("--quiet");
    succeed(command.args(["--frames", "2100", "--fork"]).arg(&steered.run).arg("--out").arg(&fork));
    succeed(kelvin().args(["train", "--quiet", "--resume"]).arg(&steered.run));
    for run in [&steered.run, &fork] {
        let evaluations = records::metrics(run).iter().filter(|record| record["kind"] == "eval").count();
        assert!(evaluations == 1 && run.join("DONE").is_file(), "{}", run.display());
    }
}

#[test]
fn a_long_evaluation_hears_that_the_run_is_to_stop() {
    let mut steered = Steered::start_with("dqn", &["eval_every=2000", "eval_episodes=100000"]);
    steered.wait("an evaluation", |status| status.activity == Activity::Evaluating);
    steered.control("stop = 1\n[params]\ngamma = 0.9\n");
    steered.running.wait_for_event("stopped", 1);
    assert_eq!(steered.running.end().code, Some(0));
    // It has not happened; the run makes it when it goes on, and only then takes over what was edited meanwhile.
    assert!(records::metrics(&steered.run).iter().all(|record| record["kind"] != "eval"));
    let count = |event: &str| records::events_of(&steered.run, event).len();
    assert_eq!((count("stop"), count("params")), (1, 0));
}

#[test]
fn a_paused_run_hears_ctrl_c_and_is_resumed_paused() {
    let mut steered = Steered::start("dqn");
    steered.running.wait_for_updates(20);
    steered.control("pause = true");
    steered.running.wait_for_event("paused", 1);
    steered.running.signal("INT");
    assert_eq!(steered.running.end().code, Some(0));
    let mut command = kelvin();
    command.args(["train", "--quiet", "--resume"]).arg(&steered.run);
    let mut resumed = Running::start(&mut command, &steered.run);
    let again = resumed.wait_for_event("paused", 2);
    resumed.signal("INT");
    assert_eq!(resumed.end().code, Some(0));
    let last = records::events_of(&steered.run, "stopped").pop().expect("an end");
    assert_eq!(count(&last, "update"), count(&again, "update"));
}

#[test]
fn a_mistake_in_a_request_is_told_and_nothing_happens() {
    let mut steered = Steered::start("dqn");
    steered.running.wait_for_updates(20);
    steered.control("pause = 1\ncheckpoint = 5\n");
    let refused = steered.running.wait_for_event("control_refused", 1);
    let told = refused["diagnostic"].as_str().expect("a diagnostic");
    assert!(told.contains("`pause` is true or false") && told.contains("control.toml:1:9"), "{told}");
    steered.running.wait_for_updates(count(&refused, "update") + 200);
    steered.running.signal("INT");
    assert_eq!(steered.running.end().code, Some(0));
    // That of the end alone.
    assert_eq!(records::events_of(&steered.run, "checkpoint").len(), 1);
}

#[test]
fn records_hold_the_norms_of_every_layer() {
    let folder = tempfile::tempdir().unwrap();
    let norms = |script: &str| -> Value {
        let out = folder.path().join(script);
        let said = run(train(script, "catch", &out).args(["--frames", "20k"]));
        assert_eq!(said.code, Some(0), "{said}");
        records::training(&out).pop().expect("a record")
    };
    // One clips by tensor, the other as a whole.
    for record in ["dqn", "a2c_proper"].map(norms) {
        let names =
            |key: &str| record[key].as_object().unwrap_or_else(|| panic!("no {key}: {record}")).clone();
        let (gradients, weights) = (names("grad_norms"), names("weight_norms"));
        assert_eq!(gradients.keys().collect::<Vec<_>>(), weights.keys().collect::<Vec<_>>());
        assert!(weights.len() >= 4 && weights.keys().any(|name| name.ends_with(".weight")), "{record}");
        let positive = |norm: &Value| norm.as_f64().is_some_and(|norm| norm > 0.0);
        assert!(weights.iter().filter(|(name, _)| name.ends_with(".weight")).all(|(_, norm)| positive(norm)));
        assert!(gradients.values().any(positive), "{record}");
    }
}
