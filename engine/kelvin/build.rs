//! Which Kelvin this is: its version, and the commit that it is built from where that is known.
//!
//! `0.1.0+1a2b3c4d5e6f` is that version at that commit; `.changed` behind it says that what was built is in no commit.
//! Outside of a checkout of its own repository, or without git, it is the version alone.

// What cargo is told goes over standard output.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::process::Command;

/// What the program is made from. A commit of anything else makes no other program, and need not build it again.
const SOURCES: [&str; 4] = ["engine", "shaders", "Cargo.toml", "Cargo.lock"];
/// This folder in the repository.
const HERE: &str = "engine/kelvin/";

fn main() {
    let version = env!("CARGO_PKG_VERSION");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    println!("cargo::rerun-if-changed=build.rs");
    let said = match commit(&root) {
        Some(commit) => {
            SOURCES.iter().for_each(|source| rerun_if_changed(&root.join(source)));
            format!("{version}+{commit}")
        }
        None => version.to_owned(),
    };
    println!("cargo::rustc-env=KELVIN_VERSION={said}");
}

/// The newest commit of the sources; `None` where this is not the repository's own checkout.
fn commit(root: &Path) -> Option<String> {
    // A copy inside of somebody else's repository has their commits.
    git(root, &["-C", HERE, "rev-parse", "--show-prefix"]).filter(|prefix| prefix == HERE)?;
    let in_sources = |words: &[&str]| git(root, &[words, &["--"], &SOURCES].concat());
    let commit = in_sources(&["log", "-1", "--abbrev=12", "--format=%h"]).filter(|hash| !hash.is_empty())?;
    if in_sources(&["status", "--porcelain"])?.is_empty() {
        return Some(commit);
    }
    // The next commit may hold just this.
    let branch = git(root, &["symbolic-ref", "--quiet", "HEAD"]);
    for name in std::iter::once("HEAD".to_owned()).chain(branch) {
        if let Some(file) = git(root, &["rev-parse", "--path-format=absolute", "--git-path", &name]) {
            rerun_if_changed(Path::new(&file));
        }
    }
    Some(format!("{commit}.changed"))
}

/// What git says; `None` where there is none, or it fails.
fn git(root: &Path, words: &[&str]) -> Option<String> {
    // Nobody else at work in the checkout is locked out meanwhile.
    let output =
        Command::new("git").arg("--no-optional-locks").current_dir(root).args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(text.trim().to_owned())
}

/// A file that is not there would have cargo run this every time.
fn rerun_if_changed(path: &Path) {
    if path.exists() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}
