//! Fresh parameters: how the weights of a network are drawn. Biases are zero.

use crate::network::{Network, TensorSpec};
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Gain of a layer that a ReLU follows (Saxe, McClelland and Ganguli 2014; He et al. 2015).
const RELU_GAIN: f64 = std::f64::consts::SQRT_2;

/// How weights are drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Init {
    /// Glorot and Bengio's (2010) uniform weights, `±√(6 / (fan_in + fan_out))`.
    Glorot,
    /// Orthogonal (Saxe, McClelland and Ganguli 2014), as actor-critics use it: columns or rows, whichever are fewer,
    /// are orthogonal and of norm √2 in hidden layers, 1 in the output layer, there for each head by itself.
    Orthogonal {
        /// Columns of each head, in their order.
        heads: Vec<usize>,
    },
}

impl Init {
    /// Flat parameters of a network.
    pub fn draw(&self, network: &Network, seed: u64) -> Vec<f32> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut values = vec![0.0; network.param_len()];
        // Layer after layer, the output layer last.
        let weights: Vec<&TensorSpec> =
            network.tensors().iter().filter(|tensor| tensor.shape.len() > 1).collect();
        for (index, weight) in weights.iter().enumerate() {
            let to = &mut values[weight.range()];
            match self {
                Self::Glorot => glorot(&weight.shape, to, &mut rng),
                Self::Orthogonal { heads } if index + 1 == weights.len() => {
                    orthogonal(to, heads, 1.0, &mut rng)
                }
                Self::Orthogonal { .. } => {
                    let columns = weight.shape[weight.shape.len() - 1];
                    orthogonal(to, &[columns], RELU_GAIN, &mut rng);
                }
            }
        }
        values
    }
}

fn glorot(shape: &[usize], to: &mut [f32], rng: &mut Xoshiro256PlusPlus) {
    let (window, fans) = shape.split_at(shape.len() - 2);
    let receptive: usize = window.iter().product();
    let bound = (6.0 / (receptive * fans.iter().sum::<usize>()) as f64).sqrt();
    for value in to {
        *value = (bound * (2.0 * rng.random::<f64>() - 1.0)) as f32;
    }
}

/// Fills a matrix `[inputs, Σ columns]` with blocks of columns side by side, each orthogonal by itself.
fn orthogonal(to: &mut [f32], blocks: &[usize], gain: f64, rng: &mut Xoshiro256PlusPlus) {
    let width: usize = blocks.iter().sum();
    let mut first = 0;
    for &columns in blocks {
        let block = orthonormal(to.len() / width, columns, rng);
        for (row, to) in to.chunks_exact_mut(width).enumerate() {
            for (column, value) in to[first..first + columns].iter_mut().enumerate() {
                *value = (gain * block[(row, column)]) as f32;
            }
        }
        first += columns;
    }
}

/// A matrix drawn uniformly from those with orthonormal columns, or rows where there are fewer of these: the
/// orthogonal factor of a Gaussian matrix, its columns' signs such that the other factor's diagonal is positive
/// (Mezzadri 2007).
fn orthonormal(rows: usize, columns: usize, rng: &mut Xoshiro256PlusPlus) -> DMatrix<f64> {
    if rows < columns {
        return orthonormal(columns, rows, rng).transpose();
    }
    let gaussian = DMatrix::from_fn(rows, columns, |_, _| normal(rng));
    let (mut q, r) = gaussian.qr().unpack();
    for (column, mut entries) in q.column_iter_mut().enumerate() {
        if r[(column, column)] < 0.0 {
            entries.neg_mut();
        }
    }
    q
}

/// A standard normal number (Box and Muller 1958).
fn normal(rng: &mut Xoshiro256PlusPlus) -> f64 {
    // In (0, 1], so that the logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NetSpec, ObsShape};

    #[test]
    fn orthogonal_weights_keep_lengths_and_heads_stand_alone() {
        let obs = ObsShape { stack: 1, height: 5, width: 4 };
        let network = Network::new(&NetSpec::Mlp { hidden: vec![33, 7] }, obs, 4).unwrap();
        let init = Init::Orthogonal { heads: vec![3, 1] };
        let values = init.draw(&network, 3);
        assert_eq!(values, init.draw(&network, 3));
        assert_ne!(values, init.draw(&network, 4));
        let matrix = |name: &str| {
            let tensor = network.tensors().iter().find(|tensor| tensor.name == name).unwrap();
            let data = values[tensor.range()].iter().map(|value| f64::from(*value));
            DMatrix::from_row_iterator(tensor.shape[0], tensor.shape[1], data)
        };
        let near = |product: DMatrix<f64>, scale: f64| {
            let identity = DMatrix::identity(product.nrows(), product.ncols()) * scale;
            assert!((&product - identity).amax() < 1e-6, "{product}");
        };
        // 20 inputs and 33 outputs: rows are orthogonal; then columns.
        let (first, second, output) =
            (matrix("dense1.weight"), matrix("dense2.weight"), matrix("output.weight"));
        near(&first * first.transpose(), 2.0);
        near(second.transpose() * &second, 2.0);
        let (logits, value) = (output.columns(0, 3), output.columns(3, 1));
        near(logits.transpose() * logits, 1.0);
        near(value.transpose() * value, 1.0);
        assert!((logits.transpose() * value).amax() > 1e-3, "heads need not be orthogonal to one another");
        assert!(
            network
                .tensors()
                .iter()
                .filter(|t| t.shape.len() == 1)
                .all(|t| values[t.range()].iter().all(|b| *b == 0.0))
        );
    }
}
