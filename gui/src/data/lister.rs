//! The thread that keeps the list of runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use kelvin_run::{Experiment, RunError};

use super::files::{self, Stamp};
use super::inbox::{Inbox, Token};
use super::scan::{Found, Tree};
use super::summary::{Moment, Summary};
use super::{RunId, RunInfo, parallel};

/// How often runs that go on are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often folders are looked at, and runs that rest.
const SCAN_EVERY: Duration = Duration::from_secs(4);
/// Runs read at the same time.
const THREADS: usize = 8;
/// Runs between two looks at the clock while the list is read for the first time.
const PART: usize = 64;
/// How often the list is shown while it is read for the first time.
const SHOW_EVERY: Duration = Duration::from_millis(200);
/// Folders above the root that may have the plan of the experiment that it is part of.
const ABOVE: usize = 3;
/// Bytes of a plan, at most: some hundred thousand runs.
const LARGEST_PLAN: u64 = 1 << 26;

/// A run of the list.
struct Entry {
    id: RunId,
    path: Arc<Path>,
    experiment: Arc<str>,
    /// The batch's label, where there is one.
    label: Option<Arc<str>>,
    summary: Summary,
    was_read: bool,
}

/// A plan as it was last read.
#[derive(Default)]
struct Plan {
    stamp: Option<Stamp>,
    name: String,
    /// Labels by folder.
    labels: BTreeMap<String, Arc<str>>,
    /// What was last said to be wrong with it.
    problem: Option<String>,
}

impl Plan {
    /// Reads the plan in `folder` if it is another than before; whether there is one.
    fn look(&mut self, folder: &Path) -> Result<bool, String> {
        let path = folder.join(Experiment::FILE);
        // Before the content: what comes meanwhile is seen at the next look.
        let stamp = match files::stamp(&path) {
            Ok(Some(stamp)) => stamp,
            Ok(None) => return Ok(false),
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        };
        if self.stamp == Some(stamp) {
            return Ok(true);
        }
        if stamp.len > LARGEST_PLAN {
            let most = LARGEST_PLAN >> 20;
            return Err(format!("{} is no plan: it is larger than {most} MB", path.display()));
        }
        match Experiment::read(folder) {
            Ok(Some(read)) => {
                let labels = read.tasks.into_iter().map(|task| (task.folder, task.label.into()));
                *self = Self { stamp: Some(stamp), name: read.name, labels: labels.collect(), problem: None };
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) => {
                // What is damaged stays so until it is written again; a disk may answer the next time.
                self.stamp = matches!(error, RunError::Damaged { .. }).then_some(stamp);
                Err(error.to_string())
            }
        }
    }
}

pub(super) struct Lister {
    root: PathBuf,
    inbox: Inbox,
    token: Token,
    tree: Tree,
    entries: BTreeMap<PathBuf, Entry>,
    /// Every run there ever was: one that comes back is the same.
    ids: BTreeMap<PathBuf, RunId>,
    plans: BTreeMap<PathBuf, Plan>,
    problems: Vec<String>,
    shown: BTreeMap<RunId, Arc<RunInfo>>,
}

impl Lister {
    pub fn new(root: PathBuf, inbox: Inbox, token: Token) -> Self {
        Self {
            tree: Tree::new(root.clone()),
            root,
            inbox,
            token,
            entries: BTreeMap::new(),
            ids: BTreeMap::new(),
            plans: BTreeMap::new(),
            problems: Vec::new(),
            shown: BTreeMap::new(),
        }
    }

    /// Keeps the list until nobody wants it; each of `hurries` is the wish to look at everything at once.
    pub fn run(mut self, hurries: &Receiver<()>) {
        let mut scanned: Option<Instant> = None;
        while self.token.is_wanted() {
            let is_due = scanned.is_none_or(|scanned| scanned.elapsed() >= SCAN_EVERY);
            if is_due {
                self.scan();
            }
            self.look(is_due, scanned.is_none());
            if is_due {
                scanned = Some(Instant::now());
            }
            match hurries.recv_timeout(LOOK_EVERY) {
                Ok(()) => {
                    self.tree.forget();
                    scanned = scanned.and_then(|scanned| scanned.checked_sub(SCAN_EVERY));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    /// Brings the entries in line with the folders that are there.
    fn scan(&mut self) {
        let found = self.tree.scan(&self.token);
        if found.problems != self.problems {
            for problem in &found.problems {
                self.inbox.tell(None, true, problem.clone());
            }
            self.problems = found.problems.clone();
        }
        self.read_plans(&found);
        let mut before = std::mem::take(&mut self.entries);
        for path in found.runs {
            let (experiment, label) = self.place(&path);
            let entry = match before.remove(&path) {
                Some(entry) => Entry { experiment, label, ..entry },
                None => {
                    // Far fewer than 2³² runs can have been seen.
                    let next = RunId(self.ids.len() as u32);
                    Entry {
                        id: *self.ids.entry(path.clone()).or_insert(next),
                        path: path.as_path().into(),
                        experiment,
                        label,
                        summary: Summary::default(),
                        was_read: false,
                    }
                }
            };
            self.entries.insert(path, entry);
        }
    }

    fn read_plans(&mut self, found: &Found) {
        let root = std::path::absolute(&self.root).unwrap_or_else(|_| self.root.clone());
        let above = root.ancestors().skip(1).take(ABOVE).map(Path::to_path_buf);
        let mut before = std::mem::take(&mut self.plans);
        for folder in found.plans.iter().cloned().chain(above) {
            let mut plan = before.remove(&folder).unwrap_or_default();
            match plan.look(&folder) {
                Ok(true) => {}
                Ok(false) => continue,
                // Its folders speak for themselves.
                Err(problem) => {
                    if plan.problem.as_ref() != Some(&problem) {
                        self.inbox.tell(None, true, problem.clone());
                        plan.problem = Some(problem);
                    }
                }
            }
            self.plans.insert(folder, plan);
        }
    }

    /// The experiment a run belongs to, and its label there.
    fn place(&self, run: &Path) -> (Arc<str>, Option<Arc<str>>) {
        let path = std::path::absolute(run).unwrap_or_else(|_| run.to_path_buf());
        let planned = run.ancestors().chain(path.ancestors()).skip(1).find_map(|folder| {
            let plan = self.plans.get(folder)?;
            Some((folder, plan, run.strip_prefix(folder).or_else(|_| path.strip_prefix(folder)).ok()?))
        });
        let Some((folder, plan, within)) = planned else {
            let parent = run.parent().and_then(|parent| parent.strip_prefix(&self.root).ok());
            return (parent.map_or_else(String::new, slashed).into(), None);
        };
        let above = folder.parent().and_then(|parent| parent.strip_prefix(&self.root).ok());
        let name = match (&*plan.name, folder.file_name()) {
            ("", Some(name)) => name.to_string_lossy().into_owned(),
            (name, _) => name.to_owned(),
        };
        let experiment = above.map(slashed).into_iter().filter(|above| !above.is_empty()).chain([name]);
        let label = plan.labels.get(&slashed(within)).cloned().or_else(|| {
            let folder = slashed(within.parent()?);
            (!folder.is_empty()).then(|| folder.into())
        });
        (experiment.collect::<Vec<_>>().join("/").into(), label)
    }

    /// Looks at the runs that may have news, or at `all`, and shows the list if anything is new.
    fn look(&mut self, all: bool, is_first: bool) {
        let moment = Moment::look();
        let (token, mut shown) = (self.token.clone(), Instant::now());
        let mut due: Vec<&mut Entry> = self
            .entries
            .values_mut()
            .filter(|entry| all || !entry.was_read || entry.summary.is_active(moment.now))
            .collect();
        let mut parts = due.chunks_mut(if is_first { PART } else { usize::MAX });
        let mut read = Vec::new();
        for part in &mut parts {
            parallel::each(
                part,
                THREADS,
                || token.is_wanted(),
                |entry| {
                    entry.summary.look(&entry.path, &moment);
                    entry.was_read = true;
                },
            );
            if is_first {
                read.extend(part.iter().map(|entry| Arc::new(info(entry, moment.now))));
                if shown.elapsed() >= SHOW_EVERY {
                    shown = Instant::now();
                    let runs = sorted(read.clone());
                    self.inbox.put(|news| news.runs = Some(runs));
                }
            }
        }
        if token.is_wanted() {
            self.show(moment.now, is_first);
        }
    }

    fn show(&mut self, now: Instant, is_first: bool) {
        let mut is_new = self.entries.len() != self.shown.len();
        let runs = self.entries.values().map(|entry| {
            let info = info(entry, now);
            match self.shown.get(&entry.id) {
                Some(before) if **before == info => Arc::clone(before),
                _ => {
                    is_new = true;
                    Arc::new(info)
                }
            }
        });
        let runs: Vec<_> = runs.collect();
        if !is_new && !is_first {
            return;
        }
        self.shown = runs.iter().map(|info| (info.id, Arc::clone(info))).collect();
        let runs = sorted(runs);
        self.inbox.put(|news| {
            news.runs = Some(runs);
            news.listed = true;
        });
    }
}

fn info(entry: &Entry, now: Instant) -> RunInfo {
    let (script, env, seed) = entry.summary.what();
    RunInfo {
        id: entry.id,
        path: Arc::clone(&entry.path),
        experiment: Arc::clone(&entry.experiment),
        label: entry.label.clone().unwrap_or_else(|| script.into()),
        script: entry.summary.script().into(),
        env: env.into(),
        seed,
        state: entry.summary.state(now),
        progress: entry.summary.progress(now),
        silent: entry.summary.silent(now),
        warning: entry.summary.warning(),
    }
}

fn sorted(mut runs: Vec<Arc<RunInfo>>) -> Vec<Arc<RunInfo>> {
    let key = |run: &RunInfo| {
        (run.experiment.clone(), run.label.clone(), run.env.clone(), run.seed, run.path.clone())
    };
    runs.sort_by_cached_key(|run| key(run));
    runs
}

/// A relative path as it is shown and as plans have it, on any system.
fn slashed(path: &Path) -> String {
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RunState;
    use crate::data::inbox::{News, inbox};
    use crate::data::synthetic::{Kind, Synthetic, write_tree};
    use std::fs;

    /// The list after each of `looks`, on the spot.
    fn lister(root: &Path) -> (Lister, impl Fn() -> News, Arc<()>) {
        let (inbox, outlet) = inbox(|| {});
        let (keeper, token) = Token::new();
        (Lister::new(root.to_path_buf(), inbox, token), move || outlet.take().unwrap(), keeper)
    }

    fn list(lister: &mut Lister, take: impl Fn() -> News) -> Vec<Arc<RunInfo>> {
        lister.scan();
        lister.look(true, true);
        take().runs.unwrap()
    }

    #[test]
    fn each_run_has_a_line_and_what_is_wrong_concerns_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let kinds = [
            (Kind::Done, RunState::Done),
            (Kind::Stopped, RunState::Stopped),
            (Kind::Failed, RunState::Failed),
            (Kind::Stalled, RunState::Stalled),
            (Kind::Running, RunState::Running),
            (Kind::Paused, RunState::Paused),
            (Kind::Old, RunState::Done),
            (Kind::Torn, RunState::Running),
            (Kind::DamagedLine, RunState::Running),
            (Kind::DamagedConfig, RunState::Damaged),
        ];
        for (seed, (kind, _)) in kinds.iter().enumerate() {
            let synthetic = Synthetic::new(seed as u64, 50, *kind);
            synthetic.write(&folder.path().join(format!("a/{seed}"))).unwrap();
        }
        let (mut lister, take, _keeper) = lister(folder.path());
        let runs = list(&mut lister, take);
        assert_eq!(runs.len(), kinds.len());
        for run in &runs {
            let seed: usize = run.path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            assert_eq!(run.state, kinds[seed].1, "{:?}", kinds[seed].0);
            assert_eq!(run.warning.is_some(), kinds[seed].0 == Kind::DamagedConfig, "{run:?}");
            assert_eq!(&*run.experiment, "a");
            if run.warning.is_none() {
                assert_eq!((&*run.label, &*run.env, run.seed), ("soft_kl", "pong", seed as u64));
                assert_eq!(&*run.script, "/data/kelvin/scripts/soft_kl.rhai");
                assert!(run.progress.frames > 90_000 && run.progress.mean_return.is_some(), "{run:?}");
                assert_eq!(run.progress.frames_per_s.is_some(), run.state == RunState::Running);
            }
        }
    }

    #[test]
    fn an_experiment_names_its_runs() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("runs");
        write_tree(&root, 3, 4).unwrap();
        let mut plan = Experiment::new("Figure τ", Path::new("/figure.rhai"), "ab", "smoke");
        let (mut lister, take, _keeper) = lister(&root);
        let runs = list(&mut lister, &take);
        assert_eq!((&*runs[0].experiment, &*runs[0].label, runs[0].seed), ("figure-0/dqn", "dqn", 0));
        plan.write(&root.join("figure-0")).unwrap();
        lister.tree.forget();
        let runs = list(&mut lister, &take);
        assert_eq!((&*runs[2].experiment, &*runs[2].label, runs[2].seed), ("Figure τ", "dqn", 2));
        // The label of the plan, and a root inside of the experiment.
        plan.tasks.push(
            serde_json::from_value(serde_json::json!({
                "index": 0, "folder": "dqn/pong-s0", "label": "hard, τ = 0", "script": "/dqn.rhai", "script_hash": "",
                "env": "pong", "seed": 0, "frames": 1000, "preset": "paper",
            }))
            .unwrap(),
        );
        plan.write(&root.join("figure-0")).unwrap();
        let inner = root.join("figure-0/dqn");
        let (mut inside, take, _keeper) = super::tests::lister(&inner);
        let runs = list(&mut inside, take);
        assert_eq!((&*runs[0].experiment, &*runs[0].label), ("Figure τ", "dqn"));
        assert_eq!((&*runs[2].experiment, &*runs[2].label, runs[2].seed), ("Figure τ", "hard, τ = 0", 0));
    }

    #[test]
    fn a_plan_that_cannot_be_read_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        Synthetic::new(0, 10, Kind::Done).write(&folder.path().join("dqn/pong-s0")).unwrap();
        let path = folder.path().join(Experiment::FILE);
        let (mut lister, take, _keeper) = lister(folder.path());
        let mut told = || {
            lister.tree.forget();
            lister.scan();
            take().notices.into_iter().map(|notice| notice.text).collect::<Vec<_>>()
        };
        fs::write(&path, "{").unwrap();
        let notices = told();
        assert!(matches!(&notices[..], [one] if one.contains("no plan")), "{notices:?}");
        assert_eq!((told(), told()), (vec![], vec![]));
        // One that is far too large is not even read.
        fs::File::create(&path).unwrap().set_len(LARGEST_PLAN + 1).unwrap();
        let notices = told();
        assert!(matches!(&notices[..], [one] if one.contains("larger than 64 MB")), "{notices:?}");
        assert_eq!(told(), [""; 0]);
        fs::remove_file(&path).unwrap();
        #[cfg(unix)]
        {
            assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
            let notices = told();
            assert!(matches!(&notices[..], [one] if one.contains("regular file")), "{notices:?}");
            assert_eq!(told(), [""; 0]);
            fs::remove_file(&path).unwrap();
        }
        Experiment::new("Mended", Path::new("/figure.rhai"), "ab", "smoke").write(folder.path()).unwrap();
        assert_eq!(told(), [""; 0]);
        assert_eq!(lister.plans[folder.path()].name, "Mended");
    }

    #[test]
    fn what_changes_is_shown_and_ids_stay() {
        let folder = tempfile::tempdir().unwrap();
        let synthetic = Synthetic::new(0, 10, Kind::Running);
        synthetic.write(&folder.path().join("a")).unwrap();
        Synthetic::new(1, 10, Kind::Stopped).write(&folder.path().join("b")).unwrap();
        let (mut lister, take, _keeper) = lister(folder.path());
        let first = list(&mut lister, &take);
        lister.look(false, false);
        assert!(take().runs.is_none(), "nothing is new");
        let done = Synthetic { kind: Kind::Done, ..synthetic };
        done.write_status(&folder.path().join("a"), 2).unwrap();
        lister.look(false, false);
        let second = take().runs.unwrap();
        assert_eq!((second[0].state, second[0].id), (RunState::Done, first[0].id));
        assert!(Arc::ptr_eq(&first[1], &second[1]), "what is not new is the same");
        // Gone, and back again.
        fs::rename(folder.path().join("b"), folder.path().join(".b")).unwrap();
        lister.tree.forget();
        assert_eq!(list(&mut lister, &take).len(), 1);
        fs::rename(folder.path().join(".b"), folder.path().join("b")).unwrap();
        lister.tree.forget();
        assert_eq!(list(&mut lister, &take)[1].id, first[1].id);
    }
}
