//! The records of one run as tables.

use crate::table::{Column, Table};
use kelvin_run::{EvalRecord, History, TrainRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A table a kind of record, by name: `episodes`, `train`, `evaluations`, and `evaluation_returns` for each return of
/// these. Training and evaluation stay apart.
pub fn record_tables(history: &History) -> [(&'static str, Table); 4] {
    [
        ("episodes", episodes(history)),
        ("train", train(history)),
        ("evaluations", evaluations(history)),
        ("evaluation_returns", evaluation_returns(history)),
    ]
}

fn whole<T>(records: &[T], of: impl Fn(&T) -> u64) -> Column {
    Column::Whole(records.iter().map(of).collect())
}

fn number<T>(records: &[T], of: impl Fn(&T) -> Option<f64>) -> Column {
    Column::Numbers(records.iter().map(|record| of(record).filter(|number| number.is_finite())).collect())
}

fn words<T>(records: &[T], of: impl Fn(&T) -> &str) -> Column {
    Column::Words(records.iter().map(|record| Arc::from(of(record))).collect())
}

fn episodes(history: &History) -> Table {
    let (records, mut table) = (&history.episodes, Table::default());
    table.push("frames", whole(records, |record| record.frames));
    table.push("agent_steps", whole(records, |record| record.agent_steps));
    table.push("env", whole(records, |record| record.env as u64));
    table.push("episode_return", number(records, |record| Some(record.episode_return)));
    table.push("episode_agent_steps", whole(records, |record| record.episode_agent_steps));
    table.push("episode_frames", whole(records, |record| record.episode_frames));
    table
}

fn train(history: &History) -> Table {
    let (records, mut table) = (&history.train, Table::default());
    table.push("frames", whole(records, |record| record.frames));
    table.push("agent_steps", whole(records, |record| record.agent_steps));
    table.push("updates", whole(records, |record| record.updates));
    table.push("mean_return", number(records, |record| record.mean_return));
    table.push("learning_rate", number(records, |record| Some(record.learning_rate)));
    table.push("epsilon", number(records, |record| Some(record.epsilon)));
    table.push("replay", whole(records, |record| record.replay));
    type Named = BTreeMap<String, Option<f64>>;
    type Of = fn(&TrainRecord) -> Named;
    let named: [(&str, Of); 4] = [
        ("metric", |record| record.metrics.clone()),
        ("param", |record| record.params.iter().map(|(name, value)| (name.clone(), Some(*value))).collect()),
        ("grad_norm", |record| record.grad_norms.clone()),
        ("weight_norm", |record| record.weight_norms.clone()),
    ];
    for (kind, of) in named {
        let rows: Vec<Named> = records.iter().map(of).collect();
        // An edit of the script may add and drop names: all that there ever were.
        let names: BTreeSet<&String> = rows.iter().flat_map(BTreeMap::keys).collect();
        for name in names {
            table.push(format!("{kind}.{name}"), number(&rows, |row| row.get(name).copied().flatten()));
        }
    }
    let wall: BTreeMap<u64, f64> = history.wall_clock().into_iter().collect();
    let timing: BTreeMap<u64, _> = history.timing.iter().map(|timing| (timing.agent_steps, timing)).collect();
    let speed = |steps: u64| timing.get(&steps).copied();
    table.push("frames_per_s", number(records, |record| Some(speed(record.agent_steps)?.frames_per_s)));
    table.push("updates_per_s", number(records, |record| Some(speed(record.agent_steps)?.updates_per_s)));
    table.push("wall_s", number(records, |record| wall.get(&record.agent_steps).copied()));
    table
}

fn evaluations(history: &History) -> Table {
    let (records, mut table) = (&history.evaluations, Table::default());
    table.push("frames", whole(records, |record| record.frames));
    table.push("agent_steps", whole(records, |record| record.agent_steps));
    table.push("updates", whole(records, |record| record.updates));
    table.push("policy", words(records, |record| &record.policy));
    table.push("epsilon", number(records, |record| Some(record.epsilon)));
    table.push("preset", words(records, |record| &record.preset));
    // As text: a seed may be more than a signed 64-bit number, which is what other programs have for whole ones.
    let seed = |record: &EvalRecord| record.seed.map_or(String::new(), |seed| seed.to_string());
    table.push("seed", Column::Words(records.iter().map(|record| seed(record).into()).collect()));
    table.push("episodes", whole(records, |record| record.episodes as u64));
    table.push("mean_return", number(records, |record| Some(record.mean_return)));
    table.push("std_return", number(records, |record| Some(record.std_return)));
    table.push("best_return", number(records, |record| Some(record.best_return)));
    table
}

/// A row an episode of an evaluation.
fn evaluation_returns(history: &History) -> Table {
    let rows: Vec<(&EvalRecord, usize, f64)> = history
        .evaluations
        .iter()
        .flat_map(|record| {
            record.returns.iter().enumerate().map(move |(episode, value)| (record, episode, *value))
        })
        .collect();
    let mut table = Table::default();
    table.push("frames", whole(&rows, |(record, ..)| record.frames));
    table.push("agent_steps", whole(&rows, |(record, ..)| record.agent_steps));
    table.push("updates", whole(&rows, |(record, ..)| record.updates));
    table.push("episode", whole(&rows, |(_, episode, _)| *episode as u64));
    table.push("episode_return", number(&rows, |(.., value)| Some(*value)));
    table
}
