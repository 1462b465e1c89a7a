//! The emulator, made safe: every line of `unsafe` of this crate is in this file.
//!
//! ALE is C++ behind a C interface. It exits the process, aborts or dereferences null when used out of order, so the
//! order is made a matter of types: there is no [`Emulator`] without a loaded ROM, no load without a verified
//! [`Rom`], and no action but the 18 of [`Action`]. Setting keys are constants of this file, checked by its tests.
//!
//! Two traps stay shut by rule: `getString` returns a dangling pointer and is never called; and two C++ globals are
//! written while a ROM loads, so that all construction happens under one lock. One of the two, the processor's table of
//! decimals, others that play read meanwhile: it is written with the numbers that it has since the first load, so that
//! they read nothing else. Apart from that an instance shares nothing and may move between threads ([`Send`]), but its
//! calls, even the reading ones, go through caches without locks, so that it must not be shared (not `Sync`, which the
//! pointer inside already forbids). And its reader of saved states believes every length and index: no state comes here
//! but the emulator's own, which never leaves the process.
#![expect(unsafe_code, reason = "the C interface of the emulator")]

// Brings in the C++ standard library, which the emulator's static archive needs; nothing of it is named.
extern crate link_cplusplus as _;

use std::{
    ffi::c_int,
    path::Path,
    ptr::NonNull,
    sync::{Mutex, PoisonError},
};

use ale_sys as ale;
use serde::{Deserialize, Serialize};

use crate::{EnvError, Screen, roms::Rom};

/// ALE's names of the 18 joystick actions, by ALE's codes.
const ACTIONS: [&str; 18] = [
    "NOOP",
    "FIRE",
    "UP",
    "RIGHT",
    "LEFT",
    "DOWN",
    "UPRIGHT",
    "UPLEFT",
    "DOWNRIGHT",
    "DOWNLEFT",
    "UPFIRE",
    "RIGHTFIRE",
    "LEFTFIRE",
    "DOWNFIRE",
    "UPRIGHTFIRE",
    "UPLEFTFIRE",
    "DOWNRIGHTFIRE",
    "DOWNLEFTFIRE",
];

/// Bytes of the console's memory.
pub(crate) const RAM: usize = 128;

/// Columns of the screen, in every game; its height differs.
pub(crate) const SCREEN_WIDTH: usize = 160;

/// Files of the working directory that ALE reads unasked: its settings, and the properties of cartridges.
const UNASKED: [&str; 2] = ["ale.cfg", "stella.pro"];

/// Logger mode that reports errors only; the others write to the terminal.
const ERRORS_ONLY: c_int = 2;

/// Taken around everything from `ALE_new` to the end of `loadROM`.
static LOADING: Mutex<()> = Mutex::new(());

/// One of the 18 joystick actions; its code is in range by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub(crate) struct Action(u8);

impl From<Action> for u8 {
    fn from(action: Action) -> Self {
        action.0
    }
}

impl TryFrom<u8> for Action {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        Self::from_code(code.into()).ok_or_else(|| format!("there is no action {code}"))
    }
}

impl Action {
    pub(crate) const NOOP: Self = Self(0);
    pub(crate) const FIRE: Self = Self(1);

    /// All 18, by code. ALE takes those that a game does not react to as no-ops.
    pub(crate) fn all() -> impl Iterator<Item = Self> + Clone {
        (0..ACTIONS.len() as u8).map(Self)
    }

    fn from_code(code: c_int) -> Option<Self> {
        u8::try_from(code).ok().filter(|&code| usize::from(code) < ACTIONS.len()).map(Self)
    }

    pub(crate) fn name(self) -> &'static str {
        ACTIONS[usize::from(self.0)]
    }
}

/// A running game.
#[derive(Debug)]
pub(crate) struct Emulator {
    // Invariant: from `ALE_new`, with a ROM loaded, owned by this value alone.
    handle: NonNull<ale::ALEInterface>,
    // Invariant: from `cloneSystemState` of this handle, right after the ROM was loaded, owned by this value alone.
    powered_on: NonNull<ale::ALEState>,
    height: usize,
    minimal: Vec<Action>,
}

// SAFETY: the instance owns all its state (the globals are written under `LOADING` only, or with what they hold) and keeps
// no thread-local data, so that it may be used, and dropped, on any one thread at a time.
unsafe impl Send for Emulator {}

impl Emulator {
    /// Switches the console on with the game of `rom`. What chance there is in it, the contents of memory and timer as they
    /// are found, follows from `seed`; no action is ever repeated instead of the one that was chosen.
    pub(crate) fn load(rom: &Rom, seed: u64) -> Result<Self, EnvError> {
        refuse_settings_in(Path::new("."))?;
        let refused = |reason: &str| EnvError::Emulator { game: rom.game(), reason: reason.into() };
        // The lock guards no Rust data, so that a panic elsewhere cannot have left any half written.
        let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: no preconditions; the mode is one of ALE's three.
        unsafe { ale::setLoggerMode(ERRORS_ONLY) };
        // SAFETY: no preconditions; the racy globals are ours while the lock is held.
        let handle = NonNull::new(unsafe { ale::ALE_new() }).ok_or_else(|| refused("it did not start"))?;
        // SAFETY: the handle is live, every key is a setting of ALE, of the type set, and every string ends in zero.
        // The path is that of a file with a known game's name and md5, which `loadROM` accepts.
        unsafe {
            let p = handle.as_ptr();
            ale::setInt(p, c"random_seed".as_ptr(), emulator_seed(seed));
            ale::setFloat(p, c"repeat_action_probability".as_ptr(), 0.0);
            ale::setInt(p, c"frame_skip".as_ptr(), 1);
            ale::setInt(p, c"max_num_frames_per_episode".as_ptr(), 0);
            ale::setBool(p, c"color_averaging".as_ptr(), false);
            ale::loadROM(p, rom.c_path().as_ptr());
        }
        // SAFETY: the handle is live and a ROM is loaded.
        let powered_on = unsafe { ale::cloneSystemState(handle.as_ptr()) };
        // The interface allocates with `new`, which does not return null.
        let powered_on = NonNull::new(powered_on).ok_or_else(|| refused("it has no state"))?;
        // From here on, dropping `emulator` frees both.
        let mut emulator = Self { handle, powered_on, height: 0, minimal: vec![] };
        // SAFETY: the handle is live and a ROM is loaded.
        let (width, height) =
            unsafe { (ale::getScreenWidth(handle.as_ptr()), ale::getScreenHeight(handle.as_ptr())) };
        emulator.height = match (usize::try_from(width), usize::try_from(height)) {
            (Ok(SCREEN_WIDTH), Ok(height)) if height > 0 => height,
            _ => return Err(refused(&format!("its screen has {width}×{height} pixels"))),
        };
        emulator.minimal =
            emulator.read_minimal_actions().ok_or_else(|| refused("its action set makes no sense"))?;
        Ok(emulator)
    }

    /// `None` unless it is a non-empty list of joystick actions.
    fn read_minimal_actions(&self) -> Option<Vec<Action>> {
        // SAFETY: the handle is live and a ROM is loaded.
        let len = unsafe { ale::getMinimalActionSize(self.handle.as_ptr()) };
        let mut codes = vec![0; usize::try_from(len).ok().filter(|&len| len > 0)?];
        // SAFETY: the handle is live, a ROM is loaded, and the buffer has a place for each action of the set, whose
        // size is fixed at load.
        unsafe { ale::getMinimalActionSet(self.handle.as_ptr(), codes.as_mut_ptr()) };
        codes.into_iter().map(Action::from_code).collect()
    }

    /// Rows of the screen; 210 in most games, not in all.
    pub(crate) fn height(&self) -> usize {
        self.height
    }

    /// The actions the game reacts to.
    pub(crate) fn minimal_actions(&self) -> &[Action] {
        &self.minimal
    }

    /// Emulates one frame and returns its reward. On the game-over screen it does nothing and returns 0.
    pub(crate) fn act(&mut self, action: Action) -> i32 {
        // SAFETY: the handle is live, a ROM is loaded, and the code is a player-A action.
        unsafe { ale::act(self.handle.as_ptr(), c_int::from(action.0)) }
    }

    /// Switches the console off and on, waits for `wait` frames, and starts the game anew. All that happens from here on
    /// follows from the seed, `wait` and the actions: a reset alone would keep memory and random numbers as they are.
    pub(crate) fn restart(&mut self, wait: u8) {
        // SAFETY: the handle is live, and the state is a system state of it.
        unsafe { ale::restoreSystemState(self.handle.as_ptr(), self.powered_on.as_ptr()) }
        for _ in 0..wait {
            self.act(Action::NOOP);
        }
        // SAFETY: the handle is live and a ROM is loaded.
        unsafe { ale::reset_game(self.handle.as_ptr()) }
    }

    /// The console's memory after the last action.
    pub(crate) fn ram(&self) -> [u8; RAM] {
        let mut ram = [0; RAM];
        // SAFETY: the handle is live, a ROM is loaded, and the buffer has as many bytes as the console's memory.
        unsafe { ale::getRAM(self.handle.as_ptr(), ram.as_mut_ptr()) };
        ram
    }

    pub(crate) fn game_over(&self) -> bool {
        // SAFETY: the handle is live and a ROM is loaded.
        unsafe { ale::game_over(self.handle.as_ptr()) }
    }

    /// Lives left; 0 throughout in games that do not count them.
    pub(crate) fn lives(&self) -> i32 {
        // SAFETY: the handle is live and a ROM is loaded.
        unsafe { ale::lives(self.handle.as_ptr()) }
    }

    /// Writes the screen in ALE's own grayscale, `height · 160` bytes, into `out`, which takes that length.
    pub(crate) fn gray_into(&self, out: &mut Vec<u8>) {
        out.resize(SCREEN_WIDTH * self.height, 0);
        // SAFETY: the handle is live, a ROM is loaded, and the buffer has one byte for each pixel of the screen, whose
        // size is fixed at load. Of a pixel of colour 255, which only Air Raid shows, it reads the word behind its palette:
        // data of this program, another palette as a rule. That pixel has a wrong grey.
        unsafe { ale::getScreenGrayscale(self.handle.as_ptr(), out.as_mut_ptr()) }
    }

    /// The screen in colour.
    pub(crate) fn screen(&self) -> Screen {
        let mut rgb = vec![0; 3 * SCREEN_WIDTH * self.height];
        // SAFETY: the handle is live, a ROM is loaded, and the buffer has three bytes for each pixel.
        unsafe { ale::getScreenRGB(self.handle.as_ptr(), rgb.as_mut_ptr()) };
        Screen { width: SCREEN_WIDTH, height: self.height, rgb }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // SAFETY: both are live and owned; nothing uses them afterwards.
        unsafe {
            ale::deleteState(self.powered_on.as_ptr());
            ale::ALE_del(self.handle.as_ptr());
        }
    }
}

/// ALE would read its files in `dir`, the working directory, without being told to.
fn refuse_settings_in(dir: &Path) -> Result<(), EnvError> {
    let found = UNASKED.map(|name| dir.join(name)).into_iter().find(|file| file.exists());
    found.map_or(Ok(()), |file| Err(EnvError::ForeignSettings(file)))
}

/// ALE's seed is a positive `int`; 0 would mean the time of day.
fn emulator_seed(seed: u64) -> c_int {
    c_int::try_from(seed % (c_int::MAX as u64)).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests;
