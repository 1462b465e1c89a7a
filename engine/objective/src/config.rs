//! The static choices of a script, as it wrote them.

use std::collections::BTreeMap;

use rhai::Dynamic;

use crate::host::Operand;

/// One value of the map that `config()` returns. Which keys exist and what they mean is decided by the
/// program that trains; this crate only carries them.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction; always finite.
    Float(f64),
    /// A text.
    Str(String),
    /// `[a, b, …]`.
    List(Vec<ConfigValue>),
    /// `#{ key: value, … }`, and what `epsilon_greedy(start, end)` returns: a map of `kind`
    /// (`"epsilon_greedy"`), `start` and `end`.
    Map(BTreeMap<String, ConfigValue>),
}

impl ConfigValue {
    /// Reads what the script returned. `place` names the value in the error: `exploration.start`.
    pub(crate) fn read(value: Dynamic, place: &str) -> Result<Self, String> {
        let value = value.flatten();

        if let Ok(value) = value.as_bool() {
            return Ok(Self::Bool(value));
        }
        if let Ok(value) = value.as_int() {
            return Ok(Self::Int(value));
        }
        if let Ok(value) = value.as_float() {
            return match value.is_finite() {
                true => Ok(Self::Float(value)),
                false => Err(format!("`{place}` of config() is {value}, which is not a finite number")),
            };
        }
        if value.is_string() {
            return value.into_string().map(Self::Str).map_err(str::to_owned);
        }
        if value.is_array() {
            let items = value.into_array().map_err(str::to_owned)?.into_iter().enumerate();
            return items
                .map(|(index, item)| Self::read(item, &format!("{place}[{index}]")))
                .collect::<Result<_, _>>()
                .map(Self::List);
        }
        if let Some(map) = value.clone().try_cast::<rhai::Map>() {
            return Self::read_map(map, place).map(Self::Map);
        }
        Err(format!("`{place}` of config() is {}", Operand::read(value).describe()))
    }

    /// Reads a whole map; `place` is empty for the map that `config()` itself returned.
    pub(crate) fn read_map(map: rhai::Map, place: &str) -> Result<BTreeMap<String, Self>, String> {
        map.into_iter()
            .map(|(key, value)| {
                let place = if place.is_empty() { key.to_string() } else { format!("{place}.{key}") };
                Ok((key.to_string(), Self::read(value, &place)?))
            })
            .collect()
    }
}
