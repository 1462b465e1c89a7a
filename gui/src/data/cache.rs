//! Curves on the disk, so that a run of millions of records is read once.
//!
//! ```text
//! $XDG_CACHE_HOME/kelvin/monitor/<hash of the run's path>.curves
//! ```
//!
//! A file holds decimated series, how far the run's files were read, and how to know them again. It only saves time: one
//! that is damaged, foreign or of another version is as if it were not there, and one that cannot be written is not.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs, io};

use kelvin_run::open_plain;

use super::curves::Saved;

/// Begins each file; the last byte is the version.
const MAGIC: [u8; 8] = *b"kelvcur\x01";
/// Bytes of all files together; beyond them the least recently used go.
const MOST: u64 = 1 << 30;
/// Bytes that a file is unpacked to, at most.
const LARGEST: u64 = 1 << 30;
/// Fast; the numbers' last digits are noise to any.
const LEVEL: i32 = 1;
const EXTENSION: &str = "curves";

/// Files of decimated curves, a run each.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in a folder, which is made when it is first needed.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// What was saved of a run.
    pub fn load(&self, run: &Path) -> Option<Saved> {
        let (path, name) = self.place(run)?;
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut open_plain(&path).ok()?, &mut bytes).ok()?;
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (sum, packed) = rest.split_at_checked(blake3::OUT_LEN)?;
        if blake3::hash(packed).as_bytes() != sum {
            return None;
        }
        let mut unpacked = Vec::new();
        let decoder = zstd::Decoder::new(packed).ok()?;
        io::Read::read_to_end(&mut io::Read::take(decoder, LARGEST), &mut unpacked).ok()?;
        let (of, saved): (String, Saved) = postcard::from_bytes(&unpacked).ok()?;
        // Used just now: it is not the next to go.
        let _ = fs::File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        (of == name).then_some(saved)
    }

    /// Saves what was read of a run.
    pub fn save(&self, run: &Path, saved: &Saved) {
        // The next monitor does the work once more.
        let _ = self.try_save(run, saved);
    }

    fn try_save(&self, run: &Path, saved: &Saved) -> io::Result<()> {
        let (path, name) = self.place(run).ok_or(io::ErrorKind::NotFound)?;
        let unpacked = postcard::to_stdvec(&(name, saved)).map_err(io::Error::other)?;
        let packed = zstd::encode_all(&unpacked[..], LEVEL)?;
        fs::create_dir_all(&self.folder)?;
        let mut file = tempfile::Builder::new().prefix(".partial-").tempfile_in(&self.folder)?;
        for part in [&MAGIC[..], blake3::hash(&packed).as_bytes(), &packed] {
            file.write_all(part)?;
        }
        file.persist(path)?;
        Ok(())
    }

    /// Where the curves of a run are, and the name that they are kept under: its path, links resolved.
    fn place(&self, run: &Path) -> Option<(PathBuf, String)> {
        let name = fs::canonicalize(run).ok()?.to_string_lossy().into_owned();
        let hash = blake3::hash(name.as_bytes()).to_hex();
        Some((self.folder.join(&hash[..32]).with_extension(EXTENSION), name))
    }

    /// Removes the files that were not used for longest, until the others fit, and what was left unfinished.
    pub fn prune(&self) {
        self.prune_to(MOST);
    }

    fn prune_to(&self, most: u64) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in entries.flatten() {
            let (path, Ok(about)) = (entry.path(), entry.metadata()) else { continue };
            let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                files.push((modified, about.len(), path));
            } else if entry.file_name().to_string_lossy().starts_with(".partial-")
                // Of another monitor that is writing just now, perhaps.
                && modified.elapsed().is_ok_and(|age| age.as_secs() > 3600)
            {
                let _ = fs::remove_file(path);
            }
        }
        files.sort_by(|a, b| b.cmp(a));
        let mut total = 0;
        for (_, len, path) in files {
            total += len;
            if total > most {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// The folder that caches of this program are in: `$XDG_CACHE_HOME/kelvin/monitor`, else below `$HOME/.cache`.
pub(super) fn folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("kelvin").join("monitor"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::curves::Reader;
    use crate::data::synthetic::{Kind, Synthetic};

    fn reader(run: &Path, points: u64) -> Reader {
        Synthetic::new(1, points, Kind::Done).write(run).unwrap();
        let mut reader = Reader::new(run, None);
        reader.advance(u64::MAX).unwrap();
        reader
    }

    #[test]
    fn what_is_saved_is_found_again_and_read_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let (run, cache) = (folder.path().join("run"), Cache::new(folder.path().join("cache")));
        let first = reader(&run, 3000);
        assert!(cache.load(&run).is_none());
        cache.save(&run, &first.saved());
        let mut second = Reader::new(&run, cache.load(&run));
        assert_eq!((second.curves().read, second.curves().complete), (first.curves().read, false));
        second.advance(1).unwrap();
        assert_eq!(second.curves(), first.curves());
        // By another name for the same folder, and of another folder.
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&run, folder.path().join("link")).unwrap();
            assert!(cache.load(&folder.path().join("link")).is_some());
        }
        assert!(cache.load(folder.path()).is_none());
    }

    #[test]
    fn what_is_damaged_or_foreign_is_as_if_it_were_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let (run, other) = (folder.path().join("run"), folder.path().join("other"));
        let cache = Cache::new(folder.path().join("cache"));
        cache.save(&run, &reader(&run, 100).saved());
        let (path, _) = cache.place(&run).unwrap();
        let sound = fs::read(&path).unwrap();
        for place in (0..sound.len()).step_by(sound.len() / 50).chain([7, sound.len() - 1]) {
            let mut bytes = sound.clone();
            bytes[place] ^= 0x10;
            fs::write(&path, bytes).unwrap();
            assert!(cache.load(&run).is_none(), "byte {place}");
        }
        for length in [0, 5, 20, 45, sound.len() - 1] {
            fs::write(&path, &sound[..length]).unwrap();
            assert!(cache.load(&run).is_none(), "{length} bytes");
        }
        fs::write(&path, &sound).unwrap();
        assert!(cache.load(&run).is_some());
        // Two paths of one hash, if that ever happened.
        fs::create_dir(&other).unwrap();
        fs::copy(&path, cache.place(&other).unwrap().0).unwrap();
        assert!(cache.load(&other).is_none());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let reader = reader(&run, 10);
        let cache = Cache::new(run.join("DONE"));
        cache.save(&run, &reader.saved());
        cache.prune();
        assert!(cache.load(&run).is_none());
    }

    #[test]
    fn the_least_recently_used_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let runs: Vec<PathBuf> = (0..4).map(|index| folder.path().join(index.to_string())).collect();
        for (age, run) in runs.iter().enumerate() {
            cache.save(run, &reader(run, 10).saved());
            let time = SystemTime::now() - std::time::Duration::from_secs(100 * (age as u64 + 1));
            let file = fs::File::options().append(true).open(cache.place(run).unwrap().0).unwrap();
            file.set_modified(time).unwrap();
        }
        // Used: now it is the newest.
        assert!(cache.load(&runs[3]).is_some());
        let size = fs::metadata(cache.place(&runs[0]).unwrap().0).unwrap().len();
        cache.prune_to(2 * size + size / 2);
        let kept: Vec<bool> = runs.iter().map(|run| cache.load(run).is_some()).collect();
        assert_eq!(kept, [true, false, false, true]);
    }
}
