//! The UI's end of the readers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use kelvin_run::Event;

use super::cache::{self, Cache};
use super::inbox::{Outlet, Token, inbox, spawn};
use super::lister::Lister;
use super::plotter::{self, Plotter};
use super::{Curves, Focus, RunId, RunInfo, control, focus};

/// Something to be written into a run directory, off the UI's thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Let it wait, or go on.
    Pause(bool),
    /// While it waits: one more update.
    Step,
    /// Save a checkpoint now.
    Checkpoint,
    /// End it with a checkpoint, to be resumed some day.
    Stop,
    /// Set a parameter of the script.
    SetParam(String, f64),
    /// Leave a parameter to the script again.
    ReleaseParam(String),
}

/// Something the user should be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Which run it is about.
    pub run: Option<RunId>,
    /// Whether something failed.
    pub is_error: bool,
    /// In words.
    pub text: String,
}

/// What is known of the runs under a folder. Dropping it ends the readers' threads.
pub struct Store {
    root: PathBuf,
    outlet: Outlet,
    hurry: Sender<()>,
    plots: Sender<plotter::Wish>,
    focuses: Sender<focus::Wish>,
    commands: Sender<control::Wish>,
    /// The number of the newest wish for curves.
    wish: Arc<AtomicU64>,
    /// The runs as the lister has them.
    list: Vec<Arc<RunInfo>>,
    /// The same with what is wrong with their curves.
    runs: Vec<Arc<RunInfo>>,
    listed: bool,
    plotted: Vec<RunId>,
    curves: BTreeMap<RunId, Arc<Curves>>,
    events: BTreeMap<RunId, Arc<[Event]>>,
    /// What the readers of curves found wrong, by run; the list has it as a warning.
    damage: BTreeMap<RunId, Arc<str>>,
    in_focus: Option<RunId>,
    focused: Option<Focus>,
    notices: Vec<Notice>,
    _keeper: Arc<()>,
}

impl Store {
    /// Begins to read the runs under `root`; `wake` is called from another thread when there is something new. Curves are
    /// kept in the user's cache folder.
    pub fn open(root: PathBuf, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self::open_with(root, cache::folder(), wake)
    }

    /// As [`open`](Self::open), with the folder that curves are kept in; without one they are read anew each time.
    pub fn open_with(root: PathBuf, cache: Option<PathBuf>, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (inbox, outlet) = inbox(wake);
        let (keeper, token) = Token::new();
        let wish = Arc::new(AtomicU64::new(0));
        let ((hurry, hurries), (plots, plot_wishes)) = (channel(), channel());
        let ((focuses, focus_wishes), (commands, command_wishes)) = (channel(), channel());
        let lister = Lister::new(root.clone(), inbox.clone(), token.clone());
        let plotter = Plotter::new(inbox.clone(), token, cache.map(Cache::new), Arc::clone(&wish));
        let (for_focus, for_control) = (inbox.clone(), inbox.clone());
        let threads = [
            spawn("monitor-list", move || lister.run(&hurries)),
            spawn("monitor-curves", move || plotter.run(&plot_wishes)),
            spawn("monitor-focus", move || focus::run(&for_focus, &focus_wishes)),
            spawn("monitor-control", move || control::run(&for_control, &command_wishes)),
        ];
        if threads.contains(&false) {
            inbox.tell(None, true, "the system has no threads left to read runs with".to_owned());
        }
        Self {
            root,
            outlet,
            hurry,
            plots,
            focuses,
            commands,
            wish,
            list: Vec::new(),
            runs: Vec::new(),
            listed: false,
            plotted: Vec::new(),
            curves: BTreeMap::new(),
            events: BTreeMap::new(),
            damage: BTreeMap::new(),
            in_focus: None,
            focused: None,
            notices: Vec::new(),
            _keeper: keeper,
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Takes over what the readers have ready; whether anything is new. Never waits.
    pub fn poll(&mut self) -> bool {
        let Some(news) = self.outlet.take() else { return false };
        let mut is_new = !news.notices.is_empty();
        self.notices.extend(news.notices);
        let has_damage = !news.damage.is_empty();
        for (run, damage) in news.damage {
            match damage {
                Some(damage) => drop(self.damage.insert(run, damage)),
                None => drop(self.damage.remove(&run)),
            }
        }
        let has_list = news.runs.is_some();
        if let Some(runs) = news.runs {
            (self.list, self.listed) = (runs, self.listed | news.listed);
        }
        if has_list || has_damage {
            self.runs = self.list.iter().map(|run| self.warned(run)).collect();
            is_new = true;
        }
        for (run, curves) in news.curves.into_iter().filter(|(run, _)| self.plotted.contains(run)) {
            self.curves.insert(run, curves);
            is_new = true;
        }
        for (run, events) in news.events.into_iter().filter(|(run, _)| self.plotted.contains(run)) {
            self.events.insert(run, events);
            is_new = true;
        }
        if let Some(focus) = news.focus.filter(|focus| self.in_focus == Some(focus.id)) {
            self.focused = Some(focus);
            is_new = true;
        }
        is_new
    }

    /// The run with what is wrong with its curves.
    fn warned(&self, run: &Arc<RunInfo>) -> Arc<RunInfo> {
        match self.damage.get(&run.id) {
            Some(damage) if run.warning.is_none() => {
                Arc::new(RunInfo { warning: Some(Arc::clone(damage)), ..RunInfo::clone(run) })
            }
            _ => Arc::clone(run),
        }
    }

    /// Looks at all folders at once, instead of in a few seconds.
    pub fn refresh(&self) {
        // Without the thread there is nothing to hurry; that there is none was told.
        let _ = self.hurry.send(());
    }

    /// Whether all folders have been looked at once.
    pub fn listed(&self) -> bool {
        self.listed
    }

    /// All runs, in the order of experiment, label, game and seed.
    pub fn runs(&self) -> &[Arc<RunInfo>] {
        &self.runs
    }

    /// A run.
    pub fn run(&self, id: RunId) -> Option<&Arc<RunInfo>> {
        self.runs().iter().find(|run| run.id == id)
    }

    /// Says whose curves are wanted from now on. To say the same again costs nothing.
    pub fn plot(&mut self, runs: &[RunId]) {
        if self.plotted == runs {
            return;
        }
        // One that is not in the list may come to be; whoever goes on asking gets it then.
        let found = runs.iter().filter_map(|id| self.run(*id)).map(|run| (run.id, Arc::clone(&run.path)));
        let found: Vec<_> = found.collect();
        if found.iter().map(|(id, _)| id).eq(&self.plotted) {
            return;
        }
        self.plotted = found.iter().map(|(id, _)| *id).collect();
        self.curves.retain(|run, _| self.plotted.contains(run));
        self.events.retain(|run, _| self.plotted.contains(run));
        let number = self.wish.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = self.plots.send(plotter::Wish { number, runs: found });
    }

    /// The curves of a run that is plotted, as far as they are read.
    pub fn curves(&self, id: RunId) -> Option<&Arc<Curves>> {
        self.curves.get(&id)
    }

    /// What happened to a run that is plotted or in focus, oldest first, as far as it is read; of very many the newest.
    pub fn events(&self, id: RunId) -> Option<&Arc<[Event]>> {
        let in_focus = || self.focused.as_ref().filter(|focus| focus.id == id).map(|focus| &focus.events);
        self.events.get(&id).or_else(in_focus)
    }

    /// Says which run everything is wanted of. To say the same again costs nothing.
    pub fn focus(&mut self, run: Option<RunId>) {
        let found = run.and_then(|id| self.run(id)).map(|run| (run.id, Arc::clone(&run.path)));
        let id = found.as_ref().map(|(id, _)| *id);
        if id != self.in_focus {
            (self.in_focus, self.focused) = (id, None);
            let _ = self.focuses.send(found);
        }
    }

    /// Everything about the run in focus, as far as it is read.
    pub fn focused(&self) -> Option<&Focus> {
        self.focused.as_ref()
    }

    /// Asks a run for something; what came of it is a notice if it failed.
    pub fn send(&mut self, run: RunId, command: Command) {
        let Some(path) = self.run(run).map(|run| Arc::clone(&run.path)) else {
            let text = "the run is no longer there".to_owned();
            self.notices.push(Notice { run: Some(run), is_error: true, text });
            return;
        };
        let _ = self.commands.send((run, path, command));
    }

    /// What the user should be told since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RunState;
    use crate::data::synthetic::{Kind, Synthetic};
    use std::fs;
    use std::sync::mpsc::Receiver;
    use std::time::{Duration, Instant};

    /// A store over a folder, and what its wakes ring.
    struct Fixture {
        folder: tempfile::TempDir,
        store: Store,
        wakes: Receiver<()>,
    }

    fn fixture(kinds: &[Kind]) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        for (seed, kind) in kinds.iter().enumerate() {
            Synthetic::new(seed as u64, 5000, *kind)
                .write(&folder.path().join(format!("runs/{seed}")))
                .unwrap();
        }
        let (ring, wakes) = channel();
        let cache = Some(folder.path().join("cache"));
        let store = Store::open_with(folder.path().join("runs"), cache, move || {
            let _ = ring.send(());
        });
        Fixture { folder, store, wakes }
    }

    impl Fixture {
        /// Does as the UI does, woken when there is something, until `wanted` holds.
        fn wait(&mut self, wanted: impl Fn(&mut Store) -> bool) {
            let start = Instant::now();
            while !wanted(&mut self.store) {
                assert!(start.elapsed() < Duration::from_secs(30), "it never came");
                // A poll that meets a reader is followed by another wake.
                self.wakes.recv_timeout(Duration::from_secs(30)).expect("a wake");
                self.store.poll();
            }
        }
    }

    #[test]
    fn the_ui_asks_and_is_woken() {
        let mut fixture = fixture(&[Kind::Running, Kind::DamagedLine, Kind::Done]);
        fixture.wait(|store| store.listed());
        let ids: Vec<RunId> = fixture.store.runs().iter().map(|run| run.id).collect();
        assert_eq!(ids.len(), 3);
        assert!(fixture.store.runs().iter().all(|run| run.warning.is_none()));
        // One of them there is not.
        fixture.store.plot(&[ids[0], RunId(99), ids[1]]);
        fixture
            .wait(|store| ids[..2].iter().all(|id| store.curves(*id).is_some_and(|curves| curves.complete)));
        let count = |store: &Store, id| {
            let series = &store.curves(id).unwrap().series["episode_return"];
            series.buckets.iter().map(|bucket| bucket.count).sum::<u32>()
        };
        assert_eq!((count(&fixture.store, ids[0]), count(&fixture.store, ids[1])), (2500, 2499));
        assert!(fixture.store.curves(ids[2]).is_none());
        assert_eq!(fixture.store.events(ids[0]).unwrap().len(), 2);
        // What is damaged is a warning on that run alone.
        fixture.wait(|store| store.run(ids[1]).unwrap().warning.is_some());
        let warning = fixture.store.run(ids[1]).unwrap().warning.clone().unwrap();
        assert!(warning.contains("line 2501"), "{warning}");
        assert!(fixture.store.run(ids[0]).unwrap().warning.is_none());
        // What is no longer plotted is dropped.
        fixture.store.plot(&ids[2..]);
        assert!(fixture.store.curves(ids[0]).is_none());
        fixture.wait(|store| store.curves(ids[2]).is_some());
        // The focus.
        fixture.store.focus(Some(ids[0]));
        fixture.wait(|store| store.focused().is_some_and(|focus| focus.id == ids[0]));
        fixture.store.focus(Some(ids[1]));
        assert!(fixture.store.focused().is_none());
        fixture.wait(|store| store.focused().is_some());
        assert_eq!(fixture.store.focused().unwrap().id, ids[1]);
        fixture.store.focus(None);
        assert!(fixture.store.focused().is_none());
    }

    #[test]
    fn a_warning_goes_with_what_it_warned_of() {
        let mut fixture = fixture(&[Kind::Done]);
        fixture.wait(|store| store.listed());
        let run = fixture.store.runs()[0].clone();
        let (path, whole) =
            (run.path.join("metrics.jsonl"), fs::read(run.path.join("metrics.jsonl")).unwrap());
        fs::write(&path, [b"{\n", &whole[..]].concat()).unwrap();
        fixture.store.plot(&[run.id]);
        fixture.wait(|store| store.run(run.id).unwrap().warning.is_some());
        // The list has no news of a run that is done.
        fs::write(&path, whole).unwrap();
        fixture.wait(|store| store.run(run.id).unwrap().warning.is_none());
    }

    #[test]
    fn commands_are_carried_out_and_failures_told() {
        let mut fixture = fixture(&[Kind::Running]);
        fixture.wait(|store| store.listed());
        let run = fixture.store.runs()[0].clone();
        fixture.store.send(run.id, Command::Pause(true));
        fixture.store.focus(Some(run.id));
        fixture.wait(|store| store.focused().is_some_and(|focus| &*focus.control == "pause = true\n"));
        fs::write(run.path.join("control.toml"), "pause = \n").unwrap();
        fixture.store.send(run.id, Command::Stop);
        let (told, notices) = channel();
        fixture.wait(|store| {
            store.take_notices().into_iter().for_each(|notice| told.send(notice).unwrap());
            store.focused().is_some_and(|focus| &*focus.control == "pause = \n")
        });
        let notice = notices.try_iter().chain(fixture.store.take_notices()).next();
        // The focus may have been faster than the command.
        let notice = notice.unwrap_or_else(|| {
            fixture.wait(|store| !store.notices.is_empty());
            fixture.store.take_notices().remove(0)
        });
        assert!(
            notice.is_error && notice.run == Some(run.id) && notice.text.contains("line 1"),
            "{notice:?}"
        );
        fixture.store.send(RunId(99), Command::Stop);
        assert_eq!(fixture.store.take_notices().len(), 1);
    }

    #[test]
    fn runs_that_come_are_listed_and_threads_end_with_the_store() {
        let mut fixture = fixture(&[Kind::Done]);
        fixture.wait(|store| store.listed());
        Synthetic::new(7, 10, Kind::Stopped).write(&fixture.folder.path().join("runs/new")).unwrap();
        fixture.store.refresh();
        fixture.wait(|store| store.runs().len() == 2);
        assert_eq!(fixture.store.runs()[1].state, RunState::Stopped);
        let Fixture { folder: _folder, store, wakes } = fixture;
        drop(store);
        // `wake` belongs to the last of the threads: it is gone when they are.
        let start = Instant::now();
        while wakes.recv_timeout(Duration::from_secs(30)).is_ok() {
            assert!(start.elapsed() < Duration::from_secs(30), "a thread is still there");
        }
    }
}
