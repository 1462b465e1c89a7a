//! The ops of layers as matrix products: which kernel, what its matrices are, and how the sums are finished.

use super::estimate::Profile;
use super::kernels::{self, Kernel};
use super::lower::{Constants, Launch, Slot, constants, elementwise};
use super::split::{Product, Split, one_invocation};
use super::tile::{Form, Quads, Tile};
use crate::{Buf, ByteBuf, ConvShape, DenseShape, Error, Images, LayerParams, Op};

/// An op of a layer, as `shaders/shared/matmul.wgsl` computes it.
#[derive(Debug)]
pub(super) struct ProductOp {
    kernel: &'static Kernel,
    product: Product,
    /// Products side by side.
    planes: usize,
    quads: Quads,
    /// What the kernel has to know of the layer.
    constants: Constants,
    a: Matrix,
    b: Buf,
    c: Buf,
    finish: Finish,
}

/// Where a left matrix lies.
#[derive(Clone, Copy, Debug)]
enum Matrix {
    Floats(Buf),
    Frames(ByteBuf),
}

impl From<Matrix> for Slot {
    fn from(matrix: Matrix) -> Self {
        match matrix {
            Matrix::Floats(buf) => buf.into(),
            Matrix::Frames(bytes) => Slot::Bytes(bytes.0),
        }
    }
}

/// What becomes of sums.
#[derive(Clone, Copy, Debug)]
enum Finish {
    /// Bias and activation.
    Forward { params: Buf, bias: usize, relu: bool },
    /// Weight and bias lie in different places.
    BackwardParams { layer: LayerParams },
    /// The derivative of a ReLU below the layer. They cannot be added up from parts.
    BackwardInput { relu: Option<Buf> },
}

impl ProductOp {
    /// `None` if the op is none of a layer.
    pub(super) fn new(op: &Op) -> Option<Self> {
        Some(match op {
            Op::Conv2dForward { shape, x, params, layer, y, relu } => {
                let (product, a) = (conv_product(shape), patches(shape, x));
                let forward = forward(product, a, [*params, *y], layer, *relu);
                Self { kernel: &kernels::CONV2D_FORWARD, ..forward }.with(patch_constants(shape, x))
            }
            Op::DenseForward { shape: s, x, params, layer, y, relu } => {
                let product = Product { rows: s.batch, cols: s.outputs, depth: s.inputs };
                forward(product, (Matrix::Floats(*x), fours(&[s.inputs])), [*params, *y], layer, *relu)
            }
            Op::Conv2dBackwardParams { shape, x, dy, grads, layer } => {
                let Product { rows, cols, depth } = conv_product(shape);
                let product = Product { rows: depth + 1, cols, depth: rows };
                let backward = backward_params(product, patches(shape, x), [*dy, *grads], layer);
                Self { kernel: &kernels::CONV2D_BACKWARD_PARAMS, ..backward }.with(patch_constants(shape, x))
            }
            Op::DenseBackwardParams { shape: s, x, dy, grads, layer } => {
                let product = Product { rows: s.inputs + 1, cols: s.outputs, depth: s.batch };
                backward_params(product, (Matrix::Floats(*x), fours(&[s.inputs])), [*dy, *grads], layer)
            }
            Op::Conv2dBackwardInput { shape, dy, params, layer, relu, dx } => {
                conv2d_backward_input(shape, [*dy, *params, *dx], layer, *relu)
            }
            Op::DenseBackwardInput { shape, dy, params, layer, relu, dx } => {
                dense_backward_input(shape, [*dy, *params, *dx], layer, *relu)
            }
            _ => return None,
        })
    }

    fn with(mut self, more: Constants) -> Self {
        self.constants.extend(more);
        self
    }

    /// The dispatches, if computed in tiles of this shape, and the floats of scratch that they need.
    pub(super) fn launches(&self, tile: Tile, busy_lanes: usize) -> Result<(Vec<Launch>, usize), Error> {
        let (product, c) = (self.product, Slot::from(self.c));
        let split = self.split(&tile, busy_lanes);
        one_invocation(self.kernel.name, split.depth)?;
        let frames = matches!(self.a, Matrix::Frames(_));
        let form = Some(Form { tile, quads: self.quads, frames });
        let launch = |c: Slot| {
            let mut bindings = vec![self.a.into(), self.b.into(), c];
            bindings.extend(match self.finish {
                Finish::Forward { params, .. } => Some(Slot::from(params)),
                Finish::BackwardParams { .. } => None,
                // Something must be bound.
                Finish::BackwardInput { relu } => Some(relu.map_or(self.a.into(), Slot::from)),
            });
            let constants = [product.constants(split), self.constants.clone(), self.finish.constants()];
            let groups = product.groups(&tile, split);
            Launch { kernel: self.kernel, form, constants: constants.concat(), bindings, groups }
        };
        Ok(match self.reduce(split) {
            None => (vec![launch(c)], 0),
            Some(reduce) => (vec![launch(Slot::Scratch), reduce], split.parts * product.len()),
        })
    }

    fn split(&self, tile: &Tile, busy_lanes: usize) -> Split {
        match self.finish {
            Finish::BackwardInput { .. } => self.product.whole(self.planes),
            _ => self.product.split(tile, busy_lanes),
        }
    }

    /// The tiles to take, the most promising first; at least one.
    pub(super) fn candidates(&self, profile: &Profile) -> Vec<Tile> {
        profile.candidates(self.product, |tile| self.split(tile, profile.busy_lanes))
    }

    /// What products have in common that take the same time: kernel, sizes, and which matrices are read or written
    /// four elements at a time.
    pub(super) fn name(&self) -> String {
        let (Product { rows, cols, depth }, Quads { a, b, c }) = (self.product, self.quads);
        let quads = [a, b, c].map(|quads| if quads { '4' } else { '1' });
        let planes = self.planes;
        let frames = if matches!(self.a, Matrix::Frames(_)) { " frames" } else { "" };
        format!("{} {rows}x{cols}x{depth}x{planes} {}{frames}", self.kernel.name, String::from_iter(quads))
    }

    /// Its work.
    pub(super) fn multiplications(&self) -> usize {
        self.product.len() * self.product.depth * self.planes
    }

    /// What adds up parts of sums.
    fn reduce(&self, split: Split) -> Option<Launch> {
        if split.parts == 1 {
            return None;
        }
        let (len, cols) = (self.product.len(), self.product.cols);
        let (kernel, more, mut bindings) = match self.finish {
            Finish::BackwardInput { .. } => return None,
            Finish::Forward { params, .. } => {
                (&kernels::REDUCE_FORWARD, ("COLS", cols), vec![Slot::Scratch, params.into()])
            }
            Finish::BackwardParams { .. } => {
                (&kernels::REDUCE_BACKWARD_PARAMS, ("WEIGHT_LEN", len - cols), vec![Slot::Scratch])
            }
        };
        bindings.push(self.c.into());
        let sizes = constants([("SPLITS", split.parts), ("LEN", len), more]);
        Some(elementwise(kernel, [sizes, self.finish.constants()].concat(), bindings, len))
    }
}

impl Finish {
    fn constants(self) -> Constants {
        match self {
            Self::Forward { bias, relu, .. } => constants([("BIAS", bias), ("RELU", usize::from(relu))]),
            Self::BackwardParams { layer } => constants([("WEIGHT", layer.weight), ("BIAS", layer.bias)]),
            Self::BackwardInput { relu } => constants([("MASKED", usize::from(relu.is_some()))]),
        }
    }
}

/// Of a dense layer; a convolution differs in its left matrix.
fn forward(
    product: Product,
    (x, a_quads): (Matrix, bool),
    [params, y]: [Buf; 2],
    layer: &LayerParams,
    relu: bool,
) -> ProductOp {
    let cols = product.cols;
    ProductOp {
        kernel: &kernels::DENSE_FORWARD,
        product,
        planes: 1,
        quads: Quads { a: a_quads, b: fours(&[cols, layer.weight]), c: fours(&[cols, layer.bias]) },
        constants: constants([("FIRST_OF_B", layer.weight)]),
        a: x,
        b: params,
        c: y,
        finish: Finish::Forward { params, bias: layer.bias, relu },
    }
}

/// Of a dense layer; a convolution differs in its left matrix.
fn backward_params(
    product: Product,
    (x, a_quads): (Matrix, bool),
    [dy, grads]: [Buf; 2],
    layer: &LayerParams,
) -> ProductOp {
    let cols = product.cols;
    ProductOp {
        kernel: &kernels::DENSE_BACKWARD_PARAMS,
        product,
        planes: 1,
        quads: Quads { a: a_quads, b: fours(&[cols]), c: fours(&[cols, layer.weight, layer.bias]) },
        constants: constants([("FIRST_OF_B", 0)]),
        a: x,
        b: dy,
        c: grads,
        finish: Finish::BackwardParams { layer: *layer },
    }
}

fn conv2d_backward_input(
    s: &ConvShape,
    [dy, params, dx]: [Buf; 3],
    layer: &LayerParams,
    relu: Option<Buf>,
) -> ProductOp {
    let taps = s.kernel.div_ceil(s.stride);
    let (height, width) = (s.height.div_ceil(s.stride), s.width.div_ceil(s.stride));
    ProductOp {
        kernel: &kernels::CONV2D_BACKWARD_INPUT,
        product: Product { rows: s.batch * height * width, cols: s.c_in, depth: taps * taps * s.c_out },
        planes: s.stride * s.stride,
        quads: Quads { a: fours(&[s.c_out]), b: fours(&[s.c_out, layer.weight]), c: fours(&[s.c_in]) },
        constants: constants([
            ("WEIGHT", layer.weight),
            ("HEIGHT", s.height),
            ("WIDTH", s.width),
            ("C_OUT", s.c_out),
            ("KERNEL", s.kernel),
            ("STRIDE", s.stride),
            ("OUT_HEIGHT", s.out_height()),
            ("OUT_WIDTH", s.out_width()),
            ("TAPS", taps),
            ("PHASE_HEIGHT", height),
            ("PHASE_WIDTH", width),
        ]),
        a: Matrix::Floats(dy),
        b: params,
        c: dx,
        finish: Finish::BackwardInput { relu },
    }
}

fn dense_backward_input(
    s: &DenseShape,
    [dy, params, dx]: [Buf; 3],
    layer: &LayerParams,
    relu: Option<Buf>,
) -> ProductOp {
    ProductOp {
        kernel: &kernels::DENSE_BACKWARD_INPUT,
        product: Product { rows: s.batch, cols: s.inputs, depth: s.outputs },
        planes: 1,
        quads: Quads { a: fours(&[s.outputs]), b: fours(&[s.outputs, layer.weight]), c: fours(&[s.inputs]) },
        constants: constants([("WEIGHT", layer.weight)]),
        a: Matrix::Floats(dy),
        b: params,
        c: dx,
        finish: Finish::BackwardInput { relu },
    }
}

/// A convolution as the product of a patch matrix and its weights.
fn conv_product(s: &ConvShape) -> Product {
    Product {
        rows: s.batch * s.out_height() * s.out_width(),
        cols: s.c_out,
        depth: s.kernel * s.kernel * s.c_in,
    }
}

/// The patch matrix, and whether it consists of runs of four that begin at multiples of four: a row of taps is
/// contiguous; of frames, only the channels of a pixel are near each other.
fn patches(s: &ConvShape, x: &Images) -> (Matrix, bool) {
    match x {
        Images::Floats(x) => {
            (Matrix::Floats(*x), fours(&[s.kernel * s.c_in, s.stride * s.c_in, s.width * s.c_in]))
        }
        Images::Frames { bytes, .. } => (Matrix::Frames(*bytes), fours(&[s.c_in])),
    }
}

fn patch_constants(s: &ConvShape, x: &Images) -> Constants {
    let mut patch = constants([
        ("HEIGHT", s.height),
        ("WIDTH", s.width),
        ("C_IN", s.c_in),
        ("KERNEL", s.kernel),
        ("STRIDE", s.stride),
        ("OUT_HEIGHT", s.out_height()),
        ("OUT_WIDTH", s.out_width()),
    ]);
    if let Images::Frames { from, .. } = x {
        patch.push(("FROM", (from * s.input_len()) as f64));
    }
    patch
}

/// Whether all are multiples of four.
fn fours(numbers: &[usize]) -> bool {
    numbers.iter().all(|number| number.is_multiple_of(4))
}
