use super::*;
use rand::SeedableRng;
use std::ops::Range;

const PIXELS: usize = 3;

/// Room for `slots` slots that can start a window, in each lane, beside those that are about to be overwritten.
fn replay(slots: usize, lanes: usize, stack: usize, n: usize) -> Replay {
    Replay::new(ReplaySpec {
        capacity: (slots + KEPT_AFTER_DRAWING) * lanes,
        lanes,
        pixels: PIXELS,
        stack,
        n,
    })
}

/// Episodes whose step `k` of all has frame `[k; 3]`, reward `k`, action `k % 3` and log-probability `-k / 10`.
fn fill(replay: &mut Replay, lane: usize, from: usize, ends: &[End]) {
    let mut first = true;
    for (offset, &end) in ends.iter().enumerate() {
        let k = from + offset;
        let (frame, final_frame) = ([k as u8; PIXELS], [200 + k as u8; PIXELS]);
        let (action, reward, behaviour_logp) = (k % 3, k as f32, -(k as f32) / 10.0);
        let final_frame = &final_frame;
        let step = Transition { frame: &frame, first, action, behaviour_logp, reward, end, final_frame };
        replay.push(lane, &step);
        first = end != End::Continues;
    }
}

/// The window from `age`, with all its states.
fn window(replay: &Replay, lane: usize, age: usize) -> BatchBuffers {
    assert!(replay.lanes[lane].can_start(age, replay.spec.n, replay.spec.stack), "age {age}");
    let mut batch = BatchBuffers::new(&replay.spec, (0..=replay.spec.n).collect(), 1);
    batch.starts.push(Drawn { lane, serial: replay.lanes[lane].serial(age) });
    replay.gather(&mut batch);
    batch
}

/// The observation at a state of a window, as one byte a frame.
fn obs(replay: &Replay, batch: &BatchBuffers, state: usize) -> Vec<u8> {
    let len = replay.spec.stack * PIXELS;
    batch.obs[state * len..(state + 1) * len].chunks(PIXELS).map(|frame| frame[0]).collect()
}

use End::{Continues as C, Terminated as T, Truncated as X};

#[test]
fn stacks_do_not_reach_into_the_episode_before() {
    let mut replay = replay(16, 1, 3, 1);
    fill(&mut replay, 0, 1, &[C, C, T, C, C, C]);
    assert_eq!(obs(&replay, &window(&replay, 0, 1), 0), [0, 1, 2]);
    assert_eq!(obs(&replay, &window(&replay, 0, 3), 0), [0, 0, 4]);
    let batch = window(&replay, 0, 4);
    assert_eq!((obs(&replay, &batch, 0), obs(&replay, &batch, 1)), (vec![0, 4, 5], vec![4, 5, 6]));
}

#[test]
fn every_state_of_a_window_can_be_had_and_after_a_termination_the_last_one_again() {
    let mut replay = replay(16, 1, 2, 3);
    fill(&mut replay, 0, 1, &[C, C, C, C, T, C]);
    let states = |age| -> Vec<Vec<u8>> {
        let batch = window(&replay, 0, age);
        (0..4).map(|state| obs(&replay, &batch, state)).collect()
    };
    assert_eq!(states(0), [[0, 1], [1, 2], [2, 3], [3, 4]]);
    assert_eq!(states(3), [[3, 4], [4, 5], [4, 5], [4, 5]]);
    // Only what is asked for is put together, in that order.
    let mut batch = BatchBuffers::new(&replay.spec, vec![1, 3], 2);
    let drawn = [0, 1].map(|age| Drawn { lane: 0, serial: replay.lanes[0].serial(age) });
    assert!(replay.again(&drawn, &mut batch));
    let rows: Vec<Vec<u8>> = (0..4).map(|row| obs(&replay, &batch, row)).collect();
    assert_eq!(rows, [[1, 2], [2, 3], [3, 4], [4, 5]], "states first, then samples");
}

#[test]
fn after_a_termination_rewards_are_zero_and_terminated_stays_one() {
    let mut replay = replay(16, 1, 2, 3);
    fill(&mut replay, 0, 1, &[C, T, C, C]);
    let samples = window(&replay, 0, 0).samples;
    let fields: Vec<&[f32]> = samples[..15].chunks(3).collect();
    assert_eq!(fields[0], [1.0, 2.0, 0.0], "rewards");
    assert_eq!(fields[1], [0.0, 1.0, 1.0], "terminated");
    assert_eq!(fields[2], [1.0, 2.0, 0.0], "actions");
    assert_eq!(fields[3], [-0.1, -0.2, 0.0], "log-probabilities");
    assert_eq!(fields[4], [1.0, 1.0, 0.0], "valid: the terminal step itself is");
    assert_eq!(samples[15..], [1.0], "weight");
}

#[test]
fn a_window_may_end_in_a_truncation_but_not_cross_it() {
    let mut replay = replay(16, 1, 2, 2);
    fill(&mut replay, 0, 1, &[C, C, X, C, C, C]);
    let batch = window(&replay, 0, 1);
    assert_eq!(obs(&replay, &batch, 2), [3, 203], "bootstraps from the episode's final frame");
    assert_eq!(batch.samples[2..4], [0.0, 0.0], "a truncation is not a termination");
    assert_eq!(batch.samples[8..10], [1.0, 1.0], "both steps were taken");
    let starts = |age| replay.lanes[0].can_start(age, 2, 2);
    assert!(!starts(2), "the second step would lie in the next episode");
    assert!(!starts(3), "the final frame starts nothing");
    assert!(starts(4));
    assert!(!starts(5), "its bootstrap state is not there yet");
}

#[test]
fn what_is_about_to_be_overwritten_starts_nothing() {
    let mut replay = replay(4, 1, 3, 1);
    fill(&mut replay, 0, 1, &[C; 4]);
    let starts = |replay: &Replay| -> Vec<usize> {
        (0..replay.len()).filter(|age| replay.lanes[0].can_start(*age, 1, 3)).collect()
    };
    assert_eq!(starts(&replay), [0, 1, 2], "an episode's first frames need none from before them");
    fill(&mut replay, 0, 5, &[C]);
    assert_eq!(starts(&replay), [3], "the others hold on to the first frame, which has not long to go");
    fill(&mut replay, 0, 0, &[C; 60]);
    assert_eq!(replay.len(), KEPT_AFTER_DRAWING + 4, "the ring is full");
    assert_eq!(
        starts(&replay)[0],
        KEPT_AFTER_DRAWING + 2,
        "two older frames and the time that they are kept"
    );
}

#[test]
fn what_was_drawn_can_be_drawn_again_for_a_while() {
    let mut replay = replay(8, 2, 3, 2);
    for lane in 0..2 {
        fill(&mut replay, lane, 1, &[C; KEPT_AFTER_DRAWING + 20]);
    }
    let mut batch = BatchBuffers::new(&replay.spec, vec![0, 2], 32);
    assert!(replay.sample(&mut Xoshiro256PlusPlus::seed_from_u64(5), &mut batch));
    let mut again = BatchBuffers::new(&replay.spec, vec![0, 2], 32);
    for _ in 0..KEPT_AFTER_DRAWING {
        (0..2).for_each(|lane| fill(&mut replay, lane, 7, &[C]));
        assert!(replay.again(&batch.starts, &mut again));
        assert_eq!((&again.obs, &again.samples), (&batch.obs, &batch.samples));
    }
    (0..2).for_each(|lane| fill(&mut replay, lane, 7, &[C; 9]));
    assert!(!replay.again(&batch.starts, &mut again), "the oldest of 32 is gone by now");
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
    assert_eq!(obs(&replay, &window(&replay, 0, 3), 0), [0, 10]);
}

#[test]
fn sampling_is_uniform_over_what_can_be_sampled_and_repeats_by_seed() {
    let mut replay = replay(32, 2, 2, 1);
    fill(&mut replay, 0, 0, &[C, C, X, C, C, T]);
    fill(&mut replay, 1, 20, &[C, C, C]);
    let draw = |seed| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut batch = BatchBuffers::new(&replay.spec, vec![0, 1], 8000);
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
    let mut batch = BatchBuffers::new(&replay.spec, vec![0, 3], 2);
    assert!(!replay.sample(&mut rng, &mut batch));
    fill(&mut replay, 0, 0, &[C, C, C]);
    assert!(!replay.sample(&mut rng, &mut batch));
    fill(&mut replay, 0, 3, &[C]);
    assert!(replay.sample(&mut rng, &mut batch));
}

fn slots(replay: &Replay, lane: usize, numbers: Range<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    replay.write_slots(lane, numbers, &mut bytes);
    bytes
}

/// A memory filled from stretches: lane, number of the first slot, bytes.
fn refilled(of: &Replay, stretches: &[(usize, u64, &[u8])]) -> Result<Replay, String> {
    let mut replay = Replay::new(of.spec);
    let mut refill = replay.refill(&of.kept(), 3)?;
    for (lane, first, bytes) in stretches {
        refill.take(*lane, *first, bytes)?;
    }
    refill.finish()?;
    Ok(replay)
}

#[test]
fn a_snapshot_restores_every_slot() {
    // The first lane has gone around, and its ring begins in the middle.
    let mut replay = replay(10, 2, 2, 1);
    fill(&mut replay, 0, 1, &[&[C; 40][..], &[X], &[C; 10]].concat());
    fill(&mut replay, 1, 30, &[C, T, C]);
    assert_eq!(replay.kept(), [2..52, 0..3]);
    // What was written of the first lane when number 2 was not yet the oldest.
    let early = [&vec![0; 2 * replay.spec.slot_bytes()][..], &slots(&replay, 0, 2..30)].concat();
    let (late, other) = (slots(&replay, 0, 29..52), slots(&replay, 1, 0..3));
    let restored = refilled(&replay, &[(0, 0, &early), (1, 0, &other), (0, 29, &late)]).unwrap();
    assert_eq!(restored.kept(), replay.kept());
    for (lane, kept) in replay.kept().into_iter().enumerate() {
        assert_eq!(slots(&restored, lane, kept.clone()), slots(&replay, lane, kept));
    }
    let (mut a, mut b) = (replay, restored);
    for replay in [&mut a, &mut b] {
        fill(replay, 0, 50, &[C, X, C]);
        fill(replay, 1, 60, &[T]);
    }
    let drawn = |replay: &Replay| {
        let mut batch = BatchBuffers::new(&replay.spec, vec![0, 1], 64);
        assert!(replay.sample(&mut Xoshiro256PlusPlus::seed_from_u64(5), &mut batch));
        (batch.samples, batch.obs, batch.starts)
    };
    assert_eq!(drawn(&a), drawn(&b));
}

/// A rollout ends where the ring is full: what is foreseen is not yet a slot, and no slot is lost to it.
#[test]
fn what_is_foreseen_is_no_part_of_a_snapshot() {
    let mut replay = replay(10, 1, 2, 1);
    fill(&mut replay, 0, 1, &[&[C; 30][..], &[T], &[C; 29]].concat());
    let kept = replay.kept();
    let before = slots(&replay, 0, kept[0].clone());
    replay.foresee(0, &[77; PIXELS]);
    assert_eq!(slots(&replay, 0, kept[0].clone()), before);
    assert!(refilled(&replay, &[(0, kept[0].start, &before)]).is_ok());
}

#[test]
fn a_snapshot_that_is_none_of_this_memory_is_refused() {
    let mut replay = replay(10, 2, 2, 1);
    fill(&mut replay, 0, 1, &[C, C, C]);
    fill(&mut replay, 1, 30, &[C, T]);
    let (one, other) = (slots(&replay, 0, 0..3), slots(&replay, 1, 0..2));
    let refused = |stretches: &[(usize, u64, &[u8])]| refilled(&replay, stretches).err().unwrap();
    assert!(refilled(&replay, &[(0, 0, &one), (1, 0, &other)]).is_ok());
    assert!(refused(&[(0, 0, &one)]).contains("from 0 on are missing"));
    assert!(refused(&[(0, 1, &one), (1, 0, &other)]).contains("missing"));
    assert!(refused(&[(0, 0, &one[1..]), (1, 0, &other)]).contains("missing"));
    assert!(refused(&[(0, 0, &one), (1, 0, &one)]).contains("more than"));
    assert!(refused(&[(7, 0, &one)]).contains("lane"));
    // An action, an end and a place in the episode that there are not: the frames of a stack would be others'.
    for (at, byte) in [(8, 3), (9, 4), (10 + replay.spec.slot_bytes(), 2)] {
        let mut bent = one.clone();
        bent[at] = byte;
        assert!(refused(&[(0, 0, &bent), (1, 0, &other)]).contains("no such transition"));
    }
    let never = u64::MAX - 2;
    for kept in [
        vec![0..3, 0..2, 0..1],
        vec![0..3, never..never + 2],
        vec![0..3, 0..51],
        vec![Range { start: 3, end: 0 }, 0..2],
    ] {
        assert!(Replay::new(replay.spec).refill(&kept, 3).is_err());
    }
}

/// The newest windows of one lane, as an on-policy learner takes them.
fn latest(replay: &Replay, taken: usize) -> Option<BatchBuffers> {
    let mut batch = BatchBuffers::new(&replay.spec, (0..=replay.spec.n).collect(), 1);
    replay.latest(&[taken], &mut batch).then_some(batch)
}

#[test]
fn the_newest_window_ends_in_what_the_environment_shows() {
    let mut replay = replay(16, 1, 2, 3);
    fill(&mut replay, 0, 1, &[C, C, C, C, C]);
    replay.foresee(0, &[6; PIXELS]);
    let batch = latest(&replay, 3).unwrap();
    assert_eq!((obs(&replay, &batch, 0), obs(&replay, &batch, 3)), (vec![2, 3], vec![5, 6]));
    assert_eq!(batch.samples[..3], [3.0, 4.0, 5.0]);
    assert_eq!(batch.samples[12..15], [1.0; 3], "all were taken");
    // What was foreseen comes true, and the window can be put together again.
    let mut again = BatchBuffers::new(&replay.spec, vec![0, 1, 2, 3], 1);
    let (frame, final_frame, end) = (&[6; PIXELS], &[0; PIXELS], C);
    let (first, action, behaviour_logp, reward) = (false, 0, 0.0, 6.0);
    replay.push(0, &Transition { frame, first, action, behaviour_logp, reward, end, final_frame });
    assert!(replay.again(&batch.starts, &mut again));
    assert_eq!((again.obs, again.samples), (batch.obs, batch.samples));
}

#[test]
fn a_window_ends_with_its_episode_and_reaches_back_from_a_time_limit() {
    let mut replay = replay(16, 1, 2, 3);
    fill(&mut replay, 0, 1, &[C, C, C, C, T]);
    let batch = latest(&replay, 2).unwrap();
    assert_eq!(batch.samples[..3], [4.0, 5.0, 0.0]);
    assert_eq!(batch.samples[3..6], [0.0, 1.0, 1.0], "terminated");
    assert_eq!(batch.samples[12..15], [1.0, 1.0, 0.0], "one was not taken");
    fill(&mut replay, 0, 11, &[C, C, C, X]);
    let batch = latest(&replay, 1).unwrap();
    assert_eq!(batch.samples[..6], [12.0, 13.0, 14.0, 0.0, 0.0, 0.0]);
    assert_eq!(obs(&replay, &batch, 3), [14, 214], "the final frame");
    // Too short to have a window of its own.
    fill(&mut replay, 0, 21, &[C, X]);
    assert!(latest(&replay, 2).is_none());
}
