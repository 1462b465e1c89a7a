//! The monitor in a real window, beside a real run, with a pointer and a keyboard: nothing is called that its user could
//! not do by hand. The window is on a display that nobody sees; its process is this program again, which the trial starts
//! on that display.
#![cfg(target_os = "linux")]

mod eyes;
mod hands;
mod story;

use eframe::egui::{ViewportBuilder, vec2};
use kelvin_monitor::data::Store;
use kelvin_monitor::monitor::{Monitor, Window};
use kelvin_tests::running::Running;
use kelvin_tests::suite::{self, Missing, Suite};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Names the run that the process with the window is to look at.
const RUN: &str = "KELVIN_WINDOW_TEST_RUN";
/// Width and height of the display and the window.
const SIZE: [u16; 2] = [1440, 900];

fn main() -> ExitCode {
    if let Some(run) = std::env::var_os(RUN) {
        return window(&PathBuf::from(run));
    }
    let mut suite = Suite::new();
    suite.test_with(&display(), "a run is steered from the window", |()| beside_a_run());
    suite.run()
}

/// Whether there are an adapter to draw with and a display to draw on.
fn display() -> Result<(), Missing> {
    suite::adapter()?;
    suite::program("xvfb-run", "install xvfb and xauth")
}

/// Starts a run and, on a display of its own, the window beside it.
fn beside_a_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    let mut running = Running::start(&mut story::train(folder.path(), &run), &run);
    running.wait_for_updates(20);
    let this = std::env::current_exe().expect("a running program has a path");
    let screen = format!("-screen 0 {}x{}x24", SIZE[0], SIZE[1]);
    let mut command = Command::new("xvfb-run");
    command.args(["--auto-servernum", "--server-args", &screen]).arg(this).env(RUN, &run);
    // A pixel of the display is a point of the window, whatever the display says of its size in millimetres.
    command.env("WINIT_X11_SCALE_FACTOR", "1").env_remove("WAYLAND_DISPLAY");
    let said = kelvin_tests::command::run(&mut command);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(running.end().code, Some(0), "the run that was stopped from the window");
}

/// The process with the window: one thread draws, as any window's does, another is its user.
fn window(run: &Path) -> ExitCode {
    let root = run.parent().expect("a run lies in a folder").to_path_buf();
    let (run, [width, height]) = (run.to_path_buf(), SIZE.map(f32::from));
    let viewport = ViewportBuilder::default().with_position([0.0, 0.0]).with_inner_size(vec2(width, height));
    let options = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    let (sender, user) = std::sync::mpsc::channel();
    let opened = eframe::run_native(
        "kelvin-monitor",
        options,
        Box::new(move |creation| {
            let ctx = creation.egui_ctx.clone();
            let eyes = eyes::Eyes::open(&ctx);
            let wake = ctx.clone();
            let store = Store::open(root, move || wake.request_repaint());
            let monitor = Monitor::new(&ctx, Box::new(store), None, Some(run.clone()));
            let window = Window::new(&ctx, monitor);
            let user = std::thread::spawn(move || story::tell(&run, eyes));
            sender.send(user).expect("the other end outlives the window");
            Ok(Box::new(window))
        }),
    );
    opened.expect("a window on this display");
    let user = user.recv().expect("the window was made");
    // What the user missed is told where it panicked.
    if user.join().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
