//! What a script is compiled for: the sizes of a run, and the values that somebody set by hand.

use std::collections::BTreeMap;

use kelvin_objective::{Head, Layout};

/// Actions that are assumed where a run does not say how many there are: those of most Atari games' `kelvin check`.
const ASSUMED_ACTIONS: usize = 6;

/// Sizes and values of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The kernel's sizes.
    pub layout: Layout,
    /// Whether the number of actions is a guess: the run has not shown any yet.
    pub is_guess: bool,
    /// Values of parameters that neither the script's defaults nor its schedule decide: by name, booleans as 0 and 1.
    pub by_hand: BTreeMap<String, f64>,
}

impl Shape {
    /// From `config.toml`, `control.toml` and the number of actions in the run's live view, where it has one.
    ///
    /// # Errors
    /// A configuration without what a kernel is sized by, in words for the user. What is wrong in `control.toml` is not told
    /// here: the run does.
    pub fn read(config: &toml::Table, control: &str, actions: Option<usize>) -> Result<Self, String> {
        let size = |key: &str| {
            let value = config.get(key).and_then(toml::Value::as_integer);
            let size = value.and_then(|value| usize::try_from(value).ok()).filter(|size| *size > 0);
            size.ok_or_else(|| format!("config.toml has no {key} that is a whole number above 0"))
        };
        let heads =
            config.get("heads").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let heads = heads.iter().map(|name| head(name.as_str().unwrap_or_default()));
        let heads = heads.collect::<Option<Vec<Head>>>().filter(|heads| !heads.is_empty());
        let heads = heads.ok_or("config.toml has no list of heads (q, logits, v)")?;
        let layout = Layout::of_run(size("batch")?, actions.unwrap_or(ASSUMED_ACTIONS), size("n")?, heads);

        let pinned =
            config.get("pinned").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_pinned = |name: &str| pinned.iter().any(|pinned| pinned.as_str() == Some(name));
        let mut by_hand = numbers(config.get("params"));
        by_hand.retain(|name, _| is_pinned(name));
        let control: toml::Table = control.parse().unwrap_or_default();
        by_hand.extend(numbers(control.get("params")));
        Ok(Self { layout, is_guess: actions.is_none(), by_hand })
    }
}

fn head(name: &str) -> Option<Head> {
    [Head::Q, Head::Logits, Head::V].into_iter().find(|head| head.name() == name)
}

fn numbers(table: Option<&toml::Value>) -> BTreeMap<String, f64> {
    let entries = table.and_then(toml::Value::as_table).into_iter().flatten();
    let number = |value: &toml::Value| match *value {
        toml::Value::Integer(value) => Some(value as f64),
        toml::Value::Float(value) => Some(value),
        toml::Value::Boolean(value) => Some(f64::from(u8::from(value))),
        _ => None,
    };
    entries.filter_map(|(name, value)| Some((name.clone(), number(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "batch = 32\nn = 3\nheads = [\"q\", \"v\"]\npinned = [\"tau\", \"epsilon\"]\n\
                          [params]\ntau = 0.5\ngamma = 0.9\n";

    #[test]
    fn a_run_says_what_its_kernels_are_sized_by() {
        let config: toml::Table = CONFIG.parse().unwrap();
        let shape = Shape::read(&config, "[params]\ndeep = true\ngamma = 1\n", Some(4)).unwrap();
        let layout = &shape.layout;
        assert_eq!((layout.batch, layout.window, layout.actions, layout.outputs()), (32, 3, 4, 5));
        let by_hand: Vec<(&str, f64)> =
            shape.by_hand.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(by_hand, [("deep", 1.0), ("gamma", 1.0), ("tau", 0.5)]);
        assert!(!shape.is_guess && Shape::read(&config, "half a li", None).unwrap().is_guess);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (without, part) in
            [("batch = 32\n", "batch"), ("n = 3\n", "no n "), ("heads = [\"q\", \"v\"]\n", "heads")]
        {
            let config: toml::Table = CONFIG.replace(without, "").parse().unwrap();
            let error = Shape::read(&config, "", None).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
