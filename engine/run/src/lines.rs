//! Append-only records, one JSON object a line: `metrics.jsonl` and `events.jsonl`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::RunError;
use crate::plain::{open_own, read_plain};

/// Bytes a file of records may have: those of the longest runs are a hundredth of it. It is read whole.
pub const MAX_BYTES: u64 = 4 << 30;

/// The writing end of a file of records.
///
/// Each record reaches the operating system whole, in one write, before [`append`](Self::append) returns: a killed
/// process loses nothing, and a lost machine at most tears the last line, which readers ignore and the next writer
/// cuts off.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: File,
    /// Of all records so far.
    hasher: blake3::Hasher,
    bytes: u64,
}

/// How far a file of records had come: what a run is cut to that goes on from there, and known again by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    bytes: u64,
    /// In hexadecimal.
    blake3: String,
}

impl JsonLines {
    /// Opens `path` for appending, makes it if need be, and cuts off a torn last record.
    pub(crate) fn open(path: PathBuf) -> Result<Self, RunError> {
        let file = open_own(&path, true).map_err(RunError::io("open", &path))?;
        let mut lines = Self { path, file, hasher: blake3::Hasher::new(), bytes: 0 };
        let text = lines.text()?;
        let whole = whole_records(&text);
        if whole < text.len() {
            lines.truncate(whole)?;
        }
        lines.passed(&text[..whole]);
        Ok(lines)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one record. A NaN or infinity becomes `null`: JSON has no other word for it.
    ///
    /// # Errors
    /// A disk that is full or gone; a value that has no JSON form, such as a map with keys that are no strings.
    pub fn append(&mut self, record: &impl Serialize) -> Result<(), RunError> {
        let mut line = serde_json::to_vec(record).map_err(|error| RunError::encode(&self.path, error))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(RunError::io("write", &self.path))?;
        self.passed(&line);
        Ok(())
    }

    /// How far it has come.
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes, blake3: self.hasher.finalize().to_hex().to_string() }
    }

    /// Drops all that follows a mark: for a run resumed from a checkpoint, what was recorded past it will happen again.
    ///
    /// Returns what is wrong with the records up to there, if they are not those that the mark was set behind: then
    /// nothing is lost by going on, but what is on record is not what happened.
    ///
    /// # Errors
    /// A file that cannot be read or cut.
    pub fn cut_to(&mut self, mark: &Mark) -> Result<Option<RunError>, RunError> {
        let text = self.text()?;
        let kept = up_to(&text, mark);
        let damage = self.compare(kept, mark);
        // A record that lost its end must not run into the next.
        let kept = if damage.is_some() { &kept[..whole_records(kept)] } else { kept };
        self.truncate(kept.len())?;
        (self.hasher, self.bytes) = (blake3::Hasher::new(), 0);
        self.passed(kept);
        Ok(damage)
    }

    /// The same, and drops nothing.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn check(&self, mark: &Mark) -> Result<Option<RunError>, RunError> {
        Ok(self.compare(up_to(&self.text()?, mark), mark))
    }

    /// What is wrong with a text that should end at a mark.
    fn compare(&self, text: &[u8], mark: &Mark) -> Option<RunError> {
        let missing = mark.bytes - text.len() as u64;
        if missing > 0 {
            let reason = format!("its last {missing} bytes from before the checkpoint are missing");
            return Some(RunError::damaged(&self.path, reason));
        }
        (blake3::hash(text).to_hex().as_str() != mark.blake3).then(|| {
            RunError::damaged(&self.path, "it was changed: up to the checkpoint it is not as it was written")
        })
    }

    /// Drops the first record for which `after` holds and all that follow it; says how many went.
    ///
    /// For a run resumed from a checkpoint: what was recorded past the checkpoint will happen again.
    ///
    /// # Errors
    /// A file that cannot be read or cut, or holds a damaged record.
    pub fn cut_from(&mut self, after: impl FnMut(&Value) -> bool) -> Result<usize, RunError> {
        let text = self.text()?;
        let records = parse(&self.path, &text)?;
        let Some(first) = records.iter().position(after) else { return Ok(0) };
        let keep: usize = text.split_inclusive(|&byte| byte == b'\n').take(first).map(<[u8]>::len).sum();
        self.truncate(keep)?;
        (self.hasher, self.bytes) = (blake3::Hasher::new(), 0);
        self.passed(&text[..keep]);
        Ok(records.len() - first)
    }

    /// Drops all records, damaged ones as well.
    ///
    /// # Errors
    /// A file that cannot be cut.
    pub fn clear(&mut self) -> Result<(), RunError> {
        self.truncate(0)?;
        (self.hasher, self.bytes) = (blake3::Hasher::new(), 0);
        Ok(())
    }

    /// The same file once more, for another thread.
    ///
    /// # Errors
    /// No more files may be open.
    pub fn another(&self) -> Result<Self, RunError> {
        let file = self.file.try_clone().map_err(RunError::io("open", &self.path))?;
        Ok(Self { path: self.path.clone(), file, hasher: self.hasher.clone(), bytes: self.bytes })
    }

    /// Waits until all records are on the disk: for the moment before a checkpoint that counts on them.
    ///
    /// # Errors
    /// A disk that is full or gone.
    pub fn sync(&self) -> Result<(), RunError> {
        self.file.sync_data().map_err(RunError::io("flush", &self.path))
    }

    fn text(&self) -> Result<Vec<u8>, RunError> {
        read_plain(&self.path, MAX_BYTES).map_err(RunError::io("read", &self.path))
    }

    /// Takes note of what the file has come to hold.
    fn passed(&mut self, text: &[u8]) {
        self.hasher.update(text);
        self.bytes += text.len() as u64;
    }

    fn truncate(&self, length: usize) -> Result<(), RunError> {
        // A second handle: one that may only append may not cut on every system.
        let cut = |path: &Path| -> io::Result<()> {
            OpenOptions::new().write(true).open(path)?.set_len(length as u64)
        };
        cut(&self.path).map_err(RunError::io("truncate", &self.path))
    }
}

/// All whole records of a file; none if there is no file. A torn last record is ignored.
pub(crate) fn read(path: &Path) -> Result<Vec<Value>, RunError> {
    match read_plain(path, MAX_BYTES) {
        Ok(text) => parse(path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(RunError::io("read", path)(error)),
    }
}

/// The part of a text before a mark, as far as there is one.
fn up_to<'a>(text: &'a [u8], mark: &Mark) -> &'a [u8] {
    &text[..text.len().min(usize::try_from(mark.bytes).unwrap_or(usize::MAX))]
}

/// The lines that hold whole records, each with its end; see [`whole_records`].
pub(crate) fn whole(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text[..whole_records(text)].split_inclusive(|&byte| byte == b'\n')
}

fn parse(path: &Path, text: &[u8]) -> Result<Vec<Value>, RunError> {
    whole(text)
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|error| {
                RunError::damaged(path, format_args!("line {} is no JSON: {error}", index + 1))
            })
        })
        .collect()
}

/// How many bytes from the start hold whole records: up to the last line end, less last lines that are no JSON (a lost
/// machine can leave zeros where data was never written).
fn whole_records(text: &[u8]) -> usize {
    let mut end = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    while end > 0 {
        let start = text[..end - 1].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        if serde_json::from_slice::<serde::de::IgnoredAny>(&text[start..end]).is_ok() {
            break;
        }
        end = start;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[test]
    fn records_come_back_in_order() {
        let (_folder, path) = file(b"");
        let mut lines = JsonLines::open(path.clone()).unwrap();
        for update in 0..3 {
            lines.append(&json!({ "update": update, "loss": 0.1 + f64::from(update) })).unwrap();
        }
        lines.append(&json!({ "loss": f32::NAN })).unwrap();
        lines.sync().unwrap();
        let records = read(&path).unwrap();
        assert_eq!(records.len(), 4);
        assert_eq!(records[2], json!({ "update": 2, "loss": 2.1 }));
        assert_eq!(records[3], json!({ "loss": null }));
    }

    #[test]
    fn a_torn_last_record_is_ignored_then_cut_off() {
        // Torn in the middle; torn so that the rest happens to be JSON; zeros with a line end; an empty last line.
        for tail in [&b"{\"update\":2,\"lo"[..], b"12", b"\0\0\0\n", b"{\"update\":", b"\n"] {
            let whole = b"{\"update\":1}\n";
            let (_folder, path) = file(&[whole, tail].concat());
            assert_eq!(read(&path).unwrap(), [json!({ "update": 1 })], "{tail:?}");
            let mut lines = JsonLines::open(path.clone()).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole, "{tail:?}");
            lines.append(&json!({ "update": 2 })).unwrap();
            assert_eq!(read(&path).unwrap(), [json!({ "update": 1 }), json!({ "update": 2 })], "{tail:?}");
        }
    }

    /// Whoever hands a run on could have a file of the reader's cut off as a torn record.
    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link() {
        let (folder, path) = file(b"somebody's own");
        let link = folder.path().join("link.jsonl");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let error = JsonLines::open(link).unwrap_err().to_string();
        assert!(error.contains("it is a link"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"somebody's own");
    }

    #[test]
    fn nothing_but_a_torn_record_is_no_record() {
        let (_folder, path) = file(b"{\"upd");
        assert!(read(&path).unwrap().is_empty());
        JsonLines::open(path.clone()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert!(read(&path.with_file_name("none")).unwrap().is_empty());
    }

    #[test]
    fn damage_in_the_middle_names_the_line() {
        let (_folder, path) = file(b"{\"update\":1}\n{\"upd\n{\"update\":3}\n");
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl") && error.contains("line 2"), "{error}");
    }

    /// `/dev/full` is a disk without a free byte.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_named() {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        let (hasher, bytes) = (blake3::Hasher::new(), 0);
        let error = JsonLines { path, file, hasher, bytes }.append(&1).unwrap_err().to_string();
        assert!(error.contains("/dev/full") && error.contains("free some space"), "{error}");
    }

    #[test]
    fn a_resumed_run_drops_what_will_happen_again() {
        let (_folder, path) = file(b"");
        let mut lines = JsonLines::open(path.clone()).unwrap();
        for update in [1, 2, 3, 4] {
            lines.append(&json!({ "update": update })).unwrap();
        }
        let later = |than: u64| move |record: &Value| record["update"].as_u64().is_some_and(|at| at > than);
        assert_eq!(lines.cut_from(later(2)).unwrap(), 2);
        assert_eq!(lines.cut_from(later(2)).unwrap(), 0);
        lines.append(&json!({ "update": 5 })).unwrap();
        let updates: Vec<_> =
            read(&path).unwrap().iter().map(|record| record["update"].as_u64().unwrap()).collect();
        assert_eq!(updates, [1, 2, 5]);
    }

    #[test]
    fn a_run_goes_on_behind_its_mark_whatever_came_after_it() {
        let (_folder, path) = file(b"");
        let mut lines = JsonLines::open(path.clone()).unwrap();
        let empty = lines.mark();
        (1..4).for_each(|update| lines.append(&json!({ "update": update })).unwrap());
        let mark = lines.mark();
        assert_eq!(JsonLines::open(path.clone()).unwrap().mark(), mark);
        lines.append(&json!({ "update": 4 })).unwrap();
        // Even what is no record.
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"\0\0\n{\"upd\n{}\n").unwrap();
        let mut lines = JsonLines::open(path.clone()).unwrap();
        assert!(lines.cut_to(&mark).unwrap().is_none());
        lines.append(&json!({ "update": 9 })).unwrap();
        let updates: Vec<_> = read(&path).unwrap().iter().map(|record| record["update"].clone()).collect();
        assert_eq!(updates, [1, 2, 3, 9]);
        assert!(lines.cut_to(&empty).unwrap().is_none());
        assert_eq!((fs::read(&path).unwrap(), lines.mark()), (vec![], empty));
    }

    #[test]
    fn records_that_are_not_those_before_the_mark_are_told_and_kept() {
        let whole = b"{\"update\":1}\n{\"update\":2}\n";
        let (_folder, path) = file(whole);
        let mark = JsonLines::open(path).unwrap().mark();
        for (damaged, kept, told) in [
            (
                &b"{\"update\":1}\n{\"update\":3}\n"[..],
                &b"{\"update\":1}\n{\"update\":3}\n"[..],
                "it was changed",
            ),
            (
                b"{\"update\":1}\n{\"upd",
                b"{\"update\":1}\n",
                "13 bytes from before the checkpoint are missing",
            ),
            (b"", b"", "26 bytes from before"),
        ] {
            let (_folder, path) = file(damaged);
            let mut lines = JsonLines::open(path.clone()).unwrap();
            let error = lines.cut_to(&mark).unwrap().unwrap().to_string();
            assert!(error.contains(told) && error.contains("metrics.jsonl"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), kept);
        }
    }
}
