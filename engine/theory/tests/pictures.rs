//! The pictures: that they are written, and that they are the same for the same seed.

use kelvin_theory::{plot, run};
use std::fs;

#[test]
fn pictures_are_written_and_follow_from_the_seed() {
    let rows = run(0, |id| id.starts_with("bandit"), |_| {});
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let texts = folders.each_ref().map(|folder| {
        let paths = plot(folder.path(), &rows, 0).expect("the folder can be written to");
        let read = |path: &std::path::PathBuf| fs::read_to_string(path).expect("it was written");
        paths.iter().map(read).collect::<Vec<_>>()
    });
    assert_eq!(texts[0], texts[1]);
    for text in &texts[0] {
        assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"));
        assert!(!text.contains("NaN"), "a curve has a hole");
    }
    assert!(texts[0][0].contains("bandit-gradient-neural"));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = plot(std::path::Path::new("/nowhere/at/all"), &[], 0).expect_err("there is no such folder");
    assert!(error.to_string().contains("/nowhere/at/all/theory-table.svg"), "{error}");
}
