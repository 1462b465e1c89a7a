//! Objectives that nobody wrote: made up by a grammar, some of them broken on purpose, each run through everything that
//! Kelvin does with a script.
//!
//! [`grammar`] makes a script that uses the whole vocabulary. [`judge`] loads, traces and compiles it under a [`Case`]'s
//! sizes and says what is wrong: what is wrong with any input, and a diagnostic without a place or a hint, or a compiled
//! objective that disagrees with the script evaluated number by number.

pub mod agreement;
mod expressions;
pub mod grammar;
pub mod judge;
mod mistakes;
pub mod numbers;

use super::damage::Vocabulary;
use super::finding::Finding;
use super::{Random, Target, shrink};
use rand::RngExt;
use std::path::{Path, PathBuf};

/// What comes into a script.
const VOCABULARY: Vocabulary = Vocabulary {
    words: mistakes::WORDS,
    statements: mistakes::STATEMENTS,
    replacements: mistakes::REPLACEMENTS,
    value: "net.",
};

/// Objectives.
pub struct Scripts;

impl Target for Scripts {
    fn name(&self) -> &'static str {
        "scripts"
    }

    fn memory_kib(&self) -> u64 {
        // A few times what the largest evaluation takes.
        6 << 20
    }

    fn case(&self, random: &mut Random) -> String {
        Case::new(random).to_text()
    }

    fn judge(&self, case: &str) -> Result<&'static str, Finding> {
        judge::judge(&Case::from_text(case)).map(|verdict| verdict.word())
    }

    fn shrink(&self, case: &str, shows: &mut dyn FnMut(&str) -> bool) -> String {
        shrink::case(&Case::from_text(case), |case| shows(&case.to_text())).to_text()
    }
}

/// A script with its imports, and what it is run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Length of the action axis.
    pub actions: usize,
    /// Samples in a batch.
    pub batch: usize,
    /// What the numbers of the batch are drawn from.
    pub seed: u64,
    /// Name and text; the script first, then what it may import.
    pub files: Vec<(String, String)>,
}

/// What a file of imports begins with in a saved case.
const NEXT_FILE: &str = "//// file ";

impl Case {
    /// Makes up a case. About half are as the grammar makes them.
    pub fn new(random: &mut Random) -> Self {
        let mut case = grammar::case(random);
        if random.random_bool(0.5) {
            return case;
        }
        for _ in 0..random.random_range(1..=3) {
            let file = if case.files.len() > 1 && random.random_bool(0.2) { 1 } else { 0 };
            let text = std::mem::take(&mut case.files[file].1);
            case.files[file].1 = VOCABULARY.damage(random, text);
        }
        case
    }

    /// As one text: the sizes in the first line, the script, and the imports behind lines that name them.
    pub fn to_text(&self) -> String {
        let Self { actions, batch, seed, files } = self;
        let mut text = format!("// actions {actions} batch {batch} seed {seed}\n");
        for (index, (name, content)) in files.iter().enumerate() {
            if index > 0 {
                text.push_str(&format!("\n{NEXT_FILE}{name}\n"));
            }
            text.push_str(content);
        }
        text
    }

    /// The inverse of [`Case::to_text`]; without a first line of sizes they are small ones.
    pub fn from_text(text: &str) -> Self {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let words: Vec<&str> = first.split_whitespace().collect();
        let (sizes, body) = match words[..] {
            ["//", "actions", actions, "batch", batch, "seed", seed] => {
                ([actions, batch, seed].map(|word| word.parse().unwrap_or(2)), rest)
            }
            _ => ([3, 2, 1], text),
        };
        let separator = format!("\n{NEXT_FILE}");
        let mut parts = body.split(&separator);
        let script = parts.next().unwrap_or_default().to_owned();
        let imports = parts.map(|part| {
            let (name, text) = part.split_once('\n').unwrap_or((part, ""));
            (name.to_owned(), text.to_owned())
        });
        let files = std::iter::once(("script.rhai".to_owned(), script)).chain(imports).collect();
        Self { actions: sizes[0] as usize, batch: sizes[1] as usize, seed: sizes[2], files }
    }

    /// Writes the files into a folder; the path of the script.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn write(&self, folder: &Path) -> std::io::Result<PathBuf> {
        for (name, text) in &self.files {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, text)?;
        }
        Ok(folder.join(&self.files[0].0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::random;

    #[test]
    fn a_case_is_its_text() {
        for number in 0..200 {
            let case = Case::new(&mut random(7, number));
            assert_eq!(Case::from_text(&case.to_text()), case, "{number}");
            assert_eq!(Case::new(&mut random(7, number)), case);
        }
    }
}
