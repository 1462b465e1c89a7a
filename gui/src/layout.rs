//! Where which panel is: a tree of tiles whose tabs can be dragged, closed and opened again.

use eframe::egui::{
    Color32, CornerRadius, CursorIcon, Frame, Id, Margin, Rect, Response, RichText, Sense, Stroke, Style, Ui,
    Visuals, WidgetText, pos2, vec2,
};
use egui_tiles::{
    Behavior, Container, Linear, LinearDir, SimplificationOptions, TabState, Tile, TileId, Tiles, Tree,
    UiResponse,
};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use crate::panels::{PanelKind, Panels, Place, Shared};
use crate::theme::{Palette, space};

/// The tree of tiles.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layout {
    /// The panels that there were when it was saved: those that came later are opened, and one that was closed stays so.
    known: Vec<PanelKind>,
    tree: Tree<PanelKind>,
}

impl<'de> Deserialize<'de> for Layout {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Saved {
            known: Vec<PanelKind>,
            tree: Tree<PanelKind>,
        }
        let value = serde_json::Value::deserialize(from)?;
        // The first versions saved the tree alone, and did not say which panels they knew.
        let saved = match value.get("tree") {
            Some(_) => serde_json::from_value(value),
            None => serde_json::from_value(value).map(|tree| Saved { known: Vec::new(), tree }),
        };
        let Saved { known, tree } = saved.map_err(D::Error::custom)?;
        let mut layout = Self { known: PanelKind::ALL.to_vec(), tree };
        for kind in PanelKind::ALL {
            if !known.contains(kind) && !layout.is_open(*kind) {
                layout.bring_back(*kind);
            }
        }
        Ok(layout)
    }
}

impl Default for Layout {
    /// Runs at the left, the one in focus at the right, and everything else as tabs between them.
    fn default() -> Self {
        let mut tiles = Tiles::default();
        let mut tabs = |place: Place| {
            let panels: Vec<TileId> = PanelKind::ALL
                .iter()
                .filter(|kind| kind.place() == place)
                .map(|kind| tiles.insert_pane(*kind))
                .collect();
            let first = *panels.first()?;
            let tabs = tiles.insert_tab_tile(panels);
            if let Some(Tile::Container(Container::Tabs(inner))) = tiles.get_mut(tabs) {
                inner.set_active(first);
            }
            Some(tabs)
        };
        let (left, centre) = (tabs(Place::Left), tabs(Place::Centre));
        let right: Vec<TileId> =
            [tabs(Place::RightTop), tabs(Place::RightBottom)].into_iter().flatten().collect();
        let right = match right.as_slice() {
            [] => None,
            [one] => Some(*one),
            _ => {
                let mut column = Linear::new(LinearDir::Vertical, right.clone());
                column.shares.set_share(right[0], 1.5);
                Some(tiles.insert_container(column))
            }
        };
        let columns: Vec<(TileId, f32)> = [(left, 1.15), (centre, 2.4), (right, 1.15)]
            .into_iter()
            .filter_map(|(id, share)| Some((id?, share)))
            .collect();
        let mut row = Linear::new(LinearDir::Horizontal, columns.iter().map(|(id, _)| *id).collect());
        for (id, share) in &columns {
            row.shares.set_share(*id, *share);
        }
        let root = tiles.insert_container(row);
        Self { known: PanelKind::ALL.to_vec(), tree: Tree::new(Id::unique("panels"), root, tiles) }
    }
}

impl Layout {
    fn tile(&self, kind: PanelKind) -> Option<TileId> {
        self.tree.tiles.find_pane(&kind)
    }

    /// Whether a panel is somewhere, though perhaps behind another.
    pub fn is_open(&self, kind: PanelKind) -> bool {
        self.tile(kind).is_some()
    }

    /// Brings a panel to the front; one that was closed comes back beside those that it usually is with.
    pub fn open(&mut self, kind: PanelKind) {
        if !self.is_open(kind) {
            self.bring_back(kind);
        }
        self.tree.make_active(|_, tile| matches!(tile, Tile::Pane(other) if *other == kind));
    }

    fn bring_back(&mut self, kind: PanelKind) {
        let pane = self.tree.tiles.insert_pane(kind);
        let neighbour = PanelKind::ALL
            .iter()
            .filter(|other| **other != kind && other.place() == kind.place())
            .find_map(|other| self.tile(*other));
        let tabs = neighbour.and_then(|tile| self.tree.tiles.parent_of(tile));
        if let Some(Tile::Container(container)) = tabs.and_then(|tabs| self.tree.tiles.get_mut(tabs)) {
            container.add_child(pane);
            return;
        }
        let tabs = self.tree.tiles.insert_tab_tile(vec![pane]);
        let Some(root) = self.tree.root else {
            self.tree.root = Some(tabs);
            return;
        };
        let at_left = kind.place() == Place::Left;
        if let Some(Tile::Container(Container::Linear(row))) = self.tree.tiles.get_mut(root)
            && row.dir == LinearDir::Horizontal
        {
            let at = if at_left { 0 } else { row.children.len() };
            row.children.insert(at, tabs);
            return;
        }
        let children = if at_left { vec![tabs, root] } else { vec![root, tabs] };
        self.tree.root = Some(self.tree.tiles.insert_horizontal_tile(children));
    }

    /// Takes a panel out.
    pub fn close(&mut self, kind: PanelKind) {
        if let Some(tile) = self.tile(kind) {
            self.tree.remove_recursively(tile);
        }
    }

    /// Draws all panels that are in front.
    pub fn show(&mut self, ui: &mut Ui, panels: &mut Panels, shared: &mut Shared<'_>) {
        self.tree.ui(&mut Desk { panels, shared }, ui);
    }

    /// Whether there is no panel at all.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }
}

/// Draws panels where the tree wants them.
struct Desk<'a, 'b> {
    panels: &'a mut Panels,
    shared: &'a mut Shared<'b>,
}

impl Behavior<PanelKind> for Desk<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, kind: &mut PanelKind) -> UiResponse {
        let palette = Palette::of(ui);
        let frame = Frame::new().fill(palette.panel).inner_margin(Margin::same(space::M as i8));
        frame.show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.push_id(*kind, |ui| self.panels.show(*kind, ui, self.shared));
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, kind: &PanelKind) -> WidgetText {
        RichText::new(kind.title()).into()
    }

    fn is_tab_closable(&self, _tiles: &Tiles<PanelKind>, _tile: TileId) -> bool {
        true
    }

    fn tab_ui(
        &mut self,
        tiles: &mut Tiles<PanelKind>,
        ui: &mut Ui,
        id: Id,
        tile: TileId,
        state: &TabState,
    ) -> Response {
        tab(self, tiles, ui, id, tile, state)
    }

    fn tab_hover_cursor_icon(&self) -> CursorIcon {
        CursorIcon::Default
    }

    fn tab_bar_height(&self, _style: &Style) -> f32 {
        30.0
    }

    fn gap_width(&self, _style: &Style) -> f32 {
        5.0
    }

    fn min_size(&self) -> f32 {
        120.0
    }

    fn tab_bar_color(&self, visuals: &Visuals) -> Color32 {
        Palette::new(visuals.dark_mode).ground
    }

    fn tab_bar_hline_stroke(&self, _visuals: &Visuals) -> Stroke {
        Stroke::NONE
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }
}

/// A tab: its title, a line in the accent's colour where it is in front, and a cross under the pointer.
fn tab(
    desk: &mut Desk<'_, '_>,
    tiles: &mut Tiles<PanelKind>,
    ui: &mut Ui,
    id: Id,
    tile: TileId,
    state: &TabState,
) -> Response {
    const CROSS: f32 = 7.0;
    let palette = Palette::of(ui);
    let title = desk.tab_title_for_tile(tiles, tile);
    let name = title.text().to_owned();
    let is_unsaved = matches!(tiles.get(tile), Some(Tile::Pane(PanelKind::Script)))
        && desk.panels.script.panel().has_unsaved();
    let color = if state.active { palette.text } else { palette.weak };
    let font = eframe::egui::TextStyle::Button.resolve(ui.style());
    let galley = ui.painter().layout_no_wrap(name.clone(), font, color);
    let width = galley.size().x + 2.0 * space::M + CROSS + space::S;
    let (_, rect) = ui.allocate_space(vec2(width, ui.available_height()));
    let response = ui.interact(rect, id, Sense::click_and_drag());
    response.widget_info(|| {
        let told = if is_unsaved { format!("{name}, edits not applied") } else { name.clone() };
        eframe::egui::WidgetInfo::selected(eframe::egui::Role::Tab, true, state.active, told)
    });
    if ui.is_rect_visible(rect) && !state.is_being_dragged {
        if state.active {
            ui.painter().rect_filled(rect, CornerRadius { nw: 6, ne: 6, sw: 0, se: 0 }, palette.panel);
            let line = Rect::from_min_size(rect.min + vec2(space::M, 0.0), vec2(galley.size().x, 2.0));
            ui.painter().rect_filled(line, 1, palette.accent);
        }
        let text = rect.left_center() + vec2(space::M, -galley.size().y / 2.0);
        let end = text.x + galley.size().x;
        ui.painter().galley(text, galley, color);
        if is_unsaved {
            let at = pos2(end + space::XS + 1.0, rect.center().y - 4.0);
            ui.painter().circle_filled(at, 2.5, palette.warn);
        }
        if state.closable {
            let cross = Rect::from_center_size(rect.right_center() - vec2(space::M, 0.0), vec2(16.0, 16.0));
            let close = ui.interact(cross, id.with("close"), Sense::click());
            close.widget_info(|| {
                eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Button, true, format!("Close {name}"))
            });
            if response.hovered() || close.hovered() {
                if close.hovered() {
                    ui.painter().rect_filled(cross, 4, palette.hover);
                }
                let stroke = Stroke::new(1.2, if close.hovered() { palette.text } else { palette.weak });
                let inner = Rect::from_center_size(cross.center(), vec2(CROSS, CROSS));
                ui.painter().line_segment([inner.left_top(), inner.right_bottom()], stroke);
                ui.painter().line_segment([inner.right_top(), inner.left_bottom()], stroke);
            }
            let wanted = close.clicked() || response.clicked_by(eframe::egui::PointerButton::Middle);
            if wanted && desk.on_tab_close(tiles, tile) {
                tiles.remove(tile);
            }
        }
    }
    desk.on_tab_button(tiles, tile, response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_panel_is_there_at_first() {
        let layout = Layout::default();
        for kind in PanelKind::ALL {
            assert!(layout.is_open(*kind), "{kind:?}");
        }
    }

    #[test]
    fn what_is_closed_comes_back() {
        for kind in PanelKind::ALL {
            let mut layout = Layout::default();
            layout.close(*kind);
            assert!(!layout.is_open(*kind));
            layout.open(*kind);
            assert!(layout.is_open(*kind));
        }
    }

    #[test]
    fn an_empty_desk_can_be_filled_again() {
        let mut layout = Layout::default();
        for kind in PanelKind::ALL {
            layout.close(*kind);
        }
        for kind in PanelKind::ALL {
            layout.open(*kind);
            assert!(layout.is_open(*kind));
        }
    }

    fn again(layout: &Layout, change: impl FnOnce(&mut serde_json::Value)) -> Layout {
        let mut value: serde_json::Value = serde_json::to_value(layout).unwrap();
        change(&mut value);
        serde_json::from_str(&value.to_string()).unwrap()
    }

    #[test]
    fn a_layout_survives_a_file() {
        let mut layout = Layout::default();
        assert_eq!(again(&layout, |_| {}), layout);
        layout.close(PanelKind::Health);
        assert_eq!(again(&layout, |_| {}), layout, "what was closed stays closed");
    }

    #[test]
    fn panels_that_came_later_are_added_to_a_saved_layout() {
        let mut layout = Layout::default();
        layout.close(PanelKind::Health);
        layout.close(PanelKind::Live);
        let later = again(&layout, |value| {
            value["known"].as_array_mut().unwrap().retain(|kind| kind != "Live");
        });
        assert!(later.is_open(PanelKind::Live) && !later.is_open(PanelKind::Health));
        assert!(PanelKind::ALL.iter().all(|kind| later.known.contains(kind)));
        // The first versions saved the tree alone.
        let oldest = again(&layout, |value| *value = value["tree"].take());
        assert!(PanelKind::ALL.iter().all(|kind| oldest.is_open(*kind)));
    }
}
