//! What the agent thinks of each action: probabilities, and values against the state's.
//!
//! A row is an action: its name, the probability it is drawn with, and its advantage, a bar to the right where the
//! action is better than the state's value and to the left where it is worse.

use eframe::egui::{self, Align2, Color32, FontId, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};
use kelvin_run::AgentView;

use crate::figures::optional;
use crate::theme::{Palette, size, stroke};

const ROW: f32 = 20.0;
/// Of the mono font's digits and signs: `−12.345`.
const NUMBER: f32 = 56.0;

/// The largest advantage of the last seconds, so that bars do not jump with every frame.
#[derive(Default)]
pub(super) struct Scale(f32);

impl Scale {
    /// Grows at once and shrinks slowly.
    fn follow(&mut self, largest: f32) -> f32 {
        self.0 = largest.max(self.0 * 0.98).max(1e-6);
        self.0
    }
}

/// The rows of all actions.
pub(super) fn show(ui: &mut Ui, agent: &AgentView, scale: &mut Scale) {
    let values = agent.q.as_deref().or(agent.logits.as_deref());
    let base = match (&agent.q, agent.v) {
        (Some(_), Some(v)) => v,
        // Logits are compared with each other.
        _ => values.map_or(0.0, |values| values.iter().sum::<f32>() / values.len().max(1) as f32),
    };
    let advantages = values.map(|values| values.iter().map(|value| value - base).collect::<Vec<_>>());
    let largest = advantages.iter().flatten().fold(0.0, |largest: f32, value| largest.max(value.abs()));
    let largest = scale.follow(if largest.is_finite() { largest } else { 0.0 });
    // What a greedy agent's values would mean for a sampled one says more than a bar for its one action.
    let (policy, title) = match &agent.boltzmann {
        Some(boltzmann) => (boltzmann, "softmax(q / τ)"),
        None => (&agent.policy, "policy"),
    };
    let columns = Columns::new(ui, agent);
    let values_are = if agent.q.is_some() { ["q", "q − V"] } else { ["logit", "− mean"] };
    columns.titles(ui, title, values_are);
    for (action, name) in agent.actions.iter().enumerate() {
        let row = Row {
            name,
            probability: policy.get(action).copied(),
            value: values.and_then(|values| values.get(action)).copied(),
            advantage: advantages.as_ref().and_then(|all| all.get(action)).map(|value| value / largest),
            taken: agent.action == action,
        };
        columns.row(ui, &row);
    }
}

struct Row<'a> {
    name: &'a str,
    probability: Option<f32>,
    value: Option<f32>,
    /// From -1 to 1.
    advantage: Option<f32>,
    taken: bool,
}

struct Columns {
    name: f32,
    bar: f32,
    width: f32,
}

impl Columns {
    fn new(ui: &Ui, agent: &AgentView) -> Self {
        let longest = agent.actions.iter().map(|name| name.len()).max().unwrap_or(0) as f32;
        let width = ui.available_width().max(220.0);
        let name = (longest * 7.6 + 14.0).min(width * 0.35);
        let bar = ((width - name - 2.0 * NUMBER - 18.0) / 2.0).max(20.0);
        Self { name, bar, width }
    }

    /// Left edges of the two bars, and right edges of the numbers before them.
    fn edges(&self, rect: Rect) -> [f32; 2] {
        let first = rect.left() + self.name + NUMBER + 6.0;
        [first, first + self.bar + NUMBER + 12.0]
    }

    /// A number has its name over it, and its bar what it is a share of.
    fn titles(&self, ui: &mut Ui, policy: &str, [value, bar]: [&str; 2]) {
        let (rect, _) = ui.allocate_exact_size(Vec2::new(self.width, ROW), Sense::hover());
        let (font, color) = (FontId::proportional(size::SMALL), Palette::of(ui).weak);
        let [policy_at, value_at] = self.edges(rect);
        let text = |x: f32, align: Align2, text: &str| {
            ui.painter().text(egui::pos2(x, rect.center().y), align, text, font.clone(), color);
        };
        text(rect.left() + 5.0, Align2::LEFT_CENTER, "action");
        // Its number and its bar are the same: the name may begin over the number.
        text(policy_at + self.bar.min(60.0), Align2::RIGHT_CENTER, policy);
        text(value_at - 6.0, Align2::RIGHT_CENTER, value);
        text(value_at, Align2::LEFT_CENTER, bar);
    }

    fn row(&self, ui: &mut Ui, row: &Row<'_>) {
        let (rect, response) = ui.allocate_exact_size(Vec2::new(self.width, ROW), Sense::hover());
        let number = |value: Option<f32>| optional(value.map(f64::from), 3);
        let (probability, value) = (number(row.probability), number(row.value));
        response.widget_info(|| {
            let taken = if row.taken { ", taken" } else { "" };
            let label = format!("{}: probability {probability}, value {value}{taken}", row.name);
            WidgetInfo::labeled(egui::Role::Label, true, label)
        });
        if !ui.is_rect_visible(rect) {
            return;
        }
        let palette = Palette::of(ui);
        let painter = ui.painter();
        if row.taken {
            painter.rect_filled(rect, 3.0, palette.chosen);
            painter.rect_stroke(rect, 3.0, Stroke::new(1.0, palette.accent), StrokeKind::Inside);
        }
        let (middle, color) = (rect.center().y, palette.text);
        let left = egui::pos2(rect.left() + 5.0, middle);
        painter.text(left, Align2::LEFT_CENTER, row.name, FontId::proportional(12.5), color);
        let [policy_at, value_at] = self.edges(rect);
        let mono = FontId::monospace(12.0);
        for (x, text) in [(policy_at, probability), (value_at, value)] {
            painter.text(egui::pos2(x - 6.0, middle), Align2::RIGHT_CENTER, text, mono.clone(), color);
        }
        let slot = |x: f32| {
            Rect::from_min_max(egui::pos2(x, rect.top() + 4.0), egui::pos2(x + self.bar, rect.bottom() - 4.0))
        };
        let fill = |slot: Rect, from: f32, to: f32, color: Color32| {
            let at = |share: f32| slot.left() + slot.width() * share;
            let bar = Rect::from_x_y_ranges(at(from.min(to))..=at(from.max(to)), slot.y_range());
            painter.rect_filled(bar, 2.0, color);
        };
        let (policy, values) = (slot(policy_at), slot(value_at));
        for slot in [policy, values] {
            painter.rect_filled(slot, 2.0, palette.raised);
        }
        fill(policy, 0.0, row.probability.unwrap_or(0.0).clamp(0.0, 1.0), palette.accent);
        if let Some(advantage) = row.advantage.filter(|advantage| advantage.is_finite()) {
            let color = stroke(usize::from(advantage < 0.0), palette.dark).0;
            fill(values, 0.5, 0.5 + 0.5 * advantage.clamp(-1.0, 1.0), color);
        }
        let zero = values.center().x;
        painter.vline(zero, values.y_range(), Stroke::new(1.0, palette.weak));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_grows_at_once_and_shrinks_slowly() {
        let mut scale = Scale::default();
        assert_eq!(scale.follow(2.0), 2.0);
        assert_eq!(scale.follow(3.0), 3.0);
        let after = scale.follow(1.0);
        assert!((2.9..3.0).contains(&after), "{after}");
    }
}
