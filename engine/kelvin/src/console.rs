//! What a person sees of a running command: lines, and on a terminal a bar below them.

// The one place that prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use crate::speed::Speed;
use crate::units::{Frames, Updates};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
pub use kelvin_run::grouped;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Time between two redraws of the bar.
const REDRAW: Duration = Duration::from_millis(200);
/// Time between two progress lines where there is no terminal.
const PLAIN: Duration = Duration::from_secs(10);

/// Numbers of a training run at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    /// Frames so far.
    pub frames: Frames,
    /// Updates so far.
    pub updates: Updates,
    /// Mean return of the last episodes.
    pub mean_return: Option<f64>,
    /// Mean loss since the last record.
    pub loss: Option<f64>,
    /// ε of the behaviour policy.
    pub epsilon: f64,
}

/// Prints lines and progress; a quiet one prints nothing but what [`Console::result`] is given, and warns on standard
/// error.
pub struct Console {
    quiet: bool,
    bar: Option<ProgressBar>,
    board: Board,
    shown: Instant,
    speed: Speed,
}

impl Console {
    /// A console without a bar.
    pub fn new(quiet: bool) -> Self {
        let board = Board::default();
        Self { quiet, bar: None, board, shown: Instant::now(), speed: Speed::new(Frames(0), Updates(0)) }
    }

    /// Prints a line above the bar.
    pub fn line(&self, text: impl Display) {
        if !self.quiet {
            self.result(text);
        }
    }

    /// Warns of something, in a line that begins with that word. A quiet console does so on standard error: what may spoil
    /// a run is worth knowing however little one wants to read.
    pub fn warn(&self, text: impl Display) {
        let text = format!("warning: {text}");
        match self.quiet {
            // A reader that went away is no reason to end a run.
            true => drop(writeln!(std::io::stderr(), "{text}")),
            false => self.result(text),
        }
    }

    /// Prints what the command was run for, quiet or not.
    pub fn result(&self, text: impl Display) {
        match &self.bar {
            Some(bar) => bar.suspend(|| print_line(&text)),
            None => self.board.screen.suspend(|| print_line(&text)),
        }
    }

    /// Whether it prints results alone.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether rows and bars can be shown and redrawn.
    pub fn is_live(&self) -> bool {
        !self.quiet && std::io::stdout().is_terminal()
    }

    /// Shows rows below the lines, in the place of those shown before; on a terminal only.
    pub fn rows(&mut self, rows: &[String]) {
        if self.is_live() {
            self.board.show(rows);
        }
    }

    /// Starts the progress of a training run of `total` frames that stands at `at`.
    pub fn start(&mut self, total: Frames, frames: Frames, updates: Updates) {
        self.speed = Speed::new(frames, updates);
        if !self.is_live() {
            return;
        }
        // A `wide_msg` is cut to the terminal: a line that wraps cannot be taken back.
        let style = ProgressStyle::with_template("{bar:10.cyan/8} {wide_msg}");
        let bar = ProgressBar::with_draw_target(Some(total.0), ProgressDrawTarget::stdout());
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(frames.0);
        self.bar = Some(bar);
    }

    /// Shows `status()` if it is time to. The closure is called only then.
    pub fn progress(&mut self, total: Frames, status: impl FnOnce() -> Status) {
        let every = if self.bar.is_some() { REDRAW } else { PLAIN };
        if self.quiet || self.shown.elapsed() < every {
            return;
        }
        self.shown = Instant::now();
        let status = status();
        self.speed.observe(status.frames, status.updates);
        let message = self.describe(total, &status);
        match &self.bar {
            Some(bar) => {
                bar.set_position(status.frames.0);
                bar.set_message(message);
            }
            None => print_line(&message),
        }
    }

    /// Ends the progress and takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.board.show(&[]);
    }

    /// What matters most comes first: a narrow terminal cuts the rest.
    fn describe(&self, total: Frames, status: &Status) -> String {
        let Status { frames, mean_return, loss, epsilon, .. } = *status;
        let percent = (1000.0 * frames.0 as f64 / total.0 as f64).floor() / 10.0;
        let left = match self.speed.learning {
            true => duration(total.0.saturating_sub(frames.0) as f64 / self.speed.frames.max(1e-9)),
            false => "–".to_owned(),
        };
        format!(
            "{percent:>4.1}%  {}  {:.0} frames/s  {:.0} updates/s  return {}  ETA {left}  loss {}  ε {epsilon:.3}",
            abbreviated(frames.0),
            self.speed.frames,
            self.speed.updates,
            mean_return.map_or("–".to_owned(), |value| format!("{value:.2}")),
            loss.map_or("–".to_owned(), short),
        )
    }
}

/// Rows of text that are redrawn in place.
struct Board {
    screen: MultiProgress,
    rows: Vec<ProgressBar>,
}

impl Default for Board {
    fn default() -> Self {
        Self { screen: MultiProgress::with_draw_target(ProgressDrawTarget::stdout()), rows: Vec::new() }
    }
}

impl Board {
    fn show(&mut self, rows: &[String]) {
        while self.rows.len() > rows.len() {
            if let Some(row) = self.rows.pop() {
                row.finish_and_clear();
                self.screen.remove(&row);
            }
        }
        while self.rows.len() < rows.len() {
            // Cut to the terminal: a line that wraps cannot be taken back.
            let style = ProgressStyle::with_template("{wide_msg}");
            let row = self.screen.add(ProgressBar::new_spinner());
            row.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.rows.push(row);
        }
        for (row, text) in self.rows.iter().zip(rows) {
            row.set_message(text.clone());
        }
    }
}

/// `1234567` as `1.23M`.
pub fn abbreviated(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{:.1}k", number as f64 / 1e3),
        _ => format!("{:.2}M", number as f64 / 1e6),
    }
}

/// A number of any size in a few characters.
fn short(number: f64) -> String {
    match number.abs() {
        size if size != 0.0 && !(1e-3..1e5).contains(&size) => format!("{number:.1e}"),
        _ => format!("{number:.4}"),
    }
}

/// Seconds as a person reads them.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() || s > 99.0 * 86_400.0 => "–".to_owned(),
        s if s < 60.0 => format!("{s:.0}s"),
        s if s < 3600.0 => format!("{:.0}m {:02.0}s", (s / 60.0).floor(), s % 60.0),
        s => format!("{:.0}h {:02.0}m", (s / 3600.0).floor(), (s % 3600.0 / 60.0).floor()),
    }
}

fn print_line(text: &impl Display) {
    // A reader that went away, as in `kelvin … | head`, is no reason to end a run.
    drop(writeln!(std::io::stdout(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_are_short() {
        for (number, text) in [(0.0, "0.0000"), (0.25, "0.2500"), (2.56e-6, "2.6e-6"), (-8.5e28, "-8.5e28")] {
            assert_eq!(short(number), text);
        }
        for (number, text) in [(999, "999"), (10_100, "10.1k"), (2_345_678, "2.35M")] {
            assert_eq!(abbreviated(number), text);
        }
    }

    #[test]
    fn durations_are_short() {
        for (seconds, text) in [(4.2, "4s"), (61.0, "1m 01s"), (7_322.0, "2h 02m"), (f64::INFINITY, "–")] {
            assert_eq!(duration(seconds), text);
        }
    }
}
