//! The table of values at the crosshair.

use eframe::egui::{Align2, Color32, FontId, Rect, Shape, Stroke as Pen, StrokeKind, Ui, pos2, vec2};

use super::drawing::Line;
use crate::format;
use crate::theme::{Palette, size, space};

const ROW: f32 = 17.0;
const PAD: f32 = 8.0;
/// Points that a name may take.
const NAME: f32 = 220.0;

/// A row of the table.
pub(super) struct Value<'a> {
    /// The curve's name.
    pub name: &'a str,
    /// Its colour.
    pub color: Color32,
    /// Its value at the crosshair.
    pub value: f64,
    /// Its band there.
    pub band: Option<[f64; 2]>,
    /// Runs that have a value there, where others have none any more.
    pub of_fewer: Option<usize>,
}

/// How many runs a curve is made of at a place, if that is fewer than elsewhere.
pub(super) fn fewer(line: &Line, x: f64) -> Option<usize> {
    let place = line.xs.partition_point(|place| *place < x);
    let here = *line.runs.get(place)?;
    (here < line.runs.iter().copied().max()?).then_some(here)
}

/// The value of a curve at a place, and its band: on the straight line between two points. None outside of it.
pub(super) fn value_at(line: &Line, x: f64) -> Option<(f64, Option<[f64; 2]>)> {
    let next = line.xs.partition_point(|place| *place < x);
    let at = |values: &[f64]| -> Option<f64> {
        let right = *values.get(next)?;
        let value = match next.checked_sub(1) {
            _ if line.xs[next] == x => right,
            Some(before) => {
                let share = (x - line.xs[before]) / (line.xs[next] - line.xs[before]);
                values[before] + share * (right - values[before])
            }
            None => return None,
        };
        value.is_finite().then_some(value)
    };
    let band = line.band.as_ref().and_then(|(low, high)| Some([at(low)?, at(high)?]));
    Some((at(&line.ys)?, band))
}

/// Draws the table inside a plot, on the side where the pointer is not. The largest value comes first; what does not fit is
/// counted. `notes` stand below.
pub(super) fn table(
    ui: &Ui,
    plot: Rect,
    pointer_x: f32,
    title: &str,
    mut values: Vec<Value<'_>>,
    notes: &[String],
) {
    let palette = Palette::of(ui);
    let painter = ui.painter().with_clip_rect(plot);
    values.sort_by(|a, b| b.value.total_cmp(&a.value));
    let room = (((plot.height() - 3.0 * PAD) / ROW) as usize).saturating_sub(2 + notes.len()).max(1);
    let hidden = values.len().saturating_sub(room);
    values.truncate(room);
    let font = FontId::proportional(size::SMALL);
    let layout = |text: String, color| painter.layout_no_wrap(text, font.clone(), color);
    let rows: Vec<_> = values
        .iter()
        .map(|value| {
            let band =
                value.band.map(|[low, high]| format!("[{}, {}]", format::number(low), format::number(high)));
            let mut name = cut(value.name, 34);
            if let Some(runs) = value.of_fewer {
                name += &format!(" (of {runs})");
            }
            (
                layout(name, palette.text),
                layout(format::number(value.value), palette.text),
                layout(band.unwrap_or_default(), palette.weak),
                value.color,
            )
        })
        .collect();
    let widest = |widths: &mut dyn Iterator<Item = f32>| widths.fold(0.0, f32::max);
    let names = widest(&mut rows.iter().map(|row| row.0.size().x)).min(NAME);
    // As wide as usual numbers are, so that it does not twitch while the pointer moves.
    let numbers = widest(&mut rows.iter().map(|row| row.1.size().x)).max(38.0);
    let bands = widest(&mut rows.iter().map(|row| row.2.size().x));
    let bands = if bands > 0.0 { bands.max(84.0) + space::S } else { 0.0 };
    let title = layout(title.to_owned(), palette.weak);
    let notes: Vec<_> = notes.iter().map(|note| layout(cut(note, 60), palette.text)).collect();
    let noted = widest(&mut notes.iter().map(|note| note.size().x));
    let width = (16.0 + names + space::M + numbers + bands).max(title.size().x).max(noted) + 2.0 * PAD;
    let lines = rows.len() + 1 + usize::from(hidden > 0) + notes.len();
    let area = vec2(width, ROW * lines as f32 + 2.0 * PAD);
    let left = if pointer_x > plot.center().x { plot.left() + PAD } else { plot.right() - PAD - area.x };
    let frame = Rect::from_min_size(pos2(left, plot.top() + PAD), area);
    painter.rect(frame, 6, palette.panel, Pen::new(1.0, palette.line), StrokeKind::Inside);
    let mut y = frame.top() + PAD + ROW / 2.0;
    let x = frame.left() + PAD;
    let put = |at: f32, y: f32, galley: std::sync::Arc<eframe::egui::Galley>, align: Align2| {
        let place = align.anchor_size(pos2(at, y), galley.size());
        painter.add(Shape::galley(place.min, galley, palette.text));
    };
    put(x, y, title, Align2::LEFT_CENTER);
    for (name, value, band, color) in rows {
        y += ROW;
        painter.circle_filled(pos2(x + 4.0, y), 4.0, color);
        put(x + 16.0, y, name, Align2::LEFT_CENTER);
        put(x + 16.0 + names + space::M + numbers, y, value, Align2::RIGHT_CENTER);
        put(frame.right() - PAD, y, band, Align2::RIGHT_CENTER);
    }
    if hidden > 0 {
        y += ROW;
        put(x, y, layout(format!("and {hidden} more"), palette.weak), Align2::LEFT_CENTER);
    }
    for note in notes {
        y += ROW;
        put(x, y, note, Align2::LEFT_CENTER);
    }
}

/// The beginning of a text that is longer than so many characters.
fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colors::SeriesKey;
    use crate::data::RunId;

    fn line() -> Line {
        Line {
            key: SeriesKey::Run(RunId(0)),
            name: String::new(),
            xs: vec![0.0, 10.0, 20.0],
            ys: vec![0.0, 5.0, f64::NAN],
            raw: Vec::new(),
            band: Some((vec![-1.0, 4.0, f64::NAN], vec![1.0, 6.0, f64::NAN])),
            runs: vec![2, 2, 0],
        }
    }

    #[test]
    fn values_lie_on_the_line() {
        assert_eq!(value_at(&line(), 5.0), Some((2.5, Some([1.5, 3.5]))));
        assert_eq!(value_at(&line(), 0.0), Some((0.0, Some([-1.0, 1.0]))));
        assert_eq!(value_at(&line(), 10.0), Some((5.0, Some([4.0, 6.0]))));
    }

    #[test]
    fn there_is_no_value_where_there_is_no_line() {
        for x in [-1.0, 15.0, 21.0] {
            assert_eq!(value_at(&line(), x), None, "{x}");
        }
    }

    #[test]
    fn it_is_said_where_a_curve_is_of_fewer_runs() {
        let line = Line { runs: vec![2, 2, 1], ..line() };
        assert_eq!(
            [0.0, 10.0, 10.1, 20.0, 21.0].map(|x| fewer(&line, x)),
            [None, None, Some(1), Some(1), None]
        );
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(cut("soft", 4), "soft");
        assert_eq!(cut("softer", 4), "sof…");
    }
}
