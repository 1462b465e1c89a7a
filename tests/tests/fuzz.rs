//! Input that once showed a fault, and some that nobody has seen: `fuzz` makes more of it for hours.

use kelvin_tests::command::repository;
use kelvin_tests::fuzz::{Target, batches, checkpoints, random, roms, runs, scripts, settings};
use std::collections::BTreeMap;

/// Judges what was found in a target once, then `count` new cases; each of `words` is how many must end at least.
fn holds(target: &dyn Target, count: u64, words: &[(&str, u64)]) {
    let mut wrong = Vec::new();
    let folder = repository().join("tests/fuzz").join(target.name());
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("readable");
        if let Err(finding) = target.judge(&text) {
            wrong.push(format!("{}: {finding}", path.display()));
        }
    }
    let mut ended = BTreeMap::<&str, u64>::new();
    for number in 0..count {
        let case = target.case(&mut random(2017, number));
        match target.judge(&case) {
            Ok(word) => *ended.entry(word).or_default() += 1,
            Err(finding) => wrong.push(format!("{finding}\n{case}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    for (word, least) in words {
        assert!(ended.get(word).is_some_and(|count| count >= least), "{word}: {ended:?}");
    }
}

#[test]
fn scripts_do_no_harm_and_mean_one_thing() {
    // Half are broken on purpose, and most of the others compile.
    holds(&scripts::Scripts, 150, &[("refused", 30), ("compared", 50)]);
}

#[test]
fn batch_scripts_do_no_harm() {
    holds(&batches::Batches, 60, &[("refused", 30), ("planned", 1)]);
}

#[test]
fn settings_do_no_harm() {
    holds(&settings::Settings, 300, &[("refused", 100), ("taken", 10)]);
}

#[test]
fn run_directories_do_no_harm() {
    holds(&runs::Runs, 40, &[("refused", 10), ("read", 5)]);
}

#[test]
fn checkpoints_do_no_harm() {
    holds(&checkpoints::Checkpoints, 60, &[("refused", 6), ("half-refused", 5), ("taken", 10)]);
}

#[test]
fn folders_of_roms_do_no_harm() {
    holds(&roms::Roms, 60, &[("refused", 20), ("loaded", 5)]);
}
