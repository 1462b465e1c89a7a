//! Merging what a script's `config()` and `--set` say into the table of defaults.

use super::Config;
use super::near::near;
use crate::failure::Failure;
use kelvin_objective::{ConfigValue, Param};
use toml::{Table, Value};

/// Keys that the run itself decides; a script or `--set` may not.
const RESERVED: [&str; 11] = [
    "script",
    "env",
    "preset",
    "full_action_set",
    "seed",
    "device",
    "frames",
    "reference",
    "params",
    "pinned",
    "forked_from",
];

/// A mistake in one entry.
pub(super) struct Problem {
    pub message: String,
    pub hint: String,
}

impl Problem {
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

pub(super) fn to_table(config: &Config) -> Result<Table, Failure> {
    Table::try_from(config)
        .map_err(|error| Failure::failed(format!("the defaults cannot be written: {error}")))
}

/// One entry of the script's `config()`.
pub(super) fn from_script(table: &mut Table, key: &str, value: &ConfigValue) -> Result<(), Problem> {
    match key {
        "exploration" => exploration(table, value),
        _ => replace(table, key, to_toml(value), &[]),
    }
}

/// One `--set key=value`: a key of the configuration, or one of the script's parameters (`tau=0.01`, or
/// `params.tau=0.01` should a parameter share a key's name).
pub(super) fn from_command_line(
    table: &mut Table,
    key: &str,
    text: &str,
    params: &[Param],
) -> Result<(), Problem> {
    let name = key.strip_prefix("params.").unwrap_or(key);
    let shadowed = !key.starts_with("params.") && table.contains_key(key) && !RESERVED.contains(&key);
    match params.iter().find(|param| param.name == name) {
        Some(param) if !shadowed => set_param(table, param, text),
        _ => {
            let value = text.parse::<Value>().unwrap_or_else(|_| Value::String(text.to_owned()));
            let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
            replace(table, key, value, &names)?;
            // What the script's schedule would set otherwise.
            match key {
                "learning_rate" => pin(table, key),
                _ if key.starts_with("epsilon_") => pin(table, "epsilon"),
                _ => {}
            }
            Ok(())
        }
    }
}

fn set_param(table: &mut Table, param: &Param, text: &str) -> Result<(), Problem> {
    let value = match text {
        "true" => Some(1.0),
        "false" => Some(0.0),
        _ => text.parse::<f64>().ok(),
    };
    let value = value.ok_or_else(|| format!("`{text}` is no number"));
    let value = value
        .and_then(|value| param.check(value).map(|()| value))
        .map_err(|message| Problem { message, hint: format!("{}: {}", param.name, param.doc) })?;
    if let Some(Value::Table(values)) = table.get_mut("params") {
        values.insert(param.name.clone(), Value::Float(value));
    }
    pin(table, &param.name);
    Ok(())
}

fn pin(table: &mut Table, name: &str) {
    if let Some(Value::Array(pinned)) = table.get_mut("pinned") {
        let name = Value::String(name.to_owned());
        if !pinned.contains(&name) {
            pinned.push(name);
        }
    }
}

fn exploration(table: &mut Table, policy: &ConfigValue) -> Result<(), Problem> {
    let entry = |key: &str| match policy {
        ConfigValue::Map(entries) => entries.get(key),
        _ => None,
    };
    let number = |key: &str| match entry(key) {
        Some(ConfigValue::Float(value)) => Some(*value),
        Some(ConfigValue::Int(value)) => Some(*value as f64),
        _ => None,
    };
    match (entry("kind"), number("start"), number("end")) {
        (Some(ConfigValue::Str(kind)), Some(start), Some(end)) if kind == "epsilon_greedy" => {
            // The steep part of the published schedule ends at a tenth of its start.
            for (key, value) in
                [("epsilon_start", start), ("epsilon_mid", end.max(0.1 * start)), ("epsilon_end", end)]
            {
                table.insert(key.to_owned(), Value::Float(value));
            }
            Ok(())
        }
        _ => Err(Problem {
            message: "`exploration` is not a schedule of random actions".to_owned(),
            hint: "write `exploration: epsilon_greedy(1.0, 0.01)`: ε at the start and at the end".to_owned(),
        }),
    }
}

fn replace(table: &mut Table, key: &str, value: Value, also: &[&str]) -> Result<(), Problem> {
    if RESERVED.contains(&key) {
        return Err(Problem {
            message: format!("`{key}` is not set here"),
            hint: match key {
                "params" => "set a parameter by its name, as in --set tau=0.01".to_owned(),
                "script" | "pinned" | "forked_from" => "it follows from the command".to_owned(),
                _ => format!("use --{} on the command line", key.replace('_', "-")),
            },
        });
    }
    let Some(old) = table.get(key) else {
        let settable = table.keys().map(String::as_str).filter(|known| !RESERVED.contains(known));
        let known: Vec<&str> = settable.chain(also.iter().copied()).collect();
        return Err(Problem {
            message: format!("there is no setting `{key}`"),
            hint: match near(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", known.join(", ")),
            },
        });
    };
    let fitted = fit(old, value).ok_or_else(|| Problem {
        message: format!("`{key}` takes {}", kind(old)),
        hint: format!("its default is {old}"),
    })?;
    table.insert(key.to_owned(), fitted);
    Ok(())
}

/// `value` as the type that `like` has: whole numbers stand for floats, and whole floats for integers.
fn fit(like: &Value, value: Value) -> Option<Value> {
    match (like, value) {
        (Value::Float(_), Value::Integer(number)) => Some(Value::Float(number as f64)),
        (Value::Integer(_), Value::Float(number)) if number.fract() == 0.0 && number.abs() < 1e15 => {
            Some(Value::Integer(number as i64))
        }
        (Value::Integer(_), Value::String(text)) => {
            crate::units::parse_count(&text).ok().map(|count| Value::Integer(count as i64))
        }
        (Value::Integer(_), Value::Integer(number)) if number < 0 => None,
        (like, value) if like.same_type(&value) => Some(value),
        _ => None,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "a whole number, zero or more",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "a list, as in --set 'heads=[\"q\", \"v\"]' or --set hidden=[64,64]",
        _ => "a word",
    }
}

fn to_toml(value: &ConfigValue) -> Value {
    match value {
        ConfigValue::Bool(value) => Value::Boolean(*value),
        ConfigValue::Int(value) => Value::Integer(*value),
        ConfigValue::Float(value) => Value::Float(*value),
        ConfigValue::Str(value) => Value::String(value.clone()),
        ConfigValue::List(values) => Value::Array(values.iter().map(to_toml).collect()),
        ConfigValue::Map(entries) => {
            Value::Table(entries.iter().map(|(key, value)| (key.clone(), to_toml(value))).collect())
        }
    }
}
