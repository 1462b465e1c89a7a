//! What the parts of a text are, for colours: Rhai and WGSL, by their letters alone.
//!
//! Nothing is parsed. A text in the middle of being typed has no syntax yet, and must still look as it did a letter ago.

use std::ops::Range;

/// Which language a text is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// A script.
    Rhai,
    /// A kernel.
    Wgsl,
}

/// What a part of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// White space, brackets, and names without a meaning of their own.
    Plain,
    /// A remark.
    Comment,
    /// A word of the language.
    Keyword,
    /// A type of WGSL.
    Type,
    /// A name that is called or defined as a function.
    Function,
    /// A name after a dot, or before a colon.
    Property,
    /// A text.
    String,
    /// A number, or a truth value.
    Number,
    /// An operator.
    Operator,
    /// An attribute of WGSL, such as `@compute`.
    Attribute,
}

const RHAI: &[&str] = &[
    "as", "break", "catch", "const", "continue", "do", "else", "export", "fn", "for", "global", "if",
    "import", "in", "let", "loop", "private", "return", "switch", "this", "throw", "try", "until", "while",
];

const WGSL: &[&str] = &[
    "alias",
    "break",
    "case",
    "const",
    "continue",
    "continuing",
    "default",
    "diagnostic",
    "discard",
    "else",
    "enable",
    "fn",
    "for",
    "if",
    "let",
    "loop",
    "override",
    "requires",
    "return",
    "struct",
    "switch",
    "var",
    "while",
];

const TYPES: &[&str] = &[
    "array",
    "atomic",
    "bool",
    "f16",
    "f32",
    "i32",
    "mat2x2",
    "mat3x3",
    "mat4x4",
    "ptr",
    "read",
    "read_write",
    "storage",
    "u32",
    "uniform",
    "vec2",
    "vec3",
    "vec4",
    "workgroup",
];

/// The parts of a text, in order: where each ends, the next begins, and together they are all of it. Ranges are in bytes.
pub fn tokens(text: &str, language: Language) -> Vec<(Kind, Range<usize>)> {
    let mut lexer = Lexer { text, at: 0, language };
    let mut all: Vec<(Kind, Range<usize>)> = Vec::new();
    while lexer.at < text.len() {
        let start = lexer.at;
        let kind = lexer.next();
        debug_assert!(lexer.at > start, "every part has a letter");
        match all.last_mut() {
            Some((last, range)) if *last == kind => range.end = lexer.at,
            _ => all.push((kind, start..lexer.at)),
        }
    }
    all
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    language: Language,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }

    /// One part; the text is not at its end.
    fn next(&mut self) -> Kind {
        let Some(first) = self.peek() else { return Kind::Plain };
        if self.rest().starts_with("//") {
            self.skip(|c| c != '\n');
            return Kind::Comment;
        }
        if self.rest().starts_with("/*") {
            self.block_comment();
            return Kind::Comment;
        }
        match first {
            '"' | '`' | '\'' if self.language == Language::Rhai => {
                self.string(first);
                Kind::String
            }
            '0'..='9' => {
                self.number();
                Kind::Number
            }
            '@' if self.language == Language::Wgsl => {
                self.at += 1;
                self.skip(is_word);
                Kind::Attribute
            }
            c if c == '_' || c.is_alphabetic() => self.word(),
            c if "+-*/%<>=!&|^~?:#.,;".contains(c) => {
                self.at += 1;
                if ",;:.".contains(c) { Kind::Plain } else { Kind::Operator }
            }
            c => {
                self.at += c.len_utf8();
                Kind::Plain
            }
        }
    }

    /// Both languages let comments stand in comments.
    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            let rest = self.rest();
            match rest {
                _ if rest.starts_with("/*") => {
                    depth += 1;
                    self.at += 2;
                }
                _ if rest.starts_with("*/") => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => match self.peek() {
                    Some(c) => self.at += c.len_utf8(),
                    None => return,
                },
            }
        }
    }

    /// To the closing quote; one of a line ends with the line where the quote is missing.
    fn string(&mut self, quote: char) {
        self.at += 1;
        while let Some(c) = self.peek() {
            if c == '\n' && quote != '`' {
                return;
            }
            self.at += c.len_utf8();
            if c == quote {
                return;
            }
            if c == '\\' && quote != '`' && self.peek().is_some_and(|next| next != '\n') {
                self.at += self.peek().map_or(0, char::len_utf8);
            }
        }
    }

    fn number(&mut self) {
        if ["0x", "0b", "0o"].iter().any(|prefix| self.rest().starts_with(prefix)) {
            self.at += 2;
            self.skip(|c| c.is_ascii_hexdigit() || c == '_');
            self.skip(|c| c == 'u' || c == 'i');
            return;
        }
        let digit = |c: char| c.is_ascii_digit() || c == '_';
        self.skip(digit);
        // `0..n` is a range, and `1.max(2)` a call.
        let mut after = self.rest().chars();
        if after.next() == Some('.')
            && !after.next().is_some_and(|c| c == '.' || c == '_' || c.is_alphabetic())
        {
            self.at += 1;
            self.skip(digit);
        }
        if self.rest().starts_with(['e', 'E']) {
            let sign = usize::from(self.rest()[1..].starts_with(['+', '-']));
            if self.rest()[1 + sign..].starts_with(|c: char| c.is_ascii_digit()) {
                self.at += 1 + sign;
                self.skip(digit);
            }
        }
        if self.language == Language::Wgsl && self.rest().starts_with(['u', 'i', 'f', 'h']) {
            self.at += 1;
        }
    }

    fn word(&mut self) -> Kind {
        let start = self.at;
        self.skip(is_word);
        let word = &self.text[start..self.at];
        let after_dot = {
            let before = &self.text[..start];
            before.ends_with('.') && !before.ends_with("..")
        };
        let keywords = match self.language {
            Language::Rhai => RHAI,
            Language::Wgsl => WGSL,
        };
        if after_dot {
            return Kind::Property;
        }
        if keywords.contains(&word) {
            return Kind::Keyword;
        }
        if word == "true" || word == "false" {
            return Kind::Number;
        }
        if self.language == Language::Wgsl && TYPES.contains(&word) {
            return Kind::Type;
        }
        let after = self.rest().trim_start_matches(' ');
        if after.starts_with('(') {
            return Kind::Function;
        }
        // A key of a map; `a::b` is a module's.
        if self.language == Language::Rhai && after.starts_with(':') && !after.starts_with("::") {
            return Kind::Property;
        }
        Kind::Plain
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts that say something, with their texts.
    fn parts(text: &str, language: Language) -> Vec<(Kind, &str)> {
        let said = |&(kind, _): &(Kind, Range<usize>)| kind != Kind::Plain;
        tokens(text, language).into_iter().filter(said).map(|(kind, range)| (kind, &text[range])).collect()
    }

    #[test]
    fn a_script_has_its_parts() {
        use Kind::*;
        let text = "fn loss(net, y, t, p) { let err = net.q[t.action] - 1.5e-3; // why\n  \
                    metric(\"a \\\" b\", abs(err)); #{ n: 0..9, on: true } }";
        assert_eq!(
            parts(text, Language::Rhai),
            [
                (Keyword, "fn"),
                (Function, "loss"),
                (Keyword, "let"),
                (Operator, "="),
                (Property, "q"),
                (Property, "action"),
                (Operator, "-"),
                (Number, "1.5e-3"),
                (Comment, "// why"),
                (Function, "metric"),
                (String, "\"a \\\" b\""),
                (Function, "abs"),
                (Operator, "#"),
                (Property, "n"),
                (Number, "0"),
                (Number, "9"),
                (Property, "on"),
                (Number, "true"),
            ]
        );
    }

    #[test]
    fn a_kernel_has_its_parts() {
        use Kind::*;
        let text = "@compute @workgroup_size(32) fn objective() { var x: vec4<f32> = a.x * 0x1Fu; }";
        assert_eq!(
            parts(text, Language::Wgsl),
            [
                (Attribute, "@compute"),
                (Attribute, "@workgroup_size"),
                (Number, "32"),
                (Keyword, "fn"),
                (Function, "objective"),
                (Keyword, "var"),
                (Type, "vec4"),
                (Operator, "<"),
                (Type, "f32"),
                (Operator, ">"),
                (Operator, "="),
                (Property, "x"),
                (Operator, "*"),
                (Number, "0x1Fu"),
            ]
        );
    }

    #[test]
    fn what_is_open_ends_where_it_must() {
        use Kind::*;
        assert_eq!(
            parts("/* a /* b */ c */ 1", Language::Rhai),
            [(Comment, "/* a /* b */ c */"), (Number, "1")]
        );
        assert_eq!(parts("\"open\n1", Language::Rhai), [(String, "\"open"), (Number, "1")]);
        assert_eq!(parts("`open\n1", Language::Rhai), [(String, "`open\n1")]);
        assert_eq!(parts("/* open", Language::Rhai), [(Comment, "/* open")]);
    }

    #[test]
    fn the_parts_of_any_text_are_all_of_it() {
        let pieces = [
            "fn ", "\"", "`", "'", "/*", "*/", "//", "\n", "é", "τ", "1", ".", "..", "e", "-", "\\", "@x",
            "🦀", "0x", "(",
        ];
        // A small generator of its own: what is wanted is variety, the same in every run.
        let mut state = 12345u64;
        let mut draw = |n: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % n
        };
        for _ in 0..2000 {
            let text: std::string::String = (0..draw(12)).map(|_| pieces[draw(pieces.len())]).collect();
            for language in [Language::Rhai, Language::Wgsl] {
                let mut end = 0;
                for (_, range) in tokens(&text, language) {
                    assert_eq!(range.start, end, "{text:?}");
                    assert!(range.end > range.start && text.is_char_boundary(range.end), "{text:?}");
                    end = range.end;
                }
                assert_eq!(end, text.len(), "{text:?}");
            }
        }
    }
}
