//! The three clocks of a run. They never meet in one integer.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! clock {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

clock!(
    /// Frames of the emulator (of a built-in environment: its steps). The axis of every published curve.
    Frames
);
clock!(
    /// Decisions taken, over all environments. With action repeat 4 an agent step is four frames.
    AgentSteps
);
clock!(
    /// Optimizer steps.
    Updates
);

impl AgentSteps {
    /// The frames these decisions take.
    pub fn frames(self, frames_per_step: usize) -> Frames {
        Frames(self.0.saturating_mul(frames_per_step as u64))
    }
}

/// Parses `10000000`, `10M`, `500k`, `1.5M`, `2e6`.
pub fn parse_count(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (digits, scale) = match text.chars().last() {
        Some('k' | 'K') => (&text[..text.len() - 1], 1e3),
        Some('m' | 'M') => (&text[..text.len() - 1], 1e6),
        Some('g' | 'G' | 'b' | 'B') => (&text[..text.len() - 1], 1e9),
        _ => (text, 1.0),
    };
    let count = digits.trim().replace('_', "").parse::<f64>().map(|number| number * scale);
    match count {
        Ok(count) if (1.0..=1e15).contains(&count) && count.fract() == 0.0 => Ok(count as u64),
        _ => Err(format!("`{text}` is not a positive whole number; write it like 500000, 500k or 10M")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_with_suffixes() {
        for (text, count) in [
            ("1", 1),
            ("500k", 500_000),
            ("10M", 10_000_000),
            ("1.5m", 1_500_000),
            ("2e6", 2_000_000),
            ("10M\u{a0}", 10_000_000),
        ] {
            assert_eq!(parse_count(text), Ok(count), "{text}");
        }
        for text in ["", "k", "-1", "0", "1.5", "NaN", "inf", "1e99", "ten"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }
}
