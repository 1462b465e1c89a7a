//! Reading a script and what it imports: from beside the script, from its `lib` folder, and from nowhere
//! else.
//!
//! Imports are found by their text (`import "name" as x;`), before anything is parsed, so a script with a
//! syntax error still knows which files it consists of, and a change in any of them can be noticed.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use rhai::{Engine, Token};

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::ops::Span;

/// Bytes a source file may have. An objective is a few kilobytes; more is a mistake in the path.
const MAX_BYTES: u64 = 1 << 20;
/// Bytes of all files together: what is read again and again while a run goes on.
const MAX_TOTAL: usize = 2 << 20;
/// Files a script may consist of.
const MAX_FILES: usize = 32;
/// The folder beside the script that holds shared functions.
const LIBRARY: &str = "lib";

/// A file of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it was read from.
    pub path: PathBuf,
    /// What it contained.
    pub text: String,
    /// The import that was met first: index of its source, and its line. `None` for the script itself.
    pub imported_by: Option<(usize, u32)>,
}

/// Everything a script consists of.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    /// The script, then its imports in the order in which they are met.
    pub sources: Vec<Source>,
    /// Import name as written, and the index of its source. Dependencies before dependents, as they must
    /// be evaluated.
    pub modules: Vec<(String, usize)>,
    /// The first import that could not be followed.
    pub problem: Option<Diagnostic>,
}

/// A hash over the script and its imports, as [`Script::hash`](crate::Script::hash) gives it, without
/// parsing anything: about 20 µs, to be asked many times a second.
///
/// `None` while the script cannot be read: an editor that saves by renaming leaves no file for a moment, so
/// this means *not settled*, not an error. For the same reason a new hash should be believed once two looks
/// in a row agree. A file that an import lacks is part of the hash, so its appearance is noticed too.
pub fn sources_hash(path: &Path) -> Option<String> {
    gather(path).ok().map(|bundle| bundle.hash())
}

/// The hash that a script would have if `text` were saved at `path`; its imports are read from where they are.
pub fn sources_hash_with(path: &Path, text: &str) -> String {
    gather_with(path, text.to_owned()).hash()
}

/// Reads `path` and all it imports. Fails only where `path` itself cannot be read.
pub(crate) fn gather(path: &Path) -> Result<Bundle, Diagnostic> {
    Ok(gather_with(path, read(path)?))
}

/// As [`gather`], with `text` in place of what the file at `path` holds; there need not be one.
pub(crate) fn gather_with(path: &Path, text: String) -> Bundle {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let main = Source { path: path.to_path_buf(), text, imported_by: None };
    let bundle = Bundle { sources: vec![main], modules: Vec::new(), problem: None };
    let mut walk = Walk { folder, bundle, open: Vec::new() };
    if let Err(problem) = walk.follow(0) {
        walk.bundle.problem = Some(*problem);
    }
    walk.bundle
}

impl Bundle {
    /// blake3 in hexadecimal over names and texts of the imports and the text of the script; where the
    /// script lies and what it is called does not count.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for (index, source) in self.sources.iter().enumerate() {
            add(source.text.as_bytes());
            for (name, _) in self.modules.iter().filter(|&&(_, module)| module == index) {
                add(name.as_bytes());
            }
        }
        if let Some(problem) = &self.problem {
            add(problem.message.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// The depth-first walk over imports.
struct Walk {
    folder: PathBuf,
    bundle: Bundle,
    /// Sources whose imports are being followed: meeting one again is a cycle.
    open: Vec<usize>,
}

impl Walk {
    fn follow(&mut self, index: usize) -> Result<(), Box<Diagnostic>> {
        self.open.push(index);
        for import in imports_of(&self.bundle.sources[index].text) {
            self.import(index, &import).map_err(|failure| match failure {
                Failure::Here(message, hint) => {
                    let span = Span { file: index as u16, line: import.line, column: import.column };
                    Box::new(Diagnostic::in_source(&self.bundle.sources, span, message, Some(hint)))
                }
                // A problem of a nested import has its own place already.
                Failure::Deeper(diagnostic) => diagnostic,
            })?;
        }
        self.open.pop();
        Ok(())
    }

    fn import(&mut self, from: usize, import: &Import) -> Result<(), Failure> {
        let here = |message: String, hint: String| Failure::Here(message, hint);
        let path = resolve(&self.folder, &import.name).map_err(|(message, hint)| here(message, hint))?;
        let known = self.bundle.sources.iter().position(|source| same_file(&source.path, &path));
        if let Some(known) = known {
            if let Some(start) = self.open.iter().position(|&open| open == known) {
                let ring = self.open[start..].iter().chain([&known]);
                let ring: Vec<String> = ring.map(|&index| self.file_name(index)).collect();
                let hint = format!(
                    "move what both need into a file that `{}` does not import",
                    self.file_name(from)
                );
                return Err(here(format!("import cycle: {}", ring.join(" → ")), hint));
            }
            if !self.bundle.modules.iter().any(|(name, _)| *name == import.name) {
                self.bundle.modules.push((import.name.clone(), known));
            }
            return Ok(());
        }
        if self.bundle.sources.len() >= MAX_FILES {
            return Err(here(
                format!("a script may consist of {MAX_FILES} files at most"),
                "merge some of the imports".into(),
            ));
        }
        let text = read(&path).map_err(|problem| {
            here(format!("import \"{}\": {}", import.name, problem.message), problem.hint.unwrap_or_default())
        })?;
        let total: usize = self.bundle.sources.iter().map(|source| source.text.len()).sum();
        if total + text.len() > MAX_TOTAL {
            return Err(here(
                format!("a script and its imports may have {} MiB at most", MAX_TOTAL >> 20),
                "a script is a few kilobytes of text; check the paths".into(),
            ));
        }
        self.bundle.sources.push(Source { path, text, imported_by: Some((from, import.line)) });
        let index = self.bundle.sources.len() - 1;
        self.follow(index).map_err(Failure::Deeper)?;
        self.bundle.modules.push((import.name.clone(), index));
        Ok(())
    }

    fn file_name(&self, index: usize) -> String {
        let path = &self.bundle.sources[index].path;
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }
}

/// Why an import cannot be followed.
enum Failure {
    /// Message and hint, at the import itself.
    Here(String, String),
    Deeper(Box<Diagnostic>),
}

/// An `import "name"` in a text.
struct Import {
    name: String,
    line: u32,
    column: u32,
}

/// The imports of a text, each name once, comments and strings left out. Imports of a computed name are not seen here and
/// fail when they run.
fn imports_of(text: &str) -> Vec<Import> {
    if !text.contains("import") {
        return Vec::new();
    }
    let engine = Engine::new_raw();
    let texts = [text];
    // The lexer repeats its end mark for ever.
    let mut tokens = engine.lex(&texts).0.take_while(|(token, _)| *token != Token::EOF).peekable();
    let mut imports: Vec<Import> = Vec::new();
    let mut seen = BTreeSet::new();
    while let Some((token, _)) = tokens.next() {
        if token != Token::Import {
            continue;
        }
        if let Some((Token::StringConstant(name), place)) = tokens.peek()
            && seen.insert(name.to_string())
        {
            let line = place.line().unwrap_or(1) as u32;
            let column = place.position().unwrap_or(1) as u32;
            imports.push(Import { name: name.to_string(), line, column });
        }
    }
    imports
}

/// The file that an import name stands for, or message and hint.
fn resolve(folder: &Path, name: &str) -> Result<PathBuf, (String, String)> {
    let only = "imports come from beside the script or from its lib folder: import \"name\" as x;";
    let relative = Path::new(name);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !plain || name.contains(['\\', ':', '\0']) {
        return Err((format!("import \"{}\" leaves the script's folder", name.escape_debug()), only.into()));
    }
    let file = match relative.extension() {
        Some(extension) if extension == "rhai" => relative.to_path_buf(),
        _ => PathBuf::from(format!("{name}.rhai")),
    };
    let places = [folder.join(&file), folder.join(LIBRARY).join(&file)];
    let Some(found) = places.iter().find(|place| place.symlink_metadata().is_ok()) else {
        let [beside, library] = places.map(|place| place.display().to_string());
        let near = file.file_stem().and_then(|stem| near_file(&[folder, &folder.join(LIBRARY)], stem));
        let near = near.map(|(_, near)| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        return Err((
            format!("there is no file for import \"{name}\""),
            format!("looked for {beside} and {library}{near}"),
        ));
    };
    // A link may point anywhere; what counts is where it ends.
    let inside = || Some(found.canonicalize().ok()?.starts_with(folder.canonicalize().ok()?));
    match inside() {
        Some(true) => Ok(found.clone()),
        Some(false) => {
            Err((format!("import \"{name}\" is a link that leaves the script's folder"), only.into()))
        }
        None => Err((
            format!("import \"{name}\" is a broken link"),
            format!("it was found as {}", found.display()),
        )),
    }
}

/// A script in one of the folders whose name is close to `name`: the folder's path and the name.
fn near_file(folders: &[&Path], name: &std::ffi::OsStr) -> Option<(PathBuf, String)> {
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let mut found: Vec<(String, PathBuf)> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .collect();
    // Folders list their entries in no order; the hint must not depend on it.
    found.sort();
    let near = did_you_mean(&name.to_string_lossy(), found.iter().map(|(name, _)| name.as_str()))?.to_owned();
    found.into_iter().find(|(name, _)| *name == near).map(|(name, path)| (path, name))
}

/// Whether two paths name one file.
fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Refuses a text that is too large for a script.
pub(crate) fn check_size(path: &Path, bytes: usize) -> Result<(), Diagnostic> {
    if bytes as u64 <= MAX_BYTES {
        return Ok(());
    }
    let hint = "a script is a few kilobytes of text; check the path";
    Err(Diagnostic::about_file(path, "this file is larger than 1 MiB", hint))
}

/// A script's text, without a byte order mark.
///
/// # Errors
/// A file that is not there, is no file, cannot be read, is far too large for a script or is no UTF-8 text.
pub fn read(path: &Path) -> Result<String, Diagnostic> {
    let fail = |message: String, hint: &str| Err(Diagnostic::about_file(path, message, hint));
    let file = match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return fail("this file does not exist".into(), &missing_hint(path));
        }
        Err(error) => {
            return fail(format!("cannot read this file: {error}"), "check the path and its permissions");
        }
        Ok(about) if about.is_dir() => {
            return fail("this is a folder, not a script".into(), "give the path of a .rhai file");
        }
        Ok(about) if !about.is_file() => {
            return fail("this is not a regular file".into(), "give the path of a .rhai file");
        }
        Ok(_) => fs::File::open(path),
    };
    let mut bytes = Vec::new();
    if let Err(error) = file.and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)) {
        return fail(format!("cannot read this file: {error}"), "check the path and its permissions");
    }
    check_size(path, bytes.len())?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
            fail(format!("this file is not UTF-8 text (line {line})"), "save it as UTF-8; check the path")
        }
    }
}

fn missing_hint(path: &Path) -> String {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match near_file(&[folder], path.file_stem().unwrap_or_default()) {
        Some((near, _)) => format!("did you mean {}?", near.display()),
        None => "check the path".to_owned(),
    }
}
