//! Places in JSON, and other text in them.

use super::Random;
use rand::RngExt;
use serde_json::Value;

/// What stands in a place until the text is put there.
const MARK: &str = "what stands here is replaced";

/// A place in a value, as a pointer of RFC 6901; now and then one that there is not.
pub fn place(random: &mut Random, value: &Value) -> String {
    let mut all = Vec::new();
    collect(value, String::new(), &mut all);
    let mut place = all.swap_remove(random.random_range(0..all.len()));
    if random.random_bool(0.05) {
        place.push_str("/new");
    }
    place
}

fn collect(value: &Value, at: String, all: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                collect(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                collect(value, format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
    all.push(at);
}

/// The text with `raw` in a place, or without what stands there if `raw` is empty; `None` if there is no such place, or
/// the text is no JSON.
pub fn replaced(text: &[u8], place: &str, raw: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(text).ok()?;
    let (parent, last) = place.rsplit_once('/').map_or(("", None), |(parent, last)| (parent, Some(last)));
    let key = last.map(|last| last.replace("~1", "/").replace("~0", "~"));
    match (value.pointer_mut(parent)?, key) {
        (Value::Object(map), Some(key)) if raw.is_empty() => drop(map.remove(&key)?),
        (Value::Object(map), Some(key)) => drop(map.insert(key, MARK.into())),
        (Value::Array(list), Some(key)) => {
            let at = key.parse().ok().filter(|at| *at < list.len())?;
            if raw.is_empty() {
                list.remove(at);
            } else {
                list[at] = MARK.into();
            }
        }
        (_, Some(_)) => return None,
        (whole, None) => *whole = MARK.into(),
    }
    let text = serde_json::to_vec(&value).ok()?;
    let mark = serde_json::to_vec(MARK).ok()?;
    let Some(at) = text.windows(mark.len()).position(|window| window == mark) else { return Some(text) };
    Some([&text[..at], raw, &text[at + mark.len()..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_may_stand_in_a_place() {
        let text = br#"{"a":[1,{"b/c":2}],"d":null}"#;
        let with = |place, raw: &str| {
            replaced(text, place, raw.as_bytes()).map(|text| String::from_utf8(text).expect("text"))
        };
        assert_eq!(with("/a/1/b~1c", "1e999").as_deref(), Some(r#"{"a":[1,{"b/c":1e999}],"d":null}"#));
        assert_eq!(with("/a/0", "").as_deref(), Some(r#"{"a":[{"b/c":2}],"d":null}"#));
        assert_eq!(with("/new", "[").as_deref(), Some(r#"{"a":[1,{"b/c":2}],"d":null,"new":[}"#));
        assert_eq!(with("", "{").as_deref(), Some("{"));
        assert_eq!((with("/a/7", "1"), with("/d/x", "1"), with("/e", "")), (None, None, None));
        let value = serde_json::from_slice(text).expect("JSON");
        let mut random = super::super::random(1, 2);
        let places: std::collections::BTreeSet<_> = (0..500).map(|_| place(&mut random, &value)).collect();
        assert!(places.contains("/a/1/b~1c") && places.contains("") && places.contains("/new"), "{places:?}");
    }
}
