//! `kelvin batch`: an experiment from one script, each run a process of its own.
//!
//! A script becomes a plan ([`prepare`]), every run of which is looked at before the first one starts ([`check`]); the
//! plan is written down, and `kelvin_batch` runs its tasks here, or hands them to a cluster.

mod check;
mod cluster;
mod facts;
mod pace;
mod prepare;
mod report;
mod table;

use crate::console::{Console, grouped};
use crate::failure::Failure;
use crate::memory;
use crate::train::{interrupt, open_device};
use cluster::JobArray;
use facts::{Estimate, Packing};
use kelvin_batch::{Launch, LaunchError, Observer, Scheduler, Start, State};
use kelvin_run::{Resources, RunDir, Task};
use prepare::Prepared;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use table::Table;

/// How long a cluster's job waits for a process that has its task. One that a node left behind when it failed ends
/// within that time; one that was started by mistake is not worth the wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a command line asks of a batch.
#[derive(Clone, Debug, Default)]
pub struct BatchRequest {
    /// A batch script, or the folder of an experiment that is there.
    pub source: PathBuf,
    /// `--size`.
    pub size: Option<String>,
    /// The experiment's folder.
    pub out: Option<PathBuf>,
    /// Processes at the same time.
    pub jobs: Option<usize>,
    /// The only task to run.
    pub task: Option<usize>,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// `--set key=value` for every run.
    pub sets: Vec<(String, String)>,
    /// `--device`.
    pub device: Option<String>,
    /// How often a run that crashed is started again.
    pub retries: usize,
    /// A folder of ROMs to search first.
    pub roms: Option<PathBuf>,
    /// Who runs the tasks; this machine by itself without.
    pub scheduler: Option<(Scheduler, Resources)>,
    /// Speak JSON.
    pub json: bool,
}

/// Runs an experiment, or what is left of it.
pub fn batch(request: &BatchRequest, console: &mut Console) -> Result<(), Failure> {
    interrupt::listen()?;
    while !attempt(request, console)? {
        console.line("another launcher has changed the plan: it is read again");
    }
    Ok(())
}

/// The same with the plan as it is now; false if another launcher changed it before anything was done.
fn attempt(request: &BatchRequest, console: &mut Console) -> Result<bool, Failure> {
    let prepared = Prepared::new(request, console)?;
    if let Some(index) = request.task {
        return one(request, &prepared, index, console);
    }
    let device = request.device.as_deref().unwrap_or("auto");
    // A cluster's machines have other devices than this one.
    let on_cpu = request.scheduler.is_some() || open_device(device, console)?.on_cpu();
    let packing = packing(request, &prepared, on_cpu);
    let tasks: Vec<_> = prepared.experiment.tasks.iter().zip(&prepared.facts).collect();
    let estimate = Estimate::new(&prepared.folder, &tasks, packing);
    introduce(request, &prepared, &estimate, packing, console);
    check_runs(&prepared)?;
    check_disk(&prepared.folder, &estimate, console)?;
    let array = request.scheduler.as_ref();
    let array =
        array.map(|(scheduler, resources)| JobArray::new(request, &prepared, *scheduler, resources, console));
    let array = array.transpose()?;
    if request.dry_run {
        if request.json {
            let mut plan = report::plan_json(&prepared.folder, &prepared.experiment, &estimate, packing);
            plan["job_array"] = array.as_ref().map_or(Value::Null, JobArray::json);
            console.result(plan);
        } else if let Some(array) = &array {
            array.show(console);
        }
        return Ok(true);
    }
    if array.is_none() {
        check_memory(&prepared)?;
    }
    if !prepared.write()? {
        return Ok(false);
    }
    if let Some(array) = array {
        return array.submit(console).map(|()| true);
    }
    // Known by now, and looked for by each process otherwise.
    let device = if on_cpu { "cpu" } else { device };
    let threads = Some(packing.threads).filter(|_| std::env::var_os("RAYON_NUM_THREADS").is_none());
    let train = Train::new(&prepared.folder, device, threads, request)?;
    let launch = Launch {
        folder: &prepared.folder,
        jobs: packing.jobs,
        retries: request.retries,
        patience: Duration::MAX,
        command: &|task, start| train.command(task, start),
        stop: &interrupt::wished,
    };
    let states = run(&launch, &prepared, &prepared.experiment.tasks, console)?;
    conclude(request, &prepared, &prepared.experiment.tasks, &states, console).map(|()| true)
}

/// Runs one task, as a cluster's job does. A task that another process goes on working on is left to it.
fn one(
    request: &BatchRequest,
    prepared: &Prepared,
    index: usize,
    console: &mut Console,
) -> Result<bool, Failure> {
    let Some(task) = prepared.experiment.tasks.get(index) else {
        let last = prepared.experiment.tasks.len() - 1;
        return Err(
            Failure::usage(format!("there is no task {index}")).hint(format!("there are 0 to {last}"))
        );
    };
    let tasks = std::slice::from_ref(task);
    if request.dry_run {
        if request.json {
            console.result(json!({ "folder": prepared.folder, "task": task }));
        }
        console.line(format!("task {index}: {}", task.folder));
        return Ok(true);
    }
    if !prepared.write()? {
        return Ok(false);
    }
    let device = request.device.as_deref().unwrap_or("auto");
    let train = Train::new(&prepared.folder, device, None, request)?;
    let launch = Launch {
        folder: &prepared.folder,
        jobs: 1,
        retries: request.retries,
        patience: PATIENCE,
        command: &|task, start| train.command(task, start),
        stop: &interrupt::wished,
    };
    let states = run(&launch, prepared, tasks, console)?;
    conclude(request, prepared, tasks, &states, console).map(|()| true)
}

fn run(
    launch: &Launch,
    prepared: &Prepared,
    tasks: &[Task],
    console: &mut Console,
) -> Result<Vec<State>, Failure> {
    let table = Table::new(console, &prepared.experiment, &prepared.folder, tasks, launch.retries);
    let mut heard = Heard { table, warnings: Vec::new() };
    let states = launch.run(tasks, &mut heard);
    let warnings = heard.warnings;
    console.finish();
    let known = |warning: &&String| !cautions(prepared).contains_key(warning.as_str());
    warnings.iter().filter(known).for_each(|warning| console.warn(warning));
    states.map_err(|error: LaunchError| {
        Failure::failed(error).hint("no run was started; mend that, and the same command goes on")
    })
}

/// Passes on to a table what happens to tasks, and keeps what is warned of, each once: it is shown at the end, since a
/// hundred runs of one script warn of one thing.
struct Heard<'a> {
    table: Table<'a>,
    warnings: Vec<String>,
}

impl Observer for Heard<'_> {
    fn changed(&mut self, task: &Task, before: &State, now: &State) {
        self.table.changed(task, before, now);
    }

    fn again(&mut self, task: &Task, attempt: usize, error: &str) {
        self.table.again(task, attempt, error);
    }

    fn warned(&mut self, warning: &str) {
        let warning = warning.strip_prefix("warning: ").unwrap_or(warning).to_owned();
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn look(&mut self) {
        self.table.look();
    }
}

/// What is to be known of runs before they start, and of which.
fn cautions(prepared: &Prepared) -> BTreeMap<&str, Vec<&Task>> {
    let mut found: BTreeMap<&str, Vec<&Task>> = BTreeMap::new();
    for (task, facts) in prepared.experiment.tasks.iter().zip(&prepared.facts) {
        for caution in &facts.cautions {
            found.entry(caution).or_default().push(task);
        }
    }
    found
}

fn packing(request: &BatchRequest, prepared: &Prepared, on_cpu: bool) -> Packing {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let largest = prepared.facts.iter().map(|facts| facts.memory).max().unwrap_or(0);
    let left = prepared.experiment.tasks.iter();
    let left = left.filter(|task| !task.is_done(&prepared.folder)).count();
    Packing::new(request.jobs, left, cores, on_cpu, largest)
}

/// The plan, before anything starts.
fn introduce(
    request: &BatchRequest,
    prepared: &Prepared,
    estimate: &Estimate,
    packing: Packing,
    console: &Console,
) {
    let Prepared { folder, experiment, facts, unwritten, .. } = prepared;
    report::plan(folder, experiment, request.dry_run).iter().for_each(|line| console.line(line));
    let added = match unwritten {
        Some(unwritten) if (1..experiment.tasks.len()).contains(&unwritten.added) => {
            format!(", {} of them new", unwritten.added)
        }
        _ => String::new(),
    };
    console.line(format!(
        "\n{} ({}): {} tasks{added} in {}, {} frames to go",
        experiment.name,
        experiment.size,
        grouped(experiment.tasks.len() as u64),
        folder.display(),
        grouped(estimate.frames),
    ));
    if request.scheduler.is_none() {
        let Packing { jobs, threads } = packing;
        let s = if threads == 1 { "" } else { "s" };
        console.line(format!("{jobs} at once, with {threads} thread{s} each; {}", estimate.describe()));
        let free = memory::available_bytes().unwrap_or(u64::MAX);
        if estimate.memory > free {
            console.warn(format!(
                "replay memories of {jobs} processes fill {}, and {} are free; fewer --jobs are safer",
                memory::readable(estimate.memory),
                memory::readable(free)
            ));
        }
    }
    if let Some(idle) = facts.iter().position(|facts| facts.idle) {
        let task = &experiment.tasks[idle];
        console.warn(format!(
            "task {idle} ({}) ends before learning starts; its `learning_starts` counts agent steps",
            task.folder
        ));
    }
    for (caution, tasks) in cautions(prepared) {
        let others = match tasks.len() - 1 {
            0 => String::new(),
            others => format!(" and {} more", grouped(others as u64)),
        };
        console.warn(format!("task {} ({}){others}: {caution}", tasks[0].index, tasks[0].folder));
    }
}

/// Refuses to count or to take up what somebody else put in the place of a task's run.
fn check_runs(prepared: &Prepared) -> Result<(), Failure> {
    const LISTED: usize = 8;
    let folder = &prepared.folder;
    let other = |task: &Task| {
        // What cannot be read is told when its task begins.
        let differs = task.differs_from(&RunDir::open(folder.join(&task.folder)).ok()?).ok()?;
        (!differs.is_empty())
            .then(|| format!("task {} ({}): {}", task.index, task.folder, differs.join("; ")))
    };
    let mut others: Vec<_> = prepared.experiment.tasks.iter().filter_map(other).collect();
    let count = others.len();
    if count == 0 {
        return Ok(());
    }
    others.truncate(LISTED);
    if count > LISTED {
        others.push(format!("and {} more", count - LISTED));
    }
    let message =
        format!("{} holds runs that are not those of its plan:\n  {}", folder.display(), others.join("\n  "));
    Err(Failure::failed(message).hint(
        "move them away and the same command trains the plan's, or start another experiment with --out DIR",
    ))
}

/// Refuses a run that would refuse to start: its replay memory is larger than what is free.
fn check_memory(prepared: &Prepared) -> Result<(), Failure> {
    let Some(free) = memory::available_bytes() else { return Ok(()) };
    let Some(at) = prepared.facts.iter().position(|facts| facts.reserved > free) else { return Ok(()) };
    Err(Failure::failed(format!(
        "the replay memory of task {at} ({}) takes {}, and {} are free",
        prepared.experiment.tasks[at].folder,
        memory::readable(prepared.facts[at].reserved),
        memory::readable(free)
    ))
    .hint(
        "set a smaller `replay_capacity`, or `envs` and `n` of rollouts, in the batch script or with --set",
    ))
}

/// Refuses what the disk has no room for. The estimate may be wrong by a factor, so only what lacks by a factor.
fn check_disk(folder: &Path, estimate: &Estimate, console: &Console) -> Result<(), Failure> {
    let there = folder.ancestors().find(|path| path.exists()).filter(|path| !path.as_os_str().is_empty());
    let Ok(disk) = rustix::fs::statvfs(there.unwrap_or(Path::new("."))) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let said = format!(
        "the checkpoints take about {}, and {} are free in {}",
        memory::readable(estimate.disk),
        memory::readable(free),
        folder.display()
    );
    if estimate.disk / 2 > free {
        return Err(Failure::failed(said)
            .hint("free some, choose another disk with --out, or keep less: --set replay_capacity=…"));
    }
    if estimate.disk > free {
        console.warn(said);
    }
    Ok(())
}

fn conclude(
    request: &BatchRequest,
    prepared: &Prepared,
    tasks: &[Task],
    states: &[State],
    console: &Console,
) -> Result<(), Failure> {
    let folder = &prepared.folder;
    if request.json {
        console.result(report::summary_json(folder, tasks, states));
    } else if request.task.is_none() {
        console.line("");
        report::summary(folder, tasks, states).iter().for_each(|line| console.line(line));
    }
    if states.iter().all(|state| *state == State::Done) {
        console.line(format!("draw it with: kelvin report {}", folder.display()));
        return Ok(());
    }
    let counts = report::counts(states);
    let failure = if interrupt::wished() {
        Failure::failed(format!("stopped; {counts}"))
    } else {
        Failure::failed(format!("not every run is done; {counts}"))
    };
    Err(failure
        .hint("the same command goes on with what is left; NAME.log beside a run has what it said last"))
}

/// The processes that train.
struct Train<'a> {
    program: PathBuf,
    folder: &'a Path,
    device: &'a str,
    threads: Option<usize>,
    roms: Option<&'a Path>,
}

impl<'a> Train<'a> {
    fn new(
        folder: &'a Path,
        device: &'a str,
        threads: Option<usize>,
        request: &'a BatchRequest,
    ) -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::failed(format!("this program's own file cannot be found: {error}")))?;
        Ok(Self { program, folder, device, threads, roms: request.roms.as_deref() })
    }

    fn command(&self, task: &Task, start: Start) -> Command {
        let mut command = Command::new(&self.program);
        let run = self.folder.join(&task.folder);
        command.args(["train", "--quiet", "--device", self.device]);
        if let Some(roms) = self.roms {
            command.arg("--roms").arg(roms);
        }
        if let Some(threads) = self.threads {
            command.env("RAYON_NUM_THREADS", threads.to_string());
        }
        command.arg("--out").arg(run);
        if start == Start::Resume {
            command.arg("--resume");
            return command;
        }
        command.arg(task.objective(self.folder));
        command.args(["--env", &task.env, "--preset", &task.preset]);
        command.args(["--seed", &task.seed.to_string(), "--frames", &task.frames.to_string()]);
        if task.full_action_set {
            command.arg("--full-action-set");
        }
        if let Some(reference) = &task.reference {
            command.args(["--reference", reference]);
        }
        for (key, value) in &task.set {
            command.args(["--set", &format!("{key}={value}")]);
        }
        command
    }
}
