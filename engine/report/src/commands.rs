//! The commands that would do the runs again.

use crate::run::{Run, one_line};
use crate::study::Study;
use kelvin_run::{Experiment, Task, quoted};

/// The command of a whole batch.
pub(crate) fn batch(plan: &Experiment) -> String {
    format!("kelvin batch {} --size {}", quoted(&plan.source), quoted(&plan.size))
}

/// A command a run: as it was planned, or else with every setting that it had.
pub(crate) fn commands(study: &Study) -> Vec<String> {
    match &study.plan {
        Some(plan) => plan.tasks.iter().map(planned).collect(),
        None => study.runs.iter().map(found).collect(),
    }
}

/// A script that does all of them, one after another.
pub(crate) fn script(study: &Study) -> String {
    let mut lines = vec![
        "#!/bin/sh".to_owned(),
        format!(
            "# {}: every run, one after another; written by kelvin {}.",
            study.title(),
            env!("CARGO_PKG_VERSION")
        ),
        "set -e".to_owned(),
    ];
    if let Some(plan) = &study.plan {
        lines.push(format!("# The same, several at a time: {}", one_line(&batch(plan))));
    }
    lines.extend(commands(study));
    lines.join("\n") + "\n"
}

fn planned(task: &Task) -> String {
    let mut words =
        start(&task.script, &task.env, task.seed, task.frames, &task.preset, task.full_action_set);
    words.extend(task.reference.iter().flat_map(|run| ["--reference".to_owned(), quoted(run)]));
    words.extend(
        task.set.iter().flat_map(|(key, value)| ["--set".to_owned(), quoted(&format!("{key}={value}"))]),
    );
    words.extend(["--out".to_owned(), quoted(&task.folder)]);
    words.join(" ")
}

fn found(run: &Run) -> String {
    let config = &run.config;
    let (preset, actions) = (&config.preset, config.full_action_set);
    let mut words = start(&config.script, &config.env, config.seed, config.frames, preset, actions);
    if !config.device.is_empty() {
        words.extend(["--device".to_owned(), quoted(&config.device)]);
    }
    words.extend(config.reference.iter().flat_map(|run| ["--reference".to_owned(), quoted(run)]));
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
    for (key, value) in settings.chain(params) {
        words.extend(["--set".to_owned(), quoted(&format!("{key}={}", plain(value)))]);
    }
    words.extend(["--out".to_owned(), quoted(&run.name)]);
    words.join(" ")
}

fn start(
    script: &str,
    env: &str,
    seed: u64,
    frames: u64,
    preset: &str,
    full_action_set: bool,
) -> Vec<String> {
    let mut words = vec!["kelvin train".to_owned(), quoted(script)];
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
    use std::path::Path;

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
        let script = script(&Study::read(folder.path()).unwrap());
        let lines: Vec<&str> = script.lines().collect();
        assert!(script.contains("# Mine touch a touch c: every run"), "{script}");
        let commands: Vec<&&str> = lines.iter().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(commands.len(), 2, "{script}");
        assert!(*commands[0] == "set -e" && commands[1].starts_with("kelvin train /x/a.rhai"), "{script}");
    }
}
