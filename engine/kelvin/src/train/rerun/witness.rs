//! Compares what a run records now with what it recorded then, line by line.

use crate::failure::Failure;
use kelvin_run::open_plain;
use serde_json::Value;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Fields of a record that are named where they differ, at most.
const NAMED: usize = 5;

/// Two files of records, read as the second grows.
pub(super) struct Witness {
    then: BufReader<File>,
    now: BufReader<File>,
    /// Records that were the same.
    pub same: u64,
    /// Updates at the last of them that says so.
    updates: u64,
}

/// The first record that is not what it was.
#[derive(Debug, PartialEq)]
pub(super) struct Difference {
    /// Updates up to which all was the same, as far as records say.
    after: u64,
    /// Updates made now.
    updates: u64,
    /// Agent steps made now.
    agent_steps: u64,
    /// What the record is of.
    kind: String,
    /// What differs in it: name, then and now.
    fields: Vec<(String, String, String)>,
}

impl Witness {
    /// Compares these two files from their beginnings on.
    pub fn new(then: &Path, now: &Path) -> Result<Self, Failure> {
        let open = |path: &Path| {
            open_plain(path)
                .map(BufReader::new)
                .map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))
        };
        Ok(Self { then: open(then)?, now: open(now)?, same: 0, updates: 0 })
    }

    /// The next record of then up to so many agent steps that there is none of now. A run may have gone on since.
    pub fn left(&mut self, agent_steps: u64) -> Option<Value> {
        let record = line(&mut self.then).map(|line| parse(&line))?;
        record["agent_steps"].as_u64().is_none_or(|at| at <= agent_steps).then_some(record)
    }

    /// Compares what was recorded since the last call, when `updates` updates and so many agent steps are made.
    pub fn look(&mut self, updates: u64, agent_steps: u64) -> Result<(), Box<Difference>> {
        while let Some(now) = line(&mut self.now) {
            // There may be networks to compare that come after the records that are left.
            let Some(then) = line(&mut self.then) else { return Ok(()) };
            if now != then {
                let (then, now) = (parse(&then), parse(&now));
                return Err(Box::new(Difference {
                    after: self.updates,
                    updates,
                    agent_steps,
                    kind: now["kind"].as_str().unwrap_or("record").to_owned(),
                    fields: fields("", &then, &now),
                }));
            }
            self.same += 1;
            if let Some(updates) = parse(&now)["updates"].as_u64() {
                self.updates = updates;
            }
        }
        Ok(())
    }
}

/// The next whole line.
fn line(file: &mut BufReader<File>) -> Option<String> {
    let mut line = String::new();
    // A line that cannot be read is like one that is not there: what there was has been compared.
    file.read_line(&mut line).ok()?;
    line.ends_with('\n').then_some(line)
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.trim_end().to_owned()))
}

/// Where two records differ.
fn fields(name: &str, then: &Value, now: &Value) -> Vec<(String, String, String)> {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            let names: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
            let inside = names.into_iter().flat_map(|key| {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                fields(&name, then.get(key).unwrap_or(&Value::Null), now.get(key).unwrap_or(&Value::Null))
            });
            inside.take(NAMED).collect()
        }
        (then, now) if then == now => Vec::new(),
        (then, now) => vec![(name.to_owned(), then.to_string(), now.to_string())],
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, updates, agent_steps, kind, fields } = self;
        write!(f, "the runs part ")?;
        match updates.checked_sub(*after) {
            Some(0) | None => write!(f, "at update {updates}")?,
            Some(_) => write!(f, "between update {} and update {updates}", after + 1)?,
        }
        write!(f, ": the {kind} record of agent step {agent_steps} differs")?;
        for (name, then, now) in fields {
            write!(f, "\n  {name} was {then}, and is {now}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// A witness of two files.
    fn witness(then: &str, now: &str) -> Witness {
        let folder = tempfile::tempdir().unwrap();
        let paths = [("then", then), ("now", now)].map(|(name, text)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        });
        Witness::new(&paths[0], &paths[1]).unwrap()
    }

    #[test]
    fn the_first_record_that_differs_is_named_with_its_fields() {
        let folder = tempfile::tempdir().unwrap();
        let [then, now] = ["then", "now"].map(|name| folder.path().join(name));
        let record = |updates: u64, loss: f64| {
            format!(
                "{{\"kind\":\"train\",\"updates\":{updates},\"metrics\":{{\"loss\":{loss},\"q\":1.0}}}}\n"
            )
        };
        std::fs::write(&then, [record(8, 0.1), record(16, 0.2), record(24, 0.3)].concat() + "{\"torn")
            .unwrap();
        let mut file = File::create(&now).unwrap();
        let mut witness = Witness::new(&then, &now).unwrap();
        file.write_all(record(8, 0.1).as_bytes()).unwrap();
        assert_eq!(witness.look(9, 100), Ok(()));
        file.write_all(record(16, 0.2).as_bytes()).unwrap();
        file.write_all(record(24, 0.300_000_000_000_000_04).as_bytes()).unwrap();
        let difference = witness.look(25, 300).unwrap_err();
        assert_eq!(witness.same, 2);
        let text = difference.to_string();
        assert!(text.contains("between update 17 and update 25"), "{text}");
        assert!(text.contains("metrics.loss was 0.3, and is 0.30000000000000004"), "{text}");
        assert!(!text.contains("metrics.q"), "{text}");
    }

    #[test]
    fn what_was_torn_off_is_not_compared() {
        let mut witness = witness("{\"updates\":1}\n{\"upd", "{\"updates\":1}\n{\"updates\":2}\n");
        assert_eq!((witness.look(2, 2), witness.same, witness.left(9)), (Ok(()), 1, None));
    }

    #[test]
    fn what_was_recorded_only_then_is_left() {
        let mut witness = witness("{\"updates\":1}\n{\"updates\":1}\n", "{\"updates\":1}\n");
        assert_eq!(witness.look(1, 1), Ok(()));
        assert!(witness.left(9).is_some_and(|record| record["updates"] == 1));
    }
}
