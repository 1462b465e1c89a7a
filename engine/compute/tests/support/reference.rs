//! Every op in `f64`, by its definition, with no thought of speed.

use kelvin_compute::objective::METRIC_SLOTS;
use kelvin_compute::{Buf, ByteBuf, ConvShape, DenseShape, Images, OnFault, Op, guard};
use std::collections::HashMap;

#[derive(Clone, Default)]
pub struct Memory {
    pub floats: HashMap<Buf, Vec<f64>>,
    pub bytes: HashMap<ByteBuf, Vec<u8>>,
}

impl Memory {
    /// What a convolution reads, `[batch, height, width, c_in]`.
    fn images(&self, x: &Images, shape: &ConvShape) -> Vec<f64> {
        match x {
            Images::Floats(x) => self.floats[x].clone(),
            Images::Frames { bytes, from } => {
                let pixels = shape.height * shape.width;
                let mut images = vec![0.0; shape.batch * shape.input_len()];
                for (b, c, p) in triples(shape.batch, shape.c_in, pixels) {
                    images[(b * pixels + p) * shape.c_in + c] =
                        f64::from(self.bytes[bytes][((from + b) * shape.c_in + c) * pixels + p]) / 255.0;
                }
                images
            }
        }
    }

    /// Runs any op but the objective, whose definition is a script's.
    pub fn run(&mut self, op: &Op) {
        let images = match op {
            Op::Conv2dForward { shape, x, .. } | Op::Conv2dBackwardParams { shape, x, .. } => {
                self.images(x, shape)
            }
            _ => vec![],
        };
        let f = &mut self.floats;
        match op {
            Op::DecodeFrames { bytes, from, out, to, batch, stack, pixels } => {
                let bytes = &self.bytes[bytes];
                let out = f.get_mut(out).unwrap();
                for (b, c, p) in triples(*batch, *stack, *pixels) {
                    out[((to + b) * pixels + p) * stack + c] =
                        f64::from(bytes[((from + b) * stack + c) * pixels + p]) / 255.0;
                }
            }
            Op::Conv2dForward { shape, x: _, params, layer, y, relu } => {
                let mut out = Vec::new();
                let (x, weight, bias) = (&images, &f[params][layer.weight..], &f[params][layer.bias..]);
                for b in 0..shape.batch {
                    for (oy, ox, c) in triples(shape.out_height(), shape.out_width(), shape.c_out) {
                        let product = |tap: Tap| x[tap.x] * weight[tap.w * shape.c_out + c];
                        let sum = bias[c] + taps(shape, b, oy, ox).map(product).sum::<f64>();
                        out.push(activate(sum, *relu));
                    }
                }
                f.get_mut(y).unwrap()[..out.len()].copy_from_slice(&out);
            }
            Op::Conv2dBackwardInput { shape, dy, params, layer, relu, dx } => {
                let mut out = vec![0.0; shape.batch * shape.input_len()];
                let (dy, weight) = (&f[dy], &f[params][layer.weight..]);
                each_product(shape, |x, w, y| out[x] += dy[y] * weight[w]);
                mask(&mut out, relu.map(|relu| &f[&relu]));
                f.get_mut(dx).unwrap()[..out.len()].copy_from_slice(&out);
            }
            Op::Conv2dBackwardParams { shape, x: _, dy, grads, layer } => {
                let mut dw = vec![0.0; shape.weight_len()];
                let (x, dy) = (&images, &f[dy]);
                each_product(shape, |at, w, y| dw[w] += x[at] * dy[y]);
                let rows = shape.batch * shape.out_height() * shape.out_width();
                let db = column_sums(dy, rows, shape.c_out);
                put(f.get_mut(grads).unwrap(), layer.weight, &dw);
                put(f.get_mut(grads).unwrap(), layer.bias, &db);
            }
            Op::DenseForward { shape: s, x, params, layer, y, relu } => {
                let mut out = vec![0.0; s.batch * s.outputs];
                let (x, weight, bias) = (&f[x], &f[params][layer.weight..], &f[params][layer.bias..]);
                for (i, j) in pairs(s.batch, s.outputs) {
                    let product = |k| x[i * s.inputs + k] * weight[k * s.outputs + j];
                    let sum = bias[j] + (0..s.inputs).map(product).sum::<f64>();
                    out[i * s.outputs + j] = activate(sum, *relu);
                }
                put(f.get_mut(y).unwrap(), 0, &out);
            }
            Op::DenseBackwardInput { shape: s, dy, params, layer, relu, dx } => {
                let mut out = vec![0.0; s.batch * s.inputs];
                let (dy, weight) = (&f[dy], &f[params][layer.weight..]);
                for (i, k) in pairs(s.batch, s.inputs) {
                    let product = |j| dy[i * s.outputs + j] * weight[k * s.outputs + j];
                    out[i * s.inputs + k] = (0..s.outputs).map(product).sum();
                }
                mask(&mut out, relu.map(|relu| &f[&relu]));
                put(f.get_mut(dx).unwrap(), 0, &out);
            }
            Op::DenseBackwardParams { shape: s, x, dy, grads, layer } => {
                let (dw, db) = dense_param_grads(s, &f[x], &f[dy]);
                put(f.get_mut(grads).unwrap(), layer.weight, &dw);
                put(f.get_mut(grads).unwrap(), layer.bias, &db);
            }
            Op::Objective(_) => panic!("an objective is a script's"),
            Op::ColumnMeans { rows, means, count, width } => {
                let sums = column_sums(&f[rows], *count, *width);
                let values: Vec<f64> = sums.iter().map(|sum| sum / *count as f64).collect();
                put(f.get_mut(means).unwrap(), 0, &values);
            }
            Op::ClipNorm { grads, ranges, max_norm, norms } => {
                for (index, range) in ranges.iter().enumerate() {
                    let grads = &mut f.get_mut(grads).unwrap()[range.clone()];
                    let norm = grads.iter().map(|grad| grad * grad).sum::<f64>().sqrt();
                    let scale = max_norm.map_or(1.0, |max_norm| (f64::from(max_norm) / norm).min(1.0));
                    grads.iter_mut().for_each(|grad| *grad *= scale);
                    f.get_mut(norms).unwrap()[index] = norm;
                }
            }
            Op::Guard { metrics, samples, grad, grad_len, norms, norm_count, guard, on_fault } => {
                let mut values = f[grad][..*grad_len].to_vec();
                values.extend((0..*samples).map(|i| f[metrics][i * METRIC_SLOTS]));
                values.extend(&f[norms][..*norm_count]);
                let broken = !values.iter().all(|value| value.is_finite());
                let state = f.get_mut(guard).unwrap();
                state[guard::SEEN] += 1.0;
                state[guard::BROKEN] += if broken { 1.0 } else { 0.0 };
                if broken && state[guard::FIRST] == 0.0 {
                    state[guard::FIRST] = state[guard::SEEN];
                }
                let fault_holds = match on_fault {
                    OnFault::Stop => state[guard::BROKEN] > 0.0,
                    OnFault::Skip => broken,
                    OnFault::Continue => false,
                };
                state[guard::HELD] = if state[guard::HOLD] != 0.0 || fault_holds { 1.0 } else { 0.0 };
                state[guard::SKIPPED] += state[guard::HELD];
            }
            Op::Adam { guard, .. } | Op::RmsProp { guard, .. } if f[guard][guard::HELD] != 0.0 => {}
            Op::RmsProp { params, grads, square, hyper, decay, epsilon, len, .. } => {
                let [decay, epsilon] = [*decay, *epsilon].map(f64::from);
                let (grads, hyper) = (f[grads].clone(), f[hyper].clone());
                for (i, grad) in grads.iter().enumerate().take(*len) {
                    let square = &mut f.get_mut(square).unwrap()[i];
                    *square = decay * *square + (1.0 - decay) * grad * grad;
                    let root = (*square + epsilon).sqrt();
                    f.get_mut(params).unwrap()[i] -= hyper[0] * grad / root;
                }
            }
            Op::Adam { params, grads, m, v, hyper, beta1, beta2, epsilon, len, .. } => {
                let [beta1, beta2, epsilon] = [*beta1, *beta2, *epsilon].map(f64::from);
                let (grads, hyper) = (f[grads].clone(), f[hyper].clone());
                for (i, grad) in grads.iter().enumerate().take(*len) {
                    let m = &mut f.get_mut(m).unwrap()[i];
                    *m = beta1 * *m + (1.0 - beta1) * grad;
                    let m_hat = *m * hyper[1];
                    let v = &mut f.get_mut(v).unwrap()[i];
                    *v = beta2 * *v + (1.0 - beta2) * grad * grad;
                    let v_hat = *v * hyper[2];
                    f.get_mut(params).unwrap()[i] -= hyper[0] * m_hat / (v_hat.sqrt() + epsilon);
                }
            }
            Op::Copy { from, to, len } => {
                let from = f[from][..*len].to_vec();
                put(f.get_mut(to).unwrap(), 0, &from);
            }
        }
    }
}

/// Indices of an input element and of a weight (without its output channel) that meet in an output pixel.
struct Tap {
    x: usize,
    w: usize,
}

fn taps(s: &ConvShape, b: usize, oy: usize, ox: usize) -> impl Iterator<Item = Tap> {
    let s = *s;
    triples(s.kernel, s.kernel, s.c_in).map(move |(ky, kx, c)| {
        let (y, x) = (oy * s.stride + ky, ox * s.stride + kx);
        Tap { x: ((b * s.height + y) * s.width + x) * s.c_in + c, w: (ky * s.kernel + kx) * s.c_in + c }
    })
}

/// Calls `meet(x, w, y)` for every product of a convolution.
fn each_product(s: &ConvShape, mut meet: impl FnMut(usize, usize, usize)) {
    for (b, oy, ox) in triples(s.batch, s.out_height(), s.out_width()) {
        let pixel = (b * s.out_height() + oy) * s.out_width() + ox;
        for tap in taps(s, b, oy, ox) {
            for c in 0..s.c_out {
                meet(tap.x, tap.w * s.c_out + c, pixel * s.c_out + c);
            }
        }
    }
}

fn dense_param_grads(s: &DenseShape, x: &[f64], dy: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut dw = vec![0.0; s.inputs * s.outputs];
    for (i, k, j) in triples(s.batch, s.inputs, s.outputs) {
        dw[k * s.outputs + j] += x[i * s.inputs + k] * dy[i * s.outputs + j];
    }
    (dw, column_sums(dy, s.batch, s.outputs))
}

fn column_sums(rows: &[f64], count: usize, width: usize) -> Vec<f64> {
    (0..width).map(|j| (0..count).map(|i| rows[i * width + j]).sum()).collect()
}

fn activate(sum: f64, relu: bool) -> f64 {
    if relu { sum.max(0.0) } else { sum }
}

/// The derivative of a ReLU whose output is `relu`.
fn mask(dx: &mut [f64], relu: Option<&Vec<f64>>) {
    for (dx, y) in dx.iter_mut().zip(relu.into_iter().flatten()) {
        if *y <= 0.0 {
            *dx = 0.0;
        }
    }
}

fn put(to: &mut [f64], at: usize, values: &[f64]) {
    to[at..at + values.len()].copy_from_slice(values);
}

fn pairs(a: usize, b: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..a).flat_map(move |i| (0..b).map(move |j| (i, j)))
}

fn triples(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    pairs(a, b).flat_map(move |(i, j)| (0..c).map(move |k| (i, j, k)))
}

/// Elements that a forward op writes.
pub fn output_len(op: &Op) -> usize {
    match op {
        Op::Conv2dForward { shape, .. } => shape.batch * shape.output_len(),
        Op::DenseForward { shape, .. } => shape.batch * shape.outputs,
        op => panic!("not a forward op: {op:?}"),
    }
}
