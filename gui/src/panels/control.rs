//! Pause, step, checkpoint and stop; and the run's place in one glance.

use eframe::egui::{self, RichText, Ui, Vec2};
use kelvin_run::grouped;

use super::Shared;
use crate::data::{Command, Focus, RunId, RunInfo, RunState};
use crate::figures::{self, duration, figures, heading, optional};
use crate::starting::Wish;
use crate::theme::{size, space};
use crate::widgets::sheet;

/// What is kept from frame to frame.
#[derive(Default)]
pub struct ControlPanel {
    run: Option<RunId>,
    /// What the user is asked about.
    question: Option<Question>,
}

/// What is not done without a second word.
#[derive(Clone, Copy)]
enum Question {
    Stop,
    /// Of a run that has only fallen silent.
    Resume,
}

/// What a button stands for.
enum Asked {
    /// Something the run is asked for.
    Of(Command),
    /// Something the window is asked for.
    Wish(Wish),
}

impl ControlPanel {
    /// Shows the run in focus, and passes on what is asked of it.
    pub fn show(&mut self, ui: &mut Ui, shared: &mut Shared<'_>) {
        let focus = shared.source.focused();
        let (Some(run), Some(focus)) = (focus.and_then(|focus| shared.source.run(focus.id)), focus) else {
            return;
        };
        if self.run != Some(run.id) {
            *self = Self { run: Some(run.id), ..Self::default() };
        }
        let mut asked = Vec::new();
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            place(ui, run, focus);
            ui.add_space(space::M);
            self.buttons(ui, run.state, &mut asked);
            heading(ui, "Run");
            details(ui, run, focus);
        });
        if let Some(question) = self.question {
            self.ask(ui, question, run, focus, &mut asked);
        }
        let id = run.id;
        for asked in asked {
            match asked {
                Asked::Of(command) => shared.source.send(id, command),
                Asked::Wish(wish) => shared.wishes.push(wish),
            }
        }
    }

    fn buttons(&mut self, ui: &mut Ui, state: RunState, asked: &mut Vec<Asked>) {
        let lives = state.lives();
        let paused = state == RunState::Paused;
        // Three in a row wherever the longest word fits.
        let width = ((ui.available_width() - 2.0 * space::S) / 3.0).clamp(84.0, 132.0);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(space::S);
            ui.set_max_width(3.0 * width + 2.0 * space::S + 0.5);
            let size = Vec2::new(width, 28.0);
            let button = |ui: &mut Ui, enabled: bool, text: &str, hint: &str| {
                let button = egui::Button::new(text).min_size(size);
                ui.add_enabled(enabled, button).on_hover_text(hint).on_disabled_hover_text(hint).clicked()
            };
            let (text, hint) = match paused {
                true => ("Go on", "Train on (Space)"),
                false => ("Pause", "Wait between two updates (Space)"),
            };
            if button(ui, lives, text, hint) {
                asked.push(Asked::Of(Command::Pause(!paused)));
            }
            if button(ui, paused, "Step", "Make one more update, then wait again (.)") {
                asked.push(Asked::Of(Command::Step));
            }
            if button(ui, lives, "Checkpoint", "Save the whole state now") {
                asked.push(Asked::Of(Command::Checkpoint));
            }
            if button(ui, lives, "Stop…", "Save the whole state and end the run; it can be resumed") {
                self.question = Some(Question::Stop);
            }
            let resumable = matches!(state, RunState::Stopped | RunState::Failed | RunState::Stalled);
            if button(ui, resumable, "Resume", "Go on from the newest checkpoint") {
                match state {
                    RunState::Stalled => self.question = Some(Question::Resume),
                    _ => asked.push(Asked::Wish(Wish::Resume)),
                }
            }
            if button(ui, true, "Fork…", "Start another run from a checkpoint of this one") {
                asked.push(Asked::Wish(Wish::Fork));
            }
        });
    }

    fn ask(&mut self, ui: &Ui, question: Question, run: &RunInfo, focus: &Focus, asked: &mut Vec<Asked>) {
        let name = format!("{} on {}, seed {}", run.label, run.env, run.seed);
        let (title, text, yes, no) = match question {
            Question::Stop => (
                "Stop this run?",
                format!("{name}, saves a checkpoint and ends. It can be resumed from there."),
                "Stop the run",
                "Let it train",
            ),
            Question::Resume => {
                let status = focus.live.status.as_deref();
                let host = status.map_or_else(String::new, |status| format!(" on {}", status.host));
                let text = format!(
                    "{name}, was not stopped: it has fallen silent{host}. If its process still lives and is only out of \
                     reach, two of them in one folder spoil it. To resume it where it trained:\n\n\
                     kelvin train --resume {}",
                    kelvin_run::quoted(&run.path.display().to_string())
                );
                ("Resume it here?", text, "Resume it here", "Leave it")
            }
        };
        let closed = sheet(ui.ctx(), "question about a run", 380.0, |ui| {
            ui.label(RichText::new(title).size(size::TITLE));
            ui.add_space(space::S);
            ui.label(text);
            ui.add_space(space::M);
            ui.horizontal(|ui| {
                let is_meant = ui.button(yes).clicked();
                if is_meant {
                    asked.push(match question {
                        Question::Stop => Asked::Of(Command::Stop),
                        Question::Resume => Asked::Wish(Wish::Resume),
                    });
                }
                is_meant | ui.button(no).clicked()
            })
            .inner
        });
        if closed {
            self.question = None;
        }
    }
}

/// How far it is, and how well it does.
fn place(ui: &mut Ui, run: &RunInfo, focus: &Focus) {
    ui.label(RichText::new(format!("{} on {}, seed {}", run.label, run.env, run.seed)).size(size::TITLE));
    ui.add_space(space::XS);
    let progress = &run.progress;
    let share =
        if progress.total_frames > 0 { progress.frames as f32 / progress.total_frames as f32 } else { 0.0 };
    let text = format!(
        "{:.1} %  ·  {} of {} frames",
        100.0 * share,
        grouped(progress.frames),
        grouped(progress.total_frames)
    );
    figures::share(ui, share, text);
    ui.add_space(space::S);
    let status = focus.live.status.as_deref();
    let dash = || "–".to_owned();
    let left = progress.total_frames.saturating_sub(progress.frames) as f64;
    let eta = progress.frames_per_s.filter(|speed| *speed > 0.0).map(|speed| left / speed);
    let speed = progress.frames_per_s.map_or_else(dash, |speed| grouped(speed as u64));
    let epsilon = optional(status.map(|status| status.epsilon), 3);
    figures(
        ui,
        &[
            ("return", optional(progress.mean_return, 2), "Mean of the last hundred episodes"),
            ("frames/s", speed, "Over the last seconds"),
            ("to go", eta.map_or_else(dash, duration), "At the present speed"),
            ("updates", status.map_or_else(dash, |status| grouped(status.updates)), "Optimizer steps"),
            ("ε", epsilon, "Probability of a random action"),
        ],
    );
}

/// Where it is kept, and what it runs on.
fn details(ui: &mut Ui, run: &RunInfo, focus: &Focus) {
    let status = focus.live.status.as_deref();
    let text = |key: &str| focus.config.get(key).and_then(toml::Value::as_str).unwrap_or("–").to_owned();
    let rows = [
        ("folder", run.path.display().to_string()),
        ("script", text("script")),
        ("preset", text("preset")),
        ("learner", text("learner")),
        ("device", status.map_or_else(|| text("device"), |status| status.device.clone())),
        (
            "process",
            status.map_or_else(|| "–".to_owned(), |status| format!("{} on {}", status.pid, status.host)),
        ),
        ("checkpoints", listed(&focus.checkpoints)),
    ];
    egui::Grid::new("run details").num_columns(2).spacing([14.0, 4.0]).show(ui, |ui| {
        for (name, value) in rows {
            ui.label(RichText::new(name).weak());
            ui.add(egui::Label::new(value).truncate());
            ui.end_row();
        }
    });
}

fn listed(updates: &[u64]) -> String {
    match updates {
        [] => "none yet".to_owned(),
        [only] => format!("update {}", grouped(*only)),
        [.., newest] => format!("{}, the newest of update {}", updates.len(), grouped(*newest)),
    }
}
