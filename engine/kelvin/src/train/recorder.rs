//! Observes a learner and writes what it sees to the run directory.

use super::live::unix_ms;
use crate::evaluate::{Play, Summary};
use crate::failure::Failure;
use crate::learner::{Learner, Norms, Tick};
use crate::units::{AgentSteps, Frames, Updates};
use kelvin_env::Preset;
use kelvin_run::{
    EpisodeRecord, EvalRecord, JsonLines, Mark, Record, RunDir, RunError, TimingRecord, TrainRecord,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Episodes over which the mean return is taken.
const RECENT: usize = 100;

/// Writes metrics (what follows from seed and edits alone, bit for bit) apart from timing (what the clock
/// says), and keeps the last returns.
pub struct Recorder {
    metrics: JsonLines,
    timing: JsonLines,
    events: JsonLines,
    log_every: u64,
    recorded: u64,
    returns: VecDeque<f64>,
    loss: Option<f64>,
    since: (Instant, Frames, Updates),
    start: Instant,
}

/// How far the records of a run had come at some moment, by which they are known again. What the clock says is in them, so
/// that two runs of the same bits have other marks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Marks {
    metrics: Mark,
    timing: Mark,
    events: Mark,
}

impl Recorder {
    /// Opens the files of a run that begins, with the returns of what it goes on from, if that is another run.
    pub fn new(
        dir: &RunDir,
        log_every: u64,
        learner: &Learner,
        returns: VecDeque<f64>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            metrics: dir.metrics_writer()?,
            timing: dir.timing_writer()?,
            events: dir.events_writer()?,
            log_every,
            recorded: learner.state().agent_steps.0 / log_every,
            returns,
            loss: None,
            since: (Instant::now(), learner.frames(), learner.state().updates),
            start: Instant::now(),
        })
    }

    /// Drops what was recorded after these marks, since it will happen again, but for events. What is wrong with the records
    /// before them is told.
    pub fn cut_to(&mut self, marks: &Marks) -> Result<Vec<RunError>, Failure> {
        let found = [
            self.metrics.cut_to(&marks.metrics)?,
            self.timing.cut_to(&marks.timing)?,
            self.events.check(&marks.events)?,
        ];
        Ok(found.into_iter().flatten().collect())
    }

    /// Drops everything: the run begins anew.
    pub fn clear(&mut self) -> Result<(), Failure> {
        for file in [&mut self.metrics, &mut self.timing] {
            file.clear()?;
        }
        Ok(())
    }

    /// How far the records have come.
    pub fn marks(&self) -> Marks {
        let Self { metrics, timing, events, .. } = self;
        Marks { metrics: metrics.mark(), timing: timing.mark(), events: events.mark() }
    }

    /// Returns of the last episodes, oldest first.
    pub fn returns(&self) -> &VecDeque<f64> {
        &self.returns
    }

    /// Records what a tick brought.
    pub fn observe(&mut self, learner: &mut Learner, tick: &Tick) -> Result<(), Failure> {
        let (frames, agent_steps) = (learner.frames(), learner.state().agent_steps);
        for (env, episode) in &tick.episodes {
            if self.returns.len() == RECENT {
                self.returns.pop_front();
            }
            self.returns.push_back(episode.episode_return);
            self.metrics.append(&Record::Episode(EpisodeRecord {
                frames: frames.0,
                agent_steps: agent_steps.0,
                env: *env,
                episode_return: episode.episode_return,
                episode_agent_steps: episode.agent_steps,
                episode_frames: episode.frames,
            }))?;
        }
        if agent_steps.0 / self.log_every > self.recorded {
            self.recorded = agent_steps.0 / self.log_every;
            self.record(learner)?;
        }
        Ok(())
    }

    fn record(&mut self, learner: &mut Learner) -> Result<(), Failure> {
        let readings = learner.take_readings();
        let means = readings.means();
        let names = learner.staged().metric_names();
        self.loss = means.map(|means| means[0]).or(self.loss);
        // Of the names that JSON has for numbers, none is for those that are not finite.
        let finite = |mean: &f64| Some(*mean).filter(|mean| mean.is_finite());
        let metrics = means.iter().flat_map(|means| names.iter().cloned().zip(means.iter().map(finite)));
        let norms = |norms: Norms| norms.into_iter().map(|(name, norm)| (name, finite(&norm))).collect();
        let grad_norms = norms(learner.grad_norms(readings.grad_norms())?);
        let weight_norms = norms(learner.weight_norms()?);
        let (frames, state) = (learner.frames(), learner.state());
        self.metrics.append(&Record::Train(TrainRecord {
            frames: frames.0,
            agent_steps: state.agent_steps.0,
            updates: state.updates.0,
            mean_return: self.mean_return(),
            learning_rate: learner.learning_rate(),
            epsilon: learner.epsilon(),
            replay: learner.replay().len() as u64,
            metrics: metrics.collect(),
            params: learner.values().clone(),
            grad_norms,
            weight_norms,
        }))?;
        let elapsed = self.since.0.elapsed().as_secs_f64().max(1e-9);
        self.timing.append(&TimingRecord {
            agent_steps: state.agent_steps.0,
            frames_per_s: (frames.0 - self.since.1.0) as f64 / elapsed,
            updates_per_s: (state.updates.0 - self.since.2.0) as f64 / elapsed,
            wall_s: self.start.elapsed().as_secs_f64(),
        })?;
        self.since = (Instant::now(), frames, state.updates);
        Ok(())
    }

    /// Records an evaluation, which `learner` has noted already, with the preset that its environments followed.
    pub fn evaluation(
        &mut self,
        learner: &Learner,
        play: &Play,
        preset: Option<Preset>,
        summary: &Summary,
    ) -> Result<(), Failure> {
        let state = learner.state();
        let record = EvalRecord {
            frames: learner.frames().0,
            agent_steps: state.agent_steps.0,
            updates: state.updates.0,
            policy: play.protocol.way.name().to_owned(),
            epsilon: play.protocol.epsilon,
            preset: preset.map_or(String::new(), |preset| preset.to_string()),
            seed: Some(play.seed),
            episodes: summary.episodes,
            mean_return: summary.mean,
            std_return: summary.std,
            best_return: state.evaluations.best.unwrap_or(summary.mean),
            returns: summary.returns.clone(),
        };
        Ok(self.metrics.append(&Record::Eval(record))?)
    }

    /// Records something that happened: `event`, at which update, and what belongs to it.
    pub fn event(&mut self, event: &str, learner: &Learner, detail: Value) -> Result<(), Failure> {
        let state = learner.state();
        self.event_of(event, state.updates, state.agent_steps, detail)
    }

    /// The same of something that belongs to an earlier moment.
    pub fn event_of(
        &mut self,
        event: &str,
        updates: Updates,
        agent_steps: AgentSteps,
        detail: Value,
    ) -> Result<(), Failure> {
        Ok(self.events.append(&event_of(event, (updates, agent_steps), detail))?)
    }

    /// Leaves time out of what the clock says: nothing was trained meanwhile.
    pub fn leave_out(&mut self, time: Duration) {
        self.start += time;
        self.since.0 += time;
    }

    /// What is to be on the disk before a checkpoint that relies on it, to be brought there by another thread.
    pub fn files(&self) -> Result<Vec<JsonLines>, Failure> {
        let files = [&self.metrics, &self.timing, &self.events].map(JsonLines::another);
        Ok(files.into_iter().collect::<Result<_, _>>()?)
    }

    /// Mean return of the last hundred episodes.
    pub fn mean_return(&self) -> Option<f64> {
        (!self.returns.is_empty()).then(|| self.returns.iter().sum::<f64>() / self.returns.len() as f64)
    }

    /// Mean loss in the last record.
    pub fn loss(&self) -> Option<f64> {
        self.loss
    }

    /// Time since this process took the run up, seconds.
    pub fn wall_s(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

/// Something that happened, as it is recorded: `event`, when, and what belongs to it.
pub(super) fn event_of(event: &str, at: (Updates, AgentSteps), mut detail: Value) -> Value {
    if let Value::Object(detail) = &mut detail {
        detail.insert("event".to_owned(), json!(event));
        detail.insert("unix_ms".to_owned(), json!(unix_ms()));
        detail.insert("update".to_owned(), json!(at.0));
        detail.insert("agent_steps".to_owned(), json!(at.1));
    }
    detail
}
