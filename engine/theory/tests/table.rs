//! The whole table: every row passes as the formulas stand, and fails when one of them is written wrongly.

use kelvin_theory::{Kind, Slip, ids, run, run_wrong, slips};
use std::collections::BTreeSet;

#[test]
fn every_row_passes_for_several_seeds() {
    let mut failed = Vec::new();
    for seed in [0, 1, 2, 17, u64::MAX] {
        let rows = run(seed, |_| true, |_| {});
        assert_eq!(rows.len(), ids().len());
        failed.extend(rows.into_iter().filter(|row| !row.pass).map(|row| format!("seed {seed}: {row:#?}")));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// How far beyond its tolerance a row must be when its formula is wrong. A slip that a row notices only just would be
/// one that it misses with another seed.
const CLEARLY: f64 = 100.0;

#[test]
fn every_row_notices_its_slips() {
    let mut missed = Vec::new();
    for id in ids() {
        assert!(!slips(id).is_empty(), "{id} names no way to get it wrong");
        for &slip in slips(id) {
            for seed in [0, 1] {
                let row = run_wrong(seed, id, slip).expect("the id is one of the table's");
                let ratio = row.error / row.tolerance;
                let clearly = match row.kind {
                    Kind::Identity => ratio > CLEARLY,
                    Kind::Difference => ratio < 1.0 / CLEARLY,
                };
                if row.pass || !clearly || !row.error.is_finite() {
                    missed.push(format!("{id} {slip:?} {seed}: {:e} of {:e}", row.error, row.tolerance));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn differences_can_be_mended() {
    for row in run(3, |_| true, |_| {}) {
        assert_eq!(row.kind == Kind::Difference, slips(row.id).contains(&Slip::Mended), "{}", row.id);
    }
}

#[test]
fn a_row_follows_from_its_id_and_the_seed() {
    let all = run(5, |_| true, |_| {});
    let mut seen = Vec::new();
    let one = run(5, |id| id == "lambda", |row| seen.push(row.id));
    assert_eq!(seen, ["lambda"]);
    assert_eq!(one.as_slice(), all.iter().filter(|row| row.id == "lambda").cloned().collect::<Vec<_>>());
    assert_ne!(one, run(6, |id| id == "lambda", |_| {}), "another seed draws other numbers");
}

#[test]
fn ids_are_unique_and_rows_can_be_written() {
    let ids = ids();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    let rows = run(0, |id| id == "undamped", |_| {});
    let json = serde_json::to_value(&rows).expect("rows are plain data");
    assert_eq!(json[0]["id"], "undamped");
    assert_eq!(json[0]["kind"], "difference");
    assert_eq!(json[0]["pass"], true);
}

#[test]
fn the_derivations_name_rows_that_exist() {
    let text = include_str!("../../../docs/theory.md");
    // Every other piece between backticks is code; names of rows are words of small letters joined by hyphens.
    let is_name = |piece: &&str| piece.len() > 2 && piece.chars().all(|c| c == '-' || c.is_ascii_lowercase());
    let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(is_name).collect();
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        // `-linear` follows the full name of another row of its kind.
        assert!(
            ids().iter().any(|id| *id == name || name.starts_with('-') && id.ends_with(name)),
            "`{name}`"
        );
    }
}
