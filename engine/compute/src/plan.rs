//! A plan: the buffers a computation needs, and programs (fixed lists of kernel launches) over them.
//!
//! A plan is data. It is built once, from a network and a batch size, and compiled by a device into an
//! [`Executor`](crate::Executor); after that nothing is allocated and no pipeline or bind group is made.
//! Every [`Op`] variant is one kernel: `shaders/<name>.wgsl` on the GPU and `cpu/<name>.rs` as its twin.
//!
//! All tensors are row-major `f32`. Images are NHWC, convolution weights `[kh, kw, c_in, c_out]`, dense
//! weights `[inputs, outputs]`. Parameters of a whole network lie in one flat buffer, and so do their
//! gradients and each optimizer moment: a layer names its part by an offset in elements.

use crate::objective::{METRIC_SLOTS, PARAM_SLOTS, STAT_SLOTS, sample_fields};
use crate::{OnFault, Reads};
use std::ops::Range;

/// Handle of an `f32` buffer of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Buf(pub(crate) usize);

/// Handle of a byte buffer of a [`Plan`] (host to device only; observations).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteBuf(pub(crate) usize);

/// Handle of a program of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Program(pub(crate) usize);

/// Shape of a valid (unpadded) square-stride convolution over a batch of NHWC images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Images in the batch.
    pub batch: usize,
    /// Input height, pixels.
    pub height: usize,
    /// Input width, pixels.
    pub width: usize,
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Kernel height and width, pixels.
    pub kernel: usize,
    /// Stride in both directions, pixels.
    pub stride: usize,
}

impl ConvShape {
    /// Output height, pixels.
    pub fn out_height(&self) -> usize {
        (self.height - self.kernel) / self.stride + 1
    }

    /// Output width, pixels.
    pub fn out_width(&self) -> usize {
        (self.width - self.kernel) / self.stride + 1
    }

    /// Elements of one input image.
    pub fn input_len(&self) -> usize {
        self.height * self.width * self.c_in
    }

    /// Elements of one output image.
    pub fn output_len(&self) -> usize {
        self.out_height() * self.out_width() * self.c_out
    }

    /// Elements of the weight tensor.
    pub fn weight_len(&self) -> usize {
        self.kernel * self.kernel * self.c_in * self.c_out
    }
}

/// Shape of a dense layer over a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DenseShape {
    /// Rows.
    pub batch: usize,
    /// Inputs a row.
    pub inputs: usize,
    /// Outputs a row.
    pub outputs: usize,
}

/// Where a layer's weight and bias start in the flat parameter (and gradient) buffer, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LayerParams {
    /// Start of the weight tensor.
    pub weight: usize,
    /// Start of the bias vector.
    pub bias: usize,
}

/// Where a convolution finds its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// Floats, `[batch, height, width, c_in]`.
    Floats(Buf),
    /// Planar byte frames, `[batch, c_in, height, width]`, from image `from` on; a byte counts as `byte · (1 / 255)`.
    Frames {
        /// Where they are.
        bytes: ByteBuf,
        /// Images before the first.
        from: usize,
    },
}

/// One kernel launch. Gradients are written, not accumulated.
// The fields are those of the formula above each variant.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `out[to + b, y, x, c] = bytes[from + b, c, y, x] · (1 / 255)`: planar byte frames to NHWC floats. `from` and `to`
    /// count images of `stack · pixels` elements.
    DecodeFrames {
        bytes: ByteBuf,
        from: usize,
        out: Buf,
        to: usize,
        batch: usize,
        stack: usize,
        pixels: usize,
    },
    /// `y = x ∗ w + b`, then ReLU if asked.
    Conv2dForward { shape: ConvShape, x: Images, params: Buf, layer: LayerParams, y: Buf, relu: bool },
    /// `dx` from `dy`; zero where `relu`, the output of a ReLU below this layer, is `<= 0`.
    Conv2dBackwardInput {
        shape: ConvShape,
        dy: Buf,
        params: Buf,
        layer: LayerParams,
        relu: Option<Buf>,
        dx: Buf,
    },
    /// Weight and bias gradients from `x` and `dy`, into the flat gradient buffer.
    Conv2dBackwardParams { shape: ConvShape, x: Images, dy: Buf, grads: Buf, layer: LayerParams },
    /// `y = x w + b`, then ReLU if asked.
    DenseForward { shape: DenseShape, x: Buf, params: Buf, layer: LayerParams, y: Buf, relu: bool },
    /// `dx` from `dy`; zero where `relu`, the output of a ReLU below this layer, is `<= 0`.
    DenseBackwardInput {
        shape: DenseShape,
        dy: Buf,
        params: Buf,
        layer: LayerParams,
        relu: Option<Buf>,
        dx: Buf,
    },
    /// Weight and bias gradients from `x` and `dy`, into the flat gradient buffer.
    DenseBackwardParams { shape: DenseShape, x: Buf, dy: Buf, grads: Buf, layer: LayerParams },
    /// The staged objective: losses' gradient and metrics from the networks' outputs. The kernel comes from
    /// outside and can be replaced between two runs ([`crate::objective`]).
    Objective(ObjectiveBufs),
    /// `means[j] = Σ_i rows[i, j] / count`, for `width` columns.
    ColumnMeans { rows: Buf, means: Buf, count: usize, width: usize },
    /// `norms[r] = ‖grads[range r]‖₂`; then, unless `max_norm` is `None`, scales each range so that its norm is at
    /// most that (one range: global clipping).
    ClipNorm { grads: Buf, ranges: Vec<Range<usize>>, max_norm: Option<f32>, norms: Buf },
    /// Counts the update in `guard`, laid out as in [`crate::guard`], and says there whether it may change
    /// anything. It is broken if column 0 of `metrics [samples, METRIC_SLOTS]`, or one of the first `grad_len`
    /// elements of `grad`, or of the first `norm_count` of `norms`, is not finite.
    Guard {
        metrics: Buf,
        samples: usize,
        grad: Buf,
        grad_len: usize,
        norms: Buf,
        norm_count: usize,
        guard: Buf,
        on_fault: OnFault,
    },
    /// Adam (Kingma and Ba 2015), ε outside the root. `hyper` holds the four numbers of [`AdamStep`]. Does nothing
    /// where `guard` says that the update is held.
    Adam {
        params: Buf,
        grads: Buf,
        m: Buf,
        v: Buf,
        hyper: Buf,
        guard: Buf,
        beta1: f32,
        beta2: f32,
        epsilon: f32,
        len: usize,
    },
    /// RMSProp (Tieleman and Hinton 2012) as TensorFlow 1 has it, ε inside the root. `hyper` is that of [`AdamStep`],
    /// of which the learning rate counts. Does nothing where `guard` says that the update is held.
    RmsProp {
        params: Buf,
        grads: Buf,
        square: Buf,
        hyper: Buf,
        guard: Buf,
        decay: f32,
        epsilon: f32,
        len: usize,
    },
    /// `to[..len] = from[..len]`: target-network copy.
    Copy { from: Buf, to: Buf, len: usize },
}

/// The buffers of [`Op::Objective`]; shapes in [`crate::objective`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectiveBufs {
    /// Samples.
    pub batch: usize,
    /// Outputs of the network, all heads together.
    pub outputs: usize,
    /// States of `trained`, `online` and `target`.
    pub states: [usize; 3],
    /// Live parameters of the script, `[PARAM_SLOTS]`.
    pub uniforms: Buf,
    /// What is not a network output, `[fields, batch]`.
    pub samples: Buf,
    /// Online network, with a gradient: `[states[0], batch, outputs]`.
    pub trained: Buf,
    /// Online network, without: `[states[1], batch, outputs]`.
    pub online: Buf,
    /// Target network, `[states[2], batch, outputs]`.
    pub target: Buf,
    /// Means over the batch, `[STAT_SLOTS]`; the CPU leaves it alone.
    pub stats: Buf,
    /// Gradient of the mean loss with respect to `trained`, and of its shape.
    pub grad: Buf,
    /// Loss, then metrics, of each sample, `[batch, METRIC_SLOTS]`.
    pub metrics: Buf,
}

impl ObjectiveBufs {
    /// Adds them to a plan, for a window of `n` steps.
    pub fn new(plan: &mut Plan, batch: usize, outputs: usize, n: usize, reads: &Reads) -> Self {
        let states = [&reads.trained, &reads.online, &reads.target].map(Vec::len);
        // A binding must not be empty.
        let rows = states.map(|states| (states * batch).max(1));
        Self {
            batch,
            outputs,
            states,
            uniforms: plan.buf("uniforms", PARAM_SLOTS),
            samples: plan.buf("samples", sample_fields(n) * batch),
            trained: plan.buf("y.trained", rows[0] * outputs),
            online: plan.buf("y.online", rows[1] * outputs),
            target: plan.buf("y.target", rows[2] * outputs),
            stats: plan.buf("stats", STAT_SLOTS),
            grad: plan.buf("y.grad", rows[0] * outputs),
            metrics: plan.buf("metrics", batch * METRIC_SLOTS),
        }
    }

    /// Elements of `trained`, `online` and `target`.
    pub fn lens(&self) -> [usize; 3] {
        self.states.map(|states| states * self.batch * self.outputs)
    }
}

/// The numbers of one Adam step that change from update to update; written to its `hyper` buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub learning_rate: f32,
    /// `1 / (1 − β₁ᵗ)`.
    pub m_correction: f32,
    /// `1 / (1 − β₂ᵗ)`.
    pub v_correction: f32,
}

impl AdamStep {
    /// Elements of the `hyper` buffer.
    pub const LEN: usize = 4;

    /// The step with 1-based index `t`; corrections are computed in `f64`, since `β₂ᵗ` is close to one.
    pub fn new(learning_rate: f32, beta1: f32, beta2: f32, t: u64) -> Self {
        let correction = |beta: f32| (1.0 / (1.0 - f64::from(beta).powf(t as f64))) as f32;
        Self { learning_rate, m_correction: correction(beta1), v_correction: correction(beta2) }
    }

    /// As the `hyper` buffer holds it.
    pub fn to_array(self) -> [f32; Self::LEN] {
        [self.learning_rate, self.m_correction, self.v_correction, 0.0]
    }
}

/// A buffer's name (for diagnostics and profiles) and length in elements.
#[derive(Clone, Debug)]
pub struct BufSpec {
    /// What it holds.
    pub name: String,
    /// Elements: floats, or bytes.
    pub len: usize,
}

/// Buffers, and programs over them.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub(crate) bufs: Vec<BufSpec>,
    pub(crate) byte_bufs: Vec<BufSpec>,
    pub(crate) programs: Vec<(String, Vec<Op>)>,
}

impl Plan {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a zero-filled buffer of `len` floats.
    pub fn buf(&mut self, name: impl Into<String>, len: usize) -> Buf {
        self.bufs.push(BufSpec { name: name.into(), len });
        Buf(self.bufs.len() - 1)
    }

    /// Adds a zero-filled buffer of `len` bytes.
    pub fn byte_buf(&mut self, name: impl Into<String>, len: usize) -> ByteBuf {
        self.byte_bufs.push(BufSpec { name: name.into(), len });
        ByteBuf(self.byte_bufs.len() - 1)
    }

    /// Adds a program: kernels launched one after another, each seeing what those before it wrote.
    pub fn program(&mut self, name: impl Into<String>, ops: Vec<Op>) -> Program {
        self.programs.push((name.into(), ops));
        Program(self.programs.len() - 1)
    }

    /// The ops of a program of this plan.
    pub fn ops(&self, program: Program) -> &[Op] {
        &self.programs[program.0].1
    }
}
