//! Which runs there are, and which belong together.
//!
//! A batch has written that down (`experiment.json`). Elsewhere runs belong together that trained the same script with
//! the same settings; what tells variants apart is what their settings differ in, and makes their names.

use crate::error::ReportError;
use crate::naming;
use crate::run::{Run, State, one_line};
use kelvin_run::{Experiment, Figure, RunDir, RunError, Task};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders below the one that is reported on in which runs are looked for.
const DEPTH: usize = 5;

/// Characters of a warning that are shown.
const LONGEST: usize = 600;

/// Runs, what belongs to what, and what is to be said of them.
#[derive(Clone, Debug)]
pub struct Study {
    /// The folder that is reported on.
    pub folder: PathBuf,
    /// The plan, where a batch has left one.
    pub plan: Option<Experiment>,
    /// What the figure is like; panels are called as they are here.
    pub figure: Figure,
    /// The runs, by variant in the order of the plan or the alphabet, panel and seed.
    pub runs: Vec<Run>,
    /// Variants, in order; a variant's place is its colour.
    pub variants: Vec<String>,
    /// Panels, in order.
    pub panels: Vec<String>,
    /// Runs that are left out because another one is the same variant, game and seed.
    pub twins: usize,
    /// What a reader must know of how the runs were read.
    pub warnings: Vec<String>,
}

impl Study {
    /// Reads all runs in or below a folder. `without_preset` are the environments that have no protocols to choose from.
    ///
    /// # Errors
    /// A folder without runs, or a plan that cannot be read. A run that cannot be read is left out, with a warning.
    pub fn read(folder: &Path, without_preset: &[&str]) -> Result<Self, ReportError> {
        let plan = Experiment::read(folder)?;
        let (mut runs, mut warnings) = match &plan {
            Some(plan) => planned(folder, plan),
            None => found(folder),
        };
        if runs.is_empty() && warnings.is_empty() {
            return Err(ReportError::NoRuns(folder.to_path_buf()));
        }
        for run in &mut runs {
            if without_preset.contains(&&*run.config.env) {
                // Its configuration has one all the same.
                run.config.preset.clear();
            }
            warnings.extend(run.history.damage.iter().map(|damage| format!("{}: {damage}", run.name)));
        }
        let figure = match &plan {
            Some(plan) => {
                let (figure, told) = naming::by_plan(&mut runs, plan);
                warnings.extend(told);
                figure
            }
            None => {
                naming::by_difference(&mut runs);
                Figure::default()
            }
        };
        let order = |values: Vec<&str>| {
            let mut seen = BTreeSet::new();
            values
                .into_iter()
                .filter(|value| seen.insert(value.to_string()))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let mut variants: Vec<String> = order(runs.iter().map(|run| &*run.variant).collect());
        let mut panels: Vec<String> = order(runs.iter().map(|run| &*run.panel).collect());
        if plan.is_none() {
            variants.sort();
            panels.sort();
        }
        let place = |all: &[String], name: &str| all.iter().position(|other| other == name);
        runs.sort_by_key(|run| {
            (place(&variants, &run.variant), place(&panels, &run.panel), run.config.seed, run.name.clone())
        });
        let all = runs.len();
        drop_twins(&mut runs, &mut warnings);
        let twins = all - runs.len();
        // They repeat what stands in files, of any length.
        let warnings = warnings.into_iter().map(|warning| format!("{warning:.LONGEST$}")).collect();
        let folder = folder.to_path_buf();
        let mut study = Self { folder, plan, figure, runs, variants, panels, twins, warnings };
        if study.versions().len() > 1 {
            let said = study.made_by();
            study.warnings.push(format!("the runs were made by several versions of Kelvin: {said}"));
        }
        Ok(study)
    }

    /// The runs of a variant in a panel.
    pub fn of<'a>(&'a self, variant: &'a str, panel: &'a str) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(move |run| run.variant == variant && run.panel == panel)
    }

    /// Versions of Kelvin that the runs were made by, with the number of runs of each.
    pub fn versions(&self) -> BTreeMap<&str, usize> {
        let mut versions = BTreeMap::new();
        for run in self.runs.iter().filter(|run| !run.kelvin.is_empty()) {
            *versions.entry(&*run.kelvin).or_default() += 1;
        }
        versions
    }

    /// The same in words: of one version without the number.
    pub fn made_by(&self) -> String {
        let versions = self.versions();
        let runs = |runs: &usize| if *runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
        let said = versions.iter().map(|(version, count)| match versions.len() {
            1 => (*version).to_owned(),
            _ => format!("{version} ({})", runs(count)),
        });
        said.collect::<Vec<_>>().join("; ")
    }

    /// How many runs there are, and how far they came, in a line.
    pub fn summary(&self) -> String {
        let done = self.runs.iter().filter(|run| run.state == State::Done).count();
        let s = |count: usize| if count == 1 { "" } else { "s" };
        let (runs, variants, panels) = (self.runs.len(), self.variants.len(), self.panels.len());
        let twins = if self.twins > 0 { format!(", {} left out", self.twins) } else { String::new() };
        format!(
            "{done} of {runs} run{} done{twins} · {variants} variant{} · {panels} panel{}",
            s(runs),
            s(variants),
            s(panels)
        )
    }

    /// What scores are of: a game, or where panels are not the games, a panel.
    pub fn unit(&self) -> &'static str {
        if self.runs.iter().all(|run| run.game == run.config.env) { "game" } else { "panel" }
    }

    /// The title, from the plan or the folder.
    pub fn title(&self) -> String {
        let named = self.plan.as_ref().map(|plan| plan.name.clone()).filter(|_| self.figure.title.is_empty());
        let folder = || self.folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let title = match self.figure.title.as_str() {
            "" => named.or_else(folder).unwrap_or_else(|| self.folder.display().to_string()),
            title => title.to_owned(),
        };
        one_line(&title)
    }
}

/// The runs of a plan, whether or not they are there.
fn planned(folder: &Path, plan: &Experiment) -> (Vec<Run>, Vec<String>) {
    let read = |task: &Task| {
        let path = folder.join(&task.folder);
        let differs = RunDir::open(&path).and_then(|run| task.differs_from(&run)).unwrap_or_default();
        if !differs.is_empty() {
            let warning = format!("{} is another run and left out: {}", task.folder, differs.join("; "));
            return (Run::planned(path, task), Some(warning));
        }
        match Run::read(&path, task.folder.clone()) {
            Ok(run) => (run, None),
            Err(RunError::NotARun { .. }) => (Run::planned(path, task), None),
            Err(error) => (Run::planned(path, task), Some(format!("{}: {error}", task.folder))),
        }
    };
    let (runs, warnings): (Vec<Run>, Vec<_>) = plan.tasks.par_iter().map(read).unzip();
    (runs, warnings.into_iter().flatten().collect())
}

/// All runs in or below a folder.
fn found(folder: &Path) -> (Vec<Run>, Vec<String>) {
    let mut folders = Vec::new();
    walk(folder, DEPTH, &mut folders);
    folders.sort();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(folder).ok().filter(|name| !name.as_os_str().is_empty());
        let name = name.unwrap_or(path).display().to_string();
        Run::read(path, name.clone()).map_err(|error| format!("{name} is left out: {error}"))
    };
    let read: Vec<Result<Run, String>> = folders.par_iter().map(read).collect();
    let (mut runs, mut warnings) = (Vec::new(), Vec::new());
    for run in read {
        match run {
            Ok(run) => runs.push(run),
            Err(warning) => warnings.push(warning),
        }
    }
    (runs, warnings)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if folder.join("config.toml").is_file() {
        found.push(folder.to_path_buf());
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| depth > 0 && path.is_dir()) {
        walk(&path, depth - 1, found);
    }
}

/// Two runs of one variant, game and seed would count one draw twice: the one that came further stays.
fn drop_twins(runs: &mut Vec<Run>, warnings: &mut Vec<String>) {
    let mut kept: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs.drain(..) {
        let same = |other: &Run| {
            (&other.variant, &other.panel, &other.game, other.config.seed)
                == (&run.variant, &run.panel, &run.game, run.config.seed)
        };
        match kept.iter_mut().find(|other| same(other)) {
            None => kept.push(run),
            Some(other) => {
                let further = |run: &Run| (run.state == State::Done, run.frames);
                let (stays, goes) = if further(&run) > further(other) {
                    (&run.name, &other.name)
                } else {
                    (&other.name, &run.name)
                };
                warnings.push(format!("{goes} is left out: {stays} is the same variant, game and seed"));
                if further(&run) > further(other) {
                    *other = run;
                }
            }
        }
    }
    *runs = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path, name: &str, config: &str, metrics: &str, done: bool) {
        let path = folder.join(name);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("config.toml"), config).unwrap();
        fs::write(path.join("metrics.jsonl"), metrics).unwrap();
        if done {
            fs::write(path.join("DONE"), "{}").unwrap();
        }
    }

    fn config(script: &str, env: &str, seed: u64, more: &str) -> String {
        format!("script = \"/x/{script}.rhai\"\nenv = \"{env}\"\nseed = {seed}\nframes = 100\n{more}\n")
    }

    #[test]
    fn variants_are_named_by_what_differs_on_one_game() {
        let folder = tempfile::tempdir().unwrap();
        for (name, tau) in [("a", 0.1), ("b", 0.5)] {
            let params = format!("log_every = {}\n[params]\ntau = {tau}\ngamma = 0.99", name.len());
            run(folder.path(), name, &config("soft", "pong", 0, &params), "", true);
        }
        // Another game has other settings without being another variant.
        run(
            folder.path(),
            "deep/c",
            &config("soft", "catch", 0, "hidden = [3]\n[params]\ntau = 0.1"),
            "",
            true,
        );
        run(folder.path(), "d", &config("dqn", "pong", 0, "log_every = 5"), "", true);
        let study = Study::read(folder.path(), &[]).unwrap();
        assert_eq!(study.variants, ["dqn", "soft tau=0.1", "soft tau=0.5"]);
        assert_eq!(study.panels, ["catch", "pong"]);
        assert_eq!(study.of("soft tau=0.1", "catch").count(), 1);
        assert!(study.warnings.is_empty(), "{:?}", study.warnings);
    }

    #[test]
    fn a_seed_counts_once_and_broken_runs_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let episode = "{\"kind\":\"episode\",\"frames\":40,\"agent_steps\":10,\"env\":0,\"episode_return\":1.0,\
                       \"episode_agent_steps\":10,\"episode_frames\":40}\n";
        run(
            folder.path(),
            "one",
            &config("dqn", "pong", 0, ""),
            &format!("{episode}{{oops\n{episode}"),
            false,
        );
        run(folder.path(), "two", &config("dqn", "pong", 0, ""), "", false);
        run(folder.path(), "three", "env = 3", "", false);
        let study = Study::read(folder.path(), &[]).unwrap();
        assert_eq!(study.runs.iter().map(|run| &*run.name).collect::<Vec<_>>(), ["one"]);
        let warnings = study.warnings.join("\n");
        assert!(study.summary().starts_with("0 of 1 run done, 1 left out"), "{}", study.summary());
        for said in ["two is left out", "three is left out", "one: metrics.jsonl, line 2"] {
            assert!(warnings.contains(said), "{warnings}");
        }
    }

    #[test]
    fn a_folder_without_runs_says_so() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Study::read(folder.path(), &[]), Err(ReportError::NoRuns(_))));
    }
}
