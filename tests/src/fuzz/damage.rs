//! Texts with something wrong: tokens lost, doubled and exchanged, and things that should not stand there.

use super::{Random, pick};
use rand::RngExt;

/// What may come into a text of some kind.
pub struct Vocabulary {
    /// Words, numbers and signs, those of other languages among them, apart by spaces.
    pub words: &'static str,
    /// Statements at the start of a function.
    pub statements: &'static [&'static str],
    /// What stands somewhere, and what stands there instead.
    pub replacements: &'static [(&'static str, &'static str)],
    /// How a value begins that may stand inside of others.
    pub value: &'static str,
}

impl Vocabulary {
    /// Breaks a text.
    pub fn damage(&self, random: &mut Random, text: String) -> String {
        match random.random_range(0..10) {
            0..=3 => self.exchange(random, &text),
            4 | 5 => self.insert_statement(random, text),
            6 => self.replace(random, text),
            7 => lines(random, &text),
            8 => self.nest(random, text),
            _ => bytes(random, text),
        }
    }

    /// A token removed, doubled, exchanged with another, or replaced by one from elsewhere.
    fn exchange(&self, random: &mut Random, text: &str) -> String {
        let mut tokens = tokens(text);
        if tokens.is_empty() {
            return String::new();
        }
        let one = random.random_range(0..tokens.len());
        let other = random.random_range(0..tokens.len());
        match random.random_range(0..5) {
            0 => drop(tokens.remove(one)),
            1 => tokens.insert(one, tokens[one]),
            2 => tokens.swap(one, other),
            3 => tokens[one] = tokens[other],
            _ => tokens[one] = pick(random, &self.words.split(' ').collect::<Vec<_>>()),
        }
        tokens.concat()
    }

    /// Something that should not be done, at the start of a function.
    fn insert_statement(&self, random: &mut Random, mut text: String) -> String {
        let functions: Vec<usize> =
            text.match_indices("fn ").filter_map(|(at, _)| Some(at + text[at..].find('{')?)).collect();
        let statement = pick(random, self.statements);
        if !functions.is_empty() {
            let at = functions[random.random_range(0..functions.len())] + 1;
            text.insert_str(at, &format!("\n    {statement}\n   "));
        }
        text
    }

    /// A word that stands somewhere, by another everywhere.
    fn replace(&self, random: &mut Random, text: String) -> String {
        let (from, to) = pick(random, self.replacements);
        match random.random_bool(0.5) {
            true => text.replace(from, to),
            false => text.replacen(from, to, 1),
        }
    }

    /// Brackets, blocks, operators and calls inside one another.
    fn nest(&self, random: &mut Random, text: String) -> String {
        let depth = [10, 40, 70, 100, 130, 1000, 20_000][random.random_range(0..7)];
        let (open, close) = pick_pair(random);
        let Some(at) = text.find(self.value) else { return text };
        let end = at + text[at..].find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '_')).unwrap_or(0);
        let (before, inner, after) = (&text[..at], &text[at..end], &text[end..]);
        format!("{before}{}{inner}{}{after}", open.repeat(depth), close.repeat(depth))
    }
}

/// Cuts a text into words, numbers, texts and single characters; together they are the text again.
pub fn tokens(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 0,
        ' ' | '\t' => 1,
        _ => 2,
    };
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (index, c) in text.char_indices() {
        if last.is_some_and(|last| last != class(c) || last == 2) {
            tokens.push(&text[start..index]);
            start = index;
        }
        last = Some(class(c));
    }
    if start < text.len() {
        tokens.push(&text[start..]);
    }
    tokens
}

/// A line removed, doubled, moved or cut; the text cut off.
fn lines(random: &mut Random, text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return String::new();
    }
    let (one, other) = (random.random_range(0..lines.len()), random.random_range(0..lines.len()));
    match random.random_range(0..5) {
        0 => drop(lines.remove(one)),
        1 => lines.insert(other, lines[one]),
        2 => lines.swap(one, other),
        3 => lines.truncate(one),
        _ => {
            let line = lines[one];
            let cut = line.char_indices().nth(line.chars().count() / 2).map_or(0, |(at, _)| at);
            lines[one] = &line[..cut];
        }
    }
    lines.join("\n")
}

fn pick_pair(random: &mut Random) -> (&'static str, &'static str) {
    let pairs = [
        ("(", ")"),
        ("[", "][0]"),
        ("{ ", " }"),
        ("-", ""),
        ("!", ""),
        ("abs(", ")"),
        ("if true { ", " } else { 0 }"),
        ("(1 + ", ")"),
        ("1 + ", ""),
        ("", " + 1"),
        ("", ".abs()"),
        ("|x| ", ""),
        ("#{ a: ", " }.a"),
        ("max(0, ", ")"),
    ];
    pairs[random.random_range(0..pairs.len())]
}

/// What a text editor would not write.
fn bytes(random: &mut Random, mut text: String) -> String {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    if places.is_empty() {
        return text;
    }
    let at = places[random.random_range(0..places.len())];
    match random.random_range(0..9) {
        0 => text.insert(at, char::from_u32(random.random_range(1..0xd800)).unwrap_or('x')),
        1 => text.insert(at, '\u{feff}'),
        2 => text.insert_str(at, &"x".repeat(100_000)),
        3 => text.insert_str(at, &format!("\"{}\"", "é".repeat(70_000))),
        4 => text.insert_str(at, &"1".repeat(5_000)),
        5 => text.insert_str(at, &"\n".repeat(70_000)),
        6 => text.insert_str(at, &format!("/*{}", "/*".repeat(3_000))),
        7 => text.push_str(&"// a comment\n".repeat(90_000)),
        _ => text.truncate(at),
    }
    text
}
