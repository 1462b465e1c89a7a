//! Runs that are started from the monitor: new ones, forks, and those that are taken up again.

mod dialog;
mod launch;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use eframe::egui::Context;

use crate::notices::Notices;
use crate::source::Source;
use dialog::{Outcome, Parent, StartDialog};
use launch::Launcher;

/// What a panel wants to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A new run; the user is asked which.
    New,
    /// A run that goes on from a checkpoint of the one in focus; the user is asked with what.
    Fork,
    /// The run in focus, from where it stopped.
    Resume,
}

/// Dialogs, and the processes that came of them.
#[derive(Default)]
pub struct Starting {
    /// What was wished for since the last frame.
    pub wishes: Vec<Wish>,
    launcher: Launcher,
    dialog: Option<StartDialog>,
    scripts: Vec<PathBuf>,
    listing: Option<Receiver<Vec<PathBuf>>>,
}

impl Starting {
    /// Does what was wished for, shows the dialog that is open, and tells of processes that failed.
    pub fn show(&mut self, ctx: &Context, source: &dyn Source, notices: &mut Notices) {
        for wish in std::mem::take(&mut self.wishes) {
            self.grant(ctx, wish, source, notices);
        }
        if let Some(scripts) = self.listing.as_ref().and_then(|listing| listing.try_recv().ok()) {
            (self.scripts, self.listing) = (scripts, None);
        }
        let root = source.root();
        let taken = |path: &Path| source.runs().iter().any(|run| *run.path == *path);
        let scripts = &self.scripts;
        let outcome = self.dialog.as_mut().map(|dialog| dialog.show(ctx, scripts, root, &taken));
        match outcome.unwrap_or(Outcome::Closed) {
            Outcome::Open => {}
            Outcome::Closed => self.dialog = None,
            Outcome::Start(commands) => {
                self.dialog = None;
                for arguments in commands {
                    self.launch(ctx, arguments, notices);
                }
            }
        }
        for ended in self.launcher.ended() {
            if let Some(failure) = ended.failure {
                notices.error(format!("{}\n{failure}", ended.command));
            }
        }
    }

    fn grant(&mut self, ctx: &Context, wish: Wish, source: &dyn Source, notices: &mut Notices) {
        let focus = source.focused();
        let script = focus.and_then(|focus| focus.config.get("script")?.as_str().map(PathBuf::from));
        let run = focus.and_then(|focus| source.run(focus.id));
        match (wish, run, focus) {
            (Wish::New, ..) => self.open(ctx, StartDialog::new(script.as_deref()), script.as_deref()),
            (Wish::Fork, Some(run), Some(focus)) => {
                let parent = Parent {
                    run: run.path.to_path_buf(),
                    name: format!("{} on {}, seed {}", run.label, run.env, run.seed),
                    env: run.env.to_string(),
                    checkpoints: focus.checkpoints.to_vec(),
                };
                self.open(ctx, StartDialog::fork(parent, script.as_deref()), script.as_deref());
            }
            (Wish::Resume, Some(run), _) => {
                let arguments = ["train".into(), "--resume".into(), run.path.as_os_str().to_owned()];
                self.launch(ctx, arguments.into(), notices);
            }
            _ => notices.info("No run is selected."),
        }
    }

    /// Opens a dialog, and looks for scripts it could offer: the neighbours of `script`, and those in `scripts` here.
    fn open(&mut self, ctx: &Context, dialog: StartDialog, script: Option<&Path>) {
        self.dialog = Some(dialog);
        let folders = [script.and_then(Path::parent).map(Path::to_path_buf), Some("scripts".into())];
        let (sender, listing) = channel();
        let ctx = ctx.clone();
        // Folders may be far away. Without the thread there is nothing to choose from, and a path can be typed.
        let looking = thread::Builder::new().name("scripts".to_owned()).spawn(move || {
            drop(sender.send(scripts_in(folders.into_iter().flatten())));
            ctx.request_repaint();
        });
        self.listing = looking.is_ok().then_some(listing);
    }

    fn launch(&mut self, ctx: &Context, arguments: Vec<OsString>, notices: &mut Notices) {
        notices.info(format!("Starting {}", launch::shown(&arguments)));
        let ctx = ctx.clone();
        self.launcher.start(arguments, move || ctx.request_repaint());
    }
}

/// The scripts in these folders, each once, by name.
fn scripts_in(folders: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let entries = folders.filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let is_script = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rhai");
    let mut scripts: Vec<PathBuf> = paths.filter(is_script).collect();
    let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    scripts.sort_by_key(|path| (path.file_name().map(OsString::from), real(path)));
    scripts.dedup_by_key(|path| real(path));
    scripts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.rhai", "a.rhai", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let twice = [folder.path().to_path_buf(), folder.path().join("."), folder.path().join("none")];
        let found = scripts_in(twice.into_iter());
        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(names, ["a.rhai", "b.rhai"]);
    }
}
