//! Networks as lists of layers over one flat parameter buffer, and the ops of their passes.

use crate::{Buf, ConvShape, DenseShape, Error, Images, LayerParams, Op, Plan};
use std::ops::Range;

/// Which network a model uses. Hidden layers end in a ReLU; the last layer is dense and linear, and has the
/// columns of all heads side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetSpec {
    /// Mnih et al. 2015: convolutions 32@8×8/4, 64@4×4/2, 64@3×3/1, then 512 dense.
    Nature,
    /// Dense layers only.
    Mlp {
        /// Width of each hidden layer, first to last; may be empty (a linear model).
        hidden: Vec<usize>,
    },
}

/// Shape of one stacked observation, `[stack, height, width]` bytes, planar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObsShape {
    /// Frames in a stack, oldest first.
    pub stack: usize,
    /// Frame height, pixels.
    pub height: usize,
    /// Frame width, pixels.
    pub width: usize,
}

impl ObsShape {
    /// Pixels of one frame.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Bytes of one stacked observation.
    pub fn len(&self) -> usize {
        self.stack * self.pixels()
    }

    /// Whether it has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One tensor of the flat parameter buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Layer and role, as in `conv1.weight`.
    pub name: String,
    /// Dimensions, row-major.
    pub shape: Vec<usize>,
    /// First element in the flat buffer.
    pub offset: usize,
}

impl TensorSpec {
    /// Its elements of the flat buffer.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.shape.iter().product::<usize>()
    }
}

/// A layer without its batch size.
#[derive(Clone, Copy, Debug)]
enum Layer {
    /// `batch` is unset here.
    Conv(ConvShape),
    Dense {
        inputs: usize,
        outputs: usize,
    },
}

impl Layer {
    /// Elements of one sample's output.
    fn output_len(&self) -> usize {
        match self {
            Layer::Conv(shape) => shape.output_len(),
            Layer::Dense { outputs, .. } => *outputs,
        }
    }

    fn weight_shape(&self) -> Vec<usize> {
        match self {
            Layer::Conv(s) => vec![s.kernel, s.kernel, s.c_in, s.c_out],
            Layer::Dense { inputs, outputs } => vec![*inputs, *outputs],
        }
    }
}

/// A network over flat parameters. It owns no numbers: it knows where they are and what to launch.
#[derive(Clone, Debug)]
pub struct Network {
    layers: Vec<Layer>,
    params: Vec<LayerParams>,
    tensors: Vec<TensorSpec>,
}

/// Output channels, kernel, stride.
const NATURE_CONVS: [(usize, usize, usize); 3] = [(32, 8, 4), (64, 4, 2), (64, 3, 1)];
const NATURE_DENSE: usize = 512;

impl NetSpec {
    /// Strides of the convolutions, first to last; none of a network without.
    pub fn strides(&self) -> Vec<usize> {
        match self {
            Self::Nature => NATURE_CONVS.map(|(_, _, stride)| stride).into(),
            Self::Mlp { .. } => Vec::new(),
        }
    }
}

impl Network {
    /// Lays a network out for observations of shape `obs` and `outputs` output columns.
    pub fn new(spec: &NetSpec, obs: ObsShape, outputs: usize) -> Result<Self, Error> {
        let mut layers = Vec::new();
        let mut inputs = obs.len();
        let hidden = match spec {
            NetSpec::Nature => {
                let (mut height, mut width, mut c_in) = (obs.height, obs.width, obs.stack);
                for (c_out, kernel, stride) in NATURE_CONVS {
                    if height < kernel || width < kernel {
                        return Err(Error::Unsupported(format!(
                            "the Nature network needs frames of at least 36×36 pixels, not {}×{}; \
                             use an MLP for small observations",
                            obs.height, obs.width
                        )));
                    }
                    let shape = ConvShape { batch: 1, height, width, c_in, c_out, kernel, stride };
                    (height, width, c_in) = (shape.out_height(), shape.out_width(), c_out);
                    inputs = shape.output_len();
                    layers.push(Layer::Conv(shape));
                }
                &[NATURE_DENSE][..]
            }
            NetSpec::Mlp { hidden } => hidden,
        };
        for &outputs in hidden.iter().chain([&outputs]) {
            layers.push(Layer::Dense { inputs, outputs });
            inputs = outputs;
        }
        Ok(Self::lay_out(layers))
    }

    /// Gives each layer its place in the flat buffer: weight, then bias, first layer first.
    fn lay_out(layers: Vec<Layer>) -> Self {
        let (mut params, mut tensors, mut end) = (Vec::new(), Vec::new(), 0);
        let (mut convs, mut denses) = (0, 0);
        for (index, layer) in layers.iter().enumerate() {
            let name = match layer {
                _ if index + 1 == layers.len() => "output".to_owned(),
                Layer::Conv(_) => {
                    convs += 1;
                    format!("conv{convs}")
                }
                Layer::Dense { .. } => {
                    denses += 1;
                    format!("dense{denses}")
                }
            };
            let shape = layer.weight_shape();
            let bias_shape = shape[shape.len() - 1..].to_vec();
            let weight = TensorSpec { name: format!("{name}.weight"), shape, offset: end };
            let bias =
                TensorSpec { name: format!("{name}.bias"), shape: bias_shape, offset: weight.range().end };
            end = bias.range().end;
            params.push(LayerParams { weight: weight.offset, bias: bias.offset });
            tensors.extend([weight, bias]);
        }
        Self { layers, params, tensors }
    }

    /// Every parameter tensor, in the order of the flat buffer, which they fill without gaps.
    pub fn tensors(&self) -> &[TensorSpec] {
        &self.tensors
    }

    /// Elements of the flat parameter buffer.
    pub fn param_len(&self) -> usize {
        self.tensors.last().map_or(0, |tensor| tensor.range().end)
    }

    /// One buffer for each hidden layer's output, or for its gradient, over a batch.
    pub fn hidden_bufs(&self, plan: &mut Plan, name: &str, batch: usize) -> Vec<Buf> {
        let hidden = &self.layers[..self.layers.len() - 1];
        let add = |(i, layer): (usize, &Layer)| plan.buf(format!("{name}.{i}"), batch * layer.output_len());
        hidden.iter().enumerate().map(add).collect()
    }

    /// Whether it can take byte frames as they are: its first layer is a convolution.
    pub fn takes_frames(&self) -> bool {
        matches!(self.layers[0], Layer::Conv(_))
    }

    /// Launches that compute `pass.y` from `pass.x`. Fails for frames where [`Network::takes_frames`] says no.
    pub fn forward(&self, pass: &Pass<'_>) -> Result<Vec<Op>, Error> {
        let (batch, params) = (pass.batch, pass.params);
        let launch = |index: usize| {
            let (x, y, layer) = (self.input(pass, index), self.output(pass, index), self.params[index]);
            let relu = index + 1 < self.layers.len();
            Ok(match self.layers[index] {
                Layer::Conv(shape) => {
                    Op::Conv2dForward { shape: ConvShape { batch, ..shape }, x, params, layer, y, relu }
                }
                Layer::Dense { inputs, outputs } => Op::DenseForward {
                    shape: DenseShape { batch, inputs, outputs },
                    x: floats(x)?,
                    params,
                    layer,
                    y,
                    relu,
                },
            })
        };
        (0..self.layers.len()).map(launch).collect()
    }

    /// Launches that turn `dy`, the gradient of the outputs of `pass`, into parameter gradients. `hidden_grads`
    /// is shaped like `pass.hidden`. The gradient of the observation is not computed.
    pub fn backward(
        &self,
        pass: &Pass<'_>,
        dy: Buf,
        hidden_grads: &[Buf],
        grads: Buf,
    ) -> Result<Vec<Op>, Error> {
        let (batch, params) = (pass.batch, pass.params);
        let mut ops = Vec::new();
        for (index, spec) in self.layers.iter().enumerate().rev() {
            let (x, layer) = (self.input(pass, index), self.params[index]);
            let dy = hidden_grads.get(index).copied().unwrap_or(dy);
            // The layer below ends in a ReLU, whose output is this layer's input.
            let below = index.checked_sub(1);
            let (relu, dx) = (below.map(|below| pass.hidden[below]), below.map(|below| hidden_grads[below]));
            match *spec {
                Layer::Conv(shape) => {
                    let shape = ConvShape { batch, ..shape };
                    ops.push(Op::Conv2dBackwardParams { shape, x, dy, grads, layer });
                    ops.extend(dx.map(|dx| Op::Conv2dBackwardInput { shape, dy, params, layer, relu, dx }));
                }
                Layer::Dense { inputs, outputs } => {
                    let shape = DenseShape { batch, inputs, outputs };
                    ops.push(Op::DenseBackwardParams { shape, x: floats(x)?, dy, grads, layer });
                    ops.extend(dx.map(|dx| Op::DenseBackwardInput { shape, dy, params, layer, relu, dx }));
                }
            }
        }
        Ok(ops)
    }

    fn input(&self, pass: &Pass<'_>, index: usize) -> Images {
        index.checked_sub(1).map_or(pass.x, |below| Images::Floats(pass.hidden[below]))
    }

    fn output(&self, pass: &Pass<'_>, index: usize) -> Buf {
        pass.hidden.get(index).copied().unwrap_or(pass.y)
    }
}

/// What a dense layer reads.
fn floats(x: Images) -> Result<Buf, Error> {
    match x {
        Images::Floats(x) => Ok(x),
        Images::Frames { .. } => {
            Err(Error::Misuse("a dense layer reads floats; decode the frames first".into()))
        }
    }
}

/// The buffers of one pass through a network.
pub struct Pass<'a> {
    /// Samples.
    pub batch: usize,
    /// Flat parameters.
    pub params: Buf,
    /// Observations, `[batch, height, width, stack]` as floats.
    pub x: Images,
    /// Outputs of the hidden layers, from [`Network::hidden_bufs`].
    pub hidden: &'a [Buf],
    /// Outputs, `[batch, outputs]`.
    pub y: Buf,
}
