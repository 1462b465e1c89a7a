//! The graph that a script records, drawn.

mod drawing;
mod layout;
mod view;

pub use drawing::{Drawing, Kind};
pub(super) use view::GraphView;
