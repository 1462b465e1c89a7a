//! Scripts that once showed a fault, and some that nobody has seen: `fuzz-scripts` makes more of them for hours.

use kelvin_tests::command::repository;
use kelvin_tests::fuzz::Case;
use kelvin_tests::fuzz::judge::{Verdict, judge};

#[test]
fn what_was_found_stays_found() {
    let folder = repository().join("tests/fuzz/scripts");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus")
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    let mut wrong = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("readable");
        if let Err(finding) = judge(&Case::from_text(&text)) {
            wrong.push(format!("{}: {finding}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn new_scripts_do_no_harm_and_mean_one_thing() {
    let (mut refused, mut compared) = (0, 0);
    let mut wrong = Vec::new();
    for number in 0..150 {
        let case = Case::new(2017, number);
        match judge(&case) {
            Ok(Verdict::Refused(_)) => refused += 1,
            Ok(Verdict::Compared) => compared += 1,
            Ok(Verdict::Undecided | Verdict::TooLarge) => {}
            Err(finding) => wrong.push(format!("{finding}\n{}", case.to_text())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // Half are broken on purpose, and most of the others compile.
    assert!(refused > 30 && compared > 50, "{refused} refused, {compared} compared");
}
