//! What the user is told in passing: in the bar that something was done, in the corner that something failed. The corner
//! covers what is below it, so only what has to be read is shown there.

use std::time::Duration;

use eframe::egui::{
    Align2, Area, Context, Frame, Id, Label, Margin, Order, RichText, ScrollArea, Stroke, Ui, vec2,
};

use crate::theme::{Icon, Palette, icon, size, space};
use crate::widgets::icon_button;

/// How long a message stays that is no error.
const STAYS: Duration = Duration::from_secs(6);
/// How many are shown; older ones make room.
const ROOM: usize = 5;
/// Points.
const WIDTH: f32 = 360.0;

struct Message {
    text: String,
    is_error: bool,
    /// How often it was said.
    times: usize,
    /// When it was said last, on the clock of the window, seconds.
    since: f64,
}

/// The messages that are on the screen.
#[derive(Default)]
pub struct Notices {
    messages: Vec<Message>,
    /// What was said since the last frame, which has no time yet.
    fresh: Vec<(String, bool)>,
}

impl Notices {
    /// Says that something was done.
    pub fn info(&mut self, text: impl Into<String>) {
        self.fresh.push((text.into(), false));
    }

    /// Says that something failed; it stays until it is closed.
    pub fn error(&mut self, text: impl Into<String>) {
        self.fresh.push((text.into(), true));
    }

    fn take_in(&mut self, now: f64) {
        for (text, is_error) in self.fresh.drain(..) {
            let known =
                self.messages.iter().position(|known| known.text == text && known.is_error == is_error);
            let times = known.map_or(0, |place| self.messages.remove(place).times) + 1;
            self.messages.push(Message { text, is_error, times, since: now });
        }
        self.messages.retain(|message| message.is_error || now - message.since < STAYS.as_secs_f64());
        let too_many = self.messages.len().saturating_sub(ROOM);
        self.messages.drain(..too_many);
    }

    /// Takes in what was said, and draws what was done last into the bar.
    pub fn show_done(&mut self, ui: &mut Ui) {
        let now = ui.input(|input| input.time);
        self.take_in(now);
        let Some(done) = self.messages.iter().rfind(|message| !message.is_error) else { return };
        ui.ctx().request_repaint_after(STAYS);
        let palette = Palette::of(ui);
        let times = if done.times > 1 { format!(" ×{}", done.times) } else { String::new() };
        ui.label(RichText::new(icon(Icon::Check)).color(palette.good));
        let text = RichText::new(format!("{}{times}", done.text)).color(palette.weak);
        ui.add(Label::new(text).truncate()).on_hover_text(&done.text);
    }

    /// Draws errors over everything else.
    pub fn show_errors(&mut self, ctx: &Context) {
        if !self.messages.iter().any(|message| message.is_error) {
            return;
        }
        let mut closed = None;
        Area::new(Id::unique("notices"))
            .order(Order::Foreground)
            .anchor(Align2::RIGHT_BOTTOM, vec2(-space::L, -space::L))
            .accessible_name("Notices")
            .show(ctx, |ui| {
                for (index, message) in self.messages.iter().enumerate().filter(|(_, said)| said.is_error) {
                    if show_one(ui, message) {
                        closed = Some(index);
                    }
                }
            });
        if let Some(index) = closed {
            self.messages.remove(index);
        }
    }
}

/// Draws an error; whether it was closed.
fn show_one(ui: &mut Ui, message: &Message) -> bool {
    let palette = Palette::of(ui);
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(12)).stroke(Stroke::new(1.0, palette.bad));
    let mut closed = false;
    frame.show(ui, |ui| {
        ui.set_width(WIDTH);
        ui.horizontal(|ui| {
            ui.label(RichText::new(format!("{} Error", icon(Icon::TriangleAlert))).color(palette.bad));
            if message.times > 1 {
                ui.label(RichText::new(format!("×{}", message.times)).color(palette.weak).size(size::SMALL));
            }
            ui.with_layout(eframe::egui::Layout::right_to_left(eframe::egui::Align::Center), |ui| {
                closed = icon_button(ui, Icon::X, "Close this notice").clicked();
                if icon_button(ui, Icon::Copy, "Copy the text of this notice").clicked() {
                    ui.ctx().copy_text(message.text.clone());
                }
            });
        });
        ScrollArea::vertical().max_height(160.0).show(ui, |ui| ui.label(&message.text));
    });
    closed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(notices: &Notices) -> Vec<&str> {
        notices.messages.iter().map(|message| message.text.as_str()).collect()
    }

    #[test]
    fn an_error_stays_and_the_rest_goes() {
        let mut notices = Notices::default();
        notices.info("saved");
        notices.error("no space");
        notices.take_in(0.0);
        notices.take_in(5.9);
        assert_eq!(texts(&notices), ["saved", "no space"]);
        notices.take_in(6.1);
        assert_eq!(texts(&notices), ["no space"]);
    }

    #[test]
    fn what_is_said_again_is_counted() {
        let mut notices = Notices::default();
        notices.error("no space");
        notices.error("no space");
        notices.take_in(0.0);
        assert_eq!(notices.messages.len(), 1);
        assert_eq!(notices.messages[0].times, 2);
    }

    #[test]
    fn the_oldest_make_room() {
        let mut notices = Notices::default();
        for number in 0..8 {
            notices.error(format!("{number}"));
        }
        notices.take_in(0.0);
        assert_eq!(texts(&notices), ["3", "4", "5", "6", "7"]);
    }
}
