//! Colours that the page around a picture decides: light or dark, as its reader has it.

use plotters::style::RGBColor;

use crate::{GREY, GRID, INK};

/// What is behind everything.
pub const PAPER: RGBColor = RGBColor(255, 255, 255);

/// Colours of curves: Okabe and Ito's, which differ for colour-blind readers too, those first that differ most.
pub const SERIES: [RGBColor; 8] = [
    crate::BLUE,
    crate::ORANGE,
    crate::GREEN,
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 74, 160),
    RGBColor(130, 110, 90),
];

/// The same on a dark page: lighter where the others would drown.
const DARK_SERIES: [&str; 8] =
    ["#4aa8e8", "#ff8a4c", "#3fcf9e", "#e59bc4", "#9ad6ff", "#f5bf45", "#a997f5", "#c8ad92"];

/// The variables of a page: name, colour in the light, in the dark.
fn variables() -> Vec<(String, RGBColor, String)> {
    let named = |name: &str, light: RGBColor, dark: &str| (name.to_owned(), light, dark.to_owned());
    let mut all = vec![
        named("paper", PAPER, "#14171c"),
        named("ink", INK, "#d9dde3"),
        named("grey", GREY, "#9299a3"),
        named("grid", GRID, "#2b3038"),
    ];
    let series = SERIES.iter().zip(DARK_SERIES).enumerate();
    all.extend(series.map(|(i, (light, dark))| named(&series_variable(i), *light, dark)));
    all
}

/// The variable that holds the colour of the `i`-th curve, without its dashes; they repeat after [`SERIES`].
pub fn series_variable(i: usize) -> String {
    format!("series-{}", i % SERIES.len())
}

fn hex(color: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}

/// Style sheet of a page, or of a picture by itself: the colours of both modes.
pub fn style_sheet() -> String {
    let rule = |dark: bool| {
        let colour = |(name, light, dark_colour): (String, RGBColor, String)| {
            format!("--{name}:{};", if dark { dark_colour } else { hex(light) })
        };
        variables().into_iter().map(colour).collect::<String>()
    };
    format!(
        ":root{{color-scheme:light dark;{}}}\n@media (prefers-color-scheme:dark){{:root{{{}}}}}\n",
        rule(false),
        rule(true)
    )
}

/// A picture as part of a page that has the [`style_sheet`]: its colours are the page's variables, its size follows the
/// width it is given, and `title` is what a screen reader says of it.
pub(crate) fn inline(svg: &str, title: &str) -> String {
    let mut text = svg.to_owned();
    for (name, light, _) in variables() {
        text = text.replace(&format!("\"{}\"", hex(light)), &format!("\"var(--{name})\""));
    }
    // The first line is the element itself: `<svg width="…" height="…" viewBox="…" xmlns="…">`.
    let start = text.find("viewBox").map_or(0, |at| at);
    let body = if start > 0 { format!("<svg role=\"img\" {}", &text[start..]) } else { text };
    let end = body.find('>').map_or(0, |at| at + 1);
    format!("{}<title>{}</title>{}", &body[..end], escape(title), &body[end..])
}

/// A picture as a file of its own, which follows the reader's mode too.
pub(crate) fn standalone(inline: &str, (width, height): (u32, u32)) -> String {
    let end = inline.find('>').map_or(0, |at| at);
    format!(
        "{} width=\"{width}\" height=\"{height}\"><style>{}</style>{}",
        &inline[..end],
        style_sheet(),
        &inline[end + 1..]
    )
}

/// Text as it may stand in XML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_colour_is_left_that_a_dark_page_would_not_change() {
        let svg = "<svg width=\"10\" height=\"5\" viewBox=\"0 0 10 5\" xmlns=\"http://www.w3.org/2000/svg\">\n\
                   <rect fill=\"#FFFFFF\"/><path stroke=\"#0072B2\"/><text fill=\"#282828\">a</text></svg>";
        let inline = inline(svg, "a < b");
        assert!(!inline.contains("\"#"), "{inline}");
        assert!(inline.starts_with("<svg role=\"img\" viewBox=\"0 0 10 5\""), "{inline}");
        assert!(inline.contains("<title>a &lt; b</title>") && inline.contains("var(--series-0)"));
        let file = standalone(&inline, (10, 5));
        assert!(
            file.contains("width=\"10\" height=\"5\"><style>") && file.contains("--ink:#282828;"),
            "{file}"
        );
    }

    #[test]
    fn every_colour_has_a_name_of_its_own() {
        let variables = variables();
        for (i, (name, light, _)) in variables.iter().enumerate() {
            let same = variables[..i].iter().any(|(other, colour, _)| other == name || colour == light);
            assert!(!same, "{name}");
        }
    }
}
