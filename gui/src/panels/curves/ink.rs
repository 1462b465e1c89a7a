//! What a plot draws with: lines and bands, straight from points to triangles, which are kept as long as nothing moves.
//!
//! A general painter would do the same from shapes, for every frame anew and at ten times the price.

use std::sync::Arc;

use eframe::egui::{Color32, Mesh, Pos2, Rangef, Rect, Vec2, pos2};
use egui_plot::{PlotPoint, PlotTransform};

use super::drawing::Drawing;
use super::view::ViewLine;
use crate::theme::Stroke;

/// Lengths of dashes and of the gaps between them, points along the axis.
const DASHES: (f32, f32) = (9.0, 5.0);
const DOTS: (f32, f32) = (2.5, 3.5);

/// How a curve looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    /// Its place among the lines of the drawing.
    pub line: usize,
    /// Its colour.
    pub color: Color32,
    /// How it is drawn.
    pub stroke: Stroke,
    /// In points.
    pub width: f32,
    /// How much is seen of it, 0 to 1.
    pub opacity: f32,
}

/// What the triangles follow from.
#[derive(PartialEq)]
struct Of {
    drawing: *const Drawing,
    looks: Vec<Look>,
    bounds: [[f64; 2]; 2],
    frame: Rect,
    pixels_per_point: f32,
    log: bool,
}

/// The triangles of a plot.
#[derive(Default)]
pub(super) struct Ink {
    of: Option<Of>,
    /// Held so that its address stays its own.
    drawing: Arc<Drawing>,
    mesh: Arc<Mesh>,
}

impl Ink {
    /// The curves of a plot, in the order in which they are drawn: `views` are all lines of the drawing, `looks` those that
    /// are shown.
    pub fn mesh(
        &mut self,
        drawing: &Arc<Drawing>,
        views: &[ViewLine],
        looks: Vec<Look>,
        transform: &PlotTransform,
        pixels_per_point: f32,
        log: bool,
    ) -> Arc<Mesh> {
        let bounds = [transform.bounds().min(), transform.bounds().max()];
        let frame = *transform.frame();
        let of = Of { drawing: Arc::as_ptr(drawing), looks, bounds, frame, pixels_per_point, log };
        if self.of.as_ref() != Some(&of) {
            self.mesh = Arc::new(draw(views, &of.looks, transform, 1.0 / pixels_per_point));
            self.drawing = drawing.clone();
            self.of = Some(of);
        }
        self.mesh.clone()
    }
}

fn draw(views: &[ViewLine], looks: &[Look], transform: &PlotTransform, feather: f32) -> Mesh {
    let mut mesh = Mesh::default();
    // A little more than the frame, so that nothing begins or ends at its edge.
    let seen = transform.frame().x_range().expand(32.0);
    let shown = || looks.iter().filter_map(|look| Some((look, views.get(look.line)?)));
    for (look, view) in shown() {
        band(&mut mesh, view, look.color.gamma_multiply(0.16 * look.opacity), transform);
    }
    for (look, view) in shown() {
        let faint = look.color.gamma_multiply(0.28 * look.opacity);
        for piece in pieces(&view.raw, transform) {
            line(&mut mesh, &piece, 1.0, faint, feather);
        }
    }
    for (look, view) in shown() {
        let color = look.color.gamma_multiply(look.opacity);
        for piece in pieces(&view.line, transform) {
            let lengths = match look.stroke {
                // A single point is a dot, where a line of no length would not be seen.
                _ if piece.len() == 1 => {
                    let half = Vec2::new(look.width, 0.0);
                    line(&mut mesh, &[piece[0] - half, piece[0] + half], 2.0 * look.width, color, feather);
                    continue;
                }
                Stroke::Solid => {
                    line(&mut mesh, &piece, look.width, color, feather);
                    continue;
                }
                Stroke::Dashed => DASHES,
                Stroke::Dotted => DOTS,
            };
            for dash in dashes(&piece, lengths, seen) {
                line(&mut mesh, &dash, look.width, color, feather);
            }
        }
    }
    mesh
}

/// Points on the screen, in pieces without a gap.
fn pieces(points: &[PlotPoint], transform: &PlotTransform) -> Vec<Vec<Pos2>> {
    let known = |point: &PlotPoint| !point.y.is_nan();
    let together =
        points.chunk_by(|a, b| known(a) == known(b)).filter(|piece| piece.first().is_some_and(known));
    let place = |point: &PlotPoint| {
        let position = transform.position_from_point(point);
        // Far beyond the screen, numbers of pixels lose their meaning.
        pos2(position.x, position.y.clamp(-1e4, 1e4))
    };
    together.map(|piece| piece.iter().map(place).collect()).collect()
}

/// Two triangles between each two places with both edges.
fn band(mesh: &mut Mesh, view: &ViewLine, color: Color32, transform: &PlotTransform) {
    let mut before: Option<u32> = None;
    for [x, low, high] in &view.band {
        if low.is_nan() || high.is_nan() {
            before = None;
            continue;
        }
        let place = mesh.vertices.len() as u32;
        for y in [low, high] {
            let position = transform.position_from_point(&PlotPoint::new(*x, *y));
            mesh.colored_vertex(pos2(position.x, position.y.clamp(-1e4, 1e4)), color);
        }
        if let Some(before) = before {
            mesh.add_triangle(before, before + 1, place);
            mesh.add_triangle(before + 1, place, place + 1);
        }
        before = Some(place);
    }
}

/// A line: four vertices across it at every point, of which the outer two cannot be seen, so that its edges are smooth over
/// `feather` points. It is cut off at sharp corners, where its edges would meet far away.
fn line(mesh: &mut Mesh, points: &[Pos2], width: f32, color: Color32, feather: f32) {
    let mut places: Vec<(Pos2, Vec2)> = Vec::with_capacity(points.len() + 8);
    let mut normal: Option<Vec2> = None;
    for (index, point) in points.iter().enumerate() {
        let way = points.get(index + 1).map(|next| *next - *point).filter(|way| *way != Vec2::ZERO);
        let next = way.map(|way| way.normalized().rot90());
        match (normal, next) {
            (None, None) => {}
            (None, Some(only)) | (Some(only), None) => places.push((*point, only)),
            (Some(before), Some(after)) => {
                let middle = (before + after) / 2.0;
                let length = middle.length_sq();
                if length < 0.5 {
                    places.push((*point, before));
                    places.push((*point, after));
                } else {
                    places.push((*point, middle / length));
                }
            }
        }
        normal = next.or(normal);
    }
    let (inner, outer) = (((width - feather) / 2.0).max(0.0), (width + feather) / 2.0);
    // What is thinner than a pixel is paler.
    let color = if width < feather { color.gamma_multiply(width / feather) } else { color };
    let first = mesh.vertices.len() as u32;
    mesh.reserve_vertices(4 * places.len());
    mesh.reserve_triangles(6 * places.len());
    for (index, (point, normal)) in places.iter().enumerate() {
        for (distance, color) in
            [(-outer, Color32::TRANSPARENT), (-inner, color), (inner, color), (outer, Color32::TRANSPARENT)]
        {
            mesh.colored_vertex(*point + *normal * distance, color);
        }
        if index > 0 {
            let (now, before) = (first + 4 * index as u32, first + 4 * (index as u32 - 1));
            for across in 0..3 {
                mesh.add_triangle(before + across, before + across + 1, now + across);
                mesh.add_triangle(before + across + 1, now + across, now + across + 1);
            }
        }
    }
}

/// Cuts a line into dashes by its places along the axis. Cut by its length, a line that goes up and down at every pixel
/// would be thousands of them. Only what is `seen` is cut: zoomed in, the next point may be millions of dashes away.
fn dashes(points: &[Pos2], (on, off): (f32, f32), seen: Rangef) -> Vec<Vec<Pos2>> {
    let Some(first) = points.first() else { return Vec::new() };
    let period = on + off;
    let mut found = Vec::new();
    let mut dash: Vec<Pos2> = Vec::new();
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        if to.x < seen.min || from.x > seen.max {
            continue;
        }
        let at = |x: f32| match f64::from(to.x) - f64::from(from.x) {
            0.0 => from,
            width => {
                let share = (f64::from(x) - f64::from(from.x)) / width;
                pos2(x, (f64::from(from.y) + f64::from(to.y - from.y) * share) as f32)
            }
        };
        let (start, end) = (from.x.max(seen.min), to.x.min(seen.max));
        let mut x = start;
        while x < end || x == start {
            let phase = (f64::from(x) - f64::from(first.x)).rem_euclid(f64::from(period)) as f32;
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
            dash.push(if end == to.x { to } else { at(end) });
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
        let cut = dashes(&line, (10.0, 5.0), Rangef::EVERYTHING);
        assert_eq!(cut.len(), 2);
        assert_eq!(cut[0], [pos2(0.0, 0.0), pos2(10.0, 10.0)]);
        assert_eq!(cut[1], [pos2(15.0, 15.0), pos2(25.0, 25.0)]);
    }

    #[test]
    fn a_wild_line_has_no_more_dashes_than_a_flat_one() {
        let wild: Vec<Pos2> =
            (0..600).map(|x| pos2(x as f32, if x % 2 == 0 { 0.0 } else { 500.0 })).collect();
        let flat = [pos2(0.0, 0.0), pos2(599.0, 0.0)];
        assert_eq!(
            dashes(&wild, DASHES, Rangef::EVERYTHING).len(),
            dashes(&flat, DASHES, Rangef::EVERYTHING).len()
        );
        let points: usize = dashes(&wild, DASHES, Rangef::EVERYTHING).iter().map(Vec::len).sum();
        assert!(points < 600, "{points}");
    }

    #[test]
    fn what_is_far_away_costs_nothing() {
        let line = [pos2(-1e9, 0.0), pos2(1e9, 2e9), pos2(1e9, 0.0)];
        let cut = dashes(&line, (10.0, 5.0), Rangef::new(0.0, 300.0));
        assert!((20..=21).contains(&cut.len()), "{}", cut.len());
        assert!(cut.iter().flatten().all(|point| (0.0..=315.0).contains(&point.x)), "{cut:?}");
        // 45 degrees up, whatever the distance of its ends.
        let ups = cut.iter().map(|dash| dash[1].y - dash[0].y);
        assert!(ups.into_iter().all(|up| (-1.0..130.0).contains(&up)), "{cut:?}");
    }

    #[test]
    fn a_line_without_points_has_no_dashes() {
        assert!(dashes(&[], DASHES, Rangef::EVERYTHING).is_empty());
        assert!(dashes(&[pos2(1.0, 1.0)], DASHES, Rangef::EVERYTHING).is_empty());
    }

    #[test]
    fn a_line_is_as_wide_as_it_is_to_be() {
        let mut mesh = Mesh::default();
        line(
            &mut mesh,
            &[pos2(0.0, 10.0), pos2(5.0, 10.0), pos2(5.0, 10.0), pos2(20.0, 10.0)],
            2.0,
            Color32::RED,
            1.0,
        );
        let solid =
            mesh.vertices.iter().filter(|vertex| vertex.color == Color32::RED).map(|vertex| vertex.pos.y);
        let (low, high) = solid.fold((f32::MAX, f32::MIN), |(low, high), y| (low.min(y), high.max(y)));
        assert_eq!((low, high), (9.5, 10.5));
        assert!(mesh.is_valid() && mesh.vertices.iter().all(|vertex| !vertex.pos.any_nan()));
    }

    #[test]
    fn sharp_corners_stay_near_the_line() {
        let zigzag: Vec<Pos2> =
            (0..100).map(|x| pos2(x as f32 * 0.5, if x % 2 == 0 { 0.0 } else { 400.0 })).collect();
        let mut mesh = Mesh::default();
        line(&mut mesh, &zigzag, 2.0, Color32::RED, 1.0);
        for vertex in &mesh.vertices {
            assert!(vertex.pos.y > -3.0 && vertex.pos.y < 403.0, "{:?}", vertex.pos);
        }
    }
}
