//! A batch script: plain Rhai that returns runs.

mod complaint;
mod engine;
mod figure;
mod grid;
mod runs;
mod tokens;
mod value;

use std::path::{Path, PathBuf};

use rhai::{AST, CallFnOptions, Dynamic, Engine, Map, Scope};

use kelvin_objective::hosting::{listing, on_deep_stack, read, syntax_error};
use kelvin_objective::{Diagnostic, did_you_mean};
use kelvin_run::{Figure, Resources};

use complaint::{Complaint, explain};
use value::{Fields, Wrong};

pub use runs::Run;
pub use tokens::Place;
use tokens::Tokens;

/// The size that is taken where nobody names one and the script has it.
pub const USUAL_SIZE: &str = "paper";
/// Longest name of an experiment, a label or a folder, in bytes.
const MAX_NAME: usize = 80;

/// A batch script's text and where it stands.
#[derive(Clone, Debug)]
pub struct BatchScript {
    path: PathBuf,
    text: String,
}

/// What a batch script asks for, for one of its sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The experiment's name: what the script calls it, or what the script is called.
    pub name: String,
    /// The size; the usual one where the script knows no sizes.
    pub size: String,
    /// Every run, in order.
    pub runs: Vec<Run>,
    /// How they become a picture.
    pub figure: Figure,
    /// What a cluster is to give each of them.
    pub resources: Resources,
    /// What the script printed.
    pub printed: Vec<String>,
}

impl BatchScript {
    /// Reads a batch script.
    ///
    /// # Errors
    /// A file that cannot be read or is no text.
    pub fn load(path: &Path) -> Result<Self, Diagnostic> {
        Ok(Self { path: path.to_path_buf(), text: read(path)? })
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// blake3 of the text, in hexadecimal.
    pub fn hash(&self) -> String {
        blake3::hash(self.text.as_bytes()).to_hex().to_string()
    }

    /// Runs the script for a size, or its usual one.
    ///
    /// # Errors
    /// Text that does not parse, whatever goes wrong while it runs, a size that it does not have, and a result that
    /// is not an experiment; each with its place.
    pub fn draft(&self, size: Option<&str>) -> Result<Draft, Diagnostic> {
        // Rhai's values do not leave the thread they were made on.
        let drafted = on_deep_stack(|| self.draft_here(size));
        drafted.unwrap_or_else(|message| Err(Diagnostic::about_file(&self.path, message, "please report it")))
    }

    /// An error about `key` of a run, placed where the script gives it this value, as near as that can be said.
    pub fn wrong(
        &self,
        run: &Run,
        key: &str,
        value: Option<&str>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Diagnostic {
        self.at(Tokens::new(&self.text).find(run.place, key, value), message, hint)
    }

    /// An error at a place.
    fn at(&self, place: Place, message: impl Into<String>, hint: Option<String>) -> Diagnostic {
        Diagnostic::at(&self.path, &self.text, place.line, place.column, message, hint)
    }

    fn draft_here(&self, size: Option<&str>) -> Result<Draft, Diagnostic> {
        let (engine, printed) = engine::engine();
        let tree = engine.compile(&self.text).map_err(|error| {
            let diagnostic = syntax_error(&error, &self.path, &self.text);
            let message = diagnostic.message.replace("objective scripts", "batch scripts");
            Diagnostic { message, ..diagnostic }
        })?;
        let session = Session { script: self, engine: &engine, tree: &tree, tokens: Tokens::new(&self.text) };
        let draft = session.draft(size)?;
        Ok(Draft { printed: printed.take(), ..draft })
    }
}

/// A script while it runs.
struct Session<'a> {
    script: &'a BatchScript,
    engine: &'a Engine,
    tree: &'a AST,
    tokens: Tokens,
}

impl Session<'_> {
    fn draft(&self, size: Option<&str>) -> Result<Draft, Diagnostic> {
        let (size, chosen) = self.choose(size)?;
        let takes_size = match self.arities("experiment").as_slice() {
            [] => {
                let message = "a batch script has a function `experiment`, which returns its runs";
                let hint =
                    "write fn experiment() { grid(#{ script: \"../dqn.rhai\", env: \"pong\", seed: 0..3 }) }";
                return Err(self.script.at(self.tokens.start(), message, Some(hint.to_owned())));
            }
            [0] => false,
            [1] => true,
            _ => {
                let message = "`experiment` takes the size, or nothing";
                return Err(
                    self.about_experiment(Complaint::new(message).hint("write fn experiment(size) { … }"))
                );
            }
        };
        if takes_size && chosen.is_none() {
            let complaint = Complaint::new("`experiment` takes a size, and the script has no `sizes`");
            let hint = "add fn sizes() { #{ paper: #{ frames: 40e6 }, smoke: #{ frames: 50e3 } } }";
            return Err(self.about_experiment(complaint.hint(hint)));
        }
        let result = self.call("experiment", chosen.into_iter().filter(|_| takes_size).collect())?;
        // Runs by themselves are an experiment; a map that holds no runs is one of them.
        let map = match result.read_lock::<Map>() {
            Some(map) if map.contains_key("runs") => map.clone(),
            _ => Map::from([("runs".into(), result.clone())]),
        };
        self.read(&map, size)
    }

    fn read(&self, map: &Map, size: String) -> Result<Draft, Diagnostic> {
        let mut fields = Fields::new(map, "an experiment");
        let stem = self.script.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let wrong = |wrong: Wrong| self.wrong(Place::default(), wrong);
        let name = fields.text("name").map_err(wrong)?.unwrap_or(stem);
        if name.len() > MAX_NAME || name != folder_name(&name) {
            let complaint = Complaint::new(format!("`{name}` cannot be the name of a folder"))
                .hint("use letters, digits, `-`, `_` and `.`");
            return Err(wrong(Wrong { key: "name".to_owned(), value: Some(name), complaint }));
        }
        let figure = fields.map("figure").map_err(wrong)?.map(|map| figure::figure(&map));
        let resources = fields.map("resources").map_err(wrong)?.map(|map| figure::resources(&map));
        let mut maps = Vec::new();
        let runs = fields.any("runs").cloned().unwrap_or_default();
        runs::flatten(runs, 0, &mut maps).map_err(|complaint| self.about_experiment(complaint))?;
        fields.finish().map_err(wrong)?;
        if maps.is_empty() {
            let complaint = Complaint::new("the experiment has no runs")
                .hint("return grid(#{ … }) or run(#{ … }); has a condition left none over?");
            return Err(self.about_experiment(complaint));
        }
        let folder = self.script.path.parent().unwrap_or(Path::new(""));
        let runs =
            maps.iter().map(|map| runs::read(map, folder).map_err(|(wrong, at)| self.wrong(at, wrong)));
        Ok(Draft {
            name,
            size,
            runs: runs.collect::<Result<_, _>>()?,
            figure: figure.transpose().map_err(wrong)?.unwrap_or_default(),
            resources: resources.transpose().map_err(wrong)?.unwrap_or_default(),
            printed: Vec::new(),
        })
    }

    /// The size's name, and what the script says about it.
    fn choose(&self, wanted: Option<&str>) -> Result<(String, Option<Dynamic>), Diagnostic> {
        if self.arities("sizes").is_empty() {
            return match wanted {
                None | Some(USUAL_SIZE) => Ok((USUAL_SIZE.to_owned(), None)),
                Some(other) => {
                    let message = format!("there is no size `{other}`: the script has no sizes");
                    let hint = format!("add fn sizes() {{ #{{ paper: #{{ … }}, {other}: #{{ … }} }} }}");
                    Err(self.script.at(self.tokens.start(), message, Some(hint)))
                }
            };
        }
        let at = self.tokens.function("sizes").unwrap_or_else(|| self.tokens.start());
        let sizes = self.call("sizes", Vec::new())?;
        let Some(sizes) = sizes.try_cast::<Map>().filter(|sizes| !sizes.is_empty()) else {
            let hint = "it is written fn sizes() { #{ paper: #{ frames: 40e6 }, smoke: #{ frames: 50e3 } } }";
            return Err(self.script.at(at, "`sizes` returns a map of sizes by name", Some(hint.to_owned())));
        };
        let names: Vec<&str> = sizes.keys().map(|name| name.as_str()).collect();
        let only = || names.first().copied().filter(|_| names.len() == 1);
        let usual = || Some(USUAL_SIZE).filter(|usual| names.contains(usual)).or_else(only);
        let Some(name) = wanted.or_else(usual) else {
            let hint = format!("name one with --size: there are {}", listing(names.iter().copied()));
            return Err(self.script.at(
                at,
                format!("no size is named, and none is `{USUAL_SIZE}`"),
                Some(hint),
            ));
        };
        let Some(size) = sizes.get(name) else {
            let hint = match did_you_mean(name, names.iter().copied()) {
                Some(near) => format!("did you mean --size {near}?"),
                None => format!("there are {}", listing(names.iter().copied())),
            };
            return Err(self.script.at(at, format!("there is no size `{name}`"), Some(hint)));
        };
        let mut size = size.clone();
        // What a condition asks for: `size.name == "smoke"`.
        if let Some(mut map) = size.write_lock::<Map>() {
            map.entry("name".into()).or_insert_with(|| name.into());
        }
        Ok((name.to_owned(), Some(size)))
    }

    fn arities(&self, name: &str) -> Vec<usize> {
        let named = self.tree.iter_functions().filter(|function| function.name == name);
        named.map(|function| function.params.len()).collect()
    }

    fn call(&self, name: &str, arguments: Vec<Dynamic>) -> Result<Dynamic, Diagnostic> {
        let options = CallFnOptions::new().eval_ast(true);
        let result = self.engine.call_fn_with_options(options, &mut Scope::new(), self.tree, name, arguments);
        result.map_err(|error| {
            let (complaint, place) = explain(*error, self.tree);
            let known = if place.is_known() { Some(place) } else { self.tokens.function(name) };
            self.script.at(known.unwrap_or_else(|| self.tokens.start()), complaint.message, complaint.hint)
        })
    }

    fn wrong(&self, call: Place, wrong: Wrong) -> Diagnostic {
        let place = self.tokens.find(call, &wrong.key, wrong.value.as_deref());
        self.script.at(place, wrong.complaint.message, wrong.complaint.hint)
    }

    fn about_experiment(&self, complaint: Complaint) -> Diagnostic {
        let place = self.tokens.function("experiment").unwrap_or_else(|| self.tokens.start());
        self.script.at(place, complaint.message, complaint.hint)
    }
}

/// A text as a folder can be called: what is neither letter nor digit, of any script, nor one of `.`, `_`, `-` becomes a
/// `-`. A text of which nothing is left, or that is too long, is called by its hash.
pub(crate) fn folder_name(text: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let mut name: String = text.chars().map(kept).collect();
    while let Some(double) = name.find("--") {
        name.remove(double);
    }
    let name = name.trim_matches(['-', '.']);
    if !name.is_empty() && name.len() <= MAX_NAME {
        return name.to_owned();
    }
    let hash = blake3::hash(text.as_bytes()).to_hex();
    let begins = name[..name.floor_char_boundary(MAX_NAME - 9)].trim_end_matches(['-', '.']);
    format!("{begins}-{}", &hash[..8]).trim_start_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_a_folder_of_its_own() {
        for (label, name) in [
            ("soft_kl", "soft_kl"),
            ("τ = 0.1", "τ-0.1"),
            ("σ = 0.1", "σ-0.1"),
            ("τ", "τ"),
            ("软", "软"),
            ("../a//b", "a-b"),
        ] {
            assert_eq!(folder_name(label), name);
        }
        let long = "τ".repeat(200);
        let names = ["∅", "→", "", "..", &long, &format!("{long}2")].map(folder_name);
        for (at, name) in names.iter().enumerate() {
            assert!((8..=MAX_NAME).contains(&name.len()) && !name.contains(['/', '∅']), "{name}");
            assert!(!name.starts_with(['-', '.']) && !names[..at].contains(name), "{names:?}");
            assert_eq!(folder_name(name), *name, "a name stays what it is");
        }
    }
}
