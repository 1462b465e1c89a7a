//! Words and numbers as shells and people read them.

/// A word as a shell takes it: in quotes where it would take it apart, or for something else.
pub fn quoted(word: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/=+:,@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(safe) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A large number, its digits in threes: `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let pieces = digits.as_bytes().rchunks(3).rev();
    // Digits are text wherever they are taken apart.
    pieces.map(|piece| String::from_utf8_lossy(piece)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        for (word, said) in [
            ("a/b-1.rhai", "a/b-1.rhai"),
            ("", "''"),
            ("heads=[\"q\"]", "'heads=[\"q\"]'"),
            ("it's", r"'it'\''s'"),
            ("$x", "'$x'"),
        ] {
            assert_eq!(quoted(word), said);
        }
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 40_000_000].map(grouped), ["0", "999", "1,000", "40,000,000"]);
    }
}
