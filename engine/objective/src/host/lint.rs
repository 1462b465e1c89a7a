//! What can be seen to be wrong in a script before it runs.

use rhai::{AST, ASTNode, Engine, Expr, Position, Stmt, Token};

use crate::diagnostic::Diagnostic;
use crate::imports::Source;
use crate::ops::Span;

/// Refuses what parses but does not mean what it looks like.
pub(crate) fn lint(tree: &AST, source: &Source) -> Result<(), Diagnostic> {
    let mut problem = None;
    tree.walk(&mut |path: &[ASTNode]| {
        problem = match path.last() {
            // Mathematics, Python and Fortran read -(x ** 2); Rhai binds the minus first.
            Some(ASTNode::Expr(Expr::FnCall(call, operator))) if call.name == "**" => call
                .args
                .first()
                .filter(|base| is_bare_minus(base, *operator, &source.text))
                .map(|base| (base.start_position(), MINUS)),
            // It would print a traced value as the name of its type.
            Some(ASTNode::Expr(Expr::InterpolatedString(_, position))) => Some((*position, INTERPOLATION)),
            _ => None,
        };
        problem.is_none()
    });
    match problem {
        None => Ok(()),
        Some((position, (message, hint))) => {
            let Span { line, column, .. } = span(position);
            Err(Diagnostic::at(&source.path, &source.text, line, column, message, Some(hint.to_owned())))
        }
    }
}

const MINUS: (&str, &str) =
    ("`-x ** y` would be (-x) ** y here, not -(x ** y)", "write the parentheses that you mean");
const INTERPOLATION: (&str, &str) =
    ("texts with `${…}` are not part of objective scripts", "join plain numbers with +: \"step_\" + i");

/// Whether the base of a power is a minus that no parenthesis sets apart.
fn is_bare_minus(base: &Expr, operator: Position, text: &str) -> bool {
    let start = base.start_position();
    let negated = match base {
        Expr::FnCall(call, _) => call.name == "-" && call.args.len() == 1,
        Expr::IntegerConstant(..) | Expr::FloatConstant(..) => true,
        _ => false,
    };
    let (Some(from), Some(to)) = (offset(text, start), offset(text, operator)) else { return false };
    let Some(between) = text.get(from..to) else { return false };
    // `(-x) ** 2` closes a parenthesis between the minus and the operator that it did not open there.
    let mut depth = 0i64;
    let closes = between.chars().any(|c| {
        depth += i64::from(c == '(') - i64::from(c == ')');
        depth < 0
    });
    negated && between.starts_with('-') && !closes
}

/// Byte offset of a place in a text.
pub(crate) fn offset(text: &str, position: Position) -> Option<usize> {
    let (line, column) = (position.line()?, position.position()?);
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let within = text[start..].char_indices().nth(column.checked_sub(1)?)?.0;
    Some(start + within)
}

/// Where a function is defined: its name after `fn`. The start of the file if it is not.
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
    Span { file: 0, line: 1, column: 1 }
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
