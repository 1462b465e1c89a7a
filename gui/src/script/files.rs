//! Reading a script, and writing it so that nobody ever sees half of it.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Bytes that are read at most: as many as the script host takes.
const MAX_BYTES: u64 = 1 << 20;

/// What a file holds, as an editor wants it: lines that end with `\n` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileText {
    /// The text.
    pub text: String,
    /// How the file has it.
    pub format: Format,
}

/// What an editor does not show of a file, and has to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// It begins with a byte order mark.
    pub mark: bool,
    /// All its lines end with `\r\n`.
    pub crlf: bool,
}

/// Why a file has no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// There is none.
    Missing,
    /// It cannot be read, or is no text; in words for the user.
    Unreadable(String),
}

/// Why a file was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// It holds something else than it did when the editing began.
    Conflict(FileText),
    /// The disk or the system does not take it; in words for the user.
    Failed(String),
}

/// What is at `path`.
pub fn read(path: &Path) -> Result<FileText, ReadError> {
    let unreadable = |why: String| ReadError::Unreadable(format!("{}: {why}", path.display()));
    let attempt = || -> io::Result<Vec<u8>> {
        let file = fs::File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("this is not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = match attempt() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ReadError::Missing),
        Err(error) => return Err(unreadable(error.to_string())),
        Ok(bytes) => bytes,
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unreadable("it is larger than 1 MiB, and no script".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?;
    Ok(FileText::of(&text))
}

impl FileText {
    /// A file's whole content, taken apart.
    fn of(content: &str) -> Self {
        let (mark, text) = match content.strip_prefix('\u{feff}') {
            Some(text) => (true, text),
            None => (false, content),
        };
        // Lines that end in both ways stay as they are: one of the two is not for us to choose.
        let ends = text.matches('\n').count();
        let crlf = ends > 0 && text.matches("\r\n").count() == ends;
        let text = if crlf { text.replace("\r\n", "\n") } else { text.to_owned() };
        Self { text, format: Format { mark, crlf } }
    }
}

impl Format {
    /// A text as the file has it.
    fn content(self, text: &str) -> String {
        let text = if self.crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
        if self.mark { format!("\u{feff}{text}") } else { text }
    }
}

/// Replaces what is at `path` in one step, if it still holds `base`; without a base, whatever it holds. Its permissions
/// stay, and a link still points to what it pointed to. A file that is gone is made anew.
pub fn write(path: &Path, text: &str, format: Format, base: Option<&str>) -> Result<(), WriteError> {
    if let Some(base) = base {
        match read(path) {
            Ok(now) if now.text != base => return Err(WriteError::Conflict(now)),
            Ok(_) | Err(ReadError::Missing) => {}
            Err(ReadError::Unreadable(why)) => return Err(WriteError::Failed(why)),
        }
    }
    replace(path, format.content(text).as_bytes()).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "you may not write there; your text stays here: copy it, or make the file and its folder writable"
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space and apply again",
            io::ErrorKind::NotFound => "its folder is gone; your text stays here: copy it, or make the folder again",
            _ => "your text stays here; try again, or copy it",
        };
        WriteError::Failed(format!("cannot write {}: {error}\n{hint}", path.display()))
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = target(path)?;
    let permissions = match fs::metadata(&target) {
        Ok(about) if about.permissions().readonly() => {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is write protected"));
        }
        Ok(about) => Some(about.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // tempfile makes what only its user can read; a new script is a file like any other.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.prefix(".kelvin-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    // The new name must survive a loss of power too. Windows opens no folders and does this by itself.
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The file itself, behind links.
fn target(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(real) => Ok(real),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => Err(io::Error::new(io::ErrorKind::NotFound, "it is a link to a file that is not there")),
            Err(_) => Ok(path.to_path_buf()),
        },
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    #[test]
    fn what_an_editor_does_not_show_is_kept() {
        let folder = folder();
        let path = folder.path().join("s.rhai");
        for content in ["a\nb\n", "\u{feff}a\r\nb\r\n", "a\r\nb\n", "", "a"] {
            fs::write(&path, content).unwrap();
            let file = read(&path).unwrap();
            assert!(!file.text.starts_with('\u{feff}'));
            write(&path, &file.text, file.format, Some(&file.text)).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content, "{content:?}");
        }
        fs::write(&path, "a\r\nb\r\n").unwrap();
        let format = read(&path).unwrap().format;
        write(&path, "a\nc\n", format, Some("a\nb\n")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\r\nc\r\n");
    }

    #[test]
    fn what_somebody_else_wrote_is_not_written_over() {
        let folder = folder();
        let path = folder.path().join("s.rhai");
        fs::write(&path, "theirs").unwrap();
        let conflict = write(&path, "mine", Format::default(), Some("base")).unwrap_err();
        assert_eq!(conflict, WriteError::Conflict(FileText::of("theirs")));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        write(&path, "mine", Format::default(), None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        // A file that is gone comes back.
        fs::remove_file(&path).unwrap();
        write(&path, "mine", Format::default(), Some("base")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let folder = folder();
        let (real, link) = (folder.path().join("deep/real.rhai"), folder.path().join("link.rhai"));
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("deep/real.rhai", &link).unwrap();
        let before = fs::metadata(&real).unwrap().ino();
        write(&link, "new", Format::default(), Some("old")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().file_type().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        let after = fs::metadata(&real).unwrap();
        assert_eq!(after.permissions().mode() & 0o777, 0o640);
        assert_ne!(after.ino(), before, "it was renamed over, not written into");
        let files: Vec<_> = fs::read_dir(folder.path().join("deep")).unwrap().collect();
        assert_eq!(files.len(), 1, "nothing is left behind");
    }

    #[cfg(unix)]
    #[test]
    fn a_protected_file_is_left_alone_and_told_of() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder();
        let path = folder.path().join("s.rhai");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let Err(WriteError::Failed(why)) = write(&path, "new", Format::default(), Some("old")) else {
            panic!("it was written");
        };
        assert!(why.contains("write protected") && why.contains("your text stays here"), "{why}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        let dangling = folder.path().join("dangling.rhai");
        std::os::unix::fs::symlink("nowhere.rhai", &dangling).unwrap();
        assert!(matches!(write(&dangling, "new", Format::default(), None), Err(WriteError::Failed(_))));
    }

    #[test]
    fn what_is_no_text_is_told_apart_from_what_is_not_there() {
        let folder = folder();
        assert_eq!(read(&folder.path().join("none")), Err(ReadError::Missing));
        fs::write(folder.path().join("latin"), b"caf\xe9").unwrap();
        for name in ["latin", "."] {
            assert!(matches!(read(&folder.path().join(name)), Err(ReadError::Unreadable(_))), "{name}");
        }
    }
}
