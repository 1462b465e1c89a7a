//! The monitor: runs seen, compared and steered through their folders.
//!
//! Snapshots of runs flow in from [`data`], through [`source`], into [`panels`] that draw them; what flows out are commands
//! into run directories, through the same door. [`monitor`] is the window that holds the panels together. The one idea:
//! **a frame only draws.** It never reads a file, never waits, and is only made when something is new.
#![forbid(unsafe_code)]

pub mod colors;
pub mod data;
pub mod figures;
pub mod format;
pub mod layout;
pub mod leaving;
pub mod monitor;
pub mod notices;
pub mod panels;
pub mod script;
pub mod selection;
pub mod settings;
pub mod shortcuts;
pub mod source;
pub mod starting;
pub mod status;
pub mod theme;
pub mod widgets;
