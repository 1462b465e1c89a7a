//! The dialog that starts a run: from a script, or from a checkpoint of another run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use eframe::egui::{self, Modal, RichText, Ui};
use kelvin_run::grouped;

use super::launch::shown;
use crate::theme::{Palette, size, space};
use crate::widgets::named;

/// What a run is forked from.
#[derive(Clone, Debug, PartialEq)]
pub struct Parent {
    /// Its folder.
    pub run: PathBuf,
    /// What the user knows it by.
    pub name: String,
    /// Its game: a fork plays the same.
    pub env: String,
    /// Updates that its checkpoints are of, oldest first.
    pub checkpoints: Vec<u64>,
}

/// What the user fills in.
#[derive(Clone, Debug, PartialEq)]
pub struct StartDialog {
    parent: Option<Parent>,
    /// The checkpoint of the parent; the newest without.
    at: Option<u64>,
    script: String,
    env: String,
    seeds: String,
    device: String,
    frames: String,
    sets: String,
    out: String,
}

/// What became of a frame of the dialog.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It stays open.
    Open,
    /// The user thought better of it.
    Closed,
    /// These are to be started, each with its arguments to `kelvin`.
    Start(Vec<Vec<OsString>>),
}

impl StartDialog {
    /// For a new run.
    pub fn new(script: Option<&Path>) -> Self {
        Self {
            parent: None,
            at: None,
            script: script
                .map_or_else(|| "scripts/soft_kl.rhai".to_owned(), |path| path.display().to_string()),
            env: "pong".to_owned(),
            seeds: "0".to_owned(),
            device: "auto".to_owned(),
            frames: String::new(),
            sets: String::new(),
            out: String::new(),
        }
    }

    /// For a run that goes on from a checkpoint of `parent`.
    pub fn fork(parent: Parent, script: Option<&Path>) -> Self {
        Self { env: parent.env.clone(), seeds: String::new(), parent: Some(parent), ..Self::new(script) }
    }

    /// Shows it over everything else. `scripts` are those the user may want; `root` is where runs are kept, and `taken` those
    /// folders that are runs already.
    pub fn show(
        &mut self,
        ctx: &egui::Context,
        scripts: &[PathBuf],
        root: &Path,
        taken: &dyn Fn(&Path) -> bool,
    ) -> Outcome {
        let mut outcome = Outcome::Open;
        let modal = Modal::new(egui::Id::unique("start run")).show(ctx, |ui| {
            ui.set_width(560.0);
            let title = match &self.parent {
                None => "Start a run".to_owned(),
                Some(parent) => format!("Fork {}", parent.name),
            };
            ui.label(RichText::new(title).size(size::TITLE));
            ui.add_space(space::S);
            egui::Grid::new("start form").num_columns(2).spacing([12.0, 8.0]).show(ui, |ui| {
                self.form(ui, scripts);
            });
            ui.add_space(space::M);
            let commands = self.commands(root, taken);
            match &commands {
                Ok(commands) => {
                    let lines: Vec<String> = commands.iter().map(|arguments| shown(arguments)).collect();
                    let text = lines.join("\n");
                    ui.horizontal(|ui| {
                        ui.label(RichText::new("The same in a terminal").small().weak());
                        if ui.small_button("Copy").clicked() {
                            ui.ctx().copy_text(text.clone());
                        }
                    });
                    ui.label(RichText::new(&text).monospace().small());
                }
                Err(reason) => {
                    ui.colored_label(Palette::of(ui).bad, reason);
                }
            }
            ui.add_space(space::M);
            ui.horizontal(|ui| {
                let start = egui::Button::new(RichText::new("Start").strong());
                if ui.add_enabled(commands.is_ok(), start).clicked()
                    && let Ok(commands) = commands
                {
                    outcome = Outcome::Start(commands);
                }
                if ui.button("Cancel").clicked() {
                    outcome = Outcome::Closed;
                }
            });
        });
        if modal.should_close() && outcome == Outcome::Open {
            outcome = Outcome::Closed;
        }
        outcome
    }

    fn form(&mut self, ui: &mut Ui, scripts: &[PathBuf]) {
        if let Some(parent) = &self.parent {
            row(ui, "from", |ui| {
                let told = |update: Option<u64>| match update {
                    Some(update) => format!("update {}", grouped(update)),
                    None => "the newest checkpoint".to_owned(),
                };
                let combo = egui::ComboBox::from_id_salt("checkpoint").selected_text(told(self.at));
                let response = combo.show_ui(ui, |ui| {
                    ui.selectable_value(&mut self.at, None, told(None));
                    for update in parent.checkpoints.iter().rev() {
                        ui.selectable_value(&mut self.at, Some(*update), told(Some(*update)));
                    }
                });
                named(response.response, egui::Role::ComboBox, "Checkpoint");
            });
        }
        row(ui, "script", |ui| {
            text(ui, &mut self.script, "path of a .rhai file", "Script", 320.0);
            let combo = egui::ComboBox::from_id_salt("scripts").selected_text("choose").width(90.0);
            let response = combo.show_ui(ui, |ui| {
                for script in scripts {
                    let name = script.file_name().unwrap_or_default().to_string_lossy();
                    if ui.selectable_label(false, name).clicked() {
                        self.script = script.display().to_string();
                    }
                }
            });
            named(response.response, egui::Role::ComboBox, "Choose a script");
        });
        if self.parent.is_none() {
            row(ui, "game", |ui| text(ui, &mut self.env, "pong, breakout, …, or catch", "Game", 200.0));
            row(ui, "seeds", |ui| text(ui, &mut self.seeds, "0 or 0 1 2: a run each", "Seeds", 200.0));
        } else {
            row(ui, "game", |ui| drop(ui.label(&self.env)));
        }
        row(ui, "device", |ui| text(ui, &mut self.device, "auto, gpu, cpu", "Device", 200.0));
        row(ui, "frames", |ui| text(ui, &mut self.frames, "as usual; or 500k, 10M", "Frames", 200.0));
        row(ui, "settings", |ui| text(ui, &mut self.sets, "tau=0.01 learning_rate=3e-4", "Settings", 420.0));
        row(ui, "folder", |ui| text(ui, &mut self.out, "named after script, game and seed", "Folder", 420.0));
    }

    /// The arguments of each run, or what is missing.
    fn commands(&self, root: &Path, taken: &dyn Fn(&Path) -> bool) -> Result<Vec<Vec<OsString>>, String> {
        let script = self.script.trim();
        if script.is_empty() {
            return Err("a script is needed".to_owned());
        }
        let name = Path::new(script).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = |last: String| match self.out.trim() {
            "" => root.join(last),
            out => root.join(out),
        };
        let common = |out: PathBuf| {
            let mut arguments: Vec<OsString> = vec!["train".into(), script.into()];
            let mut option = |name: &str, value: OsString| arguments.extend([name.into(), value]);
            if !self.device.trim().is_empty() && self.device.trim() != "auto" {
                option("--device", self.device.trim().into());
            }
            if !self.frames.trim().is_empty() {
                option("--frames", self.frames.trim().into());
            }
            for set in self.sets.split_whitespace() {
                option("--set", set.into());
            }
            option("--out", out.into());
            arguments
        };
        if let Some(parent) = &self.parent {
            let at = self.at.map_or_else(String::new, |update| format!("-at{update}"));
            let of = parent.run.file_name().unwrap_or_default().to_string_lossy();
            let first = format!("{name}-from-{of}{at}");
            let mut out = folder(first.clone());
            // A run may be forked more than once.
            for number in 2.. {
                if !self.out.trim().is_empty() || !taken(&out) {
                    break;
                }
                out = folder(format!("{first}-{number}"));
            }
            let mut arguments = common(out);
            arguments.extend(["--fork".into(), parent.run.clone().into()]);
            if let Some(update) = self.at {
                arguments.extend(["--at".into(), update.to_string().into()]);
            }
            return Ok(vec![arguments]);
        }
        let env = self.env.trim();
        if env.is_empty() {
            return Err("a game is needed, such as pong; catch needs no ROM".to_owned());
        }
        let seeds: Result<Vec<u64>, _> =
            self.seeds.split([' ', ',']).filter(|seed| !seed.is_empty()).map(str::parse).collect();
        let seeds = seeds.map_err(|_| "seeds are whole numbers, as in 0 1 2".to_owned())?;
        if seeds.is_empty() {
            return Err("a seed is needed, such as 0".to_owned());
        }
        if seeds.len() > 1 && !self.out.trim().is_empty() {
            return Err("several seeds need a folder each: leave the folder open".to_owned());
        }
        let run = |seed: &u64| {
            let mut arguments = common(folder(format!("{name}-{env}-s{seed}")));
            arguments.extend(["--env".into(), env.into(), "--seed".into(), seed.to_string().into()]);
            arguments
        };
        Ok(seeds.iter().map(run).collect())
    }
}

fn row(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui)) {
    ui.label(RichText::new(name).weak());
    ui.horizontal(add);
    ui.end_row();
}

fn text(ui: &mut Ui, value: &mut String, hint: &str, name: &str, width: f32) {
    let edit = egui::TextEdit::singleline(value).hint_text(hint).desired_width(width);
    let response = ui.add(edit);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, name));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(dialog: &StartDialog) -> Result<Vec<String>, String> {
        let commands = dialog.commands(Path::new("/runs"), &|path| path.ends_with("mine-from-taken"))?;
        Ok(commands.iter().map(|arguments| shown(arguments)).collect())
    }

    #[test]
    fn what_is_filled_in_becomes_commands() {
        let mut dialog = StartDialog::new(Some(Path::new("s/soft_kl.rhai")));
        let base = "kelvin train s/soft_kl.rhai";
        assert_eq!(
            lines(&dialog).unwrap(),
            [format!("{base} --out /runs/soft_kl-pong-s0 --env pong --seed 0")]
        );
        dialog.seeds = "1, 2".to_owned();
        dialog.sets = "tau=0.1  n=3".to_owned();
        dialog.frames = "1M".to_owned();
        dialog.device = "cpu".to_owned();
        let sets = "--device cpu --frames 1M --set tau=0.1 --set n=3";
        assert_eq!(
            lines(&dialog).unwrap(),
            [1, 2].map(|seed| format!(
                "{base} {sets} --out /runs/soft_kl-pong-s{seed} --env pong --seed {seed}"
            ))
        );
        for (change, reason) in [
            (StartDialog { seeds: "one".to_owned(), ..dialog.clone() }, "whole numbers"),
            (StartDialog { seeds: " ".to_owned(), ..dialog.clone() }, "a seed is needed"),
            (StartDialog { env: String::new(), ..dialog.clone() }, "a game is needed"),
            (StartDialog { script: " ".to_owned(), ..dialog.clone() }, "a script is needed"),
            (StartDialog { out: "mine".to_owned(), ..dialog.clone() }, "leave the folder open"),
        ] {
            assert!(lines(&change).unwrap_err().contains(reason), "{reason}");
        }
    }

    #[test]
    fn a_fork_names_its_parent_and_its_checkpoint() {
        let parent = Parent {
            run: "/runs/soft_kl-pong-s0".into(),
            name: "soft_kl on pong".to_owned(),
            env: "pong".to_owned(),
            checkpoints: vec![100, 200],
        };
        let mut dialog = StartDialog::fork(parent, Some(Path::new("mine.rhai")));
        assert_eq!(
            lines(&dialog).unwrap(),
            ["kelvin train mine.rhai --out /runs/mine-from-soft_kl-pong-s0 --fork /runs/soft_kl-pong-s0"]
        );
        dialog.at = Some(100);
        assert_eq!(
            lines(&dialog).unwrap(),
            [
                "kelvin train mine.rhai --out /runs/mine-from-soft_kl-pong-s0-at100 --fork /runs/soft_kl-pong-s0 --at 100"
            ]
        );
        let parent = Parent {
            run: "/runs/taken".into(),
            name: String::new(),
            env: "pong".to_owned(),
            checkpoints: Vec::new(),
        };
        let again = StartDialog::fork(parent, Some(Path::new("mine.rhai")));
        assert_eq!(
            lines(&again).unwrap(),
            ["kelvin train mine.rhai --out /runs/mine-from-taken-2 --fork /runs/taken"]
        );
    }
}
