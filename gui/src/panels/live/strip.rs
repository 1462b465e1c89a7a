//! The last seconds as a strip: frames, and below them value and entropy over time.

use std::collections::VecDeque;

use eframe::egui::{
    self, Align2, Color32, ColorImage, Context, FontId, Pos2, Rect, Sense, Stroke, TextureHandle,
    TextureOptions, Ui, Vec2,
};

use super::history::{History, Moment, SECONDS};
use crate::figures::optional;
use crate::theme::{Palette, size, space, stroke};
use crate::widgets::named;

/// Points: of a curve, and of the line of text over it.
const LANE: f32 = 34.0;
const TITLE: f32 = 16.0;

/// The frames of the strip as the renderer has them.
#[derive(Default)]
pub(super) struct Strip {
    frames: VecDeque<(f64, TextureHandle)>,
}

impl Strip {
    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, history: &History) {
        self.follow(ui.ctx(), history);
        let width = ui.available_width();
        let side = (width / SECONDS as f32).clamp(16.0, 72.0);
        let lanes: Vec<(&str, Vec<(f64, f32)>)> = vec![
            ("V", points(history, |moment| moment.v)),
            ("entropy", points(history, |moment| Some(moment.entropy))),
        ];
        let lanes: Vec<_> = lanes.into_iter().filter(|(_, points)| !points.is_empty()).collect();
        let gap = space::XS;
        let height = side + lanes.len() as f32 * (TITLE + LANE + gap);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::hover());
        let name = format!("The last {SECONDS} seconds: frames, value and entropy");
        named(response, egui::Role::Image, &name)
            .on_hover_text(format!("{name}. A line across: a new episode"));
        let Some(now) = history.moments().back().map(|moment| moment.time) else { return };
        let x = |time: f64| rect.right() - ((now - time) / SECONDS) as f32 * rect.width();
        let painter = ui.painter().with_clip_rect(rect);
        for (time, frame) in &self.frames {
            let at = Rect::from_min_size(Pos2::new(x(*time) - side, rect.top()), Vec2::splat(side - 2.0));
            let uv = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
            painter.image(frame.id(), at, uv, Color32::WHITE);
        }
        let mut top = rect.top() + side + gap;
        for (name, points) in &lanes {
            let from = Pos2::new(rect.left(), top + TITLE);
            let lane = Rect::from_min_size(from, Vec2::new(rect.width(), LANE));
            draw(ui, &painter, lane, name, points, x);
            top += TITLE + LANE + gap;
        }
        let new_episodes = history.moments().iter().filter(|moment| moment.new_episode);
        for moment in new_episodes {
            let stroke = Stroke::new(1.0, Palette::of(ui).warn.gamma_multiply(0.7));
            painter.vline(x(moment.time), rect.top()..=rect.bottom(), stroke);
        }
    }

    /// Uploads the frames that came, and lets go of those that went.
    fn follow(&mut self, ctx: &Context, history: &History) {
        let kept = |time: f64| history.frames().any(|(then, ..)| *then == time);
        self.frames.retain(|(time, _)| kept(*time));
        let last = self.frames.back().map_or(f64::NEG_INFINITY, |(time, _)| *time);
        for (time, bytes, [height, width]) in history.frames().filter(|(time, ..)| *time > last) {
            let image = ColorImage::from_gray([*width, *height], bytes);
            let texture = ctx.load_texture(format!("strip {time}"), image, TextureOptions::LINEAR);
            self.frames.push_back((*time, texture));
        }
    }
}

fn points(history: &History, value: impl Fn(&Moment) -> Option<f32>) -> Vec<(f64, f32)> {
    let finite = |moment: &Moment| Some((moment.time, value(moment).filter(|value| value.is_finite())?));
    history.moments().iter().filter_map(finite).collect()
}

/// A curve between its smallest and its largest value, with both written over it.
fn draw(
    ui: &Ui,
    painter: &egui::Painter,
    lane: Rect,
    name: &str,
    points: &[(f64, f32)],
    x: impl Fn(f64) -> f32,
) {
    let palette = Palette::of(ui);
    painter.rect_filled(lane, 3.0, palette.raised);
    let (low, high) = points.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), (_, value)| {
        (low.min(*value), high.max(*value))
    });
    let span = (high - low).max(1e-6);
    let y = |value: f32| lane.bottom() - 5.0 - (value - low) / span * (lane.height() - 10.0);
    let line: Vec<Pos2> = points.iter().map(|(time, value)| Pos2::new(x(*time), y(*value))).collect();
    painter.line(line, Stroke::new(1.5, stroke(0, palette.dark).0));
    let (middle, weak) = (lane.top() - TITLE / 2.0, palette.weak);
    let font = FontId::proportional(size::SMALL);
    painter.text(Pos2::new(lane.left(), middle), Align2::LEFT_CENTER, name, font, weak);
    let ends = [low, high].map(|end| optional(Some(f64::from(end)), 3));
    let (ends, font) = (ends.join(" to "), FontId::monospace(size::SMALL - 0.5));
    painter.text(Pos2::new(lane.right(), middle), Align2::RIGHT_CENTER, ends, font, weak);
}
