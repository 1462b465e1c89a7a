//! Which file names may stand in a manifest, and so be opened or written.

use crate::RunError;

/// Checks a bare file name: ASCII letters, digits, `.`, `_` and `-`, not hidden, at most 100 long.
///
/// A manifest is input, perhaps copied from a stranger: a name in it must not reach outside its folder (`../x`,
/// `/etc/x`, `C:x`) nor name a device or a hidden file.
pub(crate) fn check(name: &str) -> Result<(), RunError> {
    let refuse = |reason| Err(RunError::Name { name: name.to_string(), reason });
    if name.is_empty() || name.len() > 100 {
        return refuse("it must be 1 to 100 characters long");
    }
    if name.starts_with('.') {
        return refuse("it must not start with a dot");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return refuse("only letters, digits, '.', '_' and '-' are allowed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn plain_names_pass_and_paths_do_not() {
        for name in ["replay.bin", "rng-0.json", "A_b.9", "x", &"a".repeat(100)] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "/etc/passwd",
            "a\\b",
            "C:x",
            ".hidden",
            "a b",
            "é",
            "a\0",
            &"a".repeat(101),
        ] {
            assert!(check(name).is_err(), "{name:?}");
        }
    }
}
