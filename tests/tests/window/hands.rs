//! A pointer and a keyboard, at the display's end: what the window hears of them has come all the way through the system.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConnectionExt as _, InputFocus, KEY_PRESS_EVENT,
    KEY_RELEASE_EVENT, MOTION_NOTIFY_EVENT, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

/// Keys without a letter, by their numbers in X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Shift = 0xffe1,
    Control = 0xffe3,
    End = 0xff57,
    Backspace = 0xff08,
    Return = 0xff0d,
}

/// Time that a hand takes from one thing to the next: a window that draws in software has seen it then.
const PACE: Duration = Duration::from_millis(60);
/// Time between two letters.
const TYPING: Duration = Duration::from_millis(15);

/// Somebody's hands.
pub struct Hands {
    display: RustConnection,
    root: Window,
    /// For each symbol the key that it is on, and whether with Shift.
    keys: BTreeMap<u32, (u8, bool)>,
}

impl Hands {
    /// At the display that the environment names.
    pub fn new() -> Self {
        let (display, screen) = x11rb::connect(None).expect("a display");
        let setup = display.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = display.get_keyboard_mapping(first, last - first + 1).expect("sent");
        let mapping = mapping.reply().expect("a keyboard");
        let mut keys = BTreeMap::new();
        let rows = mapping.keysyms.chunks_exact(usize::from(mapping.keysyms_per_keycode));
        for (code, symbols) in (first..=last).zip(rows) {
            for (symbol, shifted) in symbols.iter().zip([false, true]) {
                keys.entry(*symbol).or_insert((code, shifted));
            }
        }
        let root = setup.roots[screen].root;
        Self { display, root, keys }
    }

    /// Gives the keyboard to the window, as a window manager would.
    pub fn take_keyboard(&self) {
        let windows = self.display.query_tree(self.root).expect("sent").reply().expect("a root").children;
        let area = |window: &Window| {
            let size = self.display.get_geometry(*window).ok()?.reply().ok()?;
            Some(u32::from(size.width) * u32::from(size.height))
        };
        let window = windows.into_iter().max_by_key(area).expect("a window");
        self.display.set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME).expect("sent");
        self.flush(PACE);
    }

    /// Presses and releases the first button.
    pub fn click(&self, at: [i16; 2]) {
        self.drag(&[at]);
    }

    /// Presses the first button at the first point, goes through the others, and releases it at the last.
    pub fn drag(&self, points: &[[i16; 2]]) {
        for (place, point) in points.iter().enumerate() {
            self.send(MOTION_NOTIFY_EVENT, 0, *point, PACE);
            if place == 0 {
                self.send(BUTTON_PRESS_EVENT, 1, [0, 0], PACE);
            }
        }
        self.send(BUTTON_RELEASE_EVENT, 1, [0, 0], PACE);
    }

    /// Presses a key together with Ctrl.
    pub fn command(&self, key: impl Into<u32>) {
        let (control, key) = (self.key(Key::Control).0, self.key(key).0);
        self.send(KEY_PRESS_EVENT, control, [0, 0], TYPING);
        self.tap(key);
        self.send(KEY_RELEASE_EVENT, control, [0, 0], PACE);
    }

    /// Presses a key alone.
    pub fn press(&self, key: Key) {
        self.tap(self.key(key).0);
    }

    /// Types a text.
    pub fn type_text(&self, text: &str) {
        for letter in text.chars() {
            let symbol = if letter == '\n' { u32::from(Key::Return) } else { u32::from(letter) };
            let (key, shifted) = self.key(symbol);
            let shift = shifted.then(|| self.key(Key::Shift).0);
            shift.inspect(|shift| self.send(KEY_PRESS_EVENT, *shift, [0, 0], TYPING));
            self.tap(key);
            shift.inspect(|shift| self.send(KEY_RELEASE_EVENT, *shift, [0, 0], TYPING));
        }
        thread::sleep(PACE);
    }

    fn tap(&self, key: u8) {
        self.send(KEY_PRESS_EVENT, key, [0, 0], TYPING);
        self.send(KEY_RELEASE_EVENT, key, [0, 0], TYPING);
    }

    fn key(&self, symbol: impl Into<u32>) -> (u8, bool) {
        let symbol = symbol.into();
        *self.keys.get(&symbol).unwrap_or_else(|| panic!("no key for {symbol:#x} on this keyboard"))
    }

    fn send(&self, event: u8, detail: u8, [x, y]: [i16; 2], pause: Duration) {
        self.display
            .xtest_fake_input(event, detail, x11rb::CURRENT_TIME, self.root, x, y, 0)
            .expect("sent")
            .check()
            .expect("a display with the extension XTEST");
        self.flush(pause);
    }

    fn flush(&self, pause: Duration) {
        self.display.flush().expect("a display");
        thread::sleep(pause);
    }
}

impl From<Key> for u32 {
    fn from(key: Key) -> Self {
        key as Self
    }
}
