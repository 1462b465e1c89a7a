//! `catch`: the smallest honest test of learning from pixels (bsuite's, Osband et al. 2020).
//!
//! A ball falls through a board of 10 rows and 5 columns, one row a step, from a random column of the top row; the
//! paddle on the bottom row moves left, stays or moves right. When the ball reaches the bottom the episode terminates
//! with reward +1 if the paddle is under it and −1 otherwise. A uniformly random player earns −0.6 on average.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use serde::{Deserialize, Serialize};

use crate::{Env, EnvError, EnvSpec, Episode, Screen, Step, saved};

const ROWS: usize = 10;
const COLUMNS: usize = 5;
const ACTIONS: [&str; 3] = ["LEFT", "STAY", "RIGHT"];

pub(crate) struct Catch {
    spec: EnvSpec,
    board: Board,
}

#[derive(Serialize, Deserialize)]
struct Board {
    rng: Xoshiro256PlusPlus,
    ball_row: usize,
    ball_column: usize,
    paddle: usize,
    playing: bool,
}

impl Catch {
    pub(crate) fn new(seed: u64) -> Self {
        let spec = EnvSpec {
            id: "catch".into(),
            height: ROWS,
            width: COLUMNS,
            actions: ACTIONS.map(String::from).into(),
            frames_per_step: 1,
            stack: 1,
            atari: false,
        };
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { spec, board: Board { rng, ball_row: 0, ball_column: 0, paddle: COLUMNS / 2, playing: false } }
    }

    /// The board, row by row: 255 where ball or paddle is, 0 elsewhere.
    fn pixels(&self) -> impl Iterator<Item = u8> {
        let (ball, paddle) = (
            self.board.ball_row * COLUMNS + self.board.ball_column,
            (ROWS - 1) * COLUMNS + self.board.paddle,
        );
        (0..ROWS * COLUMNS).map(move |i| if i == ball || i == paddle { 255 } else { 0 })
    }

    fn draw(&self, frame: &mut [u8]) {
        for (byte, pixel) in frame.iter_mut().zip(self.pixels()) {
            *byte = pixel;
        }
    }
}

impl Env for Catch {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, frame: &mut [u8]) -> Result<(), EnvError> {
        self.spec.check_frame(frame)?;
        self.board.ball_row = 0;
        self.board.ball_column = self.board.rng.random_range(0..COLUMNS);
        self.board.paddle = COLUMNS / 2;
        self.board.playing = true;
        self.draw(frame);
        Ok(())
    }

    fn step(&mut self, action: usize, frame: &mut [u8]) -> Result<Step, EnvError> {
        self.spec.check_frame(frame)?;
        self.spec.check_action(action)?;
        if !self.board.playing {
            return Err(self.spec.misuse("reset it before the first step and after each end"));
        }
        self.board.paddle = (self.board.paddle + action).saturating_sub(1).min(COLUMNS - 1);
        self.board.ball_row += 1;
        self.draw(frame);
        if self.board.ball_row < ROWS - 1 {
            return Ok(Step::default());
        }
        self.board.playing = false;
        let reward = if self.board.paddle == self.board.ball_column { 1.0 } else { -1.0 };
        let steps = (ROWS - 1) as u64;
        let episode = Episode { episode_return: f64::from(reward), agent_steps: steps, frames: steps };
        Ok(Step { reward, terminated: true, episode: Some(episode), ..Step::default() })
    }

    fn so_far(&self) -> Episode {
        // The only reward comes with the last step, after which another episode begins.
        let steps = self.board.ball_row as u64;
        Episode { episode_return: 0.0, agent_steps: steps, frames: steps }
    }

    fn screen(&self) -> Option<Screen> {
        Some(Screen::from_gray(COLUMNS, ROWS, self.pixels()))
    }

    fn save(&self) -> Vec<u8> {
        saved::encode(&self.board)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), EnvError> {
        let board: Board = saved::decode(&self.spec.id, bytes)?;
        if board.ball_row >= ROWS || board.ball_column.max(board.paddle) >= COLUMNS {
            return Err(saved::refused(&self.spec.id, "ball or paddle is beside the board"));
        }
        self.board = board;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays one episode; `choose` gets the board's ball and paddle columns. Returns the return and the ball's column.
    fn play(env: &mut Catch, mut choose: impl FnMut(usize, usize) -> usize) -> (f64, usize) {
        let mut frame = [0; ROWS * COLUMNS];
        env.reset(&mut frame).unwrap();
        for step in 1.. {
            let ball = frame[..(ROWS - 1) * COLUMNS].iter().position(|&p| p == 255).unwrap() % COLUMNS;
            let paddle = frame[(ROWS - 1) * COLUMNS..].iter().position(|&p| p == 255).unwrap();
            let outcome = env.step(choose(ball, paddle), &mut frame).unwrap();
            assert_eq!((outcome.terminated, outcome.truncated), (step == ROWS - 1, false));
            if let Some(episode) = outcome.episode {
                assert_eq!(f64::from(outcome.reward), episode.episode_return);
                assert_eq!((episode.agent_steps, episode.frames), (9, 9));
                return (episode.episode_return, ball);
            }
            assert_eq!(outcome.reward, 0.0);
        }
        unreachable!("the ball lands")
    }

    #[test]
    fn following_the_ball_wins_and_running_away_loses() {
        let mut env = Catch::new(3);
        let mut columns = [0; COLUMNS];
        for _ in 0..200 {
            let (won, ball) =
                play(&mut env, |ball, paddle| 1 + usize::from(ball > paddle) - usize::from(ball < paddle));
            assert_eq!(won, 1.0);
            columns[ball] += 1;
            assert_eq!(play(&mut env, |ball, _| if ball < 3 { 2 } else { 0 }).0, -1.0);
        }
        // 200 balls in 5 columns: 40 each, standard deviation 5.7; this allows four and a half of them.
        assert!(columns.iter().all(|&count| (15..=65).contains(&count)), "{columns:?}");
    }

    #[test]
    fn the_first_board_is_drawn_exactly() {
        let (mut env, mut frame) = (Catch::new(1), [9; ROWS * COLUMNS]);
        env.reset(&mut frame).unwrap();
        assert_eq!(frame.iter().filter(|&&p| p == 255).count(), 2);
        assert_eq!(frame.iter().filter(|&&p| p == 0).count(), 48);
        assert_eq!(frame[(ROWS - 1) * COLUMNS + 2], 255, "the paddle starts in the middle");
        let screen = env.screen().unwrap();
        assert_eq!((screen.width, screen.height, screen.rgb.len()), (5, 10, 150));
        assert_eq!(screen.rgb[3 * 47..][..3], [255; 3]);
    }

    #[test]
    fn misuse_is_an_error_and_changes_nothing() {
        let (mut env, mut frame) = (Catch::new(1), [0; ROWS * COLUMNS]);
        assert!(
            matches!(env.step(0, &mut frame), Err(EnvError::Misuse { .. })),
            "a step before the first reset"
        );
        assert!(matches!(env.reset(&mut [0; 49]), Err(EnvError::Misuse { .. })));
        env.reset(&mut frame).unwrap();
        let before = frame;
        let error = env.step(3, &mut frame).unwrap_err();
        assert_eq!(error.to_string(), "action 3 does not exist in `catch`, which has 3 actions (0 to 2)");
        assert_eq!(frame, before);
    }
}
