//! egui's style, as the palette and the scale of distances ask for.

use eframe::egui::style::{HandleShape, ScrollStyle, Selection, WidgetVisuals, Widgets};
use eframe::egui::{
    Context, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Theme, Visuals, vec2,
};

use super::{Palette, icon, size, space};

/// Gives a context this look, in both modes.
pub fn install(ctx: &Context) {
    icon::install(ctx);
    for (theme, palette) in [(Theme::Dark, &Palette::DARK), (Theme::Light, &Palette::LIGHT)] {
        ctx.set_style_of(theme, style(palette));
    }
}

fn style(palette: &Palette) -> Style {
    let mut style = Style { visuals: visuals(palette), animation_time: 0.08, ..Style::default() };
    let proportional = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Small, proportional(size::SMALL)),
        (TextStyle::Body, proportional(size::BODY)),
        (TextStyle::Button, proportional(size::BODY)),
        (TextStyle::Heading, proportional(size::TITLE)),
        (TextStyle::Monospace, FontId::new(size::BODY - 0.5, FontFamily::Monospace)),
    ]
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(space::S, 6.0);
    spacing.button_padding = vec2(space::S, 3.0);
    spacing.interact_size = vec2(28.0, 24.0);
    spacing.window_margin = Margin::same(16);
    spacing.menu_margin = Margin::same(6);
    spacing.indent = 14.0;
    spacing.icon_width = 15.0;
    spacing.icon_width_inner = 9.0;
    spacing.icon_spacing = 6.0;
    spacing.combo_width = 60.0;
    spacing.slider_width = 120.0;
    spacing.slider_rail_height = 4.0;
    spacing.tooltip_width = 380.0;
    spacing.scroll = ScrollStyle { bar_width: 8.0, ..ScrollStyle::thin() };
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style
}

fn visuals(palette: &Palette) -> Visuals {
    let base = if palette.dark { Visuals::dark() } else { Visuals::light() };
    let radius = CornerRadius::same(5);
    let widget = |fill, edge, ink| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, edge),
        corner_radius: radius,
        fg_stroke: Stroke::new(1.2, ink),
        expansion: 0.0,
    };
    let shadow = |blur, alpha| Shadow {
        offset: [0, 4],
        blur,
        spread: 0,
        color: eframe::egui::Color32::from_black_alpha(alpha),
    };
    Visuals {
        dark_mode: palette.dark,
        weak_text_color: Some(palette.weak),
        widgets: Widgets {
            noninteractive: widget(palette.panel, palette.line, palette.text),
            inactive: widget(palette.raised, palette.line, palette.text),
            hovered: widget(palette.hover, palette.edge, palette.text),
            active: widget(palette.hover, palette.accent, palette.text),
            open: widget(palette.hover, palette.line, palette.text),
        },
        selection: Selection { bg_fill: palette.chosen, stroke: Stroke::new(1.0, palette.accent) },
        hyperlink_color: palette.accent,
        faint_bg_color: palette.raised,
        extreme_bg_color: palette.ground,
        text_edit_bg_color: Some(palette.raised),
        code_bg_color: palette.raised,
        warn_fg_color: palette.warn,
        error_fg_color: palette.bad,
        window_corner_radius: CornerRadius::same(10),
        window_shadow: shadow(24, if palette.dark { 140 } else { 50 }),
        window_fill: palette.panel,
        window_stroke: Stroke::new(1.0, palette.line),
        menu_corner_radius: CornerRadius::same(8),
        panel_fill: palette.panel,
        popup_shadow: shadow(12, if palette.dark { 110 } else { 36 }),
        indent_has_left_vline: false,
        slider_trailing_fill: true,
        handle_shape: HandleShape::Rect { aspect_ratio: 0.45 },
        ..base
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Icon, icon};
    use super::*;
    use eframe::egui;

    /// Every character beyond ASCII that the monitor shows.
    const GLYPHS: &str = "τεγλσμΔ±·…▶■▲▼●○◐◌×–−≥≤≈→←↑↓²³⁻⁴⁵⁶’“”∞";

    #[test]
    fn the_fonts_that_come_along_have_every_glyph() {
        let ctx = Context::default();
        install(&ctx);
        let _ = ctx.run_ui(egui::RawInput::default(), |ui| {
            for family in [FontFamily::Proportional, FontFamily::Monospace] {
                let font = FontId::new(size::BODY, family.clone());
                let icons =
                    [Icon::Play, Icon::Pause, Icon::Square, Icon::TriangleAlert, Icon::Copy].map(icon);
                for glyph in GLYPHS.chars().chain(icons) {
                    let known = ui.ctx().fonts_mut(|fonts| fonts.has_glyph(&font, glyph));
                    assert!(known, "{glyph:?} is missing in {family:?}");
                }
            }
        });
    }

    #[test]
    fn digits_are_of_one_width() {
        let ctx = Context::default();
        let _ = ctx.run_ui(egui::RawInput::default(), |ui| {
            let font = FontId::new(size::BODY, FontFamily::Proportional);
            let width = |digit| ui.ctx().fonts_mut(|fonts| fonts.glyph_width(&font, digit));
            let zero = width('0');
            for digit in '1'..='9' {
                assert!((width(digit) - zero).abs() < 1e-3, "{digit}: {} and {zero}", width(digit));
            }
        });
    }
}
