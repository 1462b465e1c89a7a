//! A checksum as the last line of a text, in a comment: a bit that fell over in a number makes another experiment of a run,
//! and nothing else would show it.

use std::path::Path;

use crate::RunError;

/// What the line begins with.
const MARK: &str = "# checksum of the lines above: ";

/// The text with its checksum.
pub(crate) fn close(text: &str) -> String {
    format!("{text}{MARK}{}\n", blake3::hash(text.as_bytes()).to_hex())
}

/// The text without its checksum, if it has one that is right or has none; `path` is where it was read.
pub(crate) fn open(path: &Path, mut text: String) -> Result<String, RunError> {
    let Some(at) = text.rfind(MARK) else { return Ok(text) };
    let found = text[at + MARK.len()..].trim_end();
    if found != blake3::hash(&text.as_bytes()[..at]).to_hex().as_str() {
        return Err(RunError::Damaged {
            path: path.to_path_buf(),
            reason: "it is not as it was written: its last line, a checksum, does not match".to_owned(),
            hint: Some(format!(
                "put it back as it was; where the change is meant, remove the line `{}…`",
                MARK.trim_end()
            )),
        });
    }
    text.truncate(at);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_and_a_change_in_it_does_not() {
        let (path, text) = (Path::new("config.toml"), "seed = 2\nenvs = 8\n");
        let closed = close(text);
        assert!(toml::from_str::<toml::Table>(&closed).is_ok(), "{closed}");
        assert_eq!(open(path, closed.clone()).unwrap(), text);
        assert_eq!(open(path, text.to_owned()).unwrap(), text, "without a checksum");
        for changed in [
            closed.replace("= 8", "= 9"),
            closed.replace("\n#", "\n\n#"),
            closed[..closed.len() - 9].to_owned(),
        ] {
            let error = open(path, changed).unwrap_err();
            let RunError::Damaged { hint: Some(hint), .. } = &error else { panic!("{error}") };
            assert!(error.to_string().contains("config.toml") && hint.contains("# checksum"), "{error}");
        }
    }
}
