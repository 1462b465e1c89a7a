//! What somebody does with a run, and what the run has recorded of it afterwards.

use crate::eyes::Eyes;
use crate::hands::{Hands, Key};
use eframe::egui::ViewportCommand;
use eframe::egui::accesskit::Role;
use kelvin_run::RunDir;
use kelvin_tests::command::{kelvin, repository};
use kelvin_tests::records;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The script, in the folder of the runs: somebody's own, to be edited.
const SCRIPT: &str = "mine.rhai";

/// The run: long enough, and with a script that may be edited.
pub fn train(folder: &Path, run: &Path) -> Command {
    let shipped = repository().join("scripts/soft_kl.rhai");
    let script = folder.join(SCRIPT);
    fs::copy(shipped, &script).expect("a shipped script");
    let mut command = kelvin();
    command.arg("train").arg(script).args(["--env", "catch", "--device", "cpu", "--quiet"]);
    command.args(["--frames", "100M", "--out"]).arg(run);
    command
}

/// Closes the window whatever happens, so that its process ends.
struct Curtain(Eyes);

impl Drop for Curtain {
    fn drop(&mut self) {
        self.0.ctx().send_viewport_cmd(ViewportCommand::Close);
    }
}

/// Somebody with a run before them.
struct User<'a> {
    run: &'a Path,
    eyes: Eyes,
    hands: Hands,
}

/// Looks, turns a parameter, edits the script wrongly and rightly, lets the run wait, go on, and stop.
pub fn tell(run: &Path, eyes: Eyes) {
    let curtain = Curtain(eyes.clone());
    eyes.read("catch");
    let user = User { run, eyes, hands: Hands::new() };
    user.hands.take_keyboard();
    user.looks_on();
    user.turns_the_temperature();
    user.edits_wrongly();
    user.edits_rightly();
    user.pauses_and_goes_on();
    user.stops();
    drop(curtain);
}

impl User<'_> {
    fn looks_on(&self) {
        self.click(Role::Tab, "Live");
        // Written only since somebody looks.
        let shown = || RunDir::open(self.run).ok()?.read_agent().ok()?.map(|agent| agent.beat);
        let before = shown();
        self.eyes.wait("another view", || (shown() > before).then_some(()));
    }

    fn turns_the_temperature(&self) {
        self.click(Role::Tab, "Parameters");
        let slider = self.eyes.find(Role::Slider, "tau:");
        self.hands.drag(&[slider.at(0.5, 0.5), slider.at(0.6, 0.5), slider.at(0.8, 0.5)]);
        let control = RunDir::open(self.run).expect("a run");
        let wanted = self.eyes.wait("a temperature in control.toml", || {
            let text = control.read_control().ok()??;
            text.lines().find_map(|line| line.strip_prefix("tau = ")?.parse::<f64>().ok())
        });
        assert!(wanted > 0.1, "{wanted} after the slider went to the right of its middle");
        let last = self.eyes.wait("that temperature in the run's status", || {
            let status = control.read_status().ok()??;
            let asked = control.read_control().ok()??;
            asked.contains(&format!("tau = {}", status.params["tau"])).then_some(status.params["tau"])
        });
        let event = self.event("params", 1);
        assert!(event.to_string().contains("tau"), "{event}");
        assert!(last > 0.1, "{last}");
    }

    fn edits_wrongly(&self) {
        self.click(Role::Tab, "Script");
        let text = self.eyes.find(Role::MultilineTextInput, "Script");
        self.hands.click(text.at(0.5, 0.5));
        self.hands.command(Key::End);
        self.hands.type_text("\nfn wrong(x) { x + }");
        // In place, before anything is written.
        self.eyes.read("`}` is not expected here");
        assert!(records::events_of(self.run, "reload_refused").is_empty());
        self.hands.command('s');
        let refused = self.event("reload_refused", 1);
        assert!(refused["diagnostic"].as_str().is_some_and(|text| text.contains(SCRIPT)), "{refused}");
    }

    fn edits_rightly(&self) {
        for _ in " }".chars() {
            self.hands.press(Key::Backspace);
        }
        self.hands.type_text(" 1.0 }");
        self.click(Role::Button, "Apply the script");
        self.event("reload", 1);
        assert_eq!(records::events_of(self.run, "reload_refused").len(), 1);
        let run = RunDir::open(self.run).expect("a run");
        self.eyes.wait("its second version", || (run.objectives().expect("sound").len() == 2).then_some(()));
    }

    fn pauses_and_goes_on(&self) {
        self.click(Role::Tab, "Control");
        self.click(Role::Button, "Pause");
        let paused = self.event("paused", 1);
        self.click(Role::Button, "Step");
        self.event("step", 1);
        self.click(Role::Button, "Go on");
        let goes_on = self.event("continued", 1);
        assert!(records::count(&goes_on, "update") > records::count(&paused, "update"), "a step was made");
    }

    fn stops(&self) {
        self.click(Role::Button, "Stop…");
        self.click(Role::Button, "Stop the run");
        self.event("stopped", 1);
        self.eyes.read("stopped");
    }

    fn click(&self, role: Role, name: &str) {
        self.hands.click(self.eyes.find(role, name).at(0.5, 0.5));
    }

    /// Waits for the `nth` event of a kind, counted from 1.
    #[track_caller]
    fn event(&self, kind: &str, nth: usize) -> Value {
        self.eyes.wait(&format!("event `{kind}`"), || {
            let mut events = records::events_of(self.run, kind);
            (events.len() >= nth).then(|| events.swap_remove(nth - 1))
        })
    }
}
