//! `kelvin batch`.

use crate::batch::{BatchRequest, batch};
use crate::console::Console;
use crate::failure::Failure;
use kelvin_batch::Scheduler;
use kelvin_run::Resources;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(after_help = "\
The plan is checked and written to DIR/experiment.json before anything starts, with copies of the objectives: editing
them later does not change it. Runs are processes of their own. What is done is skipped, what was interrupted goes on
from its checkpoint, so after Ctrl-C or a crash the same command goes on. docs/batches.md describes batch scripts.

Examples:
  kelvin batch scripts/batches/quick_check.rhai
  kelvin batch scripts/batches/figure2.rhai --dry-run
  kelvin batch scripts/batches/figure2.rhai --size smoke
  kelvin batch scripts/batches/figure2.rhai --slurm --time 24:00:00 --cpus-per-task 4 --gpus 1
  kelvin batch runs/figure2")]
pub(super) struct Args {
    /// A batch script, or the folder of an experiment to go on with
    #[arg(value_name = "FILE")]
    source: PathBuf,
    /// Which of the script's sizes [default: paper]
    #[arg(long, value_name = "NAME")]
    size: Option<String>,
    /// The experiment's folder [default: runs/NAME, of other sizes runs/NAME-SIZE]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Runs at the same time [default: as many as there are cores, and memory for their replay]
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Run the K-th task of the plan and no other, counted from 0
    #[arg(long, value_name = "K", conflicts_with_all = ["jobs", "slurm", "hyperqueue"])]
    task: Option<usize>,
    /// Print the plan and what it takes, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Override a setting or a parameter in every run; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = super::train::key_value)]
    sets: Vec<(String, String)>,
    /// auto (a GPU if there is one, else the CPU), gpu, cpu, or part of an adapter's name [default: auto]
    #[arg(long)]
    device: Option<String>,
    /// How often a run that crashed is started again, from its checkpoint
    #[arg(long, default_value_t = 2)]
    retries: usize,
    /// A folder of ROMs, searched before KELVIN_ROMS and the cache
    #[arg(long, value_name = "DIR", value_parser = super::folder)]
    roms: Option<PathBuf>,
    /// Print one JSON object: with --dry-run the plan, and of a cluster the job array; else where each run is at the end, or
    /// what was submitted
    #[arg(long)]
    json: bool,

    /// Submit a Slurm job array, one job a run
    #[arg(long, conflicts_with = "hyperqueue", help_heading = "Clusters")]
    slurm: bool,
    /// Submit a HyperQueue task array, one task a run
    #[arg(long, help_heading = "Clusters")]
    hyperqueue: bool,
    /// Time limit of a job, as in 24:00:00
    #[arg(long, value_name = "TIME", help_heading = "Clusters")]
    time: Option<String>,
    /// Cores of a job
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Clusters")]
    cpus_per_task: Option<u64>,
    /// GPUs of a job
    #[arg(long, value_name = "N", help_heading = "Clusters")]
    gpus: Option<u64>,
    /// Slurm: memory of a job, as in 16G
    #[arg(long, value_name = "SIZE", help_heading = "Clusters")]
    mem: Option<String>,
    /// Slurm: the partition
    #[arg(long, value_name = "NAME", help_heading = "Clusters")]
    partition: Option<String>,
    /// Slurm: who pays
    #[arg(long, value_name = "NAME", help_heading = "Clusters")]
    account: Option<String>,
    /// Slurm: jobs at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Clusters")]
    array_limit: Option<u64>,
    /// One more argument for sbatch or hq submit; may be repeated
    #[arg(long = "submit-arg", value_name = "ARG", allow_hyphen_values = true, help_heading = "Clusters")]
    submit_args: Vec<String>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let scheduler = match (args.slurm, args.hyperqueue) {
        (true, _) => Some(Scheduler::Slurm),
        (_, true) => Some(Scheduler::HyperQueue),
        _ => None,
    };
    let resources = Resources {
        partition: args.partition,
        account: args.account,
        time: args.time,
        mem: args.mem,
        cpus: args.cpus_per_task,
        gpus: args.gpus,
        limit: args.array_limit,
        args: args.submit_args,
    };
    if scheduler.is_none() && resources != Resources::default() {
        return Err(Failure::usage("these are resources of a cluster's jobs, and no cluster was named")
            .hint("add --slurm or --hyperqueue"));
    }
    let useless = scheduler.map(|scheduler| (scheduler, scheduler.has_no_use_for(&resources)));
    if let Some((scheduler, useless)) = useless.filter(|(_, useless)| !useless.is_empty()) {
        let flags = useless.iter().map(|(_, flag)| *flag).collect::<Vec<_>>().join(", ");
        return Err(Failure::usage(format!("{} has no use for {flags}", scheduler.name()))
            .hint("leave it out; --submit-arg passes on what hq submit itself knows"));
    }
    let request = BatchRequest {
        source: args.source,
        size: args.size,
        out: args.out,
        jobs: args.jobs.map(usize::from),
        task: args.task,
        dry_run: args.dry_run,
        sets: args.sets,
        device: args.device,
        retries: args.retries,
        roms: args.roms,
        scheduler: scheduler.map(|scheduler| (scheduler, resources)),
        json: args.json,
    };
    batch(&request, &mut Console::new(args.json))
}
