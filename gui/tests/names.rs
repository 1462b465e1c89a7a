//! Whatever can be clicked or reached by Tab has a name, in every panel, menu and dialog: for those who hear the monitor
//! instead of seeing it.

mod support;

use eframe::egui::accesskit::{Action, Role};
use eframe::egui::{Key, Modifiers, Theme};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use kelvin_monitor::data::RunId;
use kelvin_monitor::panels::PanelKind;
use support::{Recorded, bench, crowd, laboratory, laboratory_with, monitor, nothing, settle};

/// Points.
const TAB_BAR: f64 = 30.0;
const GAP: f64 = 6.1;

/// Things to click without a name, by their roles and places.
fn unnamed<State>(harness: &Harness<'_, State>) -> Vec<String> {
    let mut found = Vec::new();
    for node in harness.root().children_recursive() {
        let node = node.accesskit_node();
        let data = node.data();
        let is_to_click = data.supports_action(Action::Focus) || data.supports_action(Action::Click);
        let name = node.label().unwrap_or_default();
        // Scroll bars, the ground of a row of tabs and the gaps between panels: the libraries do not name them, nor let us.
        let is_of_the_toolkit = match (node.role(), data.bounds()) {
            (Role::ScrollBar, _) => true,
            (Role::Unknown, Some(bounds)) => {
                bounds.height() == TAB_BAR || bounds.width().min(bounds.height()) <= GAP
            }
            _ => false,
        };
        if is_to_click && !node.is_hidden() && !is_of_the_toolkit && name.trim().is_empty() {
            found.push(format!("{:?} at {:?}, value {:?}", node.role(), data.bounds(), node.value()));
        }
    }
    found
}

/// How many things there are to click: a test that finds none would find no fault either.
fn clickable<State>(harness: &Harness<'_, State>) -> usize {
    let nodes = harness.root().children_recursive();
    nodes.filter(|node| node.accesskit_node().data().supports_action(Action::Focus)).count()
}

#[track_caller]
fn check<State>(harness: &Harness<'_, State>, what: &str, at_least: usize) {
    let found = unnamed(harness);
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
    assert!(clickable(harness) >= at_least, "{what}: {} things to click", clickable(harness));
}

fn panel(kind: PanelKind, source: Recorded, at_least: usize) {
    let builder = bench::builder([420.0, 640.0], Theme::Dark);
    let mut bench = bench::bench(kind, source);
    let plotted: Vec<RunId> = bench.source.runs.iter().take(4).map(|run| run.id).collect();
    bench.selection.plot(plotted.iter().copied(), true);
    bench.source.plotted = plotted;
    let mut harness = builder.build_ui_state(bench::frame, bench);
    bench::play(&mut harness);
    check(&harness, kind.title(), at_least);
}

#[test]
fn in_each_panel() {
    for run in [0, 8, 11].map(RunId) {
        for (kind, at_least) in [
            (PanelKind::Runs, 40),
            (PanelKind::Curves, 15),
            (PanelKind::Events, 10),
            (PanelKind::Health, 1),
            (PanelKind::Live, 0),
            (PanelKind::Params, 12),
            (PanelKind::Control, 4),
        ] {
            panel(kind, laboratory_with(run), at_least);
        }
    }
    for kind in PanelKind::ALL {
        panel(*kind, nothing(), 0);
        panel(*kind, crowd(300, 10), 0);
    }
}

#[test]
fn in_the_script() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut source = laboratory_with(RunId(8));
    support::with_script(&mut source, folder.path());
    let builder = bench::builder([900.0, 640.0], Theme::Dark);
    let mut harness = builder.build_ui_state(bench::frame, bench::bench(PanelKind::Script, source));
    bench::play(&mut harness);
    support::until(&mut harness, "the script", |harness| {
        harness.state_mut().panels.script.panel().is_settled()
    });
    check(&harness, "the text", 8);
    harness.get_by_role_and_label(Role::MultilineTextInput, "Script").focus();
    harness.step();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.run_steps(3);
    check(&harness, "the search", 10);
    for (key, at_least) in [(Key::Num2, 8), (Key::Num3, 7), (Key::Num4, 8)] {
        harness.get_by_label("Show: Script").focus();
        harness.step();
        harness.key_press_modifiers(Modifiers::ALT, key);
        harness.run_steps(3);
        check(&harness, &format!("{key:?}"), at_least);
    }
}

#[test]
fn in_menus_and_dialogs() {
    let open = || {
        let mut harness = monitor(laboratory_with(RunId(8)), [1280.0, 800.0]);
        harness.state_mut().selection_mut().select(RunId(8));
        settle(&mut harness);
        harness
    };
    check(&open(), "the window", 60);
    for name in
        ["Panels", "View", "New run…", "What is shown beside the curves", "Band: ± std", "Metric of plot 1"]
    {
        let mut harness = open();
        harness.get_by_label(name).click();
        settle(&mut harness);
        check(&harness, name, 20);
    }
    for file in ["PNG", "CSV"] {
        let mut harness = open();
        harness.get_by_label("Menu of plot 1").click();
        settle(&mut harness);
        check(&harness, "Menu of plot 1", 60);
        harness.get_by_label_contains(&format!("Save as {file}")).click();
        settle(&mut harness);
        check(&harness, file, 4);
    }
    for (button, at_least) in [("Stop…", 2), ("Fork…", 8)] {
        let mut harness = open();
        harness.key_press_modifiers(Modifiers::COMMAND, Key::Num8);
        settle(&mut harness);
        harness.get_by_label(button).click();
        settle(&mut harness);
        check(&harness, button, at_least);
    }
    let mut harness = monitor(laboratory(), [1280.0, 800.0]);
    harness.key_press(Key::F1);
    settle(&mut harness);
    check(&harness, "the sheet of keys", 1);
}
