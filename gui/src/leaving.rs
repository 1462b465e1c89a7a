//! Closing the window while edits of scripts were not applied: nothing is lost before somebody was asked.

use eframe::egui::{Button, Context, RichText, ViewportCommand};

use crate::script::{ScriptPanel, Unsaved};
use crate::theme::{Palette, size, space};
use crate::widgets::sheet;

/// Points.
const WIDTH: f32 = 440.0;

/// How far the window is from being closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// It stays open.
    #[default]
    Staying,
    /// Somebody is asked; the first time, a button takes the keyboard.
    Asking { is_first: bool },
    /// Edits are being written.
    Applying,
    /// It closes.
    Leaving,
}

/// What somebody chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Apply,
    Discard,
    Cancel,
}

/// Holds the window open for as long as edits would be lost with it.
#[derive(Default)]
pub struct Leaving {
    step: Step,
}

impl Leaving {
    /// Looks at whether the window is to close, and asks if something would be lost.
    pub fn show(&mut self, ctx: &Context, script: &mut ScriptPanel) {
        let is_asked_to = ctx.input(|input| input.viewport().close_requested());
        if is_asked_to && self.step != Step::Leaving && script.has_unsaved() {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            if self.step == Step::Staying {
                self.step = Step::Asking { is_first: true };
            }
        }
        match self.step {
            Step::Staying | Step::Leaving => {}
            Step::Asking { is_first } => {
                let unsaved = script.unsaved();
                let answer =
                    if unsaved.is_empty() { Some(Answer::Discard) } else { ask(ctx, &unsaved, is_first) };
                self.step = Step::Asking { is_first: false };
                match answer {
                    None => {}
                    Some(Answer::Cancel) => self.step = Step::Staying,
                    Some(Answer::Discard) => self.leave(ctx),
                    Some(Answer::Apply) => {
                        script.apply_all();
                        self.step = Step::Applying;
                        ctx.request_repaint();
                    }
                }
            }
            // The thread that writes asks for a repaint when it is done.
            Step::Applying => match (script.saved(), script.has_unsaved()) {
                (false, _) => {}
                (true, false) => self.leave(ctx),
                // What stands against it is told.
                (true, true) => self.step = Step::Asking { is_first: true },
            },
        }
    }

    fn leave(&mut self, ctx: &Context) {
        self.step = Step::Leaving;
        ctx.send_viewport_cmd(ViewportCommand::Close);
    }
}

/// Asks; what was chosen, once something is. Escape is as good as Cancel.
fn ask(ctx: &Context, unsaved: &[Unsaved<'_>], is_first: bool) -> Option<Answer> {
    let mut answer = None;
    let can_apply =
        unsaved.iter().all(|one| one.objection.as_ref().is_none_or(|objection| !objection.forbids));
    let dismissed = sheet(ctx, "leaving", WIDTH, |ui| {
        let palette = Palette::of(ui);
        ui.heading("Edits were not applied");
        ui.add_space(space::XS);
        for one in unsaved {
            let name = one.path.file_name().unwrap_or(one.path.as_os_str()).to_string_lossy();
            ui.label(RichText::new(name).monospace().strong()).on_hover_text(one.path.display().to_string());
            if let Some(objection) = &one.objection {
                let color = if objection.forbids { palette.bad } else { palette.warn };
                ui.label(RichText::new(&objection.text).size(size::SMALL).color(color));
            }
        }
        ui.add_space(space::M);
        ui.horizontal(|ui| {
            let text = RichText::new("Apply").strong();
            let apply = match can_apply {
                true => Button::new(text.color(palette.panel)).fill(palette.accent),
                false => Button::new("Apply"),
            };
            let apply = ui
                .add_enabled(can_apply, apply)
                .on_hover_text("Write the scripts, then close; runs that train take them up")
                .on_disabled_hover_text("Somebody has to decide first whose text it is to be");
            let discard = ui.button("Discard").on_hover_text("Close; the edits are lost");
            let cancel = ui.button("Cancel").on_hover_text("Leave the window open (Escape)");
            if is_first {
                if can_apply { apply.request_focus() } else { cancel.request_focus() }
            }
            answer = [(apply, Answer::Apply), (discard, Answer::Discard), (cancel, Answer::Cancel)]
                .into_iter()
                .find_map(|(button, answer)| button.clicked().then_some(answer));
        });
        false
    });
    answer.or(dismissed.then_some(Answer::Cancel))
}
