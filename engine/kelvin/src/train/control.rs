//! What `control.toml` says: whether the run waits, what it is asked for, and values of the script's parameters.
//!
//! ```toml
//! pause = true
//! step = 3          # by as much as the number grows, so many turns of the loop that updates, while the run waits
//! checkpoint = 1    # each new number is a checkpoint
//! stop = 1          # a new number ends the run, to be resumed
//!
//! [params]
//! tau = 0.05
//! ```
//!
//! What is to happen once is a number, and happens when the number changes: what stands in the file when a run is taken up
//! is no request, or a run that was stopped so could not be resumed.
//!
//! A mistake above `[params]` voids what stands there, one below it the values: a value for a parameter that an edit of the
//! script took away must not keep anybody from stopping the run.

use crate::params::Values;
use kelvin_objective::{Diagnostic, Param, did_you_mean};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The one table there is.
const PARAMS: &str = "params";
/// What stands above it.
const SETTINGS: [&str; 4] = ["pause", "step", "checkpoint", "stop"];

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Control {
    /// Values of parameters; none if there is a mistake among them.
    pub params: Option<Values>,
    /// What the run is asked for; none if there is a mistake in that.
    pub asks: Option<Asks>,
    /// All mistakes, by their places.
    pub mistakes: Vec<Diagnostic>,
}

/// What a run is asked for. Of the numbers only changes count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// Wait between two updates.
    pub pause: bool,
    /// More turns of the loop with an update in them, by as much as it grows; of replay, a turn may hold several.
    pub step: u64,
    /// A checkpoint.
    pub checkpoint: u64,
    /// The end.
    pub stop: u64,
}

/// Reads the file's text against the parameters of the script that runs.
pub fn parse(path: &Path, text: &str, params: &[Param]) -> Control {
    let file = File { path, text };
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let hint = "it is written in TOML: a line [params], and below it lines like tau = 0.05";
            let place = error.span().unwrap_or(0..0);
            let mistakes = vec![file.mistake(place, error.message().to_owned(), hint)];
            return Control { mistakes, ..Control::default() };
        }
    };
    let (mut values, mut asks) = (Values::new(), Asks::default());
    let (mut wrong_values, mut wrong_asks) = (Vec::new(), Vec::new());
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        if SETTINGS.contains(&name) {
            wrong_asks.extend(file.ask(name, value, &mut asks).err());
            continue;
        }
        let DeValue::Table(entries) = value.get_ref() else {
            let is_param = params.iter().any(|param| param.name == name);
            let hint = match (is_param, did_you_mean(name, SETTINGS)) {
                (true, _) => format!("put a line [params] above it, and then {name} = …"),
                (false, Some(near)) => format!("did you mean `{near}`?"),
                (false, None) => {
                    format!(
                        "there are {}; parameters of the script are set under [params]",
                        SETTINGS.join(", ")
                    )
                }
            };
            wrong_asks.push(file.mistake(key.span(), format!("there is no setting `{name}`"), hint));
            continue;
        };
        if name != PARAMS {
            let hint = "parameters of the script are set under [params]";
            wrong_values.push(file.mistake(key.span(), format!("there is no table [{name}]"), hint));
            continue;
        }
        for (name, value) in entries {
            match file.value(name, value, params) {
                Ok(value) => drop(values.insert(name.get_ref().to_string(), value)),
                Err(mistake) => wrong_values.push(mistake),
            }
        }
    }
    let (params, asks) = (wrong_values.is_empty().then_some(values), wrong_asks.is_empty().then_some(asks));
    let mut mistakes: Vec<_> = wrong_values.into_iter().chain(wrong_asks).collect();
    // The parser goes by name.
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    Control { params, asks, mistakes }
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    /// Takes over one of the [`SETTINGS`].
    fn ask(&self, name: &str, value: &Spanned<DeValue<'_>>, asks: &mut Asks) -> Result<(), Diagnostic> {
        let wrong = |what: &str, hint: &str| {
            self.mistake(
                value.span(),
                format!("`{name}` is {what}, not {}", value.get_ref().type_str()),
                hint,
            )
        };
        if name == "pause" {
            let DeValue::Boolean(pause) = value.get_ref() else {
                return Err(wrong("true or false", "pause = true lets the run wait, false lets it go on"));
            };
            asks.pause = *pause;
            return Ok(());
        }
        let hint = "write another number than before, and it happens once";
        let DeValue::Integer(number) = value.get_ref() else { return Err(wrong("a whole number", hint)) };
        let number = u64::from_str_radix(number.as_str(), number.radix()).map_err(|_| {
            self.mistake(value.span(), format!("`{name}` is a whole number, 0 or larger"), hint)
        })?;
        match name {
            "step" => asks.step = number,
            "checkpoint" => asks.checkpoint = number,
            _ => asks.stop = number,
        }
        Ok(())
    }

    fn value(
        &self,
        name: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
        params: &[Param],
    ) -> Result<f64, Diagnostic> {
        let (place, name) = (name.span(), name.get_ref().as_ref());
        let Some(param) = params.iter().find(|param| param.name == name) else {
            let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
            let hint = match (did_you_mean(name, names.iter().copied()), names.is_empty()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, false) => format!("the script has {}", names.join(", ")),
                (None, true) => "the script has no parameters; declare them in params()".to_owned(),
            };
            return Err(self.mistake(place, format!("the script has no parameter `{name}`"), hint));
        };
        let number = match value.get_ref() {
            DeValue::Boolean(flag) => Some(f64::from(u8::from(*flag))),
            // One beyond 64 bits is out of every range, and is told that.
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Some(f64::INFINITY), |number| Some(number as f64)),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            let message = format!("`{name}` is a number, not {}", value.get_ref().type_str());
            return Err(self.mistake(value.span(), message, &param.doc));
        };
        let hint = || format!("{}; it is {} where nothing sets it", param.doc, param.default_text());
        param.check(number).map_err(|message| self.mistake(value.span(), message, hint()))?;
        Ok(number)
    }

    /// An error at a range of bytes.
    fn mistake(&self, at: Range<usize>, message: String, hint: impl Into<String>) -> Diagnostic {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = before.matches('\n').count() as u32 + 1;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before[start..].chars().count() as u32 + 1;
        Diagnostic::at(self.path, self.text, line, column, message, Some(hint.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kelvin_objective::Script;

    fn params() -> Vec<Param> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.rhai");
        let text = "fn config() { #{} }\n\
            fn params() { #{ tau: param(0.1, 0.001, 10.0, \"temperature\"), deep: param(false, \"deeper\") } }\n\
            fn loss(net, t, p) { p.tau * (net.q[t.action] - t.reward) ** 2 }\n";
        std::fs::write(&path, text).unwrap();
        Script::load(&path).unwrap().params().to_vec()
    }

    #[test]
    fn values_are_read() {
        let params = params();
        let read = |text| parse(Path::new("control.toml"), text, &params).params.unwrap();
        assert_eq!(read(""), Values::new());
        assert_eq!(read("[params]\n# nothing\n"), Values::new());
        let both = Values::from([("tau".to_owned(), 1.0), ("deep".to_owned(), 1.0)]);
        for text in [
            "[params]\ntau = 1\ndeep = true",
            "params.tau = 1.0\nparams.deep = 1",
            "params = { tau = 0x1, deep = true }",
        ] {
            assert_eq!(read(text), both, "{text}");
        }
    }

    #[test]
    fn requests_are_read() {
        let read = |text| parse(Path::new("control.toml"), text, &params()).asks.unwrap();
        assert_eq!(read("[params]\ntau = 1"), Asks::default());
        let all = Asks { pause: true, step: 3, checkpoint: 0, stop: 16 };
        assert_eq!(read("pause = true\nstep = 3\nstop = 0x10\n[params]\ntau = 1"), all);
    }

    #[test]
    fn mistakes_have_a_place_and_a_hint() {
        let params = params();
        for (text, line, column, message, hint) in [
            ("[params]\ntua = 0.1", 2, 1, "no parameter `tua`", "did you mean `tau`"),
            ("[params]\ntau = 100.0", 2, 7, "between 0.001 and 10", "temperature"),
            ("[params]\ntau = 99999999999999999999", 2, 7, "between 0.001 and 10", "temperature"),
            ("[params]\ntau = nan", 2, 7, "tau", "temperature"),
            ("[params]\ntau = \"hot\"", 2, 7, "a number, not string", "temperature"),
            ("[params]\ndeep = 0.5", 2, 8, "deep", "deeper"),
            ("[param]\ntau = 0.1", 1, 2, "no table [param]", "under [params]"),
            ("tau = 0.1", 1, 1, "no setting `tau`", "put a line [params] above it"),
            ("speed = 1", 1, 1, "no setting `speed`", "under [params]"),
            ("puase = true", 1, 1, "no setting `puase`", "did you mean `pause`"),
            ("pause = 1", 1, 9, "true or false, not integer", "lets the run wait"),
            ("step = true", 1, 8, "a whole number, not boolean", "another number than before"),
            ("stop = -1", 1, 8, "0 or larger", "another number than before"),
            ("[params]\ntau = ", 2, 7, "", "written in TOML"),
            ("[params]\ntau = 0.1\ntau = 0.2", 3, 1, "duplicate key", "written in TOML"),
            ("[params", 1, 8, "", "written in TOML"),
        ] {
            let mistakes = parse(Path::new("control.toml"), text, &params).mistakes;
            let [mistake] = &mistakes[..] else { panic!("{mistakes:?}") };
            assert_eq!((mistake.line, mistake.column), (line, column), "{mistake}");
            let rendered = mistake.to_string();
            assert!(rendered.contains(message) && rendered.contains(hint), "{rendered}");
        }
    }

    #[test]
    fn a_mistake_voids_its_part_alone() {
        let read = |text| parse(Path::new("control.toml"), text, &params());
        let stale = read("pause = true\n[params]\ntau = 1\ngone = 2");
        assert_eq!((stale.params, stale.mistakes.len()), (None, 1));
        assert_eq!(stale.asks, Some(Asks { pause: true, ..Asks::default() }));
        let typo = read("puase = true\nstop = 1\n[params]\ntau = 1");
        assert_eq!((typo.asks, typo.mistakes.len()), (None, 1));
        assert_eq!(typo.params, Some(Values::from([("tau".to_owned(), 1.0)])));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = "speed = 1\n[params]\ntua = 1\ntau = 50\ndeep = true\n";
        let Control { params, asks, mistakes } = parse(Path::new("control.toml"), text, &params());
        assert_eq!((params, asks), (None, None));
        assert_eq!(mistakes.iter().map(|mistake| mistake.line).collect::<Vec<_>>(), [1, 3, 4]);
    }
}
