//! Many copies of an environment, stepped at once, with their stacked observations in one buffer.

use rayon::prelude::*;

use crate::{Env, EnvError, EnvOptions, EnvSpec, Episode, Screen, Step, make, saved, seed::derive_seed};

/// `n` environments of one kind, stepped in parallel, each started anew by itself when it ends.
///
/// Environment `i` is seeded with `derive_seed(seed, i)`, draws from its own stream and writes to its own part of the
/// buffers, so that results do not depend on how many threads step it. Emulators are stepped on rayon's pool; a built-in
/// environment's step is shorter than the hand-over to another thread, and a single one has nobody to share with, so
/// these stay on the calling thread.
pub struct VecEnv {
    spec: EnvSpec,
    seed: u64,
    envs: Vec<Box<dyn Env>>,
    // [n, stack, height, width]
    obs: Vec<u8>,
    // [n, height, width]
    final_frames: Vec<u8>,
    steps: Vec<Step>,
}

/// One environment and its share of the buffers.
struct Lane<'a> {
    env: &'a mut Box<dyn Env>,
    // [stack, height, width]
    obs: &'a mut [u8],
    final_frame: &'a mut [u8],
    step: &'a mut Step,
}

impl VecEnv {
    /// Makes and resets `n` environments; see [`make`] for `id` and `options`.
    ///
    /// # Errors
    /// Those of [`make`], and [`EnvError::Misuse`] for `n = 0`.
    pub fn new(id: &str, options: &EnvOptions, n: usize, seed: u64) -> Result<Self, EnvError> {
        let mut vec_env = Self::blank(id, options, n, seed)?;
        vec_env.each(|lane, _| lane.reset())?;
        Ok(vec_env)
    }

    /// `n` environments of this kind where others were [saved](Self::save): from there on they do the same, bit for bit.
    /// Emulators get there by going through their episodes again, for some seconds at worst.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and [`EnvError::State`] for what no such environments saved.
    pub fn restore(id: &str, options: &EnvOptions, n: usize, bytes: &[u8]) -> Result<Self, EnvError> {
        let (seed, obs, envs): (u64, Vec<u8>, Vec<Vec<u8>>) = saved::decode(id, bytes)?;
        let mut vec_env = Self::blank(id, options, n, seed)?;
        if envs.len() != n || obs.len() != vec_env.obs.len() {
            return Err(saved::refused(id, format!("there are {}, not {n}", envs.len())));
        }
        vec_env.obs = obs;
        vec_env.each(|lane, i| lane.env.restore(&envs[i]))?;
        Ok(vec_env)
    }

    /// Where all of them stand, between two steps.
    pub fn save(&self) -> Vec<u8> {
        let envs: Vec<Vec<u8>> = self.envs.iter().map(|env| env.save()).collect();
        saved::encode(&(self.seed, &self.obs, envs))
    }

    /// Environments that are not in any episode yet.
    fn blank(id: &str, options: &EnvOptions, n: usize, seed: u64) -> Result<Self, EnvError> {
        let envs =
            (0..n as u64).map(|i| make(id, options, derive_seed(seed, i))).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = envs.first() else {
            return Err(EnvError::Misuse {
                id: id.into(),
                what: "there must be at least one environment".into(),
            });
        };
        let spec = first.spec().clone();
        Ok(Self {
            seed,
            obs: vec![0; n * spec.obs_len()],
            final_frames: vec![0; n * spec.frame_len()],
            steps: vec![Step::default(); n],
            spec,
            envs,
        })
    }

    /// What each of them looks like.
    pub fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always at least one")]
    pub fn len(&self) -> usize {
        self.envs.len()
    }

    /// All observations, `[n, stack, height, width]` bytes, the oldest frame of a stack first. Frames from before the
    /// start of an episode, or of a life that a step started ([`Step::new_life`]), are zero.
    pub fn obs(&self) -> &[u8] {
        &self.obs
    }

    /// The newest frame of environment `i`, `[height, width]` bytes.
    pub fn frame(&self, i: usize) -> &[u8] {
        let end = (i + 1) * self.spec.obs_len();
        &self.obs[end - self.spec.frame_len()..end]
    }

    /// The frame that the last step of environment `i` led to, `[height, width]` bytes, where that step ended its
    /// episode: [`frame`](Self::frame) is then the first of the next one already. Meaningless elsewhere.
    pub fn final_frame(&self, i: usize) -> &[u8] {
        &self.final_frames[i * self.spec.frame_len()..][..self.spec.frame_len()]
    }

    /// The screen of environment `i` as a person would see it, if there is one.
    pub fn screen(&self, i: usize) -> Option<Screen> {
        self.envs[i].screen()
    }

    /// The true episode of environment `i` so far.
    pub fn so_far(&self, i: usize) -> Episode {
        self.envs[i].so_far()
    }

    /// Takes one step in every environment; where that ends an episode, the next one is started at once.
    ///
    /// # Errors
    /// [`EnvError::Misuse`] unless there are `n` actions, [`EnvError::Action`] for one outside the action set; no
    /// environment has then moved.
    pub fn step(&mut self, actions: &[usize]) -> Result<&[Step], EnvError> {
        self.step_some(&actions.iter().copied().map(Some).collect::<Vec<_>>())
    }

    /// The same for those environments that have an action; the others stay as they are.
    ///
    /// # Errors
    /// Those of [`step`](Self::step).
    pub fn step_some(&mut self, actions: &[Option<usize>]) -> Result<&[Step], EnvError> {
        if actions.len() != self.len() {
            let what = format!("{} environments take as many actions, not {}", self.len(), actions.len());
            return Err(self.spec.misuse(what));
        }
        actions.iter().flatten().try_for_each(|&action| self.spec.check_action(action))?;
        self.each(|lane, i| actions[i].map_or(Ok(()), |action| lane.advance(action)))?;
        Ok(&self.steps)
    }

    /// What the last step of environment `i` led to.
    pub fn last_step(&self, i: usize) -> &Step {
        &self.steps[i]
    }

    /// Runs `work` on every lane, in parallel where that pays. Of several errors the first in order counts.
    fn each(
        &mut self,
        work: impl Fn(&mut Lane, usize) -> Result<(), EnvError> + Sync,
    ) -> Result<(), EnvError> {
        let (obs_len, frame_len) = (self.spec.obs_len(), self.spec.frame_len());
        let parallel = self.spec.atari && self.len() > 1;
        let mut lanes: Vec<Lane> = self
            .envs
            .iter_mut()
            .zip(self.obs.chunks_exact_mut(obs_len))
            .zip(self.final_frames.chunks_exact_mut(frame_len))
            .zip(&mut self.steps)
            .map(|(((env, obs), final_frame), step)| Lane { env, obs, final_frame, step })
            .collect();
        if !parallel {
            return lanes.iter_mut().enumerate().try_for_each(|(i, lane)| work(lane, i));
        }
        let outcomes: Vec<_> =
            lanes.par_iter_mut().with_max_len(1).enumerate().map(|(i, lane)| work(lane, i)).collect();
        outcomes.into_iter().collect()
    }
}

impl Lane<'_> {
    fn newest(&mut self) -> (&mut Box<dyn Env>, &mut [u8]) {
        let start = self.obs.len() - self.final_frame.len();
        (self.env, &mut self.obs[start..])
    }

    /// Clears the stack and puts the first frame of an episode on it.
    fn reset(&mut self) -> Result<(), EnvError> {
        self.obs.fill(0);
        let (env, frame) = self.newest();
        env.reset(frame)
    }

    /// Shifts the stack by a frame, steps, and resets where that ended the episode. Where a life was started instead,
    /// only its frame stays.
    fn advance(&mut self, action: usize) -> Result<(), EnvError> {
        self.obs.copy_within(self.final_frame.len().., 0);
        let (env, frame) = self.newest();
        let step = env.step(action, frame)?;
        *self.step = step;
        let start = self.obs.len() - self.final_frame.len();
        if step.new_life {
            self.obs[..start].fill(0);
        }
        if step.ended() {
            self.final_frame.copy_from_slice(&self.obs[start..]);
            self.reset()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
