//! What a plot draws with: lines, bands and dashes, straight from points to shapes.

use std::ops::RangeInclusive;

use eframe::egui::{Color32, Mesh, Pos2, Shape, Stroke as Pen, Ui, pos2};
use egui_plot::{PlotBounds, PlotGeometry, PlotItem, PlotItemBase, PlotPoint, PlotTransform};

use super::view::ViewLine;
use crate::theme::Stroke;

/// Lengths of dashes and of the gaps between them, points along the axis.
const DASHES: (f32, f32) = (9.0, 5.0);
const DOTS: (f32, f32) = (2.5, 3.5);

/// A curve, and how it is to look.
pub(super) struct Stroked<'a> {
    /// Its points.
    pub view: &'a ViewLine,
    /// Its colour.
    pub color: Color32,
    /// How it is drawn.
    pub stroke: Stroke,
    /// In points.
    pub width: f32,
    /// How much is seen of it, 0 to 1.
    pub opacity: f32,
}

/// All curves of a plot as one item, in the order in which they are drawn.
pub(super) struct Ink<'a> {
    base: PlotItemBase,
    curves: Vec<Stroked<'a>>,
}

impl<'a> Ink<'a> {
    /// The curves of a plot.
    pub fn new(curves: Vec<Stroked<'a>>) -> Self {
        Self { base: PlotItemBase::new("curves".to_owned()), curves }
    }
}

impl PlotItem for Ink<'_> {
    fn shapes(&self, _ui: &Ui, transform: &PlotTransform, shapes: &mut Vec<Shape>) {
        for curve in &self.curves {
            band(curve, transform, shapes);
        }
        for curve in &self.curves {
            let faint = curve.color.gamma_multiply(0.28 * curve.opacity);
            for piece in pieces(&curve.view.raw, transform) {
                shapes.push(Shape::line(piece, Pen::new(1.0, faint)));
            }
        }
        for curve in &self.curves {
            let pen = Pen::new(curve.width, curve.color.gamma_multiply(curve.opacity));
            for piece in pieces(&curve.view.line, transform) {
                let lengths = match curve.stroke {
                    Stroke::Solid => {
                        line_or_dot(piece, pen, shapes);
                        continue;
                    }
                    Stroke::Dashed => DASHES,
                    Stroke::Dotted => DOTS,
                };
                shapes.extend(dashes(&piece, lengths).into_iter().map(|dash| Shape::line(dash, pen)));
            }
        }
    }

    fn initialize(&mut self, _x_range: RangeInclusive<f64>) {}

    fn color(&self) -> Color32 {
        Color32::TRANSPARENT
    }

    fn allow_hover(&self) -> bool {
        false
    }

    fn geometry(&self) -> PlotGeometry<'_> {
        PlotGeometry::None
    }

    fn bounds(&self) -> PlotBounds {
        PlotBounds::NOTHING
    }

    fn base(&self) -> &PlotItemBase {
        &self.base
    }

    fn base_mut(&mut self) -> &mut PlotItemBase {
        &mut self.base
    }
}

/// A single point is a dot, where a line of no length would not be seen.
fn line_or_dot(piece: Vec<Pos2>, pen: Pen, shapes: &mut Vec<Shape>) {
    match piece.as_slice() {
        [point] => shapes.push(Shape::circle_filled(*point, 1.5 * pen.width, pen.color)),
        _ => shapes.push(Shape::line(piece, pen)),
    }
}

/// Points on the screen, in pieces without a gap.
fn pieces(points: &[PlotPoint], transform: &PlotTransform) -> Vec<Vec<Pos2>> {
    let known = |point: &PlotPoint| !point.y.is_nan();
    let together =
        points.chunk_by(|a, b| known(a) == known(b)).filter(|piece| piece.first().is_some_and(known));
    together.map(|piece| piece.iter().map(|point| transform.position_from_point(point)).collect()).collect()
}

fn band(curve: &Stroked<'_>, transform: &PlotTransform, shapes: &mut Vec<Shape>) {
    let color = curve.color.gamma_multiply(0.16 * curve.opacity);
    let mut mesh = Mesh::default();
    let mut before: Option<u32> = None;
    for [x, low, high] in &curve.view.band {
        if low.is_nan() || high.is_nan() {
            before = None;
            continue;
        }
        let place = mesh.vertices.len() as u32;
        for y in [low, high] {
            let position = transform.position_from_point(&PlotPoint::new(*x, *y));
            // Far beyond the screen, numbers of pixels lose their meaning.
            mesh.colored_vertex(pos2(position.x, position.y.clamp(-1e5, 1e5)), color);
        }
        if let Some(before) = before {
            mesh.add_triangle(before, before + 1, place);
            mesh.add_triangle(before + 1, place, place + 1);
        }
        before = Some(place);
    }
    if !mesh.is_empty() {
        shapes.push(Shape::mesh(mesh));
    }
}

/// Cuts a line into dashes by its places along the axis. Cut by its length, a line that goes up and down at every pixel
/// would be thousands of them.
fn dashes(points: &[Pos2], (on, off): (f32, f32)) -> Vec<Vec<Pos2>> {
    let Some(first) = points.first() else { return Vec::new() };
    let period = on + off;
    let mut found = Vec::new();
    let mut dash: Vec<Pos2> = Vec::new();
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let at = |x: f32| match to.x - from.x {
            0.0 => from,
            width => pos2(x, from.y + (to.y - from.y) * ((x - from.x) / width)),
        };
        let mut x = from.x;
        while x < to.x || x == from.x {
            let phase = (x - first.x).rem_euclid(period);
            let lit = phase < on;
            if lit && dash.is_empty() {
                dash.push(at(x));
            } else if !lit && !dash.is_empty() {
                dash.push(at(x));
                found.push(std::mem::take(&mut dash));
            }
            // Always ahead by something, though rounding would have it otherwise.
            x += (if lit { on - phase } else { period - phase }).max(0.01);
        }
        if !dash.is_empty() {
            dash.push(to);
        }
    }
    if dash.len() > 1 {
        found.push(dash);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_go_by_the_axis() {
        let line = [pos2(0.0, 0.0), pos2(30.0, 30.0)];
        let cut = dashes(&line, (10.0, 5.0));
        assert_eq!(cut.len(), 2);
        assert_eq!(cut[0], [pos2(0.0, 0.0), pos2(10.0, 10.0)]);
        assert_eq!(cut[1], [pos2(15.0, 15.0), pos2(25.0, 25.0)]);
    }

    #[test]
    fn a_wild_line_has_no_more_dashes_than_a_flat_one() {
        let wild: Vec<Pos2> =
            (0..600).map(|x| pos2(x as f32, if x % 2 == 0 { 0.0 } else { 500.0 })).collect();
        let flat = [pos2(0.0, 0.0), pos2(599.0, 0.0)];
        assert_eq!(dashes(&wild, DASHES).len(), dashes(&flat, DASHES).len());
        let points: usize = dashes(&wild, DASHES).iter().map(Vec::len).sum();
        assert!(points < 600, "{points}");
    }

    #[test]
    fn a_line_without_points_has_no_dashes() {
        assert!(dashes(&[], DASHES).is_empty());
        assert!(dashes(&[pos2(1.0, 1.0)], DASHES).is_empty());
    }
}
