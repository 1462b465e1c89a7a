//! How many instructions the CPU path takes, counted by valgrind: the same on a busy machine as on a quiet one. What
//! grows by a tenth fails, and so does what shrinks by as much, until it is recorded:
//!
//!     KELVIN_RECORD_INSTRUCTIONS=1 cargo test --release --workspace --test instructions
//!
//! Valgrind knows no AVX-512, so that it is the AVX2 kernels that are counted, whatever the machine has.

use kelvin_tests::suite::{Missing, Suite, rom};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};

/// What is allowed, as a share of what was recorded.
const TOLERANCE: f64 = 0.10;
/// What was recorded, by the names of [`COUNTED`].
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json");

/// What is counted: its name, the measurement of `kelvin bench` that does it once, and the function that it is, with all
/// that it calls.
const COUNTED: [(&str, &str, &str); 4] = [
    ("update dqn 32", "update dqn 32", "kelvin_compute::model::Model::update"),
    ("act 16", "act 16", "kelvin_compute::model::Model::act"),
    ("compile dqn", "act 16", "kelvin_objective::script::Script::compile"),
    ("step 8 environments 50 times", "emulate 1 thread", "kelvin_env::vec_env::VecEnv::step_some"),
];

fn main() -> ExitCode {
    if std::env::var_os("KELVIN_RECORD_INSTRUCTIONS").is_some() {
        return record();
    }
    let mut suite = Suite::new();
    let needs = valgrind().and_then(|()| rom("pong"));
    for (name, measurement, function) in COUNTED {
        suite.test_with(&needs, format!("{name}: {function}"), move |()| {
            let (recorded, counted) = (recorded()[name], count(measurement, function));
            let change = counted as f64 / recorded as f64 - 1.0;
            assert!(
                change.abs() <= TOLERANCE,
                "{counted} instructions, {:+.1} % of the {recorded} recorded; if that is as it should be, record it: \
                 KELVIN_RECORD_INSTRUCTIONS=1 cargo test --release --workspace --test instructions",
                100.0 * change
            );
        });
    }
    suite.run()
}

fn valgrind() -> Result<(), Missing> {
    let runs = Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success());
    if runs { Ok(()) } else { Err(Missing::optional("no valgrind")) }
}

/// Instructions within `function` where a measurement's work is done once, on one thread.
fn count(measurement: &str, function: &str) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={function}"))
        .arg(env!("CARGO_BIN_EXE_kelvin-under-test"))
        .args(["bench", "--device", "cpu", "--count", "1", "--only", measurement])
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .expect("valgrind was there a moment ago");
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let counted = collected.and_then(|(_, count)| count.trim().parse().ok());
    counted.filter(|count| *count > 0).unwrap_or_else(|| panic!("nothing was counted in {function}:\n{said}"))
}

fn recorded() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(RECORDED).expect("a record is part of the repository");
    serde_json::from_str(&text).expect("a record that this program wrote")
}

fn record() -> ExitCode {
    let counts: BTreeMap<_, _> =
        COUNTED.iter().map(|(name, measurement, function)| (*name, count(measurement, function))).collect();
    let text = serde_json::to_string_pretty(&counts).expect("numbers by name") + "\n";
    std::fs::write(Path::new(RECORDED), text).expect("the repository can be written");
    ExitCode::SUCCESS
}
