//! Icons, as characters of a font that comes along. They stand in text: `format!("{} paused", icon(Icon::Pause))`.

use std::sync::Arc;

use eframe::egui::{Context, FontData, FontDefinitions, FontFamily, FontTweak};
use lucide_icons::LUCIDE_FONT_BYTES;

pub use lucide_icons::Icon;

const ICONS: &str = "icons";
/// The typeface of code, as egui calls it. It has arrows and shapes that the one of text has not.
const CODE: &str = "Hack";

/// The character of an icon.
pub fn icon(icon: Icon) -> char {
    char::from(icon)
}

/// Makes the fonts known.
pub(super) fn install(ctx: &Context) {
    let mut fonts = FontDefinitions::default();
    // They sit on the baseline as letters do; a little lower, and they are centred beside small letters.
    let tweak = FontTweak { y_offset_factor: 0.11, ..FontTweak::default() };
    let data = FontData::from_static(LUCIDE_FONT_BYTES).tweak(tweak);
    fonts.font_data.insert(ICONS.to_owned(), Arc::new(data));
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        let names = fonts.families.entry(family).or_default();
        names.push(ICONS.to_owned());
        if !names.iter().any(|name| name == CODE) {
            names.push(CODE.to_owned());
        }
    }
    ctx.set_fonts(fonts);
}
