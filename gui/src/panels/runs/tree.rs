//! Runs as rows of a tree: experiment, variant, game, seed.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::filter::Filter;
use crate::data::{RunId, RunInfo, RunState};
use crate::status;

/// What the rows are in the order of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum SortBy {
    /// Experiment, variant, game and seed.
    #[default]
    Name,
    /// What asks for somebody first.
    State,
    /// The share of frames trained.
    Progress,
    /// Frames a second.
    Speed,
    /// Mean return of the last episodes.
    Return,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// How far it is indented, in steps.
    pub depth: usize,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub item: Item,
}

/// What a row stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    /// Several runs.
    Group {
        /// Its name with those above it, by which it is known from one time to the next.
        key: String,
        /// Whether its runs are shown.
        open: bool,
        /// Which of [`Rows::leaves`] are its runs.
        leaves: Range<usize>,
        /// How many of them train.
        running: usize,
        /// How many ask for somebody.
        troubled: usize,
    },
    /// One run.
    Run(Arc<RunInfo>),
}

/// All rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// From top to bottom, those in closed groups left out.
    pub rows: Vec<Row>,
    /// All runs that pass the filter, in the order of rows, those in closed groups too.
    pub leaves: Vec<RunId>,
    /// Those of them that have a row.
    pub visible: Vec<RunId>,
}

struct Node {
    name: String,
    groups: Vec<Node>,
    runs: Vec<Arc<RunInfo>>,
}

impl Node {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), groups: Vec::new(), runs: Vec::new() }
    }

    /// The group of that name, which is the last one or new: runs come in the order of names.
    fn group(&mut self, name: &str) -> &mut Self {
        if self.groups.last().is_none_or(|last| last.name != name) {
            self.groups.push(Self::new(name));
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }
}

impl Rows {
    /// Puts runs that pass a filter into rows; `closed` are keys of groups that show no runs.
    pub fn new(
        runs: &[Arc<RunInfo>],
        filter: &Filter,
        sort: SortBy,
        descending: bool,
        closed: &BTreeSet<String>,
    ) -> Self {
        let mut chosen: Vec<&Arc<RunInfo>> = runs.iter().filter(|run| filter.passes(run)).collect();
        // They come in this order already, so that there is little to do.
        chosen.sort_by(|a, b| names(a).cmp(&names(b)));
        let mut root = Node::new("");
        for run in chosen {
            let parent = if run.experiment.is_empty() { &mut root } else { root.group(&run.experiment) };
            parent.group(&run.label).group(&run.env).runs.push(run.clone());
        }
        order(&mut root, sort, descending);
        let mut rows = Self::default();
        for group in &root.groups {
            rows.add(group, "", "", 0, closed, true);
        }
        rows
    }

    /// Adds a group; one that holds a single thing shows that alone, under both names.
    fn add(
        &mut self,
        node: &Node,
        parents: &str,
        prefix: &str,
        depth: usize,
        closed: &BTreeSet<String>,
        shown: bool,
    ) {
        let name = if prefix.is_empty() { node.name.clone() } else { format!("{prefix} · {}", node.name) };
        let key = format!("{parents}/{}", node.name);
        match (node.groups.as_slice(), node.runs.as_slice()) {
            ([one], []) => return self.add(one, &key, &name, depth, closed, shown),
            ([], [one]) => return self.add_run(one, format!("{name} · seed {}", one.seed), depth, shown),
            _ => {}
        }
        let place = self.rows.len();
        let from = self.leaves.len();
        let open = !closed.contains(&key);
        if shown {
            let item = Item::Group { key: key.clone(), open, leaves: from..from, running: 0, troubled: 0 };
            self.rows.push(Row { depth, name, item });
        }
        let (mut states, below) = (Vec::new(), shown && open);
        collect(node, &mut states);
        for group in &node.groups {
            self.add(group, &key, "", depth + 1, closed, below);
        }
        for (index, run) in node.runs.iter().enumerate() {
            let twin =
                node.runs.iter().enumerate().any(|(other, twin)| other != index && twin.seed == run.seed);
            let name = match run.path.file_name().and_then(|name| name.to_str()) {
                Some(folder) if twin => format!("seed {} · {folder}", run.seed),
                _ => format!("seed {}", run.seed),
            };
            self.add_run(run, name, depth + 1, below);
        }
        if shown {
            let count = |wanted: &[RunState]| states.iter().filter(|state| wanted.contains(state)).count();
            let running = count(&[RunState::Running, RunState::Evaluating]);
            let troubled = count(&[RunState::Failed, RunState::Damaged, RunState::Stalled]);
            self.rows[place].item =
                Item::Group { key, open, leaves: from..self.leaves.len(), running, troubled };
        }
    }

    fn add_run(&mut self, run: &Arc<RunInfo>, name: String, depth: usize, shown: bool) {
        self.leaves.push(run.id);
        if shown {
            self.visible.push(run.id);
            self.rows.push(Row { depth, name, item: Item::Run(run.clone()) });
        }
    }
}

fn names(run: &RunInfo) -> (&str, &str, &str, u64) {
    (&run.experiment, &run.label, &run.env, run.seed)
}

fn collect(node: &Node, states: &mut Vec<RunState>) {
    states.extend(node.runs.iter().map(|run| run.state));
    for group in &node.groups {
        collect(group, states);
    }
}

/// Puts groups and runs in order, and says what the whole has for a key: that of its first run.
fn order(node: &mut Node, sort: SortBy, descending: bool) -> f64 {
    if sort == SortBy::Name {
        if descending {
            reverse(node);
        }
        return 0.0;
    }
    let compare = |a: f64, b: f64| match (a.is_nan(), b.is_nan()) {
        // Runs without a number are last, in either direction.
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if descending => b.total_cmp(&a),
        (false, false) => a.total_cmp(&b),
    };
    node.runs.sort_by(|a, b| compare(key(a, sort), key(b, sort)));
    let mut keyed: Vec<(f64, Node)> =
        node.groups.drain(..).map(|mut group| (order(&mut group, sort, descending), group)).collect();
    keyed.sort_by(|a, b| compare(a.0, b.0));
    let first = keyed.first().map_or(f64::NAN, |(key, _)| *key);
    node.groups.extend(keyed.into_iter().map(|(_, group)| group));
    node.runs.first().map_or(first, |run| key(run, sort))
}

fn reverse(node: &mut Node) {
    node.groups.reverse();
    node.runs.reverse();
    node.groups.iter_mut().for_each(reverse);
}

fn key(run: &RunInfo, sort: SortBy) -> f64 {
    match sort {
        SortBy::Name => 0.0,
        SortBy::State => f64::from(status::rank(run.state)),
        SortBy::Progress => share(run).unwrap_or(f64::NAN),
        SortBy::Speed => run.progress.frames_per_s.unwrap_or(f64::NAN),
        SortBy::Return => run.progress.mean_return.unwrap_or(f64::NAN),
    }
}

/// How much of a run is done, 0 to 1, if it is known how long it is.
pub(super) fn share(run: &RunInfo) -> Option<f64> {
    if run.state == RunState::Done {
        // Its last record may be from before its last frame.
        return Some(1.0);
    }
    let total = run.progress.total_frames;
    (total > 0).then(|| (run.progress.frames as f64 / total as f64).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Progress;
    use std::path::Path;

    fn run(id: u32, names: (&str, &str, &str), seed: u64, mean_return: Option<f64>) -> Arc<RunInfo> {
        Arc::new(RunInfo {
            id: RunId(id),
            path: Path::new(&format!("/runs/{id}")).into(),
            experiment: names.0.into(),
            label: names.1.into(),
            script: "".into(),
            env: names.2.into(),
            seed,
            state: if id == 3 { RunState::Failed } else { RunState::Running },
            progress: Progress { mean_return, ..Progress::default() },
            silent: None,
            warning: None,
        })
    }

    fn runs() -> Vec<Arc<RunInfo>> {
        vec![
            run(0, ("", "dqn", "pong"), 0, Some(1.0)),
            run(1, ("sweep", "soft", "breakout"), 0, Some(5.0)),
            run(2, ("sweep", "soft", "pong"), 0, Some(-3.0)),
            run(3, ("sweep", "soft", "pong"), 1, Some(9.0)),
            run(4, ("sweep", "soft", "pong"), 1, None),
        ]
    }

    fn names(rows: &Rows) -> Vec<String> {
        rows.rows.iter().map(|row| format!("{}{}", "  ".repeat(row.depth), row.name)).collect()
    }

    fn rows(sort: SortBy, descending: bool, closed: &[&str]) -> Rows {
        let closed = closed.iter().map(|key| (*key).to_owned()).collect();
        Rows::new(&runs(), &Filter::default(), sort, descending, &closed)
    }

    #[test]
    fn what_holds_one_thing_is_one_row_with_it() {
        let rows = rows(SortBy::Name, false, &[]);
        let wanted = [
            "dqn · pong · seed 0",
            "sweep · soft",
            "  breakout · seed 0",
            "  pong",
            "    seed 0",
            "    seed 1 · 3",
            "    seed 1 · 4",
        ];
        assert_eq!(names(&rows), wanted);
        assert_eq!(rows.leaves, [0, 1, 2, 3, 4].map(RunId));
    }

    #[test]
    fn a_closed_group_keeps_its_runs() {
        let rows = rows(SortBy::Name, false, &["/sweep/soft"]);
        assert_eq!(names(&rows), ["dqn · pong · seed 0", "sweep · soft"]);
        assert_eq!(rows.visible, [RunId(0)]);
        let Item::Group { leaves, open: false, running: 3, troubled: 1, .. } = &rows.rows[1].item else {
            panic!("{:?}", rows.rows[1].item)
        };
        assert_eq!(rows.leaves[leaves.clone()], [1, 2, 3, 4].map(RunId));
    }

    #[test]
    fn groups_are_where_their_best_run_is() {
        let rows = rows(SortBy::Return, true, &[]);
        assert_eq!(rows.leaves, [3, 2, 4, 1, 0].map(RunId));
        let rows = self::rows(SortBy::Return, false, &[]);
        assert_eq!(rows.leaves, [2, 3, 4, 1, 0].map(RunId), "no number is last");
    }

    #[test]
    fn names_can_be_turned_round() {
        assert_eq!(rows(SortBy::Name, true, &[]).leaves, [4, 3, 2, 1, 0].map(RunId));
    }

    #[test]
    fn a_filter_takes_rows_away() {
        let rows = Rows::new(&runs(), &Filter::new("seed:1"), SortBy::Name, false, &BTreeSet::new());
        assert_eq!(names(&rows), ["sweep · soft · pong", "  seed 1 · 3", "  seed 1 · 4"]);
    }

    #[test]
    fn runs_in_no_order_are_put_in_order() {
        let mut shuffled = runs();
        shuffled.swap(0, 4);
        shuffled.swap(1, 3);
        let rows = Rows::new(&shuffled, &Filter::default(), SortBy::Name, false, &BTreeSet::new());
        assert_eq!(rows.rows.len(), 7);
    }
}
