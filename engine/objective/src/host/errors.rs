//! From Rhai's errors to diagnostics: the innermost place, in words of this field, with a hint.

use rhai::{AST, ASTNode, EvalAltResult, Expr, Position, Stmt};

use crate::diagnostic::{Diagnostic, did_you_mean, listing};
use crate::imports::{Bundle, Source};
use crate::ops::Span;

use super::engine::Host;
use super::operand::Operand;
use super::syntax::parse_complaint;
use super::trace::{Complaint, Phase, endless};
use super::vocabulary::{elsewhere, functions};

/// How rhai calls the type of traced values; see the registration.
const TRACED: [&str; 2] = ["a traced value", "a list of steps"];

/// What is needed to place and explain an error.
pub(crate) struct Context<'a> {
    pub host: &'a Host,
    pub bundle: &'a Bundle,
    /// One tree a source.
    pub trees: &'a [AST],
}

/// The diagnostic of an error that came out of running source number `source`.
pub(crate) fn to_diagnostic(error: EvalAltResult, source: usize, context: &Context) -> Diagnostic {
    let found = innermost(error, source);
    let position = found.error.position();
    let complaint = explain(&found.error, found.source, position, context);
    let last = context.host.with(|trace| trace.last);
    let own = Span {
        file: found.source as u16,
        line: position.line().unwrap_or(0) as u32,
        column: position.position().unwrap_or(1) as u32,
    };
    // Some errors carry no place (a loop or a recursion can end anywhere): cite the last traced operation.
    let span = complaint.span.unwrap_or(own);
    let sources = &context.bundle.sources;
    if span.line == 0 && !last.is_none() {
        let hint = complaint.hint.map(|hint| format!("{hint} (shown is the last traced operation before)"));
        return place(sources, last, complaint.message, hint);
    }
    let mut diagnostic = place(sources, span, complaint.message, complaint.hint);
    let calls = found.calls.iter().map(|(source, at)| {
        let path = sources[*source].path.display();
        format!("called from {path}:{}:{}", at.line().unwrap_or(0), at.position().unwrap_or(0))
    });
    diagnostic.trail = calls.chain(std::mem::take(&mut diagnostic.trail)).collect();
    diagnostic
}

/// A diagnostic at a place in one of the sources.
pub(crate) fn place(sources: &[Source], span: Span, message: String, hint: Option<String>) -> Diagnostic {
    let mut diagnostic = Diagnostic::in_source(sources, span, message, hint);
    // Rhai places `t.foo` at its dot; the field is what the reader looks for.
    let mut from_column = diagnostic.source_line.chars().skip((diagnostic.column as usize).saturating_sub(1));
    if from_column.next() == Some('.') && from_column.next().is_some_and(char::is_alphabetic) {
        diagnostic.column += 1;
    }
    diagnostic
}

/// An error where it arose.
struct Found {
    error: EvalAltResult,
    source: usize,
    /// Source and place of each call that went from one source to another, innermost first.
    calls: Vec<(usize, Position)>,
}

/// Follows calls and imports down to where the error arose, and to the source it arose in.
fn innermost(error: EvalAltResult, source: usize) -> Found {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, called, inner, position) => {
            let inside = called.parse().unwrap_or(source);
            let mut found = innermost(*inner, inside);
            // The call that was one too many is the place of an overflow, not the operation before it.
            if found.error.position().is_none() || matches!(found.error, EvalAltResult::ErrorStackOverflow(_))
            {
                found.error.set_position(position);
                return Found { error: found.error, source, calls: Vec::new() };
            }
            if inside != source {
                found.calls.push((source, position));
            }
            found
        }
        EvalAltResult::ErrorInModule(_, inner, _) => innermost(*inner, source),
        error => Found { error, source, calls: Vec::new() },
    }
}

/// Message and hint of an error; the arms are in the order in which researchers meet them.
fn explain(error: &EvalAltResult, source: usize, position: Position, context: &Context) -> Complaint {
    use EvalAltResult as E;
    match error {
        E::ErrorRuntime(value, _) => match value.read_lock::<Complaint>() {
            Some(complaint) => complaint.clone(),
            None => {
                let thrown = match Operand::read(value.clone()) {
                    Operand::Text(text) => text,
                    other => other.describe(),
                };
                Complaint::new(format!("the script stopped itself: {thrown}")).hint("this is its `throw`")
            }
        },
        E::ErrorMismatchDataType(expected, actual, _) => mismatch(expected, actual, source, position, context),
        E::ErrorFunctionNotFound(signature, _) => unknown_function(signature, source, context),
        E::ErrorVariableNotFound(name, _) => unknown_variable(name, source, context),
        E::ErrorDotExpr(..) => Complaint::new("this value has no fields")
            .hint("fields belong to the records t, net and p: t.reward, net.q, p.gamma"),
        E::ErrorPropertyNotFound(name, _) => Complaint::new(format!("this map has no key `{name}`"))
            .hint(format!("a map holds what it was made with: #{{ {name}: … }}")),
        E::ErrorIndexingType(..) => Complaint::new("this value cannot be indexed")
            .hint("values with one number per action and lists can: net.q[t.action], t.steps.reward[0]"),
        E::ErrorArrayBounds(length, index, _) => {
            Complaint::new(format!("element {index} is out of range: the list has {length}"))
                .hint("elements are numbered from 0; -1 is the last")
        }
        E::ErrorModuleNotFound(name, _) if name.contains("::") || !context.imports(name) => {
            Complaint::new(format!("there is no module `{name}`"))
                .hint("write import \"name\" as x; at the top of the file, with the name as fixed text, and call x::f(…)")
        }
        E::ErrorModuleNotFound(name, _) => Complaint::new(format!("module \"{name}\" is not loaded yet"))
            .hint("import it at the top of the file"),
        E::ErrorTooManyOperations(_) => endless("did not end within 2,000,000 operations"),
        E::ErrorTerminated(limit, _) => endless(&format!("did not end within {limit}")),
        E::ErrorStackOverflow(_) => Complaint::new("calls are nested more than 64 deep")
            .hint("does a function call itself? The script runs once, so use a loop with a plain bound"),
        E::ErrorDataTooLarge(what, _) => Complaint::new(format!("a value grows too large: {}", what.to_lowercase()))
            .hint("is there an endless loop?"),
        E::ErrorTooManyVariables(_) => Complaint::new("too many variables").hint("is there an endless loop?"),
        E::ErrorFor(_) => Complaint::new("this cannot be looped over")
            .hint("loop over a plain range, for i in 0..t.n { … }, or over t.steps.reward"),
        E::ErrorAssignmentToConstant(name, _) => Complaint::new(format!("`{name}` is constant"))
            .hint("give the new value a name of its own: let x = …;"),
        E::ErrorNonPureMethodCallOnConstant(name, _) => {
            Complaint::new(format!("`{name}` would change a constant")).hint("copy it first: let x = …;")
        }
        E::ErrorParsing(kind, _) => parse_complaint(kind),
        other => {
            let mut other = other.to_string();
            // The place is shown apart from the message.
            if let Some(cut) = other.rfind(" (line ") {
                other.truncate(cut);
            }
            Complaint::new(other).hint("see the reference of the language for what may stand here")
        }
    }
}

impl Context<'_> {
    fn imports(&self, name: &str) -> bool {
        self.bundle.modules.iter().any(|(module, _)| module == name)
    }
}

/// A value of the wrong type where the language itself needed one.
fn mismatch(expected: &str, actual: &str, source: usize, position: Position, context: &Context) -> Complaint {
    // Some of Rhai's errors carry the registered name of a type, others its path.
    let [expected, actual] = [expected, actual].map(|name| context.host.engine.map_type_name(name));
    let traced = TRACED.contains(&actual);
    let needs = syntax_at(&context.trees[source], position);
    let once = "the script runs once, for all samples at the same time";
    match (traced, expected, needs) {
        (true, "bool", Some(Syntax::If)) => {
            Complaint::new(format!("`if` cannot decide on a traced value: {once}"))
                .hint("use select(condition, a, b), which chooses for each sample")
        }
        (true, "bool", Some(Syntax::Loop)) => {
            Complaint::new(format!("a loop cannot end on a traced value: {once}"))
                .hint("loop over a plain range: for i in 0..t.n { … }")
        }
        (true, "bool", Some(Syntax::And)) => {
            Complaint::new(format!("`&&` cannot decide on a traced value: {once}"))
                .hint("use &, which joins conditions for each sample: (x > 0) & (x < 1)")
        }
        (true, "bool", Some(Syntax::Or)) => {
            Complaint::new(format!("`||` cannot decide on a traced value: {once}"))
                .hint("use |, which joins conditions for each sample: (x < 0) | (x > 1)")
        }
        (true, "bool", None) => Complaint::new(format!("a traced value cannot decide here: {once}"))
            .hint("use select(condition, a, b), which chooses for each sample"),
        (true, ..) => Complaint::new(format!("a plain number is needed here, found {actual}: {once}"))
            .hint("lists and ranges take plain numbers such as 3, t.n or an integer parameter"),
        _ => Complaint::new(format!("{} is needed here, found {}", type_name(expected), type_name(actual)))
            .hint("compare, index or convert it first"),
    }
}

fn type_name(name: &str) -> &str {
    match name {
        "bool" => "true or false",
        "i64" => "a whole number",
        "f64" => "a number",
        "string" => "a text",
        "array" => "a list",
        "map" => "a map",
        "()" => "nothing",
        "Fn" => "a function",
        other => other,
    }
}

/// Syntax that needs a boolean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    If,
    Loop,
    And,
    Or,
}

/// The innermost syntax whose condition stands at this place.
fn syntax_at(tree: &AST, position: Position) -> Option<Syntax> {
    let mut found = None;
    let here = |expr: &Expr| expr.position() == position || expr.start_position() == position;
    tree.walk(&mut |path: &[ASTNode]| {
        let syntax = match path.last() {
            Some(ASTNode::Stmt(Stmt::If(flow, _))) if here(&flow.expr) => Some(Syntax::If),
            Some(ASTNode::Stmt(Stmt::While(flow, _) | Stmt::Do(flow, ..))) if here(&flow.expr) => {
                Some(Syntax::Loop)
            }
            Some(ASTNode::Expr(Expr::And(sides, _))) if sides.iter().any(here) => Some(Syntax::And),
            Some(ASTNode::Expr(Expr::Or(sides, _))) if sides.iter().any(here) => Some(Syntax::Or),
            _ => None,
        };
        found = syntax.or(found);
        true
    });
    found
}

/// `signature` is `name (type, type)`.
fn unknown_function(signature: &str, source: usize, context: &Context) -> Complaint {
    let (name, arguments) = signature.split_once(" (").unwrap_or((signature, ""));
    let given = match arguments.trim_end_matches(')') {
        "" => 0,
        // Map and array types are written without commas of their own.
        list => list.split(", ").count(),
    };
    let (module, bare) = match name.rsplit_once("::") {
        Some((module, bare)) => (Some(module), bare),
        None => (None, name),
    };
    if module.is_none()
        && let Some(function) = functions().find(|function| function.name == bare)
    {
        return Complaint::new(format!("`{bare}` does not take {}", count(given, "argument")))
            .hint(format!("it is written {}", function.usage));
    }
    let trees = if module.is_some() { context.trees } else { std::slice::from_ref(&context.trees[source]) };
    let own: Vec<_> = trees.iter().flat_map(AST::iter_functions).collect();
    if let Some(known) = own.iter().find(|own| own.name == bare) {
        return Complaint::new(format!(
            "`{name}` takes {}, not {given}",
            count(known.params.len(), "argument")
        ))
        .hint(format!("it is defined as {known}"));
    }
    if !bare.starts_with(|c: char| c.is_alphabetic() || c == '_') || bare == "contains" {
        let symbol = if bare == "contains" { "in" } else { bare };
        let hint = match symbol {
            "^" => "powers are written x ** y",
            ".." | "..=" => "a range needs plain whole numbers: 0..t.n",
            "in" => "compare with each: (x == 0) | (x == 1)",
            _ => "there are + - * / ** and < <= > >= == != & | !",
        };
        return Complaint::new(format!("`{symbol}` does not work on these values")).hint(hint);
    }
    let complaint = Complaint::new(format!("there is no function `{name}`"));
    if let Some(hint) = elsewhere(bare).filter(|_| module.is_none()) {
        return complaint.hint(hint);
    }
    let known = functions().map(|f| f.name).filter(|_| module.is_none());
    match did_you_mean(bare, own.iter().map(|own| own.name).chain(known)) {
        Some(near) => complaint.hint(format!("did you mean {near}?")),
        None if module.is_some() => {
            complaint.hint(format!("the imports have {}", listing(own.iter().map(|own| own.name))))
        }
        None => complaint.hint(format!("there are {}", listing(functions().map(|f| f.name)))),
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn unknown_variable(name: &str, source: usize, context: &Context) -> Complaint {
    let complaint = Complaint::new(format!("there is no variable `{name}`"));
    let tree = &context.trees[source];
    let is_file_constant = tree.statements().iter().any(
        |statement| matches!(statement, Stmt::Var(definition, ..) if definition.0.name.as_str() == name),
    );
    if is_file_constant {
        return complaint
            .hint(format!("inside a function a constant of the file is global::{name} (const, not let)"));
    }
    let (param, names) = context.host.with(|trace| {
        let names: Vec<String> = trace.params.iter().map(|param| param.name.clone()).collect();
        (names.iter().any(|param| param == name), names)
    });
    let record_fields = ["reward", "action", "terminated", "weight", "steps", "next"];
    match name {
        _ if param => complaint.hint(format!("parameters are fields of p: p.{name}")),
        "q" | "logits" | "v" => {
            complaint.hint(format!("network outputs are fields: net.{name}, t.next.{name}"))
        }
        _ if record_fields.contains(&name) => complaint.hint(format!("the transition has it: t.{name}")),
        "t" if context.host.with(|trace| trace.phase == Phase::Behave) => {
            complaint.hint("behave acts before anything has happened; it is handed net and p")
        }
        "net" => complaint.hint(
            "a function sees its arguments and its own `let`s: hand it `net`, fn target(net, t, p), fn f(x, net)",
        ),
        "t" | "p" | "y" | "step" | "stats" => complaint.hint(format!(
            "a function sees its arguments and its own `let`s: hand it `{name}`, fn f(x, {name})"
        )),
        "pi" | "PI" => complaint.hint("write const PI = 3.141592653589793; and global::PI"),
        _ => match did_you_mean(
            name,
            ["t", "net", "p", "y"].into_iter().chain(names.iter().map(String::as_str)),
        ) {
            Some(near) => complaint.hint(format!("did you mean {near}?")),
            None => complaint.hint("a function sees its arguments and its own `let`s; pass what it needs"),
        },
    }
}
