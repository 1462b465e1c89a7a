//! What is said where there are no runs: how to begin one.

use eframe::egui::{Align, Layout, RichText, Ui, vec2};

use crate::theme::{Palette, space};
use crate::widgets::command;

/// Points.
const WIDTH: f32 = 640.0;

/// Says it of a folder.
pub(super) fn show(ui: &mut Ui, root: &str) {
    let palette = Palette::of(ui);
    let width = ui.available_width().min(WIDTH);
    ui.add_space(ui.available_height() * 0.2);
    ui.vertical_centered(|ui| {
        ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::Min), |ui| {
            ui.heading("No runs here yet");
            ui.label(
                RichText::new(format!("{root} holds no run. Begin one in a terminal:")).color(palette.weak),
            );
            ui.add_space(space::M);
            let out = |name: &str| quoted(&format!("{}/{name}", root.trim_end_matches('/')));
            ui.label("Atari, with the ROMs that ./kelvin fetches");
            command(ui, &format!("./kelvin train scripts/soft_kl.rhai --env pong --out {}", out("pong")));
            ui.add_space(space::S);
            ui.label("A game that is solved in seconds");
            command(ui, &format!("./kelvin train scripts/soft_kl.rhai --env catch --out {}", out("catch")));
            ui.add_space(space::S);
            ui.label(RichText::new("It appears here by itself.").color(palette.weak));
        });
    });
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-~+=:@%".contains(letter);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_path_that_is_shown() {
        assert_eq!(quoted("/data/runs/pong"), "/data/runs/pong");
        assert_eq!(quoted("/my data/it's"), r"'/my data/it'\''s'");
    }
}
