//! Every row's error against its tolerance or threshold.

use super::Drawn;
use crate::row::{Kind, Row};
use kelvin_chart::{BLUE, Canvas, GREY, GRID, ORANGE, font};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Pixels from row to row, and what stands above, below and to the left of them.
const STEP: i32 = 19;
const TOP: i32 = 104;
const BOTTOM: i32 = 70;
const LEFT: i32 = 330;
const WIDTH: i32 = 1100;
const RIGHT: i32 = 40;
/// Powers of ten at the edges.
const FROM: i32 = -20;
const TO: i32 = 1;

/// The size of the picture, in pixels.
pub(super) fn size(rows: &[Row]) -> (u32, u32) {
    (WIDTH as u32, (TOP + BOTTOM) as u32 + STEP as u32 * rows.len() as u32)
}

pub(super) fn draw(canvas: &Canvas<'_>, rows: &[Row]) -> Drawn {
    let text = |text: String, at: (i32, i32), size: u32, horizontal: HPos| {
        canvas.draw(&Text::new(text, at, font(size).pos(Pos::new(horizontal, VPos::Center))))
    };
    let bottom = TOP + STEP * rows.len() as i32;
    text("Error of each row against its tolerance or threshold".into(), (WIDTH / 2, 28), 22, HPos::Center)?;
    for exponent in (FROM..=TO).filter(|exponent| exponent % 2 == 0) {
        let x = place(10f64.powi(exponent));
        canvas.draw(&PathElement::new([(x, TOP - 6), (x, bottom + 6)], GRID))?;
        text(
            if exponent == 0 { "1".into() } else { format!("1e{exponent}") },
            (x, bottom + 20),
            14,
            HPos::Center,
        )?;
    }
    let name = "relative error (1 is the size of the terms; an exact zero is at the left edge)";
    text(name.into(), ((LEFT + WIDTH - RIGHT) / 2, bottom + 48), 16, HPos::Center)?;

    for (i, row) in rows.iter().enumerate() {
        let y = TOP + STEP * i as i32 + STEP / 2;
        if i % 2 == 0 {
            let band = [(12, y - STEP / 2), (WIDTH - RIGHT + 12, y + STEP / 2 + 1)];
            canvas.draw(&Rectangle::new(band, BLACK.mix(0.03).filled()))?;
        }
        text(row.id.into(), (220, y), 14, HPos::Right)?;
        text(format!("({})", row.equations), (230, y), 12, HPos::Left)?;
        mark(canvas, row, y)?;
    }

    let shown = |kind, pass, error, tolerance| Row {
        id: "",
        equations: "",
        claim: "",
        computed: String::new(),
        error,
        tolerance,
        why: "",
        kind,
        pass,
    };
    let legend = [
        (LEFT, "identity: error (dot) left of its tolerance (bar)", shown(Kind::Identity, true, 0.0, 0.0)),
        (LEFT + 350, "difference: error right of its threshold", shown(Kind::Difference, true, 0.0, 0.0)),
        (LEFT + 640, "fails", shown(Kind::Identity, false, 0.0, 0.0)),
    ];
    for (x, name, row) in legend {
        canvas.draw(&Circle::new((x, 70), 5, color(&row).filled()))?;
        text(name.into(), (x + 12, 70), 14, HPos::Left)?;
    }
    Ok(())
}

/// The error as a dot, the tolerance as a bar, a line between them.
fn mark(canvas: &Canvas<'_>, row: &Row, y: i32) -> Drawn {
    let color = color(row);
    let (error, tolerance) = (place(row.error), place(row.tolerance));
    canvas.draw(&PathElement::new([(error, y), (tolerance, y)], color.mix(0.35).stroke_width(2)))?;
    canvas.draw(&PathElement::new([(tolerance, y - 7), (tolerance, y + 7)], GREY.stroke_width(3)))?;
    canvas.draw(&Circle::new((error, y), 5, color.filled()))
}

fn color(row: &Row) -> RGBColor {
    match (row.pass, row.kind) {
        (true, Kind::Identity) => BLUE,
        (true, Kind::Difference) => ORANGE,
        (false, _) => RGBColor(200, 0, 0),
    }
}

/// The pixel of a number. What is not a number is put at the right edge, where it fails for all to see.
fn place(number: f64) -> i32 {
    let share = (number.log10() - f64::from(FROM)) / f64::from(TO - FROM);
    let share = if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) };
    LEFT + (share * f64::from(WIDTH - RIGHT - LEFT)).round() as i32
}
