//! Which curve has which colour, the same in the list, the legend and every plot.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::RunId;

/// What a curve is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeriesKey {
    /// One run.
    Run(RunId),
    /// The seeds of a variant on a game.
    Variant {
        /// The folder of the experiment.
        experiment: Arc<str>,
        /// The variant.
        label: Arc<str>,
        /// The game.
        env: Arc<str>,
    },
}

/// The numbers that colours go by. A curve keeps its number for as long as it is shown.
#[derive(Debug, Default)]
pub struct Colors {
    numbers: BTreeMap<SeriesKey, usize>,
    runs: BTreeMap<RunId, usize>,
}

impl Colors {
    /// Says what is shown now: curves, each with the runs it is of. Those that were shown keep their colours, and new ones
    /// take the first that are free.
    pub fn assign(&mut self, shown: &[(SeriesKey, Vec<RunId>)]) {
        self.numbers.retain(|known, _| shown.iter().any(|(key, _)| key == known));
        let mut taken: Vec<bool> = vec![false; self.numbers.len() + shown.len()];
        for number in self.numbers.values() {
            if let Some(taken) = taken.get_mut(*number) {
                *taken = true;
            }
        }
        let mut free = 0;
        for (key, _) in shown {
            if !self.numbers.contains_key(key) {
                while taken.get(free).copied().unwrap_or(false) {
                    free += 1;
                }
                self.numbers.insert(key.clone(), free);
                free += 1;
            }
        }
        self.runs.clear();
        for (key, runs) in shown {
            let number = self.number(key);
            self.runs.extend(runs.iter().map(|run| (*run, number)));
        }
    }

    /// The number of a curve.
    pub fn number(&self, key: &SeriesKey) -> usize {
        self.numbers.get(key).copied().unwrap_or(0)
    }

    /// The number of the curve that a run is in, if it is shown.
    pub fn of_run(&self, run: RunId) -> Option<usize> {
        self.runs.get(&run).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(runs: &[u32]) -> Vec<(SeriesKey, Vec<RunId>)> {
        runs.iter().map(|run| (SeriesKey::Run(RunId(*run)), vec![RunId(*run)])).collect()
    }

    #[test]
    fn a_curve_keeps_its_colour() {
        let mut colors = Colors::default();
        colors.assign(&shown(&[1, 2, 3]));
        assert_eq!([1, 2, 3].map(|run| colors.of_run(RunId(run))), [Some(0), Some(1), Some(2)]);
        colors.assign(&shown(&[2, 3]));
        assert_eq!([1, 2, 3].map(|run| colors.of_run(RunId(run))), [None, Some(1), Some(2)]);
        colors.assign(&shown(&[0, 2, 3, 4]));
        assert_eq!([0, 2, 3, 4].map(|run| colors.of_run(RunId(run))), [Some(0), Some(1), Some(2), Some(3)]);
    }
}
