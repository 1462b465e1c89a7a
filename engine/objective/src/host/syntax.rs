//! Errors of text that does not parse.

use std::path::Path;

use rhai::{LexError, ParseError, ParseErrorType};

use crate::diagnostic::{Diagnostic, end_of};
use crate::imports::Source;
use crate::ops::Span;

use super::lint::Places;
use super::trace::Complaint;

/// Words that Rhai reserves or that the engine has switched off: what is wrong with each, and a hint.
const RESERVED: &[(&str, &str, &str)] = &[
    (
        "switch",
        "`switch` is not part of objective scripts: on a traced value it would silently take one arm",
        "use select(condition, a, b) for traced values, `if` for plain ones",
    ),
    (
        "try",
        "`try` is not part of objective scripts: it would hide their errors",
        "errors are found when the script is traced, once; none can come up in training",
    ),
    (
        "curry",
        "`curry` is not part of objective scripts",
        "write a function with fewer arguments: |x| f(x, 1)",
    ),
    ("eval", "`eval` is not part of objective scripts", "write the expression itself"),
    (
        "^",
        "`^` is not part of objective scripts: on whole numbers it would combine their bits",
        "powers are written x ** y",
    ),
    ("^=", "`^=` is not part of objective scripts", "powers are written x ** y"),
    ("<<", "`<<` is not part of objective scripts", "write x * 2 ** y"),
    ("<<=", "`<<=` is not part of objective scripts", "write x * 2 ** y"),
    (">>", "`>>` is not part of objective scripts", "write x / 2.0 ** y"),
    (">>=", "`>>=` is not part of objective scripts", "write x / 2.0 ** y"),
    ("&=", "`&=` is not part of objective scripts", "write a = a & b"),
    ("|=", "`|=` is not part of objective scripts", "write a = a | b"),
    ("and", "syntax error: `and` is not expected here", "conditions are joined with &"),
    ("or", "syntax error: `or` is not expected here", "conditions are joined with |"),
    ("not", "syntax error: `not` is not expected here", "a condition is negated with !"),
    ("===", "syntax error: `===` is not expected here", "equality is written =="),
    ("#", "syntax error: `#` is not expected here", "comments begin with //, maps with #{"),
    ("def", "syntax error: `def` is not expected here", "functions are written fn name(x) { … }"),
    ("lambda", "syntax error: `lambda` is not expected here", "small functions are written |x| x + 1"),
    ("var", "syntax error: `var` is not expected here", "variables are written let x = …;"),
    ("match", "syntax error: `match` is not expected here", "use select(condition, a, b)"),
];

/// The diagnostic of a file that does not parse.
pub fn syntax_error(error: &ParseError, path: &Path, text: &str) -> Diagnostic {
    let source = Source { path: path.to_path_buf(), text: text.to_owned(), imported_by: None };
    parse_error(error, &[source], 0)
}

/// The diagnostic of a text that does not parse.
pub(crate) fn parse_error(error: &ParseError, sources: &[Source], index: usize) -> Diagnostic {
    let text = &sources[index].text;
    let mut complaint = parse_complaint(error.err_type());
    let offset = Places::new(text).offset(error.position());
    // A word that is switched off is no name any more, and what Rhai misses there is a name.
    let rest = offset.map_or("", |offset| &text[offset..]);
    let word = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
    if let Some((_, message, hint)) = RESERVED.iter().find(|(reserved, ..)| *reserved == word) {
        complaint = Complaint::new(*message).hint(*hint);
    }
    let before = offset.map(|offset| text[..offset].trim_end());
    // A text that ends too early is short of a bracket, whatever token was missed first.
    if before.is_none_or(|before| before.len() == text.trim_end().len()) {
        complaint = Complaint::new("syntax error: the file ends in the middle of something")
            .hint("is a closing `}`, `)` or `]` missing?");
    }
    let missing = matches!(error.err_type(), ParseErrorType::MissingToken(..));
    let (line, column) = match (before, error.position().line()) {
        // What is missing is missing after the token before; a comment in between would hide that place.
        (Some(before), _) if missing && !before.lines().last().unwrap_or("").contains("//") => end_of(before),
        (_, Some(line)) => (line as u32, error.position().position().unwrap_or(1) as u32),
        (_, None) => end_of(text),
    };
    let span = Span { file: index as u16, line, column };
    Diagnostic::in_source(sources, span, complaint.message, complaint.hint)
}

/// Message and hint for a kind of syntax error.
pub(crate) fn parse_complaint(kind: &ParseErrorType) -> Complaint {
    use ParseErrorType as P;
    match kind {
        P::Reserved(word)
        | P::UnknownOperator(word)
        | P::BadInput(LexError::ImproperSymbol(word, _) | LexError::UnexpectedInput(word)) => {
            match RESERVED.iter().find(|(reserved, ..)| reserved == word) {
                Some((_, message, hint)) => Complaint::new(*message).hint(*hint),
                None => Complaint::new(format!("syntax error: `{word}` is not expected here"))
                    .hint("some words and symbols are reserved; choose another name"),
            }
        }
        P::BadInput(LexError::UnterminatedString) => {
            Complaint::new("syntax error: this text has no end").hint("close it with \" on the same line")
        }
        P::UnexpectedEOF => Complaint::new("syntax error: the file ends in the middle of something")
            .hint("is a closing `}`, `)` or `]` missing?"),
        P::MissingToken(token, why) => {
            let why = why.replace('\'', "`");
            let hint = match token.as_str() {
                "," => "is a `,` missing here, or a closing bracket?",
                ";" => "statements end with `;`; only the last of a block may do without",
                "}" | ")" | "]" => "is a bracket missing here, or an operator?",
                _ => "is something missing here?",
            };
            Complaint::new(format!("syntax error: `{token}` is missing {why}")).hint(hint)
        }
        P::WrongFnDefinition => Complaint::new("a function is defined inside another")
            .hint("is a closing `}` missing above? Functions stand at the top level of the file"),
        P::ExprTooDeep => {
            Complaint::new("this expression is nested too deep").hint("name its parts with `let`")
        }
        P::FnDuplicatedDefinition(name, arguments) => {
            Complaint::new(format!("a second `{name}` with {arguments} argument(s)"))
                .hint("functions may share a name only with different numbers of arguments")
        }
        P::AssignmentToInvalidLHS(_) => Complaint::new("this cannot be assigned to")
            .hint("is `==` meant? Only variables can be assigned to"),
        other => {
            let text = other.to_string();
            let mut letters = text.chars();
            let lower: String =
                letters.next().map(|first| first.to_lowercase().collect()).unwrap_or_default();
            Complaint::new(format!("syntax error: {lower}{}", letters.as_str().replace('\'', "`")))
                .hint("is a bracket, a comma or an operator missing before?")
        }
    }
}
