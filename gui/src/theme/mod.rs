//! How the monitor looks: colours, distances and text sizes, once for light and once for dark.
//!
//! The one idea: **a panel names what it means** ([`Palette::weak`], [`Palette::warn`], [`space`]) and never a number or a
//! colour of its own, so that both modes and every panel agree. All pairs of text and ground pass WCAG AA, which a test checks.

mod icon;
mod palette;
mod series;
mod style;

pub use icon::{Icon, icon};
pub use palette::Palette;
#[cfg(test)]
pub(crate) use palette::contrast;
pub use series::{Stroke, stroke};
pub use style::install;

/// The steps that distances are made of, in points.
pub mod space {
    /// Between what belongs together: an icon and its word.
    pub const XS: f32 = 4.0;
    /// Between neighbours.
    pub const S: f32 = 8.0;
    /// Around the content of a panel.
    pub const M: f32 = 12.0;
    /// Between groups.
    pub const L: f32 = 20.0;
    /// Around what stands alone in an empty panel.
    pub const XL: f32 = 32.0;
}

/// Sizes of text in points.
pub mod size {
    /// Axis labels and side notes.
    pub const SMALL: f32 = 11.5;
    /// Everything else.
    pub const BODY: f32 = 13.0;
    /// Titles of empty panels and sheets.
    pub const TITLE: f32 = 18.0;
}
