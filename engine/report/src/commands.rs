//! The commands that would do the runs again.

use crate::run::Run;
use crate::study::Study;
use kelvin_run::{Experiment, Task};
use std::path::{Path, PathBuf};

/// The command of a whole batch.
pub(crate) fn batch(plan: &Experiment) -> String {
    let set = plan.overrides.iter().flat_map(|(key, value)| set(key, value));
    let words = ["kelvin batch".to_owned(), quoted(&plan.source), "--size".to_owned(), quoted(&plan.size)];
    words.into_iter().chain(set).collect::<Vec<_>>().join(" ")
}

/// A command a run: as it was planned, or else with every setting that it had. They rely on [`place`].
pub(crate) fn commands(study: &Study) -> Vec<String> {
    let Some(plan) = &study.plan else {
        return study.runs.iter().map(|run| found(study, run)).collect();
    };
    let command = |task: &Task| {
        let run = study.runs.iter().find(|run| run.name == task.folder);
        planned(study, task, run)
    };
    plan.tasks.iter().map(command).collect()
}

/// Where the runs are, for the commands: the scripts that they trained are kept there.
pub(crate) fn place(study: &Study) -> String {
    format!("runs={}", quoted(&folder(study).display().to_string()))
}

/// A script that does all of them, one after another.
pub(crate) fn script(study: &Study, kelvin: &str) -> String {
    // A title of two lines would be half a command.
    let title = study.title().replace(char::is_control, " ");
    let mut lines = vec![
        "#!/bin/sh".to_owned(),
        format!("# {title}: every run, one after another, into the folder that this is started in."),
        format!("# Written by kelvin {kelvin}; the runs were made by kelvin {}.", study.made_by()),
    ];
    if let Some(plan) = &study.plan {
        lines.push(format!("# With the script as it is now, and several at a time: {}", batch(plan)));
    }
    lines.extend([
        "set -e".to_owned(),
        "# The scripts that were trained are kept here.".to_owned(),
        place(study),
    ]);
    lines.extend(commands(study));
    lines.join("\n") + "\n"
}

fn planned(study: &Study, task: &Task, run: Option<&Run>) -> String {
    let kept = run.and_then(|run| run.script.clone()).unwrap_or_else(|| task.objective(&study.folder));
    let mut words = start(
        &kept_script(study, &kept, &task.script),
        &task.env,
        task.seed,
        task.frames,
        run.map_or(&task.preset, |run| &run.config.preset),
        task.full_action_set,
    );
    words.extend(run.iter().flat_map(|run| device(run)));
    words.extend(task.reference.iter().flat_map(|run| ["--reference".to_owned(), quoted(run)]));
    words.extend(task.set.iter().flat_map(|(key, value)| set(key, value)));
    words.extend(["--out".to_owned(), quoted(&task.folder)]);
    words.join(" ")
}

fn found(study: &Study, run: &Run) -> String {
    let config = &run.config;
    let script =
        run.script.as_ref().map_or(quoted(&config.script), |kept| kept_script(study, kept, &config.script));
    let fork = config.forked_from.as_ref();
    // A fork has these of the run that it comes from.
    let (actions, reference) = match fork {
        Some(_) => (false, None),
        None => (config.full_action_set, config.reference.as_ref()),
    };
    let mut words = start(&script, &config.env, config.seed, config.frames, &config.preset, actions);
    words.extend(device(run));
    words.extend(fork.iter().flat_map(|from| {
        ["--fork".to_owned(), quoted(&from.run), "--at".to_owned(), from.update.to_string()]
    }));
    words.extend(reference.iter().flat_map(|run| ["--reference".to_owned(), quoted(run)]));
    // Setting one of these by hand takes it from the script's schedule: only where that was so.
    let pinned = |key: &str| config.pinned.iter().any(|pinned| pinned == key);
    let free = |key: &str| match key {
        "learning_rate" => pinned(key),
        key if key.starts_with("epsilon_") => pinned("epsilon"),
        _ => true,
    };
    let settings =
        config.settings.iter().filter(|(key, _)| free(key)).map(|(key, value)| (key.clone(), value));
    let params = config.params.iter().filter(|(key, _)| pinned(key));
    let params = params.map(|(key, value)| (format!("params.{key}"), value));
    words.extend(settings.chain(params).flat_map(|(key, value)| set(&key, &plain(value))));
    words.extend(["--out".to_owned(), quoted(name(run))]);
    words.join(" ")
}

/// The run's folder below the one that the commands are given in. One that was reported on by itself has its own name.
fn name(run: &Run) -> &str {
    let own = || run.folder.file_name().and_then(|name| name.to_str());
    if Path::new(&run.name).is_relative() { &run.name } else { own().unwrap_or("run") }
}

/// The folder that is reported on, wherever the commands are given.
fn folder(study: &Study) -> PathBuf {
    std::path::absolute(&study.folder).unwrap_or_else(|_| study.folder.clone())
}

/// The copy of a script as a word, by the place of the runs; where there is none, the original.
fn kept_script(study: &Study, kept: &Path, original: &str) -> String {
    match kept.strip_prefix(&study.folder) {
        Ok(inside) if kept.is_file() => format!("\"$runs\"/{}", quoted(&inside.display().to_string())),
        _ => quoted(original),
    }
}

fn device(run: &Run) -> Vec<String> {
    match run.config.device.as_str() {
        "" => Vec::new(),
        device => vec!["--device".to_owned(), quoted(device)],
    }
}

fn set(key: &str, value: &str) -> [String; 2] {
    ["--set".to_owned(), quoted(&format!("{key}={value}"))]
}

/// `script` is a word already.
fn start(
    script: &str,
    env: &str,
    seed: u64,
    frames: u64,
    preset: &str,
    full_action_set: bool,
) -> Vec<String> {
    let mut words = vec!["kelvin train".to_owned(), script.to_owned()];
    words.extend(["--env".to_owned(), quoted(env), "--seed".to_owned(), seed.to_string()]);
    words.extend(["--frames".to_owned(), frames.to_string()]);
    if !preset.is_empty() {
        words.extend(["--preset".to_owned(), quoted(preset)]);
    }
    if full_action_set {
        words.push("--full-action-set".to_owned());
    }
    words
}

/// A value as `--set` takes it: a word without quotes of its own.
fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/=+:,@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(safe) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        for (word, said) in [
            ("a/b-1.rhai", "a/b-1.rhai"),
            ("", "''"),
            ("heads=[\"q\"]", "'heads=[\"q\"]'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(quoted(word), said);
        }
    }
}
