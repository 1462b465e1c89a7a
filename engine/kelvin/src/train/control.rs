//! What `control.toml` says: values of the script's parameters, under `[params]`.
//!
//! ```toml
//! [params]
//! tau = 0.05
//! ```

use crate::params::Values;
use kelvin_objective::{Diagnostic, Param, did_you_mean};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The one table there is.
const PARAMS: &str = "params";

/// Reads the file's text against the parameters of the script that runs. Each mistake is an error with its place, and
/// with one nothing of the file counts.
pub(super) fn parse(path: &Path, text: &str, params: &[Param]) -> Result<Values, Vec<Diagnostic>> {
    let file = File { path, text };
    let mut mistakes = Vec::new();
    let table = DeTable::parse(text).map_err(|error| {
        let hint = "it is written in TOML: a line [params], and below it lines like tau = 0.05";
        vec![file.mistake(error.span().unwrap_or(0..0), error.message().to_owned(), hint)]
    })?;
    let mut values = Values::new();
    for (key, value) in table.get_ref() {
        let is_param = params.iter().any(|param| param.name == key.get_ref().as_ref());
        let DeValue::Table(entries) = value.get_ref() else {
            let hint = match is_param {
                true => format!("put a line [params] above it, and then {} = …", key.get_ref()),
                false => "parameters of the script are set under [params]".to_owned(),
            };
            mistakes.push(file.mistake(key.span(), format!("there is no setting `{}`", key.get_ref()), hint));
            continue;
        };
        if key.get_ref() != PARAMS {
            let hint = "parameters of the script are set under [params]";
            mistakes.push(file.mistake(key.span(), format!("there is no table [{}]", key.get_ref()), hint));
            continue;
        }
        for (name, value) in entries {
            match file.value(name, value, params) {
                Ok(value) => drop(values.insert(name.get_ref().to_string(), value)),
                Err(mistake) => mistakes.push(mistake),
            }
        }
    }
    // The parser goes by name.
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    if mistakes.is_empty() { Ok(values) } else { Err(mistakes) }
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
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
        let read = |text| parse(Path::new("control.toml"), text, &params).unwrap();
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
            ("[params]\ntau = ", 2, 7, "", "written in TOML"),
            ("[params]\ntau = 0.1\ntau = 0.2", 3, 1, "duplicate key", "written in TOML"),
            ("[params", 1, 8, "", "written in TOML"),
        ] {
            let mistakes = parse(Path::new("control.toml"), text, &params).expect_err(text);
            let [mistake] = &mistakes[..] else { panic!("{mistakes:?}") };
            assert_eq!((mistake.line, mistake.column), (line, column), "{mistake}");
            let rendered = mistake.to_string();
            assert!(rendered.contains(message) && rendered.contains(hint), "{rendered}");
        }
    }
    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = "speed = 1\n[params]\ntua = 1\ntau = 50\ndeep = true\n";
        let mistakes = parse(Path::new("control.toml"), text, &params()).expect_err("three mistakes");
        assert_eq!(mistakes.iter().map(|mistake| mistake.line).collect::<Vec<_>>(), [1, 3, 4]);
    }
}
