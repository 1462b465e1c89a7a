//! Whether a run is the one that a task asks for.
//!
//! That a folder is in a task's place and says `DONE` proves little: runs are copied, moved and started by hand. What a
//! run is stands in its configuration and in the objective that it began with.

use std::path::Path;

use toml::{Table, Value};

use crate::experiment::Task;
use crate::{RunDir, RunError};

impl Task {
    /// What the run has otherwise than this task asks for, as `seed 7, planned 0`; nothing if it is the task's run. What
    /// may change while a run goes on, its device and the versions of its objective after the first, makes no difference.
    ///
    /// # Errors
    /// A configuration or a list of objectives that cannot be read.
    pub fn differs_from(&self, run: &RunDir) -> Result<Vec<String>, RunError> {
        let text = run.read_config()?;
        let config: Table = text.parse().map_err(|error: toml::de::Error| {
            RunError::damaged(&run.path().join("config.toml"), error.message())
        })?;
        let mut found = Vec::new();
        let mut compare = |key: &str, planned: String| {
            let has = config.get(key).map_or_else(|| "not said".to_owned(), plain);
            if has != planned {
                found.push(format!("{key} {has}, planned {planned}"));
            }
        };
        compare("env", self.env.clone());
        compare("seed", self.seed.to_string());
        compare("frames", self.frames.to_string());
        compare("preset", self.preset.clone());
        compare("full_action_set", self.full_action_set.to_string());
        if let Some(reference) = &self.reference {
            compare("reference", reference.clone());
        }
        let others = self.set.iter().filter_map(|(key, planned)| {
            let has = given(&config, key).filter(|has| !agree(has, planned))?;
            Some(format!("{key} {}, planned {planned}", plain(has)))
        });
        found.extend(others);
        if let Some(origin) = config.get("forked_from") {
            found.push(format!("it was forked from {}", plain(origin.get("run").unwrap_or(origin))));
        }
        let first = run.objectives()?.into_iter().next().map(|version| version.hash);
        if first.as_ref() != Some(&self.script_hash) {
            let short = |hash: &str| hash.chars().take(8).collect::<String>();
            let (has, planned) =
                (first.as_deref().map_or("none".to_owned(), short), short(&self.script_hash));
            found.push(format!("objective {has}, planned {planned}"));
        }
        Ok(found)
    }

    /// Whether the experiment in `folder` has this task's run, trained to its end.
    pub fn is_done(&self, folder: &Path) -> bool {
        let run = RunDir::open(folder.join(&self.folder)).ok().filter(RunDir::is_done);
        run.is_some_and(|run| self.differs_from(&run).is_ok_and(|differs| differs.is_empty()))
    }
}

/// What a configuration has for a `--set`: a setting, or else a parameter of that name.
fn given<'a>(config: &'a Table, key: &str) -> Option<&'a Value> {
    let name = key.strip_prefix("params.");
    let setting = if name.is_none() { config.get(key) } else { None };
    setting.or_else(|| config.get("params")?.get(name.unwrap_or(key)))
}

/// Whether a value is what a `--set` asked for. What is written in a way that only settings understand, as `50k`, is
/// taken for the same.
fn agree(has: &Value, planned: &str) -> bool {
    let number = |text: &str| match text {
        "true" => Some(1.0),
        "false" => Some(0.0),
        _ => text.parse::<f64>().ok(),
    };
    match has {
        Value::Integer(has) => number(planned).is_none_or(|planned| planned == *has as f64),
        Value::Float(has) => number(planned).is_none_or(|planned| planned == *has),
        Value::String(has) => planned.trim_matches('"') == has,
        _ => planned.parse::<Value>().map_or(true, |planned| planned == *has),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    fn task() -> Task {
        let set = [
            ("tau", "0.1"),
            ("batch", "64"),
            ("eval_every", "50k"),
            ("hidden", "[64, 32]"),
            ("clip", "none"),
        ];
        Task {
            index: 0,
            folder: "soft/pong-s0".to_owned(),
            label: "soft".to_owned(),
            script: "/here/soft_kl.rhai".to_owned(),
            script_hash: "0123456789".to_owned(),
            env: "pong".to_owned(),
            seed: 0,
            frames: 1000,
            preset: "paper".to_owned(),
            full_action_set: false,
            reference: None,
            set: set.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        }
    }

    const CONFIG: &str = "env = \"pong\"\nseed = 0\nframes = 1000\npreset = \"paper\"\nfull_action_set = false\n\
        batch = 64\neval_every = 50000\nhidden = [64, 32]\nclip = \"none\"\ndevice = \"cpu\"\n[params]\ntau = 0.1\n";

    /// The experiment's folder with the task's run, of this configuration and first objective.
    fn run(config: &str, hash: &str) -> (tempfile::TempDir, RunDir) {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(folder.path().join(task().folder)).unwrap();
        for (update, hash) in [(0, hash), (7, "edited")] {
            run.record_objective(update, hash, &[("soft_kl.rhai".into(), hash.to_owned())]).unwrap();
        }
        run.write_config(config).unwrap();
        (folder, run)
    }

    #[test]
    fn a_tasks_own_run_is_known_and_done_when_it_says_so() {
        let (folder, run) = run(CONFIG, "0123456789");
        assert_eq!(task().differs_from(&run).unwrap(), Vec::<String>::new());
        assert!(!task().is_done(folder.path()));
        run.mark_done(&"so").unwrap();
        assert!(task().is_done(folder.path()));
        fs::write(run.path().join("config.toml"), "half a li").unwrap();
        assert!(!task().is_done(folder.path()) && task().differs_from(&run).is_err());
    }

    #[test]
    fn another_run_is_told_by_what_it_has_otherwise() {
        for (from, to, says) in [
            ("seed = 0", "seed = 7", "seed 7, planned 0"),
            ("\"pong\"", "\"qbert\"", "env qbert, planned pong"),
            ("frames = 1000", "frames = 2000", "frames 2000, planned 1000"),
            ("paper", "machado", "preset machado, planned paper"),
            ("set = false", "set = true", "full_action_set true, planned false"),
            ("tau = 0.1", "tau = 0.2", "tau 0.2, planned 0.1"),
            ("batch = 64", "batch = 32", "batch 32, planned 64"),
            ("[64, 32]", "[64]", "hidden [64], planned [64, 32]"),
            ("\"none\"", "\"global\"", "clip global, planned none"),
            ("seed = 0\n", "", "seed not said, planned 0"),
            ("[params]", "[forked_from]\nrun = \"/runs/a\"\n[params]", "it was forked from /runs/a"),
        ] {
            let (folder, run) = run(&CONFIG.replace(from, to), "0123456789");
            run.mark_done(&"so").unwrap();
            assert_eq!(task().differs_from(&run).unwrap(), [says]);
            assert!(!task().is_done(folder.path()), "{says}");
        }
        let (_folder, other) = run(CONFIG, "fedcba9876");
        assert_eq!(task().differs_from(&other).unwrap(), ["objective fedcba98, planned 01234567"]);
        let referring = Task { reference: Some("/runs/b".to_owned()), set: BTreeMap::new(), ..task() };
        let (_folder, own) = run(CONFIG, "0123456789");
        assert_eq!(referring.differs_from(&own).unwrap(), ["reference not said, planned /runs/b"]);
    }
}
