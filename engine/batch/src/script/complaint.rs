//! What is wrong with a batch script, in words of this field, with a hint; and Rhai's own errors in such words.

use rhai::{AST, Dynamic, EvalAltResult, NativeCallContext, Position};

use kelvin_objective::did_you_mean;
use kelvin_objective::hosting::listing;

use super::grid::MAX_RUNS;
use super::tokens::Place;

/// Why a function of the host refuses. It travels through Rhai as the value of a runtime error.
#[derive(Clone, Debug)]
pub(super) struct Complaint {
    pub message: String,
    pub hint: Option<String>,
}

impl Complaint {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// As an error of the call that is under way.
    pub fn at_call(self, context: &NativeCallContext) -> Box<EvalAltResult> {
        EvalAltResult::ErrorRuntime(Dynamic::from(self), context.call_position()).into()
    }
}

/// Functions that the host adds, as they are written.
const OURS: [(&str, &str); 2] =
    [("grid", "grid(#{ env: [\"pong\", \"qbert\"], seed: 0..3, … })"), ("run", "run(#{ env: \"pong\", … })")];

/// The error in words, and where it arose.
pub(super) fn explain(error: EvalAltResult, tree: &AST) -> (Complaint, Place) {
    let (error, position) = innermost(error);
    let place = Place::of(position);
    (describe(&error, tree), place)
}

/// Follows calls down to where the error arose. Some errors carry no place: then the call's is the best there is.
fn innermost(error: EvalAltResult) -> (EvalAltResult, Position) {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, position) => {
            let (error, inside) = innermost(*inner);
            let here = inside.is_none() || matches!(error, EvalAltResult::ErrorStackOverflow(_));
            (error, if here { position } else { inside })
        }
        error => {
            let position = error.position();
            (error, position)
        }
    }
}

fn describe(error: &EvalAltResult, tree: &AST) -> Complaint {
    use EvalAltResult as E;
    let endless = |what: String| Complaint::new(what).hint("is there an endless loop?");
    match error {
        E::ErrorRuntime(value, _) => match value.read_lock::<Complaint>() {
            Some(complaint) => complaint.clone(),
            None => Complaint::new(format!("the script stopped itself: {value}")).hint("this is its `throw`"),
        },
        E::ErrorVariableNotFound(name, _) => {
            let own = tree.iter_functions().map(|function| function.name);
            Complaint::new(format!("there is no variable `{name}`")).hint(match did_you_mean(name, own) {
                Some(near) => format!("did you mean the function {near}(…)?"),
                None => "a function sees its arguments and its own `let`s; other texts are written in quotes"
                    .to_owned(),
            })
        }
        E::ErrorFunctionNotFound(signature, _) => unknown_function(signature, tree),
        E::ErrorPropertyNotFound(name, _) => Complaint::new(format!("this map has no key `{name}`")).hint(
            format!("a map holds what it was made with: #{{ {name}: … }}; ask with `\"{name}\" in map`"),
        ),
        E::ErrorMismatchDataType(wanted, found, _) => {
            Complaint::new(format!("{} is needed here, found {}", type_name(wanted), type_name(found)))
                .hint("compare, index or convert it first")
        }
        E::ErrorTooManyOperations(_) => endless("the script does not end".to_owned()),
        E::ErrorTerminated(limit, _) => endless(format!("the script does not end within {limit}")),
        E::ErrorStackOverflow(_) => {
            Complaint::new("calls are nested more than 64 deep").hint("does a function call itself?")
        }
        E::ErrorDataTooLarge(what, _) => {
            Complaint::new(format!("a value grows too large: {}", what.to_lowercase())).hint(format!(
                "is there an endless loop? An experiment has {MAX_RUNS} runs at most, of dozens of keys"
            ))
        }
        E::ErrorDataRace(..) => Complaint::new("a value is used by what changes it at that moment")
            .hint("as in list.sort(|a, b| list.len()): take a copy first, let copy = list;"),
        E::ErrorModuleNotFound(..) => {
            Complaint::new("a batch script is one file").hint("copy what it needs into it")
        }
        other => {
            let mut text = other.to_string();
            // The place is shown apart from the message.
            if let Some(cut) = text.rfind(" (line ") {
                text.truncate(cut);
            }
            let text = text.replace("i64", type_name("i64")).replace("f64", type_name("f64"));
            Complaint::new(text).hint("batch scripts are plain Rhai: rhai.rs/book describes it")
        }
    }
}

/// `signature` is `name (type, type)`.
fn unknown_function(signature: &str, tree: &AST) -> Complaint {
    let (name, arguments) = signature.split_once(" (").unwrap_or((signature, ""));
    if let Some((_, usage)) = OURS.iter().find(|(ours, _)| *ours == name) {
        return Complaint::new(format!("`{name}` takes one map")).hint(format!("it is written {usage}"));
    }
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        let types: Vec<_> = arguments.trim_end_matches(')').split(", ").map(type_name).collect();
        return Complaint::new(format!("`{name}` does not work on {}", types.join(" and ")))
            .hint("convert one of them first, or write numbers alike: 1.0, not 1");
    }
    let own = tree.iter_functions().map(|function| function.name);
    let known: Vec<_> = own.chain(OURS.map(|(name, _)| name)).collect();
    let complaint = Complaint::new(format!("there is no function `{name}` of these arguments"));
    match did_you_mean(name, known.iter().copied()) {
        Some(near) => complaint.hint(format!("did you mean {near}?")),
        None => complaint.hint(format!("there are {}, and Rhai's own", listing(known))),
    }
}

/// A type as a person calls it.
pub(super) fn type_name(name: &str) -> &str {
    match name {
        "bool" => "true or false",
        "i64" => "a whole number",
        "f64" => "a number",
        "string" => "a text",
        "array" => "a list",
        "map" => "a map",
        "()" => "nothing",
        "Fn" => "a function",
        range if range.starts_with("core::ops::range::") => "a range",
        other => other,
    }
}
