//! Atari: the emulator made safe ([`ffi`]), its pictures ([`preprocess`]), and the rules of an episode ([`game`]).

mod ffi;
mod game;
mod preprocess;
mod rules;

pub(crate) use game::AtariEnv;
