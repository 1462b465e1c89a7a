//! The script's panel on a run of its own: what its keys and buttons do to files, and golden pictures.
//! `UPDATE_SNAPSHOTS=1 cargo test -p kelvin-monitor --test script` draws the pictures anew.

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use eframe::egui::{Event, Key, Modifiers, Theme, Vec2};
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, HarnessBuilder, SnapshotOptions};
use kelvin_monitor::script::{ScriptAction, ScriptContext, ScriptPanel, Shape, Tab};
use kelvin_monitor::theme;
use kelvin_objective::sources_hash;
use kelvin_run::{ObjectiveVersion, RunDir};
use libtest_mimic::{Arguments, Trial};

const LAPTOP: [f32; 2] = [1280.0, 800.0];

const SOFT_KL: &str = r#"// soft_kl.rhai: one-step soft Q-learning, KL penalty against the uniform policy
import "soft" as soft;

fn config() {
    #{ learner: "replay", n: 1, heads: ["q"], exploration: epsilon_greedy(1.0, 0.01) }
}

fn params() {
    #{
        tau: param(0.1, 0.001, 10.0, "temperature of the KL penalty"),
        gamma: param(0.99, 0.0, 1.0, "discount"),
        delta: param(1.0, 0.01, 100.0, "Huber threshold"),
    }
}

fn target(t, p) {
    let v_next = soft::value(t.next.q, p.tau);
    t.reward + p.gamma * (1 - t.terminated) * v_next
}

fn loss(net, y, t, p) {
    let err = net.q[t.action] - y;
    metric("td_abs", abs(err));
    metric("q_max", max(net.q));
    huber(err, p.delta)
}
"#;
/// Windows of twenty steps: hundreds of operations.
const PCL: &str = r#"fn config() { #{ learner: "replay", n: 20, heads: ["logits", "v"] } }

fn params() { #{
    tau: param(0.05, 0.001, 10.0, "temperature of the KL penalty"),
    gamma: param(0.99, 0.0, 1.0, "discount"),
} }

fn loss(net, t, p) {
    let log_pi = log_softmax(net.steps.logits)[t.steps.action];
    let log_ratio = select(t.steps.valid, log_pi + log(len(net.logits)), 0);
    let path = discounted_return(t.steps.reward - p.tau * log_ratio, p.gamma);
    let v_last = (1 - t.terminated) * net.next.v;
    let residual = path + p.gamma ** t.n * v_last - net.v;
    metric("residual_abs", abs(residual));
    0.5 * residual ** 2
}
"#;
const SOFT: &str = "fn value(q, tau) {\n    tau * logmeanexp(q / tau)\n}\n";

/// A run on a disk, and the panel that looks at it.
struct Bench {
    panel: ScriptPanel,
    folder: tempfile::TempDir,
    script: PathBuf,
    versions: Vec<ObjectiveVersion>,
    shape: Shape,
    actions: Vec<ScriptAction>,
    lives: bool,
    events: Vec<kelvin_run::Event>,
    /// Another script that is looked at instead.
    other: Option<PathBuf>,
}

impl Bench {
    fn new(text: &str, config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = folder.path().join("soft_kl.rhai");
        fs::create_dir(folder.path().join("lib")).expect("a writable folder");
        fs::write(folder.path().join("lib/soft.rhai"), SOFT).expect("a writable folder");
        let config: toml::Table = config.parse().expect("a table");
        let shape = Shape::read(&config, "", Some(6)).expect("a shape");
        let panel = ScriptPanel::new();
        let mut bench = Self {
            panel,
            folder,
            script,
            versions: Vec::new(),
            shape,
            actions: Vec::new(),
            lives: true,
            events: Vec::new(),
            other: None,
        };
        let dir = RunDir::create(bench.run()).expect("a writable folder");
        dir.write_config(&config.to_string()).expect("a writable folder");
        // Two versions ran: one without the line for q_max, and this one.
        let first = text
            .replace("    metric(\"q_max\", max(net.q));\n", "")
            .replace("gamma: param(0.99", "gamma: param(0.95");
        bench.record(0, &first);
        bench.record(1500, text);
        bench
    }

    fn run(&self) -> PathBuf {
        self.folder.path().join("soft_kl-pong-s0")
    }

    /// The run takes up what is written.
    fn record(&mut self, update: u64, text: &str) {
        fs::write(&self.script, text).expect("a writable folder");
        let dir = RunDir::open(self.run()).expect("a run");
        let hash = sources_hash(&self.script).expect("a script");
        let lib = self.folder.path().join("lib/soft.rhai");
        let mut sources = vec![(self.script.clone(), text.to_owned())];
        if text.contains("import") {
            sources.push((lib, SOFT.to_owned()));
        }
        dir.record_objective(update, &hash, &sources).expect("a disk");
        self.versions = dir.objectives().expect("an index");
    }

    fn on_disk(&self) -> String {
        fs::read_to_string(&self.script).expect("a script")
    }
}

fn soft_kl() -> Bench {
    Bench::new(SOFT_KL, "batch = 32\nn = 1\nheads = [\"q\"]\n")
}

fn pcl() -> Bench {
    Bench::new(PCL, "batch = 32\nn = 20\nheads = [\"logits\", \"v\"]\n")
}

fn frame(ui: &mut eframe::egui::Ui, bench: &mut Bench) {
    theme::install(ui.ctx());
    let run = bench.run();
    let context = ScriptContext {
        run_name: "soft_kl · pong · seed 0",
        run_dir: &run,
        script: Some(bench.other.as_ref().unwrap_or(&bench.script)),
        lives: bench.lives,
        shared_by: 0,
        versions: &bench.versions,
        shape: Ok(&bench.shape),
        events: &bench.events,
    };
    // Up to the edge: the harness leaves a margin around what it draws.
    let room = ui.ctx().content_rect();
    ui.painter().with_clip_rect(room).rect_filled(room, 0.0, theme::Palette::of(ui).panel);
    bench.actions.extend(bench.panel.show(ui, &context));
}

fn builder(size: [f32; 2], scale: f32, theme: Theme) -> HarnessBuilder<Bench> {
    Harness::builder()
        .with_size(Vec2::from(size) / scale)
        .with_pixels_per_point(scale)
        .with_theme(theme)
        .with_step_dt(0.05)
        .with_max_steps(64)
}

/// Draws until what was asked for is there and drawn.
#[track_caller]
fn until(harness: &mut Harness<'_, Bench>, what: &str, done: impl Fn(&Bench) -> bool) {
    let start = Instant::now();
    while !done(harness.state()) {
        assert!(start.elapsed() < Duration::from_secs(60), "it never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
        harness.step();
    }
    for _ in 0..4 {
        harness.step();
    }
}

fn settle(harness: &mut Harness<'_, Bench>) {
    for _ in 0..3 {
        harness.step();
    }
    until(harness, "rest", |bench| bench.panel.is_settled());
}

/// Draws until this text is on the screen.
#[track_caller]
fn seen(harness: &mut Harness<'_, Bench>, text: &str) {
    let start = Instant::now();
    while harness.query_by_label_contains(text).is_none() {
        assert!(start.elapsed() < Duration::from_secs(60), "{text:?} never came");
        std::thread::sleep(Duration::from_millis(5));
        harness.step();
    }
}

fn plain(bench: Bench) -> Harness<'static, Bench> {
    let mut harness = builder(LAPTOP, 1.0, Theme::Dark).build_ui_state(frame, bench);
    settle(&mut harness);
    harness
}

/// Clicks into the text and goes to a place in it, by keys.
fn go_to(harness: &mut Harness<'_, Bench>, line: usize, column: usize) {
    harness.get_by_label("Script").focus();
    harness.step();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::G);
    harness.step();
    harness.step();
    type_text(harness, &line.to_string());
    harness.key_press(Key::Enter);
    harness.step();
    harness.step();
    for _ in 1..column {
        harness.key_press(Key::ArrowRight);
    }
    harness.step();
}

fn type_text(harness: &mut Harness<'_, Bench>, text: &str) {
    harness.event(Event::Text(text.to_owned()));
    harness.step();
}

fn unsaved<'a>(harness: &'a Harness<'_, Bench>) -> Vec<&'a std::path::Path> {
    harness.state().panel.unsaved().into_iter().map(|unsaved| unsaved.path).collect()
}

fn edits() {
    let mut harness = plain(soft_kl());
    seen(&mut harness, "in force since update 1,500");

    // A mistake appears where it is typed, the last good version is named, and nothing is written.
    go_to(&mut harness, 18, 1);
    type_text(&mut harness, "    let x = t.rewrd;\n");
    seen(&mut harness, "rewrd");
    seen(&mut harness, "goes on, since update 1,500");
    seen(&mut harness, "not applied");
    assert_eq!(harness.state().on_disk(), SOFT_KL);
    assert_eq!(unsaved(&harness), [harness.state().script.as_path()]);
    // It goes, with the keys that it came with.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.step();
    seen(&mut harness, "in force since update 1,500");

    // A sound edit is applied, and what the run makes of it is told.
    go_to(&mut harness, 23, 1);
    type_text(&mut harness, "    metric(\"y\", y);\n");
    seen(&mut harness, "Differs from");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    until(&mut harness, "the file", |bench| !bench.actions.is_empty());
    let wanted = SOFT_KL.replace("    metric(\"td_abs\"", "    metric(\"y\", y);\n    metric(\"td_abs\"");
    assert_eq!(harness.state().on_disk(), wanted);
    let path = harness.state().script.clone();
    assert_eq!(harness.state().actions, [ScriptAction::Applied { path }]);
    seen(&mut harness, "the run takes it up");
    harness.state_mut().record(1800, &wanted);
    seen(&mut harness, "in force since update 1,800");
}

fn reverts() {
    let mut harness = plain(soft_kl());
    harness.get_by_label("Revert the script").click();
    harness.step();
    harness.step();
    harness.get_by_label_contains("from update 0").click();
    harness.step();
    seen(&mut harness, "not applied");
    harness.get_by_label("Apply the script").click();
    until(&mut harness, "the file", |bench| !bench.actions.is_empty());
    assert!(harness.state().on_disk().contains("gamma: param(0.95"));
    // And the key that undoes brings the other text back.
    harness.get_by_label("Script").focus();
    harness.step();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.step();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    until(&mut harness, "the file", |bench| bench.actions.len() == 2);
    assert_eq!(harness.state().on_disk(), SOFT_KL);
}

fn conflicts() {
    let mut harness = plain(soft_kl());
    go_to(&mut harness, 1, 1);
    type_text(&mut harness, "// mine\n");
    let theirs = format!("// theirs\n{SOFT_KL}");
    fs::write(&harness.state().script, &theirs).expect("a writable folder");
    seen(&mut harness, "changed by somebody else");
    // Nothing is written over before somebody decides.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    for _ in 0..5 {
        harness.step();
    }
    assert_eq!(harness.state().on_disk(), theirs);
    harness.get_by_label("Keep mine").click();
    harness.step();
    harness.step();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    until(&mut harness, "the file", |bench| !bench.actions.is_empty());
    assert_eq!(harness.state().on_disk(), format!("// mine\n{SOFT_KL}"));
}

fn finds() {
    let mut harness = plain(soft_kl());
    harness.get_by_label("Script").focus();
    harness.step();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.step();
    harness.step();
    type_text(&mut harness, "metric");
    seen(&mut harness, "1 of 2");
    harness.get_by_label_contains("Next match").click();
    harness.step();
    seen(&mut harness, "2 of 2");
    harness.key_press(Key::F3);
    harness.step();
    seen(&mut harness, "1 of 2");
    harness.key_press(Key::Escape);
    harness.step();
    assert!(harness.query_by_label_contains("of 2").is_none());
}

fn reads() {
    let bench = soft_kl();
    fs::remove_file(&bench.script).expect("a file");
    let mut harness = plain(bench);
    seen(&mut harness, "not on this machine");
    seen(&mut harness, "read only");
    seen(&mut harness, "in force since update 1,500");
    assert!(harness.query_by_label("Apply the script").is_none());
    harness.state_mut().panel.open(Tab::Wgsl);
    harness.step();
    seen(&mut harness, "Copy the kernel");
}

fn points() {
    let mut bench = soft_kl();
    bench.panel.open(Tab::Graph);
    let mut harness = plain(bench);
    let node = "x";
    assert!(harness.query_all_by_label_contains(node).count() > 8, "the nodes have names");
    // Pointed at, it says what it is; clicked, it leads to where it stands.
    harness.get_by_label_contains("net.q[t.action], 22:").hover();
    harness.step();
    seen(&mut harness, "at, scalar");
    seen(&mut harness, "22:20  let err = net.q[t.action] - y;");
    harness.get_by_label_contains("net.q[t.action], 22:").click();
    harness.step();
    harness.step();
    seen(&mut harness, "Line 22");
}

fn waits() {
    let mut harness = plain(soft_kl());
    go_to(&mut harness, 1, 1);
    type_text(&mut harness, "// mine\n");
    let other = harness.state().folder.path().join("other.rhai");
    fs::write(&other, SOFT_KL.replace("q_max", "other")).expect("a writable folder");
    harness.state_mut().other = Some(other);
    settle(&mut harness);
    seen(&mut harness, "other.rhai");
    assert!(harness.query_by_label("not applied").is_none());
    assert_eq!(unsaved(&harness), [harness.state().script.as_path()]);
    harness.state_mut().other = None;
    settle(&mut harness);
    seen(&mut harness, "not applied");
    harness.get_by_label("Apply the script").click();
    until(&mut harness, "the file", |bench| !bench.actions.is_empty());
    assert_eq!(harness.state().on_disk(), format!("// mine\n{SOFT_KL}"));
}

fn refuses() {
    let mut bench = soft_kl();
    let text = SOFT_KL.replace("q_max", "q_most");
    fs::write(&bench.script, &text).expect("a writable folder");
    bench.events.push(kelvin_run::Event {
        event: "reload_refused".to_owned(),
        update: 1600,
        agent_steps: 6400,
        detail: [("diagnostic".to_owned(), "error: too little memory\n --> x".into())].into_iter().collect(),
    });
    let mut harness = plain(bench);
    seen(&mut harness, "The run refused it: too little memory");
    seen(&mut harness, "622b22cf goes on");
    // Once it runs there is nothing to say.
    harness.state_mut().record(1700, &text);
    seen(&mut harness, "in force since update 1,700");
    assert!(harness.query_by_label_contains("refused").is_none());
}

fn reloads() {
    let mut harness = plain(soft_kl());
    go_to(&mut harness, 1, 1);
    type_text(&mut harness, "// mine\n");
    fs::write(&harness.state().script, format!("// theirs\n{SOFT_KL}")).expect("a writable folder");
    seen(&mut harness, "changed by somebody else");
    harness.get_by_label("Reload").click();
    settle(&mut harness);
    assert!(harness.state().panel.unsaved().is_empty());
    harness.get_by_label("Script").focus();
    harness.step();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.step();
    seen(&mut harness, "not applied");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    until(&mut harness, "the file", |bench| !bench.actions.is_empty());
    assert_eq!(harness.state().on_disk(), format!("// mine\n{SOFT_KL}"));
}

fn picture(
    name: &str,
    bench: Bench,
    size: [f32; 2],
    theme: Theme,
    scale: f32,
    prepare: fn(&mut Harness<'_, Bench>),
) {
    let options = SnapshotOptions::new().threshold(2.0).max_failed_pixels(300);
    let mut harness = builder(size, scale, theme).with_options(options).wgpu().build_ui_state(frame, bench);
    settle(&mut harness);
    prepare(&mut harness);
    settle(&mut harness);
    support::drawing::compare(&mut harness, name);
}

fn wrong(harness: &mut Harness<'_, Bench>) {
    go_to(harness, 18, 1);
    type_text(harness, "    let v = t.rewrd * p.gamma;\n");
    seen(harness, "goes on");
}

fn tab(tab: Tab) -> Bench {
    let mut bench = soft_kl();
    bench.panel.open(tab);
    bench
}

fn compared(harness: &mut Harness<'_, Bench>) {
    go_to(harness, 23, 1);
    type_text(harness, "    metric(\"y\", y);\n");
    harness.state_mut().panel.open(Tab::Diff);
    harness.step();
    harness.get_by_label("Compare with").click();
    harness.step();
    harness.step();
    harness.get_by_label_contains("from update 0").click();
    harness.step();
    harness.step();
}

fn whole_graph(harness: &mut Harness<'_, Bench>) {
    harness.state_mut().panel.open(Tab::Graph);
    settle(harness);
    harness.get_by_label("Fit the graph into the room").click();
    harness.step();
}

fn conflict(harness: &mut Harness<'_, Bench>) {
    go_to(harness, 1, 1);
    type_text(harness, "// mine\n");
    fs::write(&harness.state().script, format!("// theirs\n{SOFT_KL}")).expect("a writable folder");
    seen(harness, "changed by somebody else");
}

fn find(harness: &mut Harness<'_, Bench>) {
    harness.get_by_label("Script").focus();
    harness.step();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.step();
    harness.step();
    type_text(harness, "param");
    seen(harness, "1 of 4");
}

fn beside(harness: &mut Harness<'_, Bench>) {
    compared(harness);
    harness.get_by_label("Form: Side by side").click();
    harness.step();
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let plain: [(&str, fn()); 9] = [
        ("an_edit_is_checked_applied_and_taken_up", edits),
        ("an_earlier_version_comes_back", reverts),
        ("a_conflict_is_decided_by_somebody", conflicts),
        ("a_search_goes_round", finds),
        ("a_script_that_is_elsewhere_is_read_only", reads),
        ("a_node_leads_to_its_line", points),
        ("edits_wait_while_another_script_is_looked_at", waits),
        ("what_the_run_refused_is_told", refuses),
        ("what_was_reloaded_can_be_taken_back", reloads),
    ];
    let pictures: Vec<(&str, fn())> = vec![
        ("script_dark", || picture("script_dark", soft_kl(), LAPTOP, Theme::Dark, 1.0, wrong)),
        ("script_light", || picture("script_light", soft_kl(), LAPTOP, Theme::Light, 1.0, wrong)),
        ("diff_dark", || picture("script_diff_dark", soft_kl(), LAPTOP, Theme::Dark, 1.0, compared)),
        ("diff_light", || picture("script_diff_light", soft_kl(), LAPTOP, Theme::Light, 1.0, beside)),
        ("graph_dark", || {
            picture("script_graph_dark", tab(Tab::Graph), LAPTOP, Theme::Dark, 1.0, |harness| {
                go_to(harness, 18, 5)
            })
        }),
        ("graph_light", || picture("script_graph_light", tab(Tab::Graph), LAPTOP, Theme::Light, 1.0, |_| {})),
        ("kernel_light", || {
            picture("script_kernel_light", tab(Tab::Wgsl), LAPTOP, Theme::Light, 1.0, |_| {})
        }),
        ("conflict_dark", || picture("script_conflict_dark", soft_kl(), LAPTOP, Theme::Dark, 1.0, conflict)),
        ("find_light", || picture("script_find_light", soft_kl(), LAPTOP, Theme::Light, 1.0, find)),
        ("graph_large_dark", || {
            picture("script_graph_large_dark", pcl(), LAPTOP, Theme::Dark, 1.0, whole_graph)
        }),
        ("narrow_dark", || {
            picture("script_narrow_dark", tab(Tab::Graph), [1040.0, 1400.0], Theme::Dark, 2.0, |_| {})
        }),
    ];
    let mut trials: Vec<Trial> = plain.map(|(name, trial)| support::drawing::plain(name, trial)).into();
    trials.extend(support::drawing::pictures(pictures));
    libtest_mimic::run(&args, trials).exit_code()
}
