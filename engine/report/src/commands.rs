//! The commands that would do the runs again.

use crate::run::{Run, one_line};
use crate::study::Study;
use kelvin_run::{Experiment, Task, quoted};
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
    let title = study.title();
    let mut lines = vec![
        "#!/bin/sh".to_owned(),
        format!("# {title}: every run, one after another, into the folder that this is started in."),
        format!("# Written by kelvin {kelvin}."),
    ];
    if !study.versions().is_empty() {
        lines.push(format!("# The runs were made by kelvin {}.", study.made_by()));
    }
    if let Some(plan) = &study.plan {
        let batch = one_line(&batch(plan));
        lines.push(format!("# With the script as it is now, and several at a time: {batch}"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_a_plan_becomes_a_command() {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new("/x/a\ntouch b.rhai");
        let mut plan = Experiment::new("e", source, "", "paper");
        plan.figure.title = "Mine\ntouch a\rtouch c".to_owned();
        plan.tasks = vec![serde_json::from_str(
            r#"{"index":0,"folder":"a/b-s0","label":"a","script":"/x/a.rhai","script_hash":"","env":"b","seed":0,
                "frames":1,"preset":"paper"}"#,
        )
        .unwrap()];
        plan.write(folder.path()).unwrap();
        let script = script(&Study::read(folder.path(), &[]).unwrap(), "0");
        let lines: Vec<&str> = script.lines().collect();
        assert!(script.contains("# Mine touch a touch c: every run"), "{script}");
        let commands: Vec<&&str> = lines.iter().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(commands.len(), 3, "{script}");
        assert!(*commands[0] == "set -e" && commands[1].starts_with("runs="), "{script}");
        assert!(commands[2].starts_with("kelvin train /x/a.rhai"), "{script}");
    }
}
