//! `kelvin replay`: makes a run again from its directory, edits included, and compares it with its records, bit for bit.

mod timeline;
mod witness;

pub(super) use timeline::Edit;

use super::checkpoint;
use super::fork::Origin;
use super::interrupt;
use super::resume::recorded_script;
use super::session::{Given, Parts, Session, reference};
use super::steering::Scheduled;
use crate::VERSION;
use crate::config::Config;
use crate::console::{Console, grouped};
use crate::failure::Failure;
use crate::units::{AgentSteps, Frames};
use kelvin_compute::ModelState;
use kelvin_env::{EnvOptions, EnvSpec};
use kelvin_run::RunDir;
use serde_json::json;
use std::collections::VecDeque;
use std::path::PathBuf;
use timeline::{MadeBy, Timeline, Turn};
use witness::Witness;

/// What to make again.
#[derive(Clone, Debug, Default)]
pub struct RerunRequest {
    /// The run directory.
    pub run: PathBuf,
    /// `--device`; the run's own without.
    pub device: Option<String>,
    /// Where it is kept; nowhere without.
    pub out: Option<PathBuf>,
    /// A folder of ROMs to search first.
    pub roms: Option<PathBuf>,
}

/// Makes a run again, as far as there are records of it, and says whether it is the same.
///
/// # Errors
/// A run that cannot be made again, or is not the same.
pub fn rerun(request: &RerunRequest, console: &mut Console) -> Result<(), Failure> {
    interrupt::listen()?;
    let dir = RunDir::open(&request.run)?;
    let mut timeline = Timeline::read(&dir)?;
    let scratch = tempfile::tempdir()
        .map_err(|error| Failure::failed(format!("no temporary folder to train in: {error}")))?;
    let out = request.out.clone().unwrap_or_else(|| scratch.path().join("run"));
    let mut rerun = Rerun::begin(request, &dir, &mut timeline, out, console)?;
    let outcome = rerun.run(timeline, console);
    console.finish();
    if request.out.is_some() {
        // As it is where it ended, or parted.
        match rerun.session.checkpoint_now(console) {
            Ok(_) => console.line(format!("what was trained is in {}", rerun.session.dir.path().display())),
            Err(failure) => console.warn(failure.message()),
        }
    }
    outcome
}

struct Rerun {
    session: Session,
    /// The run's configuration, without what is another while it is made again.
    whole: Config,
    witness: Witness,
    /// The networks that the run saved, and when.
    saved: Vec<(AgentSteps, ModelState)>,
    /// Agent steps up to which there are records.
    end: AgentSteps,
    /// How many of the saved networks were the same.
    same: usize,
}

impl Rerun {
    fn begin(
        request: &RerunRequest,
        dir: &RunDir,
        timeline: &mut Timeline,
        out: PathBuf,
        console: &mut Console,
    ) -> Result<Self, Failure> {
        let mut config = Config::parse(&dir.read_config()?)?;
        if let Some(device) = &request.device {
            config.device.clone_from(device);
        }
        // As it was at its last beginning; the first may have been another.
        let total = config.frames;
        if let Some(length) = timeline.length {
            config.set_length(length);
        }
        let whole = config.clone();
        // Nobody looks on, and it is saved at its end alone.
        (config.live, config.checkpoint_every) = (false, i64::MAX as u64);
        let (_, script) = recorded_script(dir, None)?;
        let saved = saved(dir, console)?;
        let last = dir.read_metrics()?.last().and_then(|record| record["agent_steps"].as_u64());
        let end = saved.iter().map(|(at, _)| *at).chain(last.map(AgentSteps)).max().unwrap_or_default();

        let (preset, full_action_set) = (config.preset, config.full_action_set);
        let options =
            EnvOptions { preset, full_action_set, roms: request.roms.clone(), ..EnvOptions::default() };
        let parts = Parts::open(&config.device, &config.env, options, console)?;
        check_end(end.frames(parts.spec.frames_per_step), total, &parts.spec, &config)?;
        let (origin, reference) = (Origin::of(dir, &config)?, reference(dir, &config)?);
        let scheduled = origin.as_ref().map_or(Ok(Scheduled::Due), |origin| origin.scheduled(&script))?;
        let learner = match &origin {
            Some(origin) => {
                let steered = origin.steered(&script, std::mem::take(&mut timeline.control))?;
                origin.learner(&parts, &config, script, steered, console)?.0
            }
            None => parts.learner(&config, script, reference.as_ref())?,
        };
        let saved_there =
            origin.as_ref().map(|origin| checkpoint::load_state(&origin.checkpoint)).transpose()?;
        let given = Given {
            returns: saved_there.map_or(VecDeque::new(), |saved| saved.returns),
            edits: Some((dir.clone(), std::mem::take(&mut timeline.edits))),
            reference: reference.as_ref(),
            // Its memory may be large, and nothing is left of a run that is not kept.
            from: origin.as_ref().map(|origin| &origin.checkpoint).filter(|_| request.out.is_some()),
            ..Given::default()
        };
        let mut session = Session::begin(&out, config, parts, learner, given)?;
        session.scheduled = scheduled;
        let control = session.learner.state().steered.control.clone();
        session.note_beginning("start", json!({ "replay_of": dir.path(), "control": control }))?;
        let (then, now) = (dir.path().join("metrics.jsonl"), out.join("metrics.jsonl"));
        let witness = Witness::new(&then, &now)?;
        let rerun = Self { whole, witness, session, saved, end, same: 0 };
        rerun.write_config()?;
        rerun.introduce(dir, timeline, console);
        Ok(rerun)
    }

    fn introduce(&self, dir: &RunDir, timeline: &Timeline, console: &Console) {
        let Self { session, end, saved, .. } = self;
        let frames = end.frames(session.learner.env().frames_per_step);
        console.line(format!(
            "replaying {}: {} frames, taken up again {} times, with {} networks to compare",
            dir.path().display(),
            grouped(frames.0),
            timeline.turns.len(),
            saved.len()
        ));
        let here = session.device.describe();
        for MadeBy { kelvin, device } in &timeline.made_by {
            for (what, then, now) in [("Kelvin", kelvin.as_str(), VERSION), ("device", device, here.as_str())]
            {
                if !then.is_empty() && then != now {
                    console.warn(format!("it was made with another {what}: {then}, and this is {now}"));
                }
            }
        }
    }

    fn run(&mut self, mut timeline: Timeline, console: &mut Console) -> Result<(), Failure> {
        let total = self.end.frames(self.session.learner.env().frames_per_step);
        let learner = &self.session.learner;
        console.start(total, learner.frames(), learner.state().updates);
        while self.now() < self.end && !self.session.is_to_end() {
            while let Some((_, turn)) = timeline.turns.pop_front_if(|(at, _)| *at <= self.session.now()) {
                self.session.turn(&turn)?;
                self.write_config()?;
            }
            let stepped = self.session.step(console);
            let updates = self.session.learner.state().updates.0;
            self.witness.look(updates, self.now().0).map_err(Failure::failed)?;
            self.compare_network()?;
            if let Err(failure) = stepped {
                return self.failed(&failure, &timeline, console);
            }
        }
        self.conclude(&timeline, console)
    }

    /// As whoever goes on with it wants it.
    fn write_config(&self) -> Result<(), Failure> {
        let mut config = self.whole.clone();
        config.set_length(self.session.config.length());
        Ok(self.session.dir.write_config(&config.to_toml()?)?)
    }

    fn now(&self) -> AgentSteps {
        self.session.now()
    }

    /// Compares the networks with those that were saved at this moment.
    fn compare_network(&mut self) -> Result<(), Failure> {
        let now = self.now();
        let Some((_, then)) = self.saved.iter().find(|(at, _)| *at == now) else { return Ok(()) };
        let learner = &mut self.session.learner;
        let updates = learner.state().updates;
        let bits = |data: &[f32]| data.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let tensors = learner.export()?.tensors;
        let is_there = |name: &str| tensors.iter().any(|tensor| tensor.name == name);
        let lost = then.tensors.iter().find(|tensor| !is_there(&tensor.name));
        let differs = tensors.iter().find(|tensor| {
            let before = then.tensors.iter().find(|before| before.name == tensor.name);
            before
                .is_none_or(|before| before.shape != tensor.shape || bits(&before.data) != bits(&tensor.data))
        });
        if let Some(tensor) = lost.or(differs) {
            let name = &tensor.name;
            return Err(Failure::failed(format!(
                "the runs part by update {updates}: {name} is not what the checkpoint has"
            )));
        }
        self.same += 1;
        Ok(())
    }

    /// A run that ended by itself is the same if it ends at the same step, and by the same update if that was broken. One
    /// that was mended then and gone on with went on from there with another learner, which is not made again.
    fn failed(&self, failure: &Failure, timeline: &Timeline, console: &Console) -> Result<(), Failure> {
        let events = self.session.dir.read_events()?;
        let last = events.iter().rev().find(|event| event["event"] == "fault");
        let first = last.and_then(|event| event["first"].as_u64());
        if !timeline.ends.contains(&(self.now(), first)) {
            return Err(failure.clone());
        }
        let update = first.unwrap_or(self.session.learner.state().updates.0);
        let compared = self.compared();
        console.result(format!("the same: {compared}, and it fails at update {update} as it did"));
        if self.now() < self.end {
            console.warn("what came after, when it was mended and gone on with, is not compared");
        }
        Ok(())
    }

    /// What is left to compare is as much of a difference as what differs.
    fn conclude(&mut self, timeline: &Timeline, console: &Console) -> Result<(), Failure> {
        let updates = grouped(self.session.learner.state().updates.0);
        if self.now() < self.end {
            console.result(format!("the same so far: {}, up to update {updates}", self.compared()));
            return Ok(());
        }
        let parted =
            |what: String| Err(Failure::failed(format!("the runs part by update {updates}: {what}")));
        if self.witness.same == 0 && self.saved.is_empty() {
            return Err(Failure::failed("there are no records to compare with")
                .hint("a run records every `log_every` agent steps, and at the end of each episode"));
        }
        if let Some(record) = self.witness.left(self.end.0) {
            return parted(format!("{record} was recorded, and is not now"));
        }
        if self.same < self.saved.len() {
            return parted("a checkpoint is of a moment that there is not now".to_owned());
        }
        // What else ended a run, such as a full disk, need not be there now.
        let broken = timeline.ends.iter().find_map(|(at, first)| first.filter(|_| *at >= self.end));
        if let Some(first) = broken {
            return parted(format!("update {first} was broken, and now it is not"));
        }
        console.result(format!("the same: {}, up to update {updates}", self.compared()));
        Ok(())
    }

    fn compared(&self) -> String {
        let networks = if self.same == 1 { "network" } else { "networks" };
        format!("{} records and {} saved {networks}, bit for bit", grouped(self.witness.same), self.same)
    }
}

/// A run ends within a tick of its length: records of later moments would be looked for without end.
fn check_end(end: Frames, total: Frames, spec: &EnvSpec, config: &Config) -> Result<(), Failure> {
    let tick = AgentSteps((config.envs * config.n) as u64).frames(spec.frames_per_step);
    if end.0 <= total.0.saturating_add(tick.0) {
        return Ok(());
    }
    let (end, total) = (grouped(end.0), grouped(total.0));
    Err(Failure::failed(format!("its records speak of {end} frames, and the run is {total} long"))
        .hint("metrics.jsonl, or `frames` in config.toml, was changed: put it back as it was"))
}

/// The networks of the sound checkpoints, and when they were saved.
fn saved(dir: &RunDir, console: &Console) -> Result<Vec<(AgentSteps, ModelState)>, Failure> {
    let mut saved = Vec::new();
    for update in dir.checkpoint_updates()? {
        match dir.checkpoint(update) {
            Ok(found) => {
                let (state, model) = checkpoint::load_model(&found)?;
                saved.push((state.learner.agent_steps, model));
            }
            Err(error) => console.warn(format!("the checkpoint of update {update} is left out: {error}")),
        }
    }
    Ok(saved)
}

impl Session {
    fn now(&self) -> AgentSteps {
        self.learner.state().agent_steps
    }

    /// Does what being taken up again did.
    fn turn(&mut self, turn: &Turn) -> Result<(), Failure> {
        if let Some(length) = turn.length {
            self.config.set_length(length);
            self.learner.set_length(length);
        }
        if !turn.same_episodes && self.now() > AgentSteps(0) {
            let envs = Parts::new_envs(&self.options, &self.config, self.now())?;
            self.learner.begin_episodes(envs);
        }
        let detail = json!({ "same_episodes": turn.same_episodes, "edited": self.edited });
        self.note_beginning("resume", detail)
    }
}
