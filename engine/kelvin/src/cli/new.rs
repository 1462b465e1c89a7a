//! `kelvin new`: a script to start from.

use super::emit::stage;
use crate::console::Console;
use crate::failure::Failure;
use clap::ValueEnum;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Actions that the new script is compiled for, to see that it is sound.
const ACTIONS: usize = 6;

#[derive(clap::Args)]
pub(super) struct Args {
    /// What to call it: a name, or a path such as scripts/my_variant
    name: PathBuf,
    /// Start from a copy of this script
    #[arg(long, value_name = "SCRIPT", conflicts_with = "learner")]
    from: Option<PathBuf>,
    /// Start from the template for this learner
    #[arg(long, value_enum, default_value = "replay")]
    learner: Template,
}

#[derive(Clone, Copy, ValueEnum)]
enum Template {
    /// Off-policy: a backup target and a loss on action values
    Replay,
    /// On-policy: a loss on a policy and its value
    Rollout,
}

impl Template {
    fn text(self) -> &'static str {
        match self {
            Self::Replay => include_str!("../../templates/replay.rhai"),
            Self::Rollout => include_str!("../../templates/rollout.rhai"),
        }
    }
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let path = path(&args.name)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = match &args.from {
        Some(from) => copy(from, &name)?,
        None => args.learner.text().replace("NAME", &name),
    };
    write(&path, &text)?;
    let console = Console::new(false);
    console.line(format!("wrote {}", path.display()));
    if let Err(failure) = stage(&path, ACTIONS, None) {
        console.line(format!("{failure}\nit was copied as it is: imports are looked for beside the script"));
    }
    let path = path.display();
    console.line(format!(
        "next: edit it, then\n  kelvin check {path}\n  kelvin train {path} --env catch\nand go on editing while it trains"
    ));
    Ok(())
}

/// The file to write: `NAME.rhai`.
fn path(name: &Path) -> Result<PathBuf, Failure> {
    let usage = |message: String| {
        Err(Failure::usage(message).hint("kelvin new my_variant, or kelvin new scripts/my_variant"))
    };
    let path = match name.extension() {
        Some(extension) if extension == "rhai" => name.to_path_buf(),
        Some(extension) => return usage(format!("a script ends in .rhai, not in .{}", extension.display())),
        None => name.with_extension("rhai"),
    };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if stem.is_empty() || !stem.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
        return usage(format!("`{stem}` is no name for a script: use letters, digits, _ and -"));
    }
    Ok(path)
}

/// The text of another script, under a line that says where it is from.
fn copy(from: &Path, name: &str) -> Result<String, Failure> {
    let script = kelvin_objective::Script::load(from)?;
    // The script itself is the first of its sources.
    let text = script.sources().first().map_or("", |source| source.text.as_str());
    Ok(format!(
        "// {name}: what is new about it, in a line.\n// Started from {}, which says:\n//\n{text}",
        script.name()
    ))
}

/// Writes a file that must not be there yet.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let failure = Failure::failed(format!("cannot write {}: {error}", path.display()));
        match error.kind() {
            ErrorKind::AlreadyExists => {
                Failure::failed(format!("{} is there already", path.display())).hint("choose another name")
            }
            ErrorKind::NotFound => failure.hint("make its folder first"),
            _ => failure.hint("choose a folder you may write to"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_compile() {
        let folder = tempfile::tempdir().unwrap();
        for (name, template) in [("one", Template::Replay), ("two", Template::Rollout)] {
            let path = folder.path().join(name).with_extension("rhai");
            write(&path, &template.text().replace("NAME", name)).unwrap();
            stage(&path, ACTIONS, None).unwrap_or_else(|failure| panic!("{failure}"));
        }
    }

    #[test]
    fn what_the_template_offers_compiles() {
        let text = Template::Replay.text();
        let offered = text
            .lines()
            .map(|line| line.strip_prefix("// fn ").map_or(line.to_owned(), |rest| format!("fn {rest}")));
        let path = tempfile::tempdir().unwrap().keep().join("offered.rhai");
        write(&path, &offered.collect::<Vec<_>>().join("\n")).unwrap();
        let staged = stage(&path, ACTIONS, None).unwrap_or_else(|failure| panic!("{failure}"));
        let hooks = staged.script.hooks();
        assert!(hooks.behave && hooks.reward && hooks.schedule && hooks.on_eval);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn names_become_scripts() {
        for (name, file) in [("a", "a.rhai"), ("b.rhai", "b.rhai"), ("scripts/c-1", "scripts/c-1.rhai")] {
            assert_eq!(path(Path::new(name)).unwrap(), Path::new(file));
        }
        for name in ["a.py", "..", "a b", ""] {
            assert!(path(Path::new(name)).is_err(), "{name}");
        }
    }
}
