//! `--profile`: what each thread and the device did, for some seconds from the first update on, as a file that Perfetto
//! (ui.perfetto.dev) and Chromium's `chrome://tracing` open.

use crate::console::Console;
use kelvin_trace::Recording;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

/// A profile that was asked for.
pub(super) struct Profile {
    wanted: Duration,
    path: PathBuf,
    recording: Option<Recording>,
}

impl Profile {
    /// One of `wanted`, to be written to `path`.
    pub(super) fn new(wanted: Duration, path: PathBuf) -> Self {
        Self { wanted, path, recording: None }
    }

    /// Begins it if it has not begun, and says whether it has lasted as long as was asked for.
    pub(super) fn follow(&mut self) -> bool {
        match &self.recording {
            Some(recording) => recording.elapsed() >= self.wanted,
            None => {
                self.recording = Recording::start();
                false
            }
        }
    }

    /// Ends it and writes the file.
    pub(super) fn write(self, console: &Console) {
        let Some(recording) = self.recording else {
            console.warn("no profile was written: the run ended with its first update, or before");
            return;
        };
        let trace = recording.finish();
        let path = self.path.display();
        let written = File::create(&self.path).and_then(|file| {
            let mut file = BufWriter::new(file);
            trace.write_chrome(&mut file)?;
            file.flush()
        });
        if let Err(error) = written {
            // Nothing that the run needs.
            return console.warn(format!("cannot write the profile {path}: {error}"));
        }
        if trace.dropped > 0 {
            console
                .warn(format!("the profile lacks its last {} spans; ask for fewer seconds", trace.dropped));
        }
        let seconds = trace.length.as_secs_f64();
        console.line(format!(
            "wrote a profile of {seconds:.1} s: open {path} in ui.perfetto.dev or chrome://tracing"
        ));
    }
}
