//! A text that is edited here, and perhaps elsewhere too.

use super::files::{FileText, Format};

/// The text in the editor, and what it is based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// In the editor.
    pub text: String,
    /// What the file held when this text was last the same, or was last decided to go before it.
    base: FileText,
    /// What the file holds by now, where that is neither the base nor the text: nobody has decided yet.
    theirs: Option<FileText>,
}

impl Document {
    /// What a file holds, not edited yet.
    pub fn new(file: FileText) -> Self {
        Self { text: file.text.clone(), base: file, theirs: None }
    }

    /// Whether the text differs from what the file held.
    pub fn is_edited(&self) -> bool {
        self.text != self.base.text
    }

    /// What somebody else wrote into the file meanwhile.
    pub fn conflict(&self) -> Option<&str> {
        self.theirs.as_ref().map(|theirs| theirs.text.as_str())
    }

    /// What the file held last, as far as is known.
    pub fn on_disk(&self) -> &str {
        &self.theirs.as_ref().unwrap_or(&self.base).text
    }

    /// What the file is expected to hold when this text is written over it.
    pub fn base(&self) -> &str {
        &self.base.text
    }

    /// How the file has its lines.
    pub fn format(&self) -> Format {
        self.base.format
    }

    /// The file was found to hold this. A text that nobody edited follows; one that somebody did is in conflict.
    pub fn found(&mut self, file: FileText) {
        if file.text == self.base.text {
            (self.base, self.theirs) = (file, None);
        } else if !self.is_edited() || file.text == self.text {
            *self = Self::new(file);
        } else {
            self.theirs = Some(file);
        }
    }

    /// This text was written.
    pub fn saved(&mut self, text: &str) {
        self.base.text = text.to_owned();
        self.theirs = None;
    }

    /// Takes over what the file holds.
    pub fn reload(&mut self) {
        if let Some(theirs) = self.theirs.take() {
            self.base = theirs;
        }
        self.text.clone_from(&self.base.text);
    }

    /// Decides that this text is to go over what the file holds by now.
    pub fn keep_mine(&mut self) {
        if let Some(theirs) = self.theirs.take() {
            self.base = theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> FileText {
        FileText { text: text.to_owned(), format: Format::default() }
    }

    #[test]
    fn a_text_that_nobody_edited_follows_its_file() {
        let mut document = Document::new(file("a"));
        document.found(file("b"));
        assert_eq!((document.text.as_str(), document.is_edited(), document.conflict()), ("b", false, None));
    }

    #[test]
    fn two_edits_are_a_conflict_and_nothing_is_lost() {
        let mut document = Document::new(file("a"));
        document.text = "mine".to_owned();
        document.found(file("theirs"));
        assert_eq!((document.text.as_str(), document.conflict()), ("mine", Some("theirs")));
        assert_eq!((document.base(), document.on_disk()), ("a", "theirs"));
        // The other side may go on, or go back.
        document.found(file("theirs 2"));
        assert_eq!(document.conflict(), Some("theirs 2"));
        document.found(file("a"));
        assert_eq!((document.text.as_str(), document.conflict()), ("mine", None));

        document.found(file("theirs"));
        let mut kept = document.clone();
        kept.keep_mine();
        assert_eq!((kept.text.as_str(), kept.base(), kept.is_edited()), ("mine", "theirs", true));
        assert_eq!(kept.conflict(), None);
        document.reload();
        assert_eq!((document.text.as_str(), document.is_edited()), ("theirs", false));
    }

    #[test]
    fn the_same_edit_twice_is_none() {
        let mut document = Document::new(file("a"));
        document.text = "b".to_owned();
        document.found(file("b"));
        assert_eq!((document.is_edited(), document.conflict()), (false, None));
    }

    #[test]
    fn what_is_typed_while_it_is_saved_stays_an_edit() {
        let mut document = Document::new(file("a"));
        document.text = "b and more".to_owned();
        document.saved("b");
        assert!(document.is_edited());
        assert_eq!((document.base(), document.text.as_str()), ("b", "b and more"));
    }
}
