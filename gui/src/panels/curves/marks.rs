//! Where a script or a parameter changed.

use kelvin_run::Event;
use serde_json::Value;

use crate::data::{Curves, XAxis};
use crate::theme::Icon;

/// A change, and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    /// Its place on the axis.
    pub x: f64,
    /// What it is, in words.
    pub text: String,
    /// Whether the script changed; else a parameter did.
    pub is_script: bool,
}

impl Mark {
    /// Its icon.
    pub fn icon(&self) -> Icon {
        if self.is_script { Icon::FileCode } else { Icon::SlidersHorizontal }
    }
}

/// The changes of a run, on an axis that its curves tell about.
pub(super) fn marks(events: &[Event], curves: &Curves, axis: XAxis) -> Vec<Mark> {
    let found = events.iter().filter_map(|event| {
        let is_script = match event.event.as_str() {
            "reload" => true,
            "params" => false,
            _ => return None,
        };
        let x = place(curves, event.update as f64, axis)?;
        Some(Mark { x, text: text(event, is_script), is_script })
    });
    found.collect()
}

fn text(event: &Event, is_script: bool) -> String {
    let what = if is_script { "script" } else { "parameters" };
    let mut text = format!("{what} changed at update {}", event.update);
    if let Some(hash) = event.detail.get("hash").and_then(Value::as_str) {
        text += &format!("\nversion {}", hash.get(..8).unwrap_or(hash));
    }
    for (name, value) in event.detail.get("params").and_then(Value::as_object).into_iter().flatten() {
        text += &format!("\n{name} = {value}");
    }
    if let Some(source) = event.detail.get("source").and_then(Value::as_str) {
        text += &format!("\nby {source}");
    }
    text
}

/// Where an update lies on the axis: between the points of the longest curve.
fn place(curves: &Curves, update: f64, axis: XAxis) -> Option<f64> {
    if axis == XAxis::Updates {
        return Some(update);
    }
    let longest = curves.series.values().max_by_key(|series| series.buckets.len())?;
    let buckets = &longest.buckets;
    let next = buckets.partition_point(|bucket| bucket.updates < update);
    let after = buckets.get(next).or(buckets.last())?;
    let (from_update, from_x) = match next.checked_sub(1).and_then(|before| buckets.get(before)) {
        Some(before) => (before.updates, before.x(axis)),
        None => (0.0, 0.0),
    };
    let share = if after.updates > from_update {
        (update - from_update) / (after.updates - from_update)
    } else {
        1.0
    };
    Some(from_x + share.clamp(0.0, 1.0) * (after.x(axis) - from_x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Bucket, Series};

    fn curves() -> Curves {
        let bucket = |updates: f64, frames: f64| Bucket {
            frames,
            updates,
            wall_s: frames / 1000.0,
            min: 0.0,
            mean: 0.0,
            max: 0.0,
            count: 1,
        };
        let series = Series { buckets: vec![bucket(10.0, 1000.0), bucket(20.0, 3000.0)] };
        Curves { series: [("loss".into(), series)].into(), read: 0, complete: true }
    }

    fn event(name: &str, update: u64, detail: &str) -> Event {
        let detail = serde_json::from_str(detail).unwrap();
        Event { event: name.to_owned(), update, agent_steps: 0, detail }
    }

    #[test]
    fn changes_lie_between_points() {
        let events = [
            event("reload", 15, "{}"),
            event("checkpoint", 16, "{}"),
            event("params", 5, r#"{"source": "control.toml", "params": {"tau": 0.05}}"#),
        ];
        let found = marks(&events, &curves(), XAxis::Frames);
        assert_eq!(found.iter().map(|mark| mark.x).collect::<Vec<_>>(), [2000.0, 500.0]);
        assert_eq!(found[1].text, "parameters changed at update 5\ntau = 0.05\nby control.toml");
        assert!(found[0].is_script && !found[1].is_script);
        assert_eq!(marks(&events, &curves(), XAxis::Updates)[0].x, 15.0);
        assert_eq!(marks(&events, &curves(), XAxis::WallTime)[0].x, 2.0);
    }

    #[test]
    fn a_change_after_the_last_point_is_at_its_place() {
        assert_eq!(marks(&[event("reload", 99, "{}")], &curves(), XAxis::Frames)[0].x, 3000.0);
        assert!(marks(&[event("reload", 99, "{}")], &Curves::default(), XAxis::Frames).is_empty());
    }
}
