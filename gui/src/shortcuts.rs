//! Keys, and the sheet that lists them. The table is the only place where a key is named.

use eframe::egui::{Context, Grid, Key, KeyboardShortcut, Modifiers, RichText, Ui};

use crate::theme::{Palette, space};
use crate::widgets;

/// What a key asks the window for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// List the keys.
    Help,
    /// Type into the search field of the runs.
    Search,
    /// The run below.
    NextRun,
    /// The run above.
    PreviousRun,
    /// Put the marked runs into the plots, or take them out.
    TogglePlot,
    /// Let the run in focus wait, or go on.
    Pause,
    /// One more update of the run in focus while it waits.
    Step,
    /// Start a run.
    NewRun,
    /// Everything larger.
    ZoomIn,
    /// Everything smaller.
    ZoomOut,
    /// Everything as large as the system has it.
    ZoomReset,
    /// From light to dark to the system's choice.
    Theme,
    /// Close the window.
    Quit,
}

struct Row {
    action: Action,
    keys: &'static [KeyboardShortcut],
    shown: &'static str,
    does: &'static str,
    /// Whether it is a mere letter, which belongs to the text where one is typed.
    is_plain: bool,
}

const fn plain(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

const fn command(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const ROWS: &[Row] = &[
    Row {
        action: Action::Help,
        keys: &[
            plain(Key::F1),
            KeyboardShortcut::new(Modifiers::SHIFT, Key::Questionmark),
            plain(Key::Questionmark),
        ],
        shown: "F1 or ?",
        does: "Show or hide this sheet",
        is_plain: true,
    },
    Row {
        action: Action::Search,
        keys: &[plain(Key::Slash)],
        shown: "/",
        does: "Search the runs",
        is_plain: true,
    },
    Row {
        action: Action::NextRun,
        keys: &[plain(Key::J), plain(Key::ArrowDown)],
        shown: "J or ↓",
        does: "Look at the run below",
        is_plain: true,
    },
    Row {
        action: Action::PreviousRun,
        keys: &[plain(Key::K), plain(Key::ArrowUp)],
        shown: "K or ↑",
        does: "Look at the run above",
        is_plain: true,
    },
    Row {
        action: Action::TogglePlot,
        keys: &[plain(Key::P)],
        shown: "P",
        does: "Put the marked runs into the plots, or take them out",
        is_plain: true,
    },
    Row {
        action: Action::Pause,
        keys: &[plain(Key::Space)],
        shown: "Space",
        does: "Let the run wait, or go on",
        is_plain: true,
    },
    Row {
        action: Action::Step,
        keys: &[plain(Key::Period)],
        shown: ".",
        does: "One more update while it waits",
        is_plain: true,
    },
    Row { action: Action::NewRun, keys: &[plain(Key::N)], shown: "N", does: "Start a run", is_plain: true },
    Row {
        action: Action::ZoomIn,
        keys: &[command(Key::Plus), command(Key::Equals)],
        shown: "Ctrl +",
        does: "Everything larger",
        is_plain: false,
    },
    Row {
        action: Action::ZoomOut,
        keys: &[command(Key::Minus)],
        shown: "Ctrl −",
        does: "Everything smaller",
        is_plain: false,
    },
    Row {
        action: Action::ZoomReset,
        keys: &[command(Key::Num0)],
        shown: "Ctrl 0",
        does: "100 %",
        is_plain: false,
    },
    Row {
        action: Action::Theme,
        keys: &[command(Key::D)],
        shown: "Ctrl D",
        does: "Light, dark, or as the system has it",
        is_plain: false,
    },
    Row {
        action: Action::Quit,
        keys: &[command(Key::Q)],
        shown: "Ctrl Q",
        does: "Close the monitor; runs go on",
        is_plain: false,
    },
];

/// What the mouse does, for the sheet.
const MOUSE: &[(&str, &str)] = &[
    ("Click a run", "Look at it"),
    ("Ctrl click, Shift click", "Mark one more, or all between"),
    ("Tick a run or a group", "Keep it in the plots"),
    ("Click a name in a legend", "Show it alone; again: show all"),
    ("Ctrl click it", "Hide or show it"),
    ("Drag in a plot", "Move it; with the right button: zoom to a box"),
    ("Wheel with Ctrl", "Zoom a plot"),
    ("Double click a plot", "Show all of it"),
];

/// The actions that the keys of this frame ask for.
pub fn actions(ctx: &Context) -> Vec<Action> {
    // What has the keyboard, a text or a button that Tab went to, wants plain keys for itself.
    let typing = ctx.memory(|memory| memory.focused().is_some());
    let rows = ROWS.iter().filter(|row| !(typing && row.is_plain));
    rows.filter(|row| row.keys.iter().any(|key| ctx.input_mut(|input| input.consume_shortcut(key))))
        .map(|row| row.action)
        .collect()
}

/// The keys of an action, as the sheet names them.
pub fn shown(action: Action) -> &'static str {
    ROWS.iter().find(|row| row.action == action).map_or("", |row| row.shown)
}

/// Shows the sheet; whether it should be closed.
pub fn sheet(ctx: &Context) -> bool {
    widgets::sheet(ctx, "shortcuts", 480.0, |ui| {
        ui.heading("Keys and mouse");
        ui.add_space(space::S);
        let panels = std::iter::once(("Ctrl 1, Ctrl 2, …", "The panels, in the order of the menu"));
        table(ui, "keys", ROWS.iter().map(|row| (row.shown, row.does)).chain(panels));
        ui.add_space(space::M);
        table(ui, "mouse", MOUSE.iter().copied());
        ui.add_space(space::M);
        ui.button("Close").clicked()
    })
}

fn table(ui: &mut Ui, id: &str, rows: impl Iterator<Item = (&'static str, &'static str)>) {
    let palette = Palette::of(ui);
    Grid::new(id).num_columns(2).min_col_width(150.0).spacing([space::L, 2.0]).show(ui, |ui| {
        for (keys, does) in rows {
            ui.label(RichText::new(keys).color(palette.accent));
            ui.label(does);
            ui.end_row();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        let keys: Vec<&KeyboardShortcut> = ROWS.iter().flat_map(|row| row.keys).collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key:?}");
        }
    }
}
