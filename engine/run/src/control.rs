//! `control.toml`: what somebody outside, a person with an editor or a monitor, asks of a run while it goes on.
//!
//! The run reads it again and again and never writes it. What it may say is the business of whoever trains.

use std::io::{ErrorKind, Read as _};
use std::path::Path;

use crate::RunError;
use crate::plain::open_plain;

/// Bytes it may have: a few hundred are usual, and it is read many times a second.
const MAX_BYTES: u64 = 1 << 16;

/// The file's text; none where there is no file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, RunError> {
    let file = match open_plain(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(unfit(path, error.to_string())),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RunError::io("open", path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(RunError::io("read", path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unfit(path, format!("it is larger than {} kB", MAX_BYTES / 1024)));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(unfit(path, "it is not UTF-8 text".to_string())),
    }
}

fn unfit(path: &Path, reason: String) -> RunError {
    let hint = Some("it holds a few lines of TOML, such as [params] and below it tau = 0.05".to_string());
    RunError::Damaged { path: path.to_path_buf(), reason, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.toml");
        assert_eq!(read(&path).unwrap(), None);
        let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("not a regular file"));
        drop(socket);
    }
}
