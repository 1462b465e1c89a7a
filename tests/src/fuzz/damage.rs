//! Scripts with something wrong: tokens lost, doubled and exchanged, and things that no objective should do.

use super::mistakes::{REPLACEMENTS, STATEMENTS, WORDS};
use super::{Case, Random};
use rand::RngExt;

/// Breaks about half of the cases.
pub fn perhaps(random: &mut Random, case: &mut Case) {
    if random.random_bool(0.5) {
        return;
    }
    for _ in 0..random.random_range(1..=3) {
        let file = if case.files.len() > 1 && random.random_bool(0.2) { 1 } else { 0 };
        let text = std::mem::take(&mut case.files[file].1);
        case.files[file].1 = damaged(random, text);
    }
}

fn damaged(random: &mut Random, text: String) -> String {
    match random.random_range(0..10) {
        0..=3 => exchange(random, &text),
        4 | 5 => insert_statement(random, text),
        6 => replace(random, text),
        7 => lines(random, &text),
        8 => nest(random, text),
        _ => bytes(random, text),
    }
}

fn pick<'a>(random: &mut Random, words: &[&'a str]) -> &'a str {
    words[random.random_range(0..words.len())]
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

/// A token removed, doubled, exchanged with another, or replaced by one from elsewhere.
fn exchange(random: &mut Random, text: &str) -> String {
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
        _ => tokens[one] = pick(random, &WORDS.split(' ').collect::<Vec<_>>()),
    }
    tokens.concat()
}

/// Something that no objective should do, at the start of a function.
fn insert_statement(random: &mut Random, mut text: String) -> String {
    let functions: Vec<usize> =
        text.match_indices("fn ").filter_map(|(at, _)| Some(at + text[at..].find('{')?)).collect();
    let statement = pick(random, STATEMENTS);
    if !functions.is_empty() {
        let at = functions[random.random_range(0..functions.len())] + 1;
        text.insert_str(at, &format!("\n    {statement}\n   "));
    }
    text
}

/// A word that stands somewhere, by another everywhere.
fn replace(random: &mut Random, text: String) -> String {
    let (from, to) = REPLACEMENTS[random.random_range(0..REPLACEMENTS.len())];
    match random.random_bool(0.5) {
        true => text.replace(from, to),
        false => text.replacen(from, to, 1),
    }
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

/// Brackets, blocks, operators and calls inside one another.
fn nest(random: &mut Random, text: String) -> String {
    let depth = [10, 40, 70, 100, 130, 1000, 20_000][random.random_range(0..7)];
    let (open, close) = pick_pair(random);
    let Some(at) = text.find("net.") else { return text };
    let end = at + text[at..].find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '_')).unwrap_or(0);
    let (before, inner, after) = (&text[..at], &text[at..end], &text[end..]);
    format!("{before}{}{inner}{}{after}", open.repeat(depth), close.repeat(depth))
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
