//! These run the emulator itself, so they need ROMs and say so by failing.

use super::*;
use crate::Preset;

const FRAME: usize = SIDE * SIDE;

fn options(preset: Preset, training: bool) -> EnvOptions {
    EnvOptions { preset, training, ..EnvOptions::default() }
}

fn env_with(game: &str, options: &EnvOptions, change: impl FnOnce(&mut Rules), seed: u64) -> AtariEnv {
    let mut rules = Rules::of(options);
    change(&mut rules);
    AtariEnv::with_rules(game, options, rules, seed)
        .unwrap_or_else(|error| panic!("run ./kelvin test, which fetches the ROMs: {error}"))
}

fn env(game: &str, preset: Preset, training: bool, seed: u64) -> AtariEnv {
    env_with(game, &options(preset, training), |_| (), seed)
}

/// Steps `env` from a reset by `choose(step)` to a true end or `limit`; every end on the way is reset.
fn play(env: &mut AtariEnv, limit: usize, mut choose: impl FnMut(usize) -> usize) -> Vec<Step> {
    let (mut frame, mut steps) = (vec![0; FRAME], vec![]);
    env.reset(&mut frame).unwrap();
    for i in 0..limit {
        let step = env.step(choose(i), &mut frame).unwrap();
        steps.push(step);
        if step.episode.is_some() {
            break;
        }
        if step.ended() {
            env.reset(&mut frame).unwrap();
        }
    }
    steps
}

#[test]
fn presets_are_what_they_say() {
    let paper = Rules::of(&options(Preset::Paper, true));
    assert_eq!((paper.max_noops, paper.repeat_action_probability, paper.press_fire), (30, 0.0, true));
    assert!(paper.life_loss_terminates && paper.clip_reward);
    let machado = Rules::of(&options(Preset::Machado, true));
    assert_eq!((machado.max_noops, machado.repeat_action_probability, machado.press_fire), (0, 0.25, false));
    assert!(!machado.life_loss_terminates && machado.clip_reward);
    for preset in [Preset::Paper, Preset::Machado] {
        let evaluation = Rules::of(&options(preset, false));
        assert!(!evaluation.life_loss_terminates && !evaluation.clip_reward);
        assert_eq!(evaluation.life_loss_reopens, preset == Preset::Paper);
        assert!(!Rules::of(&options(preset, true)).life_loss_reopens);
        let raw = EnvOptions { clip_rewards: false, ..options(preset, true) };
        assert_eq!(Rules::of(&raw), Rules { clip_reward: false, ..Rules::of(&options(preset, true)) });
        assert!(!Rules::of(&EnvOptions { clip_rewards: true, training: false, ..raw }).clip_reward);
        assert_eq!(evaluation.max_frames, 108_000);
    }
}

#[test]
fn the_action_set_is_minimal_or_full() {
    let pong = env("pong", Preset::Paper, true, 1);
    assert_eq!(pong.spec().actions, ["NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE"]);
    assert_eq!((pong.spec().stack, pong.spec().frames_per_step, pong.spec().obs_len()), (4, 4, 4 * 84 * 84));
    let full = EnvOptions { full_action_set: true, ..options(Preset::Machado, true) };
    let mut pong = env_with("pong", &full, |_| (), 1);
    assert_eq!(pong.spec().actions.len(), 18);
    let mut frame = vec![0; FRAME];
    pong.reset(&mut frame).unwrap();
    pong.step(17, &mut frame).unwrap();
    assert!(matches!(pong.step(18, &mut frame), Err(EnvError::Action { action: 18, actions: 18, .. })));
}

#[test]
fn fire_is_pressed_where_the_game_has_it_and_the_preset_wants_it() {
    assert_eq!(env("breakout", Preset::Paper, true, 1).opening.len(), 2);
    assert_eq!(env("freeway", Preset::Paper, true, 1).opening.len(), 0, "no FIRE in its action set");
    assert_eq!(env("breakout", Preset::Machado, true, 1).opening.len(), 0);
}

#[test]
fn a_new_game_starts_with_up_to_thirty_noops_and_the_opening() {
    let mut env = env("breakout", Preset::Paper, true, 2);
    let mut frame = vec![0; FRAME];
    let starts: std::collections::BTreeSet<u64> = (0..200)
        .map(|_| {
            env.reset(&mut frame).unwrap();
            env.tally.frames - 2 * FRAMES_PER_STEP
        })
        .collect();
    // 200 draws from 30 values miss a given one with chance 1e-3.
    assert_eq!((starts.first(), starts.last()), (Some(&1), Some(&30)), "{starts:?}");
}

#[test]
fn lost_lives_terminate_in_training_and_the_game_goes_on() {
    let mut env = env("breakout", Preset::Paper, true, 3);
    // Standing still loses all five balls, each put into play by the reset's FIRE.
    let steps = play(&mut env, 5_000, |_| 0);
    let ends: Vec<_> = steps.iter().filter(|step| step.ended()).collect();
    assert_eq!(ends.len(), 5);
    assert!(ends.iter().all(|step| step.terminated && !step.truncated));
    assert!(ends[..4].iter().all(|step| step.episode.is_none()));
    let episode = ends[4].episode.expect("the fifth life is the last");
    assert_eq!(episode.agent_steps, steps.len() as u64);
    // No-ops and opening at the start, a no-op step and the opening after each of four lives; and the last step of a
    // game stops with the game.
    let reset_frames = episode.frames - 4 * episode.agent_steps;
    assert!((8 + 4 * 12 + 1 - 3..=8 + 4 * 12 + 30).contains(&reset_frames), "{reset_frames}");
}

#[test]
fn lost_lives_do_not_terminate_elsewhere() {
    for (preset, training) in [(Preset::Paper, false), (Preset::Machado, true), (Preset::Machado, false)] {
        let mut env = env("breakout", preset, training, 3);
        // FIRE now and then puts each ball into play.
        let steps = play(&mut env, 5_000, |i| usize::from(i % 8 == 0));
        let last = steps.last().unwrap();
        assert!(last.terminated && last.episode.is_some(), "{preset}, training {training}");
        assert_eq!(steps.iter().filter(|step| step.ended()).count(), 1, "{preset}, training {training}");
    }
}

/// Plays a game of evaluation next to a bare emulator that presses the same, checks that the two agree, and returns the
/// episode, the lives that steps started, and what was earned in the frames that started them.
fn follow(game: &str, mut choose: impl FnMut(usize) -> usize) -> (Episode, usize, f64) {
    let (mut env, mut frame) = (env(game, Preset::Paper, false, 7), vec![0; FRAME]);
    let mut emulator = Emulator::load(&roms::locate(game, None).unwrap(), derive_seed(7, 0)).unwrap();
    let mut tally = NOTHING_YET;
    let mut hold = |emulator: &mut Emulator, action, frames| {
        let before = tally;
        for _ in 0..frames {
            if !emulator.game_over() {
                tally.episode_return += f64::from(emulator.act(action));
                tally.frames += 1;
            }
        }
        tally.episode_return - before.episode_return
    };
    env.reset(&mut frame).unwrap();
    emulator.restart(env.emulator.tape().wait());
    let opening = env.opening.clone();
    hold(&mut emulator, Action::NOOP, env.tally.frames - 2 * FRAMES_PER_STEP);
    opening.iter().for_each(|&action| _ = hold(&mut emulator, action, FRAMES_PER_STEP));
    let (mut new_lives, mut rewards, mut between) = (0, 0.0, 0.0);
    for agent_steps in 1.. {
        let (lives, action) = (emulator.lives(), choose(agent_steps as usize));
        let step = env.step(action, &mut frame).unwrap();
        rewards += f64::from(step.reward);
        hold(&mut emulator, env.actions[action], FRAMES_PER_STEP);
        assert_eq!(step.new_life, (1..lives).contains(&emulator.lives()), "{game}, step {agent_steps}");
        if step.new_life {
            new_lives += 1;
            for &action in [Action::NOOP].iter().chain(&opening) {
                between += hold(&mut emulator, action, FRAMES_PER_STEP);
            }
        }
        assert_eq!(step.terminated, emulator.game_over(), "{game}, step {agent_steps}");
        if let Some(episode) = step.episode {
            assert_eq!(episode, Episode { agent_steps, ..tally }, "{game}");
            assert_eq!(episode.episode_return, rewards, "{game}");
            return (episode, new_lives, between);
        }
    }
    unreachable!("every game ends")
}

#[test]
fn a_policy_that_never_fires_gets_its_balls_in_evaluation() {
    for choose in [|_| 0, |i| 2 + i / 40 % 2] {
        let (episode, new_lives, _) = follow("breakout", choose);
        assert_eq!(new_lives, 4);
        // Five balls that are hardly met last for seconds; waiting for one takes half an hour.
        assert!(episode.frames < 108_000 / 20, "{episode:?}");
    }
}

#[test]
fn what_the_frames_between_two_lives_earn_counts() {
    // Rewards there are rare; this erratic flight earns one.
    let (_, new_lives, between) = follow("riverraid", |i| (i - 1) * 7919 / 13 % 18);
    assert!(new_lives > 0 && between > 0.0, "{between} in {new_lives} new lives");
}

#[test]
fn the_cap_may_fall_between_two_lives() {
    let first_loss = |cap| {
        let change = |rules: &mut Rules| rules.max_frames = cap;
        let mut env = env_with("breakout", &options(Preset::Paper, false), change, 3);
        let mut frame = vec![0; FRAME];
        env.reset(&mut frame).unwrap();
        loop {
            let step = env.step(0, &mut frame).unwrap();
            if step.new_life || step.ended() {
                return (step, env);
            }
        }
    };
    let (step, env) = first_loss(108_000);
    assert!(step.new_life && !step.ended() && step.episode.is_none());
    let started = env.tally.frames;
    for cap in started - 3 * FRAMES_PER_STEP..=started {
        let (step, mut env) = first_loss(cap);
        assert_eq!((step.new_life, step.terminated, step.truncated), (false, false, true), "{cap}");
        assert_eq!(step.episode.map(|episode| episode.frames), Some(cap), "not a frame more");
        assert!(env.step(0, &mut vec![0; FRAME]).is_err(), "a reset is due");
        env.rules.max_frames = 108_000;
        env.reset(&mut vec![0; FRAME]).unwrap();
        assert_eq!((env.lives, env.tally.agent_steps), (5, 0), "a new game is under way");
    }
}

#[test]
fn rewards_are_clipped_for_the_learner_and_raw_in_the_statistics() {
    let play_all = |training| {
        let mut env = env("space_invaders", Preset::Paper, training, 4);
        // Shooting while moving to and fro scores 5 to 30 a hit.
        play(&mut env, 5_000, |i| if i / 20 % 2 == 0 { 4 } else { 5 })
    };
    let (clipped, raw) = (play_all(true), play_all(false));
    assert!(clipped.iter().all(|step| [-1.0, 0.0, 1.0].contains(&step.reward)));
    let hits = clipped.iter().filter(|step| step.reward != 0.0).count() as f64;
    let clipped_return = clipped.last().unwrap().episode.unwrap().episode_return;
    assert!(hits > 0.0 && clipped_return >= 5.0 * hits, "{hits} hits earn {clipped_return}");
    let sum: f64 = raw.iter().map(|step| f64::from(step.reward)).sum();
    assert!(raw.iter().any(|step| step.reward > 1.0));
    // Integers, summed exactly.
    assert_eq!(raw.last().unwrap().episode.unwrap().episode_return, sum);
}

#[test]
fn the_frame_cap_truncates_and_game_over_terminates() {
    let mut env = env_with("pong", &options(Preset::Paper, true), |rules| rules.max_frames = 400, 5);
    for _ in 0..2 {
        let steps = play(&mut env, 200, |_| 0);
        let last = steps.last().unwrap();
        assert_eq!((last.terminated, last.truncated), (false, true));
        assert_eq!(last.episode.unwrap().frames, 400, "not a frame more");
        assert!(matches!(env.step(0, &mut vec![0; FRAME]), Err(EnvError::Misuse { .. })));
    }
    let mut env = env_with("pong", &options(Preset::Paper, true), |_| (), 5);
    let steps = play(&mut env, 5_000, |_| 0);
    let last = steps.last().unwrap();
    assert_eq!((last.terminated, last.truncated), (true, false));
    assert_eq!(last.episode.unwrap().episode_return, -21.0, "standing still loses every rally");
}

#[test]
fn the_cap_counts_the_whole_game_not_a_life() {
    let cap = 500;
    let mut env = env_with("breakout", &options(Preset::Paper, true), |rules| rules.max_frames = cap, 3);
    let steps = play(&mut env, 5_000, |_| 0);
    assert!(steps.iter().any(|step| step.terminated), "some lives were lost before");
    let last = steps.last().unwrap();
    assert_eq!((last.terminated, last.truncated), (false, true));
    assert_eq!(last.episode.unwrap().frames, cap);
    let mut frame = vec![0; FRAME];
    env.reset(&mut frame).unwrap();
    assert!(env.tally.frames < 50, "a truncated game is not continued");
    assert_eq!(env.lives, 5);
}

#[test]
fn a_game_that_ends_within_a_reset_is_reported_with_the_next_step() {
    // A cap a few frames after the first lost life falls into the frames that its reset takes.
    let loses_a_life = |env: &mut AtariEnv| {
        let mut frame = vec![0; FRAME];
        env.reset(&mut frame).unwrap();
        while !env.step(0, &mut frame).unwrap().terminated {}
        frame
    };
    let mut env = env("breakout", Preset::Paper, true, 3);
    let mut frame = loses_a_life(&mut env);
    env.rules.max_frames = env.tally.frames + 6;
    let played = env.tally;
    env.reset(&mut frame).unwrap();
    assert_eq!((env.lives, env.tally.agent_steps), (5, 0), "a new game is under way");
    let step = env.step(0, &mut frame).unwrap();
    assert!(!step.ended());
    let episode = step.episode.expect("the old game's statistics");
    assert_eq!((episode.agent_steps, episode.frames), (played.agent_steps, played.frames + 6));
}

#[test]
fn a_frame_is_the_maximum_of_the_last_two_screens() {
    // Lives are another matter.
    let change = |rules: &mut Rules| rules.life_loss_reopens = false;
    let mut env = env_with("seaquest", &options(Preset::Paper, false), change, 6);
    let mut frame = vec![0; FRAME];
    env.reset(&mut frame).unwrap();
    let rom = roms::locate("seaquest", None).unwrap();
    // A bare emulator can follow: the number of no-ops is known, and start-up memory follows from the seed.
    let mut emulator = Emulator::load(&rom, derive_seed(6, 0)).unwrap();
    emulator.restart(env.emulator.tape().wait());
    for _ in 0..env.tally.frames - 2 * FRAMES_PER_STEP {
        emulator.act(Action::NOOP);
    }
    let mut screens = [vec![], vec![], vec![], vec![]];
    for i in 0..100 {
        let action = if i < 2 { env.opening[i] } else { env.actions[i * 5 % 18] };
        for screen in &mut screens {
            emulator.act(action);
            emulator.gray_into(screen);
        }
        if i >= 2 {
            assert!(!env.step(i * 5 % 18, &mut frame).unwrap().ended());
        }
        let pooled: Vec<u8> = screens[2].iter().zip(&screens[3]).map(|(a, b)| *a.max(b)).collect();
        // The first comparison is with the frame of the reset, which the opening's second action led to.
        assert!(i < 1 || pooled == env.pooled, "step {i}");
    }
}

#[test]
fn episodes_are_functions_of_the_seed() {
    for preset in [Preset::Paper, Preset::Machado] {
        let trace = |seed| {
            let (mut env, mut frame) = (env("qbert", preset, true, seed), vec![0; FRAME]);
            let mut trace = vec![];
            env.reset(&mut frame).unwrap();
            for i in 0..300 {
                let step = env.step(i * 7 / 3 % 6, &mut frame).unwrap();
                trace.push((frame.clone(), step));
                if step.ended() {
                    env.reset(&mut frame).unwrap();
                }
            }
            trace
        };
        let (a, b, c) = (trace(1), trace(1), trace(2));
        assert!(a == b, "{preset}: the same seed");
        assert!(a != c, "{preset}: another seed");
    }
}

#[test]
fn sticky_actions_repeat_as_often_as_the_rules_say() {
    let mut paper = env("pong", Preset::Paper, true, 4);
    let mut env = env("pong", Preset::Machado, true, 4);
    env.reset(&mut vec![0; FRAME]).unwrap();
    let (up, down, mut repeated) = (Action::all().nth(2).unwrap(), Action::all().nth(5).unwrap(), 0);
    for i in 0..4000 {
        let (before, now) = if i % 2 == 0 { (down, up) } else { (up, down) };
        env.held = before;
        env.emulate(now);
        repeated += u32::from(env.held == before);
        if env.over() {
            env.restart();
        }
    }
    // A quarter of 4000, and six standard deviations of a binomial.
    assert!(repeated.abs_diff(1000) < 165, "{repeated}");
    paper.emulate(up);
    assert_eq!(paper.held, up);
}
