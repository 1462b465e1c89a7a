//! The monitor as somebody uses it, by the names that its controls have.

mod support;

use eframe::egui::accesskit::{Role, Toggled};
use eframe::egui::{Key, Modifiers, OutputCommand, Theme, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use kelvin_monitor::data::{Notice, RunId};
use kelvin_monitor::monitor::Monitor;
use kelvin_monitor::panels::PanelKind;
use support::{Recorded, crowd, laboratory, monitor, nothing, save_plot, settle, until};

const SIZE: [f32; 2] = [1280.0, 800.0];

fn open(source: Recorded) -> Harness<'static, Monitor> {
    let mut harness = monitor(source, SIZE);
    settle(&mut harness);
    harness
}

fn click(harness: &mut Harness<'_, Monitor>, name: &str) {
    harness.get_by_label(name).click();
    settle(harness);
}

fn row(harness: &Harness<'_, Monitor>, title: &str) -> String {
    let rows = harness.get_all_by_role(Role::Row);
    let names = rows.filter_map(|row| row.accesskit_node().label());
    let found: Vec<String> = names.filter(|name| name.starts_with(title)).collect();
    assert_eq!(found.len(), 1, "{title}: {found:?}");
    found[0].clone()
}

fn marked(harness: &Harness<'_, Monitor>) -> Vec<u32> {
    harness.state().selection().marked().iter().map(|run| run.0).collect()
}

fn plotted(harness: &Harness<'_, Monitor>) -> Vec<u32> {
    harness.state().selection().plotted().iter().map(|run| run.0).collect()
}

fn titles(harness: &Harness<'_, Monitor>) -> Vec<String> {
    harness.get_all_by_role(Role::Row).filter_map(|row| row.accesskit_node().label()).collect()
}

#[test]
fn a_run_is_selected_and_others_are_added() {
    let mut harness = open(laboratory());
    let first = row(&harness, "dqn · pong · seed 1");
    click(&mut harness, &first);
    assert_eq!(marked(&harness), [3]);
    assert_eq!(harness.state().selection().focus(), Some(RunId(3)));
    let third = row(&harness, "dqn · pong · seed 3");
    harness.get_by_label(&third).click_modifiers(Modifiers::SHIFT);
    settle(&mut harness);
    assert_eq!(marked(&harness), [3, 4, 5]);
    harness.get_by_label(&first).click_modifiers(Modifiers::COMMAND);
    settle(&mut harness);
    assert_eq!(marked(&harness), [4, 5]);
    // What is marked is drawn, as long as nothing is ticked.
    harness.get_by_label("Curve dqn");
}

#[test]
fn keys_go_through_the_runs() {
    let mut harness = open(laboratory());
    harness.key_press(Key::J);
    harness.key_press(Key::J);
    settle(&mut harness);
    assert_eq!(marked(&harness), [1]);
    harness.key_press(Key::P);
    settle(&mut harness);
    assert_eq!(plotted(&harness), [1]);
    harness.key_press(Key::K);
    settle(&mut harness);
    assert_eq!(marked(&harness), [0]);
}

#[test]
fn a_search_leaves_what_fits() {
    let mut harness = open(laboratory());
    let all = titles(&harness).len();
    harness.key_press(Key::Slash);
    settle(&mut harness);
    harness.get_by_label("Search the runs").type_text("env:pong state:running");
    settle(&mut harness);
    let found = titles(&harness);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|name| name.contains("pong") && name.contains("running")));
    // Letters are text here, and no shortcuts.
    harness.get_by_label("Search the runs").type_text(" jkp");
    settle(&mut harness);
    harness.get_by_label("No run fits the search");
    assert!(marked(&harness).is_empty() && plotted(&harness).is_empty());
    harness.get_all_by_label("Clear the search").last().expect("two of them").click();
    settle(&mut harness);
    assert_eq!(titles(&harness).len(), all);
}

#[test]
fn groups_close_and_are_ticked_as_a_whole() {
    let mut harness = open(laboratory());
    click(&mut harness, "Plot all of dqn · pong");
    assert_eq!(plotted(&harness), [2, 3, 4, 5, 6]);
    let tick = harness.get_by_label("Plot all of figure2");
    assert_ne!(tick.accesskit_node().toggled(), Some(Toggled::True), "some of it alone");
    let before = titles(&harness).len();
    click(&mut harness, "Group dqn · pong, 5 runs, open");
    // Other rows come up from below.
    assert!(!titles(&harness).iter().any(|name| name.starts_with("dqn · pong")), "{before}");
    click(&mut harness, "Plot all of dqn · pong");
    assert!(plotted(&harness).is_empty());
}

#[test]
fn rows_are_sorted_by_a_column() {
    let mut harness = open(laboratory());
    click(&mut harness, "Sort by return");
    let first = titles(&harness)[0].clone();
    assert!(first.starts_with("pcl_wide_window"), "the highest return first: {first}");
    click(&mut harness, "Sort by return");
    assert!(!titles(&harness)[0].starts_with("pcl_wide_window"));
    click(&mut harness, "Sort by run");
    assert!(titles(&harness)[0].starts_with("my_variant"));
}

#[test]
fn a_damaged_run_warns_about_itself_alone() {
    let mut harness = open(laboratory());
    click(&mut harness, "Sort by state");
    let warned: Vec<String> = titles(&harness).into_iter().filter(|name| name.contains("warning")).collect();
    assert_eq!(warned.len(), 1);
    assert!(warned[0].contains("damaged") && warned[0].contains("line 1204"), "{warned:?}");
}

#[test]
fn a_click_in_the_legend_isolates_in_all_plots() {
    let mut harness = open(laboratory());
    for group in ["dqn · pong", "soft_entropy · pong"] {
        click(&mut harness, &format!("Plot all of {group}"));
    }
    let shown = |harness: &Harness<'_, Monitor>, name: &str| {
        harness.get_by_label(&format!("Curve {name}")).accesskit_node().is_selected() == Some(true)
            || harness.get_by_label(&format!("Curve {name}")).accesskit_node().toggled()
                == Some(Toggled::True)
    };
    assert!(shown(&harness, "dqn") && shown(&harness, "soft_entropy"));
    click(&mut harness, "Curve dqn");
    assert!(shown(&harness, "dqn") && !shown(&harness, "soft_entropy"));
    click(&mut harness, "Curve dqn");
    assert!(shown(&harness, "dqn") && shown(&harness, "soft_entropy"));
    harness.get_by_label("Curve dqn").click_modifiers(Modifiers::COMMAND);
    settle(&mut harness);
    assert!(!shown(&harness, "dqn") && shown(&harness, "soft_entropy"));
    click(&mut harness, "show all");
    assert!(shown(&harness, "dqn"));
}

#[test]
fn axis_and_grouping_change() {
    let mut harness = open(laboratory());
    click(&mut harness, "Plot all of dqn · pong");
    harness.get_by_label("Curve dqn");
    click(&mut harness, "Curves of: Runs");
    for seed in 0..5 {
        harness.get_by_label(&format!("Curve dqn · {seed}"));
    }
    assert!(harness.query_by_label_contains("Band: ").is_none(), "a run has no band");
    let before = serde_json::to_value(&harness.state_mut().panels().curves.settings).unwrap();
    click(&mut harness, "Axis: Updates");
    let after = serde_json::to_value(&harness.state_mut().panels().curves.settings).unwrap();
    assert_eq!((&before["axis"], &after["axis"]), (&"Frames".into(), &"Updates".into()));
}

#[test]
fn plots_are_added_changed_and_removed() {
    let mut harness = open(laboratory());
    click(&mut harness, "Plot all of dqn · pong");
    click(&mut harness, "Add a plot");
    harness.get_by_label("Plot of episode_return 2");
    click(&mut harness, "Metric of plot 3");
    harness.get_by_label("Search the metrics").type_text("tau");
    settle(&mut harness);
    assert!(harness.query_by_label("td_abs").is_none());
    click(&mut harness, "params.tau");
    harness.get_by_label("Plot of params.tau 2");
    click(&mut harness, "Remove plot 1");
    harness.get_by_label("Plot of loss 0");
    harness.get_by_label("Plot of params.tau 1");
}

#[test]
fn two_variants_are_compared() {
    let mut harness = open(laboratory());
    for group in ["dqn · pong", "soft_entropy · pong"] {
        click(&mut harness, &format!("Plot all of {group}"));
    }
    click(&mut harness, "Menu of plot 1");
    harness.get_by_label_contains("Compare two curves").click();
    settle(&mut harness);
    let verdict = harness.get_by_label_contains("at 10.0M frames");
    let text = verdict.accesskit_node().value().or(verdict.accesskit_node().label()).expect("some text");
    // One seed of the other has come so far.
    let alone = text.contains("a seed alone has no interval");
    assert!(text.starts_with('−') && alone, "dqn ends below soft_entropy: {text}");
}

#[test]
fn a_plot_is_moved_and_comes_back() {
    let mut harness = open(laboratory());
    click(&mut harness, "Plot all of dqn · pong");
    assert!(harness.query_by_label("Show all of plot 1").is_none());
    let plot = harness.get_by_label("Plot of mean_return 0").rect();
    harness.drag_at(plot.center());
    harness.run();
    harness.hover_at(plot.center() + vec2(60.0, 30.0));
    harness.run();
    harness.drop_at(plot.center() + vec2(60.0, 30.0));
    settle(&mut harness);
    // The horizontal axes move together.
    harness.get_by_label("Show all of plot 2");
    click(&mut harness, "Show all of plot 1");
    assert!(harness.query_by_label("Show all of plot 1").is_none());
}

/// Saves the first plot, and what the file holds.
fn saved(format: &str, file: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    let mut harness = open(laboratory());
    click(&mut harness, "Plot all of dqn · pong");
    save_plot(&mut harness, format, &path);
    until(&mut harness, "the file", |_| path.is_file());
    until(&mut harness, "the notice", |harness| harness.query_by_label_contains("saved ").is_some());
    std::fs::read_to_string(&path).unwrap()
}

#[test]
fn numbers_are_saved_where_one_says() {
    let text = saved("CSV", "out.csv");
    assert!(text.starts_with("series,frames,mean_return,low,high,runs\ndqn,"), "{}", &text[..80]);
    assert!(text.lines().count() > 300);
}

#[test]
fn a_drawing_is_saved_where_one_says() {
    let text = saved("SVG", "out.svg");
    assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"), "{}", &text[..80]);
    assert!(text.contains("dqn") && text.contains("mean_return") && !text.contains("soft_entropy"));
}

#[test]
fn a_file_that_is_there_is_not_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    std::fs::write(&path, "mine").unwrap();
    let mut harness = open(laboratory());
    click(&mut harness, "Plot all of dqn · pong");
    save_plot(&mut harness, "CSV", &path);
    until(&mut harness, "the refusal", |harness| {
        harness.query_by_label_contains("is there already").is_some()
    });
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn panels_close_and_come_back() {
    let mut harness = open(laboratory());
    click(&mut harness, "Close Curves");
    assert!(!harness.state_mut().layout().is_open(PanelKind::Curves));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Num2);
    settle(&mut harness);
    assert!(harness.state_mut().layout().is_open(PanelKind::Curves));
    harness.get_by_label("No run is chosen");
}

#[test]
fn the_sheet_of_keys_opens_and_closes() {
    let mut harness = open(laboratory());
    harness.key_press(Key::F1);
    settle(&mut harness);
    harness.get_by_label("Keys and mouse");
    click(&mut harness, "Close");
    assert!(harness.query_by_label("Keys and mouse").is_none());
}

#[test]
fn the_scale_goes_from_one_to_two() {
    let mut harness = open(laboratory());
    for _ in 0..9 {
        harness.key_press_modifiers(Modifiers::COMMAND, Key::Plus);
        harness.run();
    }
    assert_eq!(harness.ctx.zoom_factor(), 2.0);
    for _ in 0..9 {
        harness.key_press_modifiers(Modifiers::COMMAND, Key::Minus);
        harness.run();
    }
    assert_eq!(harness.ctx.zoom_factor(), 1.0);
}

#[test]
fn colours_change_by_key() {
    let mut harness = open(laboratory());
    let mut seen = Vec::new();
    for _ in 0..3 {
        harness.key_press_modifiers(Modifiers::COMMAND, Key::D);
        harness.run();
        seen.push(harness.ctx.theme());
    }
    assert!(seen.contains(&Theme::Light) && seen.contains(&Theme::Dark));
}

#[test]
fn an_error_is_shown_until_it_is_closed() {
    let mut source = laboratory();
    source.notices.push(Notice {
        run: None,
        is_error: true,
        text: "control.toml: permission denied".to_owned(),
    });
    let mut harness = open(source);
    harness.get_by_label("control.toml: permission denied");
    click(&mut harness, "Close this notice");
    assert!(harness.query_by_label("control.toml: permission denied").is_none());
}

#[test]
fn an_empty_folder_says_what_to_type() {
    let mut harness = open(nothing());
    harness.get_by_label("No runs here yet");
    harness.get_by_label("./kelvin train scripts/soft_kl.rhai --env pong --out /data/runs/pong");
    harness.get_all_by_label("Copy the command").next().expect("one a command").click();
    // The click is one frame, and what is copied in it is gone in the next.
    let mut copied = false;
    for _ in 0..3 {
        harness.step();
        copied |= copies(&harness, "--env pong");
    }
    assert!(copied);
}

fn copies(harness: &Harness<'_, Monitor>, wanted: &str) -> bool {
    let commands = &harness.output().platform_output.commands;
    commands.iter().any(|command| matches!(command, OutputCommand::CopyText(text) if text.contains(wanted)))
}

#[test]
fn thousands_of_runs_are_rows_only_where_they_are_seen() {
    let harness = open(crowd(5000, 10));
    assert!(titles(&harness).len() < 60, "{}", titles(&harness).len());
    assert_eq!(harness.get_all_by_label("5000 runs").count(), 2, "above and below the list");
}

#[test]
fn nothing_new_draws_no_frame() {
    let mut harness = open(laboratory());
    click(&mut harness, "Plot all of dqn · pong");
    harness.remove_cursor();
    settle(&mut harness);
    let delay = harness.output().viewport_output.values().map(|viewport| viewport.repaint_delay).min();
    assert!(delay.is_some_and(|delay| delay > std::time::Duration::from_secs(3)), "{delay:?}");
}
