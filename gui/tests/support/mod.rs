//! Runs in memory, for tests of what is drawn of them.

#![allow(dead_code, reason = "each test program uses some of it")]

pub mod bench;
pub mod drawing;
pub mod focused;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{self, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use kelvin_monitor::data::{
    Bucket, Command, Curves, Focus, Live, Notice, Progress, RunId, RunInfo, RunState, Series,
};
use kelvin_monitor::monitor::Monitor;
use kelvin_monitor::source::Source;
use kelvin_run::Event;

/// A source that is what it was made, and remembers what it was asked.
pub struct Recorded {
    pub root: PathBuf,
    pub runs: Vec<Arc<RunInfo>>,
    pub curves: BTreeMap<RunId, Arc<Curves>>,
    pub events: BTreeMap<RunId, Arc<[Event]>>,
    pub fresh: bool,
    pub plotted: Vec<RunId>,
    pub focus: Option<RunId>,
    pub sent: Vec<(RunId, Command)>,
    pub notices: Vec<Notice>,
    /// What is known of one run, which is all that can be in focus.
    pub details: Option<Focus>,
    /// What that run shows of itself from now on, by looks.
    pub film: VecDeque<Live>,
    /// Snapshots of a run that it has by turns, a new one with every look.
    pub goes_on: Option<(RunId, [Arc<Curves>; 2])>,
}

impl Source for Recorded {
    fn root(&self) -> &Path {
        &self.root
    }
    fn poll(&mut self) -> bool {
        if let Some((run, snapshots)) = &mut self.goes_on {
            snapshots.swap(0, 1);
            self.curves.insert(*run, snapshots[0].clone());
            return true;
        }
        if let Some(details) = self.details.as_mut().filter(|details| Some(details.id) == self.focus)
            && let Some(live) = self.film.pop_front()
        {
            details.live = live;
            return true;
        }
        std::mem::take(&mut self.fresh)
    }
    fn listed(&self) -> bool {
        true
    }
    fn runs(&self) -> &[Arc<RunInfo>] {
        &self.runs
    }
    fn plot(&mut self, runs: &[RunId]) {
        self.plotted = runs.to_vec();
        self.fresh = true;
    }
    fn curves(&self, id: RunId) -> Option<&Arc<Curves>> {
        self.plotted.contains(&id).then(|| self.curves.get(&id))?
    }
    fn events(&self, id: RunId) -> Option<&Arc<[Event]>> {
        self.events.get(&id)
    }
    fn focus(&mut self, run: Option<RunId>) {
        self.focus = run;
    }
    fn focused(&self) -> Option<&Focus> {
        self.details.as_ref().filter(|details| Some(details.id) == self.focus)
    }
    fn send(&mut self, run: RunId, command: Command) {
        self.sent.push((run, command));
    }
    fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }
}

/// What a run shows while it is looked at in a test: twelve seconds at four frames a second.
pub const MOMENTS: u64 = 50;

/// A source of random numbers that is the same everywhere.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2545_F491_4F6C_DD1D)
    }

    /// Between -1 and 1.
    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// A run that has learned for so many points.
pub fn curves(seed: u64, points: usize, total_frames: f64, from: f64, to: f64, speed: f64) -> Curves {
    let mut noise = Noise::new(seed + 1);
    let late = 0.35 + 0.12 * noise.next();
    let mut series: BTreeMap<Arc<str>, Series> = BTreeMap::new();
    let mut mean = from;
    for point in 0..points {
        let share = (point + 1) as f64 / points as f64;
        let frames = share * total_frames;
        let learned = 1.0 / (1.0 + (-(share - late) * speed).exp());
        let episode = from + (to - from) * learned + (to - from) * 0.12 * noise.next();
        mean += 0.15 * (episode - mean);
        let bucket = |value: f64| Bucket {
            frames,
            updates: frames / 16.0,
            wall_s: frames / 1300.0,
            min: value,
            mean: value,
            max: value,
            count: 1,
        };
        let mut push = |name: &str, value: f64| {
            series.entry(name.into()).or_default().buckets.push(bucket(value));
        };
        push("episode_return", episode);
        push("mean_return", mean);
        let spike = if point % 211 == 150 { 5.0 } else { 1.0 };
        push("loss", 0.004 * spike * (1.0 + 0.4 * noise.next()) * (1.3 - share));
        push("td_abs", 0.05 * (1.0 + 0.3 * noise.next()) * (1.5 - share));
        push("epsilon", (1.0 - share * 5.0).max(0.01));
        push("params.tau", if share < 0.5 { 0.1 } else { 0.05 });
        push("grad_norm.conv1.weight", 0.2 + 0.1 * noise.next());
        if point % 40 == 39 {
            push("eval.mean_return", mean + 1.0);
        }
    }
    Curves { series, read: points as u64, complete: true }
}

fn info(id: u32, names: (&str, &str, &str), seed: u64, state: RunState, share: f64, mean: f64) -> RunInfo {
    let lives = matches!(state, RunState::Running | RunState::Evaluating);
    let [experiment, label, env] = [names.0, names.1, names.2];
    let experiment_folder = if experiment.is_empty() { String::new() } else { format!("{experiment}/") };
    let folder = format!("/data/runs/{experiment_folder}{label}-{env}-s{seed}");
    RunInfo {
        id: RunId(id),
        path: Path::new(&folder).into(),
        experiment: experiment.into(),
        label: label.into(),
        script: format!("/data/kelvin/scripts/{label}.rhai").into(),
        env: env.into(),
        seed,
        state,
        progress: Progress {
            frames: (share * 1e7) as u64,
            total_frames: 10_000_000,
            frames_per_s: lives.then_some(1240.0 + 37.0 * f64::from(id % 11)),
            mean_return: (share > 0.0).then_some(mean),
        },
        silent: lives.then(|| Duration::from_millis(600)),
        warning: None,
    }
}

/// Experiments as a researcher has them: two variants and a baseline on Pong, one that is in the middle of Breakout, and
/// a few single runs with every state that there is.
pub fn laboratory() -> Recorded {
    let mut recorded = Recorded {
        root: "/data/runs".into(),
        runs: Vec::new(),
        curves: BTreeMap::new(),
        events: BTreeMap::new(),
        fresh: true,
        plotted: Vec::new(),
        focus: None,
        sent: Vec::new(),
        notices: Vec::new(),
        details: None,
        film: VecDeque::new(),
        goes_on: None,
    };
    let mut add = |names: (&str, &str, &str),
                   seed: u64,
                   state: RunState,
                   share: f64,
                   ends: (f64, f64),
                   speed: f64| {
        let id = recorded.runs.len() as u32;
        let curves =
            curves(u64::from(id) * 31 + seed, (600.0 * share) as usize, share * 1e7, ends.0, ends.1, speed);
        let mean =
            curves.series.get("mean_return").and_then(|series| series.buckets.last()).map_or(0.0, |b| b.mean);
        recorded.runs.push(Arc::new(info(id, names, seed, state, share, mean)));
        recorded.curves.insert(RunId(id), Arc::new(curves));
    };
    let pong = |to| (-20.7, to);
    add(("", "my_variant", "catch"), 0, RunState::Paused, 0.32, (-1.0, 1.0), 9.0);
    add(("", "my_variant", "pong"), 3, RunState::Stalled, 0.11, pong(-20.0), 9.0);
    for seed in 0..5 {
        add(("figure2", "dqn", "pong"), seed, RunState::Done, 1.0, pong(14.0), 11.0);
    }
    for seed in 0..5 {
        let state =
            [RunState::Done, RunState::Running, RunState::Running, RunState::Evaluating, RunState::Failed];
        let share = [1.0, 0.83, 0.81, 0.8, 0.44][seed as usize];
        add(("figure2", "soft_entropy", "pong"), seed, state[seed as usize], share, pong(19.0), 15.0);
    }
    for seed in 0..5 {
        add(
            ("figure2", "soft_kl", "breakout"),
            seed,
            RunState::Running,
            0.37 - 0.01 * seed as f64,
            (1.7, 180.0),
            7.0,
        );
    }
    for seed in 0..5 {
        add(("figure2", "soft_kl", "pong"), seed, RunState::Done, 1.0, pong(20.0), 18.0);
    }
    add(("pilots", "pcl_wide_window", "seaquest"), 0, RunState::Stopped, 0.2, (68.4, 900.0), 7.0);
    add(("pilots", "soft_kl", "pong"), 0, RunState::Damaged, 0.0, pong(0.0), 9.0);
    let event = |event: &str, update: u64, detail: &str| Event {
        event: event.to_owned(),
        update,
        agent_steps: update * 4,
        detail: serde_json::from_str(detail).expect("a map"),
    };
    recorded.events.insert(
        RunId(8),
        [
            event("reload", 190_000, r#"{"version": 2}"#),
            event("params", 312_000, r#"{"tau": 0.05}"#),
            event("checkpoint", 400_000, "{}"),
        ]
        .into(),
    );
    if let Some(damaged) = recorded.runs.last_mut() {
        let warning = "metrics.jsonl, line 1204: not a record: expected `,` or `}` at column 87";
        Arc::make_mut(damaged).warning = Some(warning.into());
    }
    recorded
}

/// The same, and everything is known of one of its runs, which plays for some seconds.
pub fn laboratory_with(run: RunId) -> Recorded {
    let mut recorded = laboratory();
    let info = recorded.runs.iter().find(|info| info.id == run).expect("a run of the laboratory").clone();
    recorded.details = Some(focused::focus(&info, 0));
    recorded.film = (1..MOMENTS).map(|moment| focused::live(&info, moment)).collect();
    recorded
}

/// Every so many points of all curves alone: large pictures of them are small files.
pub fn thin(mut recorded: Recorded, every: usize) -> Recorded {
    for curves in recorded.curves.values_mut() {
        for series in Arc::make_mut(curves).series.values_mut() {
            let mut place = 0;
            series.buckets.retain(|_| {
                place += 1;
                place % every == 0
            });
        }
    }
    recorded
}

/// No runs at all.
pub fn nothing() -> Recorded {
    let mut recorded = laboratory();
    recorded.runs.clear();
    recorded
}

/// So many runs of a sweep, the first fifty with curves of so many points.
pub fn crowd(count: u32, points: usize) -> Recorded {
    let mut recorded = nothing();
    recorded.curves.clear();
    const LABELS: [&str; 5] = ["dqn", "double_dqn", "soft_kl", "soft_entropy", "munchausen"];
    const GAMES: [&str; 4] = ["beam_rider", "breakout", "pong", "seaquest"];
    for id in 0..count {
        let place = (id / 5) as usize;
        let names = ("sweep", LABELS[place / GAMES.len() % LABELS.len()], GAMES[place % GAMES.len()]);
        let seed = u64::from(id % 5 + 5 * (id / 100));
        recorded.runs.push(Arc::new(info(id, names, seed, RunState::Running, 0.5, f64::from(id % 30))));
    }
    for run in recorded.runs.iter().take(50) {
        let seed = u64::from(run.id.0);
        let learned = curves(seed, points, 1e7, -20.7, 10.0 + (seed % 10) as f64, 8.0 + (seed % 7) as f64);
        recorded.curves.insert(run.id, Arc::new(learned));
    }
    recorded.runs.sort_by(|a, b| {
        let key = |run: &RunInfo| (run.label.clone(), run.env.clone(), run.seed);
        key(a).cmp(&key(b))
    });
    recorded
}

/// A monitor without a screen.
pub fn monitor(source: Recorded, size: [f32; 2]) -> Harness<'static, Monitor> {
    build(Harness::builder().with_size(size), source)
}

/// The same with a builder's other settings.
pub fn build(builder: egui_kittest::HarnessBuilder<Monitor>, source: Recorded) -> Harness<'static, Monitor> {
    let ctx = egui::Context::default();
    let monitor = Monitor::new(&ctx, Box::new(source), None, None);
    builder
        .with_max_steps(40)
        .with_context_setup(kelvin_monitor::theme::install)
        .with_render_cursor(false)
        .build_ui_state(
            |ui, monitor: &mut Monitor| {
                // All of the window, as the desktop's has no margin.
                let whole = egui::UiBuilder::new().max_rect(ui.ctx().content_rect());
                ui.scope_builder(whole, |ui| monitor.show(ui));
            },
            monitor,
        )
}

/// Runs frames until nothing is left to compute.
pub fn settle(harness: &mut Harness<'_, Monitor>) {
    for _ in 0..200 {
        harness.run();
        if !harness.state_mut().busy() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the monitor is still busy");
}

/// Draws until something is so, which a thread has to bring about.
#[track_caller]
pub fn until<State>(
    harness: &mut Harness<'_, State>,
    what: &str,
    mut done: impl FnMut(&mut Harness<'_, State>) -> bool,
) {
    let start = Instant::now();
    while !done(harness) {
        assert!(start.elapsed() < Duration::from_secs(60), "it never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
        harness.step();
    }
}

/// Gives the run that everything is known of a script of its own, in a folder; where it is.
pub fn with_script(recorded: &mut Recorded, folder: &Path) -> PathBuf {
    let script = folder.join("soft_kl.rhai");
    std::fs::write(&script, focused::SCRIPT).expect("a writable folder");
    let path: Arc<str> = script.display().to_string().into();
    let details = recorded.details.as_mut().expect("a run that is known");
    let run = recorded.runs.iter_mut().find(|run| run.id == details.id).expect("a run of the list");
    Arc::make_mut(run).script = path;
    *details = focused::focus(run, 0);
    script
}

/// Saves the first plot as a file, by its menu and the dialog.
pub fn save_plot(harness: &mut Harness<'_, Monitor>, format: &str, path: &Path) {
    harness.get_by_label("Menu of plot 1").click();
    settle(harness);
    harness.get_by_label_contains(&format!("Save as {format}")).click();
    settle(harness);
    harness.get_by_label("File").focus();
    harness.run();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run();
    harness.get_by_label("File").type_text(&path.display().to_string());
    settle(harness);
    harness.get_by_label("Save").click();
    harness.step();
}
