//! A graph on the screen: moved, zoomed, pointed at.

use eframe::egui::emath::TSTransform;
use eframe::egui::epaint::CubicBezierShape;
use eframe::egui::{
    Align2, Color32, FontFamily, FontId, Painter, Pos2, Rangef, Rect, Response, RichText, Role as Part,
    Scene, Sense, Shape, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use super::drawing::{Drawing, Edge, FONT, Kind, Node, Role};
use crate::script::colors;
use crate::theme::{Icon, Palette, size, space};
use crate::widgets::icon_button;

/// How small and how large a graph may be.
const ZOOM: Rangef = Rangef { min: 0.03, max: 2.0 };
/// Below this, words cannot be read and are left out.
const LEGIBLE: f32 = 0.45;
/// Around the graph when it is fitted into the room.
const MARGIN: f32 = 24.0;

/// What somebody points at or asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointed {
    /// The line of a node that was clicked.
    pub line: Option<usize>,
}

/// What a button asks of the view.
#[derive(Clone, Copy)]
enum Wish {
    Fit,
    Zoom(f32),
}

/// Where the view is.
#[derive(Default)]
pub struct GraphView {
    /// From the drawing to the room it is drawn in, whose upper left corner is the origin. None until somebody moves it: so long
    /// it goes by the room there is, which is another one while the panel is read and laid out.
    view: Option<TSTransform>,
    /// The node that was clicked last, by its name: numbers change with every edit.
    chosen: Option<String>,
    /// What a button asks of the view, once the room is known.
    wish: Option<Wish>,
}

impl GraphView {
    /// Draws a graph into all the room there is. Nodes of the line `lit` stand out.
    pub fn show(&mut self, ui: &mut Ui, drawing: &Drawing, lit: Option<usize>) -> Pointed {
        let mut pointed = Pointed::default();
        self.tools(ui, drawing);
        let room = ui.available_rect_before_wrap();
        let id = ui.scope_id().with("graph");
        let mut canvas = ui.allocate_rect(room, Sense::click_and_drag());
        canvas.widget_info(|| {
            let name = format!("Graph of {} operations and leaves", drawing.nodes.len());
            WidgetInfo::labeled(Part::Canvas, true, name)
        });
        if room.width() < 1.0 || room.height() < 1.0 {
            return pointed;
        }
        let view = self.view.unwrap_or_else(|| first_look(drawing, room.size()));
        let wish = self.wish.take();
        let view = match wish {
            Some(Wish::Fit) => fit(drawing, room.size()),
            Some(Wish::Zoom(factor)) => zoomed(view, factor, room.size() / 2.0),
            None => view,
        };
        let resting = TSTransform::from_translation(room.min.to_vec2()) * view;
        let mut to_screen = resting;
        Scene::new().zoom_range(ZOOM).register_pan_and_zoom(ui, &mut canvas, &mut to_screen);
        let is_moved = self.view.is_some() || wish.is_some() || to_screen != resting;
        keep_in_sight(&mut to_screen, drawing.size, room);
        self.view = is_moved.then(|| TSTransform::from_translation(-room.min.to_vec2()) * to_screen);

        let painter = ui.painter().with_clip_rect(room.intersect(ui.clip_rect()));
        let seen = to_screen.inverse() * room;
        let pointer = canvas.hover_pos().map(|pointer| to_screen.inverse() * pointer);
        let hovered = pointer.and_then(|at| drawing.nodes.iter().position(|node| node.rect.contains(at)));
        let draw = Draw { painter: &painter, palette: Palette::of(ui), to_screen };
        draw.edges(drawing, seen, hovered);
        for (index, node) in drawing.nodes.iter().enumerate().filter(|(_, node)| seen.intersects(node.rect)) {
            let is_lit = node.line.is_some() && node.line == lit;
            let is_chosen = self.chosen.as_ref() == Some(&node.name);
            draw.node(node, is_lit || is_chosen, hovered == Some(index));
            // Every node that can be read can be reached without a mouse, too.
            if to_screen.scaling >= LEGIBLE {
                let rect = (to_screen * node.rect).intersect(room);
                let response = ui.interact(rect, id.with(index), Sense::click());
                self.node(&response, node, &mut pointed);
            }
        }
        // Too small to be reached one by one.
        if to_screen.scaling < LEGIBLE
            && let Some(node) = hovered.map(|index| &drawing.nodes[index])
        {
            self.node(&canvas, node, &mut pointed);
        }
        pointed
    }

    fn node(&mut self, response: &Response, node: &Node, pointed: &mut Pointed) {
        if response.rect.width() > 0.0 {
            let place = if node.place.is_empty() { String::new() } else { format!(", {}", node.place) };
            let name = format!("{}: {}{place}", node.name, node.formula);
            response.widget_info(|| WidgetInfo::labeled(Part::Button, true, name.clone()));
        }
        if response.clicked() {
            self.chosen = Some(node.name.clone());
            pointed.line = node.line;
        }
        response.clone().on_hover_ui_at_pointer(|ui| {
            let palette = Palette::of(ui);
            ui.set_max_width(420.0);
            let is_leaf = node.name == node.formula;
            let title =
                if is_leaf { node.formula.clone() } else { format!("{} = {}", node.name, node.formula) };
            ui.label(RichText::new(title).monospace());
            ui.label(RichText::new(format!("{}, {}", node.operation, node.shape.name())).color(palette.weak));
            for role in &node.roles {
                let (text, color) = match role {
                    Role::Loss => ("the loss".to_owned(), palette.accent),
                    Role::Metric(name) => (format!("metric {name:?}"), palette.good),
                };
                ui.label(RichText::new(text).color(color));
            }
            if !node.place.is_empty() {
                ui.add_space(space::XS);
                let text = format!("{}  {}", node.place, node.source);
                ui.label(RichText::new(text).monospace().color(palette.weak));
            }
        });
    }

    fn tools(&mut self, ui: &mut Ui, drawing: &Drawing) {
        ui.horizontal_wrapped(|ui| {
            let palette = Palette::of(ui);
            let wishes = [
                (Icon::Maximize, Wish::Fit, "Fit the graph into the room"),
                (Icon::ZoomOut, Wish::Zoom(1.0 / 1.25), "Zoom out"),
                (Icon::ZoomIn, Wish::Zoom(1.25), "Zoom in"),
            ];
            for (sign, wish, name) in wishes {
                if icon_button(ui, sign, name).clicked() {
                    self.wish = Some(wish);
                }
            }
            ui.add_space(space::S);
            let kinds = [
                (Kind::Online, "net"),
                (Kind::Target, "target net"),
                (Kind::Sample, "sample"),
                (Kind::Param, "parameter"),
                (Kind::Gradient, "no gradient"),
            ];
            let there = |kind: Kind| drawing.nodes.iter().any(|node| node.kind == kind);
            for (kind, word) in kinds.into_iter().filter(|(kind, _)| there(*kind)) {
                let (edge, fill) = colors::node(kind, palette);
                legend(ui, word, edge, fill, kind == Kind::Gradient);
            }
            let has =
                |wanted: fn(&Role) -> bool| drawing.nodes.iter().any(|node| node.roles.iter().any(wanted));
            if has(|role| matches!(role, Role::Metric(_))) {
                legend(ui, "metric", palette.good, palette.panel, false);
            }
            legend(ui, "loss", palette.accent, palette.chosen, false);
            if drawing.left_out > 0 {
                let text = format!("{} operations farther from the loss are not drawn", drawing.left_out);
                ui.label(RichText::new(text).color(palette.warn));
            }
        });
    }
}

/// A colour and what it means: one piece, so that a row of them is broken between them.
fn legend(ui: &mut Ui, word: &str, edge: Color32, fill: Color32, is_dashed: bool) {
    const SIGN: Vec2 = vec2(14.0, 12.0);
    let palette = Palette::of(ui);
    let font = FontId::proportional(size::SMALL);
    let text = ui.painter().layout_no_wrap(word.to_owned(), font, palette.weak);
    let size = vec2(SIGN.x + space::XS + text.size().x, text.size().y.max(SIGN.y));
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Part::Label, true, word));
    let sign = Rect::from_center_size(pos2(rect.left() + SIGN.x / 2.0, rect.center().y), SIGN);
    frame(ui.painter(), sign, 3.0, fill, Stroke::new(1.4, edge), is_dashed);
    let at = pos2(rect.right() - text.size().x, rect.center().y - text.size().y / 2.0);
    ui.painter().galley(at, text, palette.weak);
}

/// All of it, as large as there is room, but no larger than it is.
fn fit(drawing: &Drawing, room: Vec2) -> TSTransform {
    let inner = (room - Vec2::splat(2.0 * MARGIN)).max(Vec2::splat(1.0));
    let scale = (inner / drawing.size.max(Vec2::splat(1.0))).min_elem();
    let scale = ZOOM.clamp(scale.min(1.0));
    TSTransform::new((room - drawing.size * scale) / 2.0, scale)
}

/// Larger or smaller, with `kept` where it is.
fn zoomed(view: TSTransform, factor: f32, kept: Vec2) -> TSTransform {
    let scaling = ZOOM.clamp(view.scaling * factor);
    TSTransform::new(kept - (kept - view.translation) * (scaling / view.scaling), scaling)
}

/// All of it, if it can be read so; else the loss, at the lower end of the room, with what leads to it.
fn first_look(drawing: &Drawing, room: Vec2) -> TSTransform {
    const SCALE: f32 = 0.85;
    let all = fit(drawing, room);
    if all.scaling >= 0.6 {
        return all;
    }
    let is_loss = |node: &&Node| node.roles.contains(&Role::Loss);
    let loss = drawing.nodes.iter().rev().find(is_loss).map_or(Pos2::ZERO, |node| node.rect.center());
    let size = drawing.size * SCALE;
    // What fits is in the middle.
    let x = match size.x + 2.0 * MARGIN <= room.x {
        true => (room.x - size.x) / 2.0,
        false => room.x / 2.0 - loss.x * SCALE,
    };
    TSTransform::new(vec2(x, room.y - MARGIN - size.y), SCALE)
}

/// Some of the graph stays in the room, however far somebody drags it.
fn keep_in_sight(to_screen: &mut TSTransform, drawing: Vec2, room: Rect) {
    let graph = *to_screen * Rect::from_min_size(Pos2::ZERO, drawing);
    let shift = |low: f32, high: f32, first: f32, last: f32| {
        let keep = 60.0f32.min((last - first) / 2.0);
        (first + keep - high).max(0.0) + (last - keep - low).min(0.0)
    };
    to_screen.translation += vec2(
        shift(graph.left(), graph.right(), room.left(), room.right()),
        shift(graph.top(), graph.bottom(), room.top(), room.bottom()),
    );
}

/// A box, its edge whole or dashed.
fn frame(painter: &Painter, rect: Rect, radius: f32, fill: Color32, stroke: Stroke, is_dashed: bool) {
    if is_dashed {
        painter.rect_filled(rect, radius, fill);
        let corners =
            [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
        painter.extend(Shape::dashed_line(&corners, stroke, 4.0, 2.5));
    } else {
        painter.rect(rect, radius, fill, stroke, StrokeKind::Inside);
    }
}

struct Draw<'a> {
    painter: &'a Painter,
    palette: &'a Palette,
    to_screen: TSTransform,
}

impl Draw<'_> {
    fn edges(&self, drawing: &Drawing, seen: Rect, hovered: Option<usize>) {
        let color = self.palette.edge.gamma_multiply(0.75);
        let mut on_top = Vec::new();
        for edge in &drawing.edges {
            if !seen.intersects(Rect::from_points(&edge.route)) {
                continue;
            }
            if hovered == Some(edge.from) || hovered == Some(edge.to) {
                on_top.push(edge);
            } else {
                self.edge(edge, Stroke::new(1.1, color));
            }
        }
        for edge in on_top {
            self.edge(edge, Stroke::new(2.0, self.palette.accent));
        }
    }

    fn edge(&self, edge: &Edge, stroke: Stroke) {
        let scale = self.to_screen.scaling;
        if scale < LEGIBLE {
            let points = edge.route.iter().map(|point| self.to_screen * *point).collect();
            self.painter.add(Shape::line(points, Stroke::new(stroke.width * 0.7, stroke.color)));
            return;
        }
        for pair in edge.route.windows(2) {
            let [from, to] = [pair[0], pair[1]].map(|point| self.to_screen * point);
            // Upright at both ends, so that pieces join without a corner.
            let pull = vec2(0.0, (to.y - from.y) * 0.45);
            let points = [from, from + pull, to - pull, to];
            self.painter.add(CubicBezierShape::from_points_stroke(
                points,
                false,
                Color32::TRANSPARENT,
                stroke,
            ));
        }
        if let Some(end) = edge.route.last().map(|end| self.to_screen * *end) {
            let (w, h) = (3.2 * scale.clamp(0.6, 1.2), 5.5 * scale.clamp(0.6, 1.2));
            let tip = vec![end, end + vec2(-w, -h), end + vec2(w, -h)];
            self.painter.add(Shape::convex_polygon(tip, stroke.color, Stroke::NONE));
        }
    }

    fn node(&self, node: &Node, is_lit: bool, is_hovered: bool) {
        let (palette, scale) = (self.palette, self.to_screen.scaling);
        let rect = self.to_screen * node.rect;
        let radius = 6.0 * scale;
        let is_loss = node.roles.contains(&Role::Loss);
        let (mut edge, mut fill) = colors::node(node.kind, palette);
        if is_loss {
            (edge, fill) = (palette.accent, palette.chosen);
        } else if !node.roles.is_empty() {
            edge = palette.good;
        }
        if is_hovered {
            fill = palette.hover;
        }
        let width = if node.roles.is_empty() { 1.2 } else { 2.0 };
        let width = width * scale.clamp(0.5, 1.0);
        if is_lit {
            let glow = rect.expand(3.5 * scale.max(0.6));
            let stroke = Stroke::new(2.0, palette.warn);
            self.painter.rect_stroke(glow, radius + 3.0 * scale, stroke, StrokeKind::Inside);
        }
        frame(self.painter, rect, radius, fill, Stroke::new(width, edge), node.kind == Kind::Gradient);
        if scale < LEGIBLE {
            return;
        }
        // Sizes in halves: each is a set of letters of its own in the fonts' texture.
        let points = |size: f32| (size * scale * 2.0).round() / 2.0;
        let (formula, note) =
            (FontId::new(points(FONT), FontFamily::Monospace), FontId::proportional(points(10.5)));
        let middle = rect.center();
        let up = vec2(0.0, 7.5 * scale);
        self.painter.text(middle - up, Align2::CENTER_CENTER, node.title(), formula, palette.text);
        let color = if is_loss { palette.text } else { palette.weak };
        self.painter.text(middle + up * 1.2, Align2::CENTER_CENTER, node.note(), note, color);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(size: Vec2) -> Drawing {
        Drawing { size, ..Drawing::default() }
    }

    #[test]
    fn a_graph_is_fitted_and_centred() {
        let room = vec2(400.0, 300.0);
        for size in [vec2(100.0, 100.0), vec2(1000.0, 200.0), vec2(10.0, 900.0), vec2(100.0, 1e5)] {
            let view = fit(&drawing(size), room);
            let graph = view * Rect::from_min_size(Pos2::ZERO, size);
            assert!(view.scaling <= 1.0);
            assert!((graph.center().x - 200.0).abs() < 0.5, "{graph:?}");
            assert!(graph.left() >= 0.0 && graph.right() <= room.x + 0.5, "{graph:?}");
        }
    }

    #[test]
    fn zooming_keeps_a_point() {
        let view = TSTransform::new(vec2(30.0, -20.0), 0.5);
        let middle = vec2(200.0, 150.0);
        let after = zoomed(view, 1.25, middle);
        let point = view.inverse() * middle.to_pos2();
        assert!(((after * point).to_vec2() - middle).length() < 1e-3);
        assert_eq!(zoomed(view, 1e9, middle).scaling, ZOOM.max);
    }

    #[test]
    fn a_graph_cannot_be_lost() {
        let room = Rect::from_min_size(pos2(50.0, 50.0), vec2(400.0, 300.0));
        for far in [vec2(1e4, 0.0), vec2(-1e4, 1e4), vec2(0.0, -1e4)] {
            let mut to_screen = TSTransform::from_translation(far);
            keep_in_sight(&mut to_screen, vec2(200.0, 100.0), room);
            let graph = to_screen * Rect::from_min_size(Pos2::ZERO, vec2(200.0, 100.0));
            assert!(graph.intersects(room), "{far:?}: {graph:?}");
        }
        let mut to_screen = TSTransform::from_translation(vec2(100.0, 100.0));
        keep_in_sight(&mut to_screen, vec2(200.0, 100.0), room);
        assert_eq!(to_screen.translation, vec2(100.0, 100.0));
    }

    /// Prints what a frame of a graph of some 2,000 nodes takes; says nothing by itself.
    #[test]
    #[expect(clippy::print_stdout, reason = "what it is for")]
    fn time_of_a_frame() {
        use eframe::egui::{Context, RawInput};
        use kelvin_objective::{Head, Layout, Script};
        let text = "fn config() { #{} }\nfn params() { #{ gamma: param(0.9, 0.0, 1.0, \"discount\") } }\n\
            fn loss(net, t, p) {\n let l = log_softmax(net.steps.logits)[t.steps.action];\n \
            (discounted_return(t.steps.reward - l, p.gamma) - net.v) ** 2 }";
        let script = Script::load_with("/nowhere/s.rhai".as_ref(), text).expect("it loads");
        let layout = Layout::of_run(32, 6, 100, vec![Head::Logits, Head::V]);
        let traced = script.trace(&layout, &Default::default()).expect("it traces");
        let start = std::time::Instant::now();
        let drawing = Drawing::new(&traced, 100, script.sources());
        let (nodes, edges, laid) = (drawing.nodes.len(), drawing.edges.len(), start.elapsed());
        println!("{nodes} nodes, {edges} edges: laid out in {laid:?}");
        let ctx = Context::default();
        crate::theme::install(&ctx);
        for (what, view) in [("all of it", Wish::Fit), ("at 100 %", Wish::Zoom(1.18))] {
            let mut graph = GraphView { wish: Some(view), ..GraphView::default() };
            let mut times: Vec<_> = (0..21)
                .map(|_| {
                    let screen = Rect::from_min_size(Pos2::ZERO, vec2(1280.0, 800.0));
                    let input = RawInput { screen_rect: Some(screen), ..RawInput::default() };
                    let start = std::time::Instant::now();
                    let output = ctx.run_ui(input, |ui| {
                        graph.show(ui, &drawing, Some(5));
                    });
                    ctx.tessellate(output.shapes, output.pixels_per_point);
                    start.elapsed()
                })
                .collect();
            times.sort();
            println!("{what}: {:?} a frame", times[10]);
        }
    }
}
