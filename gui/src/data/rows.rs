//! A line of metrics or timing as numbers with names, without a copy of what it says.
//!
//! Whatever is a number is a metric, so what a newer version records is drawn as well. Nested tables of the record become
//! part of the name: `params.tau`, `grad_norm.conv1.weight`; the script's own metrics stand alone.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Names that a script's metrics do not take: those of the record itself.
const RESERVED: [&str; 9] = [
    "episode_return",
    "episode_agent_steps",
    "episode_frames",
    "mean_return",
    "learning_rate",
    "epsilon",
    "replay",
    "frames_per_s",
    "updates_per_s",
];

/// A metric's place among those of its run.
pub(super) type Slot = usize;

/// What a line is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// An end of an episode.
    Episode,
    /// Means of a stretch of training.
    Train,
    /// An evaluation.
    Eval,
    /// What the clock says.
    Timing,
    /// Something this version does not know.
    #[default]
    Unknown,
}

/// A line, taken apart.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub kind: Kind,
    pub frames: Option<f64>,
    pub agent_steps: Option<f64>,
    pub updates: Option<f64>,
    pub wall_s: Option<f64>,
    /// All its other numbers.
    pub values: Vec<(Slot, f64)>,
}

/// The names of a run's metrics.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: Vec<Arc<str>>,
    slots: HashMap<Arc<str>, Slot>,
    /// What was found already, by the table of a record and the key in it.
    sections: Vec<Section>,
    /// Where the section of each table stands among them.
    places: HashMap<Box<str>, usize>,
}

/// A table of a record. Its keys come in the same order line after line, so the next is looked for behind the last.
#[derive(Debug, Default)]
struct Section {
    name: Box<str>,
    keys: Vec<(Box<str>, Slot)>,
    /// Where each stands among them.
    places: HashMap<Box<str>, usize>,
    next: usize,
}

impl Names {
    /// Names that there is room for, and tables.
    pub const MOST: usize = 4096;

    /// Whether there may be names without room.
    pub fn is_full(&self) -> bool {
        self.all.len() >= Self::MOST || self.sections.len() >= Self::MOST
    }

    /// The names in the order of their slots.
    pub fn all(&self) -> &[Arc<str>] {
        &self.all
    }

    /// Takes `line` apart into `row`. `is_timing` for lines of the file of that name, which do not say what they are.
    pub fn read(&mut self, line: &[u8], is_timing: bool, row: &mut Row) -> Result<(), serde_json::Error> {
        // serde_json would look at every string; names are few, lines are many.
        let line = std::str::from_utf8(line).map_err(<serde_json::Error as serde::de::Error>::custom)?;
        let first = if is_timing { Kind::Timing } else { Kind::Unknown };
        if self.attempt(line, first, row)? {
            return Ok(());
        }
        // Whoever wrote this says last what it is.
        #[derive(serde::Deserialize)]
        struct What<'a> {
            #[serde(borrow)]
            kind: Cow<'a, str>,
        }
        let What { kind } = serde_json::from_str(line)?;
        self.attempt(line, Kind::of(&kind), row).map(drop)
    }

    /// Whether the line was read with its kind known from its first key on.
    fn attempt(&mut self, line: &str, kind: Kind, row: &mut Row) -> Result<bool, serde_json::Error> {
        row.values.clear();
        (row.frames, row.agent_steps, row.updates, row.wall_s) = (None, None, None, None);
        row.kind = kind;
        let mut json = serde_json::Deserializer::from_str(line);
        let is_known = Line { names: self, row }.deserialize(&mut json)?;
        json.end()?;
        Ok(is_known)
    }

    fn section(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.places.insert(name.into(), self.sections.len());
        self.sections.push(Section { name: name.into(), ..Section::default() });
        self.sections.len() - 1
    }

    /// The section of a table; none where there is no room for another.
    fn table(&mut self, name: &str) -> Option<usize> {
        let has_room = self.sections.len() < Self::MOST || self.places.contains_key(name);
        has_room.then(|| self.section(name))
    }

    /// The slot of a key; none where there is no room for another name.
    fn slot(&mut self, section: usize, key: &str) -> Option<Slot> {
        let is_full = self.all.len() >= Self::MOST;
        let Section { keys, places, next, .. } = &mut self.sections[section];
        let is_next = keys.get(*next).is_some_and(|(name, _)| &**name == key);
        if let Some(at) = if is_next { Some(*next) } else { places.get(key).copied() } {
            *next = if at + 1 < keys.len() { at + 1 } else { 0 };
            return Some(keys[at].1);
        }
        if is_full {
            return None;
        }
        let name = match &*self.sections[section].name {
            "" => key.to_owned(),
            "metrics" if !RESERVED.contains(&key) => key.to_owned(),
            "grad_norms" => format!("grad_norm.{key}"),
            "weight_norms" => format!("weight_norm.{key}"),
            table => format!("{table}.{key}"),
        };
        let slot = self.add(name.into());
        let Section { keys, places, .. } = &mut self.sections[section];
        places.insert(key.into(), keys.len());
        keys.push((key.into(), slot));
        Some(slot)
    }

    /// The slot of a full name.
    pub fn add(&mut self, name: Arc<str>) -> Slot {
        let next = self.all.len();
        *self.slots.entry(name).or_insert_with_key(|name| {
            self.all.push(Arc::clone(name));
            next
        })
    }
}

impl Kind {
    fn of(kind: &str) -> Self {
        match kind {
            "episode" => Self::Episode,
            "train" => Self::Train,
            "eval" => Self::Eval,
            _ => Self::Unknown,
        }
    }

    /// The table that the kind's own numbers are in.
    fn section(self) -> &'static str {
        if self == Self::Eval { "eval" } else { "" }
    }
}

/// The object that a line is; whether its kind was known in time.
struct Line<'a> {
    names: &'a mut Names,
    row: &'a mut Row,
}

impl<'de> DeserializeSeed<'de> for Line<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Line<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self { names, row } = self;
        let mut is_known = row.kind != Kind::Unknown;
        let mut section = names.section(row.kind.section());
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "kind" => {
                    let Key(kind) = map.next_value()?;
                    if !is_known {
                        row.kind = Kind::of(&kind);
                        section = names.section(row.kind.section());
                        // Nothing was filed yet under the wrong name, or it has no name that we know.
                        is_known = row.values.is_empty() || row.kind.section().is_empty();
                    }
                }
                "frames" => row.frames = map.next_value::<Number>()?.0,
                "agent_steps" => row.agent_steps = map.next_value::<Number>()?.0,
                "updates" => row.updates = map.next_value::<Number>()?.0,
                "wall_s" => row.wall_s = map.next_value::<Number>()?.0,
                "env" | "seed" => drop(map.next_value::<IgnoredAny>()?),
                key => map.next_value_seed(Value { names, row, section, key, is_top: true })?,
            }
        }
        Ok(is_known)
    }
}

/// A number, a table of numbers, or what is of no use to a curve.
struct Value<'a> {
    names: &'a mut Names,
    row: &'a mut Row,
    section: usize,
    key: &'a str,
    is_top: bool,
}

impl Value<'_> {
    fn number(self, value: f64) {
        if let Some(slot) = self.names.slot(self.section, self.key) {
            self.row.values.push((slot, value));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.number(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.number(value as f64);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.number(value as f64);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    /// What was not finite.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { names, row, key, is_top, .. } = self;
        let Some(section) = is_top.then(|| names.table(key)).flatten() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        while let Some(Key(key)) = map.next_key()? {
            map.next_value_seed(Value { names, row, section, key: &key, is_top: false })?;
        }
        Ok(())
    }
}

/// A string, where it stands if it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A number, or none where it was not finite.
struct Number(Option<f64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<f64>::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kelvin_run::{EpisodeRecord, EvalRecord, Record, TimingRecord, TrainRecord};
    use std::collections::BTreeMap;

    /// The row of a line, its values by name.
    fn read(line: &[u8], is_timing: bool) -> (Row, BTreeMap<String, f64>) {
        let (mut names, mut row) = (Names::default(), Row::default());
        names.read(line, is_timing, &mut row).unwrap();
        let values =
            row.values.iter().map(|(slot, value)| (names.all()[*slot].to_string(), *value)).collect();
        (row, values)
    }

    fn values(pairs: &[(&str, f64)]) -> BTreeMap<String, f64> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn records_are_taken_apart_as_they_are_written() {
        let episode = Record::Episode(EpisodeRecord {
            frames: 400,
            agent_steps: 100,
            env: 3,
            episode_return: -21.0,
            episode_agent_steps: 50,
            episode_frames: 200,
        });
        let (row, found) = read(&serde_json::to_vec(&episode).unwrap(), false);
        assert_eq!(
            (row.kind, row.frames, row.agent_steps, row.updates),
            (Kind::Episode, Some(400.0), Some(100.0), None)
        );
        let expected = [("episode_return", -21.0), ("episode_agent_steps", 50.0), ("episode_frames", 200.0)];
        assert_eq!(found, values(&expected));

        let train = Record::Train(TrainRecord {
            frames: 400,
            agent_steps: 100,
            updates: 25,
            mean_return: None,
            learning_rate: 1e-4,
            epsilon: 0.5,
            replay: 100,
            metrics: [
                ("loss".to_owned(), Some(0.25)),
                ("τ \"x\"".to_owned(), Some(1.0)),
                ("bad".to_owned(), None),
                ("epsilon".to_owned(), Some(9.0)),
            ]
            .into(),
            params: [("tau".to_owned(), 0.1)].into(),
            grad_norms: [("conv1.weight".to_owned(), Some(2.0))].into(),
            weight_norms: [("conv1.weight".to_owned(), Some(3.0))].into(),
        });
        let (row, found) = read(&serde_json::to_vec(&train).unwrap(), false);
        assert_eq!((row.kind, row.updates), (Kind::Train, Some(25.0)));
        let expected = [
            ("learning_rate", 1e-4),
            ("epsilon", 0.5),
            ("replay", 100.0),
            ("loss", 0.25),
            ("τ \"x\"", 1.0),
            ("metrics.epsilon", 9.0),
            ("params.tau", 0.1),
            ("grad_norm.conv1.weight", 2.0),
            ("weight_norm.conv1.weight", 3.0),
        ];
        assert_eq!(found, values(&expected));

        let eval = Record::Eval(EvalRecord {
            frames: 400,
            agent_steps: 100,
            updates: 25,
            policy: "epsilon".to_owned(),
            preset: "paper".to_owned(),
            seed: Some(1),
            epsilon: 0.001,
            episodes: 2,
            mean_return: 3.5,
            std_return: 0.5,
            best_return: 4.0,
            returns: vec![3.0, 4.0],
        });
        let (row, found) = read(&serde_json::to_vec(&eval).unwrap(), false);
        assert_eq!(row.kind, Kind::Eval);
        let expected = [
            ("eval.epsilon", 0.001),
            ("eval.episodes", 2.0),
            ("eval.mean_return", 3.5),
            ("eval.std_return", 0.5),
            ("eval.best_return", 4.0),
        ];
        assert_eq!(found, values(&expected));

        let timing =
            TimingRecord { agent_steps: 100, frames_per_s: 2500.0, updates_per_s: 150.0, wall_s: 1.5 };
        let (row, found) = read(&serde_json::to_vec(&timing).unwrap(), true);
        assert_eq!((row.kind, row.agent_steps, row.wall_s), (Kind::Timing, Some(100.0), Some(1.5)));
        assert_eq!(found, values(&[("frames_per_s", 2500.0), ("updates_per_s", 150.0)]));
    }

    #[test]
    fn the_order_of_keys_is_of_no_account() {
        let (row, found) =
            read(br#"{"agent_steps":1,"mean_return":2,"kind":"eval","params":{"tau":1}}"#, false);
        assert_eq!(
            (row.kind, found),
            (Kind::Eval, values(&[("eval.mean_return", 2.0), ("params.tau", 1.0)]))
        );
        // What a newer version may say.
        let line = br#"{"kind":"train","agent_steps":1,"new":7,"table":{"a":1,"deep":{"b":2},"flag":true},"text":"x"}"#;
        assert_eq!(read(line, false).1, values(&[("new", 7.0), ("table.a", 1.0)]));
    }

    #[test]
    fn tables_without_room_are_passed_over() {
        let (mut names, mut row) = (Names::default(), Row::default());
        // Tables without a number in them would never fill the names.
        let tables: Vec<String> = (0..3 * Names::MOST).map(|table| format!("\"t{table}\":{{}}")).collect();
        let line = format!("{{\"kind\":\"train\",{},\"loss\":1}}", tables.join(","));
        names.read(line.as_bytes(), false, &mut row).unwrap();
        assert_eq!((names.sections.len(), names.is_full()), (Names::MOST, true));
        assert_eq!(row.values, [(0, 1.0)], "there is room for names");
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let (mut names, mut row) = (Names::default(), Row::default());
        for line in [
            &b"{\"kind\":\"train\",\"fra"[..],
            b"",
            b"[1]",
            b"{} {}",
            b"\xff",
            b"{\"kind\":3}",
            b"{\"a\":1}",
            b"\0\0",
        ] {
            assert!(names.read(line, false, &mut row).is_err(), "{line:?}");
        }
    }
}
