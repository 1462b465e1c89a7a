//! The monitor's program.
#![forbid(unsafe_code)]
// Failures are printed where the process ends, and nowhere else.
#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use eframe::egui::{self, vec2};
use kelvin_monitor::data::Store;
use kelvin_monitor::monitor::{Monitor, Window};
use kelvin_monitor::settings::Settings;

/// The exit code of a command that was asked for something that cannot be.
const WRONG_USE: u8 = 2;
/// The exit code of a command that could not do what it was rightly asked for.
const FAILED: u8 = 1;

/// See, compare and steer runs through their folders.
#[derive(Parser)]
#[command(name = "kelvin-monitor", version, max_term_width = 100, after_help = EXAMPLES)]
struct Args {
    /// The folder that holds the runs, at any depth; or a run, which is then looked at among its neighbours
    /// [default: runs, or here if there is no such folder]
    dir: Option<PathBuf>,
    /// A run to look at first: its folder, here or under DIR
    #[arg(long, value_name = "RUN")]
    select: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  kelvin-monitor
  kelvin-monitor runs --select soft_kl-pong-s0
  kelvin-monitor /mnt/cluster/experiments

It reads and writes files and listens on no port: a folder over sshfs will do. Runs never wait for it.

Exit codes: 0 closed, 1 failed, 2 wrong use.";

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version come this way too, with the exit code 0.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(WRONG_USE) } else { ExitCode::SUCCESS };
        }
    };
    let request = match request(args) {
        Ok(request) => request,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(WRONG_USE);
        }
    };
    match open(request) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: the window could not be opened: {error}");
            eprintln!(
                "hint: it needs a desktop (X11 or Wayland) and a Vulkan, Metal or DirectX driver; over ssh, mount"
            );
            eprintln!("      the folder with sshfs and run the monitor where the screen is");
            ExitCode::from(FAILED)
        }
    }
}

/// What to show.
struct Request {
    root: PathBuf,
    select: Option<PathBuf>,
}

fn request(args: Args) -> Result<Request, String> {
    let is_run = |path: &Path| path.join("config.toml").is_file();
    let absolute = |path: &Path| {
        path.canonicalize().map_err(|error| {
            format!(
                "cannot look into `{}`: {error}\nhint: name the folder that holds the runs",
                path.display()
            )
        })
    };
    let default = if Path::new("runs").is_dir() { "runs" } else { "." };
    let named = args.dir.unwrap_or_else(|| default.into());
    let mut root = absolute(&named)?;
    if !root.is_dir() {
        return Err(format!("`{}` is a file\nhint: name the folder that holds the runs", named.display()));
    }
    let mut select = None;
    if is_run(&root) {
        let parent = root.parent().map(Path::to_owned);
        select = Some(std::mem::replace(&mut root, parent.unwrap_or_else(|| "/".into())));
    }
    if let Some(run) = args.select {
        let candidates = [root.join(&run), run.clone()];
        let found = candidates.iter().find(|path| is_run(path)).ok_or_else(|| {
            format!(
                "`{}` is no run, neither here nor under `{}`\nhint: a run is a folder with a config.toml",
                run.display(),
                root.display()
            )
        })?;
        let found = absolute(found)?;
        if !found.starts_with(&root) {
            return Err(format!(
                "`{}` is not under `{}`\nhint: name a folder that holds both",
                run.display(),
                root.display()
            ));
        }
        select = Some(found);
    }
    Ok(Request { root, select })
}

fn open(request: Request) -> eframe::Result {
    let Request { root, select } = request;
    let title = format!("{} · Kelvin", root.display());
    let viewport = egui::ViewportBuilder::default()
        .with_title(title)
        .with_app_id("kelvin-monitor")
        .with_inner_size(vec2(1440.0, 900.0))
        .with_min_inner_size(vec2(640.0, 400.0));
    let options = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    eframe::run_native(
        "kelvin-monitor",
        options,
        Box::new(move |creation| {
            let ctx = creation.egui_ctx.clone();
            let wake = ctx.clone();
            let store = Store::open(root, move || wake.request_repaint());
            let monitor = Monitor::new(&ctx, Box::new(store), Settings::path(), select);
            Ok(Box::new(Window::new(&ctx, monitor)))
        }),
    )
}
