//! Batches on real schedulers, started for the test on this machine's loopback. They take minutes and programs that few
//! machines have, so they run when asked: `KELVIN_CLUSTER_TESTS=1 cargo test --release -p kelvin-tests --test clusters`.

use kelvin_tests::batches::{Place, catch, signal, workers};
use kelvin_tests::command::succeed;
use kelvin_tests::running::Running;
use kelvin_tests::slurm::{self, Slurm};
use kelvin_tests::suite::Suite;
use kelvin_tests::{hyperqueue, records};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut suite = Suite::new();
    suite.test_with(&slurm::wanted(), "slurm", |()| on_slurm());
    suite.test_with(&hyperqueue::wanted(), "hyperqueue", |python| on_hyperqueue(&python));
    suite.run()
}

/// One cluster for all that can happen to a job: it takes half a minute to start.
fn on_slurm() {
    let mut slurm = Slurm::start();
    a_warned_job_goes_back_into_the_queue(&slurm);
    a_killed_run_goes_on_in_its_job(&slurm);
    one_index_in_two_jobs_is_trained_once(&slurm);
    a_killed_node_daemon_loses_nothing(&mut slurm);
}

/// Submits the batch, one core a job; returns the job's number.
fn submit(slurm: &Slurm, place: &Place) -> String {
    let mut command = place.batch(&["--slurm", "--cpus-per-task", "1", "--time", "30:00"]);
    command
        .env("SLURM_CONF", slurm.command("true").get_envs().find_map(|(_, value)| value).expect("a value"));
    let said = succeed(&mut command);
    let job = said.stdout.lines().find_map(|line| line.split_once("slurm.sh: ")).expect("a job's number").1;
    job.to_owned()
}

fn learns(run: &Path) -> bool {
    records::training(run).iter().any(|record| records::count(record, "updates") > 0)
}

/// The warning before the time limit: USR1 to the batch shell.
fn a_warned_job_goes_back_into_the_queue(slurm: &Slurm) {
    const FRAMES: u64 = 200_000;
    let place = Place::new(&catch(2, FRAMES));
    let job = submit(slurm, &place);
    let run = place.run("dqn", 0);
    slurm.wait("a run that learns", |_| learns(&run));
    slurm.ask("scancel", &["--batch", "--signal=USR1", &format!("{job}_0")]);
    slurm.wait("a stop", |_| !records::events_of(&run, "stopped").is_empty());
    slurm.wait("all runs' ends", |_| place.is_done());
    place.assert_all_done(4, FRAMES);
    let (stopped, resumed) = (records::events_of(&run, "stopped"), records::events_of(&run, "resume"));
    // scancel tries again where a job is changing, and so may signal the next one too.
    let steps = |events: &[Value]| {
        events.iter().map(|event| records::count(event, "agent_steps")).collect::<Vec<_>>()
    };
    assert_eq!(steps(&stopped), steps(&resumed), "each stop was taken up, and not a step was lost");
    assert!(records::events_of(&place.run("soft_kl", 1), "resume").is_empty(), "others were left alone");
}

fn a_killed_run_goes_on_in_its_job(slurm: &Slurm) {
    const FRAMES: u64 = 100_000;
    let place = Place::new(&catch(1, FRAMES));
    submit(slurm, &place);
    let run = place.run("dqn", 0);
    slurm.wait("a checkpoint", |_| !records::events_of(&run, "checkpoint").is_empty());
    signal("KILL", &workers(&run).pop().expect("a process that trains"));
    slurm.wait("all runs' ends", |_| place.is_done());
    place.assert_all_done(2, FRAMES);
    assert_eq!(records::events_of(&run, "resume").len(), 1);
}

fn one_index_in_two_jobs_is_trained_once(slurm: &Slurm) {
    const FRAMES: u64 = 60_000;
    let place = Place::new(&catch(1, FRAMES));
    submit(slurm, &place);
    // By mistake, before any of them is done.
    let again = slurm.ask("sbatch", &["--parsable", &place.out().join("slurm.sh").display().to_string()]);
    slurm.wait("an empty queue", |slurm| slurm.ask("squeue", &["-h"]).is_empty());
    place.assert_all_done(2, FRAMES);
    for run in place.runs() {
        assert!(records::events_of(&run, "resume").is_empty(), "{} ran twice", run.display());
    }
    // Each job of the second array said that another process had its task, or that the task was done by then.
    for task in [0, 1] {
        let log = place.out().join(format!("slurm/{again}_{task}.log"));
        let said = fs::read_to_string(&log).expect("every job says something");
        let knows = ["another process works on it", "draw it with"].iter().any(|words| said.contains(words));
        assert!(knows, "{}: {said:?}", log.display());
    }
}

/// The daemon dies, its jobs' processes live on; the node is taken for dead, and its jobs are queued again.
fn a_killed_node_daemon_loses_nothing(slurm: &mut Slurm) {
    const FRAMES: u64 = 400_000;
    let place = Place::new(&catch(2, FRAMES));
    submit(slurm, &place);
    slurm.wait("a run that learns", |_| learns(&place.run("dqn", 0)));
    slurm.kill_node();
    slurm.wait("a dead node", |slurm| slurm.ask("sinfo", &["-h", "-o", "%T"]).starts_with("down"));
    slurm.start_node();
    slurm.wait("all runs' ends", |_| place.is_done());
    place.assert_all_done(4, FRAMES);
}

/// HyperQueue's own client in Python stands for `hq submit`, which the Python package does not bring; the job script and
/// what runs it are the real ones.
fn on_hyperqueue(python: &Path) {
    const FRAMES: u64 = 60_000;
    let place = Place::new(&catch(2, FRAMES));
    let tools = place.path("tools");
    fs::create_dir(&tools).expect("a writable folder");
    hyperqueue::stand_in(&tools, python);
    let mut command = place.batch(&["--hyperqueue", "--cpus-per-task", "1"]);
    command.env("PATH", format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default()));
    let mut running = Running::start(&mut command, &place.path("hq"));
    let run = place.run("dqn", 0);
    running.wait("a checkpoint", || (!records::events_of(&run, "checkpoint").is_empty()).then_some(()));
    signal("KILL", &workers(&run).pop().expect("a process that trains"));
    running.wait("all runs' ends", || place.is_done().then_some(()));
    let said = running.end();
    assert!(said.code == Some(0) && said.stdout.contains("hyperqueue.sh: "), "{said}");
    place.assert_all_done(4, FRAMES);
    assert_eq!(records::events_of(&run, "resume").len(), 1);
}
