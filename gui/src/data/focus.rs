//! The thread that reads everything about the run in focus.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use kelvin_objective::{Param, Script};
use kelvin_run::{AgentView, ObjectiveVersion, Picture, Record, RunDir, Status, TrainRecord, open_plain};

use super::event_log::EventLog;
use super::files::{self, Look, Stamp};
use super::inbox::{Inbox, brief};
use super::{Focus, Live, RunId};

/// How often the live slots are looked at: a run writes them as often at most.
const LIVE_EVERY: Duration = Duration::from_millis(100);
/// Looks at the live slots between two at everything else.
const REST_EVERY: u32 = 3;
/// How often the run is told that somebody looks at it, while it lives.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// Looks in a row that must fail before the user hears of it: a file that is just being copied is whole soon.
const PATIENCE: u32 = 5;
/// Bytes at the end of the metrics in which the newest periodic record is looked for.
const TAIL: u64 = 1 << 20;
/// Bytes of a configuration, at most.
const SMALL: u64 = 1 << 20;

/// A run to be in focus, or none.
pub(super) type Wish = Option<(RunId, Arc<Path>)>;

/// Reads what is wished for until nobody wishes any more.
pub(super) fn run(inbox: &Inbox, wishes: &Receiver<Wish>) {
    let mut view: Option<View> = None;
    let mut looks = 0;
    loop {
        let wish = match &view {
            Some(_) => wishes.recv_timeout(LIVE_EVERY),
            None => wishes.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match wish {
            Ok(wish) => {
                view = wish.map(|(id, path)| View::new(id, &path));
                looks = 0;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if let Some(view) = &mut view {
            let mut is_new = view.look_live();
            if looks % REST_EVERY == 0 {
                is_new |= view.look_rest();
            }
            if is_new || looks == 0 {
                let focus = view.focus();
                inbox.put(|news| news.focus = Some(focus));
            }
            looks = looks.wrapping_add(1);
        }
    }
}

/// A file's newest value, as far as it could be read.
struct Slot<T> {
    path: PathBuf,
    stamp: Option<Stamp>,
    value: Option<Arc<T>>,
    failures: u32,
    problem: Option<String>,
}

impl<T> Slot<T> {
    fn new(path: PathBuf) -> Self {
        Self { path, stamp: None, value: None, failures: 0, problem: None }
    }

    /// Reads the file if it has changed; whether there is anything new to say. What cannot be read stays as it was.
    fn look(&mut self, read: impl FnOnce() -> Result<Option<T>, String>) -> bool {
        let stamp = files::stamp(&self.path)
            .map_err(|error| format!("{} cannot be read: {error}", self.path.display()));
        let value = match stamp {
            Ok(Some(stamp)) if self.stamp == Some(stamp) => return false,
            Ok(None) => {
                self.stamp = None;
                Ok(None)
            }
            Ok(stamp) => {
                // Before the content: what comes meanwhile is seen at the next look.
                self.stamp = stamp;
                read()
            }
            Err(error) => Err(error),
        };
        match value {
            Ok(value) => {
                let is_new = value.is_some() || self.value.is_some() || self.problem.is_some();
                (self.value, self.failures, self.problem) = (value.map(Arc::new), 0, None);
                is_new
            }
            Err(problem) => {
                self.stamp = None;
                self.failures = self.failures.saturating_add(1);
                let is_new = self.failures >= PATIENCE && self.problem.as_deref() != Some(&*problem);
                if is_new {
                    self.problem = Some(problem);
                }
                is_new
            }
        }
    }
}

/// What is known of the run in focus.
struct View {
    id: RunId,
    path: PathBuf,
    status: Slot<Status>,
    agent: Slot<AgentView>,
    picture: Slot<Picture>,
    config: Slot<toml::Table>,
    control: Slot<String>,
    record: Slot<TrainRecord>,
    checkpoints: Slot<Vec<u64>>,
    versions: Slot<Vec<ObjectiveVersion>>,
    /// Parameters of the newest version, or why there are none.
    params: Result<Arc<[Param]>, String>,
    events: EventLog,
    events_problem: Option<String>,
    /// When the run was last told that somebody looks on.
    watched: Option<Instant>,
    watch_problem: Option<String>,
}

impl View {
    fn new(id: RunId, run: &Path) -> Self {
        let live = run.join("live");
        Self {
            id,
            path: run.to_path_buf(),
            status: Slot::new(live.join("status.json")),
            agent: Slot::new(live.join("agent.json")),
            picture: Slot::new(live.join("view.safetensors")),
            config: Slot::new(run.join("config.toml")),
            control: Slot::new(run.join("control.toml")),
            record: Slot::new(run.join("metrics.jsonl")),
            checkpoints: Slot::new(run.join("checkpoints")),
            versions: Slot::new(run.join("objective").join("index.jsonl")),
            params: Ok(Arc::default()),
            events: EventLog::new(run),
            events_problem: None,
            watched: None,
            watch_problem: None,
        }
    }

    fn look_live(&mut self) -> bool {
        // A folder that is gone has none of the files, and so nothing to say.
        let Ok(dir) = RunDir::open(&self.path) else { return false };
        let status = self.status.look(|| dir.read_status().map_err(|error| error.to_string()));
        let agent = self.agent.look(|| dir.read_agent().map_err(|error| error.to_string()));
        let picture = self.picture.look(|| dir.read_picture().map_err(|error| error.to_string()));
        status | agent | picture | self.watch(&dir)
    }

    /// Asks the run to show itself; whether there is anything new to say.
    fn watch(&mut self, dir: &RunDir) -> bool {
        let lives = self.status.value.as_ref().is_some_and(|status| status.activity.lives());
        if !lives || self.watched.is_some_and(|watched| watched.elapsed() < WATCH_EVERY) {
            return false;
        }
        self.watched = Some(Instant::now());
        let told = dir.watch().err().map(|error| format!("the run cannot be asked to show itself: {error}"));
        let before = std::mem::replace(&mut self.watch_problem, told);
        before != self.watch_problem
    }

    fn look_rest(&mut self) -> bool {
        let run = &self.path;
        let mut is_new = self.config.look(|| {
            let mut text = String::new();
            let read = open_plain(&run.join("config.toml"))
                .and_then(|file| file.take(SMALL).read_to_string(&mut text));
            read.map_err(|error| format!("config.toml cannot be read: {error}"))?;
            let damaged = |error: toml::de::Error| format!("config.toml is damaged: {}", error.message());
            toml::from_str(&text).map(Some).map_err(damaged)
        });
        is_new |= self.record.look(|| last_record(run));
        if let Ok(dir) = RunDir::open(run) {
            is_new |= self.control.look(|| dir.read_control().map_err(|error| error.to_string()));
            is_new |= self
                .checkpoints
                .look(|| dir.checkpoint_updates().map(Some).map_err(|error| error.to_string()));
            if self.versions.look(|| dir.objectives().map(Some).map_err(|error| error.to_string())) {
                self.params = params(run, self.versions.value.as_deref());
                is_new = true;
            }
        }
        let (read, problem_before) = (self.events.advance(), self.events_problem.take());
        self.events_problem = match &read {
            Ok(_) => self.events.problem(),
            Err(error) => Some(format!("events.jsonl cannot be read: {error}")),
        };
        is_new | read.unwrap_or(false) | (problem_before != self.events_problem)
    }

    fn focus(&self) -> Focus {
        let problems = [
            &self.config.problem,
            &self.status.problem,
            &self.agent.problem,
            &self.picture.problem,
            &self.control.problem,
            &self.record.problem,
            &self.checkpoints.problem,
            &self.versions.problem,
            &self.events_problem,
            &self.watch_problem,
        ];
        let problems = problems.into_iter().flatten().chain(self.params.as_ref().err());
        Focus {
            id: self.id,
            config: self.config.value.clone().unwrap_or_default(),
            events: Arc::clone(self.events.events()),
            versions: self.versions.value.as_deref().map(Vec::as_slice).unwrap_or_default().into(),
            params: self.params.clone().unwrap_or_default(),
            last_record: self.record.value.clone(),
            checkpoints: self.checkpoints.value.as_deref().map(Vec::as_slice).unwrap_or_default().into(),
            live: Live {
                status: self.status.value.clone(),
                agent: self.agent.value.clone(),
                picture: self.picture.value.clone(),
            },
            control: self.control.value.as_deref().map(String::as_str).unwrap_or_default().into(),
            problems: problems.map(|problem| brief(problem)).collect(),
        }
    }
}

fn last_record(run: &Path) -> Result<Option<TrainRecord>, String> {
    let train = |record| if let Record::Train(record) = record { Some(record) } else { None };
    match files::look(&run.join("metrics.jsonl"), &mut None, TAIL) {
        Ok(Look::New(bytes)) => Ok(files::last(&bytes, train)),
        Ok(Look::Same | Look::Missing) => Ok(None),
        Err(error) => Err(format!("metrics.jsonl cannot be read: {error}")),
    }
}

/// What the newest version of the script declares.
fn params(run: &Path, versions: Option<&Vec<ObjectiveVersion>>) -> Result<Arc<[Param]>, String> {
    let Some(version) = versions.and_then(|versions| versions.last()) else { return Ok(Arc::default()) };
    match Script::load(&run.join(&version.script)) {
        Ok(script) => Ok(script.params().into()),
        Err(diagnostic) => Err(format!("the script's parameters are not known: {diagnostic}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use crate::data::inbox::{Outlet, inbox};
    use crate::data::synthetic::{Kind, Synthetic};

    const SCRIPT: &str = "fn config() { #{} }\n\
        fn params() { #{ tau: param(0.1, 0.001, 10.0, \"temperature\") } }\n\
        fn loss(net, t, p) { p.tau * (net.q[t.action] - t.reward) ** 2 }\n";

    /// Waits for a focus that has what is wanted.
    fn wait(outlet: &Outlet, wanted: impl Fn(&Focus) -> bool) -> Focus {
        let start = Instant::now();
        loop {
            let focus = outlet.take().and_then(|news| news.focus);
            if let Some(focus) = focus.filter(|focus| wanted(focus)) {
                return focus;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "it never came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn the_run_in_focus_is_read_and_followed() {
        let folder = tempfile::tempdir().unwrap();
        let run_path = folder.path();
        let synthetic = Synthetic::new(3, 10, Kind::Running);
        synthetic.write(run_path).unwrap();
        let dir = RunDir::open(run_path).unwrap();
        dir.record_objective(5, "abcd", &[("soft_kl.rhai".into(), SCRIPT.to_owned())]).unwrap();
        let (inbox, outlet) = inbox(|| {});
        let (sender, wishes) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || run(&inbox, &wishes));
        sender.send(Some((RunId(7), run_path.into()))).unwrap();
        let focus = wait(&outlet, |_| true);
        assert_eq!((focus.id, focus.config["seed"].as_integer()), (RunId(7), Some(3)));
        assert_eq!((focus.events.len(), focus.versions.len(), &*focus.checkpoints), (2, 2, &[1000][..]));
        assert_eq!(focus.params[0].name, "tau");
        assert_eq!(focus.last_record.unwrap().agent_steps, 5000);
        assert_eq!((focus.live.status.unwrap().beat, focus.live.agent), (1, None));
        assert_eq!((&*focus.control, &*focus.problems), ("", &[][..]));
        assert!(dir.watched().is_some());

        dir.write_agent(&AgentView { beat: 9, ..AgentView::default() }).unwrap();
        synthetic.write_status(run_path, 2).unwrap();
        dir.write_control("pause = true\n").unwrap();
        let is_new = |focus: &Focus| {
            let beats =
                (focus.live.status.as_ref().map(|s| s.beat), focus.live.agent.as_ref().map(|a| a.beat));
            beats == (Some(2), Some(9)) && &*focus.control == "pause = true\n"
        };
        wait(&outlet, is_new);

        // What is damaged is told, and what was there before stays.
        fs::write(run_path.join("live/agent.json"), "{").unwrap();
        let focus = wait(&outlet, |focus| !focus.problems.is_empty());
        assert!(focus.problems[0].contains("agent.json"), "{:?}", focus.problems);
        assert_eq!(focus.live.agent.unwrap().beat, 9);
        dir.write_agent(&AgentView::default()).unwrap();
        wait(&outlet, |focus| focus.problems.is_empty());

        drop(sender);
        thread.join().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn pipes_keep_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        Synthetic::new(3, 10, Kind::Running).write(run).unwrap();
        let dir = RunDir::open(run).unwrap();
        dir.record_objective(5, "abcd", &[("soft_kl.rhai".into(), SCRIPT.to_owned())]).unwrap();
        let script = dir.objectives().unwrap().pop().unwrap().script;
        let replace = |name: &Path| {
            fs::remove_file(run.join(name)).unwrap();
            assert!(std::process::Command::new("mkfifo").arg(run.join(name)).status().unwrap().success());
        };
        let problems = || {
            let mut view = View::new(RunId(0), run);
            for _ in 0..PATIENCE {
                view.look_live();
                view.look_rest();
            }
            view.focus().problems
        };
        for name in [&*script, Path::new("live/status.json"), Path::new("events.jsonl")] {
            replace(name);
        }
        let told = problems();
        for name in ["script's parameters", "status.json", "events.jsonl"] {
            assert!(told.iter().any(|problem| problem.contains(name)), "{told:?}");
        }
        // Without a configuration it is no run, and there is nothing else to read.
        replace(Path::new("config.toml"));
        let told = problems();
        assert!(told.iter().any(|problem| problem.contains("config.toml cannot be read")), "{told:?}");
    }

    #[test]
    fn a_version_that_cannot_be_read_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        Synthetic::new(3, 10, Kind::Running).write(folder.path()).unwrap();
        let mut view = View::new(RunId(0), folder.path());
        assert!(view.look_rest());
        let focus = view.focus();
        assert_eq!((focus.versions.len(), focus.params.len()), (1, 0));
        assert!(focus.problems[0].contains("parameters"), "{:?}", focus.problems);
        assert!(!view.look_rest());
    }
}
