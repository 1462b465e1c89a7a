//! Small plots that stand side by side: lines with bands around them, and intervals in rows.
//!
//! They have no legend of their own: what stands beside one another shares one, which the page or the [`Sheet`] shows.

use plotters::prelude::*;
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

use crate::theme::{self, PAPER, SERIES};
use crate::{Canvas, Error, GREY, GRID, INK};

/// Coordinates a pixel: those of the backend are whole numbers, and curves should not be stairs.
const FINE: u32 = 4;
/// Opacity of a band, such that three on top of one another can be told apart.
const BAND: f64 = 0.16;

fn fine(pixels: i32) -> i32 {
    pixels * FINE as i32
}

/// Text of a size in pixels.
fn text<'a>(size: u32, color: RGBColor) -> TextStyle<'a> {
    // The backend divides sizes by 1.24, points for pixels.
    ("sans-serif", f64::from(size * FINE) * 1.24).into_font().color(&color)
}

/// How numbers on an axis are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// As they are.
    Plain,
    /// Large ones with k, M and G.
    Counts,
    /// In percent.
    Shares,
    /// An axis of roots, with the numbers that they are roots of.
    Squares,
}

impl Numbers {
    /// A number as it stands on an axis.
    pub fn label(self, number: f64) -> String {
        let rounded = |number: f64| {
            // Sums of steps such as 0.1 leave a tail; nobody wants -0.
            let text = format!("{}", (number * 1e6).round() / 1e6);
            if text == "-0" { "0".to_owned() } else { text }
        };
        let size = number.abs();
        match self {
            Self::Shares => rounded(number * 100.0) + "%",
            Self::Squares => rounded(number * number),
            Self::Counts if size >= 1e9 => rounded(number / 1e9) + "G",
            Self::Counts if size >= 1e6 => rounded(number / 1e6) + "M",
            Self::Counts if size >= 1e4 => rounded(number / 1e3) + "k",
            _ => rounded(number),
        }
    }
}

/// An axis from one end to another.
#[derive(Clone, Debug)]
pub struct Scale {
    /// What it counts, with its unit; empty for an axis that the title explains.
    pub name: String,
    /// Its lower or left end.
    pub from: f64,
    /// Its upper or right end.
    pub to: f64,
    /// How its numbers are written.
    pub numbers: Numbers,
}

impl Scale {
    /// An axis on which all of these finite numbers lie, with a little room.
    pub fn around(name: &str, numbers: Numbers, values: impl IntoIterator<Item = f64>) -> Self {
        let finite = values.into_iter().filter(|value| value.is_finite());
        let (low, high) = finite
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = if high > low { 0.05 * (high - low) } else { 0.5 * high.abs().max(1.0) };
        Self { name: name.to_owned(), from: low - room, to: high + room, numbers }
    }

    fn clamp(&self, value: f64) -> f64 {
        value.clamp(self.from.min(self.to), self.to.max(self.from))
    }
}

/// A line with what is known of how far it may be off.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// Which of [`SERIES`].
    pub color: usize,
    /// Whether it is drawn in pieces.
    pub dashed: bool,
    /// From left to right; a NaN interrupts it.
    pub points: Vec<(f64, f64)>,
    /// Lower and upper edge of the band at each x; nothing for a line without one.
    pub band: Vec<(f64, f64, f64)>,
}

/// A number to compare with, across the whole plot.
#[derive(Clone, Debug)]
pub struct Level {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub value: f64,
}

/// Lines over two axes.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// The horizontal axis.
    pub x: Scale,
    /// The vertical one.
    pub y: Scale,
    /// What is drawn, the first below.
    pub lines: Vec<Line>,
    /// Levels to compare with.
    pub levels: Vec<Level>,
    /// What is said where there is no line.
    pub empty: String,
}

impl Plot {
    /// Draws it on a canvas of [`FINE`] coordinates a pixel.
    fn draw(&self, canvas: &Canvas<'_>) -> Result<(), Error> {
        let (x, y) = (&self.x, &self.y);
        title(canvas, &self.title)?;
        let (width, height) = canvas.dim_in_pixel();
        if self.lines.is_empty() {
            let style = text(13, GREY).pos(Pos::new(HPos::Center, VPos::Center));
            let middle = (width as i32 / 2, height as i32 / 2);
            return canvas.draw(&Text::new(self.empty.clone(), middle, style));
        }
        let labels = y_label_width(y);
        let mut chart = ChartBuilder::on(canvas)
            .margin_top(fine(34))
            .margin_right(fine(14))
            .margin_bottom(fine(6))
            .margin_left(fine(if y.name.is_empty() { 4 } else { 22 }))
            .x_label_area_size(fine(if x.name.is_empty() { 24 } else { 40 }))
            .y_label_area_size(fine(labels))
            .build_cartesian_2d(x.from..x.to, y.from..y.to)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels((width / FINE / 75).max(2) as usize)
            .y_labels((height / FINE / 48).max(3) as usize)
            .x_label_formatter(&|value| x.numbers.label(*value))
            .y_label_formatter(&|value| y.numbers.label(*value))
            .label_style(text(12, GREY))
            .axis_style(GREY.stroke_width(FINE))
            .bold_line_style(GRID.stroke_width(FINE))
            .light_line_style(TRANSPARENT)
            .set_all_tick_mark_size(fine(4))
            .draw()?;
        axis_names(canvas, x, y, chart.plotting_area().get_pixel_range())?;
        for level in self.levels.iter().filter(|level| (y.from..=y.to).contains(&level.value)) {
            let ends = [(x.from, level.value), (x.to, level.value)];
            chart.draw_series(DashedLineSeries::new(
                ends,
                fine(5) as u32,
                fine(4) as u32,
                GREY.stroke_width(FINE),
            ))?;
            let above = Pos::new(HPos::Left, VPos::Bottom);
            let place = (x.from + 0.02 * (x.to - x.from), level.value);
            chart.draw_series([Text::new(level.name.clone(), place, text(11, GREY).pos(above))])?;
        }
        for line in &self.lines {
            let color = SERIES[line.color % SERIES.len()];
            for piece in line
                .band
                .split(|(_, low, high)| low.is_nan() || high.is_nan())
                .filter(|piece| piece.len() > 1)
            {
                let lower = piece.iter().map(|(at, low, _)| (*at, y.clamp(*low)));
                let upper = piece.iter().rev().map(|(at, _, high)| (*at, y.clamp(*high)));
                let area = Polygon::new(lower.chain(upper).collect::<Vec<_>>(), color.mix(BAND).filled());
                chart.draw_series([area])?;
            }
        }
        for line in &self.lines {
            let style = SERIES[line.color % SERIES.len()].stroke_width(2 * FINE);
            for piece in line.points.split(|(_, value)| value.is_nan()) {
                let points = piece.iter().map(|(at, value)| (*at, y.clamp(*value)));
                if let [lone] = piece {
                    let place = (lone.0, y.clamp(lone.1));
                    chart.draw_series([Circle::new(place, fine(3), style.filled())])?;
                } else if line.dashed {
                    chart.draw_series(DashedLineSeries::new(
                        points,
                        fine(6) as u32,
                        fine(4) as u32,
                        style,
                    ))?;
                } else {
                    chart.draw_series(LineSeries::new(points, style))?;
                }
            }
        }
        Ok(())
    }
}

/// An estimate and its interval, in a row of its own.
#[derive(Clone, Debug)]
pub struct Row {
    /// What stands before it.
    pub name: String,
    /// Which of [`SERIES`].
    pub color: usize,
    /// The estimate.
    pub value: f64,
    /// Its interval.
    pub ends: (f64, f64),
}

/// Rows of intervals over one axis.
#[derive(Clone, Debug)]
pub struct Intervals {
    /// What they are of.
    pub title: String,
    /// The axis.
    pub x: Scale,
    /// From top to bottom.
    pub rows: Vec<Row>,
    /// A value that divides the plot: no difference, an even chance.
    pub divide: Option<f64>,
    /// Whether names are written before the rows: not where the plot beside it has the same.
    pub named: bool,
}

impl Intervals {
    /// Pixels of a row, and of everything else above and below.
    const ROW: u32 = 26;
    const AROUND: u32 = 84;

    /// Pixels it needs to be high.
    pub fn height(&self) -> u32 {
        Self::AROUND + Self::ROW * self.rows.len() as u32
    }

    /// Pixels that the names take.
    pub fn names_width(&self) -> u32 {
        let longest = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        if self.named { 16 + (7.0 * longest as f64) as u32 } else { 8 }
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Result<(), Error> {
        let x = &self.x;
        title(canvas, &self.title)?;
        let count = self.rows.len() as f64;
        let mut chart = ChartBuilder::on(canvas)
            .margin_top(fine(34))
            .margin_right(fine(16))
            .margin_bottom(fine(6))
            .x_label_area_size(fine(if x.name.is_empty() { 24 } else { 40 }))
            .y_label_area_size(fine(self.names_width() as i32))
            .build_cartesian_2d(x.from..x.to, count..0.0)?;
        let labels = (canvas.dim_in_pixel().0 / FINE).saturating_sub(self.names_width()) / 48;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .x_labels(labels.max(2) as usize)
            .x_label_formatter(&|value| x.numbers.label(*value))
            .label_style(text(12, GREY))
            .axis_style(GREY.stroke_width(FINE))
            .bold_line_style(GRID.stroke_width(FINE))
            .light_line_style(TRANSPARENT)
            .set_all_tick_mark_size(fine(4))
            .draw()?;
        axis_names(
            canvas,
            x,
            &Scale { name: String::new(), ..x.clone() },
            chart.plotting_area().get_pixel_range(),
        )?;
        if let Some(at) = self.divide.filter(|at| (x.from..=x.to).contains(at)) {
            let ends = [(at, 0.0), (at, count)];
            chart.draw_series(DashedLineSeries::new(
                ends,
                fine(5) as u32,
                fine(4) as u32,
                GREY.stroke_width(FINE),
            ))?;
        }
        for (place, row) in self.rows.iter().enumerate() {
            let (color, middle) = (SERIES[row.color % SERIES.len()], place as f64 + 0.5);
            let (low, high) = (x.clamp(row.ends.0), x.clamp(row.ends.1));
            if low <= high {
                let bar = [(low, middle - 0.26), (high, middle + 0.26)];
                chart.draw_series([Rectangle::new(bar, color.mix(0.45).filled())])?;
            }
            let mark = [(x.clamp(row.value), middle - 0.34), (x.clamp(row.value), middle + 0.34)];
            chart.draw_series([PathElement::new(mark, color.stroke_width(3 * FINE))])?;
            if self.named {
                let (left, top) = chart.backend_coord(&(x.from, middle));
                let origin = canvas.get_base_pixel();
                let style = text(12, INK).pos(Pos::new(HPos::Right, VPos::Center));
                canvas.draw(&Text::new(
                    row.name.clone(),
                    (left - origin.0 - fine(8), top - origin.1),
                    style,
                ))?;
            }
        }
        Ok(())
    }
}

fn title(canvas: &Canvas<'_>, title: &str) -> Result<(), Error> {
    let bold = ("sans-serif", f64::from(14 * FINE) * 1.24, FontStyle::Bold).into_font();
    let style = bold.color(&INK).pos(Pos::new(HPos::Left, VPos::Top));
    canvas.draw(&Text::new(title.to_owned(), (fine(8), fine(8)), style))
}

/// Writes the names of both axes, each at the middle of the area that is drawn in, in pixels of the whole picture.
fn axis_names(
    canvas: &Canvas<'_>,
    x: &Scale,
    y: &Scale,
    (columns, rows): (Range<i32>, Range<i32>),
) -> Result<(), Error> {
    let (left, top) = canvas.get_base_pixel();
    if !x.name.is_empty() {
        let style = text(12, INK).pos(Pos::new(HPos::Center, VPos::Top));
        let place = ((columns.start + columns.end) / 2 - left, rows.end + fine(24) - top);
        canvas.draw(&Text::new(x.name.clone(), place, style))?;
    }
    if !y.name.is_empty() {
        let turned =
            ("sans-serif", f64::from(12 * FINE) * 1.24).into_font().transform(FontTransform::Rotate270);
        let style = TextStyle::from(turned).color(&INK).pos(Pos::new(HPos::Center, VPos::Top));
        canvas.draw(&Text::new(y.name.clone(), (fine(6), (rows.start + rows.end) / 2 - top), style))?;
    }
    Ok(())
}

/// Pixels that the longest of the usual labels needs.
fn y_label_width(y: &Scale) -> i32 {
    let step = 10f64.powf(((y.to - y.from) / 4.0).abs().max(1e-9).log10().floor());
    let label = |value: f64| y.numbers.label((value / step).round() * step).chars().count();
    let longest = [y.from, y.to, y.from + 0.25 * (y.to - y.from)].map(label).into_iter().max().unwrap_or(1);
    14 + 7 * longest as i32
}

/// What can stand on a sheet.
#[derive(Clone, Debug)]
pub enum Small {
    /// Lines.
    Plot(Plot),
    /// Intervals.
    Intervals(Intervals),
}

/// A picture as text.
#[derive(Clone, Debug)]
pub struct Svg {
    inline: String,
    size: (u32, u32),
}

impl Svg {
    /// As part of a page that has [`style_sheet`](crate::style_sheet).
    pub fn inline(&self) -> &str {
        &self.inline
    }

    /// As a file of its own.
    pub fn file(&self) -> String {
        theme::standalone(&self.inline, self.size)
    }

    fn draw(
        size: (u32, u32),
        title: &str,
        picture: impl FnOnce(&Canvas<'_>) -> Result<(), Error>,
    ) -> Result<Self, String> {
        let mut text = String::new();
        {
            let canvas =
                SVGBackend::with_string(&mut text, (size.0 * FINE, size.1 * FINE)).into_drawing_area();
            let drawn = canvas.fill(&PAPER).and_then(|()| picture(&canvas)).and_then(|()| canvas.present());
            drawn.map_err(|error| error.to_string())?;
        }
        Ok(Self { inline: theme::inline(&text, title), size })
    }
}

impl Small {
    /// Draws it alone, on so many pixels.
    ///
    /// # Errors
    /// What the backend says; text has no reason to fail.
    pub fn svg(&self, size: (u32, u32)) -> Result<Svg, String> {
        Svg::draw(size, self.title(), |canvas| self.draw(canvas))
    }

    fn title(&self) -> &str {
        match self {
            Self::Plot(plot) => &plot.title,
            Self::Intervals(intervals) => &intervals.title,
        }
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Result<(), Error> {
        match self {
            Self::Plot(plot) => plot.draw(canvas),
            Self::Intervals(intervals) => intervals.draw(canvas),
        }
    }
}

/// Small plots in rows and columns below one legend: a figure as papers have it.
#[derive(Clone, Debug)]
pub struct Sheet<'a> {
    /// What it shows, for those who cannot see it.
    pub title: &'a str,
    /// Names of the lines, by color.
    pub legend: &'a [(usize, String)],
    /// Row by row.
    pub plots: &'a [Small],
    /// Plots beside one another.
    pub columns: usize,
    /// Pixels of each.
    pub each: (u32, u32),
}

impl Sheet<'_> {
    const LEGEND: u32 = 24;
    /// Pixels of a character of the legend, and of a line with the room around it.
    const CHARACTER: f64 = 7.2;
    const KEY: i32 = 52;

    /// Draws it.
    ///
    /// # Errors
    /// As for [`Small::svg`].
    pub fn svg(&self) -> Result<Svg, String> {
        let columns = self.columns.clamp(1, self.plots.len().max(1));
        let rows = self.plots.len().div_ceil(columns).max(1);
        let width = self.each.0 * columns as u32;
        let lines = self.legend_lines(width as i32 - 16);
        let legend = Self::LEGEND * lines.len() as u32 + if lines.is_empty() { 0 } else { 10 };
        let size = (width, legend + self.each.1 * rows as u32);
        Svg::draw(size, self.title, |canvas| {
            let (top, below) = canvas.split_vertically(legend * FINE);
            for (line, entries) in lines.iter().enumerate() {
                let y = fine(6 + (Self::LEGEND as i32) * line as i32 + Self::LEGEND as i32 / 2);
                for (x, color, name) in entries {
                    let style = SERIES[color % SERIES.len()].stroke_width(3 * FINE);
                    top.draw(&PathElement::new([(fine(*x), y), (fine(*x + 26), y)], style))?;
                    let style = text(13, INK).pos(Pos::new(HPos::Left, VPos::Center));
                    top.draw(&Text::new((*name).to_owned(), (fine(*x + 33), y), style))?;
                }
            }
            for (area, plot) in below.split_evenly((rows, columns)).iter().zip(self.plots) {
                plot.draw(area)?;
            }
            Ok(())
        })
    }

    /// Entries with their places, in as many lines as they need.
    fn legend_lines(&self, width: i32) -> Vec<Vec<(i32, usize, &str)>> {
        let mut lines: Vec<Vec<(i32, usize, &str)>> = Vec::new();
        let mut x = 0;
        for (color, name) in self.legend {
            let needs = Self::KEY + (Self::CHARACTER * name.chars().count() as f64) as i32;
            match lines.last_mut().filter(|_| x + needs <= width) {
                Some(line) => line.push((x, *color, name)),
                None => {
                    x = 12;
                    lines.push(vec![(x, *color, name)]);
                }
            }
            x += needs;
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let points = vec![(0.0, 1.0), (1e6, f64::NAN), (2e6, 3.0), (3e6, 400.0)];
        let band = points.iter().map(|(x, y)| (*x, y - 1.0, y + 1.0)).collect();
        Plot {
            title: "pong & co".to_owned(),
            x: Scale { name: "frames".to_owned(), from: 0.0, to: 3e6, numbers: Numbers::Counts },
            y: Scale::around("return", Numbers::Plain, [1.0, 3.0]),
            lines: vec![Line { points, band, ..Line::default() }],
            levels: vec![Level { name: "human".to_owned(), value: 2.0 }],
            empty: String::new(),
        }
    }

    #[test]
    fn numbers_are_short() {
        for (number, label) in
            [(4e7, "40M"), (2.5e6, "2.5M"), (5e4, "50k"), (9000.0, "9000"), (-0.0, "0"), (0.1 + 0.2, "0.3")]
        {
            assert_eq!(Numbers::Counts.label(number), label);
        }
        assert_eq!(
            (Numbers::Shares.label(0.25), Numbers::Plain.label(1e6)),
            ("25%".to_owned(), "1000000".to_owned())
        );
    }

    #[test]
    fn a_plot_stays_in_its_frame_whatever_its_numbers() {
        let svg = Small::Plot(plot()).svg((320, 240)).unwrap();
        let y: Vec<i32> = svg
            .inline()
            .split("points=\"")
            .skip(1)
            .flat_map(|rest| {
                let points = rest.split('"').next().unwrap_or_default();
                points
                    .split_whitespace()
                    .filter_map(|point| point.split_once(',')?.1.parse().ok())
                    .collect::<Vec<i32>>()
            })
            .collect();
        assert!(!y.is_empty() && y.iter().all(|y| (0..=240 * FINE as i32).contains(y)), "{y:?}");
        assert!(svg.inline().contains("pong &amp; co") && svg.inline().contains("human"));
        assert!(!svg.inline().contains("NaN"));
    }

    #[test]
    fn an_axis_without_numbers_or_with_one_is_an_axis() {
        for values in [&[][..], &[f64::NAN], &[3.0], &[0.0, 0.0]] {
            let axis = Scale::around("y", Numbers::Plain, values.iter().copied());
            assert!(axis.from < axis.to, "{values:?}");
        }
    }

    #[test]
    fn a_legend_that_is_too_long_goes_on_below() {
        let legend: Vec<(usize, String)> =
            (0..9).map(|i| (i, format!("a variant with a name, {i}"))).collect();
        let plots = [Small::Plot(plot())];
        let sheet = Sheet { title: "t", legend: &legend, plots: &plots, columns: 3, each: (400, 300) };
        let lines = sheet.legend_lines(384);
        assert_eq!(lines.iter().map(Vec::len).sum::<usize>(), 9);
        assert!(lines.len() > 4 && sheet.svg().unwrap().size.0 == 400);
    }
}
