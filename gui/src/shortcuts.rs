//! Keys of the window, and the sheet that lists all keys: these, and those of the script's panel.

use eframe::egui::{
    Align, Context, Key, KeyboardShortcut, Layout, Modifiers, RichText, ScrollArea, Ui, vec2,
};

use crate::script;
use crate::theme::{Palette, space};
use crate::widgets;

/// Points that a column of the sheet takes.
const COLUMN: f32 = 460.0;
/// And those that names of keys take of it.
const KEYS: f32 = 142.0;

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

/// The panels, which have digits.
const PANELS: (&str, &str) = ("Ctrl 1 to Ctrl 8", "The panels, in the order of the menu");

/// Shows the sheet; whether it should be closed.
pub fn sheet(ctx: &Context) -> bool {
    let room = ctx.content_rect().size();
    let is_wide = room.x >= 2.0 * COLUMN + 120.0;
    let width = if is_wide { 2.0 * COLUMN + space::L } else { COLUMN.min(room.x - 80.0) };
    widgets::sheet(ctx, "shortcuts", width, |ui| {
        ui.heading("Keys and mouse");
        ScrollArea::vertical().max_height((room.y - 150.0).max(100.0)).show(ui, |ui| {
            let everywhere = |ui: &mut Ui| {
                let rows = ROWS.iter().map(|row| (row.shown, row.does));
                table(ui, "Everywhere", rows.chain([PANELS]));
            };
            let there = |ui: &mut Ui| {
                table(ui, "In the script", script::KEYS.iter().copied());
                table(ui, "Mouse", MOUSE.iter().copied());
            };
            if is_wide {
                ui.spacing_mut().item_spacing.x = space::L;
                ui.columns_const(|[left, right]| {
                    everywhere(left);
                    there(right);
                });
            } else {
                everywhere(ui);
                there(ui);
            }
        });
        ui.add_space(space::M);
        ui.button("Close").clicked()
    })
}

fn table(ui: &mut Ui, title: &str, rows: impl Iterator<Item = (&'static str, &'static str)>) {
    let palette = Palette::of(ui);
    ui.add_space(space::M);
    ui.label(RichText::new(title).strong());
    ui.add_space(space::XS);
    // No grid: that would know its size one frame too late, and the sheet would jump.
    ui.spacing_mut().item_spacing.y = 2.0;
    for (keys, does) in rows {
        ui.horizontal(|ui| {
            let cell = vec2(KEYS, ui.spacing().interact_size.y);
            ui.allocate_ui_with_layout(cell, Layout::left_to_right(Align::Center), |ui| {
                ui.set_min_width(KEYS);
                ui.label(RichText::new(keys).color(palette.accent));
            });
            ui.label(does);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panels::PanelKind;

    #[test]
    fn the_sheet_names_every_key_once() {
        let rows = ROWS.iter().map(|row| (row.shown, row.does)).chain([PANELS]);
        let all: Vec<_> = rows.chain(script::KEYS.iter().copied()).chain(MOUSE.iter().copied()).collect();
        for (index, (keys, does)) in all.iter().enumerate() {
            assert!(!all[..index].iter().any(|(other, text)| other == keys || text == does), "{keys}");
        }
        assert_eq!(PANELS.0, format!("Ctrl 1 to Ctrl {}", PanelKind::ALL.len()));
    }

    #[test]
    fn no_key_means_two_things() {
        let keys: Vec<&KeyboardShortcut> = ROWS.iter().flat_map(|row| row.keys).collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key:?}");
        }
    }
}
