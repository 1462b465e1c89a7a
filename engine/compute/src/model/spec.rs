//! What a model is made from.

use crate::{Error, Init, NetSpec, ObsShape, OnFault, Reads};

/// Gradient clipping by L2 norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// Gradients are left as they are.
    None,
    /// Each weight and each bias by itself.
    PerTensor(f32),
    /// All parameters as one vector.
    Global(f32),
}

/// Adam's constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSpec {
    /// Decay of the mean gradient.
    pub beta1: f32,
    /// Decay of the mean squared gradient.
    pub beta2: f32,
    /// Added outside the square root.
    pub epsilon: f32,
}

/// Constants of RMSProp as TensorFlow 1 has it, which the first releases of A2C used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropSpec {
    /// Decay of the mean squared gradient, which starts at 1.
    pub decay: f32,
    /// Added inside the square root.
    pub epsilon: f32,
}

/// What turns a gradient into a step; the learning rate is an argument of [`Model::update`](crate::Model::update).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Kingma and Ba 2015.
    Adam(AdamSpec),
    /// Tieleman and Hinton 2012.
    RmsProp(RmsPropSpec),
}

/// Everything that fixes a model's plan.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// Network.
    pub net: NetSpec,
    /// Observations.
    pub obs: ObsShape,
    /// Columns of the output layer, all heads together.
    pub outputs: usize,
    /// Samples an update.
    pub batch: usize,
    /// Observations a call of [`Model::act`](crate::Model::act).
    pub act_batch: usize,
    /// Whether the target network can be asked for its outputs by itself: [`Model::consult`](crate::Model::consult).
    pub consults: bool,
    /// Steps a window, `n`.
    pub window: usize,
    /// The outputs its objectives read: no other pass is run, nor memory taken for one.
    pub reads: Reads,
    /// Optimizer.
    pub optimizer: Optimizer,
    /// Gradient clipping.
    pub clip: Clip,
    /// What an update does whose numbers are not finite.
    pub on_fault: OnFault,
    /// How the initial parameters are drawn.
    pub init: Init,
    /// Of the initial parameters.
    pub seed: u64,
}

/// No dimension of a model, nor a stacked observation in bytes, may exceed these, so that no product overflows.
const MAX_DIMENSION: usize = 1 << 16;
const MAX_OBS_BYTES: u128 = 1 << 24;

impl ModelSpec {
    /// Refuses sizes that no device could run, and reads that make no sense.
    pub(super) fn check(&self) -> Result<(), Error> {
        let ObsShape { stack, height, width } = self.obs;
        let hidden: &[usize] = match &self.net {
            NetSpec::Nature => &[],
            NetSpec::Mlp { hidden } => hidden,
        };
        let dimensions = [
            ("obs.stack", stack),
            ("obs.height", height),
            ("obs.width", width),
            ("outputs", self.outputs),
            ("batch", self.batch),
            ("act_batch", self.act_batch),
            ("window", self.window),
        ];
        for (name, size) in dimensions.into_iter().chain(hidden.iter().map(|size| ("hidden", *size))) {
            if size == 0 || size > MAX_DIMENSION {
                return Err(Error::Unsupported(format!(
                    "{name} is {size}; it must be from 1 to {MAX_DIMENSION}"
                )));
            }
        }
        // At most 2^48, from three dimensions that were checked above.
        let obs_bytes = stack as u128 * height as u128 * width as u128;
        if obs_bytes > MAX_OBS_BYTES {
            return Err(Error::Unsupported(format!(
                "an observation of {obs_bytes} bytes; at most {MAX_OBS_BYTES}"
            )));
        }
        if let Init::Orthogonal { heads } = &self.init
            && heads.iter().sum::<usize>() != self.outputs
        {
            return Err(Error::Unsupported(format!(
                "heads of {heads:?} columns for {} outputs",
                self.outputs
            )));
        }
        self.reads.check(self.window)
    }
}
