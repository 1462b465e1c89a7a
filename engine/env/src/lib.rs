//! Environments: where transitions come from.
//!
//! **In** flow an environment's name, a seed, and one action per step. **Out** flow byte frames, rewards as the learner
//! sees them, the two ways a trajectory can stop, kept apart (*terminated*: the state reached is worth nothing;
//! *truncated*: it is worth something and must be bootstrapped), and the raw statistics of each true episode.
//!
//! **The one idea:** an environment is a pure function of its seed and its actions. Chance comes from one stream per
//! environment, derived from one seed; nothing is drawn from a clock, a thread or a neighbour. So [`VecEnv`] may step
//! any number of them on any number of threads, and a run can be repeated bit for bit.
//!
//! ```
//! use kelvin_env::{EnvOptions, VecEnv};
//!
//! let mut envs = VecEnv::new("catch", &EnvOptions::default(), 3, 0)?;
//! for step in envs.step(&[0, 1, 2])? {
//!     assert!(!step.terminated && !step.truncated);
//! }
//! assert_eq!(envs.obs().len(), 3 * envs.spec().obs_len());
//! # Ok::<(), kelvin_env::EnvError>(())
//! ```
//!
//! What there is:
//! - Atari games through the bundled Arcade Learning Environment, by its ids (`"pong"`), under one of two published
//!   protocols ([`Preset`]). Frames are 84×84 gray; four are stacked. They need ROMs: see [`roms`].
//! - `catch`, ten rows of falling pixels: the smallest test of learning from pictures.
//! - `chain` and `gridworld`: finite problems whose exact dynamics ([`tabular::TabularMdp`]) are at hand.
//!
//! ALE brings two dangers, and both are kept in one file each: it is C++ behind pointers (`ale/ffi.rs` holds all of
//! this crate's `unsafe`), and it ends the process over a wrong file (only [`roms::locate`] makes the `Rom` that the
//! emulator accepts). It also reads `ale.cfg` and `stella.pro` of the working directory unasked, changing its rules by
//! them; where one of those exists, making an Atari environment is an error.

mod ale;
mod catch;
mod env;
mod error;
mod names;
mod options;
pub mod roms;
mod saved;
mod seed;
pub mod tabular;
mod vec_env;

pub use env::{Env, EnvSpec, Episode, Screen, Step};
pub use error::EnvError;
pub use names::{BUILT_INS, known_games};
pub use options::{EnvOptions, Preset};
pub use seed::derive_seed;
pub use vec_env::VecEnv;

/// Steps after which `chain` and `gridworld` cut an episode off; the shortest ways through them take 10 and 8.
const TABULAR_TIME_LIMIT: u64 = 200;

/// Makes one environment: an Atari game by ALE's id, or one of [`BUILT_INS`], which take no notice of `options`.
///
/// # Errors
/// [`EnvError::UnknownEnv`] for any other name; for Atari the errors of [`roms::locate`],
/// [`EnvError::ForeignSettings`] and [`EnvError::Emulator`].
pub fn make(id: &str, options: &EnvOptions, seed: u64) -> Result<Box<dyn Env>, EnvError> {
    Ok(match id {
        "catch" => Box::new(catch::Catch::new(seed)),
        "chain" => Box::new(tabular::TabularEnv::new(id, tabular::chain(), TABULAR_TIME_LIMIT, seed)),
        "gridworld" => Box::new(tabular::TabularEnv::new(id, tabular::gridworld(), TABULAR_TIME_LIMIT, seed)),
        game => Box::new(ale::AtariEnv::new(game, options, seed)?),
    })
}
