//! What is typed into the search field: words, `key:value`, and `-` before what must not be.

use crate::data::RunInfo;
use crate::status;

/// The search field's text, taken apart. A run passes that fits every term.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filter {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    key: Option<Key>,
    /// Lower case.
    value: String,
    excludes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Key {
    Experiment,
    Label,
    Env,
    Seed,
    State,
}

impl Key {
    fn named(name: &str) -> Option<Self> {
        match name {
            "experiment" | "exp" => Some(Self::Experiment),
            "label" | "script" => Some(Self::Label),
            "env" | "game" => Some(Self::Env),
            "seed" => Some(Self::Seed),
            "state" | "status" => Some(Self::State),
            _ => None,
        }
    }
}

impl Filter {
    /// Takes a text apart. A key that is not known is a word like any other.
    pub fn new(text: &str) -> Self {
        let terms = text.split_whitespace().filter_map(|word| {
            let word = word.to_lowercase();
            let (excludes, word) = match word.strip_prefix('-') {
                Some(rest) => (true, rest.to_owned()),
                None => (false, word),
            };
            let (key, value) =
                match word.split_once(':').and_then(|(key, value)| Some((Key::named(key)?, value))) {
                    Some((key, value)) => (Some(key), value.to_owned()),
                    None => (None, word),
                };
            (!value.is_empty()).then_some(Term { key, value, excludes })
        });
        Self { terms: terms.collect() }
    }

    /// Whether it lets every run through.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a run passes.
    pub fn passes(&self, run: &RunInfo) -> bool {
        self.terms.iter().all(|term| term.fits(run) != term.excludes)
    }
}

impl Term {
    fn fits(&self, run: &RunInfo) -> bool {
        let holds = |text: &str| holds(text, &self.value);
        match self.key {
            Some(Key::Experiment) => holds(&run.experiment),
            Some(Key::Label) => holds(&run.label),
            Some(Key::Env) => holds(&run.env),
            // A seed is a number: 1 is not 10.
            Some(Key::Seed) => self.value.parse() == Ok(run.seed),
            Some(Key::State) => status::word(run.state).starts_with(&self.value),
            None => {
                let name = run.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                holds(&run.experiment)
                    || holds(&run.label)
                    || holds(&run.env)
                    || holds(name)
                    || status::word(run.state) == self.value
            }
        }
    }
}

/// Whether a text holds lower-case letters in any case; without a copy where it is ASCII, as names are.
fn holds(text: &str, lower: &str) -> bool {
    if !text.is_ascii() {
        return text.to_lowercase().contains(lower);
    }
    let (text, lower) = (text.as_bytes(), lower.as_bytes());
    text.windows(lower.len()).any(|window| window.eq_ignore_ascii_case(lower))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Progress, RunId, RunState};
    use std::path::Path;

    fn run(experiment: &str, label: &str, env: &str, seed: u64, state: RunState) -> RunInfo {
        RunInfo {
            id: RunId(0),
            path: Path::new("/runs/Some-Folder").into(),
            experiment: experiment.into(),
            label: label.into(),
            script: "".into(),
            env: env.into(),
            seed,
            state,
            progress: Progress::default(),
            silent: None,
            warning: None,
        }
    }

    #[track_caller]
    fn passes(text: &str, wanted: bool) {
        let run = run("sweep", "soft_kl", "pong", 1, RunState::Running);
        assert_eq!(Filter::new(text).passes(&run), wanted, "{text:?}");
    }

    #[test]
    fn words_are_looked_for_everywhere() {
        for text in ["", "  ", "pong", "PONG", "soft", "sweep", "some-fold", "running", "soft pong"] {
            passes(text, true);
        }
        for text in ["breakout", "soft breakout", "run"] {
            passes(text, false);
        }
    }

    #[test]
    fn keys_look_in_one_place() {
        for text in
            ["env:pong", "game:po", "script:KL", "state:run", "seed:1", "exp:sw", "env:pong state:running"]
        {
            passes(text, true);
        }
        for text in ["env:soft", "seed:10", "seed:x", "state:paused", "label:pong"] {
            passes(text, false);
        }
    }

    #[test]
    fn a_minus_excludes() {
        passes("-breakout", true);
        passes("-pong", false);
        passes("-state:failed soft", true);
        passes("-", true);
    }

    #[test]
    fn an_unfinished_key_filters_nothing() {
        passes("env:", true);
        passes("colour:red", false);
    }

    #[test]
    fn other_scripts_have_cases_too() {
        let run = run("", "ÄPFEL", "pong", 0, RunState::Done);
        assert!(Filter::new("äpfel").passes(&run));
    }
}
