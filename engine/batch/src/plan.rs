//! From what a script asks for to the plan of an experiment: tasks with folders, none twice, and the same as last time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kelvin_objective::hosting::listing;
use kelvin_objective::{Diagnostic, did_you_mean};
use kelvin_run::{Experiment, Task};

use crate::script::{BatchScript, Draft, Run, folder_name};

/// Differences between two plans that are listed.
const LISTED: usize = 8;

/// How a difference begins that is in no key.
const TEXT_OF: &str = "the text of ";

/// What whoever knows scripts, environments and settings found a run to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The objective, as an absolute path.
    pub script: PathBuf,
    /// Hash of the objective and its imports.
    pub script_hash: String,
    /// Length of the training, frames.
    pub frames: u64,
    /// Preprocessing and termination rules.
    pub preset: String,
}

/// Why a run cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Something that the batch script says about it.
    Says {
        /// The key that is wrong.
        key: String,
        /// Its value, where it has one.
        value: Option<String>,
        /// What is wrong with it.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Its objective.
    Objective(Box<Diagnostic>),
}

/// The plan of a draft: every run is looked at by `check` and given a folder.
///
/// # Errors
/// What `check` refuses, two runs of one folder, a figure by what not every run has, and a panel of it that is misspelt;
/// with the place in the script.
pub fn plan(
    script: &BatchScript,
    draft: &Draft,
    mut check: impl FnMut(&Run) -> Result<Checked, Refusal>,
) -> Result<Experiment, Diagnostic> {
    let source = std::path::absolute(script.path()).unwrap_or_else(|_| script.path().to_path_buf());
    let mut plan = Experiment::new(&draft.name, &source, &script.hash(), &draft.size);
    plan.figure = draft.figure.clone();
    plan.resources = draft.resources.clone();
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for (index, run) in draft.runs.iter().enumerate() {
        let checked = check(run).map_err(|refusal| place(script, run, refusal))?;
        let task = task(index, run, checked);
        if let Some(first) = folders.insert(task.folder.to_lowercase(), index) {
            return Err(twice(script, run, &plan.tasks[first], &task));
        }
        plan.tasks.push(task);
    }
    for (key, by) in [("panels", &plan.figure.panels), ("curves", &plan.figure.curves)] {
        let lacking = plan.tasks.iter().position(|task| task.value(by).is_none());
        if let Some(index) = lacking {
            let message = format!("the figure's {key} are by `{by}`, and not every run says what that is");
            let hint = format!(
                "{} does not: give it `{by}`, or choose label, script, env, seed, frames or preset",
                plan.tasks[index].folder
            );
            return Err(script.wrong(&draft.runs[index], key, Some(by), message, Some(hint)));
        }
    }
    match draft.runs.first().and_then(|run| misspelt_panel(script, run, &plan)) {
        Some(misspelt) => Err(misspelt),
        None => Ok(plan),
    }
}

/// A panel that the figure names and that is nearly one that there is. One that is like none may be of another size.
fn misspelt_panel(script: &BatchScript, run: &Run, plan: &Experiment) -> Option<Diagnostic> {
    let figure = &plan.figure;
    let panels: BTreeSet<String> = plan.tasks.iter().filter_map(|task| task.value(&figure.panels)).collect();
    let tops = figure.tops.keys().map(|panel| (panel.as_str(), panel));
    let lines = figure.lines.iter().filter_map(|line| Some(("panel", line.panel.as_ref()?)));
    tops.chain(lines).filter(|(_, panel)| !panels.contains(*panel)).find_map(|(key, panel)| {
        let near = did_you_mean(panel, panels.iter().map(String::as_str))?;
        let message = format!("the figure has no panel `{panel}`");
        let hint =
            format!("did you mean `{near}`? Its panels are {}", listing(panels.iter().map(String::as_str)));
        Some(script.wrong(run, key, Some(panel), message, Some(hint)))
    })
}

fn task(index: usize, run: &Run, checked: Checked) -> Task {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    Task {
        index,
        folder: format!("{}/{}-s{}", folder_name(&run.label), folder_name(&run.env), run.seed),
        label: run.label.clone(),
        script: checked.script.display().to_string(),
        script_hash: checked.script_hash,
        env: run.env.clone(),
        seed: run.seed,
        frames: checked.frames,
        preset: checked.preset,
        full_action_set: run.full_action_set,
        reference: run.reference.as_deref().map(|run| absolute(run).display().to_string()),
        set: run.set.clone(),
    }
}

fn place(script: &BatchScript, run: &Run, refusal: Refusal) -> Diagnostic {
    match refusal {
        Refusal::Says { key, value, message, hint } => {
            script.wrong(run, &key, value.as_deref(), message, hint)
        }
        Refusal::Objective(mut diagnostic) => {
            let name = run.script.file_name().map(|name| name.to_string_lossy().into_owned());
            let at = script.wrong(run, "script", name.as_deref(), "", None);
            let asked = format!("asked for by {}:{}:{}", at.file.display(), at.line, at.column);
            diagnostic.trail = diagnostic.trail.iter().cloned().chain([asked]).collect();
            *diagnostic
        }
    }
}

fn twice(script: &BatchScript, run: &Run, first: &Task, second: &Task) -> Diagnostic {
    let same = first.trains_as(second);
    let message = match same {
        true => format!(
            "{} is there twice: tasks {} and {} are the same run",
            second.folder, first.index, second.index
        ),
        false if first.label == second.label => format!(
            "tasks {} and {} are both `{}` on {} with seed {}, and would share the folder {}",
            first.index, second.index, second.label, second.env, second.seed, second.folder
        ),
        false => {
            let message = format!(
                "tasks {} and {}, `{}` and `{}` on {} with seed {}, would share the folder {}",
                first.index, second.index, first.label, second.label, second.env, second.seed, second.folder
            );
            let hint = "what is neither a letter, a digit nor one of . _ - becomes a - in a folder's name, and \
                        capitals do not count: choose labels that differ in more";
            return script.wrong(run, "label", Some(&run.label), message, Some(hint.to_owned()));
        }
    };
    let hint = match (same, differences(first, second).first()) {
        (true, _) | (_, None) => "leave one of them out".to_owned(),
        (_, Some(differs)) if differs.starts_with(TEXT_OF) => {
            "they are two scripts of one name: give each of them a `label`".to_owned()
        }
        (_, Some(differs)) => {
            let (key, _) = differs.split_once(' ').unwrap_or((differs, ""));
            // A script's path is no label.
            let value = if key == "script" { "name" } else { key };
            format!(
                "they differ in {differs}: name what differs, as in label: |run| `{key} ${{run.{value}}}`"
            )
        }
    };
    script.wrong(run, "label", Some(&run.label), message, Some(hint))
}

/// What two tasks do not have in common, as `frames 1000, now 2000`.
fn differences(before: &Task, now: &Task) -> Vec<String> {
    let plain = |value: Option<String>| value.unwrap_or_else(|| "as the script says".to_owned());
    let keys = ["label", "script", "env", "seed", "frames", "preset"].into_iter();
    let settings = before.set.keys().chain(now.set.keys()).map(String::as_str);
    let mut found = Vec::new();
    for key in keys.chain(settings) {
        let (old, new) = (before.value(key), now.value(key));
        let text = format!("{key} {}, now {}", plain(old.clone()), plain(new.clone()));
        if old != new && !found.contains(&text) {
            found.push(text);
        }
    }
    if before.script_hash != now.script_hash && before.value("script") == now.value("script") {
        let short = |hash: &str| hash.chars().take(8).collect::<String>();
        let (old, new) = (short(&before.script_hash), short(&now.script_hash));
        found.push(format!("{TEXT_OF}{}: it was edited ({old}, now {new})", before.script));
    }
    if before.full_action_set != now.full_action_set {
        found.push(format!("full_action_set {}, now {}", before.full_action_set, now.full_action_set));
    }
    if before.reference != now.reference {
        let none = || "none".to_owned();
        let (old, new) = (before.reference.clone(), now.reference.clone());
        found.push(format!("reference {}, now {}", old.unwrap_or_else(none), new.unwrap_or_else(none)));
    }
    found
}

/// The plan that goes on: the stored one, with the tasks that the script has added since at its end. How its figure is
/// drawn, and what its runs are given, follows the script.
///
/// # Errors
/// What else the script now says otherwise, in lines: tasks that are gone, and tasks that train something else.
pub fn go_on(stored: Experiment, fresh: Experiment) -> Result<Experiment, Vec<String>> {
    let mut new: BTreeMap<&str, &Task> =
        fresh.tasks.iter().map(|task| (task.folder.as_str(), task)).collect();
    let mut changed = Vec::new();
    for before in &stored.tasks {
        match new.remove(before.folder.as_str()) {
            None => changed.push(format!("task {} ({}) is gone", before.index, before.folder)),
            Some(now) if !before.trains_as(now) => {
                let what = differences(before, now).join("; ");
                changed.push(format!("task {} ({}) differs in {what}", before.index, before.folder));
            }
            Some(_) => {}
        }
    }
    if !changed.is_empty() {
        let more = changed.len().saturating_sub(LISTED);
        changed.truncate(LISTED);
        if more > 0 {
            changed.push(format!("and {more} more"));
        }
        return Err(changed);
    }
    let mut added: Vec<&Task> = new.into_values().collect();
    added.sort_by_key(|task| task.index);
    // Who wrote it is who wrote it last.
    let kelvin = if added.is_empty() { stored.kelvin } else { fresh.kelvin.clone() };
    let mut tasks = stored.tasks;
    for task in added {
        tasks.push(Task { index: tasks.len(), ..task.clone() });
    }
    Ok(Experiment { name: stored.name, kelvin, tasks, ..fresh })
}
