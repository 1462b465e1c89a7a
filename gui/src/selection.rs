//! Which runs the user has chosen, and for what.

use std::collections::BTreeSet;

use eframe::egui::Modifiers;

use crate::data::RunId;

/// Marked rows, plotted runs, and the one run that every panel but the curves is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    marked: BTreeSet<RunId>,
    plotted: BTreeSet<RunId>,
    focus: Option<RunId>,
    /// Where a range begins.
    anchor: Option<RunId>,
}

impl Selection {
    /// The run that panels are about.
    pub fn focus(&self) -> Option<RunId> {
        self.focus
    }

    /// Whether a row is marked.
    pub fn is_marked(&self, run: RunId) -> bool {
        self.marked.contains(&run)
    }

    /// The marked rows.
    pub fn marked(&self) -> &BTreeSet<RunId> {
        &self.marked
    }

    /// Whether a run was put into the plots by hand.
    pub fn is_plotted(&self, run: RunId) -> bool {
        self.plotted.contains(&run)
    }

    /// The runs that were put into the plots by hand.
    pub fn plotted(&self) -> &BTreeSet<RunId> {
        &self.plotted
    }

    /// The runs whose curves are shown: those put into the plots by hand, or else those that are marked.
    pub fn shown(&self) -> &BTreeSet<RunId> {
        if self.plotted.is_empty() { &self.marked } else { &self.plotted }
    }

    /// Marks one run alone and looks at it.
    pub fn select(&mut self, run: RunId) {
        self.marked = [run].into();
        self.focus = Some(run);
        self.anchor = Some(run);
    }

    /// A row was clicked: alone, with Ctrl one more or less, with Shift all from the last one on. `order` is that of the
    /// rows.
    pub fn click(&mut self, run: RunId, modifiers: Modifiers, order: &[RunId]) {
        if modifiers.shift {
            let place = |wanted: RunId| order.iter().position(|other| *other == wanted);
            if let (Some(from), Some(to)) = (self.anchor.and_then(place), place(run)) {
                if !modifiers.command {
                    self.marked.clear();
                }
                self.marked.extend(&order[from.min(to)..=from.max(to)]);
                self.focus = Some(run);
                return;
            }
        }
        if modifiers.command {
            if !self.marked.remove(&run) {
                self.marked.insert(run);
                self.focus = Some(run);
            }
            self.anchor = Some(run);
            return;
        }
        self.select(run);
    }

    /// Goes so many rows on from the run in focus, or to the first or the last row.
    pub fn step(&mut self, by: isize, order: &[RunId]) {
        let Some(last) = order.len().checked_sub(1) else { return };
        let place = self.focus.and_then(|focus| order.iter().position(|run| *run == focus));
        let next = match place {
            Some(place) => place.saturating_add_signed(by).min(last),
            None if by < 0 => last,
            None => 0,
        };
        self.select(order[next]);
    }

    /// Puts runs into the plots, or takes them out.
    pub fn plot(&mut self, runs: impl IntoIterator<Item = RunId>, plotted: bool) {
        for run in runs {
            if plotted {
                self.plotted.insert(run);
            } else {
                self.plotted.remove(&run);
            }
        }
    }

    /// Puts these runs alone into the plots.
    pub fn plot_only(&mut self, runs: impl IntoIterator<Item = RunId>) {
        self.plotted = runs.into_iter().collect();
    }

    /// Forgets runs that are no longer there.
    pub fn retain(&mut self, exists: impl Fn(RunId) -> bool) {
        self.marked.retain(|run| exists(*run));
        self.plotted.retain(|run| exists(*run));
        self.focus = self.focus.filter(|run| exists(*run));
        self.anchor = self.anchor.filter(|run| exists(*run));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: [RunId; 5] = [RunId(4), RunId(2), RunId(7), RunId(1), RunId(9)];

    fn marked(selection: &Selection) -> Vec<u32> {
        selection.marked().iter().map(|run| run.0).collect()
    }

    #[test]
    fn a_click_marks_one_run() {
        let mut selection = Selection::default();
        selection.click(RunId(2), Modifiers::NONE, &ORDER);
        selection.click(RunId(7), Modifiers::NONE, &ORDER);
        assert_eq!((marked(&selection), selection.focus()), (vec![7], Some(RunId(7))));
    }

    #[test]
    fn shift_marks_a_range_in_the_order_of_rows() {
        let mut selection = Selection::default();
        selection.click(RunId(1), Modifiers::NONE, &ORDER);
        selection.click(RunId(2), Modifiers::SHIFT, &ORDER);
        assert_eq!(marked(&selection), [1, 2, 7]);
        // The range goes on from where it began.
        selection.click(RunId(9), Modifiers::SHIFT, &ORDER);
        assert_eq!((marked(&selection), selection.focus()), (vec![1, 9], Some(RunId(9))));
    }

    #[test]
    fn ctrl_adds_and_takes_away() {
        let mut selection = Selection::default();
        selection.click(RunId(1), Modifiers::NONE, &ORDER);
        selection.click(RunId(9), Modifiers::COMMAND, &ORDER);
        selection.click(RunId(1), Modifiers::COMMAND, &ORDER);
        assert_eq!((marked(&selection), selection.focus()), (vec![9], Some(RunId(9))));
    }

    #[test]
    fn steps_stay_in_the_list() {
        let mut selection = Selection::default();
        selection.step(1, &ORDER);
        assert_eq!(selection.focus(), Some(RunId(4)));
        selection.step(-1, &ORDER);
        assert_eq!(selection.focus(), Some(RunId(4)));
        selection.step(100, &ORDER);
        assert_eq!(selection.focus(), Some(RunId(9)));
        selection.step(1, &[]);
        assert_eq!(selection.focus(), Some(RunId(9)));
    }

    #[test]
    fn marked_runs_are_shown_until_some_are_plotted() {
        let mut selection = Selection::default();
        selection.click(RunId(1), Modifiers::NONE, &ORDER);
        assert_eq!(selection.shown(), &[RunId(1)].into());
        selection.plot([RunId(2), RunId(7)], true);
        assert_eq!(selection.shown(), &[RunId(2), RunId(7)].into());
        selection.plot([RunId(2), RunId(7)], false);
        assert_eq!(selection.shown(), &[RunId(1)].into());
    }

    #[test]
    fn runs_that_are_gone_are_forgotten() {
        let mut selection = Selection::default();
        selection.click(RunId(1), Modifiers::NONE, &ORDER);
        selection.plot([RunId(1), RunId(2)], true);
        selection.retain(|run| run == RunId(2));
        assert_eq!((selection.focus(), marked(&selection)), (None, vec![]));
        assert_eq!(selection.plotted(), &[RunId(2)].into());
    }
}
