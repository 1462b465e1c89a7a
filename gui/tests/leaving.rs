//! Closing the window while a script has edits that were not applied.

mod support;

use std::fs;
use std::path::PathBuf;

use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Key, Modifiers, ViewportCommand, ViewportEvent, ViewportId};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use kelvin_monitor::data::RunId;
use kelvin_monitor::monitor::Monitor;
use kelvin_monitor::panels::PanelKind;
use support::focused::SCRIPT;
use support::{laboratory_with, monitor, settle, until, with_script};

const QUESTION: &str = "Edits were not applied";

/// A window whose script is edited, and the script's file.
struct Edited {
    harness: Harness<'static, Monitor>,
    script: PathBuf,
    _folder: tempfile::TempDir,
}

impl Edited {
    fn new(is_edited: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut source = laboratory_with(RunId(8));
        let script = with_script(&mut source, folder.path());
        let mut harness = monitor(source, [1280.0, 800.0]);
        harness.state_mut().selection_mut().select(RunId(8));
        harness.state_mut().layout().open(PanelKind::Script);
        settle(&mut harness);
        let mut edited = Self { harness, script, _folder: folder };
        // The source hears of the selection after the frame.
        edited.harness.run_steps(3);
        edited.rest();
        if is_edited {
            edited.harness.get_by_role_and_label(Role::MultilineTextInput, "Script").focus();
            edited.harness.step();
            edited.harness.key_press_modifiers(Modifiers::COMMAND, Key::Home);
            edited.harness.event(Event::Text("// mine\n".to_owned()));
            edited.harness.step();
            edited.rest();
        }
        assert_eq!(edited.harness.state_mut().panels().script.panel().has_unsaved(), is_edited);
        edited
    }

    fn rest(&mut self) {
        until(&mut self.harness, "rest", |harness| harness.state_mut().panels().script.panel().is_settled());
    }

    /// The desktop asks the window to close; whether it would.
    fn close(&mut self) -> bool {
        let viewports = &mut self.harness.input_mut().viewports;
        viewports.get_mut(&ViewportId::ROOT).expect("a window").events.push(ViewportEvent::Close);
        self.harness.step();
        let closes = !commands(&self.harness).any(|command| *command == ViewportCommand::CancelClose);
        self.harness.run_steps(3);
        closes
    }

    fn is_asked(&self) -> bool {
        self.harness.query_by_label(QUESTION).is_some()
    }

    /// Goes on until the window closes itself.
    fn leaves(&mut self) {
        until(&mut self.harness, "the end", |harness| {
            commands(harness).any(|command| *command == ViewportCommand::Close)
        });
    }

    fn on_disk(&self) -> String {
        fs::read_to_string(&self.script).expect("a script")
    }
}

fn commands<'a>(harness: &'a Harness<'_, Monitor>) -> impl Iterator<Item = &'a ViewportCommand> {
    harness.output().viewport_output[&ViewportId::ROOT].commands.iter()
}

#[test]
fn nothing_is_asked_where_nothing_would_be_lost() {
    let mut edited = Edited::new(false);
    assert!(edited.close() && !edited.is_asked());
}

#[test]
fn escape_leaves_the_window_open() {
    let mut edited = Edited::new(true);
    assert!(!edited.close() && edited.is_asked());
    edited.harness.key_press(Key::Escape);
    edited.harness.run_steps(3);
    assert!(!edited.is_asked() && edited.on_disk() == SCRIPT);
    // And is asked again the next time.
    assert!(!edited.close() && edited.is_asked());
    edited.harness.get_by_label("Cancel").click();
    edited.harness.run_steps(3);
    assert!(!edited.is_asked());
}

#[test]
fn edits_are_applied_by_the_keyboard_alone() {
    let mut edited = Edited::new(true);
    assert!(!edited.close());
    assert!(edited.harness.get_by_label("Apply").accesskit_node().is_focused());
    edited.harness.key_press(Key::Enter);
    edited.leaves();
    assert_eq!(edited.on_disk(), format!("// mine\n{SCRIPT}"));
    assert!(edited.close(), "it is not held any more");
}

#[test]
fn edits_are_discarded_by_the_keyboard_alone() {
    let mut edited = Edited::new(true);
    assert!(!edited.close());
    edited.harness.key_press(Key::Tab);
    edited.harness.step();
    assert!(edited.harness.get_by_label("Discard").accesskit_node().is_focused());
    // The frame of the key alone: that of its release has forgotten the command.
    edited.harness.input_mut().events.push(Event::Key {
        key: Key::Enter,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: Modifiers::NONE,
    });
    edited.harness.step();
    edited.leaves();
    assert!(edited.on_disk() == SCRIPT && edited.close());
}

#[test]
fn edits_of_a_script_that_is_out_of_sight_are_applied() {
    let mut edited = Edited::new(true);
    // Another run is looked at, and another panel lies over the script.
    edited.harness.state_mut().selection_mut().select(RunId(3));
    edited.harness.run_steps(3);
    edited.harness.get_by_label("Script, edits not applied");
    edited.harness.state_mut().layout().open(PanelKind::Curves);
    settle(&mut edited.harness);
    assert!(!edited.close() && edited.is_asked());
    edited.harness.get_by_label("soft_kl.rhai");
    edited.harness.get_by_label("Apply").click();
    edited.leaves();
    assert_eq!(edited.on_disk(), format!("// mine\n{SCRIPT}"));
}

#[test]
fn edits_are_there_again_with_their_run() {
    let mut edited = Edited::new(true);
    edited.harness.state_mut().selection_mut().select(RunId(3));
    edited.harness.run_steps(3);
    assert!(edited.harness.get_all_by_label("Reading the run …").count() > 1);
    edited.harness.state_mut().selection_mut().select(RunId(8));
    edited.harness.run_steps(3);
    edited.rest();
    edited.harness.get_by_label("not applied");
}

#[test]
fn what_somebody_else_wrote_is_not_written_over() {
    let mut edited = Edited::new(true);
    edited.harness.state_mut().layout().open(PanelKind::Curves);
    settle(&mut edited.harness);
    let theirs = format!("// theirs\n{SCRIPT}");
    fs::write(&edited.script, &theirs).expect("a writable folder");
    assert!(!edited.close());
    edited.harness.get_by_label("Apply").click();
    until(&mut edited.harness, "the reason", |harness| {
        harness.query_by_label_contains("changed by somebody else").is_some()
    });
    assert!(edited.on_disk() == theirs && edited.is_asked());
    assert!(edited.harness.get_by_label("Apply").accesskit_node().is_disabled());
}

#[test]
fn a_text_that_does_not_compile_is_told_of() {
    let mut edited = Edited::new(true);
    edited.harness.get_by_role_and_label(Role::MultilineTextInput, "Script").focus();
    edited.harness.step();
    edited.harness.event(Event::Text("nonsense(\n".to_owned()));
    edited.harness.step();
    until(&mut edited.harness, "the mistake", |harness| {
        harness.query_by_label("It does not compile").is_some()
    });
    assert!(!edited.close());
    edited.harness.get_by_label_contains("a run would not take it up");
}
