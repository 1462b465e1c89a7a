//! Batches as a user meets them: one command, runs that end well whatever is killed meanwhile, and mistakes that are
//! told before anything starts.
#![cfg(unix)]

use kelvin_tests::batches::{Place, catch, signal, workers};
use kelvin_tests::command::{Said, kelvin, run, succeed};
use kelvin_tests::records;
use kelvin_tests::running::Running;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Two runs at the same time, whatever this machine has.
const TWO: &[&str] = &["--jobs", "2"];

fn wait_for_checkpoint(running: &mut Running, run: &Path) {
    running.wait("a checkpoint", || (!records::events_of(run, "checkpoint").is_empty()).then_some(()));
}

#[test]
fn a_batch_runs_every_task_once_and_again_none() {
    let place = Place::new(&catch(2, 3000));
    let said = succeed(&mut place.batch(TWO));
    for part in ["2 at once", "task 3 soft_kl/catch-s1: done", "4 tasks: 4 done", "kelvin report /"] {
        assert!(said.stdout.contains(part), "no {part:?}\n{said}");
    }
    place.assert_all_done(4, 3000);
    let written = |run: &Path| fs::metadata(run.join("DONE")).unwrap().modified().unwrap();
    let before = written(&place.run("dqn", 0));
    let said = succeed(&mut place.batch(&["--json"]));
    let found: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert_eq!((&found["done"], &found["all_done"]), (&4.into(), &true.into()));
    assert_eq!(written(&place.run("dqn", 0)), before);

    // The objectives are those of the plan: they were copied, and are what trained.
    let config = fs::read_to_string(place.run("dqn", 0).join("config.toml")).unwrap();
    assert!(config.contains("out/objectives/"), "{config}");
}

#[test]
fn a_dry_run_writes_nothing_and_a_task_is_one_run() {
    let place = Place::new(&catch(1, 2000));
    let said = succeed(&mut place.batch(&["--dry-run"]));
    assert!(said.stdout.contains("out, 4,000 frames to go"), "{said}");
    assert!(!place.out().exists());
    for _ in 0..2 {
        succeed(&mut place.batch(&["--task", "1"]));
    }
    assert!(place.run("soft_kl", 0).join("DONE").is_file() && !place.run("dqn", 0).exists());
    let said = run(&mut place.batch(&["--task", "2"]));
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.stderr.contains("there is no task 2") && said.stderr.contains("0 to 1"), "{said}");
    // The folder stands for the plan, without its script.
    fs::remove_file(place.path("batch.rhai")).unwrap();
    let mut rest = kelvin();
    rest.current_dir(place.path(".")).args(["batch", "out", "--device", "cpu"]);
    let said = succeed(&mut rest);
    assert!(said.stdout.contains("2 tasks: 2 done"), "{said}");
    place.assert_all_done(2, 2000);
}

#[test]
fn a_killed_batch_goes_on_with_the_same_command() {
    let place = Place::new(&catch(2, 40_000));
    let mut running = Running::start(&mut place.batch(TWO), &place.path("first"));
    let first = place.run("dqn", 0);
    wait_for_checkpoint(&mut running, &first);
    running.signal("KILL");
    assert_eq!(running.end().code, None);
    // What it had started goes on without it, and is counted, not started twice.
    assert!(!workers(&place.out()).is_empty(), "no process outlived the launcher");
    let said = succeed(&mut place.batch(TWO));
    assert!(said.stdout.contains("another process works on it"), "{said}");
    assert!(said.stdout.contains("4 tasks: 4 done"), "{said}");
    place.assert_all_done(4, 40_000);
}

#[test]
fn a_killed_worker_is_started_again_from_its_checkpoint() {
    let place = Place::new(&catch(1, 40_000));
    let mut running = Running::start(&mut place.batch(TWO), &place.path("first"));
    let first = place.run("dqn", 0);
    wait_for_checkpoint(&mut running, &first);
    let worker = running.wait("a worker", || workers(&first).pop());
    signal("KILL", &worker);
    let said = running.end();
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.stdout.contains("dqn/catch-s0: crashed, and is started again (1 of 2)"), "{said}");
    assert!(said.stdout.contains("signal: 9"), "{said}");
    place.assert_all_done(2, 40_000);
    let resumed = records::events_of(&first, "resume");
    assert!(resumed.len() == 1 && records::count(&resumed[0], "agent_steps") >= 2000, "{resumed:?}");
}

#[test]
fn ctrl_c_lets_every_run_save_and_the_same_command_goes_on() {
    for name in ["INT", "TERM", "USR1"] {
        let place = Place::new(&catch(1, 200_000));
        let mut running = Running::start(&mut place.batch(TWO), &place.path("first"));
        let runs = [place.run("dqn", 0), place.run("soft_kl", 0)];
        running.wait("updates of both", || {
            let learn =
                |run: &PathBuf| records::training(run).iter().any(|at| records::count(at, "updates") > 0);
            runs.iter().all(learn).then_some(())
        });
        running.signal(name);
        let said = running.end();
        assert_eq!(said.code, Some(1), "{name}\n{said}");
        assert!(said.stderr.contains("stopped; 2 tasks: 0 done, 2 stopped"), "{name}\n{said}");
        assert!(workers(&place.out()).is_empty(), "{name}: somebody was left behind");
        for run in &runs {
            assert_eq!(records::events_of(run, "stopped").len(), 1, "{name}");
            assert!(!records::checkpoints(run).is_empty(), "{name}");
        }
    }
}

#[test]
fn two_launchers_share_an_experiment() {
    let place = Place::new(&catch(3, 20_000));
    let first = Running::start(&mut place.batch(TWO), &place.path("first"));
    let second = Running::start(&mut place.batch(TWO), &place.path("second"));
    for running in [first, second] {
        let said = running.end();
        assert_eq!(said.code, Some(0), "{said}");
        assert!(said.stdout.contains("6 tasks: 6 done"), "{said}");
    }
    place.assert_all_done(6, 20_000);
    for label in ["dqn", "soft_kl"] {
        for seed in 0..3 {
            assert!(
                records::events_of(&place.run(label, seed), "resume").is_empty(),
                "{label} {seed} ran twice"
            );
        }
    }
}

#[test]
fn one_index_given_twice_is_trained_once() {
    let place = Place::new(&catch(1, 60_000));
    let task = || place.batch(&["--task", "0"]);
    let mut first = Running::start(&mut task(), &place.path("first"));
    first.wait("a run", || place.run("dqn", 0).join("config.toml").is_file().then_some(()));
    let said = succeed(&mut task());
    assert!(said.stdout.contains("another process works on it"), "{said}");
    assert!(said.stdout.contains("done by another process"), "{said}");
    assert_eq!(first.end().code, Some(0));
    assert!(records::events_of(&place.run("dqn", 0), "resume").is_empty());
    assert_eq!(records::events_of(&place.run("dqn", 0), "done").len(), 1);
}

/// A run that fails by its own fault is tried as often as asked, and does not keep others from their ends.
#[test]
fn a_failure_is_told_and_costs_one_run() {
    let place = Place::new(&catch(1, 10_000));
    let broken = fs::read_to_string(place.path("dqn.rhai")).unwrap();
    place.write("dqn.rhai", &broken.replace("huber(td_error, p.delta)", "log(0 * td_error) * td_error"));
    let said = run(&mut place.batch(&["--jobs", "2", "--retries", "1"]));
    assert_eq!(said.code, Some(1), "{said}");
    for part in ["started again (1 of 1)", "dqn/catch-s0: failed: ", "dqn.rhai:", "log"] {
        assert!(said.stdout.contains(part), "no {part:?}\n{said}");
    }
    assert!(said.stderr.contains("2 tasks: 1 done, 1 failed") && said.stderr.contains("hint: "), "{said}");
    assert!(place.run("soft_kl", 0).join("DONE").is_file());
    let log = fs::read_to_string(place.out().join("dqn/catch-s0.log")).expect("what it said");
    assert!(log.contains("log"), "{log}");
    assert!(!place.out().join("soft_kl/catch-s0.log").exists(), "nothing was said");
}

#[test]
fn a_plan_that_was_changed_is_refused_and_one_that_grew_goes_on() {
    let place = Place::new(&catch(1, 2000));
    succeed(&mut place.batch(TWO));
    place.write("batch.rhai", &catch(1, 3000));
    let refused = |parts: &[&str]| {
        let said = run(&mut place.batch(TWO));
        assert_eq!(said.code, Some(2), "{said}");
        for part in parts.iter().chain(&["--out DIR", "kelvin batch /"]) {
            assert!(said.stderr.contains(part), "no {part:?}\n{said}");
        }
    };
    refused(&["task 0 (dqn/catch-s0) differs in frames 2000, now 3000"]);
    place.write("batch.rhai", &catch(1, 2000));
    let objective = fs::read_to_string(place.path("dqn.rhai")).unwrap();
    place.write("dqn.rhai", &format!("{objective}// edited\n"));
    refused(&["task 0 (dqn/catch-s0) differs in the text of", "dqn.rhai: it was edited"]);
    place.write("dqn.rhai", &objective);
    place.write("batch.rhai", &catch(2, 2000));
    let said = succeed(&mut place.batch(TWO));
    assert!(said.stdout.contains("4 tasks, 2 of them new"), "{said}");
    place.assert_all_done(4, 2000);
}

/// The batch script, the exit code, and what must be told.
const MISTAKES: &[(&str, &[&str])] = &[
    (r#"script: "dqm.rhai", env: "catch""#, &["batch.rhai:1:35", "dqm.rhai", "did you mean", "dqn.rhai"]),
    (r#"script: "dqn.rhai", env: "cacth""#, &["batch.rhai:1:52", "unknown environment `cacth`", "`catch`"]),
    (
        r#"script: "soft_kl.rhai", env: "catch", tau: [0.1, 99.0]"#,
        &["batch.rhai:1:76", "tau: 99", "between 0.001 and 10"],
    ),
    (
        r#"script: "dqn.rhai", env: "catch", leraning_rate: 0.1"#,
        &["batch.rhai:1:61", "no setting `leraning_rate`", "did you mean `learning_rate`?"],
    ),
    (r#"script: "dqn.rhai", env: "catch", batch: 0"#, &["batch.rhai:1:68", "`batch` is 0"]),
    (
        r#"script: "dqn.rhai", env: "catch", frames: 0"#,
        &["batch.rhai:1:69", "`frames` takes a whole number, 1 or more"],
    ),
    (r#"script: "dqn.rhai", env: "catch", preset: "papr""#, &["batch.rhai:1:69", "papr", "machado"]),
    (r#"script: "broken.rhai", env: "catch""#, &["broken.rhai:4:", "asked for by batch.rhai:1:35"]),
    (r#"script: "dqn.rhai", env: "catch", reference: "nowhere""#, &["batch.rhai:1:61", "is not a run"]),
    (
        r#"script: "dqn.rhai", env: "catch", eval_every: 500, eval_policy: "stochastic""#,
        &["batch.rhai:1:91", "action values only", "greedy or epsilon"],
    ),
    (
        r#"script: "dqn.rhai", env: "catch", reference: ".""#,
        &["batch.rhai:1:61", "is not a run", "relative to the batch script"],
    ),
    (
        r#"script: "dqn.rhai", env: "catch", replay_capacity: 7"#,
        &["batch.rhai:1:78", "`replay_capacity` is 7"],
    ),
    (r#"script: "dqn.rhai", env: []"#, &["batch.rhai:1:19", "`env` has no values"]),
    (
        r#"script: "dqn.rhai", env: "catch", frames: 1e30"#,
        &["batch.rhai:1:69", "less than 1e15, found `1e30`"],
    ),
    (r#"script: "dqn.rhai", env: "catch", frames: 0.0 / 0.0"#, &["batch.rhai:1:61", "found `NaN`"]),
];

#[test]
fn mistakes_are_told_before_anything_starts() {
    for (grid, parts) in MISTAKES {
        let place = Place::new(&format!("fn experiment() {{ grid(#{{ {grid} }}) }}"));
        place.write(
            "broken.rhai",
            "fn config() { #{ learner: \"replay\", heads: [\"q\"] } }\n\n\nfn loss(net, t, p) { net.z }\n",
        );
        let said = run(&mut place.batch(TWO));
        assert_eq!(said.code, Some(1), "{grid}\n{said}");
        for part in parts.iter().chain(&["error: ", "hint: "]) {
            assert!(said.stderr.contains(part), "{grid}: no {part:?}\n{said}");
        }
        assert!(!place.out().exists(), "{grid}: something was left behind");
    }
}

#[test]
fn wrong_use_is_told() {
    let place = Place::new(&catch(1, 2000));
    place.write("taken", "a file");
    for (arguments, code, parts) in [
        (&["batch", "batch.rhai", "--out", "taken/out"][..], 1, &["taken/out", "hint: "][..]),
        (&["batch", "nowhere.rhai"], 1, &["nowhere.rhai", "does not exist", "hint: "]),
        (&["batch", "."], 2, &["is no experiment", "hint: "]),
        (&["batch", "batch.rhai", "--size", "smoke"], 1, &["no size `smoke`", "hint: "]),
        (&["batch", "batch.rhai", "--time", "1:00"], 2, &["--slurm", "hint: "]),
        (&["batch", "batch.rhai", "--jobs", "0"], 2, &["--jobs"]),
        // The command line's mistakes are not the script's.
        (
            &["batch", "batch.rhai", "--set", "gamma=99"],
            2,
            &["--set gamma=99 for ", "between 0 and 1", "hint: gamma: "],
        ),
        (
            &["batch", "batch.rhai", "--set", "label=x"],
            2,
            &["--set label=x: `label`", "batch script", "label: x"],
        ),
        (&["batch", "batch.rhai", "--set", "frames=9"], 2, &["`frames`", "hint: say it in the batch script"]),
        (
            &["batch", "batch.rhai", "--set", "leraning_rate=1"],
            2,
            &["no setting", "did you mean `learning_rate`?"],
        ),
        (&["batch", "batch.rhai", "--set", "batch=0"], 2, &["--set batch=0: `batch` is 0", "1 to 65536"]),
        (
            &["batch", "batch.rhai", "--hyperqueue", "--mem", "2G", "--array-limit", "2"],
            2,
            &["HyperQueue has no use for --mem, --array-limit", "hint: "],
        ),
    ] {
        let mut command = kelvin();
        let said: Said = run(command.current_dir(place.path(".")).args(arguments));
        assert_eq!(said.code, Some(code), "{arguments:?}\n{said}");
        for part in parts {
            assert!(said.stderr.contains(part), "{arguments:?}: no {part:?}\n{said}");
        }
        let blamed = arguments.contains(&"--set") && said.stderr.contains("batch.rhai:");
        assert!(!blamed, "{arguments:?}: the script is blamed\n{said}");
        assert!(!said.stderr.contains("--frames"), "{arguments:?}: there is no such flag\n{said}");
    }
}

/// A label of letters that are not ASCII's is a folder too, and stays inside of the experiment.
#[test]
fn labels_of_other_letters_have_folders() {
    let place = Place::new(
        r#"fn experiment() { grid(#{ script: "dqn.rhai", env: "catch", label: ["τ", "ε = 0.1", "../../x"] }) }"#,
    );
    let plan = succeed(&mut place.batch(&["--dry-run", "--json"]));
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let tasks = plan["experiment"]["tasks"].as_array().unwrap();
    let folders: Vec<&str> = tasks.iter().map(|task| task["folder"].as_str().unwrap()).collect();
    assert_eq!(folders, ["τ/catch-s0", "ε-0.1/catch-s0", "x/catch-s0"]);
}

/// A terabyte of transitions fits neither disk nor memory.
#[test]
fn what_has_no_room_is_told_before_anything_starts() {
    let place = Place::new(&catch(1, 999_999_999_999_999));
    let said = run(&mut place.batch(&["--set", "replay_capacity=100000000000000"]));
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("checkpoints take about") && said.stderr.contains("are free"), "{said}");
    // As long as the disk is concerned, a short run never fills what it asks for.
    let place = Place::new(&catch(1, 1000));
    let said = run(&mut place.batch(&["--set", "replay_capacity=100000000000000"]));
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("task 0 (dqn/catch-s0) takes") && said.stderr.contains("hint: "), "{said}");
    assert!(!place.out().exists());
}

/// What a launcher adds to its tasks is guarded in function: those that are done are not even taken.
#[test]
fn many_tasks_that_are_done_are_passed_over() {
    let place = Place::new(&catch(100, 3000));
    let plan = succeed(&mut place.batch(&["--dry-run", "--json"]));
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    for task in plan["experiment"]["tasks"].as_array().unwrap() {
        let run = place.out().join(task["folder"].as_str().unwrap());
        fs::create_dir_all(run.join("objective")).unwrap();
        let config = format!(
            "env = \"catch\"\nseed = {}\nframes = 3000\npreset = \"paper\"\nfull_action_set = false\ncheckpoint_every = 2000\n",
            task["seed"]
        );
        let version =
            format!("{{\"update\":0,\"hash\":{},\"script\":\"objective/a.rhai\"}}\n", task["script_hash"]);
        fs::write(run.join("config.toml"), config).unwrap();
        fs::write(run.join("objective/index.jsonl"), version).unwrap();
        fs::write(run.join("DONE"), "{\"mean_return\": 1.0}").unwrap();
    }
    let said = succeed(&mut place.batch(TWO));
    assert!(said.stdout.contains("200 tasks: 200 done"), "{said}");
    assert!(!place.out().join("claims").exists(), "a task that is done was taken");
}

/// What is submitted is a script that a shell understands, which runs the tasks that are left.
#[test]
fn a_job_array_is_written_and_its_script_runs_a_task() {
    for (flag, file, index) in
        [("--slurm", "slurm.sh", "SLURM_ARRAY_TASK_ID"), ("--hyperqueue", "hyperqueue.sh", "HQ_TASK_ID")]
    {
        let place = Place::new(&catch(2, 2000));
        let said = succeed(&mut place.batch(&[flag, "--dry-run", "--cpus-per-task", "2"]));
        assert!(said.stdout.contains("array=0-3") && said.stdout.contains(file), "{said}");
        assert!(!place.out().exists());
        // A scheduler that only says what it was given.
        let tools = place.path("tools");
        fs::create_dir(&tools).unwrap();
        for tool in ["sbatch", "hq"] {
            place.write(&format!("tools/{tool}"), "#!/bin/sh\necho job 17 of \"$@\"\n");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(tools.join(tool), mode).unwrap();
        }
        succeed(&mut place.batch(&["--task", "1"]));
        let mut command = place.batch(&[flag, "--cpus-per-task", "2"]);
        let said = succeed(command.env("PATH", format!("{}:/usr/bin:/bin", tools.display())));
        assert!(said.stdout.contains("job 17 of") && said.stdout.contains(file), "{said}");
        let script = place.out().join(file);
        let text = fs::read_to_string(&script).unwrap();
        assert!(text.contains("array=0,2-3") && text.contains("RAYON_NUM_THREADS=2"), "{text}");
        let mut command = place.batch(&[flag, "--json"]);
        let said = succeed(command.env("PATH", format!("{}:/usr/bin:/bin", tools.display())));
        let found: Value =
            serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{said}"));
        assert!(found["submitted"].as_str().unwrap().contains("job 17"), "{said}");
        assert_eq!(found["tasks"], serde_json::json!([0, 2, 3]), "{said}");
        let said = succeed(Command::new("bash").arg(&script).env(index, "2"));
        assert!(place.run("dqn", 1).join("DONE").is_file(), "{said}");
    }
}

/// Labels of letters of any kind, and of none, have folders of their own inside the experiment's.
#[test]
fn labels_of_any_letters_have_their_folders() {
    let place = Place::new(
        r#"fn experiment() {
    grid(#{ script: "dqn.rhai", env: "catch", frames: 2000, batch: [16, 32, 48, 64],
            label: |run| ["τ", "软", "∅", "→"][run.batch / 16 - 1] })
}"#,
    );
    succeed(&mut place.batch(TWO));
    place.assert_all_done(4, 2000);
    let out = place.out().canonicalize().unwrap();
    let mut runs: Vec<_> = place.runs().iter().map(|run| run.canonicalize().unwrap()).collect();
    assert!(runs.iter().all(|run| run.starts_with(&out)), "{runs:?}");
    assert!(place.run("τ", 0).is_dir() && place.run("软", 0).is_dir());
    runs.dedup();
    assert_eq!(runs.len(), 4);
}

/// What somebody put in a task's place is told of, and neither counted nor trained further.
#[test]
fn a_finished_run_in_the_place_of_a_task_is_not_its_run() {
    let place = Place::new(&catch(1, 2000));
    let run_dir = place.run("soft_kl", 0);
    let mut train = kelvin_tests::command::train("dqn", "catch", &run_dir);
    succeed(train.args(["--frames", "2000", "--seed", "7", "--set", "checkpoint_every=2000"]));
    let before = fs::read(run_dir.join("DONE")).unwrap();
    let said = run(&mut place.batch(&["--dry-run"]));
    assert!(said.code == Some(1) && said.stdout.contains("another run"), "{said}");
    let said = run(&mut place.batch(TWO));
    assert_eq!(said.code, Some(1), "{said}");
    for part in ["task 1 (soft_kl/catch-s0): seed 7, planned 0; objective ", "hint: move them away"] {
        assert!(said.stderr.contains(part), "no {part:?}\n{said}");
    }
    assert!(!place.run("dqn", 0).exists(), "something was started");
    // A job of a cluster does not look at the others, and at its own all the more.
    let said = run(&mut place.batch(&["--task", "1", "--json"]));
    assert_eq!(said.code, Some(1), "{said}");
    let found: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert_eq!(
        (&found["all_done"], &found["tasks"][0]["state"]),
        (&false.into(), &"failed".into()),
        "{said}"
    );
    assert!(found["tasks"][0]["error"].as_str().unwrap().contains("seed 7, planned 0"), "{said}");
    assert_eq!(fs::read(run_dir.join("DONE")).unwrap(), before);
    fs::rename(&run_dir, place.path("away")).unwrap();
    succeed(&mut place.batch(TWO));
    place.assert_all_done(2, 2000);
}

/// A copy of an objective under another name: what one starts with before changing it.
#[test]
fn two_objectives_of_one_text_both_train() {
    let place = Place::new(
        r#"fn experiment() { grid(#{ script: ["dqn.rhai", "mine.rhai"], env: "catch", frames: 2000 }) }"#,
    );
    fs::copy(place.path("dqn.rhai"), place.path("mine.rhai")).unwrap();
    succeed(&mut place.batch(TWO));
    place.assert_all_done(2, 2000);
    assert!(place.run("mine", 0).is_dir());
}

/// The network of a reference is looked at before anything starts.
#[test]
fn a_reference_of_another_network_is_refused() {
    let place = Place::new(
        r#"fn experiment() { run(#{ script: "a2c_prior.rhai", env: "catch", reference: "prior", frames: 4000 }) }"#,
    );
    let scripts = kelvin_tests::command::repository().join("scripts");
    fs::copy(scripts.join("a2c_prior.rhai"), place.path("a2c_prior.rhai")).unwrap();
    let prior = |hidden: &str| {
        let mut train = kelvin_tests::command::train("a2c_proper", "catch", &place.path("prior"));
        succeed(train.args(["--frames", "4000", "--set", hidden]));
    };
    prior("hidden=[8]");
    let said = run(&mut place.batch(&["--dry-run"]));
    assert_eq!(said.code, Some(1), "{said}");
    for part in [
        "batch.rhai:1:66",
        "prior cannot be the reference",
        "the model needs",
        "hint: it must have the same network",
    ] {
        assert!(said.stderr.contains(part), "no {part:?}\n{said}");
    }
    fs::remove_dir_all(place.path("prior")).unwrap();
    prior("hidden=[64, 64]");
    succeed(&mut place.batch(TWO));
    place.assert_all_done(1, 4000);
}

/// What may spoil every run of an experiment is said once, before the first, however quiet it is asked to be.
#[test]
fn what_may_not_be_meant_is_told_once() {
    let place = Place::new(
        r#"fn experiment() { grid(#{ script: "a2c_prior.rhai", env: "catch", seed: 0..3, frames: 4000 }) }"#,
    );
    let scripts = kelvin_tests::command::repository().join("scripts");
    fs::copy(scripts.join("a2c_prior.rhai"), place.path("a2c_prior.rhai")).unwrap();
    let said = succeed(&mut place.batch(TWO));
    let warning =
        "warning: task 0 (a2c_prior/catch-s0) and 2 more: the target network that the script reads stays";
    assert!(said.stdout.contains(warning), "{said}");
    assert_eq!(said.stdout.matches("warning: ").count(), 1, "{said}");
    let log = fs::read_to_string(place.out().join("a2c_prior/catch-s0.log")).expect("what it said");
    assert!(log.contains("warning: the target network"), "{log}");
    let said = run(&mut place.batch(&["--json"]));
    assert!(said.code == Some(0) && said.stderr.contains("warning: task 0"), "{said}");
}

#[test]
fn a_program_always_gets_an_object() {
    let place = Place::new(&catch(1, 2000));
    let said = succeed(&mut place.batch(&["--task", "0", "--dry-run", "--json"]));
    let found: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert_eq!(found["task"]["folder"], "dqn/catch-s0", "{said}");
    for (flag, kind) in [("--slurm", "sbatch"), ("--hyperqueue", "hq")] {
        let said = succeed(&mut place.batch(&[flag, "--dry-run", "--json"]));
        let found: Value =
            serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{said}"));
        assert_eq!(found["job_array"]["program"], kind, "{said}");
        assert!(found["job_array"]["script"].as_str().unwrap().contains("array=0-1"), "{said}");
        assert_eq!(found["experiment"]["tasks"].as_array().unwrap().len(), 2);
    }
}

/// What a scheduler does not take, or has no use for, is told before it is asked.
#[test]
fn limits_of_schedulers_are_told() {
    let place = Place::new(&catch(501, 3000));
    let said = succeed(&mut place.batch(&["--slurm", "--dry-run"]));
    assert!(said.stdout.contains("warning: the array goes up to 1001, and Slurm"), "{said}");
    let said = succeed(&mut place.batch(&["--hyperqueue", "--dry-run"]));
    assert!(!said.stdout.contains("warning: "), "{said}");
    place.write(
        "batch.rhai",
        r#"fn experiment() {
    #{ runs: run(#{ script: "dqn.rhai", env: "catch" }), resources: #{ cpus: 1, mem: "2G", limit: 3 } }
}"#,
    );
    let said = succeed(&mut place.batch(&["--hyperqueue", "--dry-run"]));
    assert!(said.stdout.contains("warning: HyperQueue has no use for `mem`, `limit`"), "{said}");
    let said = succeed(&mut place.batch(&["--slurm", "--dry-run"]));
    assert!(said.stdout.contains("--mem=2G") && !said.stdout.contains("warning: "), "{said}");
}
