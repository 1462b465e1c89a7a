//! Everything about the run in focus, as its readers would have it: for tests of the panels that look at one run.

use std::collections::BTreeMap;
use std::sync::Arc;

use kelvin_monitor::data::{Focus, Live, RunInfo, RunState};
use kelvin_objective::{Param, Script};
use kelvin_run::{Activity, AgentView, Event, Picture, Status, TrainRecord};
use serde_json::{Value, json};

/// What the run trains: every kind of parameter is declared.
pub const SCRIPT: &str = r#"fn config() { #{ learner: "replay", n: 1, heads: ["q"] } }

fn params() {
    #{
        tau: param(0.1, 0.001, 10.0, "temperature of the KL penalty"),
        gamma: param(0.99, 0.0, 1.0, "discount"),
        delta: param(1.0, 0.01, 100.0, "Huber threshold"),
        window: param_int(3, 1, 20, "steps of the return"),
        double: param(true, "choose by the online network"),
    }
}

fn loss(net, t, p) {
    p.tau * (net.q[t.action] - t.reward - p.gamma * p.delta) ** 2
}
"#;

const ACTIONS: [&str; 6] = ["NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE"];
const TAU: f32 = 0.05;
/// Height and width of the screen, as Atari has it.
const SCREEN: [usize; 2] = [210, 160];
const SIDE: usize = 84;
const STACK: usize = 4;

/// A run of soft Q-learning on Pong, at a moment of its game. A run that failed has a fault on record.
pub fn focus(run: &RunInfo, moment: u64) -> Focus {
    Focus {
        id: run.id,
        config: Arc::new(config(&run.script)),
        events: events(run.state).into(),
        versions: Vec::new().into(),
        params: params().into(),
        last_record: Some(Arc::new(record())),
        checkpoints: vec![100_000, 200_000, 300_000, 400_000].into(),
        live: live(run, moment),
        control: "[params]\ntau = 0.05\n".into(),
        problems: Vec::new().into(),
    }
}

fn config(script: &str) -> toml::Table {
    let mut config: toml::Table =
        "preset = \"paper\"\nlearner = \"replay\"\ndevice = \"auto\"\nbatch = 32\nn = 1\nheads = [\"q\"]\n"
            .parse()
            .expect("a table");
    config.insert("script".to_owned(), script.into());
    config
}

fn params() -> Vec<Param> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("soft_kl.rhai");
    std::fs::write(&path, SCRIPT).expect("a writable folder");
    Script::load(&path).expect("a script").params().to_vec()
}

/// The live slots at a moment of the game, ten to a second.
pub fn live(run: &RunInfo, moment: u64) -> Live {
    Live {
        status: Some(Arc::new(status(run))),
        agent: Some(Arc::new(agent(moment))),
        picture: Some(Arc::new(picture(moment))),
    }
}

fn status(run: &RunInfo) -> Status {
    let activity = match run.state {
        RunState::Paused => Activity::Paused,
        RunState::Evaluating => Activity::Evaluating,
        RunState::Done => Activity::Done,
        RunState::Failed => Activity::Failed,
        RunState::Stopped => Activity::Stopped,
        _ => Activity::Running,
    };
    let frames = run.progress.frames;
    Status {
        activity,
        beat: 1,
        pid: 48_213,
        host: "node07".to_owned(),
        unix_ms: 1_700_000_000_000,
        frames,
        total_frames: run.progress.total_frames,
        agent_steps: frames / 4,
        updates: frames / 16,
        frames_per_s: run.progress.frames_per_s.unwrap_or(0.0),
        updates_per_s: run.progress.frames_per_s.unwrap_or(0.0) / 16.0,
        mean_return: run.progress.mean_return,
        loss: Some(0.00384),
        epsilon: 0.01,
        learning_rate: 1e-4,
        replay: 862_144,
        replay_capacity: 1_000_000,
        device: "NVIDIA GeForce RTX 4090 (Vulkan)".to_owned(),
        script: "soft_kl".to_owned(),
        script_hash: "3f9a01bc".to_owned(),
        script_since: 190_000,
        params: [("tau", 0.05), ("gamma", 0.99), ("delta", 1.0), ("window", 3.0), ("double", 1.0)]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        phases: [("act", 0.18), ("step", 0.27), ("sample", 0.06), ("update", 0.44)]
            .map(|(name, share)| (name.to_owned(), share))
            .into(),
    }
}

fn agent(moment: u64) -> AgentView {
    let time = moment as f32 / 10.0;
    let base = 1.3 + 0.4 * (0.6 * time).sin();
    let q: Vec<f32> =
        (0..ACTIONS.len()).map(|action| base + 0.09 * (1.7 * time + 1.1 * action as f32).sin()).collect();
    let weights: Vec<f32> = q.iter().map(|q| ((q - base) / TAU).exp()).collect();
    let total: f32 = weights.iter().sum();
    let policy: Vec<f32> = weights.iter().map(|weight| weight / total).collect();
    let entropy = -policy.iter().map(|share| share * share.ln()).sum::<f32>();
    let best = (0..q.len()).max_by(|a, b| q[*a].total_cmp(&q[*b])).unwrap_or(0);
    // An episode ends in the middle of what is seen.
    let steps = if moment < 30 { 1200 + moment } else { moment - 30 };
    AgentView {
        beat: moment + 1,
        agent_steps: 2_075_000 + moment,
        actions: ACTIONS.map(str::to_owned).to_vec(),
        action: best,
        v: Some(base + TAU * (total / ACTIONS.len() as f32).ln()),
        q: Some(q),
        policy: policy.clone(),
        entropy,
        kl_uniform: (ACTIONS.len() as f32).ln() - entropy,
        boltzmann: Some(policy),
        tau: Some(f64::from(TAU)),
        epsilon: 0.01,
        episode_return: if moment < 30 { 17.0 } else { 2.0 },
        episode_agent_steps: steps,
        last_returns: vec![19.0, 16.0, 18.0],
        ..AgentView::default()
    }
}

/// Pong, as it looks.
fn picture(moment: u64) -> Picture {
    let [height, width] = SCREEN;
    let mut screen = Vec::with_capacity(3 * height * width);
    for y in 0..height {
        for x in 0..width {
            screen.extend(pixel(moment, x as f32, y as f32));
        }
    }
    let mut stack = Vec::with_capacity(STACK * SIDE * SIDE);
    for frame in 0..STACK as u64 {
        let moment = moment.saturating_sub(STACK as u64 - 1 - frame);
        for row in 0..SIDE {
            for column in 0..SIDE {
                let scale = |at: usize, size: usize| (at as f32 + 0.5) * size as f32 / SIDE as f32;
                let [red, green, blue] = pixel(moment, scale(column, width), scale(row, height));
                stack
                    .push(((77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue)) >> 8) as u8);
            }
        }
    }
    Picture { screen, screen_size: SCREEN, stack, stack_size: [STACK, SIDE, SIDE] }
}

fn pixel(moment: u64, x: f32, y: f32) -> [u8; 3] {
    let time = moment as f32;
    let ball = [20.0 + (time * 7.0) % 120.0, 114.0 + 60.0 * (0.21 * time).sin()];
    let is_in = |left: f32, top: f32, width: f32, height: f32| {
        (left..left + width).contains(&x) && (top..top + height).contains(&y)
    };
    if is_in(ball[0], ball[1], 2.0, 4.0) || is_in(0.0, 24.0, 160.0, 10.0) || is_in(0.0, 194.0, 160.0, 16.0) {
        [236, 236, 236]
    } else if is_in(16.0, ball[1] - 10.0, 4.0, 16.0) {
        [213, 130, 74]
    } else if is_in(140.0, ball[1] - 6.0, 4.0, 16.0) {
        [92, 186, 92]
    } else {
        [144, 72, 17]
    }
}

fn record() -> TrainRecord {
    const LAYERS: [&str; 10] = [
        "conv1.weight",
        "conv1.bias",
        "conv2.weight",
        "conv2.bias",
        "conv3.weight",
        "conv3.bias",
        "hidden.weight",
        "hidden.bias",
        "q.weight",
        "q.bias",
    ];
    let norms = |scale: f64, slope: f64| -> BTreeMap<String, Option<f64>> {
        let norm = |(place, name): (usize, &&str)| {
            (
                (*name).to_owned(),
                Some(scale * (1.0 + slope * place as f64) / (1.0 + (place % 2) as f64 * 6.0)),
            )
        };
        LAYERS.iter().enumerate().map(norm).collect()
    };
    let mut grad_norms = norms(0.021, 0.2);
    grad_norms.insert("q.bias".to_owned(), None);
    TrainRecord {
        frames: 8_300_000,
        agent_steps: 2_075_000,
        updates: 518_750,
        mean_return: Some(17.82),
        learning_rate: 1e-4,
        epsilon: 0.01,
        replay: 862_144,
        metrics: [("loss".to_owned(), Some(0.00384))].into(),
        params: [("tau".to_owned(), 0.05)].into(),
        grad_norms,
        weight_norms: norms(9.6, 0.35),
    }
}

fn events(state: RunState) -> Vec<Event> {
    let event = |name: &str, update: u64, detail: Value| {
        let Value::Object(detail) = detail else { panic!("{detail}") };
        Event { event: name.to_owned(), update, agent_steps: 4 * update, detail }
    };
    let refusal = "error: `t` has no field `rewrd`\n  --> soft_kl.rhai:14:7\n   |\n14 |     (t.rewrd - net.q[t.action]) ** 2\n   |       ^^^^^ no such field\nhint: did you mean `reward`?";
    let mut events = vec![
        event("checkpoint", 100_000, json!({"seconds": 0.61})),
        event("params", 152_300, json!({"params": {"tau": 0.08}, "source": "control.toml"})),
        event("reload", 190_000, json!({"hash": "3f9a01bc5d6e7f80", "ms": 54})),
        event("checkpoint", 200_000, json!({"seconds": 0.58})),
        event("reload_refused", 214_750, json!({"diagnostic": refusal})),
        event("pause", 260_112, json!({})),
        event("continue", 260_112, json!({})),
        event("checkpoint", 300_000, json!({"seconds": 0.6})),
        event("params", 312_000, json!({"params": {"tau": 0.05, "delta": 1.0}, "source": "control.toml"})),
        event("checkpoint", 400_000, json!({"seconds": 0.59})),
    ];
    if state == RunState::Failed {
        let message = "error: the loss is not finite: log of a number that is not positive\n  --> soft_kl.rhai:15:13\n   |\n15 |     let h = log(pi);\n   |             ^^^ −3.1e-8 → NaN, in 2 of 32 samples\nhint: log_softmax(logits) has no such gap";
        let kept = "faults/000000431207.safetensors";
        events.push(event("fault", 431_207, json!({"message": message, "kept": kept})));
    }
    events
}
