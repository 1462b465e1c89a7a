//! A script that is looked at: its text, what the compiler says of it, and the versions it had.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use eframe::egui::Id;

use super::check::{Compiled, Problem, Verdict};
use super::code::Code;
use super::document::Document;
use super::files::{FileText, ReadError, WriteError};
use super::worker::{Wish, Worker};

/// What there is to show.
pub enum Holding {
    /// It is being read.
    Waiting,
    /// The file of the run's script, to be edited.
    Editing(Document),
    /// A recorded version, to be read: the file is not here.
    Reading {
        /// Why the file cannot be edited, in words for the user.
        why: String,
    },
}

/// The text of a recorded version.
pub enum Recorded {
    /// It is being read.
    Waiting,
    /// It is here, or cannot be read.
    Read(Result<Arc<str>, String>),
}

/// Why a text may not be what should be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// In words for the user.
    pub text: String,
    /// Whether it cannot be written before somebody decides.
    pub forbids: bool,
}

/// A script in the panel.
pub struct Session {
    /// Its file; a run whose script is not known has none.
    pub script: Option<Arc<Path>>,
    /// What is shown of it.
    pub holding: Holding,
    /// The view of its text.
    pub code: Code,
    /// The view of its kernel.
    pub wgsl: Code,
    /// The edit that was asked about last, and the one that was answered last; 0 for none.
    pub edit: u64,
    answered: u64,
    /// The hash of the text that was checked last.
    pub hash: Option<String>,
    /// The mistake in it.
    pub problem: Option<Problem>,
    /// What the last text that compiled compiles to, and its hash.
    pub good: Option<(String, Compiled)>,
    /// Texts of recorded versions, by their paths.
    pub recorded: BTreeMap<Arc<Path>, Recorded>,
    /// The version that is to be put into the editor as soon as it is read.
    pub revert_to: Option<Arc<Path>>,
    /// A text is being written.
    pub is_saving: bool,
    /// Why the last one was not, or the file cannot be read any more.
    pub failure: Option<String>,
}

impl Session {
    /// Of the script at `script`; `key` tells it from all others.
    pub fn new(key: &Path, script: Option<Arc<Path>>) -> Self {
        let id = Id::unique(("script", key.to_path_buf()));
        let holding = match script {
            Some(_) => Holding::Waiting,
            None => Holding::Reading { why: "This run does not say where its script is.".to_owned() },
        };
        Self {
            script,
            holding,
            code: Code::new(id),
            wgsl: Code::new(id.with("wgsl")),
            edit: 0,
            answered: 0,
            hash: None,
            problem: None,
            good: None,
            recorded: BTreeMap::new(),
            revert_to: None,
            is_saving: false,
            failure: None,
        }
    }

    /// The text that is edited.
    pub fn document(&self) -> Option<&Document> {
        match &self.holding {
            Holding::Editing(document) => Some(document),
            _ => None,
        }
    }

    /// Whether something would be lost with it.
    pub fn is_needed(&self) -> bool {
        self.is_saving || self.document().is_some_and(Document::is_edited)
    }

    /// What stands against writing it, or should be known before, in words for the user.
    pub fn objection(&self) -> Option<Objection> {
        if self.document().is_some_and(|document| document.conflict().is_some()) {
            return Some(Objection {
                text: "The file was changed by somebody else meanwhile: compare the two in the panel Script."
                    .to_owned(),
                forbids: true,
            });
        }
        let broken = self.problem.as_ref().map(|problem| {
            format!("It does not compile, and a run would not take it up: {}", problem.diagnostic.message)
        });
        let text = self.failure.clone().or(broken)?;
        Some(Objection { text, forbids: false })
    }

    /// What the file was found to hold. Whether the text in the editor is another one now.
    pub fn found(&mut self, file: Result<FileText, ReadError>) -> bool {
        let name = self.script.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        match (&mut self.holding, file) {
            (Holding::Editing(document), Ok(file)) => {
                self.failure = None;
                let before = document.text.clone();
                document.found(file);
                document.text != before
            }
            (holding, Ok(file)) => {
                *holding = Holding::Editing(Document::new(file));
                true
            }
            // What is in the editor stays there; many editors take a file away for a moment.
            (Holding::Editing(_), Err(error)) => {
                self.failure = Some(match error {
                    ReadError::Missing => {
                        format!("{name} is not there at the moment. Apply writes it again.")
                    }
                    ReadError::Unreadable(why) => why,
                });
                false
            }
            (holding, Err(error)) => {
                let why = match error {
                    ReadError::Missing => format!("{name} is not on this machine."),
                    ReadError::Unreadable(why) => format!("The script cannot be read: {why}."),
                };
                *holding = Holding::Reading { why };
                true
            }
        }
    }

    /// Whether what is known is about what is shown.
    pub fn is_checked(&self) -> bool {
        self.edit == self.answered
    }

    /// What the compiler says of the edit that was asked about last.
    pub fn checked(&mut self, verdict: Verdict) {
        self.answered = self.edit;
        self.hash = Some(verdict.hash.clone());
        match verdict.outcome {
            Ok(compiled) => {
                self.problem = None;
                self.good = Some((verdict.hash, compiled));
            }
            Err(problem) => self.problem = Some(problem),
        }
    }

    /// Wishes for it to be written, unless somebody has to decide first or there is nothing to write.
    pub fn save(&mut self, worker: &Worker) {
        let (Holding::Editing(document), Some(path)) = (&self.holding, &self.script) else { return };
        let is_gone = self.failure.is_some();
        if document.conflict().is_some() || self.is_saving || !(document.is_edited() || is_gone) {
            return;
        }
        worker.wish(Wish::Save {
            path: path.clone(),
            text: document.text.as_str().into(),
            format: document.format(),
            base: Some(document.base().into()),
        });
        self.is_saving = true;
    }

    /// What came of a wish to write `text`; why it was not written, if somebody should be told.
    pub fn saved(&mut self, text: &str, result: Result<(), WriteError>) -> Result<(), Option<String>> {
        self.is_saving = false;
        let Holding::Editing(document) = &mut self.holding else { return Err(None) };
        match result {
            Ok(()) => {
                self.failure = None;
                document.saved(text);
                Ok(())
            }
            Err(WriteError::Conflict(theirs)) => {
                document.found(theirs);
                Err(None)
            }
            Err(WriteError::Failed(why)) => {
                self.failure = Some(why.clone());
                Err(Some(why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::files::Format;

    fn file(text: &str) -> FileText {
        FileText { text: text.to_owned(), format: Format::default() }
    }

    fn session() -> Session {
        Session::new(Path::new("/a/s.rhai"), Some(Path::new("/a/s.rhai").into()))
    }

    #[test]
    fn a_file_that_vanishes_leaves_its_text_here() {
        let mut session = session();
        assert!(session.found(Ok(file("a"))));
        assert!(!session.found(Err(ReadError::Missing)));
        assert!(session.failure.as_ref().is_some_and(|why| why.contains("not there at the moment")));
        assert_eq!(session.document().map(|document| document.text.as_str()), Some("a"));
        assert!(!session.found(Ok(file("a"))) && session.failure.is_none());
    }

    #[test]
    fn a_file_that_was_never_here_is_read_from_the_run() {
        let mut session = session();
        assert!(session.found(Err(ReadError::Missing)));
        assert!(matches!(&session.holding, Holding::Reading { why } if why.contains("not on this machine")));
        // And edited once it comes.
        assert!(session.found(Ok(file("a"))) && session.document().is_some());
    }

    #[test]
    fn a_save_that_met_another_is_a_conflict_and_not_a_failure() {
        let mut session = session();
        session.found(Ok(file("a")));
        if let Holding::Editing(document) = &mut session.holding {
            document.text = "mine".to_owned();
        }
        assert!(session.is_needed());
        session.is_saving = true;
        assert_eq!(session.saved("mine", Err(WriteError::Conflict(file("theirs")))), Err(None));
        assert_eq!(session.document().and_then(Document::conflict), Some("theirs"));
        assert!(session.failure.is_none() && !session.is_saving);
        let told = session.saved("mine", Err(WriteError::Failed("no space".into())));
        assert_eq!(told, Err(Some("no space".to_owned())));
        assert_eq!(session.failure.as_deref(), Some("no space"));
        assert_eq!(session.saved("mine", Ok(())), Ok(()));
        assert!(!session.is_needed());
    }
}
