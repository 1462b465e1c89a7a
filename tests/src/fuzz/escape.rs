//! Bytes as a line of text: printable signs stand for themselves, `\n` and `\xNN` for what they do elsewhere, and
//! `\20000*[[]` is `[` 20000 times, so that what is deep or long stays short to read.

use std::fmt::Write as _;

/// Shortest stretch, in bytes, that is written as a repetition.
const STRETCH: usize = 48;
/// Longest piece that is looked for as the one repeated.
const PIECE: usize = 8;
/// Most bytes that a text may stand for; one may be edited by hand.
const MOST: usize = 64 << 20;

/// The text of bytes.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let times = |piece: usize| rest.chunks(piece).take_while(|chunk| *chunk == &rest[..piece]).count();
        let repeated = (1..=PIECE.min(rest.len())).map(|piece| (piece, times(piece)));
        match repeated.into_iter().find(|(piece, times)| *times > 1 && piece * times >= STRETCH) {
            Some((piece, times)) => {
                // Writing to a text cannot fail.
                let _ = write!(text, "\\{times}*[");
                rest[..piece].iter().for_each(|byte| one(&mut text, *byte, true));
                text.push(']');
                at += piece * times;
            }
            None => {
                one(&mut text, bytes[at], false);
                at += 1;
            }
        }
    }
    text
}

fn one(text: &mut String, byte: u8, bracketed: bool) {
    match byte {
        b'\n' => text.push_str("\\n"),
        b']' if bracketed => text.push_str("\\x5d"),
        b'\\' => text.push_str("\\\\"),
        b' '..=b'~' => text.push(char::from(byte)),
        _ => drop(write!(text, "\\x{byte:02x}")),
    }
}

/// The inverse; what is no escape stands for itself.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'\\'
            && let Some((piece, times, after)) = escaped(after)
        {
            if bytes.len() + piece.len().saturating_mul(times) <= MOST {
                (0..times).for_each(|_| bytes.extend_from_slice(&piece));
            }
            rest = after;
            continue;
        }
        bytes.push(byte);
        rest = after;
    }
    bytes
}

/// What an escape stands for, how often, and what follows it.
fn escaped(after: &[u8]) -> Option<(Vec<u8>, usize, &[u8])> {
    match after.first()? {
        b'n' => Some((vec![b'\n'], 1, &after[1..])),
        b'\\' => Some((vec![b'\\'], 1, &after[1..])),
        b'x' => {
            let digits = std::str::from_utf8(after.get(1..3)?).ok()?;
            Some((vec![u8::from_str_radix(digits, 16).ok()?], 1, &after[3..]))
        }
        b'0'..=b'9' => {
            let star = after.iter().position(|byte| *byte == b'*')?;
            let times = std::str::from_utf8(&after[..star]).ok()?.parse().ok()?;
            let piece = after[star + 1..].strip_prefix(b"[")?;
            let end = piece.iter().position(|byte| *byte == b']')?;
            Some((unescape(std::str::from_utf8(&piece[..end]).ok()?), times, &piece[end + 1..]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_their_text() {
        let deep = [vec![b'['; 20_000], vec![b']'; 300], b"{\"a\":".repeat(500), vec![0xff; 3]].concat();
        for bytes in [&b"plain text"[..], b"\\n\n\\x41\xc3\x28\0", &deep, b"", b"[]\\3*[a]", &[b'\\'; 100]] {
            assert_eq!(unescape(&escape(bytes)), bytes, "{}", escape(bytes));
        }
        assert!(escape(&deep).len() < 100, "{}", escape(&deep));
        assert_eq!(unescape("\\3*[ab]c\\q\\x4"), b"abababc\\q\\x4");
    }
}
