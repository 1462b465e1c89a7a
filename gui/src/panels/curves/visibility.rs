//! Which curves are shown: what a click in the legend does.

use std::collections::BTreeSet;

use crate::colors::SeriesKey;

/// Curves that are hidden, in all plots.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Visibility {
    hidden: BTreeSet<SeriesKey>,
}

impl Visibility {
    /// Whether a curve is shown.
    pub fn shows(&self, key: &SeriesKey) -> bool {
        !self.hidden.contains(key)
    }

    /// Shows a curve alone; if it is alone already, all.
    pub fn isolate(&mut self, key: &SeriesKey, all: &[SeriesKey]) {
        let others: BTreeSet<SeriesKey> = all.iter().filter(|other| *other != key).cloned().collect();
        let is_alone = self.shows(key) && others.iter().all(|other| !self.shows(other));
        self.hidden = if is_alone { BTreeSet::new() } else { others };
    }

    /// Hides a curve, or shows it again. When the last one is hidden all come back.
    pub fn toggle(&mut self, key: &SeriesKey, all: &[SeriesKey]) {
        if !self.hidden.remove(key) {
            self.hidden.insert(key.clone());
        }
        if all.iter().all(|key| !self.shows(key)) {
            self.hidden.clear();
        }
    }

    /// Shows all.
    pub fn reset(&mut self) {
        self.hidden.clear();
    }

    /// Forgets curves that are no longer there, and shows all if none of those that are is shown.
    pub fn retain(&mut self, all: &[SeriesKey]) {
        self.hidden.retain(|key| all.contains(key));
        if !all.is_empty() && all.iter().all(|key| !self.shows(key)) {
            self.hidden.clear();
        }
    }

    /// Whether anything is hidden.
    pub fn hides_any(&self) -> bool {
        !self.hidden.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RunId;

    fn keys() -> Vec<SeriesKey> {
        (0..4).map(|run| SeriesKey::Run(RunId(run))).collect()
    }

    fn shown(visibility: &Visibility) -> Vec<usize> {
        keys().iter().enumerate().filter(|(_, key)| visibility.shows(key)).map(|(index, _)| index).collect()
    }

    #[test]
    fn a_click_isolates_and_a_second_one_shows_all() {
        let (keys, mut visibility) = (keys(), Visibility::default());
        visibility.isolate(&keys[2], &keys);
        assert_eq!(shown(&visibility), [2]);
        visibility.isolate(&keys[0], &keys);
        assert_eq!(shown(&visibility), [0], "another one instead");
        visibility.isolate(&keys[0], &keys);
        assert_eq!(shown(&visibility), [0, 1, 2, 3]);
    }

    #[test]
    fn ctrl_click_hides_and_shows() {
        let (keys, mut visibility) = (keys(), Visibility::default());
        visibility.toggle(&keys[1], &keys);
        visibility.toggle(&keys[3], &keys);
        assert_eq!(shown(&visibility), [0, 2]);
        visibility.toggle(&keys[1], &keys);
        assert_eq!(shown(&visibility), [0, 1, 2]);
    }

    #[test]
    fn there_is_always_something_to_see() {
        let (keys, mut visibility) = (keys(), Visibility::default());
        visibility.isolate(&keys[0], &keys);
        visibility.toggle(&keys[0], &keys);
        assert_eq!(shown(&visibility), [0, 1, 2, 3]);
        visibility.isolate(&keys[0], &keys);
        visibility.retain(&keys[1..]);
        assert_eq!(shown(&visibility)[1..], [1, 2, 3]);
    }
}
