//! Finding the ROMs, and knowing that they are the right ones.
//!
//! ALE ends the whole process over a missing or misnamed file and spins for ever over a broken one. So nothing
//! reaches it but a [`Rom`], and the only way to a `Rom` is [`locate`]: the game is one of the [`games`], the file
//! carries ALE's name for it, its size is a cartridge's, and its md5 is the listed one.
//!
//! Folders are searched in this order, and the first file found counts, right or wrong: the one given explicitly
//! (`--roms`), the environment variable `KELVIN_ROMS`, the cache folder (`$XDG_CACHE_HOME/kelvin/roms`, by default
//! `~/.cache/kelvin/roms`).

mod table;

use std::{
    env,
    ffi::{CStr, CString},
    fmt::Write as _,
    fs, io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use md5::{Digest, Md5};

use crate::EnvError;
use table::ROMS;

/// Bytes of a cartridge image: the smallest and the largest that the console's bank switching knows.
const CARTRIDGE: RangeInclusive<u64> = 2048..=65536;

/// A cartridge image that was there, under ALE's name and with ALE's md5, when it was located.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rom {
    game: &'static str,
    path: PathBuf,
    c_path: CString,
}

impl Rom {
    /// ALE's id of the game.
    pub fn game(&self) -> &'static str {
        self.game
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn c_path(&self) -> &CStr {
        &self.c_path
    }
}

/// The games that have scoring rules, by ALE's ids, in alphabetical order.
pub fn games() -> impl Iterator<Item = &'static str> {
    ROMS.iter().map(|(game, _)| *game)
}

/// The md5 that `game.bin` must have, in lower-case hex, if the game is known.
pub fn md5_of(game: &str) -> Option<&'static str> {
    entry(game).map(|(_, md5)| md5)
}

/// Where fetched ROMs are kept: `$XDG_CACHE_HOME/kelvin/roms`, else `$HOME/.cache/kelvin/roms`, if either is set.
pub fn cache_dir() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("kelvin").join("roms"))
}

/// The folders to search, in order; `explicit` is the one the user named on the command line.
pub fn search_path(explicit: Option<&Path>) -> Vec<PathBuf> {
    let from_env = env::var_os("KELVIN_ROMS").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    explicit.map(Path::to_path_buf).into_iter().chain(from_env).chain(cache_dir()).collect()
}

/// Finds and verifies the ROM of `game`.
///
/// # Errors
/// [`EnvError::UnknownEnv`], [`EnvError::RomMissing`], [`EnvError::RomUnreadable`], [`EnvError::RomSize`],
/// [`EnvError::RomMd5`] or [`EnvError::RomPath`].
pub fn locate(game: &str, explicit: Option<&Path>) -> Result<Rom, EnvError> {
    locate_in(game, search_path(explicit))
}

/// What [`status`] knows of one game.
#[derive(Debug)]
pub struct GameStatus {
    /// ALE's id of the game.
    pub game: &'static str,
    /// Its ROM, or why there is none.
    pub rom: Result<Rom, EnvError>,
}

/// Every known game and whether its ROM is there and right; reads every file.
pub fn status(explicit: Option<&Path>) -> Vec<GameStatus> {
    games().map(|game| GameStatus { game, rom: locate(game, explicit) }).collect()
}

fn entry(game: &str) -> Option<(&'static str, &'static str)> {
    ROMS.binary_search_by_key(&game, |(name, _)| name).ok().map(|i| ROMS[i])
}

fn locate_in(game: &str, searched: Vec<PathBuf>) -> Result<Rom, EnvError> {
    let Some((game, wanted)) = entry(game) else {
        return Err(crate::names::unknown(game));
    };
    let path = searched.iter().map(|dir| dir.join(format!("{game}.bin"))).find(|path| path.exists());
    match path {
        Some(path) => verify(game, wanted, path),
        None => Err(EnvError::RomMissing { game, searched }),
    }
}

fn verify(game: &'static str, wanted: &'static str, path: PathBuf) -> Result<Rom, EnvError> {
    let unreadable = |source: io::Error| EnvError::RomUnreadable { path: path.clone(), source };
    let bytes = fs::metadata(&path).map_err(unreadable)?.len();
    if !CARTRIDGE.contains(&bytes) {
        return Err(EnvError::RomSize { path, bytes });
    }
    let found = hex(&Md5::digest(fs::read(&path).map_err(unreadable)?));
    if found != wanted {
        return Err(EnvError::RomMd5 { game, path, found, wanted });
    }
    match path.to_str().map(CString::new) {
        Some(Ok(c_path)) => Ok(Rom { game, path, c_path }),
        _ => Err(EnvError::RomPath(path)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
