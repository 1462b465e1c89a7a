//! Colours of code, of comparisons and of graphs, beside those of the palette. Each means one thing in both modes.

use eframe::egui::Color32;

use super::graph::Kind as Node;
use super::tokens::Kind;
use crate::theme::Palette;

/// The colour of a part of a text.
pub fn ink(kind: Kind, palette: &Palette) -> Color32 {
    let pick = |dark: [u8; 3], light: [u8; 3]| {
        let [r, g, b] = if palette.dark { dark } else { light };
        Color32::from_rgb(r, g, b)
    };
    match kind {
        Kind::Plain | Kind::Operator => palette.text,
        Kind::Comment => palette.weak,
        Kind::Keyword | Kind::Attribute => pick([0xB9, 0x9B, 0xFF], [0x6B, 0x2F, 0xC2]),
        Kind::Function => pick([0x6F, 0xB8, 0xF5], [0x0B, 0x55, 0xA8]),
        Kind::Type => pick([0x5F, 0xC7, 0xBE], [0x0B, 0x66, 0x66]),
        Kind::Property => pick([0xB4, 0xD4, 0xE8], [0x2A, 0x55, 0x70]),
        Kind::String => pick([0x93, 0xCE, 0x88], [0x2A, 0x6B, 0x1F]),
        Kind::Number => pick([0xEE, 0xB0, 0x76], [0x94, 0x46, 0x00]),
    }
}

/// Behind lines that went, and behind the words in them that did.
pub fn removed(palette: &Palette) -> (Color32, Color32) {
    match palette.dark {
        true => (Color32::from_rgb(0x3A, 0x1D, 0x20), Color32::from_rgb(0x6B, 0x2C, 0x2F)),
        false => (Color32::from_rgb(0xFD, 0xEB, 0xEA), Color32::from_rgb(0xF7, 0xC3, 0xBF)),
    }
}

/// Behind lines that came, and behind the words in them that did.
pub fn added(palette: &Palette) -> (Color32, Color32) {
    match palette.dark {
        true => (Color32::from_rgb(0x15, 0x30, 0x24), Color32::from_rgb(0x1F, 0x5A, 0x3E)),
        false => (Color32::from_rgb(0xE5, 0xF6, 0xEB), Color32::from_rgb(0xB3, 0xE3, 0xC5)),
    }
}

/// Behind what was found, and behind the one of it that is looked at.
pub fn found(palette: &Palette) -> (Color32, Color32) {
    match palette.dark {
        true => (Color32::from_rgb(0x4A, 0x40, 0x14), Color32::from_rgb(0x7A, 0x5C, 0x00)),
        false => (Color32::from_rgb(0xFF, 0xF0, 0xB3), Color32::from_rgb(0xFF, 0xD2, 0x4D)),
    }
}

/// Behind the line that the cursor is in.
pub fn current_line(palette: &Palette) -> Color32 {
    match palette.dark {
        true => Color32::from_rgb(0x1E, 0x24, 0x2C),
        false => Color32::from_rgb(0xF0, 0xF3, 0xF8),
    }
}

/// The edge of a node and its ground.
pub fn node(kind: Node, palette: &Palette) -> (Color32, Color32) {
    let pick = |dark: [u8; 3], light: [u8; 3]| {
        let [r, g, b] = if palette.dark { dark } else { light };
        Color32::from_rgb(r, g, b)
    };
    match kind {
        Node::Online => {
            (pick([0x56, 0xA8, 0xE9], [0x1B, 0x6F, 0xB5]), pick([0x17, 0x2B, 0x3D], [0xE6, 0xF2, 0xFC]))
        }
        Node::Target => {
            (pick([0xA9, 0x8B, 0xF0], [0x6F, 0x4C, 0xC4]), pick([0x27, 0x20, 0x3D], [0xF0, 0xEB, 0xFC]))
        }
        Node::Sample => {
            (pick([0x45, 0xB5, 0xA6], [0x0B, 0x7A, 0x6C]), pick([0x13, 0x2E, 0x2C], [0xE2, 0xF5, 0xF2]))
        }
        Node::Param => {
            (pick([0xE0, 0x9A, 0x4F], [0xA8, 0x5B, 0x00]), pick([0x35, 0x27, 0x17], [0xFD, 0xF1, 0xE0]))
        }
        Node::Operation | Node::Gradient => (palette.edge, palette.raised),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::contrast;

    #[test]
    fn all_text_can_be_read_on_every_ground_it_stands_on() {
        use Kind::*;
        for palette in [Palette::DARK, Palette::LIGHT] {
            let grounds = [palette.panel, current_line(&palette)];
            for kind in
                [Plain, Comment, Keyword, Type, Function, Property, String, Number, Operator, Attribute]
            {
                for ground in grounds {
                    let contrast = contrast(ink(kind, &palette), ground);
                    assert!(contrast >= 4.5, "{kind:?}, dark {}: {contrast:.2}", palette.dark);
                }
            }
            let pairs = [removed(&palette), added(&palette), found(&palette)];
            for ground in pairs.iter().flat_map(|(line, word)| [*line, *word]) {
                assert!(contrast(palette.text, ground) >= 4.5, "{ground:?}");
            }
            for kind in [Node::Online, Node::Target, Node::Sample, Node::Param, Node::Operation] {
                let (edge, fill) = node(kind, &palette);
                assert!(contrast(edge, palette.panel) >= 3.0, "{kind:?}, dark {}", palette.dark);
                for text in [palette.text, palette.weak] {
                    assert!(contrast(text, fill) >= 4.5, "{kind:?}: {:.2}", contrast(text, fill));
                }
            }
        }
    }
}
