//! The one error of this crate: what went wrong, where and why; [`EnvError::hint`] says what to do about it.

use std::path::PathBuf;

/// Why an environment could not be made or stepped.
#[derive(Debug, thiserror::Error)]
pub enum EnvError {
    /// No game and no built-in environment has this name.
    #[error("unknown environment `{id:.80}`{}", .suggestion.map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    UnknownEnv {
        /// The name asked for.
        id: String,
        /// The known name nearest to it, if one is near.
        suggestion: Option<&'static str>,
    },
    /// Not the name of a preset.
    #[error("unknown preset `{0:.80}`")]
    UnknownPreset(String),
    /// No ROM directory holds the game's file.
    #[error("no ROM for `{game}`: looked for {game}.bin in {}", list(.searched))]
    RomMissing {
        /// ALE's id of the game.
        game: &'static str,
        /// The directories, in the order searched.
        searched: Vec<PathBuf>,
    },
    /// The ROM is there and cannot be read.
    #[error("cannot read the ROM {}: {source}", .path.display())]
    RomUnreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// No cartridge of the console has this size, so the file is not read any further.
    #[error("{} is no cartridge image: it has {bytes} bytes, and cartridges have 2048 to 65536", .path.display())]
    RomSize {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file is not the dump that ALE's scoring rules were written for.
    #[error("{} is not the ROM that ALE knows as `{game}`: its md5 is {found}, wanted {wanted}", .path.display())]
    RomMd5 {
        /// ALE's id of the game.
        game: &'static str,
        /// The file.
        path: PathBuf,
        /// Its md5, in hex.
        found: String,
        /// The md5 that ALE lists, in hex.
        wanted: &'static str,
    },
    /// The emulator takes its path as UTF-8 text without zero bytes.
    #[error("the ROM path {} is not plain UTF-8 text, which the emulator needs", .0.display())]
    RomPath(PathBuf),
    /// The emulator would silently read this file of the working directory and change its rules by it.
    #[error("{} would change the emulator's settings behind this run's back", .0.display())]
    ForeignSettings(PathBuf),
    /// The emulator behaved as no ROM of the table makes it behave.
    #[error("the emulator refused `{game}`: {reason}")]
    Emulator {
        /// ALE's id of the game.
        game: &'static str,
        /// What it did.
        reason: String,
    },
    /// An action index beyond the action set.
    #[error("action {action} does not exist in `{id}`, which has {actions} actions (0 to {})", .actions - 1)]
    Action {
        /// The environment.
        id: String,
        /// The index asked for.
        action: usize,
        /// The size of its action set.
        actions: usize,
    },
    /// What was saved of an environment is not of this one, or damaged.
    #[error("`{id}` cannot go on where it was: {reason}")]
    State {
        /// The environment.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A call that breaks the contract of [`Env`](crate::Env) or [`VecEnv`](crate::VecEnv): a defect of the caller.
    #[error("misuse of the environment `{id}`: {what}")]
    Misuse {
        /// The environment.
        id: String,
        /// The broken rule.
        what: String,
    },
}

impl EnvError {
    /// What to do about it, where anything can be done.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownEnv { .. } => {
                let games: Vec<_> = crate::known_games().collect();
                format!("built in: {}; Atari: {}", crate::BUILT_INS.join(", "), games.join(", "))
            }
            Self::UnknownPreset(_) => "the presets are `paper` and `machado`".into(),
            Self::RomMissing { .. } => {
                "`./kelvin roms` fetches the ROMs; --roms DIR or KELVIN_ROMS=DIR names a folder that has them"
                    .into()
            }
            Self::RomUnreadable { .. } => "check the file's permissions".into(),
            Self::RomSize { path, .. } | Self::RomMd5 { path, .. } => {
                format!("remove {} and fetch the ROMs with `./kelvin roms`", path.display())
            }
            Self::RomPath(_) => {
                "put the ROMs in a folder with a plain name and name it with --roms DIR".into()
            }
            Self::ForeignSettings(_) => "move that file away, or start from another folder".into(),
            Self::Emulator { .. } => {
                "fetch the ROMs again with `./kelvin roms`; if it stays, please report it".into()
            }
            Self::Action { .. } | Self::State { .. } | Self::Misuse { .. } => return None,
        })
    }
}

fn list(dirs: &[PathBuf]) -> String {
    if dirs.is_empty() {
        return "no folder at all (neither --roms, KELVIN_ROMS nor a cache folder is set)".into();
    }
    dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", then ")
}
