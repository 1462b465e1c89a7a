//! How curves are told apart: by colour, and by their stroke where there are more curves than colours.

use eframe::egui::Color32;

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// Without a gap.
    Solid,
    /// In pieces.
    Dashed,
    /// In points.
    Dotted,
}

/// Okabe and Ito's colours and two more, which differ for colour-blind readers too; those of reports
/// (`kelvin_chart::SERIES`) in their order, each as light or dark as its ground asks for.
const DARK: [Color32; 8] = [
    Color32::from_rgb(0x4A, 0xA8, 0xE8),
    Color32::from_rgb(0xFF, 0x8A, 0x4C),
    Color32::from_rgb(0x3F, 0xCF, 0x9E),
    Color32::from_rgb(0xE5, 0x9B, 0xC4),
    Color32::from_rgb(0x9A, 0xD6, 0xFF),
    Color32::from_rgb(0xF5, 0xBF, 0x45),
    Color32::from_rgb(0xA9, 0x97, 0xF5),
    Color32::from_rgb(0xC8, 0xAD, 0x92),
];
const LIGHT: [Color32; 8] = [
    Color32::from_rgb(0x00, 0x72, 0xB2),
    Color32::from_rgb(0xD5, 0x5E, 0x00),
    Color32::from_rgb(0x00, 0x8F, 0x68),
    Color32::from_rgb(0xBD, 0x66, 0x96),
    Color32::from_rgb(0x3A, 0x93, 0xC8),
    Color32::from_rgb(0xB0, 0x7A, 0x00),
    Color32::from_rgb(0x5A, 0x4A, 0xA0),
    Color32::from_rgb(0x82, 0x6E, 0x5A),
];

/// How the curve with a number is drawn.
pub fn stroke(number: usize, dark: bool) -> (Color32, Stroke) {
    let colors = if dark { &DARK } else { &LIGHT };
    let strokes = [Stroke::Solid, Stroke::Dashed, Stroke::Dotted];
    (colors[number % colors.len()], strokes[number / colors.len() % strokes.len()])
}

#[cfg(test)]
mod tests {
    use super::super::Palette;
    use super::super::palette::contrast;
    use super::*;

    #[test]
    fn every_curve_stands_out_from_its_ground() {
        for number in 0..8 {
            for palette in [Palette::DARK, Palette::LIGHT] {
                let contrast = contrast(stroke(number, palette.dark).0, palette.panel);
                assert!(contrast >= 3.0, "colour {number}, dark {}: {contrast:.2}", palette.dark);
            }
        }
    }

    #[test]
    fn twenty_four_curves_look_different() {
        let mut seen = Vec::new();
        for number in 0..24 {
            let look = stroke(number, true);
            assert!(!seen.contains(&look), "{number}");
            seen.push(look);
        }
        assert_eq!(stroke(24, true), stroke(0, true));
    }
}
