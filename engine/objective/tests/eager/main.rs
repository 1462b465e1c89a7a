//! The script on numbers: its derivatives against differences of itself, its conventions against the language's,
//! and all of it against the compiled objective.

mod compiled;
mod conventions;
mod differences;
mod support;
mod vocabulary;
