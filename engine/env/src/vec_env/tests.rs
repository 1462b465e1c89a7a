use std::collections::BTreeSet;

use rayon::ThreadPoolBuilder;

use super::*;

/// Everything `n` environments show over `steps` steps of a fixed pattern of actions.
fn trace(id: &str, n: usize, steps: usize, threads: usize) -> Vec<(Vec<u8>, Vec<Step>)> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut envs = VecEnv::new(id, &EnvOptions::default(), n, 11)
            .unwrap_or_else(|error| panic!("run ./kelvin test, which fetches the ROMs: {error}"));
        let actions = envs.spec().actions.len();
        (0..steps)
            .map(|t| {
                let chosen: Vec<_> = (0..n).map(|i| (t / 3 + 2 * i) % actions).collect();
                let outcome = envs.step(&chosen).unwrap().to_vec();
                (envs.obs().to_vec(), outcome)
            })
            .collect()
    })
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let alone = trace("breakout", 5, 120, 1);
    assert!(alone.iter().any(|(_, steps)| steps.iter().any(Step::ended)), "episodes end on the way");
    assert!(alone == trace("breakout", 5, 120, 2));
    assert!(alone == trace("breakout", 5, 120, 5));
}

#[test]
fn an_environment_is_the_same_in_any_company() {
    let (many, one) = (trace("catch", 4, 50, 2), trace("catch", 1, 50, 1));
    let obs_len = many[0].0.len() / 4;
    for (many, one) in many.iter().zip(&one) {
        assert_eq!((&many.0[..obs_len], many.1[0]), (&one.0[..], one.1[0]));
    }
}

#[test]
fn neighbours_draw_from_different_streams() {
    let envs = VecEnv::new("catch", &EnvOptions::default(), 16, 1).unwrap();
    let columns: BTreeSet<_> =
        (0..16).map(|i| envs.frame(i).iter().position(|&pixel| pixel == 255)).collect();
    // 16 balls in 5 columns: that fewer than three columns are hit has a chance below 1e-5.
    assert!(columns.len() >= 3, "{columns:?}");
}

#[test]
fn stacks_shift_and_are_cleared_at_the_start_of_an_episode() {
    let mut envs = VecEnv::new("breakout", &EnvOptions::default(), 2, 1)
        .unwrap_or_else(|error| panic!("run ./kelvin test, which fetches the ROMs: {error}"));
    let (stack, len) = (envs.spec().stack, envs.spec().frame_len());
    let black = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
    let mut ends = 0;
    // How many frames of the present episode each environment has shown.
    let mut age = [1; 2];
    for t in 0..200 {
        let before = envs.obs().to_vec();
        for (i, age) in age.iter().enumerate() {
            let obs = &before[i * stack * len..][..stack * len];
            for (k, frame) in obs.chunks_exact(len).enumerate() {
                assert_eq!(black(frame), k + age < stack, "t = {t}, environment {i}, frame {k}");
            }
            assert_eq!(envs.frame(i), &obs[(stack - 1) * len..]);
        }
        let steps = envs.step(&[0, t % 4]).unwrap().to_vec();
        for (i, step) in steps.iter().enumerate() {
            let (old, new) =
                (&before[i * stack * len..][..stack * len], &envs.obs()[i * stack * len..][..stack * len]);
            if step.ended() {
                ends += 1;
                age[i] = 1;
                assert!(!black(envs.final_frame(i)));
                assert_ne!(envs.final_frame(i), envs.frame(i));
            } else {
                age[i] += 1;
                assert_eq!(new[..(stack - 1) * len], old[len..]);
            }
        }
    }
    assert!(ends >= 2, "{ends}");
}

#[test]
fn evaluation_shows_the_lives_that_training_showed() {
    // The second has no FIRE in its action set.
    for id in ["breakout", "ms_pacman"] {
        let [mut training, mut evaluation] = [true, false].map(|training| {
            VecEnv::new(id, &EnvOptions { training, ..EnvOptions::default() }, 1, 5)
                .unwrap_or_else(|error| panic!("run ./kelvin test, which fetches the ROMs: {error}"))
        });
        let mut lives = 1;
        for t in 0.. {
            let action = [t / 9 % 4];
            let (seen, shown) = (training.step(&action).unwrap()[0], evaluation.step(&action).unwrap()[0]);
            assert_eq!((shown.episode, shown.truncated), (seen.episode, false), "{id}, t = {t}");
            assert_eq!(
                (shown.new_life, shown.terminated),
                match seen.episode {
                    Some(_) => (false, true),
                    None => (seen.terminated, false),
                }
            );
            assert!(evaluation.obs() == training.obs(), "{id}, t = {t}");
            if seen.episode.is_some() {
                break;
            }
            lives += usize::from(shown.new_life);
        }
        assert!(lives >= 3, "{id} has {lives} lives");
    }
}

#[test]
fn the_final_frame_is_the_one_the_last_step_led_to() {
    let mut envs = VecEnv::new("catch", &EnvOptions::default(), 3, 1).unwrap();
    for t in 1..=27 {
        let ended: Vec<_> = envs.step(&[1, 1, 1]).unwrap().iter().map(Step::ended).collect();
        for (i, &ended) in ended.iter().enumerate() {
            assert_eq!(ended, t % 9 == 0);
            if ended {
                assert!(envs.final_frame(i)[..45].iter().all(|&pixel| pixel == 0), "the ball has landed");
                assert!(envs.frame(i)[..5].contains(&255), "the next one is on top");
            }
        }
    }
}

#[test]
fn misuse_is_an_error_and_moves_nothing() {
    assert!(matches!(VecEnv::new("catch", &EnvOptions::default(), 0, 1), Err(EnvError::Misuse { .. })));
    let mut envs = VecEnv::new("gridworld", &EnvOptions::default(), 2, 1).unwrap();
    let before = envs.obs().to_vec();
    assert!(matches!(envs.step(&[0]), Err(EnvError::Misuse { .. })));
    assert!(matches!(envs.step(&[1, 4]), Err(EnvError::Action { action: 4, .. })));
    assert_eq!(envs.obs(), before);
}

#[test]
fn every_built_in_can_be_made_and_shown() {
    for id in crate::BUILT_INS {
        let mut envs = VecEnv::new(id, &EnvOptions::default(), 1, 0).unwrap();
        assert_eq!(envs.spec().id, id);
        for t in 0..500 {
            let action = t % envs.spec().actions.len();
            envs.step(&[action]).unwrap();
        }
        let screen = envs.screen(0).unwrap();
        assert_eq!(screen.rgb.len(), 3 * screen.width * screen.height);
    }
}

/// Environments that are saved now and then and brought back, against others that are not.
#[test]
fn what_is_brought_back_goes_on_as_if_nothing_had_been() {
    let (paper, machado) = (crate::Preset::Paper, crate::Preset::Machado);
    let atari = [("breakout", paper), ("pong", machado), ("montezuma_revenge", paper), ("assault", machado)];
    let built_in = crate::BUILT_INS.iter().map(|id| (*id, paper));
    for (id, preset) in atari.into_iter().chain(built_in) {
        let options = EnvOptions { preset, ..EnvOptions::default() };
        let mut envs = VecEnv::new(id, &options, 3, 17).unwrap();
        let mut other = VecEnv::new(id, &options, 3, 17).unwrap();
        let actions = envs.spec().actions.len();
        let mut ends = 0;
        for t in 0..400 {
            // At the beginning, after odd numbers of steps, and at ends of episodes and lives.
            if t % 97 == 0 || envs.steps.iter().any(Step::ended) && ends < 3 {
                ends += usize::from(t % 97 != 0);
                let saved = envs.save();
                other = VecEnv::restore(id, &options, 3, &saved).unwrap();
                assert_eq!(other.save(), saved, "{id} at step {t}");
            }
            let chosen: Vec<_> = (0..3).map(|i| (t / 3 + 2 * i + t * t / 50) % actions).collect();
            let (a, b) = (envs.step(&chosen).unwrap().to_vec(), other.step(&chosen).unwrap());
            assert_eq!(a, b, "{id} with {preset} at step {t}");
            assert!(envs.obs() == other.obs(), "{id} with {preset} at step {t}");
            assert_eq!(envs.so_far(2), other.so_far(2));
        }
    }
}

#[test]
fn what_was_not_saved_by_its_like_is_refused() {
    let options = EnvOptions::default();
    for id in ["catch", "chain", "pong"] {
        let mut envs = VecEnv::new(id, &options, 2, 3).unwrap();
        (0..20).for_each(|_| _ = envs.step(&[0, 1]).unwrap());
        let saved = envs.save();
        assert!(VecEnv::restore(id, &options, 3, &saved).is_err(), "{id}: another number");
        assert!(VecEnv::restore(id, &options, 2, &saved[..saved.len() - 1]).is_err(), "{id}: cut off");
        assert!(VecEnv::restore(id, &options, 2, &[&saved[..], &[0]].concat()).is_err(), "{id}: longer");
        assert!(VecEnv::restore("gridworld", &options, 2, &saved).is_err(), "{id}: another game");
        // Whatever a byte is turned into, the answer is an environment or an error.
        for at in (0..saved.len()).step_by(saved.len() / 40) {
            let mut bent = saved.clone();
            bent[at] ^= 0x55;
            if let Err(error) = VecEnv::restore(id, &options, 2, &bent) {
                assert!(matches!(error, EnvError::State { .. }), "{error}");
            }
        }
    }
    // The tape leads elsewhere.
    let mut pong = make("pong", &options, 3).unwrap();
    pong.reset(&mut vec![0; 84 * 84]).unwrap();
    let error = make("pong", &options, 4).unwrap().restore(&make("breakout", &options, 3).unwrap().save());
    assert!(error.unwrap_err().to_string().contains("`pong` cannot go on"));
}
