//! Folders with something wrong: a list of edits, one a line, of the files of a sound one.
//!
//! ```text
//! json live/status.json 0 /frames 1e999     what stands at a place of a line of JSON; nothing behind it removes it
//! header live/view.safetensors 0 /a/b []    the same in the header of such a file, whose length is made to fit
//! toml config.toml n 1e999                  the value of a key in a line of its own
//! put state.zst! 8 \xff\xff                 bytes over those at a place, `!` for what is compressed in the file
//! insert metrics.jsonl 3 \20000*[[]         bytes at a place
//! drop metrics.jsonl 3 100                  so many bytes from a place on
//! lines metrics.jsonl 3 1                   a line once more, behind another
//! write a/b text                            a file of that content
//! copy a b                                  a file once more, under another name
//! lose a, folder a, pipe a, link a TARGET   nothing, a folder, a pipe or a link in a file's place; OUTSIDE in a link is
//!                                           the folder around the one that is written to
//! grow a 1000000000000                      a file of that length, of zeros that take no room
//! seal                                      checksums as if all had been written as it is there now
//! ```
//!
//! Places count modulo what there is, so that an edit says something of any run. An edit of what is not there does nothing.

use super::escape::{escape, unescape};
use super::values::{JSON, TOML};
use super::{Random, json, pick};
use rand::RngExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Content of files by their paths below a folder, with `/` between the parts.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// Longest content that is still edited, in bytes: a copy takes a copy.
const MOST: usize = 16 << 20;
/// A run's settings, and what their last line begins with.
const CONFIG: &str = "config.toml";
const CHECKSUM: &[u8] = b"# checksum";
/// The manifest of a checkpoint.
const MANIFEST: &str = "manifest.json";

/// All files below a folder.
///
/// # Errors
/// What cannot be read.
pub fn tree(folder: &Path) -> std::io::Result<Tree> {
    fn collect(folder: &Path, at: &str, tree: &mut Tree) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{at}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                collect(&entry.path(), &format!("{name}/"), tree)?;
            } else {
                tree.insert(name, fs::read(entry.path())?);
            }
        }
        Ok(())
    }
    let mut tree = Tree::new();
    collect(folder, "", &mut tree)?;
    Ok(tree)
}

/// Makes up some edits of the files for which `wanted` holds.
pub fn make(random: &mut Random, tree: &Tree, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let files: Vec<&String> = tree.keys().filter(|name| wanted(name)).collect();
    let count = if random.random_bool(0.6) { 1 } else { random.random_range(2..=5) };
    (0..count).map(|_| edit(random, tree, &files)).collect()
}

fn edit(random: &mut Random, tree: &Tree, files: &[&String]) -> String {
    let file = pick(random, files).as_str();
    if random.random_bool(0.1) {
        return whole(random, file, files);
    }
    let content = &tree[file];
    let kind = file.rsplit('.').next().unwrap_or_default();
    let typed = random.random_bool(0.75);
    match kind {
        "json" | "jsonl" if typed => {
            let lines =
                if kind == "json" { 1 } else { content.iter().filter(|byte| **byte == b'\n').count() };
            let line = random.random_range(0..lines.max(1));
            let value =
                part(kind == "json", content, line).and_then(|part| serde_json::from_slice(part).ok());
            let place = json::place(random, &value.unwrap_or(Value::Null));
            format!("json {file} {line} {place} {}", pick(random, JSON))
        }
        "safetensors" if typed => {
            let value = header(content).and_then(|(header, _)| serde_json::from_slice(header).ok());
            let place = json::place(random, &value.unwrap_or(Value::Null));
            format!("header {file} 0 {place} {}", pick(random, JSON))
        }
        "toml" if typed => {
            let keys: Vec<&str> = std::str::from_utf8(content)
                .unwrap_or("")
                .lines()
                .filter_map(|line| line.split(" = ").next())
                .collect();
            let key = keys.get(random.random_range(0..keys.len().max(1))).copied().unwrap_or("a");
            format!("toml {file} {key} {}", pick(random, TOML))
        }
        "zst" if random.random_bool(0.8) => bytes(random, &format!("{file}!"), unpacked(content).len()),
        _ => bytes(random, file, content.len()),
    }
}

/// A file that is no such file.
fn whole(random: &mut Random, file: &str, files: &[&String]) -> String {
    let other = pick(random, files);
    // One of the folders that it lies in.
    let parents: Vec<usize> = file.match_indices('/').map(|(at, _)| at).collect();
    let folder = if parents.is_empty() { file } else { &file[..pick(random, &parents)] };
    let targets = [
        "OUTSIDE/canary",
        "OUTSIDE",
        "/dev/zero",
        "/dev/full",
        "/dev/tty",
        "/proc/self/mem",
        "/proc/self/environ",
        "/nowhere",
        "..",
        ".",
        "/",
    ];
    match random.random_range(0..10) {
        9 => format!("link {folder} {}", pick(random, &targets)),
        0 => format!("lose {file}"),
        1 => format!("folder {file}"),
        2 => format!("pipe {file}"),
        3 => format!("link {file} {}", pick(random, &targets)),
        4 => format!("link {file} {}", file.rsplit('/').next().unwrap_or_default()),
        5 => format!("grow {file} {}", pick(random, &[1_u64 << 20, 20 << 20, 1 << 40, (1 << 43) - 1])),
        6 => format!("copy {other} {file}"),
        7 => format!("write {file} "),
        _ => format!("drop {file} {} 9999999", random.random_range(0..10_000)),
    }
}

fn bytes(random: &mut Random, file: &str, len: usize) -> String {
    let at = random.random_range(0..=len);
    let odd = [0_u64, 1, 255, 1 << 31, (1 << 32) - 1, 1 << 53, 1 << 63, u64::MAX, u64::MAX - 1, 1 << 40];
    match random.random_range(0..9) {
        0 => format!("put {file} {at} \\x{:02x}", random.random_range(0..=255_u8)),
        1 => format!(
            "put {file} {at} {}",
            escape(&pick(random, &odd).to_le_bytes()[..pick(random, &[1, 2, 4, 8])])
        ),
        2 => {
            format!("put {file} {} {}", pick(random, &[0, 8, 16]), escape(&pick(random, &odd).to_le_bytes()))
        }
        3 => format!("put {file} {at} {}", escape(&random.random::<u64>().to_le_bytes())),
        4 => format!("insert {file} {at} {}", pick(random, JSON)),
        5 => format!("insert {file} {at} \\{}*[\\x00]", pick(random, &[1, 8, 4096, 1_000_000])),
        6 => format!("drop {file} {at} {}", pick(random, &[1, 2, 8, 100, 9_999_999])),
        7 => format!("lines {file} {} {}", random.random_range(0..100), random.random_range(0..100)),
        _ => format!("drop {file} 0 {at}"),
    }
}

/// Writes the files of `tree` into a folder, with these edits.
///
/// # Errors
/// What cannot be written; of what an edit cannot do nothing is said.
pub fn write(tree: &Tree, edits: &[&str], folder: &Path) -> std::io::Result<()> {
    let mut tree = tree.clone();
    let mut last = Vec::new();
    for line in edits {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["seal"] => seal(&mut tree),
            ["lose", file] => drop(tree.remove(file)),
            ["write", file] => drop(tree.insert(file.to_owned(), Vec::new())),
            ["write", file, ..] => {
                let text = line.splitn(3, ' ').nth(2).unwrap_or_default();
                tree.insert(file.to_owned(), unescape(text));
            }
            ["copy", from, to] => {
                if let Some(content) = tree.get(from).cloned() {
                    tree.insert(to.to_owned(), content);
                }
            }
            ["folder" | "pipe" | "link" | "grow", ..] => last.push(words),
            [verb, file, at, rest] => content(&mut tree, verb, file, at, rest),
            [verb, file, at] => content(&mut tree, verb, file, at, ""),
            _ => {}
        }
    }
    for (name, content) in &tree {
        // A file may be in the place of a folder by now.
        let path = folder.join(name);
        let _ = path.parent().map(fs::create_dir_all);
        let _ = fs::write(path, content);
    }
    for words in last {
        replace(&words, folder);
    }
    Ok(())
}

/// Something else in the place of a file.
fn replace(words: &[&str], folder: &Path) {
    let inside = |name: &str| !name.starts_with('/') && !name.split('/').any(|part| part == "..");
    let Some(path) = words.get(1).filter(|name| inside(name)).map(|name| folder.join(name)) else { return };
    // What cannot be done leaves the file as it is.
    let _ = path.parent().map(fs::create_dir_all);
    if words[0] != "grow" {
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    }
    match words {
        ["folder", _] => drop(fs::create_dir(&path)),
        #[cfg(unix)]
        ["pipe", _] => drop(rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU)),
        #[cfg(unix)]
        ["link", _, to] => {
            let around = folder.parent().unwrap_or(folder).to_string_lossy();
            drop(std::os::unix::fs::symlink(to.replace("OUTSIDE", &around), &path));
        }
        ["grow", _, len] => {
            let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(&path);
            let _ = len.parse().map(|len| file.and_then(|file| file.set_len(len)));
        }
        _ => {}
    }
}

/// An edit of a file's content.
fn content(tree: &mut Tree, verb: &str, file: &str, at: &str, rest: &str) {
    let (name, packed) = file.strip_suffix('!').map_or((file, false), |name| (name, true));
    let Some(content) = tree.get(name) else { return };
    let before = if packed { unpacked(content) } else { content.clone() };
    let Some(after) = edited(&before, name, verb, at, rest).filter(|after| after.len() <= MOST) else {
        return;
    };
    let after = match packed {
        // Compression in memory does not fail.
        true => zstd::bulk::compress(&after, 1).unwrap_or(after),
        false => after,
    };
    tree.insert(name.to_owned(), after);
}

fn edited(before: &[u8], name: &str, verb: &str, at: &str, rest: &str) -> Option<Vec<u8>> {
    let place = |modulo: usize| at.parse::<usize>().ok().map(|at| at % modulo.max(1));
    let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
    match verb {
        "json" => {
            let whole = !name.ends_with(".jsonl");
            let count = before.iter().filter(|byte| **byte == b'\n').count();
            let part = part(whole, before, place(count)?)?;
            let start = part.as_ptr() as usize - before.as_ptr() as usize;
            let now = json::replaced(part, first, &unescape(second))?;
            Some([&before[..start], &now, &before[start + part.len()..]].concat())
        }
        "header" => {
            let (header, data) = header(before)?;
            let now = json::replaced(header, first, &unescape(second))?;
            Some([&(now.len() as u64).to_le_bytes(), &now[..], data].concat())
        }
        "toml" => {
            let text = std::str::from_utf8(before).ok()?;
            let line = text.lines().find(|line| line.split(" = ").next() == Some(at))?;
            let start = line.as_ptr() as usize - text.as_ptr() as usize;
            let now = [format!("{at} = ").as_bytes(), &unescape(rest)].concat();
            Some([&before[..start], &now, &before[start + line.len()..]].concat())
        }
        "put" => {
            let (at, bytes) = (place(before.len() + 1)?, unescape(rest));
            let end = (at + bytes.len()).min(before.len());
            Some([&before[..at], &bytes[..end - at], &before[end..]].concat())
        }
        "insert" => {
            let at = place(before.len() + 1)?;
            Some([&before[..at], &unescape(rest), &before[at..]].concat())
        }
        "drop" => {
            let at = place(before.len() + 1)?;
            let end = at.saturating_add(rest.parse().ok()?).min(before.len());
            Some([&before[..at], &before[end..]].concat())
        }
        "lines" => {
            let mut lines: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
            let (from, to) = (place(lines.len())?, rest.parse::<usize>().ok()? % (lines.len() + 1));
            lines.insert(to, *lines.get(from)?);
            Some(lines.concat())
        }
        _ => None,
    }
}

/// A line of a file, or all of it.
fn part(whole: bool, content: &[u8], line: usize) -> Option<&[u8]> {
    if whole { Some(content) } else { content.split(|byte| *byte == b'\n').nth(line) }
}

/// Header and data of a safetensors file.
fn header(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = content.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)
}

/// What is compressed in a file; nothing if it is damaged.
fn unpacked(content: &[u8]) -> Vec<u8> {
    zstd::bulk::decompress(content, MOST).unwrap_or_default()
}

/// Sizes and hashes of what there is, in all manifests, and no checksum in settings, which need none; what is not there keeps
/// what is said of it.
fn seal(tree: &mut Tree) {
    for (_, content) in tree.iter_mut().filter(|(name, _)| name.ends_with(CONFIG)) {
        let start = content.windows(CHECKSUM.len()).rposition(|window| window == CHECKSUM);
        content.truncate(start.unwrap_or(content.len()));
    }
    let manifests: Vec<String> = tree.keys().filter(|name| name.ends_with(MANIFEST)).cloned().collect();
    for name in manifests {
        let Ok(mut manifest) = serde_json::from_slice::<Value>(&tree[&name]) else { continue };
        let folder = name.strip_suffix(MANIFEST).unwrap_or_default();
        let parent = folder.trim_end_matches('/').rsplit_once('/').map_or("", |(parent, _)| parent);
        for (key, folder) in [("files", folder.to_owned()), ("segments", format!("{parent}/segments/"))] {
            let Some(entries) = manifest.get_mut(key).and_then(Value::as_object_mut) else { continue };
            for (file, entry) in entries.iter_mut() {
                if let Some(content) = tree.get(&format!("{folder}{file}")) {
                    *entry = json!({ "bytes": content.len(), "blake3": blake3::hash(content).to_hex().to_string() });
                }
            }
        }
        // What was JSON is JSON.
        tree.insert(name, serde_json::to_vec(&manifest).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(tree: &Tree, edits: &[&str]) -> Tree {
        let folder = tempfile::tempdir().expect("a folder");
        write(tree, edits, folder.path()).expect("written");
        super::tree(folder.path()).expect("read")
    }

    #[test]
    fn edits_do_what_they_say() {
        let packed = zstd::bulk::compress(b"content", 1).expect("compressed");
        let tensors = [&21_u64.to_le_bytes()[..], b"{\"a\":{\"shape\":[1]}}  ", b"data"].concat();
        let files = [
            ("a/b.jsonl", b"{\"x\":1}\n{\"x\":2}\n".to_vec()),
            ("c.toml", b"n = 1\nm = 2\n".to_vec()),
            ("d.zst", packed),
            ("e.safetensors", tensors),
        ];
        let tree: Tree = files.into_iter().map(|(name, content)| (name.to_owned(), content)).collect();
        let one = |edit: &str, name: &str| String::from_utf8_lossy(&after(&tree, &[edit])[name]).into_owned();
        assert_eq!(one("json a/b.jsonl 3 /x 1e999", "a/b.jsonl"), "{\"x\":1}\n{\"x\":1e999}\n");
        assert_eq!(one("json a/b.jsonl 0 /x ", "a/b.jsonl"), "{}\n{\"x\":2}\n");
        assert_eq!(one("toml c.toml n \\3*[[]", "c.toml"), "n = [[[\nm = 2\n");
        assert_eq!(one("put c.toml 4 \\x39", "c.toml"), "n = 9\nm = 2\n");
        assert_eq!(one("insert c.toml 0 a b\\n", "c.toml"), "a b\nn = 1\nm = 2\n");
        assert_eq!(one("drop c.toml 1 99", "c.toml"), "n");
        assert_eq!(one("lines c.toml 1 0", "c.toml"), "m = 2\nn = 1\nm = 2\n");
        assert_eq!(one("write new/file x y", "new/file"), "x y");
        assert_eq!(one("copy c.toml f", "f"), "n = 1\nm = 2\n");
        assert_eq!(unpacked(&after(&tree, &["put d.zst! 0 C"])["d.zst"]), b"Content");
        let headed = &after(&tree, &["header e.safetensors 0 /a/shape []"])["e.safetensors"];
        assert_eq!(header(headed), Some((&b"{\"a\":{\"shape\":[]}}"[..], &b"data"[..])));
        assert!(!after(&tree, &["lose c.toml"]).contains_key("c.toml"));
        assert_eq!(
            after(&tree, &["nonsense", "json c.toml 0 /x 1", "put none 1 x", "drop c.toml x y"]),
            tree
        );
        assert_eq!(after(&tree, &["grow c.toml 20"])["c.toml"].len(), 20);
    }

    #[test]
    fn a_sealed_checkpoint_is_what_is_there() {
        let manifest = json!({ "files": { "x": { "bytes": 1, "blake3": "" } }, "segments": { "s": {} } });
        let files = [
            ("r/1/manifest.json", manifest.to_string().into_bytes()),
            ("r/1/x", b"abc".to_vec()),
            ("r/segments/s", b"de".to_vec()),
        ];
        let tree = files.into_iter().map(|(name, content)| (name.to_owned(), content)).collect();
        let sealed: Value =
            serde_json::from_slice(&after(&tree, &["put r/1/x 0 X", "seal"])["r/1/manifest.json"])
                .expect("JSON");
        assert_eq!(sealed["files"]["x"]["bytes"], 3);
        assert_eq!(sealed["files"]["x"]["blake3"], blake3::hash(b"Xbc").to_hex().to_string());
        assert_eq!(sealed["segments"]["s"]["bytes"], 2);
    }

    #[test]
    fn made_edits_change_something() {
        let tree = Tree::from([("a.json".to_owned(), b"{\"x\":[1,2]}".to_vec())]);
        let mut random = crate::fuzz::random(1, 1);
        let changed = (0..200).filter(|_| {
            let edits = make(&mut random, &tree, |_| true);
            let edits: Vec<&str> =
                edits.iter().map(String::as_str).filter(|edit| !edit.starts_with("link")).collect();
            let harmless = |edit: &&str| edit.contains("pipe") || edit.starts_with("grow");
            !edits.iter().any(harmless) && after(&tree, &edits) != tree
        });
        assert!(changed.count() > 120);
    }
}
