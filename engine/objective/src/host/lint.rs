//! What can be seen to be wrong in a script before it runs.

use std::cell::LazyCell;

use rhai::{AST, ASTNode, Engine, Expr, Position, Stmt, Token};

use crate::diagnostic::Diagnostic;
use crate::imports::Source;
use crate::ops::Span;

use super::vocabulary::functions;

/// Refuses what parses but does not mean what it looks like.
pub(crate) fn lint(tree: &AST, sources: &[Source], index: usize) -> Result<(), Diagnostic> {
    let text = &sources[index].text;
    let places = LazyCell::new(|| Places::new(text));
    let mut problem = None;
    tree.walk(&mut |path: &[ASTNode]| {
        problem = match path.last() {
            // Mathematics, Python and Fortran read -(x ** 2); Rhai binds the minus first.
            Some(ASTNode::Expr(Expr::FnCall(call, operator))) if call.name == "**" => call
                .args
                .first()
                .filter(|base| is_bare_minus(base, *operator, text, &places))
                .map(|base| (base.start_position(), MINUS.0.to_owned(), MINUS.1)),
            // It would make a value that two names share: a list could come to hold itself, out of sight of
            // every limit.
            Some(ASTNode::Stmt(Stmt::Share(captured))) => captured.first().map(|(variable, _)| {
                let message = format!("this small function uses `{}` from around it", variable.name);
                (variable.pos, message, CAPTURE)
            }),
            // It would print a traced value as the name of its type.
            Some(ASTNode::Expr(Expr::InterpolatedString(_, position))) => {
                Some((*position, INTERPOLATION.0.to_owned(), INTERPOLATION.1))
            }
            _ => None,
        };
        problem.is_none()
    });
    if let Some((position, message, hint)) = problem {
        let span = Span { file: index as u16, ..span(position) };
        return Err(Diagnostic::in_source(sources, span, message, Some(hint.to_owned())));
    }
    let own = tree.iter_functions().find(|own| {
        functions().any(|known| known.name == own.name && known.arities().any(|n| n == own.params.len()))
    });
    match own {
        Some(own) => {
            let span = Span { file: index as u16, ..place_of_function(text, own.name) };
            let message = format!("`{own}` would silently replace the function of that name");
            let hint = "give it a name of its own";
            Err(Diagnostic::in_source(sources, span, message, Some(hint.to_owned())))
        }
        None => Ok(()),
    }
}

const MINUS: (&str, &str) =
    ("`-x ** y` would be (-x) ** y here, not -(x ** y)", "write the parentheses that you mean");
const INTERPOLATION: (&str, &str) =
    ("texts with `${…}` are not part of objective scripts", "join plain numbers with +: \"step_\" + i");
const CAPTURE: &str = "give it one argument more, |x, k| …, or write a function: fn f(x, k) { … }";

/// Whether the base of a power is a minus that no parenthesis sets apart.
fn is_bare_minus(base: &Expr, operator: Position, text: &str, places: &Places) -> bool {
    let negated = match base {
        Expr::FnCall(call, _) => call.name == "-" && call.args.len() == 1,
        Expr::IntegerConstant(..) | Expr::FloatConstant(..) => true,
        _ => false,
    };
    if !negated {
        return false;
    }
    let (from, to) = (places.offset(base.start_position()), places.offset(operator));
    let between = from.zip(to).and_then(|(from, to)| text.get(from..to)).unwrap_or("");
    // `(-x) ** 2` closes a parenthesis between the minus and the operator that it did not open there.
    let mut depth = 0i64;
    let closes = between.chars().any(|c| {
        depth += i64::from(c == '(') - i64::from(c == ')');
        depth < 0
    });
    between.starts_with('-') && !closes
}

/// Byte offsets of all places of a text. A script of a megabyte has a hundred thousand powers to look at.
pub(crate) struct Places(Vec<Vec<usize>>);

impl Places {
    pub fn new(text: &str) -> Self {
        let mut start = 0;
        let lines = text.split_inclusive('\n').map(|line| {
            let offsets = line.char_indices().map(|(at, _)| start + at).collect();
            start += line.len();
            offsets
        });
        Self(lines.collect())
    }

    pub fn offset(&self, position: Position) -> Option<usize> {
        let line = self.0.get(position.line()?.checked_sub(1)?)?;
        line.get(position.position()?.checked_sub(1)?).copied()
    }
}

/// Where a function is defined: its name after `fn`. The start of the script if it is not.
pub(crate) fn place_of_function(text: &str, name: &str) -> Span {
    let engine = Engine::new_raw();
    let texts = [text];
    let mut after_fn = false;
    // The lexer repeats its end mark for ever.
    for (token, position) in engine.lex(&texts).0.take_while(|(token, _)| *token != Token::EOF) {
        if after_fn && matches!(&token, Token::Identifier(found) if found.as_str() == name) {
            return span(position);
        }
        after_fn = token == Token::Fn;
    }
    place_of_first_token(text)
}

/// Where a text begins to say something: for errors about what is not there at all.
fn place_of_first_token(text: &str) -> Span {
    let (engine, texts) = (Engine::new_raw(), [text]);
    let first = engine.lex(&texts).0.next().filter(|(token, _)| *token != Token::EOF);
    first.map_or(Span { file: 0, line: 1, column: 1 }, |(_, position)| span(position))
}

/// Where a function writes a key of a map: `tau` in `fn schedule(step) { #{ tau: 0.1 } }`.
pub(crate) fn place_of_key(text: &str, function: &str, key: &str) -> Option<Span> {
    let (engine, texts) = (Engine::new_raw(), [text]);
    let tokens: Vec<(Token, Position)> =
        engine.lex(&texts).0.take_while(|(token, _)| *token != Token::EOF).collect();
    let named = |token: &Token, name: &str| match token {
        Token::Identifier(found) => found.as_str() == name,
        Token::StringConstant(found) => found.as_str() == name,
        _ => false,
    };
    let start = tokens.windows(2).position(|pair| pair[0].0 == Token::Fn && named(&pair[1].0, function))?;
    let body = tokens[start + 1..].split(|(token, _)| *token == Token::Fn).next()?;
    let found = body.windows(2).find(|pair| named(&pair[0].0, key) && pair[1].0 == Token::Colon)?;
    Some(span(found[0].1))
}

/// Where a function's result stands: its last statement. For errors about what it returned.
pub(crate) fn place_of_result(tree: &AST, text: &str, name: &str, arguments: usize) -> Span {
    let function = tree.iter_fn_def().find(|f| f.name == name && f.params.len() == arguments);
    let Some(function) = function else { return place_of_function(text, name) };
    let (start, end) = (function.body.start_position(), function.body.end_position());
    let mut last = None;
    tree.walk(&mut |path: &[ASTNode]| {
        // The statements of every function body come as paths of length 1.
        if let [ASTNode::Stmt(statement)] = path
            && (start..=end).contains(&statement.position())
        {
            last = Some(match statement {
                Stmt::Expr(expr) => expr.start_position(),
                Stmt::Return(Some(expr), ..) => expr.start_position(),
                statement => statement.position(),
            });
        }
        true
    });
    last.map(span).unwrap_or_else(|| place_of_function(text, name))
}

fn span(position: Position) -> Span {
    Span {
        file: 0,
        line: position.line().unwrap_or(1) as u32,
        column: position.position().unwrap_or(1) as u32,
    }
}
