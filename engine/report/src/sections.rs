//! The sections of a report.

mod figures;
mod runs;
mod tables;

use crate::analysis::{Analysis, SourceAnalysis};
use crate::curves::Source;
use crate::page::Block;
use crate::study::Study;
use kelvin_run::grouped;
use kelvin_stats::human;

pub(crate) fn blocks(study: &Study, analysis: &Analysis) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !study.figure.caption.is_empty() {
        blocks.push(Block::Text(study.figure.caption.clone()));
    }
    blocks.extend(runs::left_out(study, analysis));
    blocks.extend(study.warnings.iter().chain(&analysis.notes).cloned().map(Block::Note));
    for source in &analysis.sources {
        blocks.extend(section(study, analysis, source));
    }
    if analysis.sources.is_empty() {
        blocks.push(Block::Text("No episode of these runs has ended yet.".to_owned()));
    }
    blocks.extend(runs::all(study));
    blocks.extend(method(study, analysis));
    blocks.extend(runs::again(study, analysis));
    blocks
}

fn section(study: &Study, analysis: &Analysis, source: &SourceAnalysis) -> Vec<Block> {
    let heading = match source.source {
        Source::Training => "Training",
        Source::Evaluation => "Evaluation",
    };
    let mut blocks = vec![Block::Heading(2, heading.to_owned()), Block::Text(source.protocol.clone())];
    blocks.extend(figures::curves(study, analysis, source).into_iter().map(Block::Figure));
    blocks.push(Block::Heading(3, "Scores".to_owned()));
    blocks.extend(tables::scores(study, analysis, source));
    if !source.variants.is_empty() {
        blocks.push(Block::Heading(3, format!("All {}s together", study.unit())));
        blocks.extend(tables::aggregates(study, source));
        blocks.extend(figures::aggregates(study, analysis, source).into_iter().map(Block::Figure));
    }
    if !source.pairs.is_empty() {
        blocks.push(Block::Heading(3, "One against another".to_owned()));
        blocks.extend(tables::pairs(study, source));
        blocks.extend(figures::improvement(study, source).map(Block::Figure));
        blocks.push(tables::tests(study, source));
    }
    blocks
}

/// What the numbers mean, and how they were taken.
fn method(study: &Study, analysis: &Analysis) -> Vec<Block> {
    let smoothing = match analysis.smooth {
        1 => String::new(),
        width => format!(" Drawn curves are averaged over {width} neighbouring points; scores are not."),
    };
    let counted = if analysis.unfinished {
        "Scores count all runs, those that have not come to their end too."
    } else {
        "Scores count finished runs only; curves show all."
    };
    let text = [
        format!(
            "A **last** score is the mean return of a run's last {} training episodes, or of its last evaluation; a \
             **best** score is the largest such mean at any time, chosen by looking at it, and so more than the run \
             would do again. Statistics are taken of last scores. {counted}{smoothing}",
            analysis.window
        ),
        format!(
            "**IQM** is the interquartile mean: the mean of the middle half of all runs, each game weighing the same. Intervals hold 95 % of what \
             {} stratified bootstrap samples came to (seeds drawn within each game; seed {}; 2,000 samples for curves \
             and profiles). With three seeds or fewer they are too narrow to be taken at their word: there are only \
             ten ways to draw three of three.",
            grouped(analysis.resamples as u64),
            analysis.bootstrap_seed
        ),
        format!(
            "**Human-normalised** scores are 0 for a random player and 1 for a human one: {}. The **optimality gap** is \
             how far below a human's score runs are in the mean, those above counted as on it.",
            human::SOURCE
        ),
        "The **probability of improvement** is that a run of the one scores more than a run of the other on the same \
         game, in the mean over games; a draw is half a win. **Welch's** test compares means and is corrected for the \
         number of games (Holm); **Mann and Whitney's** compares ranks, and cannot say much of few seeds: with three \
         against three its p-value is never below 0.1."
            .to_owned(),
    ];
    let mut blocks = vec![Block::Heading(2, "How this was computed".to_owned())];
    blocks.extend(text.map(Block::Text));
    if study.unit() != "game" {
        let panels = "Panels are not the games here: runs are compared with those of the same panel and game, and each \
                      **panel** stands where a game is spoken of above.";
        blocks.push(Block::Text(panels.to_owned()));
    }
    blocks
}
