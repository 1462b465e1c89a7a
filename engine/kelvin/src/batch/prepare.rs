//! From a batch script, or from an experiment's folder, to a plan that can be run.

use super::BatchRequest;
use super::check::Checker;
use super::facts::Facts;
use crate::VERSION;
use crate::console::Console;
use crate::failure::Failure;
use kelvin_batch::{BatchScript, Refusal, Run, USUAL_SIZE, go_on, plan};
use kelvin_objective::Script;
use kelvin_run::{Experiment, Task};
use std::path::{Path, PathBuf};

/// An experiment that was looked at, and where it is.
pub(super) struct Prepared {
    /// Its folder.
    pub folder: PathBuf,
    /// The plan.
    pub experiment: Experiment,
    /// What each task was found to be, in the plan's order.
    pub facts: Vec<Facts>,
    /// What is to be written before anything starts; nothing where all of it is there.
    pub unwritten: Option<Unwritten>,
}

/// Of a plan that is new, or has grown.
pub(super) struct Unwritten {
    script: BatchScript,
    objectives: Vec<Script>,
    /// The plan as it was read; none where there was none.
    stored: Option<Experiment>,
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
        Ok(Self { folder, experiment, facts, unwritten: None })
    }

    fn of_script(request: &BatchRequest, console: &Console) -> Result<Self, Failure> {
        let script = BatchScript::load(&request.source)?;
        let mut draft = script.draft(request.size.as_deref())?;
        draft.printed.iter().for_each(|line| console.line(line));
        for (key, value) in &request.sets {
            check_set(key, value)?;
            draft.runs.iter_mut().for_each(|run| drop(run.set.insert(key.clone(), value.clone())));
        }
        let mut checker = Checker::new(request.roms.as_deref());
        // What the command line asks for is not the script's mistake.
        let mut asked = None;
        let fresh = plan(&script, &draft, |run| {
            checker.check(run).inspect_err(|refusal| asked = asked_by(&request.sets, refusal))
        });
        let mut fresh = match asked {
            Some(failure) => return Err(failure),
            None => fresh?,
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
        let facts = facts.collect();
        let objectives = checker.scripts().cloned().collect();
        let added = experiment.tasks.len() - planned;
        let is_new = stored.as_ref() != Some(&experiment);
        let unwritten = is_new.then_some(Unwritten { script, objectives, stored, added });
        Ok(Self { folder, experiment, facts, unwritten })
    }

    /// Writes down what is new: objectives and batch script as they are now, and last the plan that names them. False,
    /// with nothing written, where another launcher has changed the plan since it was read: it is to be read again.
    pub fn write(&self) -> Result<bool, Failure> {
        let Some(Unwritten { script, objectives, stored, .. }) = &self.unwritten else { return Ok(true) };
        let folder = &self.folder;
        let _lock = Experiment::lock(folder)?;
        if Experiment::read(folder)? != *stored {
            return Ok(false);
        }
        for objective in objectives {
            let sources = objective.sources().iter();
            let sources: Vec<_> = sources.map(|source| (source.path.clone(), source.text.clone())).collect();
            Experiment::keep_objective(folder, objective.hash(), &sources)?;
        }
        Experiment::keep_source(folder, script.text())?;
        self.experiment.write(folder)?;
        Ok(true)
    }
}

/// Refuses to `--set` what is no setting: what makes a run the run that it is stands in the batch script.
fn check_set(key: &str, value: &str) -> Result<(), Failure> {
    if !Run::KEYS.contains(&key) {
        return Ok(());
    }
    let failure =
        Failure::usage(format!("--set {key}={value}: `{key}` is what a run is told by, and no setting"));
    Err(failure.hint(format!("say it in the batch script, as in {key}: {value}, or in one of its sizes")))
}

/// The refusal of a run for something that `--set` asks for.
fn asked_by(sets: &[(String, String)], refusal: &Refusal) -> Option<Failure> {
    let Refusal::Says { key, message, hint, .. } = refusal else { return None };
    let (_, value) = sets.iter().find(|(set, _)| set == key)?;
    // A message about a value names it.
    let told = message.strip_prefix(&format!("{key}: {value} "));
    let failure = Failure::usage(match told {
        Some(told) => format!("--set {key}={value} {told}"),
        None => format!("--set {key}={value}: {message}"),
    });
    Some(match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

/// `runs/figure2`, and of another size `runs/figure2-smoke`.
fn usual_folder(name: &str, size: &str) -> PathBuf {
    let runs = Path::new("runs");
    if size == USUAL_SIZE { runs.join(name) } else { runs.join(format!("{name}-{size}")) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The launcher of a script with these seeds, as far as its plan.
    fn prepared(folder: &Path, seeds: &str) -> Prepared {
        let script = folder.join("batch.rhai");
        let objective = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/dqn.rhai");
        let text = format!(
            "fn experiment() {{ #{{ runs: grid(#{{ script: \"{}\", env: \"catch\", seed: [{seeds}] }}), \
             resources: #{{ cpus: 3, mem: \"2G\" }} }} }}",
            objective.display()
        );
        fs::write(&script, text).unwrap();
        let request =
            BatchRequest { source: script, out: Some(folder.join("out")), ..BatchRequest::default() };
        Prepared::new(&request, &Console::new(true)).unwrap_or_else(|failure| panic!("{failure}"))
    }

    fn seeds(experiment: &Experiment) -> Vec<u64> {
        experiment.tasks.iter().map(|task| task.seed).collect()
    }

    #[test]
    fn two_launchers_that_grow_a_plan_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let stored = || Experiment::read(&folder.path().join("out")).unwrap().unwrap();
        let (first, second) = (prepared(folder.path(), "0"), prepared(folder.path(), "0, 1"));
        assert!(first.write().unwrap());
        assert!(!second.write().unwrap(), "it was read before there was one");
        assert_eq!(seeds(&stored()), [0]);
        let (second, third) = (prepared(folder.path(), "0, 1"), prepared(folder.path(), "0, 2, 1"));
        assert!(second.write().unwrap());
        assert!(!third.write().unwrap(), "the plan grew in between");
        assert_eq!(seeds(&stored()), [0, 1]);
        assert!(prepared(folder.path(), "0, 2, 1").write().unwrap());
        assert_eq!(seeds(&stored()), [0, 1, 2]);
        assert!(prepared(folder.path(), "0, 2, 1").unwritten.is_none());
    }

    #[test]
    fn the_folder_stands_for_the_script_with_all_it_asks_of_a_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let of_script = prepared(folder.path(), "0");
        assert!(of_script.write().unwrap());
        let request = BatchRequest { source: folder.path().join("out"), ..BatchRequest::default() };
        let of_folder =
            Prepared::new(&request, &Console::new(true)).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(of_folder.experiment, of_script.experiment);
        let resources = &of_folder.experiment.resources;
        assert_eq!((resources.cpus, resources.mem.as_deref()), (Some(3), Some("2G")));
    }
}
