//! Handing tasks to a scheduler that is there: a job array, each job of which runs one task.
//!
//! Nothing here schedules, waits or retries: the scheduler does. What it is given is a short shell script in the
//! experiment's folder, which a person can read, change and submit again.

use std::fmt::Write as _;
use std::path::Path;

use kelvin_run::{Resources, quoted};

/// Seconds before its time limit at which Slurm tells a job.
const WARNING: u32 = 120;

/// A scheduler of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduler {
    /// Slurm: `sbatch`.
    Slurm,
    /// HyperQueue: `hq submit`.
    HyperQueue,
}

/// What a job array is to do.
#[derive(Clone, Debug)]
pub struct Jobs<'a> {
    /// The experiment's name.
    pub name: &'a str,
    /// Its folder, as an absolute path.
    pub folder: &'a Path,
    /// The tasks, in ascending order.
    pub tasks: &'a [usize],
    /// The program and its arguments up to `--task`.
    pub command: &'a [String],
    /// What each job is given.
    pub resources: &'a Resources,
}

impl Scheduler {
    /// The name of the script in the experiment's folder.
    pub fn file(self) -> &'static str {
        match self {
            Self::Slurm => "slurm.sh",
            Self::HyperQueue => "hyperqueue.sh",
        }
    }

    /// The folder of the jobs' logs in the experiment's folder.
    pub fn logs(self) -> &'static str {
        match self {
            Self::Slurm => "slurm",
            Self::HyperQueue => "hyperqueue",
        }
    }

    /// The program that takes the script, and its arguments before the script's path.
    pub fn submit(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Slurm => ("sbatch", &["--parsable"]),
            Self::HyperQueue => ("hq", &["submit"]),
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slurm => "Slurm",
            Self::HyperQueue => "HyperQueue",
        }
    }

    /// What is said of resources that it has no use for: keys of `resources`, and flags.
    pub fn has_no_use_for(self, resources: &Resources) -> Vec<(&'static str, &'static str)> {
        let Resources { partition, account, mem, limit, .. } = resources;
        let said = [
            (partition.is_some(), ("partition", "--partition")),
            (account.is_some(), ("account", "--account")),
            (mem.is_some(), ("mem", "--mem")),
            (limit.is_some(), ("limit", "--array-limit")),
        ];
        let useless = said.into_iter().filter(|(said, _)| *said && self == Self::HyperQueue);
        useless.map(|(_, names)| names).collect()
    }

    /// The script.
    pub fn script(self, jobs: &Jobs) -> String {
        match self {
            Self::Slurm => slurm(jobs),
            Self::HyperQueue => hyperqueue(jobs),
        }
    }
}

const HEAD: &str = "\
# Written by `kelvin batch`. Each job runs one task of the plan in experiment.json. A job that is started again goes on
# where its task stopped; one whose task is done, or runs elsewhere, says so and ends.
";

fn slurm(jobs: &Jobs) -> String {
    let Jobs { resources, folder, .. } = jobs;
    let log = folder.join(Scheduler::Slurm.logs()).join("%A_%a.log");
    let limit = resources.limit.map(|limit| format!("%{limit}")).unwrap_or_default();
    let given = [
        ("job-name", Some(jobs.name.to_owned())),
        ("array", Some(format!("{}{limit}", ranges(jobs.tasks)))),
        ("output", Some(log.display().to_string())),
        ("open-mode", Some("append".to_owned())),
        ("signal", Some(format!("B:USR1@{WARNING}"))),
        ("partition", resources.partition.clone()),
        ("account", resources.account.clone()),
        ("time", resources.time.clone()),
        ("mem", resources.mem.clone()),
        ("cpus-per-task", resources.cpus.map(|cpus| cpus.to_string())),
        ("gpus", resources.gpus.map(|gpus| gpus.to_string())),
    ];
    let mut script = String::from("#!/bin/bash\n");
    for (option, value) in given {
        if let Some(value) = value {
            line(&mut script, format_args!("#SBATCH --{option}={}", argument(&value)));
        }
    }
    script += "#SBATCH --requeue\n";
    for given in &resources.args {
        line(&mut script, format_args!("#SBATCH {}", option(given)));
    }
    line(&mut script, format_args!("{HEAD}"));
    threads(&mut script, resources);
    line(
        &mut script,
        format_args!(
            "\
# {WARNING} s before its time limit Slurm sends USR1: the run saves a checkpoint, and the job goes back into the queue.
# TERM comes with scancel, which is meant to last, and with preemption, after which Slurm queues the job by itself.
again=
trap 'again=yes; kill -USR1 \"$task\"' USR1
trap 'kill -TERM \"$task\"' TERM
{} --task \"$SLURM_ARRAY_TASK_ID\" &
task=$!
# A signal ends `wait` early.
while kill -0 \"$task\" 2>/dev/null; do wait \"$task\"; status=$?; done
if [ \"$again\" ] && [ \"$status\" -ne 0 ]; then exec scontrol requeue \"$SLURM_JOB_ID\"; fi
exit \"$status\"",
            command(jobs)
        ),
    );
    script
}

fn hyperqueue(jobs: &Jobs) -> String {
    let Jobs { resources, folder, .. } = jobs;
    // Two files: HyperQueue opens each by itself, and would write one over the other.
    let log = |end: &str| {
        let name = format!("%{{TASK_ID}}.{end}");
        Some(folder.join(Scheduler::HyperQueue.logs()).join(name).display().to_string())
    };
    let given = [
        ("name", Some(jobs.name.to_owned())),
        ("array", Some(ranges(jobs.tasks))),
        ("stdout", log("out")),
        ("stderr", log("err")),
        ("time-limit", resources.time.clone()),
        ("cpus", resources.cpus.map(|cpus| cpus.to_string())),
        ("resource", resources.gpus.map(|gpus| format!("gpus/nvidia={gpus}"))),
    ];
    let mut script = String::from("#!/bin/bash\n");
    for (option, value) in given {
        if let Some(value) = value {
            line(&mut script, format_args!("#HQ --{option}={}", argument(&value)));
        }
    }
    for given in &resources.args {
        line(&mut script, format_args!("#HQ {}", option(given)));
    }
    line(&mut script, format_args!("{HEAD}"));
    threads(&mut script, resources);
    line(&mut script, format_args!("exec {} --task \"$HQ_TASK_ID\"", command(jobs)));
    script
}

fn line(script: &mut String, text: std::fmt::Arguments) {
    // Writing to a string does not fail.
    let _ = writeln!(script, "{text}");
}

fn threads(script: &mut String, resources: &Resources) {
    if let Some(cpus) = resources.cpus {
        line(script, format_args!("export RAYON_NUM_THREADS={cpus}"));
    }
}

fn command(jobs: &Jobs) -> String {
    jobs.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A value as the schedulers read it in their comments: in quotes where a blank would end it, or a `#` the line.
fn argument(value: &str) -> String {
    match value.is_empty() || value.contains(|c: char| c.is_whitespace() || "#\"'\\".contains(c)) {
        true => format!("\"{}\"", value.replace('\\', r"\\").replace('"', r#"\""#)),
        false => value.to_owned(),
    }
}

/// An option as it was given to be passed on, `--name=value` or `--name value`, with its value as above.
fn option(given: &str) -> String {
    let name = given.find(|c: char| c == '=' || c.is_ascii_whitespace()).filter(|_| given.starts_with('-'));
    match name {
        Some(end) => format!("{}{}{}", &given[..end], &given[end..=end], argument(given[end + 1..].trim())),
        None => argument(given),
    }
}

/// `0-2,5` for 0, 1, 2, 5.
fn ranges(tasks: &[usize]) -> String {
    let runs = tasks.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        one => one.iter().map(usize::to_string).collect(),
    });
    runs.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(scheduler: Scheduler, resources: &Resources) -> String {
        scheduler.script(&Jobs {
            name: "figure2",
            folder: Path::new("/my runs/figure2"),
            tasks: &[0, 1, 2, 5],
            command: &["/opt/kelvin", "batch", "/my runs/figure2"].map(str::to_owned),
            resources,
        })
    }

    #[test]
    fn what_is_not_asked_for_is_left_to_the_cluster() {
        let resources = Resources {
            time: Some("24:00:00".to_owned()),
            cpus: Some(4),
            limit: Some(2),
            args: ["--exclusive", "--comment=a b", "--nice 5", "--comment it's #1"].map(str::to_owned).into(),
            ..Resources::default()
        };
        let text = script(Scheduler::Slurm, &resources);
        for part in [
            "#SBATCH --array=0-2,5%2\n",
            "#SBATCH --output=\"/my runs/figure2/slurm/%A_%a.log\"\n",
            "#SBATCH --time=24:00:00\n",
            "#SBATCH --cpus-per-task=4\n",
            "#SBATCH --exclusive\n",
            "#SBATCH --comment=\"a b\"\n",
            "#SBATCH --nice 5\n",
            "#SBATCH --comment \"it's #1\"\n",
            "RAYON_NUM_THREADS=4\n",
            "\n/opt/kelvin batch '/my runs/figure2' --task \"$SLURM_ARRAY_TASK_ID\" &\n",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        assert!(!text.contains("--partition") && !text.contains("--gpus"), "{text}");
        let text = script(Scheduler::HyperQueue, &resources);
        for part in ["#HQ --array=0-2,5\n", "#HQ --cpus=4\n", "exec /opt/kelvin batch", "\"$HQ_TASK_ID\"\n"] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    #[test]
    fn what_only_slurm_knows_is_told_of() {
        let text = || Some("x".to_owned());
        let resources = Resources {
            partition: text(),
            mem: text(),
            time: text(),
            limit: Some(2),
            ..Resources::default()
        };
        assert_eq!(Scheduler::Slurm.has_no_use_for(&resources), []);
        let keys = Scheduler::HyperQueue.has_no_use_for(&resources).into_iter().map(|(key, _)| key);
        assert_eq!(keys.collect::<Vec<_>>(), ["partition", "mem", "limit"]);
    }

    #[test]
    fn values_reach_a_scheduler_as_they_are() {
        for (value, text) in
            [("a/b", "a/b"), ("a b", "\"a b\""), ("a\"b", r#""a\"b""#), (r"a\b", r#""a\\b""#), ("", "\"\"")]
        {
            assert_eq!(argument(value), text);
        }
    }
}
