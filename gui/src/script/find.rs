//! Finding a text in a text.

use std::ops::Range;

/// Most matches that are kept: more tell nobody anything.
const MOST: usize = 10_000;

/// Where `needle` occurs, in characters, ascending and without overlap. With `exact`, case counts.
pub fn matches(text: &str, needle: &str, exact: bool) -> Vec<Range<usize>> {
    let fold = |c: char| if exact { c } else { c.to_lowercase().next().unwrap_or(c) };
    let text: Vec<char> = text.chars().map(fold).collect();
    let needle: Vec<char> = needle.chars().map(fold).collect();
    let mut found = Vec::new();
    let Some(&first) = needle.first() else { return found };
    let mut at = 0;
    while at + needle.len() <= text.len() && found.len() < MOST {
        if text[at] == first && text[at..at + needle.len()] == needle[..] {
            found.push(at..at + needle.len());
            at += needle.len();
        } else {
            at += 1;
        }
    }
    found
}

/// Which match comes next from a selection: the first that begins at `from` or later, else the first of all.
pub fn next(matches: &[Range<usize>], from: usize) -> Option<usize> {
    let place = matches.partition_point(|found| found.start < from);
    (!matches.is_empty()).then_some(if place == matches.len() { 0 } else { place })
}

/// Which match comes before: the last that ends at `until` or earlier, else the last of all.
pub fn previous(matches: &[Range<usize>], until: usize) -> Option<usize> {
    let place = matches.partition_point(|found| found.end <= until);
    matches.len().checked_sub(1).map(|last| place.checked_sub(1).unwrap_or(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_in_characters_and_do_not_overlap() {
        assert_eq!(matches("τ aaa Aa aa", "aa", true), [2..4, 9..11]);
        assert_eq!(matches("τ aaa Aa", "aa", false), [2..4, 6..8]);
        assert_eq!(matches("Ärger ärger", "ä", false), [0..1, 6..7]);
        assert!(matches("abc", "", false).is_empty() && matches("a", "ab", true).is_empty());
    }

    #[test]
    fn search_goes_round() {
        let found = [2..4, 6..8];
        assert_eq!([0, 2, 3, 7].map(|from| next(&found, from)), [Some(0), Some(0), Some(1), Some(0)]);
        assert_eq!([0, 4, 6, 9].map(|until| previous(&found, until)), [Some(1), Some(0), Some(0), Some(1)]);
        assert_eq!((next(&[], 0), previous(&[], 0)), (None, None));
    }
}
