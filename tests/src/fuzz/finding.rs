//! What may not happen, whatever is read.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once, PoisonError};

/// What is wrong with Kelvin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which kind of fault.
    pub kind: Kind,
    /// What happened.
    pub detail: String,
}

/// Kinds of faults; a smaller case shows the same if it shows the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A panic, on whichever thread.
    Panic,
    /// The process died: a stack overflow, or memory beyond the bound. Only seen from outside.
    Death,
    /// An error that calls itself internal.
    Internal,
    /// A diagnostic that does not say where.
    Place,
    /// A diagnostic that does not say what to do.
    Hint,
    /// An error in the words of Rust, not of the field; one without words, or with far too many.
    Words,
    /// More processor time than the case may take, or a process that fell silent.
    Slow,
    /// It compiles, and cannot be evaluated number by number.
    Evaluation,
    /// Two ways to the same thing lead to different ones.
    Disagreement,
    /// The same done twice is not the same.
    Determinism,
    /// Something was read or written that has no business there.
    Escape,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = {
        use Kind::*;
        [Panic, Death, Internal, Place, Hint, Words, Slow, Evaluation, Disagreement, Determinism, Escape]
    };
}

impl Finding {
    /// A fault of that kind.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.detail)
    }
}

/// The first panic since it was last asked for, of any thread.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Runs a case, and makes a finding of a panic and of more than `most` seconds of processor time.
///
/// # Errors
/// What it finds, and what `run` does.
pub fn watched<T>(most: f64, run: impl FnOnce() -> Result<T, Finding>) -> Result<T, Finding> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANIC.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| info.to_string());
            before(info);
        }));
    });
    let panicked = || PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(panicked());
    let start = processor_seconds("self");
    let ended = catch_unwind(AssertUnwindSafe(run));
    let seconds = processor_seconds("self") - start;
    match (panicked(), ended) {
        (Some(message), _) => Err(Finding::new(Kind::Panic, message)),
        (None, Err(_)) => Err(Finding::new(Kind::Panic, "no message")),
        (None, Ok(Ok(_))) if seconds > most => {
            Err(Finding::new(Kind::Slow, format!("{seconds:.1} seconds of processor time")))
        }
        (None, Ok(ended)) => ended,
    }
}

/// Processor time of a process so far, user and system, in seconds: of `self`, or by its number. 0 where the system does not
/// say.
pub fn processor_seconds(process: &str) -> f64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return 0.0 };
    // The name of the program, in parentheses, may hold spaces; user and system time are the 12th and 13th after it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Longest message that somebody reads, in bytes.
const MOST_WORDS: usize = 16 << 10;
/// What no message of Kelvin says, since it says nothing to its reader.
const FOREIGN: [&str; 10] = [
    "kelvin_objective::",
    "kelvin_run::",
    "rhai::",
    "alloc::",
    "core::",
    "std::",
    "panicked",
    "called `Option",
    "called `Result",
    "RunError",
];

/// Whether an error helps whoever reads it.
///
/// # Errors
/// One that does not.
pub fn helps(message: impl fmt::Display) -> Result<(), Finding> {
    let text = message.to_string();
    let lower = text.to_lowercase();
    if ["internal error", "fault of kelvin", "defect of kelvin"].iter().any(|words| lower.contains(words)) {
        return Err(Finding::new(Kind::Internal, text));
    }
    if text.trim().is_empty() {
        return Err(Finding::new(Kind::Words, "an error without words"));
    }
    if text.len() > MOST_WORDS {
        let begins = &text[..text.floor_char_boundary(200)];
        return Err(Finding::new(Kind::Words, format!("{} bytes of error: {begins}", text.len())));
    }
    match FOREIGN.iter().find(|word| text.contains(**word)) {
        Some(_) => Err(Finding::new(Kind::Words, text)),
        None => Ok(()),
    }
}
