//! The last seconds, as they were seen.

use std::collections::VecDeque;
use std::sync::Arc;

use kelvin_run::{AgentView, Picture};

/// Seconds that are kept.
pub(super) const SECONDS: f64 = 12.0;
/// Seconds between two frames that are kept.
const FRAME_EVERY: f64 = 1.0;

/// A moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment {
    /// Seconds on the monitor's clock.
    pub time: f64,
    /// State value.
    pub v: Option<f32>,
    /// Entropy of the policy, nats.
    pub entropy: f32,
    /// Whether an episode began since the moment before.
    pub new_episode: bool,
}

/// What was seen in the last [`SECONDS`].
#[derive(Default)]
pub(super) struct History {
    beat: Option<u64>,
    /// Agent steps of the episode at the last moment.
    steps: u64,
    moments: VecDeque<Moment>,
    /// The newest frames of the stack, of some moments: when, bytes, height and width.
    frames: VecDeque<(f64, Arc<[u8]>, [usize; 2])>,
}

impl History {
    /// Adds what is shown now, unless it was added before.
    pub fn push(&mut self, time: f64, agent: &AgentView, picture: Option<&Picture>) {
        if self.beat == Some(agent.beat) {
            return;
        }
        self.beat = Some(agent.beat);
        let new_episode = agent.episode_agent_steps < self.steps;
        self.steps = agent.episode_agent_steps;
        self.moments.push_back(Moment { time, v: agent.v, entropy: agent.entropy, new_episode });
        let due = self.frames.back().is_none_or(|(last, ..)| time - last >= FRAME_EVERY);
        if let Some(newest) = picture.filter(|_| due).and_then(newest_frame) {
            let [_, height, width] = picture.map_or([0; 3], |picture| picture.stack_size);
            self.frames.push_back((time, newest.into(), [height, width]));
        }
        while self.moments.front().is_some_and(|moment| moment.time < time - SECONDS) {
            self.moments.pop_front();
        }
        while self.frames.front().is_some_and(|(then, ..)| *then < time - SECONDS) {
            self.frames.pop_front();
        }
    }

    /// Oldest first.
    pub fn moments(&self) -> &VecDeque<Moment> {
        &self.moments
    }

    /// Oldest first: when, bytes, height and width.
    pub fn frames(&self) -> impl Iterator<Item = &(f64, Arc<[u8]>, [usize; 2])> {
        self.frames.iter()
    }
}

fn newest_frame(picture: &Picture) -> Option<&[u8]> {
    let [count, height, width] = picture.stack_size;
    let newest = picture.stack.get(count.checked_sub(1)? * height * width..)?;
    (!newest.is_empty() && newest.len() == height * width).then_some(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(beat: u64, steps: u64) -> AgentView {
        AgentView { beat, episode_agent_steps: steps, v: Some(beat as f32), ..AgentView::default() }
    }

    #[test]
    fn a_moment_is_kept_once_and_not_for_ever() {
        let mut history = History::default();
        for beat in 0..400u64 {
            history.push(beat as f64 * 0.1, &agent(beat, beat % 100), None);
            history.push(beat as f64 * 0.1 + 0.05, &agent(beat, beat % 100), None);
        }
        let moments = history.moments();
        // Tenths of a second are not exact: the oldest may just have gone.
        assert!((120..=121).contains(&moments.len()), "{}", moments.len());
        assert_eq!(moments.back().map(|moment| moment.v), Some(Some(399.0)));
        assert_eq!(moments.iter().filter(|moment| moment.new_episode).count(), 1);
    }

    #[test]
    fn a_frame_is_kept_every_second() {
        let picture =
            Picture { stack: vec![1, 2, 3, 4, 5, 6, 7, 8], stack_size: [2, 2, 2], ..Picture::default() };
        let mut history = History::default();
        for beat in 0..35u64 {
            history.push(beat as f64 * 0.1, &agent(beat, beat), Some(&picture));
        }
        let frames: Vec<_> = history.frames().collect();
        assert_eq!(frames.len(), 4);
        assert_eq!(&*frames[0].1, [5, 6, 7, 8]);
        // One that is torn is none.
        let torn = Picture { stack: vec![1; 7], ..picture };
        assert_eq!(newest_frame(&torn), None);
    }
}
