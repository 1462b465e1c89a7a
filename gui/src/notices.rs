//! What the user is told in passing, in the corner of the window.

use std::time::Duration;

use eframe::egui::{Align2, Area, Context, Frame, Id, Margin, Order, RichText, ScrollArea, Stroke, Ui, vec2};

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

    /// What is on the screen, oldest first.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().map(|message| message.text.as_str())
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

    /// Draws them over everything else.
    pub fn show(&mut self, ctx: &Context) {
        let now = ctx.input(|input| input.time);
        self.take_in(now);
        if self.messages.is_empty() {
            return;
        }
        if self.messages.iter().any(|message| !message.is_error) {
            ctx.request_repaint_after(STAYS);
        }
        let mut closed = None;
        Area::new(Id::unique("notices"))
            .order(Order::Foreground)
            .anchor(Align2::RIGHT_BOTTOM, vec2(-space::L, -space::L))
            .accessible_name("Notices")
            .show(ctx, |ui| {
                for (index, message) in self.messages.iter().enumerate() {
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

/// Whether it was closed.
fn show_one(ui: &mut Ui, message: &Message) -> bool {
    let palette = Palette::of(ui);
    let (color, word) = if message.is_error { (palette.bad, "Error") } else { (palette.good, "Done") };
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(12)).stroke(Stroke::new(1.0, color));
    let mut closed = false;
    frame.show(ui, |ui| {
        ui.set_width(WIDTH);
        ui.horizontal(|ui| {
            let sign = icon(if message.is_error { Icon::TriangleAlert } else { Icon::Check });
            ui.label(RichText::new(format!("{sign} {word}")).color(color));
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

    #[test]
    fn an_error_stays_and_the_rest_goes() {
        let mut notices = Notices::default();
        notices.info("saved");
        notices.error("no space");
        notices.take_in(0.0);
        notices.take_in(5.9);
        assert_eq!(notices.texts().collect::<Vec<_>>(), ["saved", "no space"]);
        notices.take_in(6.1);
        assert_eq!(notices.texts().collect::<Vec<_>>(), ["no space"]);
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
        assert_eq!(notices.texts().collect::<Vec<_>>(), ["3", "4", "5", "6", "7"]);
    }
}
