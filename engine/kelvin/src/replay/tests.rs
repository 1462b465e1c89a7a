use super::*;
use rand::SeedableRng;

const PIXELS: usize = 3;

fn replay(capacity: usize, lanes: usize, stack: usize, n: usize) -> Replay {
    Replay::new(ReplaySpec { capacity, lanes, pixels: PIXELS, stack, n })
}

/// Episodes whose step `k` of all has frame `[k; 3]`, reward `k` and action `k % 3`.
fn fill(replay: &mut Replay, lane: usize, from: usize, ends: &[End]) {
    let mut first = true;
    for (offset, &end) in ends.iter().enumerate() {
        let k = from + offset;
        let (frame, final_frame) = ([k as u8; PIXELS], [200 + k as u8; PIXELS]);
        let (action, reward) = (k % 3, k as f32);
        replay
            .push(lane, &Transition { frame: &frame, first, action, reward, end, final_frame: &final_frame });
        first = end != End::Continues;
    }
}

fn window(replay: &Replay, lane: usize, age: usize) -> BatchBuffers {
    assert!(replay.lanes[lane].can_start(age, replay.spec.n, replay.spec.stack), "age {age}");
    let mut batch = BatchBuffers::new(&replay.spec, 1);
    batch.starts.push((lane, age));
    replay.gather(&mut batch);
    batch
}

fn newest_bytes(obs: &[u8]) -> Vec<u8> {
    obs.chunks(PIXELS).map(|frame| frame[0]).collect()
}

use End::{Continues as C, Terminated as T, Truncated as X};

#[test]
fn stacks_do_not_reach_into_the_episode_before() {
    let mut replay = replay(16, 1, 3, 1);
    fill(&mut replay, 0, 1, &[C, C, T, C, C, C]);
    assert_eq!(newest_bytes(&window(&replay, 0, 1).obs), [0, 1, 2]);
    assert_eq!(newest_bytes(&window(&replay, 0, 3).obs), [0, 0, 4]);
    let batch = window(&replay, 0, 4);
    assert_eq!((newest_bytes(&batch.obs), newest_bytes(&batch.next_obs)), (vec![0, 4, 5], vec![4, 5, 6]));
}

#[test]
fn after_a_termination_rewards_are_zero_and_terminated_stays_one() {
    let mut replay = replay(16, 1, 2, 3);
    fill(&mut replay, 0, 1, &[C, T, C, C]);
    let samples = window(&replay, 0, 0).samples;
    assert_eq!(samples, [1.0, 2.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 0.0, 1.0]);
}

#[test]
fn a_window_may_end_in_a_truncation_but_not_cross_it() {
    let mut replay = replay(16, 1, 2, 2);
    fill(&mut replay, 0, 1, &[C, C, X, C, C, C]);
    let batch = window(&replay, 0, 1);
    assert_eq!(newest_bytes(&batch.next_obs), [3, 203], "bootstraps from the episode's final frame");
    assert_eq!(batch.samples[2..4], [0.0, 0.0], "a truncation is not a termination");
    let starts = |age| replay.lanes[0].can_start(age, 2, 2);
    assert!(!starts(2), "the second step would lie in the next episode");
    assert!(!starts(3), "the final frame starts nothing");
    assert!(starts(4));
    assert!(!starts(5), "its bootstrap state is not there yet");
}

#[test]
fn an_overwritten_stack_starts_nothing() {
    let mut replay = replay(4, 1, 3, 1);
    fill(&mut replay, 0, 1, &[C; 9]);
    let starts: Vec<bool> = (0..4).map(|age| replay.lanes[0].can_start(age, 1, 3)).collect();
    assert_eq!(starts, [false, false, true, false]);
    assert_eq!(newest_bytes(&window(&replay, 0, 2).obs), [6, 7, 8]);
}

#[test]
fn a_cut_separates_what_was_stored_from_what_follows() {
    let mut replay = replay(16, 2, 2, 1);
    fill(&mut replay, 0, 1, &[C, C, C]);
    fill(&mut replay, 1, 1, &[C, C, T]);
    replay.cut();
    fill(&mut replay, 0, 10, &[C, C]);
    assert!(!replay.lanes[0].can_start(2, 1, 2));
    assert!(replay.lanes[0].can_start(1, 1, 2));
    assert!(replay.lanes[1].can_start(2, 1, 2), "a terminated episode needs no next state");
    assert_eq!(newest_bytes(&window(&replay, 0, 3).obs), [0, 10]);
}

#[test]
fn sampling_is_uniform_over_what_can_be_sampled_and_repeats_by_seed() {
    let mut replay = replay(32, 2, 2, 1);
    fill(&mut replay, 0, 0, &[C, C, X, C, C, T]);
    fill(&mut replay, 1, 20, &[C, C, C]);
    let draw = |seed| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut batch = BatchBuffers::new(&replay.spec, 8000);
        assert!(replay.sample(&mut rng, &mut batch));
        batch.samples[..8000].to_vec()
    };
    let rewards = draw(1);
    assert_eq!(rewards, draw(1));
    assert_ne!(rewards, draw(2));
    for reward in [0, 1, 2, 3, 4, 5, 20, 21] {
        let share = rewards.iter().filter(|drawn| **drawn == reward as f32).count();
        // Expected 1000; six standard deviations of a binomial with p = 1/8 are 177.
        assert!(share.abs_diff(1000) < 178, "reward {reward}: {share}");
    }
}

#[test]
fn nothing_can_be_sampled_from_too_little() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut replay = replay(16, 1, 2, 3);
    let mut batch = BatchBuffers::new(&replay.spec, 2);
    assert!(!replay.sample(&mut rng, &mut batch));
    fill(&mut replay, 0, 0, &[C, C, C]);
    assert!(!replay.sample(&mut rng, &mut batch));
    fill(&mut replay, 0, 3, &[C]);
    assert!(replay.sample(&mut rng, &mut batch));
}

#[test]
fn a_snapshot_restores_every_slot() {
    let mut replay = replay(10, 2, 2, 1);
    fill(&mut replay, 0, 1, &[C, C, X, C, C, C]);
    fill(&mut replay, 1, 30, &[C, T, C]);
    let mut bytes = Vec::new();
    replay.write_to(&mut bytes).unwrap();
    let mut restored = Replay::new(replay.spec);
    restored.read_from(&mut bytes.as_slice()).unwrap();
    let mut again = Vec::new();
    restored.write_to(&mut again).unwrap();
    assert_eq!(bytes, again);
    assert_eq!(restored.len(), replay.len());
    assert!(restored.read_from(&mut &bytes[..bytes.len() - 1]).is_err());
    let mut other = Replay::new(ReplaySpec { capacity: 12, ..replay.spec });
    assert!(other.read_from(&mut bytes.as_slice()).is_err());
}
