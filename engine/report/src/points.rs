//! Every point as a table: a row an episode of training, and a row an evaluation.

use crate::analysis::Analysis;
use crate::curves::{Axis, Clock, Source, points};
use crate::study::Study;
use crate::table::{Column, Table};
use std::sync::Arc;

/// All points of all runs, in the order of the runs.
pub(crate) fn table(study: &Study, analysis: &Analysis) -> Table {
    const WORDS: [&str; 5] = ["run", "variant", "panel", "env", "source"];
    let mut words: [Vec<Arc<str>>; 5] = Default::default();
    let (mut seeds, mut frames, mut agent_steps) = (Vec::new(), Vec::new(), Vec::new());
    let (mut updates, mut wall) = (Vec::new(), Vec::new());
    let (mut values, mut means) = (Vec::new(), Vec::new());
    for run in &study.runs {
        let (updates_at, wall_at) = (Clock::new(run, Axis::Updates), Clock::new(run, Axis::Wall));
        for source in [Source::Training, Source::Evaluation] {
            let points = points(run, source, analysis.window);
            let said = [&run.name, &run.variant, &run.panel, &run.config.env, source.name()];
            for (column, word) in words.iter_mut().zip(said) {
                let word: Arc<str> = word.into();
                column.extend(std::iter::repeat_n(word, points.len()));
            }
            for point in &points {
                seeds.push(run.config.seed);
                frames.push(point.frames);
                agent_steps.push(point.agent_steps);
                updates.push(Some(updates_at.updates(point)));
                wall.push(Some(wall_at.at(point.agent_steps)));
                values.push(Some(point.value).filter(|value| value.is_finite()));
                means.push(Some(point.mean).filter(|mean| mean.is_finite()));
            }
        }
    }
    let mut table = Table::default();
    for (name, column) in WORDS.into_iter().zip(words) {
        table.push(name, Column::Words(column));
    }
    table.push("seed", Column::Whole(seeds));
    table.push("frames", Column::Whole(frames));
    table.push("agent_steps", Column::Whole(agent_steps));
    table.push("updates", Column::Numbers(updates));
    table.push("wall_s", Column::Numbers(wall));
    table.push("return", Column::Numbers(values));
    table.push("mean_return", Column::Numbers(means));
    table
}
