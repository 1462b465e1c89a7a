//! One look for all pictures: axes, lines, legends, as SVG without system fonts.
//!
//! [`Panel`] is a picture with a legend inside it, on white. [`Small`] plots stand side by side, on a page or on a
//! [`Sheet`], and follow the reader's light or dark mode: their colours are variables of the [`style_sheet`].
#![forbid(unsafe_code)]

mod plot;
mod theme;

pub use plot::{Intervals, Level, Line, Numbers, Plot, Row, Scale, Sheet, Small, Svg};
pub use theme::{SERIES, escape, series_variable, style_sheet};

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::{Path, PathBuf};

/// What is drawn on: a picture, or a part of one.
pub type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Why something could not be drawn.
pub type Error = DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>;

// Okabe and Ito's colours, which differ for colour-blind readers too.
/// The first curve's colour.
pub const BLUE: RGBColor = RGBColor(0, 114, 178);
/// The second's.
pub const ORANGE: RGBColor = RGBColor(213, 94, 0);
/// The third's.
pub const GREEN: RGBColor = RGBColor(0, 158, 115);
/// Of what is there to compare with.
pub const GREY: RGBColor = RGBColor(120, 120, 120);
/// Of text.
pub const INK: RGBColor = RGBColor(40, 40, 40);
/// Of lines behind everything.
pub const GRID: RGBColor = RGBColor(225, 225, 225);

/// A picture that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write `{}`: {reason}", path.display())]
pub struct PlotError {
    path: PathBuf,
    reason: String,
}

/// Draws a picture of so many pixels into a folder that is there, and returns its path.
pub fn draw(
    folder: &Path,
    name: &str,
    size: (u32, u32),
    picture: impl FnOnce(&Canvas<'_>) -> Result<(), Error>,
) -> Result<PathBuf, PlotError> {
    let path = folder.join(name);
    let failed = |reason: String| PlotError { path: path.clone(), reason };
    let mut text = String::new();
    {
        let canvas = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let drawn = canvas.fill(&WHITE).and_then(|()| picture(&canvas)).and_then(|()| canvas.present());
        drawn.map_err(|error| failed(error.to_string()))?;
    }
    std::fs::write(&path, text).map_err(|error| failed(error.to_string()))?;
    Ok(path)
}

/// Text of a size in pixels, in the reader's sans serif.
pub fn font<'a>(size: u32) -> TextStyle<'a> {
    ("sans-serif", size).into_font().color(&INK)
}

/// An axis. A logarithmic one goes from one power of ten to another, which `from` and `to` are the exponents of.
pub struct Axis {
    /// What it counts, with its unit.
    pub name: &'static str,
    /// Its lower end.
    pub from: f64,
    /// Its upper end.
    pub to: f64,
    /// Whether steps are factors.
    pub logarithmic: bool,
}

impl Axis {
    /// Where a number is on the axis. What is too small is drawn at the edge.
    pub fn place(&self, number: f64) -> f64 {
        if self.logarithmic { number.log10().max(self.from) } else { number }
    }

    fn label(&self, place: f64) -> String {
        if !self.logarithmic {
            return format!("{}", (place * 1e6).round() / 1e6);
        }
        match place.round() as i32 {
            0 => "1".to_owned(),
            1 => "10".to_owned(),
            exponent => format!("10{}", superscript(exponent)),
        }
    }

    /// At most one label for each power of ten.
    fn labels(&self) -> usize {
        if self.logarithmic { ((self.to - self.from) as usize + 1).min(10) } else { 8 }
    }
}

fn superscript(number: i32) -> String {
    let digit = |digit: char| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        other => other.to_digit(10).and_then(|digit| char::from_u32(0x2070 + digit)).unwrap_or(other),
    };
    number.to_string().chars().map(digit).collect()
}

/// How a line is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// A line.
    Solid,
    /// A line of pieces.
    Dashed,
    /// With a dot at each point.
    Dotted,
}

/// A curve and its name in the legend.
pub struct Curve {
    /// What the legend calls it.
    pub name: String,
    /// Its colour.
    pub color: RGBColor,
    /// How it is drawn.
    pub stroke: Stroke,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

/// Curves over two axes.
pub struct Panel {
    /// What it shows.
    pub title: &'static str,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical one.
    pub y: Axis,
    /// What is drawn, the first below.
    pub curves: Vec<Curve>,
    /// Where the legend is.
    pub corner: Corner,
}

impl Panel {
    /// Draws all of it.
    pub fn draw(self, canvas: &Canvas<'_>) -> Result<(), Error> {
        let Self { title, x, y, curves, corner } = self;
        let entries = curves.iter().map(|curve| (curve.name.clone(), curve.color, curve.stroke));
        let entries = Legend(entries.collect());
        let mut chart = ChartBuilder::on(canvas)
            .caption(title, font(19))
            .margin(18)
            .x_label_area_size(52)
            .y_label_area_size(74)
            .build_cartesian_2d(x.from..x.to, y.from..y.to)?;
        chart
            .configure_mesh()
            .x_desc(x.name)
            .y_desc(y.name)
            .x_labels(x.labels())
            .y_labels(y.labels())
            .x_label_formatter(&|place| x.label(*place))
            .y_label_formatter(&|place| y.label(*place))
            .label_style(font(14))
            .axis_desc_style(font(16))
            .axis_style(GREY)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .draw()?;
        for Curve { color, stroke, points, .. } in curves {
            let inside = |&(x_value, y_value): &(f64, f64)| {
                let (x_place, y_place) = (x.place(x_value), y.place(y_value));
                (x_place <= x.to && y_place <= y.to).then_some((x_place, y_place))
            };
            let points: Vec<(f64, f64)> = points.iter().filter_map(inside).collect();
            let style = color.stroke_width(2);
            match stroke {
                Stroke::Dashed => {
                    chart.draw_series(DashedLineSeries::new(points.iter().copied(), 7, 5, style))?
                }
                Stroke::Solid | Stroke::Dotted => {
                    chart.draw_series(LineSeries::new(points.iter().copied(), style))?
                }
            };
            if stroke == Stroke::Dotted {
                chart.draw_series(points.iter().map(|&point| Circle::new(point, 4, color.filled())))?;
            }
        }
        let (columns, rows) = chart.plotting_area().get_pixel_range();
        entries.draw(canvas, Area { left: columns.start, right: columns.end, top: rows.start }, corner)
    }
}

/// Where curves are drawn, in pixels of the whole picture.
struct Area {
    left: i32,
    right: i32,
    top: i32,
}

/// The upper corner that no curve goes through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Corner {
    /// At the vertical axis.
    Left,
    /// Away from it.
    Right,
}

/// Names of curves, and how they are drawn.
struct Legend(Vec<(String, RGBColor, Stroke)>);

impl Legend {
    /// Pixels from entry to entry, around them, and for each character of a name.
    const STEP: i32 = 22;
    const PAD: i32 = 10;
    const CHARACTER: f64 = 7.4;

    fn draw(&self, canvas: &Canvas<'_>, area: Area, corner: Corner) -> Result<(), Error> {
        let longest = self.0.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
        let width = 2 * Self::PAD + 40 + (Self::CHARACTER * longest as f64) as i32;
        let height = 2 * Self::PAD + Self::STEP * self.0.len() as i32;
        let left = if corner == Corner::Left { area.left + 12 } else { area.right - 12 - width };
        let origin = canvas.get_base_pixel();
        let (left, top) = (left - origin.0, area.top + 12 - origin.1);
        let frame = [(left, top), (left + width, top + height)];
        canvas.draw(&Rectangle::new(frame, WHITE.mix(0.92).filled()))?;
        canvas.draw(&Rectangle::new(frame, GRID))?;
        for (i, (name, color, stroke)) in self.0.iter().enumerate() {
            let (x, y) = (left + Self::PAD, top + Self::PAD + Self::STEP * i as i32 + Self::STEP / 2);
            let line =
                |from: i32, to: i32| PathElement::new([(x + from, y), (x + to, y)], color.stroke_width(2));
            if *stroke == Stroke::Dashed {
                for from in [0, 11, 22] {
                    canvas.draw(&line(from, from + 6))?;
                }
            } else {
                canvas.draw(&line(0, 28))?;
            }
            if *stroke == Stroke::Dotted {
                canvas.draw(&Circle::new((x + 14, y), 4, color.filled()))?;
            }
            let style = font(14).pos(Pos::new(HPos::Left, VPos::Center));
            canvas.draw(&Text::new(name.clone(), (x + 38, y), style))?;
        }
        Ok(())
    }
}
