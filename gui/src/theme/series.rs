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

/// Okabe and Ito's colours, which differ for colour-blind readers too, each as light or dark as its ground asks for. Yellow
/// cannot be seen on white, and is not among them.
const DARK: [Color32; 7] = [
    Color32::from_rgb(0x56, 0xB4, 0xE9),
    Color32::from_rgb(0xE6, 0x9F, 0x00),
    Color32::from_rgb(0x00, 0x9E, 0x73),
    Color32::from_rgb(0xCC, 0x79, 0xA7),
    Color32::from_rgb(0xD5, 0x5E, 0x00),
    Color32::from_rgb(0x00, 0x72, 0xB2),
    Color32::from_rgb(0xC8, 0xCE, 0xD6),
];
const LIGHT: [Color32; 7] = [
    Color32::from_rgb(0x00, 0x72, 0xB2),
    Color32::from_rgb(0xD5, 0x5E, 0x00),
    Color32::from_rgb(0x00, 0x8A, 0x64),
    Color32::from_rgb(0xB4, 0x5C, 0x8C),
    Color32::from_rgb(0xB0, 0x78, 0x00),
    Color32::from_rgb(0x35, 0x8F, 0xC4),
    Color32::from_rgb(0x46, 0x4E, 0x5A),
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
        for number in 0..7 {
            for palette in [Palette::DARK, Palette::LIGHT] {
                let contrast = contrast(stroke(number, palette.dark).0, palette.panel);
                assert!(contrast >= 3.0, "colour {number}, dark {}: {contrast:.2}", palette.dark);
            }
        }
    }

    #[test]
    fn twenty_one_curves_look_different() {
        let mut seen = Vec::new();
        for number in 0..21 {
            let look = stroke(number, true);
            assert!(!seen.contains(&look), "{number}");
            seen.push(look);
        }
        assert_eq!(stroke(21, true), stroke(0, true));
    }
}
