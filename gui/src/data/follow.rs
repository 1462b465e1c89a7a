//! Following a file of lines: what was read is not read again.
//!
//! A file that only grows is read on from where it was left. One that was cut, as a run's files are when it is taken up
//! from a checkpoint, may have grown past that place again by the next look. So the first and the last bytes that were
//! read are kept, and if they are others now, everything is read anew. A copy of the file on another disk passes as the
//! same.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use kelvin_run::{MAX_RECORDS, open_within};
use serde::{Deserialize, Serialize};

use super::files::Stamp;

/// Bytes that are kept of each end of what was read.
const KEPT: usize = 1024;
/// Bytes of a chunk.
const CHUNK: usize = 1 << 18;
/// Bytes of a line, at most.
const LONGEST: usize = 1 << 26;

/// How far a file has been read, and how to know it again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Bytes read; a line begins here.
    pub offset: u64,
    /// Lines before it.
    pub lines: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
}

/// What a look at the file brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// There may be lines to read, or none.
    Onwards,
    /// It is another than the one that was read, and begins again.
    Restarted,
}

/// A file of lines.
#[derive(Debug)]
pub(super) struct Follower {
    path: PathBuf,
    position: Position,
    /// How far behind it a line that is too long, and has no end yet, was passed.
    passing: Position,
    stamp: Option<Stamp>,
    /// Open from a look until there is nothing more to read.
    file: Option<File>,
}

/// Whole lines, the last with its end.
pub(super) struct Chunk<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Lines of the file before them.
    pub lines: u64,
}

impl Follower {
    /// Goes on from `position`, the default for a file's start.
    pub fn new(path: PathBuf, position: Position) -> Self {
        Self { path, position, passing: Position::default(), stamp: None, file: None }
    }

    /// How far it has been read.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Whether everything that was there at the last look has been read.
    pub fn is_at_end(&self) -> bool {
        self.file.is_none()
    }

    /// Begins again, whatever was read.
    pub fn restart(&mut self) {
        (self.position, self.passing) = (Position::default(), Position::default());
        // Open or not, there is something to read.
        self.stamp = None;
    }

    /// Looks whether the file has changed.
    pub fn look(&mut self) -> io::Result<Change> {
        // A line without an end is passed over, and of a file that only claims its length that takes hours.
        let mut file = match open_within(&self.path, MAX_RECORDS) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.file = None;
                self.stamp = None;
                return Ok(self.restart_if(self.position.offset + self.passing.offset > 0));
            }
            Err(error) => return Err(error),
        };
        let stamp = Stamp::of(&file.metadata()?);
        if self.stamp == Some(stamp) && self.file.is_none() {
            return Ok(Change::Onwards);
        }
        let is_same = self.is_same(&mut file, stamp.len)?;
        self.stamp = Some(stamp);
        self.file = Some(file);
        Ok(self.restart_if(!is_same))
    }

    fn restart_if(&mut self, is_another: bool) -> Change {
        if !is_another {
            return Change::Onwards;
        }
        (self.position, self.passing) = (Position::default(), Position::default());
        Change::Restarted
    }

    fn is_same(&self, file: &mut File, len: u64) -> io::Result<bool> {
        let Self { position, passing, .. } = self;
        let (offset, end) = (position.offset, position.offset + passing.offset);
        if len < end {
            return Ok(false);
        }
        // Each tail is a part of what was read.
        let ends = [
            (&position.head, 0),
            (&position.tail, offset - position.tail.len() as u64),
            (&passing.head, offset),
            (&passing.tail, end - passing.tail.len() as u64),
        ];
        for (bytes, at) in ends {
            let mut now = vec![0; bytes.len()];
            file.seek(SeekFrom::Start(at))?;
            match file.read_exact(&mut now) {
                // Cut since we asked how long it is.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
                read => read?,
            }
            if now != *bytes {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next whole lines, in `buffer`; nothing where there are none. Call [`look`](Self::look) first.
    pub fn read<'a>(&mut self, buffer: &'a mut Vec<u8>) -> io::Result<Option<Chunk<'a>>> {
        let Some(file) = &mut self.file else { return Ok(None) };
        let Position { offset, lines, .. } = self.position;
        file.seek(SeekFrom::Start(offset + self.passing.offset))?;
        buffer.clear();
        if self.passing.offset > 0 {
            return self.skip(buffer);
        }
        let mut wanted = CHUNK;
        let end = loop {
            let missing = (wanted - buffer.len()) as u64;
            let read = file.by_ref().take(missing).read_to_end(buffer)? as u64;
            if let Some(end) = memchr::memrchr(b'\n', buffer) {
                break end + 1;
            }
            if read < missing {
                // A line without its end is no line yet.
                self.file = None;
                return Ok(None);
            }
            wanted *= 2;
            if wanted > LONGEST {
                return self.skip(buffer);
            }
        };
        let bytes = &buffer[..end];
        self.position.take(bytes);
        Ok(Some(Chunk { bytes, lines }))
    }

    /// Passes a line that no record is as long as, of which `buffer` has what was read last. In its place comes a line that says so,
    /// which is no record either.
    fn skip<'a>(&mut self, buffer: &'a mut Vec<u8>) -> io::Result<Option<Chunk<'a>>> {
        let Some(file) = &mut self.file else { return Ok(None) };
        let lines = self.position.lines;
        loop {
            let end = memchr::memchr(b'\n', buffer).map(|end| end + 1);
            self.passing.take(&buffer[..end.unwrap_or(buffer.len())]);
            if end.is_some() {
                break;
            }
            buffer.clear();
            if file.by_ref().take(CHUNK as u64).read_to_end(buffer)? == 0 {
                // It has no end yet.
                self.file = None;
                return Ok(None);
            }
        }
        self.position.follow(std::mem::take(&mut self.passing));
        buffer.clear();
        buffer.extend_from_slice(format!("a line longer than {} MB\n", LONGEST >> 20).as_bytes());
        Ok(Some(Chunk { bytes: buffer, lines }))
    }
}

impl Position {
    /// Goes on over these bytes.
    fn take(&mut self, bytes: &[u8]) {
        let Self { offset, lines, head, tail } = self;
        *offset += bytes.len() as u64;
        *lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        let missing = (KEPT - head.len()).min(bytes.len());
        head.extend_from_slice(&bytes[..missing]);
        tail.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
        tail.drain(..tail.len().saturating_sub(KEPT));
    }

    /// Goes on over what `passed` has gone over from here.
    fn follow(&mut self, passed: Self) {
        let Self { offset, lines, head, tail } = self;
        *offset += passed.offset;
        *lines += passed.lines;
        let missing = (KEPT - head.len()).min(passed.head.len());
        head.extend_from_slice(&passed.head[..missing]);
        tail.extend_from_slice(&passed.tail);
        tail.drain(..tail.len().saturating_sub(KEPT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    struct Fixture {
        _folder: tempfile::TempDir,
        path: PathBuf,
        follower: Follower,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        Fixture { _folder: folder, follower: Follower::new(path.clone(), Position::default()), path }
    }

    impl Fixture {
        fn append(&self, text: &str) {
            let mut file = OpenOptions::new().append(true).create(true).open(&self.path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn read(&mut self) -> (Change, String) {
            let change = self.follower.look().unwrap();
            let (mut buffer, mut text) = (Vec::new(), String::new());
            while let Some(chunk) = self.follower.read(&mut buffer).unwrap() {
                text.push_str(std::str::from_utf8(chunk.bytes).unwrap());
            }
            (change, text)
        }
    }

    #[test]
    fn a_file_that_claims_terabytes_is_refused_at_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 42).unwrap();
        let error = Follower::new(file.path().to_path_buf(), Position::default()).look().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn lines_are_read_once_and_when_they_have_an_end() {
        let mut file = fixture();
        assert_eq!(file.read(), (Change::Onwards, String::new()));
        file.append("one\ntw");
        assert_eq!(file.read(), (Change::Onwards, "one\n".to_owned()));
        assert_eq!(file.read(), (Change::Onwards, String::new()));
        file.append("o\nthree\n");
        assert_eq!(file.read(), (Change::Onwards, "two\nthree\n".to_owned()));
        assert_eq!(file.follower.position().lines, 3);
        assert!(file.follower.is_at_end());
    }

    #[test]
    fn a_file_of_many_chunks_comes_whole() {
        let mut file = fixture();
        let text: String = (0..200_000).map(|line| format!("{line}\n")).collect();
        // One of the lines is longer than a chunk.
        let text = format!("{text}{}\n{text}", "x".repeat(3 * CHUNK));
        file.append(&text);
        let (_, read) = file.read();
        assert!(read == text, "{} of {} bytes", read.len(), text.len());
        assert_eq!(file.follower.position().lines, 400_001);
    }

    #[test]
    fn a_line_that_is_far_too_long_is_passed_over() {
        let mut file = fixture();
        file.append("one\n");
        file.append(&"x".repeat(LONGEST + 3 * CHUNK));
        assert_eq!(file.read(), (Change::Onwards, "one\n".to_owned()));
        assert_eq!(file.read(), (Change::Onwards, String::new()));
        file.append("\ntwo\n");
        assert_eq!(file.read(), (Change::Onwards, "a line longer than 64 MB\ntwo\n".to_owned()));
        assert_eq!(file.follower.position().lines, 3);
        file.append("three\n");
        assert_eq!(file.read(), (Change::Onwards, "three\n".to_owned()));
    }

    #[test]
    fn a_line_that_is_far_too_long_is_passed_once() {
        let mut file = fixture();
        file.append(&"x".repeat(LONGEST + 3 * CHUNK));
        file.read();
        let passed = file.follower.passing.offset;
        assert_eq!(passed, (LONGEST + 3 * CHUNK) as u64);
        // An end where it was read already would be found by whoever reads it again.
        let mut middle = OpenOptions::new().write(true).open(&file.path).unwrap();
        middle.seek(SeekFrom::Start(passed / 2)).unwrap();
        middle.write_all(b"\n").unwrap();
        file.append("xx");
        assert_eq!(file.read(), (Change::Onwards, String::new()));
        assert_eq!(file.follower.passing.offset, passed + 2);
        // Another file in its place.
        fs::write(&file.path, "one\n").unwrap();
        assert_eq!(file.read(), (Change::Restarted, "one\n".to_owned()));
        file.append("two\n");
        assert_eq!(file.read(), (Change::Onwards, "two\n".to_owned()));
    }

    #[test]
    fn a_file_that_was_cut_is_read_again() {
        let mut file = fixture();
        file.append("one\ntwo\nthree\n");
        file.read();
        fs::write(&file.path, "one\n").unwrap();
        assert_eq!(file.read(), (Change::Restarted, "one\n".to_owned()));
        // Cut and grown past the place before anybody looked.
        file.append("two\n");
        file.read();
        fs::write(&file.path, "one\n222\n333\n444\n").unwrap();
        assert_eq!(file.read(), (Change::Restarted, "one\n222\n333\n444\n".to_owned()));
        fs::remove_file(&file.path).unwrap();
        assert_eq!(file.read(), (Change::Restarted, String::new()));
        file.append("new\n");
        assert_eq!(file.read(), (Change::Onwards, "new\n".to_owned()));
    }

    #[test]
    fn a_file_is_gone_on_with_after_it_was_copied() {
        let mut file = fixture();
        file.append(&"a line of some length\n".repeat(1000));
        file.read();
        let position = file.follower.position().clone();
        assert_eq!((position.head.len(), position.tail.len()), (KEPT, KEPT));
        let copy = file.path.with_extension("copy");
        fs::copy(&file.path, &copy).unwrap();
        fs::rename(copy, &file.path).unwrap();
        file.append("more\n");
        file.follower = Follower::new(file.path.clone(), position);
        assert_eq!(file.read(), (Change::Onwards, "more\n".to_owned()));
    }
}
