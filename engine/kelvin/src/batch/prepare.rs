//! From a batch script, or from an experiment's folder, to a plan that can be run.

use super::BatchRequest;
use super::check::Checker;
use super::facts::Facts;
use crate::VERSION;
use crate::console::Console;
use crate::failure::Failure;
use kelvin_batch::{BatchScript, Refusal, Resources, Run, USUAL_SIZE, go_on, plan};
use kelvin_objective::Script;
use kelvin_run::{Experiment, Task};
use std::path::{Path, PathBuf};

/// What a run has that is no setting.
const KEYS: [&str; 7] = ["script", "env", "seed", "frames", "preset", "full_action_set", "reference"];

/// An experiment that was looked at, and where it is.
pub(super) struct Prepared {
    /// Its folder.
    pub folder: PathBuf,
    /// The plan.
    pub experiment: Experiment,
    /// What each task was found to be, in the plan's order.
    pub facts: Vec<Facts>,
    /// What the script asks of a cluster.
    pub resources: Resources,
    /// What is to be written before anything starts; nothing where all of it is there.
    pub unwritten: Option<Unwritten>,
}

/// Of a plan that is new, or has grown.
pub(super) struct Unwritten {
    script: BatchScript,
    objectives: Vec<Script>,
    /// Tasks that were added to a plan that was there.
    pub added: usize,
}

impl Prepared {
    pub fn new(request: &BatchRequest, console: &Console) -> Result<Self, Failure> {
        match request.source.is_dir() {
            true => Self::of_folder(request),
            false => Self::of_script(request, console),
        }
    }

    /// A plan goes on as it was written, whatever became of its script.
    fn of_folder(request: &BatchRequest) -> Result<Self, Failure> {
        let folder = request.source.clone();
        if request.size.is_some() || request.out.is_some() || !request.sets.is_empty() {
            return Err(Failure::usage("an experiment that is there has its size, folder and settings")
                .hint("leave out --size, --out and --set, or give the batch script instead of the folder"));
        }
        let experiment = Experiment::read(&folder)?.ok_or_else(|| {
            Failure::usage(format!("{} is no experiment: it has no {}", folder.display(), Experiment::FILE))
                .hint("give a batch script, such as scripts/batches/quick_check.rhai, or the folder it has made")
        })?;
        let mut checker = Checker::new(request.roms.as_deref());
        let wanted = |task: &Task| request.task.is_none_or(|only| only == task.index);
        for task in &experiment.tasks {
            // One task of many is looked at alone: on a cluster each job does so.
            if wanted(task) {
                checker.check(&run_of(task, &folder)).map_err(|refusal| refused(task, refusal))?;
            }
        }
        let facts = match request.task {
            Some(_) => Vec::new(),
            None => checker.facts,
        };
        Ok(Self { folder, experiment, facts, resources: Resources::default(), unwritten: None })
    }

    fn of_script(request: &BatchRequest, console: &Console) -> Result<Self, Failure> {
        let script = BatchScript::load(&request.source)?;
        let mut draft = script.draft(request.size.as_deref())?;
        draft.printed.iter().for_each(|line| console.line(line));
        for (key, value) in &request.sets {
            draft.runs.iter_mut().for_each(|run| drop(run.set.insert(key.clone(), value.clone())));
        }
        let mut checker = Checker::new(request.roms.as_deref());
        // What the command line got wrong is not the script's mistake, and has no place in it.
        let mut mistake = None;
        let planned = plan(&script, &draft, |run| {
            let checked = checker.check(run);
            mistake = checked.as_ref().err().and_then(|refusal| of_command_line(refusal, &request.sets));
            checked
        });
        let mut fresh = match mistake {
            Some(mistake) => return Err(mistake),
            None => planned?,
        };
        VERSION.clone_into(&mut fresh.kelvin);
        fresh.overrides = request.sets.iter().cloned().collect();
        let folder = request.out.clone().unwrap_or_else(|| usual_folder(&draft.name, &draft.size));
        let stored = Experiment::read(&folder)?;
        let planned = stored.as_ref().map_or(0, |stored| stored.tasks.len());
        let experiment = match stored.clone() {
            None => fresh,
            Some(stored) => go_on(stored, fresh).map_err(|changes| {
                Failure::usage(format!(
                    "{} holds another plan than {} now makes:\n  {}",
                    folder.display(),
                    script.path().display(),
                    changes.join("\n  ")
                ))
                .hint(format!(
                    "start another experiment with --out DIR, or go on with the plan as it was: kelvin batch {}",
                    folder.display()
                ))
            })?,
        };
        // Tasks that were added come last in the plan, and may stand anywhere in the script.
        let facts = experiment.tasks.iter().map(|task| {
            let at = draft.runs.iter().position(|run| is_of(run, task)).unwrap_or(task.index);
            checker.facts[at].clone()
        });
        let (facts, resources) = (facts.collect(), draft.resources);
        let objectives = checker.scripts().cloned().collect();
        let added = experiment.tasks.len() - planned;
        let unwritten =
            (stored.as_ref() != Some(&experiment)).then_some(Unwritten { script, objectives, added });
        Ok(Self { folder, experiment, facts, resources, unwritten })
    }

    /// Writes down what is new: objectives and batch script as they are now, and last the plan that names them.
    pub fn write(&self) -> Result<(), Failure> {
        let Some(Unwritten { script, objectives, .. }) = &self.unwritten else { return Ok(()) };
        let folder = &self.folder;
        for objective in objectives {
            let sources = objective.sources().iter();
            let sources: Vec<_> = sources.map(|source| (source.path.clone(), source.text.clone())).collect();
            Experiment::keep_objective(folder, objective.hash(), &sources)?;
        }
        Experiment::keep_source(folder, script.text())?;
        Ok(self.experiment.write(folder)?)
    }
}

/// `runs/figure2`, and of another size `runs/figure2-smoke`.
fn usual_folder(name: &str, size: &str) -> PathBuf {
    let runs = Path::new("runs");
    if size == USUAL_SIZE { runs.join(name) } else { runs.join(format!("{name}-{size}")) }
}

/// What is wrong with a `--set`, where that is what was refused.
fn of_command_line(refusal: &Refusal, sets: &[(String, String)]) -> Option<Failure> {
    let Refusal::Says { key, message, hint, .. } = refusal else { return None };
    let (_, value) = sets.iter().rfind(|(set, _)| set == key)?;
    // `tau: 99 for soft_kl.rhai: must be …`
    let told = message.strip_prefix(&format!("{key}: {value} for "));
    let told = told.and_then(|told| told.split_once(": ")).map_or(&**message, |(_, told)| told);
    let failure = Failure::usage(format!("--set {key}={value}: {told}"));
    Some(match hint {
        _ if KEYS.contains(&&**key) => failure.hint("this is for the batch script to say"),
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

fn is_of(run: &Run, task: &Task) -> bool {
    (&run.label, &run.env, run.seed) == (&task.label, &task.env, task.seed)
}

/// A task as its script asked for it, with the objective that was kept.
fn run_of(task: &Task, folder: &Path) -> Run {
    Run {
        label: task.label.clone(),
        script: task.objective(folder),
        env: task.env.clone(),
        seed: task.seed,
        frames: Some(task.frames),
        preset: Some(task.preset.clone()),
        full_action_set: task.full_action_set,
        reference: task.reference.as_ref().map(PathBuf::from),
        set: task.set.clone(),
        place: Default::default(),
    }
}

fn refused(task: &Task, refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Objective(diagnostic) => Failure::rendered(diagnostic),
        Refusal::Says { message, hint, .. } => {
            let failure = Failure::failed(format!("task {} ({}): {message}", task.index, task.folder));
            match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
    }
}
