//! Every version of the objective that ran, so that a run can be read, or replayed, with the scripts it really used.
//!
//! ```text
//! objective/index.jsonl                                   one line a swap: update, hash, folder, script
//! objective/000000001500-3f9a01bc/soft_kl.rhai            the sources, laid out as they import one another
//! objective/000000001500-3f9a01bc/lib/huber.rhai
//! ```

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::lines::JsonLines;
use crate::{RunError, durable, lines};

/// One version of the objective and the update from which it was in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectiveVersion {
    /// Updates made before it was in force.
    pub update: u64,
    /// The hash over all its sources, as the script host reports it.
    pub hash: String,
    /// The script with `config`, `params` and `loss`: a path inside the run directory.
    pub script: PathBuf,
}

/// Writes a version down, unless it is the one in force at this update already.
///
/// `sources` are (path, text), the script first and then what it imports. Below their deepest common folder they keep
/// their places, so that the imports of the copy resolve as those of the original.
pub(crate) fn record(
    run: &Path,
    update: u64,
    hash: &str,
    sources: &[(PathBuf, String)],
) -> Result<(), RunError> {
    let versions = list(run)?;
    let is_this = |version: &&ObjectiveVersion| version.update == update && version.hash == hash;
    if versions.last().is_some_and(|last| is_this(&last)) {
        return Ok(());
    }
    let script = match versions.iter().find(is_this) {
        // Another one was in force at the same update in between: the sources are there, for others to read.
        Some(version) => version.script.clone(),
        None => write(run, update, hash, sources)?,
    };
    let mut index = JsonLines::open(index(run))?;
    index.append(&ObjectiveVersion { update, hash: hash.to_string(), script })?;
    index.sync()
}

/// Writes the sources of a version that is not in the index, and says where its script is.
fn write(run: &Path, update: u64, hash: &str, sources: &[(PathBuf, String)]) -> Result<PathBuf, RunError> {
    let short: String = hash.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    let name = format!("{update:012}-{short}");
    let folder = run.join("objective").join(&name);
    // A folder without a line in the index is what a crash between the two left: written anew.
    if folder.exists() {
        durable::remove(&folder)?;
    }
    let place = keep(&folder, sources)?;
    Ok(Path::new("objective").join(name).join(place))
}

/// Writes sources into `folder`, which does not exist, and says where in it the script is: the first of them.
pub(crate) fn keep(folder: &Path, sources: &[(PathBuf, String)]) -> Result<PathBuf, RunError> {
    let mut places = places(sources, folder)?;
    let partial = durable::partial_folder(durable::parent(folder))?;
    for (place, (_, text)) in places.iter().zip(sources) {
        let path = partial.path().join(place);
        let parent = durable::parent(&path);
        fs::create_dir_all(parent).map_err(RunError::io("create", parent))?;
        durable::replace(&path, text.as_bytes(), durable::Survives::PowerLoss)?;
    }
    durable::publish(partial, folder)?;
    Ok(places.swap_remove(0))
}

/// Forgets all but the first `kept` versions: a run resumed from there has left their history. Their sources stay.
pub(crate) fn rewind(run: &Path, kept: usize) -> Result<(), RunError> {
    let mut index = JsonLines::open(index(run))?;
    let mut seen = 0;
    index.cut_from(|_| {
        seen += 1;
        seen > kept
    })?;
    index.sync()
}

/// All versions, oldest first.
pub(crate) fn list(run: &Path) -> Result<Vec<ObjectiveVersion>, RunError> {
    let path = index(run);
    let parse = |record| serde_json::from_value(record).map_err(|error| RunError::damaged(&path, error));
    lines::read(&path)?.into_iter().map(parse).collect()
}

fn index(run: &Path) -> PathBuf {
    run.join("objective").join("index.jsonl")
}

/// Where each source goes inside the version's folder: its path below the deepest folder that all of them share.
fn places(sources: &[(PathBuf, String)], folder: &Path) -> Result<Vec<PathBuf>, RunError> {
    let paths = sources.iter().map(|(path, _)| plain(path)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = paths.first() else {
        return Err(RunError::encode(folder, "an objective has no sources"));
    };
    let mut shared = first.len().saturating_sub(1);
    for path in &paths {
        let same = path.iter().zip(first).take_while(|(a, b)| a == b).count();
        shared = shared.min(same).min(path.len().saturating_sub(1));
    }
    let places: Vec<PathBuf> = paths.iter().map(|path| path[shared..].iter().collect()).collect();
    for (index, place) in places.iter().enumerate() {
        if place.as_os_str().is_empty() || places[..index].contains(place) {
            return Err(RunError::encode(
                folder,
                format_args!("two sources have the path {}", place.display()),
            ));
        }
    }
    Ok(places)
}

/// The names a path consists of, from the root on, with `.` and `..` resolved by name: nothing in it can leave a folder.
fn plain(path: &Path) -> Result<Vec<PathBuf>, RunError> {
    let absolute = std::path::absolute(path).map_err(RunError::io("find", path))?;
    let mut names = Vec::new();
    for component in absolute.components() {
        match component {
            Component::Normal(name) => names.push(PathBuf::from(name)),
            Component::ParentDir => drop(names.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Ok(names)
}
