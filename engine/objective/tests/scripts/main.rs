//! The shipped scripts: they compile for every number of actions an Atari game has, and compute what their
//! equations say.

mod actor_critic;
mod every_script;
mod q_learning;
mod support;
mod windows;
