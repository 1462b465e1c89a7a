//! Atari: the emulator made safe ([`ffi`]), what it was made to do ([`tape`]), its pictures ([`preprocess`]), and
//! the rules of an episode ([`game`]).

mod ffi;
mod game;
mod preprocess;
mod rules;
mod tape;

pub(crate) use game::AtariEnv;
