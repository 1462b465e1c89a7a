//! Functions of a state with parameters: a table, random features, and a small network with its backward pass.

use crate::draw::{self, Rng};
use crate::number::Number;
use crate::soft::sum;

/// Outputs per state as a function of parameters.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    shape: Shape,
    states: usize,
    outputs: usize,
    /// Every output is multiplied by it: small for values whose Boltzmann policy is to be far from greedy.
    scale: f64,
}

#[derive(Clone, Debug)]
enum Shape {
    /// A parameter for each output of each state.
    Table,
    /// `Σ_i φ_i(s, output) θ_i`; the features are `[states, outputs, count]`.
    Features { count: usize, features: Vec<f64> },
    /// `W₂ tanh(W₁ x(s) + b₁) + b₂`; the inputs are `[states, width]`. Parameters: `W₁`, `b₁`, `W₂`, `b₂`, by rows.
    Network { width: usize, hidden: usize, inputs: Vec<f64> },
}

/// What a model is made from: random numbers, states, outputs.
pub(crate) type Build = fn(&mut Rng, usize, usize) -> Model;

impl Model {
    pub(crate) fn table(_: &mut Rng, states: usize, outputs: usize) -> Self {
        Self { shape: Shape::Table, states, outputs, scale: 1.0 }
    }

    pub(crate) fn features(rng: &mut Rng, states: usize, outputs: usize) -> Self {
        let count = 10;
        let features = draw::normals(rng, states * outputs * count);
        Self { shape: Shape::Features { count, features }, states, outputs, scale: 1.0 }
    }

    pub(crate) fn network(rng: &mut Rng, states: usize, outputs: usize) -> Self {
        let inputs = draw::normals(rng, states * 3);
        Self::network_on(inputs, 3, 6, outputs)
    }

    /// A network at given inputs, `width` numbers each.
    pub(crate) fn network_on(inputs: Vec<f64>, width: usize, hidden: usize, outputs: usize) -> Self {
        let states = inputs.len() / width;
        Self { shape: Shape::Network { width, hidden, inputs }, states, outputs, scale: 1.0 }
    }

    pub(crate) fn scaled(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    /// How many parameters there are.
    pub(crate) fn parameters(&self) -> usize {
        match self.shape {
            Shape::Table => self.states * self.outputs,
            Shape::Features { count, .. } => count,
            Shape::Network { width, hidden, .. } => hidden * (width + 1) + self.outputs * (hidden + 1),
        }
    }

    /// Random parameters.
    pub(crate) fn random(&self, rng: &mut Rng) -> Vec<f64> {
        let theta = draw::normals(rng, self.parameters());
        let shrink = if let Shape::Features { count, .. } = self.shape { (count as f64).sqrt() } else { 1.0 };
        theta.into_iter().map(|theta| theta / shrink).collect()
    }

    /// The outputs at a state.
    pub(crate) fn outputs<T: Number>(&self, theta: &[T], state: usize) -> Vec<T> {
        let scaled = |output: T| output * self.scale;
        match &self.shape {
            Shape::Table => {
                theta[state * self.outputs..][..self.outputs].iter().copied().map(scaled).collect()
            }
            Shape::Features { count, features } => {
                let rows = features[state * self.outputs * count..].chunks(*count).take(self.outputs);
                rows.map(|row| scaled(sum(row.iter().zip(theta).map(|(&feature, &theta)| theta * feature))))
                    .collect()
            }
            Shape::Network { width, hidden, inputs } => {
                let x = &inputs[state * width..][..*width];
                let (first, second) = theta.split_at(hidden * (width + 1));
                let activations = activations(first, *hidden, x);
                let bias = &second[self.outputs * hidden..];
                let rows = second.chunks(*hidden).zip(bias);
                rows.map(|(row, &bias)| {
                    scaled(sum(row.iter().zip(&activations).map(|(&weight, &unit)| weight * unit)) + bias)
                })
                .collect()
            }
        }
    }

    /// Adds `Σ_output cotangent · ∇output` at a state to `gradient`: the backward pass, written out.
    pub(crate) fn pull_back(&self, theta: &[f64], state: usize, cotangent: &[f64], gradient: &mut [f64]) {
        let cotangent: Vec<f64> = cotangent.iter().map(|cotangent| cotangent * self.scale).collect();
        match &self.shape {
            Shape::Table => add(&mut gradient[state * self.outputs..], &cotangent, 1.0),
            Shape::Features { count, features } => {
                let rows = features[state * self.outputs * count..].chunks(*count);
                for (row, cotangent) in rows.zip(cotangent) {
                    add(gradient, row, cotangent);
                }
            }
            Shape::Network { width, hidden, inputs } => {
                let x = &inputs[state * width..][..*width];
                let (first, second) = theta.split_at(hidden * (width + 1));
                let units = activations(first, *hidden, x);
                let (first_gradient, second_gradient) = gradient.split_at_mut(hidden * (width + 1));
                let mut unit_gradient = vec![0.0; *hidden];
                for (output, &cotangent) in cotangent.iter().enumerate() {
                    add(&mut second_gradient[output * hidden..], &units, cotangent);
                    second_gradient[self.outputs * hidden + output] += cotangent;
                    add(&mut unit_gradient, &second[output * hidden..][..*hidden], cotangent);
                }
                for unit in 0..*hidden {
                    let before = unit_gradient[unit] * (1.0 - units[unit] * units[unit]);
                    add(&mut first_gradient[unit * width..], x, before);
                    first_gradient[hidden * width + unit] += before;
                }
            }
        }
    }

    /// The largest derivative of an output by a parameter.
    pub(crate) fn steepest(&self, theta: &[f64]) -> f64 {
        let mut steepest = 0.0;
        for state in 0..self.states {
            for output in 0..self.outputs {
                let mut cotangent = vec![0.0; self.outputs];
                cotangent[output] = 1.0;
                let mut gradient = vec![0.0; self.parameters()];
                self.pull_back(theta, state, &cotangent, &mut gradient);
                steepest = gradient.iter().fold(steepest, |most: f64, slope| most.max(slope.abs()));
            }
        }
        steepest
    }
}

fn activations<T: Number>(first: &[T], hidden: usize, x: &[f64]) -> Vec<T> {
    let bias = &first[hidden * x.len()..];
    let rows = first.chunks(x.len()).zip(bias);
    rows.map(|(row, &bias)| (sum(row.iter().zip(x).map(|(&weight, &x)| weight * x)) + bias).tanh()).collect()
}

/// Adds `factor · from` to the beginning of `to`.
pub(crate) fn add(to: &mut [f64], from: &[f64], factor: f64) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::gradient;
    use crate::trial::HALF_THE_DIGITS;
    use rand::SeedableRng;

    #[test]
    fn backward_passes_agree_with_dual_numbers() {
        let mut rng = Rng::seed_from_u64(1);
        let builds: [Build; 3] = [Model::table, Model::features, Model::network];
        for build in builds {
            let model = build(&mut rng, 4, 3).scaled(0.7);
            let theta = model.random(&mut rng);
            let cotangent = draw::normals(&mut rng, 3);
            let mut backward = vec![0.0; model.parameters()];
            model.pull_back(&theta, 2, &cotangent, &mut backward);
            let forward = gradient(&theta, |theta| {
                sum(model
                    .outputs(theta, 2)
                    .into_iter()
                    .zip(&cotangent)
                    .map(|(output, &factor)| output * factor))
            });
            // Equal but for some ten roundings.
            for (backward, forward) in backward.iter().zip(forward) {
                assert!((backward - forward).abs() < 1e-6 * HALF_THE_DIGITS, "{backward} {forward}");
            }
        }
    }
}
