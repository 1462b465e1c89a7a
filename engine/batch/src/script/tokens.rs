//! Where something stands in a batch script.
//!
//! A value that turns out to be wrong, an environment that does not exist or a parameter out of its range, has gone
//! through variables and grids and knows its place no more. What is known is the place of the call that made the run,
//! the key and the value. So the text is searched for them: a key beside this value in that call, then anywhere, then
//! the text by itself, then the key, and if nothing is found the call is named.

use rhai::{Engine, Position, Token};

use super::value::text_of_float;

/// A line and a column, both from 1; both 0 for a place nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

impl Place {
    pub(super) fn of(position: Position) -> Self {
        Self {
            line: position.line().unwrap_or(0) as u32,
            column: position.position().unwrap_or(usize::from(!position.is_none())) as u32,
        }
    }

    /// Whether it is known.
    pub fn is_known(self) -> bool {
        self.line > 0
    }
}

/// A script's text in tokens, each with its place.
pub(super) struct Tokens(Vec<(Token, Place)>);

impl Tokens {
    pub fn new(text: &str) -> Self {
        let (engine, texts) = (Engine::new_raw(), [text]);
        // The lexer repeats its end mark for ever.
        let tokens = engine.lex(&texts).0.take_while(|(token, _)| *token != Token::EOF);
        Self(tokens.map(|(token, position)| (token, Place::of(position))).collect())
    }

    /// Where the text begins to say something.
    pub fn start(&self) -> Place {
        self.0.first().map_or(Place { line: 1, column: 1 }, |(_, place)| *place)
    }

    /// Where a function is defined: its name after `fn`.
    pub fn function(&self, name: &str) -> Option<Place> {
        let found = self.0.windows(2).find(|pair| pair[0].0 == Token::Fn && names(&pair[1].0, name))?;
        Some(found[1].1)
    }

    /// Where `key` is given this value, or the next best place, for a run that was made by the call at `call`.
    pub fn find(&self, call: Place, key: &str, value: Option<&str>) -> Place {
        let inside = self.call(call);
        let scopes = [inside, &self.0];
        let beside = |value: &str| {
            let entries = scopes.iter().flat_map(|scope| entries(scope, key));
            entries.flat_map(|(_, written)| literal(written, value)).next()
        };
        // Of numbers there are others that mean something else.
        let texts = || self.0.iter().filter(|(token, _)| matches!(token, Token::StringConstant(_)));
        let alone = |value: &str| {
            let mut found = texts().filter(|(token, _)| is_literal(token, value));
            found.next().filter(|_| found.next().is_none()).map(|(_, place)| *place)
        };
        let keyed = || scopes.iter().flat_map(|scope| entries(scope, key)).map(|(place, _)| place).next();
        let found = value.and_then(|value| beside(value).or_else(|| alone(value)));
        found.or_else(keyed).unwrap_or(if call.is_known() { call } else { self.start() })
    }

    /// The tokens between the parentheses of the call at this place.
    fn call(&self, at: Place) -> &[(Token, Place)] {
        let start = self.0.iter().position(|(_, place)| *place == at);
        // `runs.grid(…)` is not how it is called; what is no call has nothing inside.
        let inside = start.and_then(|start| self.0.get(start + 1..)).unwrap_or_default();
        match inside.first() {
            Some((Token::LeftParen, _)) => &inside[..extent(&inside[1..]) + 1],
            _ => &[],
        }
    }
}

/// Every place where a map has `key`, and the tokens of the value beside it.
fn entries<'a>(
    tokens: &'a [(Token, Place)],
    key: &str,
) -> impl Iterator<Item = (Place, &'a [(Token, Place)])> {
    let found = tokens
        .windows(2)
        .enumerate()
        .filter(move |(_, pair)| pair[1].0 == Token::Colon && names(&pair[0].0, key));
    found.map(|(at, pair)| {
        let rest = &tokens[at + 2..];
        (pair[0].1, &rest[..extent(rest)])
    })
}

/// How many tokens there are up to a comma or a closing bracket that belongs to what is around.
fn extent(tokens: &[(Token, Place)]) -> usize {
    let mut depth = 0;
    let end = tokens.iter().position(|(token, _)| match token {
        Token::LeftParen | Token::LeftBracket | Token::LeftBrace | Token::MapStart => {
            depth += 1;
            false
        }
        Token::RightParen | Token::RightBracket | Token::RightBrace => {
            depth -= 1;
            depth < 0
        }
        Token::Comma => depth == 0,
        _ => false,
    });
    end.unwrap_or(tokens.len())
}

/// Every place where this value is written out.
fn literal(tokens: &[(Token, Place)], value: &str) -> impl Iterator<Item = Place> {
    tokens.iter().filter(move |(token, _)| is_literal(token, value)).map(|(_, place)| *place)
}

fn is_literal(token: &Token, value: &str) -> bool {
    match token {
        Token::IntegerConstant(number) => number.to_string() == value,
        Token::FloatConstant(number) => text_of_float(*number.0) == value,
        Token::StringConstant(text) => text.as_str() == value,
        Token::True => value == "true",
        Token::False => value == "false",
        _ => false,
    }
}

fn names(token: &Token, name: &str) -> bool {
    match token {
        Token::Identifier(found) => found.as_str() == name,
        Token::StringConstant(found) => found.as_str() == name,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"let games = ["pong", "brekout"];
fn experiment() {
    let a = grid(#{ env: ["qbert", "pogn"], seed: 0..3, tau: 0.1 });
    grid(#{ env: games, variant: [#{ tau: 99.0, n: 5 }], tau: 0.1 })
}
"#;

    fn find(call: (u32, u32), key: &str, value: Option<&str>) -> (u32, u32) {
        let place = Tokens::new(SCRIPT).find(Place { line: call.0, column: call.1 }, key, value);
        (place.line, place.column)
    }

    #[test]
    fn a_value_is_found_where_it_is_written() {
        let (first, second) = ((3, 13), (4, 5));
        assert_eq!(find(first, "env", Some("pogn")), (3, 36), "beside its key");
        assert_eq!(find(second, "env", Some("brekout")), (1, 22), "by itself, in a variable");
        assert_eq!(find(second, "tau", Some("99")), (4, 43), "inside a variant");
        assert_eq!(find(second, "tau", Some("0.1")), (4, 63), "in the call that made the run");
        assert_eq!(find(first, "tau", Some("0.1")), (3, 62));
        assert_eq!(find(second, "n", None), (4, 49), "a key");
        assert_eq!(find(second, "delta", Some("3")), second, "nothing: the call");
        assert_eq!(find((0, 0), "delta", None), (1, 1), "nothing at all: the start");
        let function = Tokens::new(SCRIPT).function("experiment");
        assert_eq!(function, Some(Place { line: 2, column: 4 }));
    }
}
