//! An Atari game as a decision problem: action repeat, starts, lives, cut-offs and statistics.
//!
//! Two clocks run here. The *true episode* lasts from a restart of the emulator to game over or the frame cap; its
//! return is raw. The *learner's episode* may end earlier, with a lost life; the game then goes on at the next reset.
//! In evaluation it goes on within the step that lost the life, through the same frames: a policy that never had to
//! press FIRE in training would otherwise wait for a ball until the frame cap.

use std::collections::VecDeque;

use kelvin_trace::span;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use super::{
    ffi::{Action, Emulator, RAM},
    preprocess::{Preprocessor, SIDE, max_into},
    rules::Rules,
    tape::{Tape, Taped},
};
use crate::{Env, EnvError, EnvOptions, EnvSpec, Episode, Screen, Step, roms, saved, seed::derive_seed};

/// Emulator frames per agent step.
const FRAMES_PER_STEP: u64 = 4;
/// The frames of a step that are pooled, the last ones of it.
const POOLED: u64 = 2;
/// Frames that make an observation.
const STACK: usize = 4;
/// A console that was just switched on waits for less than this many frames: whatever its timer shows, games that look at
/// it find another number each time, as on a console of one's own.
const WAITS: u8 = 32;
/// Frames that a game may have gone on beyond its rules' cap: those of a reset.
const BEYOND_CAP: u64 = 64;

/// What the next `reset` has to do, or that none is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Playing,
    LifeLost,
    Over,
}

/// An Atari game under the rules of a preset.
pub(crate) struct AtariEnv {
    spec: EnvSpec,
    rules: Rules,
    actions: Vec<Action>,
    // What is pressed when a game or a life starts; empty where nothing is.
    opening: Vec<Action>,
    emulator: Taped,
    // What the console's stick is held at: what a sticky action repeats.
    held: Action,
    rng: Xoshiro256PlusPlus,
    preprocessor: Preprocessor,
    // What the next frame is made of, and room for the second screen that is pooled into it.
    pooled: Vec<u8>,
    second: Vec<u8>,
    phase: Phase,
    lives: i32,
    // The true episode so far.
    tally: Episode,
    // Ended true episodes not yet handed out; more than one only if a game ended within a reset.
    ended: VecDeque<Episode>,
}

/// Where a game stands. What it was made from is not in it, nor screens: no call looks at those of the call before it.
#[derive(Serialize, Deserialize)]
struct Saved {
    tape: Tape,
    // To know whether the tape leads there.
    ram: Vec<u8>,
    held: Action,
    rng: Xoshiro256PlusPlus,
    phase: Phase,
    lives: i32,
    tally: Episode,
    ended: VecDeque<Episode>,
}

impl AtariEnv {
    pub(crate) fn new(game: &str, options: &EnvOptions, seed: u64) -> Result<Self, EnvError> {
        Self::with_rules(game, options, Rules::of(options), seed)
    }

    fn with_rules(game: &str, options: &EnvOptions, rules: Rules, seed: u64) -> Result<Self, EnvError> {
        let rom = roms::locate(game, options.roms.as_deref())?;
        let emulator = Taped::new(Emulator::load(&rom, derive_seed(seed, 0))?);
        let minimal = emulator.minimal_actions();
        // The convention of the authors' code: FIRE, then the action listed after it.
        let opening = match minimal {
            &[Action::NOOP, Action::FIRE, next, ..] if rules.press_fire => vec![Action::FIRE, next],
            _ => vec![],
        };
        let actions = if options.full_action_set { Action::all().collect() } else { minimal.to_vec() };
        let spec = EnvSpec {
            id: rom.game().into(),
            height: SIDE,
            width: SIDE,
            actions: actions.iter().map(|action| action.name().into()).collect(),
            frames_per_step: FRAMES_PER_STEP as usize,
            stack: STACK,
            atari: true,
        };
        Ok(Self {
            preprocessor: Preprocessor::new(emulator.height()),
            spec,
            rules,
            actions,
            opening,
            emulator,
            held: Action::NOOP,
            rng: Xoshiro256PlusPlus::seed_from_u64(derive_seed(seed, 1)),
            pooled: vec![],
            second: vec![],
            phase: Phase::Over,
            lives: 0,
            tally: NOTHING_YET,
            ended: VecDeque::new(),
        })
    }

    /// One emulator frame; its reward counts.
    fn emulate(&mut self, action: Action) -> f64 {
        let _span = span("emulate");
        let sticky = self.rules.repeat_action_probability;
        if sticky == 0.0 || self.rng.random::<f32>() >= sticky {
            self.held = action;
        }
        let reward = f64::from(self.emulator.act(self.held));
        self.tally.frames += 1;
        self.tally.episode_return += reward;
        reward
    }

    /// Repeats `action` over the frames of one agent step, or as many as game over and the frame cap leave, and pools
    /// the last of them. Returns the summed reward.
    fn repeat(&mut self, action: Action) -> f64 {
        let mut reward = 0.0;
        let mut pooled = 0;
        for frame in 1..=FRAMES_PER_STEP {
            reward += self.emulate(action);
            let last = frame == FRAMES_PER_STEP || self.over();
            // Reading a screen costs a fifth of emulating one: the frames that are never seen are not read.
            if last || frame > FRAMES_PER_STEP - POOLED {
                let _span = span("preprocess");
                if pooled == 0 {
                    self.emulator.gray_into(&mut self.pooled);
                } else {
                    self.emulator.gray_into(&mut self.second);
                    max_into(&mut self.pooled, &self.second);
                }
                pooled += 1;
            }
            if last {
                break;
            }
        }
        reward
    }

    fn capped(&self) -> bool {
        self.tally.frames >= self.rules.max_frames
    }

    fn over(&self) -> bool {
        self.emulator.game_over() || self.capped()
    }

    /// Switches the console off and on.
    fn power_cycle(&mut self) {
        self.emulator.restart(self.rng.random_range(0..WAITS));
        (self.held, self.tally) = (Action::NOOP, NOTHING_YET);
    }

    /// Begins a game and lets the random number of no-op frames pass.
    fn restart(&mut self) {
        self.power_cycle();
        if self.rules.max_noops > 0 {
            for _ in 0..self.rng.random_range(1..=self.rules.max_noops) {
                self.emulate(Action::NOOP);
                if self.emulator.game_over() {
                    self.power_cycle();
                }
            }
        }
        self.emulator.gray_into(&mut self.pooled);
    }

    /// Goes on after a lost life as a reset in training does, with a no-op step and the opening, but stops where the
    /// game does. Returns the summed reward.
    fn start_life(&mut self) -> f64 {
        let mut reward = self.repeat(Action::NOOP);
        for i in 0..self.opening.len() {
            if !self.over() {
                reward += self.repeat(self.opening[i]);
            }
        }
        reward
    }

    /// Where the frames of a reset ended the game, notes its episode (if the agent had a part in it) and restarts.
    fn restart_if_over(&mut self) {
        if self.over() {
            if self.tally.agent_steps > 0 {
                self.ended.push_back(self.tally);
            }
            self.restart();
        }
    }
}

const NOTHING_YET: Episode = Episode { episode_return: 0.0, agent_steps: 0, frames: 0 };

impl Env for AtariEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, frame: &mut [u8]) -> Result<(), EnvError> {
        self.spec.check_frame(frame)?;
        if self.phase == Phase::LifeLost {
            self.repeat(Action::NOOP);
            self.restart_if_over();
        } else {
            self.restart();
        }
        for i in 0..self.opening.len() {
            self.repeat(self.opening[i]);
            self.restart_if_over();
        }
        self.lives = self.emulator.lives();
        self.phase = Phase::Playing;
        self.preprocessor.resample(&self.pooled, frame);
        Ok(())
    }

    fn step(&mut self, action: usize, frame: &mut [u8]) -> Result<Step, EnvError> {
        self.spec.check_frame(frame)?;
        self.spec.check_action(action)?;
        if self.phase != Phase::Playing {
            return Err(self.spec.misuse("reset it before the first step and after each end"));
        }
        self.tally.agent_steps += 1;
        let mut reward = self.repeat(self.actions[action]);

        let lives = self.emulator.lives();
        // Some games show zero lives for a few frames before their game over, which will end the episode by itself.
        let life_lost = 0 < lives && lives < self.lives;
        let life_ends = life_lost && self.rules.life_loss_terminates;
        let life_starts = life_lost && self.rules.life_loss_reopens && !self.over();
        if life_starts {
            reward += self.start_life();
        }
        {
            let _span = span("preprocess");
            self.preprocessor.resample(&self.pooled, frame);
        }
        self.lives = self.emulator.lives();
        let terminated = self.emulator.game_over() || life_ends;
        if self.over() {
            self.phase = Phase::Over;
            self.ended.push_back(self.tally);
        } else if life_ends {
            self.phase = Phase::LifeLost;
        }
        Ok(Step {
            // Rewards of a step are sums of a few small integers, exact in f32.
            reward: (if self.rules.clip_reward && reward != 0.0 { reward.signum() } else { reward }) as f32,
            terminated,
            truncated: self.capped() && !terminated,
            new_life: life_starts && !self.over(),
            episode: self.ended.pop_front(),
        })
    }

    fn so_far(&self) -> Episode {
        self.tally
    }

    fn screen(&self) -> Option<Screen> {
        Some(self.emulator.screen())
    }

    fn save(&self) -> Vec<u8> {
        saved::encode(&Saved {
            tape: self.emulator.tape().clone(),
            ram: self.emulator.ram().to_vec(),
            held: self.held,
            rng: self.rng.clone(),
            phase: self.phase,
            lives: self.lives,
            tally: self.tally,
            ended: self.ended.clone(),
        })
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), EnvError> {
        let Saved { tape, ram, held, rng, phase, lives, tally, ended } = saved::decode(&self.spec.id, bytes)?;
        if tape.len() as u64 > self.rules.max_frames + BEYOND_CAP || ram.len() != RAM {
            return Err(saved::refused(&self.spec.id, "no game is like that"));
        }
        self.emulator.follow(tape);
        if ram != self.emulator.ram() {
            return Err(saved::refused(&self.spec.id, "the same actions led elsewhere, in another emulator"));
        }
        (self.held, self.rng, self.phase, self.lives) = (held, rng, phase, lives);
        (self.tally, self.ended) = (tally, ended);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
