//! From Rhai's values to typed ones: a map is read field by field, and what nobody asked for is a mistake.

use rhai::{Dynamic, FLOAT, FnPtr, INT, ImmutableString, Map};

use kelvin_objective::did_you_mean;
use kelvin_objective::hosting::listing;

use super::complaint::{Complaint, type_name};

/// Something wrong with an entry of a map: which, with what value where one can be looked for, and why.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    pub key: String,
    pub value: Option<String>,
    pub complaint: Complaint,
}

/// A map that is being read.
pub(super) struct Fields<'a> {
    map: &'a Map,
    /// What the map describes, for messages: "a figure".
    what: &'static str,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub fn new(map: &'a Map, what: &'static str) -> Self {
        Self { map, what, known: Vec::new() }
    }

    /// A text, if it is there.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>, Wrong> {
        self.read(key, "a text in quotes", |value| {
            value.read_lock::<ImmutableString>().map(|text| text.to_string())
        })
    }

    /// A number, whole or not.
    pub fn number(&mut self, key: &'static str) -> Result<Option<f64>, Wrong> {
        self.read(key, "a number", number)
    }

    /// A whole number, zero or more; floats such as `40e6` will do.
    pub fn whole(&mut self, key: &'static str) -> Result<Option<u64>, Wrong> {
        self.read(key, "a whole number, zero or more", whole)
    }

    /// True or false.
    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>, Wrong> {
        self.read(key, "true or false", |value| value.as_bool().ok())
    }

    /// A list.
    pub fn list(&mut self, key: &'static str) -> Result<Option<Vec<Dynamic>>, Wrong> {
        self.read(key, "a list", |value| value.clone().into_array().ok())
    }

    /// A map.
    pub fn map(&mut self, key: &'static str) -> Result<Option<Map>, Wrong> {
        self.read(key, "a map: #{ … }", |value| value.clone().try_cast::<Map>())
    }

    /// As it is.
    pub fn any(&mut self, key: &'static str) -> Option<&'a Dynamic> {
        self.known.push(key);
        self.map.get(key)
    }

    /// Entries that were not asked for.
    pub fn others(&self) -> impl Iterator<Item = (&'a str, &'a Dynamic)> {
        let others = self.map.iter().filter(|(key, _)| !self.known.contains(&key.as_str()));
        others.map(|(key, value)| (key.as_str(), value))
    }

    /// Refuses what was not asked for.
    pub fn finish(self) -> Result<(), Wrong> {
        let Some((key, _)) = self.others().next() else { return Ok(()) };
        let complaint = Complaint::new(format!("{} has no `{key}`", self.what));
        let complaint = match did_you_mean(key, self.known.iter().copied()) {
            Some(near) => complaint.hint(format!("did you mean `{near}`?")),
            None => complaint.hint(format!("it has {}", listing(self.known.iter().copied()))),
        };
        Err(Wrong { key: key.to_owned(), value: None, complaint })
    }

    /// What `read` makes of an entry, if it is there; `wanted` says what that takes.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&Dynamic) -> Option<T>,
    ) -> Result<Option<T>, Wrong> {
        match self.any(key) {
            None => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(mistyped(key, value, wanted)),
            },
        }
    }
}

/// An entry of the wrong type.
pub(super) fn mistyped(key: &str, value: &Dynamic, wanted: &str) -> Wrong {
    let found = match text_of(value) {
        Some(text) => format!("`{text}`"),
        // One that is infinite, or none at all.
        None if value.is_float() => format!("`{value}`"),
        None => type_name(value.type_name()).to_owned(),
    };
    let complaint = Complaint::new(format!("`{key}` takes {wanted}, found {found}"));
    let hint = match value.is_array() || value.is::<std::ops::Range<INT>>() {
        true => "a list makes one run of each value inside grid(#{ … })",
        false => "see docs/batches.md for what may stand here",
    };
    Wrong { key: key.to_owned(), value: text_of(value), complaint: complaint.hint(hint) }
}

fn number(value: &Dynamic) -> Option<f64> {
    value.as_float().ok().or_else(|| value.as_int().ok().map(|whole| whole as f64)).filter(|n| n.is_finite())
}

pub(super) fn whole(value: &Dynamic) -> Option<u64> {
    match (value.as_int(), value.as_float()) {
        (Ok(whole), _) => u64::try_from(whole).ok(),
        (_, Ok(number)) if number.fract() == 0.0 && (0.0..1e15).contains(&number) => Some(number as u64),
        _ => None,
    }
}

/// A plain value as `--set` takes it; `None` for what has no such form.
pub(super) fn text_of(value: &Dynamic) -> Option<String> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Some(text.to_string());
    }
    if let Ok(number) = value.as_float() {
        return number.is_finite().then(|| text_of_float(number));
    }
    if let Some(list) = value.read_lock::<Vec<Dynamic>>() {
        let quoted = |item: &Dynamic| match item.is_string() {
            true => text_of(item).map(|text| format!("{text:?}")),
            false => text_of(item).filter(|_| !item.is_array()),
        };
        return list
            .iter()
            .map(quoted)
            .collect::<Option<Vec<_>>>()
            .map(|items| format!("[{}]", items.join(", ")));
    }
    let plain = value.is_int() || value.is_bool();
    plain.then(|| value.to_string())
}

/// A number so that it reads the same however it was written: `1.0` and `1` are `1`, `1e-4` and `0.0001` are one text.
pub(super) fn text_of_float(number: FLOAT) -> String {
    match number.fract() == 0.0 && number.abs() < 1e15 {
        true => format!("{number:.0}"),
        false => format!("{number:?}"),
    }
}

/// Whether a value is computed from the rest of its run.
pub(super) fn function(value: &Dynamic) -> Option<FnPtr> {
    value.clone().try_cast::<FnPtr>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_set_takes_them() {
        let list = |items: &[Dynamic]| Dynamic::from_array(items.to_vec());
        for (value, text) in [
            (Dynamic::from_int(3), "3"),
            (Dynamic::from_float(3.0), "3"),
            (Dynamic::from_float(40e6), "40000000"),
            (Dynamic::from_float(0.1), "0.1"),
            (Dynamic::from_float(1e-5), "1e-5"),
            (Dynamic::from_bool(true), "true"),
            (Dynamic::from("rollout"), "rollout"),
            (list(&[64.into(), 32.into()]), "[64, 32]"),
            (list(&["q".into(), "v".into()]), "[\"q\", \"v\"]"),
        ] {
            assert_eq!(text_of(&value).as_deref(), Some(text));
        }
        for value in [Dynamic::UNIT, Dynamic::from_map(Map::new()), Dynamic::from_float(f64::NAN)] {
            assert_eq!(text_of(&value), None);
        }
    }
}
