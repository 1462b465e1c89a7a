//! The numbers a researcher turns while a run goes on.

use std::collections::BTreeMap;

use crate::host::{Complaint, ParamSpec};
use crate::ops::Span;

/// Live parameters a script may have: the uniform slots of an objective kernel.
pub const MAX_LIVE: usize = 64;

/// A parameter that `params()` declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name: `p.<name>` in the script.
    pub name: String,
    /// What it means, in the script's words.
    pub doc: String,
    /// Value to start with; for a boolean 0 or 1.
    pub default: f64,
    /// Least value allowed.
    pub min: f64,
    /// Greatest value allowed.
    pub max: f64,
    /// When a new value takes effect.
    pub kind: ParamKind,
    /// Where the script declares it.
    pub span: Span,
}

/// When a new value of a parameter takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// At once: the kernel reads it from this slot of the uniform buffer.
    Live {
        /// Index into the uniforms; slots follow the order of declaration.
        slot: usize,
    },
    /// With the next trace: a whole number that the script sees as a plain one.
    StaticInt,
    /// With the next trace: `true` or `false`, which the script may use in `if`.
    StaticBool,
}

impl Param {
    /// The default as a script writes it.
    pub fn default_text(&self) -> String {
        match self.kind {
            ParamKind::StaticBool => (self.default != 0.0).to_string(),
            ParamKind::Live { .. } | ParamKind::StaticInt => self.default.to_string(),
        }
    }

    /// Checks a value against kind and range; the error says what is allowed.
    pub fn check(&self, value: f64) -> Result<(), String> {
        let Self { name, min, max, .. } = self;
        match self.kind {
            ParamKind::StaticBool if value != 0.0 && value != 1.0 => {
                Err(format!("`{name}` is true or false (1 or 0), not {value}"))
            }
            ParamKind::StaticInt if value.fract() != 0.0 => {
                Err(format!("`{name}` is a whole number, not {value}"))
            }
            // Written so that NaN fails.
            _ if !(*min <= value && value <= *max) => {
                Err(format!("`{name}` lies between {min} and {max}, which {value} does not"))
            }
            _ => Ok(()),
        }
    }
}

/// Turns what `params()` returned into parameters, ordered as the script declares them: a Rhai map forgets
/// that order, so each `param(…)` remembers its place; equal places (a declaration in a loop) go by name.
pub(crate) fn order(specs: BTreeMap<String, ParamSpec>) -> Result<Vec<Param>, Complaint> {
    let mut specs: Vec<(String, ParamSpec)> = specs.into_iter().collect();
    specs.sort_by_key(|(_, spec)| (spec.span.file, spec.span.line, spec.span.column));
    let mut slots = 0..MAX_LIVE;
    specs
        .into_iter()
        .map(|(name, spec)| {
            let kind = match spec.kind {
                ParamKind::Live { .. } => ParamKind::Live {
                    slot: slots.next().ok_or_else(|| {
                        Complaint::new(format!("a script may have {MAX_LIVE} live parameters at most"))
                            .hint("make whole numbers static: param_int(default, min, max, \"…\")")
                            .at(spec.span)
                    })?,
                },
                kind => kind,
            };
            let ParamSpec { doc, default, min, max, span, .. } = spec;
            Ok(Param { name, doc, default, min, max, kind, span })
        })
        .collect()
}
