//! The live slots of a run, for whoever looks on: gathered between two ticks and written by a thread of its own. Training
//! never waits for a disk; what the disk is too slow for is left out. A run that nobody looks at says where it is once a
//! second and shows no pictures: five hundred on a cluster's disk would be a load.

use crate::config::Config;
use crate::failure::Failure;
use crate::learner::{Learner, SHOWN, Tick};
use crate::speed::Speed;
use kelvin_run::{Activity, AgentView, Picture, RunDir, RunError, Status};
use kelvin_trace::{begin_tally, take_tally};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time between two views while somebody looks on.
const EVERY: Duration = Duration::from_millis(100);
/// Time after which the status is written again, whatever the training does and whoever looks on.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Time for which somebody who said so is taken to look on.
const ATTENTION: Duration = Duration::from_secs(5);
/// Time over which the shares of phases are taken.
const PHASES_EVERY: Duration = Duration::from_secs(2);
/// Returns that are shown.
const RETURNS: usize = 20;
/// What the training thread spends its time on, by the names of its spans.
const PHASES: [&str; 9] = ["act", "choose", "step", "store", "sample", "update", "upload", "wait", "record"];

/// What a run shows of itself.
pub(super) struct Live {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// When a view was taken last; nothing if the next tick is to be shown in any case.
    looked: Option<Instant>,
    speed: Speed,
    returns: VecDeque<f64>,
    phases_since: Instant,
}

struct Shared {
    slots: Mutex<Slots>,
    changed: Condvar,
    /// Whether somebody looks on.
    watched: AtomicBool,
}

/// What waits to be written.
struct Slots {
    status: Status,
    view: Option<(AgentView, Picture)>,
    fresh: bool,
    ended: bool,
    /// Why something could not be written, until it is told.
    problem: Option<RunError>,
}

/// What the recorder knows that the learner does not.
pub(super) struct Known {
    pub mean_return: Option<f64>,
    pub loss: Option<f64>,
}

impl Live {
    /// Begins to show a run that computes on `device`.
    pub fn start(dir: RunDir, device: String, config: &Config, learner: &Learner) -> Result<Self, Failure> {
        let script = &learner.staged().script;
        let now = learner.state().updates.0;
        let in_force = dir.objectives()?.into_iter().rfind(|version| version.hash == script.hash());
        let status = Status {
            activity: Activity::Running,
            beat: 0,
            pid: std::process::id(),
            host: sysinfo::System::host_name().unwrap_or_default(),
            unix_ms: 0,
            frames: learner.frames().0,
            total_frames: config.frames.0,
            agent_steps: learner.state().agent_steps.0,
            updates: now,
            frames_per_s: 0.0,
            updates_per_s: 0.0,
            mean_return: None,
            loss: None,
            epsilon: learner.epsilon(),
            learning_rate: learner.learning_rate(),
            replay: learner.replay().len() as u64,
            replay_capacity: config.slots() as u64,
            device,
            script: script.name().to_owned(),
            script_hash: script.hash().to_owned(),
            script_since: in_force.map_or(now, |version| version.update),
            params: learner.values().clone(),
            phases: [].into(),
        };
        let slots = Slots { status, view: None, fresh: true, ended: false, problem: None };
        let shared =
            Arc::new(Shared { slots: Mutex::new(slots), changed: Condvar::new(), watched: false.into() });
        let writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("live".to_owned())
            .spawn(move || writer.write(&dir))
            .map_err(|error| Failure::failed(format!("no thread for the live slots: {error}")))?;
        begin_tally(&PHASES);
        Ok(Self {
            shared,
            thread: Some(thread),
            looked: None,
            speed: Speed::new(learner.frames(), learner.state().updates),
            returns: VecDeque::new(),
            phases_since: Instant::now(),
        })
    }

    /// Takes a look at the learner after a tick, if it is time to. Fails where the device does.
    pub fn look(
        &mut self,
        learner: &mut Learner,
        tick: &Tick,
        known: impl FnOnce() -> Known,
    ) -> Result<(), Failure> {
        for (_, episode) in tick.episodes.iter().filter(|(env, _)| *env == SHOWN) {
            if self.returns.len() == RETURNS {
                self.returns.pop_front();
            }
            self.returns.push_back(episode.episode_return);
        }
        let watched = self.shared.watched.load(Ordering::Relaxed);
        let every = if watched { EVERY } else { HEARTBEAT };
        if self.looked.is_some_and(|looked| looked.elapsed() < every) {
            return Ok(());
        }
        let view = (watched || self.looked.is_none()).then(|| learner.view()).transpose()?;
        self.looked = Some(Instant::now());
        self.speed.observe(learner.frames(), learner.state().updates);
        let phases = if self.phases_since.elapsed() < PHASES_EVERY { None } else { take_tally() };
        if phases.is_some() {
            self.phases_since = Instant::now();
        }
        let known = known();
        let (frames, state) = (learner.frames(), learner.state());
        let staged = learner.staged();
        let mut slots = self.shared.slots();
        let status = &mut slots.status;
        if status.script_hash != staged.script.hash() {
            staged.script.hash().clone_into(&mut status.script_hash);
            staged.script.name().clone_into(&mut status.script);
            status.script_since = state.updates.0;
        }
        status.frames = frames.0;
        status.agent_steps = state.agent_steps.0;
        status.updates = state.updates.0;
        status.frames_per_s = self.speed.frames;
        status.updates_per_s = self.speed.updates;
        status.mean_return = known.mean_return;
        status.loss = known.loss;
        status.epsilon = learner.epsilon();
        status.learning_rate = learner.learning_rate();
        status.replay = learner.replay().len() as u64;
        status.params.clone_from(learner.values());
        if let Some(phases) = phases {
            status.phases = phases.into_iter().map(|(name, share)| (name.to_owned(), share)).collect();
        }
        if let Some((view, picture)) = view {
            let last_returns = self.returns.iter().copied().collect();
            slots.view = Some((AgentView { last_returns, ..view }, picture));
        }
        self.shared.wake(slots);
        Ok(())
    }

    /// Lets the next look be taken at once.
    pub fn hurry(&mut self) {
        self.looked = None;
    }

    /// Says what the run is doing now.
    pub fn says(&self, activity: Activity) {
        let mut slots = self.shared.slots();
        if slots.status.activity != activity {
            slots.status.activity = activity;
            self.shared.wake(slots);
        }
    }

    /// Parameters changed while nothing is trained.
    pub fn params(&self, learner: &Learner) {
        let mut slots = self.shared.slots();
        slots.status.params.clone_from(learner.values());
        self.shared.wake(slots);
    }

    /// Why the slots cannot be written, once.
    pub fn take_problem(&self) -> Option<RunError> {
        self.shared.slots().problem.take()
    }

    /// Says how the run ended, and waits until that is written.
    pub fn end(&mut self, activity: Activity) {
        let Some(thread) = self.thread.take() else { return };
        let mut slots = self.shared.slots();
        (slots.status.activity, slots.ended) = (activity, true);
        self.shared.wake(slots);
        // A writer that panicked has nothing left to say; the run's end does not depend on it.
        drop(thread.join());
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end(Activity::Failed);
    }
}

impl Shared {
    fn slots(&self) -> MutexGuard<'_, Slots> {
        // A panic elsewhere leaves whole values behind.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, mut slots: MutexGuard<'_, Slots>) {
        slots.fresh = true;
        drop(slots);
        self.changed.notify_one();
    }

    /// Writes what is new, and the status once a second at the least, until the end.
    fn write(&self, dir: &RunDir) {
        let mut silent = false;
        let mut attention = Attention::new(dir.watched());
        let mut listened = Instant::now();
        loop {
            let waiting = |slots: &mut Slots| !slots.fresh && !slots.ended;
            let waited = self.changed.wait_timeout_while(self.slots(), HEARTBEAT, waiting);
            let (mut slots, _) = waited.unwrap_or_else(PoisonError::into_inner);
            slots.fresh = false;
            slots.status.beat += 1;
            slots.status.unix_ms = unix_ms();
            let (status, view, ended) = (slots.status.clone(), slots.view.take(), slots.ended);
            drop(slots);
            let written = dir.write_status(&status).and_then(|()| match view {
                // The picture first: who sees the agent's new beat finds the picture that belongs to it.
                Some((view, picture)) => dir
                    .write_picture(&picture)
                    .and_then(|()| dir.write_agent(&AgentView { beat: status.beat, ..view })),
                None => Ok(()),
            });
            // One word is enough: nothing that the run needs.
            if let Err(error) = written
                && !std::mem::replace(&mut silent, true)
            {
                self.slots().problem = Some(error);
            }
            if ended {
                return;
            }
            if listened.elapsed() >= HEARTBEAT {
                listened = Instant::now();
                self.watched.store(attention.hears(dir.watched()), Ordering::Relaxed);
            }
        }
    }
}

/// Whether somebody looks on. They say so by their clock, so only that it was said anew counts.
struct Attention {
    said: Option<SystemTime>,
    until: Option<Instant>,
}

impl Attention {
    /// What was said before the run began tells nothing.
    fn new(said: Option<SystemTime>) -> Self {
        Self { said, until: None }
    }

    fn hears(&mut self, said: Option<SystemTime>) -> bool {
        if said.is_some() && said != self.said {
            (self.said, self.until) = (said, Some(Instant::now() + ATTENTION));
        }
        self.until.is_some_and(|until| Instant::now() < until)
    }
}

/// The clock, milliseconds since 1970.
pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}
