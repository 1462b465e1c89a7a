//! The colours and what each means.

use eframe::egui::{Color32, Ui};

/// Colours of one mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    /// Whether it is the dark one.
    pub dark: bool,
    /// Behind the panels: tab bars, gaps.
    pub ground: Color32,
    /// Of panels.
    pub panel: Color32,
    /// Of buttons and fields.
    pub raised: Color32,
    /// Of what the pointer is over.
    pub hover: Color32,
    /// Of lines between things.
    pub line: Color32,
    /// Of edges of fields; told apart from the panel at three to one.
    pub edge: Color32,
    /// Of text.
    pub text: Color32,
    /// Of text that explains other text.
    pub weak: Color32,
    /// Of what is chosen, in force or in focus.
    pub accent: Color32,
    /// Behind what is chosen.
    pub chosen: Color32,
    /// All is well.
    pub good: Color32,
    /// Somebody should look at this.
    pub warn: Color32,
    /// Something failed.
    pub bad: Color32,
}

impl Palette {
    /// For the night.
    pub const DARK: Self = Self {
        dark: true,
        ground: Color32::from_rgb(0x0E, 0x11, 0x15),
        panel: Color32::from_rgb(0x16, 0x1A, 0x20),
        raised: Color32::from_rgb(0x23, 0x29, 0x33),
        hover: Color32::from_rgb(0x2D, 0x35, 0x41),
        line: Color32::from_rgb(0x2A, 0x31, 0x3B),
        edge: Color32::from_rgb(0x6B, 0x76, 0x85),
        text: Color32::from_rgb(0xDC, 0xE1, 0xE8),
        weak: Color32::from_rgb(0x9B, 0xA6, 0xB4),
        accent: Color32::from_rgb(0x8C, 0x9B, 0xFF),
        chosen: Color32::from_rgb(0x2A, 0x30, 0x55),
        good: Color32::from_rgb(0x4C, 0xC3, 0x8A),
        warn: Color32::from_rgb(0xF0, 0xB4, 0x29),
        bad: Color32::from_rgb(0xFF, 0x7B, 0x72),
    };

    /// For the day.
    pub const LIGHT: Self = Self {
        dark: false,
        ground: Color32::from_rgb(0xE6, 0xEA, 0xEF),
        panel: Color32::from_rgb(0xFC, 0xFC, 0xFD),
        raised: Color32::from_rgb(0xEE, 0xF1, 0xF5),
        hover: Color32::from_rgb(0xE1, 0xE6, 0xED),
        line: Color32::from_rgb(0xDA, 0xDF, 0xE6),
        edge: Color32::from_rgb(0x84, 0x8E, 0x9C),
        text: Color32::from_rgb(0x1B, 0x21, 0x29),
        weak: Color32::from_rgb(0x56, 0x60, 0x70),
        accent: Color32::from_rgb(0x41, 0x50, 0xD6),
        chosen: Color32::from_rgb(0xE0, 0xE4, 0xFC),
        good: Color32::from_rgb(0x0B, 0x6E, 0x45),
        warn: Color32::from_rgb(0x7F, 0x53, 0x00),
        bad: Color32::from_rgb(0xB4, 0x23, 0x23),
    };

    /// That of a mode.
    pub fn new(dark: bool) -> &'static Self {
        if dark { &Self::DARK } else { &Self::LIGHT }
    }

    /// That in force where something is drawn.
    pub fn of(ui: &Ui) -> &'static Self {
        Self::new(ui.visuals().dark_mode)
    }
}

/// How far two colours are apart in lightness, from 1 to 21 (WCAG 2.2).
#[cfg(test)]
pub(crate) fn contrast(a: Color32, b: Color32) -> f64 {
    let luminance = |color: Color32| {
        let channel = |byte: u8| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_be_read_on_every_ground_it_stands_on() {
        for palette in [Palette::DARK, Palette::LIGHT] {
            let grounds = [palette.panel, palette.raised, palette.hover, palette.chosen];
            for ground in grounds {
                for ink in
                    [palette.text, palette.weak, palette.accent, palette.good, palette.warn, palette.bad]
                {
                    let contrast = contrast(ink, ground);
                    assert!(contrast >= 4.5, "{ink:?} on {ground:?}: {contrast:.2}");
                }
            }
            for ink in [palette.text, palette.weak] {
                assert!(contrast(ink, palette.ground) >= 4.5, "{ink:?} on the ground");
            }
            assert!(contrast(palette.edge, palette.panel) >= 3.0);
        }
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 1e-9);
        assert!((contrast(Color32::from_gray(0x77), Color32::WHITE) - 4.48).abs() < 0.01);
    }
}
