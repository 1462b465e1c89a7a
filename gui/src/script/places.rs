//! Places in a text: lines and columns as people count them, characters as the editor does.

/// A place as people count it: lines and columns from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// The number of the character at a place; a place beyond a line's or the text's end is moved to it.
pub fn character_at(text: &str, place: Place) -> usize {
    let mut before = 0;
    for (index, line) in text.split('\n').enumerate() {
        let length = line.chars().count();
        if index + 1 >= place.line {
            return before + length.min(place.column.saturating_sub(1));
        }
        before += length + 1;
    }
    // One more than all characters was counted: the last line has no end.
    before.saturating_sub(1)
}

/// Byte offset of a character.
pub fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(byte, _)| byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_letters() {
        let text = "fn τ() {\n    é\n}\n";
        let at = |line, column| character_at(text, Place { line, column });
        assert_eq!([at(1, 1), at(1, 5), at(2, 5), at(3, 1), at(4, 1)], [0, 4, 13, 15, 17]);
        assert_eq!(&text[byte_of(text, 3)..byte_of(text, 4)], "τ");
        assert_eq!(byte_of(text, 99), text.len());
    }

    #[test]
    fn places_beyond_the_text_are_moved_into_it() {
        let at = |line, column| character_at("ab\ncd", Place { line, column });
        assert_eq!([at(1, 9), at(2, 1), at(2, 9), at(9, 1)], [2, 3, 5, 5]);
        assert_eq!(character_at("", Place { line: 3, column: 3 }), 0);
    }
}
