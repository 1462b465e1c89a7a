//! The tables of scores.

use super::figures::pretty;
use crate::analysis::{Analysis, Comparison, Game, SourceAnalysis};
use crate::curves::Source;
use crate::page::{Block, Cell, Head, Table};
use crate::study::Study;
use kelvin_stats::{Interval, Outcome};

/// A number with as many digits as say something: three, and whole numbers from 1000 on.
pub(super) fn number(value: f64) -> String {
    with_digits(value, digits(&[value]))
}

/// Digits after the point for numbers that stand together.
fn digits(values: &[f64]) -> usize {
    match values.iter().map(|value| value.abs()).filter(|size| size.is_finite()).fold(0.0, f64::max) {
        size if size >= 1000.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 || size == 0.0 => 2,
        _ => 3,
    }
}

fn with_digits(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{value:.digits$}");
    if text.trim_start_matches(['-', '0', '.']).is_empty() {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

fn interval(Interval { estimate, low, high }: Interval) -> String {
    let digits = digits(&[estimate, low, high]);
    let [estimate, low, high] = [estimate, low, high].map(|value| with_digits(value, digits));
    format!("{estimate} [{low}, {high}]")
}

/// A mean with its deviation, where there is one.
fn mean_and_std(mean: f64, std: Option<f64>) -> String {
    let digits = digits(&[mean, std.unwrap_or(0.0)]);
    let std = std.map_or(String::new(), |std| format!(" ± {}", with_digits(std, digits)));
    with_digits(mean, digits) + &std
}

fn p_value(outcome: Option<f64>) -> String {
    match outcome {
        None => "–".to_owned(),
        Some(p) if p < 0.001 => "< 0.001".to_owned(),
        Some(p) => format!("{p:.3}"),
    }
}

fn named(study: &Study, variant: usize) -> Cell {
    Cell { text: study.variants[variant].clone(), color: Some(variant), strong: false }
}

/// Scores by game: a row a game and variant, the best mean of each game standing out.
pub(super) fn scores(study: &Study, analysis: &Analysis, source: &SourceAnalysis) -> Vec<Block> {
    if source.games.is_empty() {
        let text = "No run has come to its end, so that there are no scores yet; curves show what there is. \
                    `--unfinished` counts what runs have come to so far.";
        return vec![Block::Text(text.to_owned())];
    }
    let last = match source.source {
        Source::Training => format!("last {} episodes", analysis.window),
        Source::Evaluation => "last evaluation".to_owned(),
    };
    let short = source.source == Source::Training
        && source
            .games
            .iter()
            .flat_map(|game| &game.cells)
            .flat_map(|cell| &cell.scores)
            .any(|(_, score)| score.episodes < analysis.window);
    let mean = format!("{last}: mean ± std");
    let mut head = vec![
        (study.unit(), false),
        ("variant", false),
        ("seeds", true),
        (&*mean, true),
        ("IQM [95 %]", true),
    ];
    let human = source.games.iter().flat_map(|game| &game.cells).any(|cell| cell.normalised.is_some());
    if human {
        head.push(("human-normalised", true));
    }
    head.push(("best: mean", true));
    let mut table = Table::new(&head);
    for Game { name, cells, .. } in &source.games {
        let best = cells.iter().map(|cell| cell.mean).fold(f64::NEG_INFINITY, f64::max);
        for (place, cell) in cells.iter().enumerate() {
            let first = if place == 0 { pretty(name) } else { String::new() };
            let mut row = vec![
                first.into(),
                named(study, cell.variant),
                cell.scores.len().to_string().into(),
                Cell {
                    text: mean_and_std(cell.mean, cell.std),
                    strong: cell.mean == best && cells.len() > 1,
                    color: None,
                },
                interval(cell.iqm).into(),
            ];
            if human {
                row.push(cell.normalised.map_or("–".to_owned(), number).into());
            }
            row.push(number(cell.best).into());
            table.rows.push(row);
        }
    }
    let mut blocks = vec![Block::Table(table)];
    if short {
        blocks.push(Block::Note(format!(
            "Some runs ended fewer than {} episodes: their scores are means of what there is.",
            analysis.window
        )));
    }
    blocks
}

/// Human-normalised aggregates, a row a variant.
pub(super) fn aggregates(study: &Study, source: &SourceAnalysis) -> Vec<Block> {
    let units = format!("{}s", study.unit());
    let head = [
        ("variant", false),
        (&*units, true),
        ("runs", true),
        ("IQM [95 %]", true),
        ("median [95 %]", true),
        ("mean [95 %]", true),
        ("optimality gap [95 %]", true),
    ];
    let mut table = Table::new(&head);
    for variant in &source.variants {
        table.rows.push(vec![
            named(study, variant.variant),
            variant.games.to_string().into(),
            variant.runs.to_string().into(),
            interval(variant.iqm).into(),
            interval(variant.median).into(),
            interval(variant.mean).into(),
            interval(variant.gap).into(),
        ]);
    }
    vec![Block::Table(table)]
}

/// Pairs of variants.
pub(super) fn pairs(study: &Study, source: &SourceAnalysis) -> Vec<Block> {
    let units = format!("{}s", study.unit());
    let mut table = Table::new(&[
        ("first", false),
        ("second", false),
        (&*units, true),
        ("probability of improvement [95 %]", true),
    ]);
    let normalised = source.pairs.iter().any(|pair| pair.difference.is_some());
    if normalised {
        table.head.push(Head { name: "difference of IQM, human-normalised [95 %]".to_owned(), number: true });
    }
    for Comparison { variants: [a, b], games, improvement, difference } in &source.pairs {
        let sure = improvement.low > 0.5 || improvement.high < 0.5;
        let mut row = vec![
            named(study, *a),
            named(study, *b),
            games.len().to_string().into(),
            Cell { text: interval(*improvement), strong: sure, color: None },
        ];
        if normalised {
            row.push(difference.map_or("–".to_owned(), interval).into());
        }
        table.rows.push(row);
    }
    vec![Block::Table(table)]
}

/// Tests game by game, folded away.
pub(super) fn tests(study: &Study, source: &SourceAnalysis) -> Block {
    let mut table = Table::new(&[
        ("first", false),
        ("second", false),
        (study.unit(), false),
        ("runs", true),
        ("difference of means", true),
        ("Welch: p", true),
        ("corrected", true),
        ("Mann–Whitney: p", true),
    ]);
    for pair in &source.pairs {
        for (place, game) in pair.games.iter().enumerate() {
            let [a, b] = pair.variants.map(|variant| named(study, variant));
            let blank = |cell: Cell| if place == 0 { cell } else { Cell::default() };
            let p = |outcome: Option<Outcome>| p_value(outcome.map(|outcome| outcome.p));
            table.rows.push(vec![
                blank(a),
                blank(b),
                pretty(&game.name).into(),
                format!("{} + {}", game.runs[0], game.runs[1]).into(),
                number(game.difference).into(),
                p(game.welch).into(),
                Cell {
                    text: p_value(game.welch_holm),
                    strong: game.welch_holm.is_some_and(|p| p < 0.05),
                    color: None,
                },
                p(game.mann_whitney).into(),
            ]);
        }
    }
    Block::Details(format!("Tests, {unit} by {unit}", unit = study.unit()), vec![Block::Table(table)])
}

#[cfg(test)]
mod tests_of_numbers {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_say_something() {
        for (value, text) in [
            (12345.6, "12346"),
            (-20.75, "-20.8"),
            (1.0, "1.00"),
            (0.0123, "0.012"),
            (-0.0001, "0.000"),
            (0.0, "0.00"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(
            (p_value(Some(1e-9)), p_value(Some(0.05)), p_value(None)),
            ("< 0.001".into(), "0.050".into(), "–".into())
        );
    }
}
