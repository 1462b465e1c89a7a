//! One line of the list of runs, from as few bytes of the run's folder as can be.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use kelvin_run::{Activity, Event, Record, Status, TimingRecord};
use serde::Deserialize;

use super::files::{self, Look, Stamp, last, whole_lines};
use super::heart::{Heart, STALLED_AFTER};
use super::inbox::brief;
use super::machine::Machine;
use super::{Progress, RunState};

/// Bytes that are looked at of the end of a file that grows.
const TAIL: u64 = 1 << 16;
/// Bytes of a small file, at most.
const SMALL: u64 = 1 << 20;
/// A run from before there were live slots speaks through its metrics alone, and not while it evaluates.
const QUIET: Duration = Duration::from_secs(120);
/// Episodes whose mean return stands in for one that is not on record.
const RECENT: usize = 100;

/// What all looks of one round share.
pub(super) struct Moment {
    /// Our own clock, which never goes back.
    pub now: Instant,
    /// The time of day, for the age of files.
    pub today: SystemTime,
    /// The processes of this machine.
    pub machine: Machine,
}

impl Moment {
    pub fn look() -> Self {
        Self { now: Instant::now(), today: SystemTime::now(), machine: Machine::look() }
    }

    fn age(&self, stamp: Option<Stamp>) -> Duration {
        let modified = stamp.and_then(|stamp| stamp.modified);
        // A time from the future is of a clock that is ahead of ours: as good as now. No time at all: long ago.
        modified.map_or(Duration::from_secs(86_400), |modified| {
            self.today.duration_since(modified).unwrap_or_default()
        })
    }
}

/// What the list says of a run's configuration.
#[derive(Clone, Debug, Deserialize)]
struct Config {
    script: String,
    env: String,
    seed: u64,
    #[serde(default)]
    frames: u64,
}

/// What is known of a run for the list.
#[derive(Debug, Default)]
pub(super) struct Summary {
    config: Option<Config>,
    config_at: Option<Stamp>,
    status: Option<Status>,
    status_at: Option<Stamp>,
    heart: Option<Heart>,
    is_done: bool,
    /// What an old run says of itself.
    tail: Progress,
    tail_at: Option<Stamp>,
    last_event: Option<String>,
    events_at: Option<Stamp>,
    is_locked: bool,
    is_gone: bool,
    problems: Vec<String>,
}

impl Summary {
    /// Looks at the run's folder; reads what has changed since the last look.
    pub fn look(&mut self, run: &Path, moment: &Moment) {
        self.problems.clear();
        if let Err(problem) = self.look_at_config(run) {
            // The others are of no use without it, and are not lost.
            self.problems.push(problem);
            return;
        }
        self.is_done = run.join("DONE").is_file();
        let live = self.look_at_status(run, moment);
        match live {
            Ok(true) => return,
            Ok(false) => {}
            Err(problem) => self.problems.push(problem),
        }
        if self.status.is_none()
            && let Err((name, error)) = self.look_at_tail(run, moment)
        {
            self.problems.push(format!("{name} cannot be read: {error}"));
        }
    }

    fn look_at_config(&mut self, run: &Path) -> Result<(), String> {
        let forget = |summary: &mut Self, problem: String| {
            (summary.config, summary.config_at) = (None, None);
            Err(problem)
        };
        match files::look(&run.join("config.toml"), &mut self.config_at, SMALL) {
            Ok(Look::Same) => Ok(()),
            Ok(Look::Missing) => forget(self, "config.toml is gone".to_owned()),
            Err(error) => forget(self, format!("config.toml cannot be read: {error}")),
            Ok(Look::New(bytes)) => {
                let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8 text".to_owned());
                match text.and_then(|text| toml::from_str(text).map_err(|error| error.message().to_owned())) {
                    Ok(config) => {
                        self.config = Some(config);
                        Ok(())
                    }
                    Err(reason) => forget(self, format!("config.toml is damaged: {reason}")),
                }
            }
        }
    }

    /// Whether there is a status.
    fn look_at_status(&mut self, run: &Path, moment: &Moment) -> Result<bool, String> {
        match files::look(&run.join("live").join("status.json"), &mut self.status_at, SMALL) {
            Ok(Look::Missing) => {
                if self.status.take().is_some() {
                    self.heart = None;
                }
                return Ok(false);
            }
            Ok(Look::Same) => {}
            Ok(Look::New(bytes)) => match serde_json::from_slice(&bytes) {
                Ok(status) => self.status = Some(status),
                Err(error) => {
                    // Copied while it was written, perhaps: read once more at the next look.
                    self.status_at = None;
                    return Err(format!("live/status.json is damaged: {error}"));
                }
            },
            Err(error) => return Err(format!("live/status.json cannot be read: {error}")),
        }
        let Some(status) = &self.status else { return Ok(false) };
        match &mut self.heart {
            Some(heart) => heart.look(status.beat, moment.now),
            None => self.heart = Some(Heart::new(status.beat, moment.age(self.status_at), moment.now)),
        }
        self.is_gone = moment.machine.is_gone(status);
        Ok(true)
    }

    fn look_at_tail(&mut self, run: &Path, moment: &Moment) -> Result<(), (&'static str, io::Error)> {
        let within = |name| move |error| (name, error);
        let file = |name: &'static str, stamp: &mut Option<Stamp>| {
            files::look(&run.join(name), stamp, TAIL).map_err(within(name))
        };
        match file("metrics.jsonl", &mut self.tail_at)? {
            Look::New(bytes) => {
                self.tail = progress(&bytes);
                if let Look::New(bytes) = file("timing.jsonl", &mut None)? {
                    self.tail.frames_per_s = last(&bytes, |record: TimingRecord| Some(record.frames_per_s));
                }
            }
            Look::Missing => self.tail = Progress::default(),
            Look::Same => {}
        }
        if let Some(stamp) = self.tail_at {
            match &mut self.heart {
                Some(heart) => heart.look(stamp.len, moment.now),
                None => self.heart = Some(Heart::new(stamp.len, moment.age(self.tail_at), moment.now)),
            }
        }
        match file("events.jsonl", &mut self.events_at)? {
            Look::New(bytes) => self.last_event = last(&bytes, |event: Event| Some(event.event)),
            Look::Missing => self.last_event = None,
            Look::Same => {}
        }
        self.is_locked = moment.machine.is_locked(&run.join("lock"));
        Ok(())
    }

    /// What the run is doing.
    pub fn state(&self, now: Instant) -> RunState {
        let beats =
            |patience| self.heart.as_ref().is_some_and(|heart| heart.beats(self.is_gone, patience, now));
        if self.config.is_none() {
            return RunState::Damaged;
        }
        if self.is_done {
            return RunState::Done;
        }
        let Some(status) = &self.status else {
            return match self.last_event.as_deref() {
                _ if self.is_locked => RunState::Running,
                Some("stopped") => RunState::Stopped,
                Some("done") => RunState::Done,
                _ if beats(QUIET) => RunState::Running,
                Some("fault") => RunState::Failed,
                _ => RunState::Stalled,
            };
        };
        match status.activity {
            Activity::Stopped => RunState::Stopped,
            Activity::Done => RunState::Done,
            Activity::Failed => RunState::Failed,
            _ if !beats(STALLED_AFTER) => RunState::Stalled,
            Activity::Running => RunState::Running,
            Activity::Paused => RunState::Paused,
            Activity::Evaluating => RunState::Evaluating,
        }
    }

    /// Whether something may be new within a second.
    pub fn is_active(&self, now: Instant) -> bool {
        matches!(self.state(now), RunState::Running | RunState::Paused | RunState::Evaluating)
            // What has just fallen silent may only be slow to reach us.
            || self.state(now) == RunState::Stalled && self.silent(now).is_some_and(|silent| silent < 6 * STALLED_AFTER)
    }

    /// How far it has come.
    pub fn progress(&self, now: Instant) -> Progress {
        let total = self.config.as_ref().map_or(0, |config| config.frames);
        let progress = match &self.status {
            Some(status) => Progress {
                frames: status.frames,
                total_frames: if status.total_frames > 0 { status.total_frames } else { total },
                frames_per_s: Some(status.frames_per_s),
                mean_return: status.mean_return,
            },
            None => Progress { total_frames: total, ..self.tail },
        };
        let trains = self.state(now) == RunState::Running;
        Progress { frames_per_s: progress.frames_per_s.filter(|_| trains), ..progress }
    }

    /// Time since it last said something.
    pub fn silent(&self, now: Instant) -> Option<Duration> {
        let silence = self.heart.as_ref()?.silence(now);
        // What ages needs no second hand: a line of the list that says the same is not drawn anew.
        let grain = match silence.as_secs() {
            0..60 => 1,
            60..3600 => 60,
            _ => 3600,
        };
        Some(Duration::from_secs(silence.as_secs() / grain * grain))
    }

    /// What is wrong.
    pub fn warning(&self) -> Option<Arc<str>> {
        (!self.problems.is_empty()).then(|| brief(&self.problems.join("; ")).into())
    }

    /// The file of the script, on the machine that the run was started on; empty where the configuration cannot be read.
    pub fn script(&self) -> &str {
        self.config.as_ref().map_or("", |config| &config.script)
    }

    /// The script's name, the game and the seed; empty and 0 where the configuration cannot be read.
    pub fn what(&self) -> (&str, &str, u64) {
        self.config.as_ref().map_or(("", "", 0), |config| {
            // A path of the machine that it runs on.
            let name = config.script.rsplit(['/', '\\']).next().unwrap_or_default();
            let stem = Path::new(name).file_stem().and_then(OsStr::to_str).unwrap_or(name);
            (stem, &config.env, config.seed)
        })
    }
}

/// What the last lines of `metrics.jsonl` say.
fn progress(tail: &[u8]) -> Progress {
    let mut progress = Progress::default();
    let mut returns = Vec::new();
    for line in whole_lines(tail).rev() {
        let Ok(record) = serde_json::from_slice(line) else { continue };
        let frames = match &record {
            Record::Episode(episode) => episode.frames,
            Record::Train(train) => train.frames,
            Record::Eval(eval) => eval.frames,
        };
        progress.frames = progress.frames.max(frames);
        match record {
            Record::Episode(episode) if returns.len() < RECENT => returns.push(episode.episode_return),
            Record::Train(train) => {
                progress.mean_return = train.mean_return;
                return progress;
            }
            _ => {}
        }
    }
    progress.mean_return = (!returns.is_empty()).then(|| returns.iter().sum::<f64>() / returns.len() as f64);
    progress
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::synthetic::{Kind, Synthetic};
    use std::fs;

    fn at(start: Instant, seconds: u64) -> Moment {
        Moment { now: start + Duration::from_secs(seconds), ..Moment::look() }
    }

    #[test]
    fn a_run_that_falls_silent_is_stalled_and_one_that_speaks_again_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (synthetic, start) = (Synthetic::new(0, 10, Kind::Running), Instant::now());
        synthetic.write(folder.path()).unwrap();
        let mut summary = Summary::default();
        let mut state = |seconds| {
            let moment = at(start, seconds);
            summary.look(folder.path(), &moment);
            (summary.state(moment.now), summary.silent(moment.now).unwrap().as_secs())
        };
        assert_eq!(state(0).0, RunState::Running);
        assert_eq!(state(8).0, RunState::Running);
        assert_eq!(state(15).0, RunState::Stalled);
        synthetic.write_status(folder.path(), 2).unwrap();
        assert_eq!(state(16), (RunState::Running, 0));
        assert_eq!(state(27), (RunState::Stalled, 11));
        assert_eq!(state(27 + 100), (RunState::Stalled, 60));
        // What it says last, it has said for good.
        Synthetic { kind: Kind::Failed, ..synthetic }.write_status(folder.path(), 3).unwrap();
        assert_eq!(state(128).0, RunState::Failed);
        assert_eq!(state(1000).0, RunState::Failed);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_of_this_machine_that_is_gone_is_stalled_at_once() {
        let folder = tempfile::tempdir().unwrap();
        Synthetic::new(0, 10, Kind::Running).write(folder.path()).unwrap();
        let path = folder.path().join("live/status.json");
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let text = fs::read_to_string(&path).unwrap().replace("elsewhere", host.trim());
        let state = |text: &str| {
            fs::write(&path, text).unwrap();
            let (mut summary, moment) = (Summary::default(), Moment::look());
            summary.look(folder.path(), &moment);
            summary.state(moment.now)
        };
        assert_eq!(state(&text), RunState::Stalled);
        assert_eq!(state(&text.replace("4000000", &std::process::id().to_string())), RunState::Running);
    }

    #[test]
    fn a_run_without_live_slots_speaks_through_its_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let (root, start) = (folder.path(), Instant::now());
        let old = |event: &str| {
            Synthetic::new(0, 100, Kind::Old).write(root).unwrap();
            fs::remove_file(root.join("DONE")).unwrap();
            fs::write(
                root.join("events.jsonl"),
                format!("{{\"event\":\"{event}\",\"update\":1,\"agent_steps\":4}}\n"),
            )
            .unwrap();
        };
        let state = |summary: &mut Summary, seconds| {
            let moment = at(start, seconds);
            summary.look(root, &moment);
            summary.state(moment.now)
        };
        old("checkpoint");
        let mut summary = Summary::default();
        assert_eq!(state(&mut summary, 0), RunState::Running);
        assert_eq!(summary.progress(start).frames, 200_000);
        assert!(summary.progress(start).frames_per_s.is_some_and(|speed| (2000.0..3000.0).contains(&speed)));
        assert_eq!(state(&mut summary, 300), RunState::Stalled);
        let mut metrics = fs::read(root.join("metrics.jsonl")).unwrap();
        metrics.extend_from_slice(b"{\"kind\":\"episode\"}\n");
        fs::write(root.join("metrics.jsonl"), metrics).unwrap();
        assert_eq!(state(&mut summary, 301), RunState::Running);
        old("stopped");
        assert_eq!(state(&mut Summary::default(), 0), RunState::Stopped);
        old("fault");
        let mut failed = Summary::default();
        assert_eq!((state(&mut failed, 0), state(&mut failed, 300)), (RunState::Running, RunState::Failed));
        #[cfg(target_os = "linux")]
        {
            let lock = fs::File::create(root.join("lock")).unwrap();
            lock.lock().unwrap();
            assert_eq!(state(&mut failed, 301), RunState::Running);
        }
    }

    #[test]
    fn a_status_that_is_damaged_is_a_warning_until_it_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let (synthetic, start) = (Synthetic::new(0, 10, Kind::Running), Instant::now());
        synthetic.write(folder.path()).unwrap();
        let mut summary = Summary::default();
        summary.look(folder.path(), &at(start, 0));
        fs::write(folder.path().join("live/status.json"), "{\"activity\":\"run").unwrap();
        for seconds in [1, 2] {
            summary.look(folder.path(), &at(start, seconds));
            assert!(summary.warning().unwrap().contains("live/status.json"));
            assert_eq!(summary.state(start), RunState::Running, "the last that was sound counts");
        }
        synthetic.write_status(folder.path(), 3).unwrap();
        summary.look(folder.path(), &at(start, 3));
        assert_eq!(summary.warning(), None);
    }

    #[test]
    fn what_is_wrong_with_a_configuration_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let mut summary = Summary::default();
        for (text, reason) in
            [("env = ", "damaged"), ("title = \"a blog\"", "script"), ("script = 1", "damaged")]
        {
            fs::write(&path, text).unwrap();
            let moment = Moment::look();
            summary.look(folder.path(), &moment);
            assert_eq!(summary.state(moment.now), RunState::Damaged);
            let warning = summary.warning().unwrap();
            assert!(warning.contains("config.toml") && warning.contains(reason), "{warning}");
        }
        fs::remove_file(&path).unwrap();
        summary.look(folder.path(), &Moment::look());
        assert!(summary.warning().unwrap().contains("gone"));
        fs::write(&path, "script = 'C:\\kelvin\\dqn.rhai'\nenv = \"pong\"\nseed = 3").unwrap();
        summary.look(folder.path(), &Moment::look());
        assert_eq!((summary.what(), summary.warning()), (("dqn", "pong", 3), None));
    }
}
