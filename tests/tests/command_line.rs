//! The command as a user meets it: mistakes cost a clear message, a hint and an exit code, and leave nothing behind.

use kelvin_env::roms;
use kelvin_tests::command::{Said, kelvin, run, succeed};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A script with this loss, otherwise like `dqn.rhai`.
fn script(loss: &str) -> String {
    format!(
        r#"fn config() {{ #{{ learner: "replay", n: 1, heads: ["q"], exploration: epsilon_greedy(1.0, 0.01) }} }}
fn params() {{ #{{ gamma: param(0.99, 0.0, 1.0, "discount"), tau: param(0.1, 0.001, 10.0, "temperature") }} }}
fn target(t, p) {{ t.reward + p.gamma * (1 - t.terminated) * max(t.next.q) }}
fn loss(net, y, t, p) {{
    let td_error = net.q[t.action] - y;
    {loss}
}}
"#
    )
}

/// A folder with an empty place to work in, scripts right and wrong, and folders of ROMs empty and wrong.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["work", "scripts", "no_roms", "wrong_roms"] {
            fs::create_dir(folder.path().join(name)).expect("a writable folder");
        }
        let place = Self { folder };
        let scripts = [
            ("good", script("huber(td_error, 1.0)")),
            ("syntax", script("huber(td_error, 1.0")),
            ("traced_if", script("if td_error > 0 { td_error } else { -td_error }")),
            ("shape", script("net.q - y")),
            ("setting", script("huber(td_error, 1.0)").replace("n: 1", "n: 1, bacth: 16")),
            ("infinite", script("exp(td_error)")),
        ];
        for (name, text) in scripts {
            fs::write(place.path(&format!("scripts/{name}.rhai")), text).expect("a writable folder");
        }
        // A size that a cartridge may have, and other bytes.
        fs::write(place.path("wrong_roms/pong.bin"), [7; 2048]).expect("a writable folder");
        fs::write(place.path("file"), "not a folder").expect("a writable folder");
        place
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The command in `work`, where no ROM is to be found. `$` in an argument stands for the place.
    fn kelvin(&self, arguments: &str) -> Command {
        let root = self.folder.path().to_str().expect("a plain path");
        let mut command = kelvin();
        command.current_dir(self.path("work"));
        command.env("KELVIN_ROMS", self.path("no_roms")).env("XDG_CACHE_HOME", self.path("no_roms"));
        command.args(arguments.split_whitespace().map(|argument| argument.replace('$', root)));
        command
    }

    /// Everything under the place, to see whether a command left something behind.
    fn listing(&self) -> Vec<String> {
        fn list(folder: &Path, into: &mut Vec<String>) {
            for entry in fs::read_dir(folder).expect("a readable folder") {
                let path = entry.expect("a readable folder").path();
                into.push(path.display().to_string());
                if path.is_dir() {
                    list(&path, into);
                }
            }
        }
        let mut names = Vec::new();
        list(self.folder.path(), &mut names);
        names.sort();
        names
    }
}

/// A mistake: the arguments, the exit code, and what the message must say, the hint included.
type Mistake = (&'static str, i32, &'static [&'static str]);

const MISTAKES: &[Mistake] = &[
    // Environments.
    ("train $/scripts/good.rhai --env pong", 1, &["no ROM for `pong`", "/no_roms", "hint: ", "--roms DIR"]),
    ("train $/scripts/good.rhai --env pong --roms $/wrong_roms", 1, &["pong.bin", "md5 is", "hint: remove"]),
    (
        "train $/scripts/good.rhai --env pongg",
        1,
        &["unknown environment `pongg`", "did you mean `pong`", "hint: "],
    ),
    (
        "train $/scripts/good.rhai --env humanoid",
        1,
        &["unknown environment `humanoid`", "hint: ", "space_invaders"],
    ),
    ("train $/scripts/good.rhai --env catch --preset papr", 2, &["papr", "paper", "machado"]),
    // The run directory.
    (
        "train $/scripts/good.rhai --env catch --out $/file/run",
        1,
        &["cannot create", "/file: File exists", "hint: "],
    ),
    ("train $/scripts/good.rhai --env catch --out $/file", 1, &["cannot create", "/file", "hint: "]),
    ("train $/scripts/good.rhai --env catch --out $/scripts", 1, &["already exists", "hint: ", "--resume"]),
    ("train --resume --out $/scripts", 1, &["is not a run", "hint: "]),
    ("train $/scripts/good.rhai --resume --out $/scripts --env catch", 1, &["is not a run", "hint: "]),
    ("train --resume --out $/nowhere", 1, &["nowhere", "is not a run", "hint: "]),
    ("train --resume", 2, &["hint: ", "--resume runs/NAME"]),
    ("eval $/scripts", 1, &["is not a run", "hint: "]),
    // Settings.
    ("train $/scripts/good.rhai --env catch --set bacth=16", 2, &["--set bacth=16", "did you mean `batch`"]),
    (
        "train $/scripts/good.rhai --env catch --set batch=many",
        2,
        &["--set batch=many", "a whole number", "hint: "],
    ),
    ("train $/scripts/good.rhai --env catch --set batchsize=16", 2, &["did you mean `batch`"]),
    ("train $/scripts/good.rhai --env catch --set lr=1", 2, &["did you mean `learning_rate`"]),
    (
        "train $/scripts/good.rhai --env catch --set on_nan=hope",
        2,
        &["hope", "hint: ", "stop, skip, continue"],
    ),
    ("train $/scripts/good.rhai --env catch --roms $/nowhere", 2, &["--roms", "no such folder"]),
    ("train $/scripts/good.rhai --env catch --set batch=0", 2, &["`batch` is 0", "hint: "]),
    (
        "train $/scripts/good.rhai --env catch --set batch=-4",
        2,
        &["--set batch=-4", "a whole number", "hint: "],
    ),
    ("train $/scripts/good.rhai --env catch --set learning_rate=nan", 2, &["`learning_rate`", "NaN"]),
    ("train $/scripts/good.rhai --env catch --set tau=hot", 2, &["--set tau=hot", "`hot`", "hint: "]),
    (
        "train $/scripts/good.rhai --env catch --set tau=99",
        2,
        &["--set tau=99", "between 0.001 and 10", "hint: "],
    ),
    (
        "train $/scripts/good.rhai --env catch --set replay_capacity=9",
        2,
        &["too small", "hint: ", "at least"],
    ),
    (
        "train $/scripts/good.rhai --env catch --set replay_capacity=1e14",
        2,
        &["are free", "hint: ", "at most"],
    ),
    ("train $/scripts/good.rhai --env catch --set seed=3", 2, &["--set seed=3", "hint: use --seed"]),
    ("train $/scripts/good.rhai --env catch --set batch", 2, &["--set", "key=value"]),
    ("train $/scripts/good.rhai --env catch --frames soon", 2, &["--frames", "soon", "500k"]),
    (
        "train $/scripts/good.rhai --env catch --seed 18446744073709551615",
        2,
        &["--seed", "9223372036854775807"],
    ),
    ("train $/scripts/good.rhai --env catch --device warp9", 2, &["warp9", "cpu"]),
    // Scripts.
    ("train $/scripts/none.rhai --env catch", 1, &["none.rhai", "hint: "]),
    ("train --env catch", 2, &["SCRIPT", "--help"]),
    ("train $/scripts/syntax.rhai --env catch", 1, &["syntax.rhai:", "hint: "]),
    ("train $/scripts/traced_if.rhai --env catch", 1, &["traced_if.rhai:6:", "hint: ", "select("]),
    ("train $/scripts/shape.rhai --env catch", 1, &["shape.rhai:", "action", "hint: "]),
    (
        "train $/scripts/setting.rhai --env catch",
        1,
        &["setting.rhai:1:", "`bacth`", "hint: did you mean `batch`"],
    ),
    ("check $/scripts/good.rhai $/scripts/syntax.rhai", 1, &["syntax.rhai:", "hint: "]),
    ("emit $/scripts/shape.rhai", 1, &["shape.rhai:", "hint: "]),
    ("check $/scripts/good.rhai --actions 1", 2, &["--actions", "2 to 18"]),
    ("check", 2, &["SCRIPTS", "--help"]),
    // Gradients.
    ("gradcheck", 2, &["SCRIPTS", "--help"]),
    ("gradcheck $/scripts/none.rhai --device cpu", 1, &["none.rhai", "hint: "]),
    (
        "gradcheck $/scripts/syntax.rhai $/scripts/shape.rhai --device cpu",
        1,
        &["syntax.rhai:", "shape.rhai:"],
    ),
    ("gradcheck $/scripts/good.rhai --device warp9", 2, &["warp9", "cpu"]),
    ("gradcheck $/scripts/good.rhai --actions 1", 2, &["--actions", "2 to 18"]),
    ("gradcheck $/scripts/good.rhai --batch 0", 2, &["--batch", "1..=1024"]),
    ("gradcheck $/scripts/good.rhai --full --batch 3", 2, &["--full", "--batch"]),
    (
        "gradcheck $/scripts/good.rhai $/scripts/infinite.rhai --device cpu --actions 2 --batch 1",
        1,
        &["differ for 1 of 2 scripts", "hint: "],
    ),
    // What does not run.
    ("new $/scripts/good", 1, &["good.rhai is there already", "hint: "]),
    ("new $/work/some.py", 2, &["ends in .rhai", "hint: "]),
    ("new $/work/other --from $/scripts/syntax.rhai", 1, &["syntax.rhai:", "hint: "]),
    ("definitions $/nowhere", 2, &["nowhere", "no such folder"]),
    // Another run's checkpoint: tests/fork.rs has more.
    ("train $/scripts/good.rhai --fork $/scripts", 1, &["is not a run", "hint: "]),
    ("train $/scripts/good.rhai --fork $/nowhere", 2, &["--fork", "no such folder"]),
    ("train $/scripts/good.rhai --at 3", 2, &["--fork"]),
    ("monitor $/work --selct x", 2, &["--selct", "--select"]),
    // Everything else.
    ("trian $/scripts/good.rhai", 2, &["trian", "train"]),
    ("roms", 1, &["no ROM", "hint: "]),
    ("doctor", 1, &["no ROM", "hint: "]),
    ("", 2, &["Usage: kelvin", "train"]),
];

#[test]
fn mistakes_are_explained_and_leave_nothing_behind() {
    let place = Place::new();
    let before = place.listing();
    let mut found = Vec::new();
    for (arguments, code, parts) in MISTAKES {
        let said = run(&mut place.kelvin(arguments));
        let mut wrong = faults(&said, *code, parts);
        if place.listing() != before {
            wrong.push(format!("left something behind: {:?}", place.listing()));
        }
        if !wrong.is_empty() {
            found.push(format!("kelvin {arguments}: {}\n{said}", wrong.join("; ")));
        }
    }
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), MISTAKES.len(), found.join("\n"));
}

fn faults(said: &Said, code: i32, parts: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    if said.code != Some(code) {
        wrong.push(format!("exit code {:?}, wanted {code}", said.code));
    }
    for part in parts.iter().filter(|part| !said.stderr.contains(**part)) {
        wrong.push(format!("does not say `{part}`"));
    }
    for word in ["panicked", "RUST_BACKTRACE", "unwrap"] {
        if said.stderr.contains(word) || said.stdout.contains(word) {
            wrong.push(format!("says `{word}`"));
        }
    }
    wrong
}

/// Where even root may not write.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_nothing_is_named() {
    let place = Place::new();
    let said = run(&mut place.kelvin("train $/scripts/good.rhai --env catch --out /proc/kelvin/run"));
    let wrong = faults(&said, 1, &["cannot create /proc/kelvin"]);
    assert!(wrong.is_empty(), "{wrong:?}\n{said}");
}

#[test]
fn a_run_is_never_overwritten() {
    let place = Place::new();
    // Without --out the run's name follows from script, environment and seed.
    let train = "train $/scripts/good.rhai --env catch --device cpu --frames 2k --quiet";
    succeed(&mut place.kelvin(train));
    assert!(place.path("work/runs/good-catch-s0/DONE").is_file());
    let before = place.listing();
    let said = run(&mut place.kelvin(train));
    let wrong = faults(&said, 1, &["runs/good-catch-s0 already exists", "hint: ", "--resume"]);
    assert!(wrong.is_empty(), "{wrong:?}\n{said}");
    assert_eq!(place.listing(), before);

    for (more, parts) in [
        ("", ["is done", "hint: ", "--frames"]),
        ("--frames 9k --env chain", ["catch", "hint: ", "--out"]),
        ("--frames 9k --seed 3", ["seed", "hint: ", "--out"]),
    ] {
        let said = run(&mut place.kelvin(&format!("train --resume --out runs/good-catch-s0 {more}")));
        let wrong = faults(&said, 2, &parts);
        assert!(wrong.is_empty(), "{more}: {wrong:?}\n{said}");
    }
    assert!(place.path("work/runs/good-catch-s0/DONE").is_file(), "it is done as before");
}

#[test]
fn the_first_line_says_which_device_and_why() {
    let place = Place::new();
    let said = succeed(&mut place.kelvin("train $/scripts/good.rhai --env catch --device cpu --frames 1k"));
    let first = said.stdout.lines().next().expect("output");
    assert!(first.starts_with("cpu") && first.ends_with("as asked for"), "{said}");
}

#[test]
fn help_says_what_there_is() {
    insta::assert_snapshot!("help", succeed(kelvin().arg("--help")).stdout);
    insta::assert_snapshot!("help_train", succeed(kelvin().args(["train", "--help"])).stdout);
}

#[test]
fn check_says_what_the_shipped_scripts_read_and_report() {
    let scripts = kelvin_tests::scripts::shipped();
    let names = scripts.iter().map(|path| format!("scripts/{}", path.file_name().expect("a file").display()));
    let said = succeed(kelvin().arg("check").args(names));
    insta::with_settings!({ filters => [(r"\d+\.\d ms", "[time]")] }, {
        insta::assert_snapshot!("check", said.stdout);
    });
}

#[test]
fn emit_prints_a_shader_or_a_graph() {
    let emit =
        |arguments: &[&str]| succeed(kelvin().args(["emit", "scripts/soft_kl.rhai"]).args(arguments)).stdout;
    let shader = emit(&["--wgsl", "--actions", "18", "--batch", "5"]);
    assert!(shader.contains("@compute @workgroup_size(32)") && shader.contains("fn objective("), "{shader}");
    assert!(shader.contains("18") && shader.contains("5u"), "sizes are baked in:\n{shader}");
    assert_ne!(emit(&["--actions", "17", "--batch", "5"]), shader);
    let graph = emit(&["--graph"]);
    assert!(graph.contains("loss") && !graph.contains("@compute"), "{graph}");
}

#[test]
fn gradcheck_prints_a_table_and_the_line_that_is_wrong() {
    let place = Place::new();
    let few = "--device cpu --actions 2 --batch 3";
    let said = succeed(&mut place.kelvin(&format!("gradcheck $/scripts/good.rhai {few}")));
    for row in ["finite", "eager", "differences", "kernel f32"] {
        assert!(said.stdout.contains(&format!("\nok    {row} ")), "no row for {row}\n{said}");
    }
    assert!(said.stdout.contains("WGSL: not run, as asked for"), "{said}");
    assert!(said.stdout.lines().all(|line| line.chars().count() <= 100), "too wide\n{said}");

    let said = run(&mut place.kelvin(&format!("gradcheck $/scripts/infinite.rhai {few}")));
    // The loss is the sixth line of the script.
    for part in ["\nFAIL  finite ", "`exp ", " is inf ", "infinite.rhai:6:5", "6 |     exp(td_error)"] {
        assert!(said.stdout.contains(part), "no {part:?}\n{said}");
    }
}

#[test]
fn gradcheck_can_be_read_by_a_program() {
    let place = Place::new();
    let few = "--device cpu --actions 2,3 --batch 3 --json";
    let arguments =
        format!("gradcheck $/scripts/good.rhai $/scripts/shape.rhai $/scripts/infinite.rhai {few}");
    let said = run(&mut place.kelvin(&arguments));
    assert_eq!(said.code, Some(1), "{said}");
    let found: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert_eq!((&found["agrees"], &found["wgsl"]), (&Value::Bool(false), &Value::Null));
    let [good, shape, infinite] = [0, 1, 2].map(|script| &found["scripts"][script]);
    assert_eq!((&good["agrees"], &good["shapes"][1]["actions"]), (&Value::Bool(true), &Value::from(3)));
    let differences = &good["comparisons"][2];
    assert_eq!(differences["with"], "differences");
    let (worst, compared) = (&differences["worst"], differences["compared"].as_u64());
    assert!(worst["difference"].as_f64() <= worst["allowed"].as_f64() && compared > Some(100), "{good}");
    assert!(shape["error"].as_str().is_some_and(|error| error.contains("shape.rhai:")), "{shape}");
    assert_eq!(infinite["comparisons"][0]["culprit"]["line"], 6, "{infinite}");
}

#[test]
fn doctor_and_roms_agree_with_what_is_here() {
    let here = roms::status(None);
    let sound = here.iter().filter(|game| game.rom.is_ok()).count();
    let summary = format!("{sound} of {} games", here.len());
    let (doctor, list) = (run(kelvin().arg("doctor")), run(kelvin().arg("roms")));
    for said in [&doctor, &list] {
        assert!(said.stdout.contains(&summary), "{said}");
        assert_eq!(said.code, Some(i32::from(sound == 0)), "{said}");
    }
    for adapter in kelvin_compute::adapters() {
        assert!(doctor.stdout.contains(&adapter.name), "{doctor}");
    }
    assert!(list.stdout.contains("pong") && list.stdout.contains("seaquest"), "{list}");
}

#[test]
fn the_theory_holds_and_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = succeed(kelvin().args(["theory", "--json", "--plot"]).arg(folder.path()));
    let found: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    let rows = found["rows"].as_array().expect("rows");
    assert!(rows.len() > 50 && rows.iter().all(|row| row["pass"] == true), "{said}");
    let pictures = std::fs::read_dir(folder.path()).expect("pictures").count();
    assert!(pictures >= 4, "{pictures}");
    let said = run(kelvin().args(["theory", "equivalense"]));
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.stderr.contains("equivalence"), "{said}");
}
