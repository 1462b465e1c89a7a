//! These run the emulator itself, so they need ROMs and say so by failing.

use rayon::prelude::*;

use super::*;
use crate::roms;

/// The ROM of `game`, or a failure that says how to get it.
fn rom(game: &str) -> Rom {
    roms::locate(game, None)
        .unwrap_or_else(|error| panic!("run ./kelvin test, which fetches the ROMs: {error}"))
}

/// A game played with a fixed pattern of actions, as a hash of every screen and reward.
fn play(mut emulator: Emulator, frames: usize) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let (mut hasher, mut screen) = (DefaultHasher::new(), vec![]);
    let actions = emulator.minimal_actions().to_vec();
    for frame in 0..frames {
        let reward = emulator.act(actions[(frame / 7) * 5 % actions.len()]);
        emulator.gray_into(&mut screen);
        (reward, emulator.lives(), &screen).hash(&mut hasher);
        if emulator.game_over() {
            emulator.restart(0);
        }
    }
    hasher.finish()
}

#[test]
fn every_game_of_the_table_loads_and_runs() {
    let games: Vec<_> = roms::games().collect();
    games.par_iter().for_each(|game| {
        let mut emulator = Emulator::load(&rom(game), 1).unwrap_or_else(|error| panic!("{error}"));
        assert!((200..=256).contains(&emulator.height()), "{game}: {}", emulator.height());
        let minimal = emulator.minimal_actions().to_vec();
        assert!((2..=18).contains(&minimal.len()) && minimal[0] == Action::NOOP, "{game}: {minimal:?}");
        // All 18, those the game does not know included; some games show nothing during their first frames.
        let shows = Action::all().cycle().take(360).any(|action| {
            emulator.act(action);
            let screen = emulator.screen();
            assert_eq!(screen.rgb.len(), 3 * screen.width * screen.height);
            screen.rgb.iter().any(|&byte| byte != screen.rgb[0])
        });
        assert!(shows, "{game} shows nothing");
    });
}

#[test]
fn the_same_seed_gives_the_same_game_on_any_thread() {
    let run = |seed| play(Emulator::load(&rom("breakout"), seed).unwrap(), 400);
    let alone = run(7);
    assert_eq!(alone, run(7));
    let together: Vec<_> = (0..8u64).into_par_iter().map(|_| run(7)).collect();
    assert!(together.iter().all(|&hash| hash == alone), "{together:?} against {alone}");
}

#[test]
fn the_seed_decides_no_more_than_what_is_found_in_memory_and_timer() {
    let run = |seed| play(Emulator::load(&rom("pong"), seed).unwrap(), 400);
    assert_eq!(run(1), run(u64::MAX));
}

/// In every game: what is resumed after a crash is brought to its place in a console that played nothing before.
#[test]
fn a_restart_forgets_what_was_played_before() {
    let games: Vec<_> = roms::games().collect();
    games.par_iter().for_each(|game| {
        let begin = |played: usize, wait| {
            let mut emulator = Emulator::load(&rom(game), 5).unwrap_or_else(|error| panic!("{error}"));
            let actions = emulator.minimal_actions().to_vec();
            for frame in 0..played {
                emulator.act(actions[frame / 5 % actions.len()]);
            }
            emulator.restart(wait);
            play(emulator, 200)
        };
        assert_eq!(begin(0, 9), begin(777, 9), "{game}");
    });
}

#[test]
fn memory_is_that_of_the_game() {
    let mut emulator = Emulator::load(&rom("pong"), 1).unwrap();
    emulator.restart(0);
    let before = emulator.ram();
    // SAFETY: the handle is live and a ROM is loaded.
    assert_eq!(unsafe { ale::getRAMSize(emulator.handle.as_ptr()) }, RAM as c_int);
    (0..60).for_each(|_| _ = emulator.act(Action::FIRE));
    assert_ne!(before, emulator.ram());
}

#[test]
fn an_emulator_moves_between_threads() {
    let emulator = Emulator::load(&rom("pong"), 1).unwrap();
    let moved = std::thread::spawn(move || play(emulator, 100)).join().unwrap();
    assert_eq!(moved, play(Emulator::load(&rom("pong"), 1).unwrap(), 100));
}

#[test]
fn the_game_over_screen_is_harmless() {
    let mut emulator = Emulator::load(&rom("pong"), 1).unwrap();
    let mut frames = 0;
    while !emulator.game_over() {
        emulator.act(Action::NOOP);
        frames += 1;
        assert!(frames < 20_000, "nobody returns a ball for half an hour");
    }
    assert_eq!(emulator.act(Action::FIRE), 0);
    emulator.restart(0);
    assert!(!emulator.game_over());
}

#[test]
fn seeds_are_positive_whatever_they_were() {
    for seed in [0, 1, c_int::MAX as u64 - 1, c_int::MAX as u64, c_int::MAX as u64 + 1, u64::MAX] {
        assert!(emulator_seed(seed) >= 1, "{seed}");
    }
    assert_eq!(emulator_seed(c_int::MAX as u64 - 1), c_int::MAX);
}

#[test]
fn codes_beyond_the_joystick_are_no_actions() {
    assert_eq!(Action::from_code(17).map(Action::name), Some("DOWNLEFTFIRE"));
    for code in [-1, 18, 40, 256] {
        assert_eq!(Action::from_code(code), None);
    }
}

#[test]
fn settings_lying_about_are_refused() {
    let dir = std::env::temp_dir().join(format!("kelvin-unasked-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    assert!(refuse_settings_in(&dir).is_ok());
    for name in UNASKED {
        std::fs::write(dir.join(name), "repeat_action_probability=1").unwrap();
        let error = refuse_settings_in(&dir).unwrap_err();
        assert!(error.to_string().contains(name) && error.hint().is_some(), "{error}");
        std::fs::remove_file(dir.join(name)).unwrap();
    }
    std::fs::remove_dir(&dir).unwrap();
}
