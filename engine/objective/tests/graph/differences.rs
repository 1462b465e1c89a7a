//! Gradients against finite differences of the traced graph, evaluated node by node in `f64`.

use kelvin_objective::{Net, Objective, Pass, Traced, Values};

use crate::support::{Data, close};

/// What a comparison found.
pub struct Comparison {
    pub disagreements: Vec<String>,
    /// Elements on which finite differences of two widths differ, and which say nothing.
    pub kinks: usize,
    pub elements: usize,
}

/// The disagreements of [`compare`]; no more than a tenth of the elements may lie on a kink.
pub fn disagreements(name: &str, traced: &Traced, data: &Data, scale: f64) -> Vec<String> {
    let Comparison { mut disagreements, kinks, elements } = compare(name, traced, data, scale);
    if kinks * 10 > elements {
        disagreements.push(format!("{name}: {kinks} of {elements} elements on a kink"));
    }
    disagreements
}

/// Compiles an objective and compares its kernel with the graph it came from, element by element. `scale` is the length over which the loss bends.
///
/// The loss has to agree to 1e-12 of the largest loss, some thousand roundings. The gradient is compared, in
/// all states of the window, with the fourth-order central difference with step `h = scale / 1000`. Its
/// truncation error is of the order of (h / scale)^4 = 1e-12 relative; rounding adds `ε |loss| / h`. The
/// tolerance is 1e-8 of the row's largest slope, 10^4 times the former, plus 32 times the latter. Where a kink
/// lies inside the stencil the estimates with `h` and `h / 3` differ; such elements are left out.
pub fn compare(name: &str, traced: &Traced, data: &Data, scale: f64) -> Comparison {
    let layout = &data.layout;
    let objective =
        Objective::compile(traced.clone(), layout).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (batch, outputs) = (layout.batch, data.outputs());
    let result = data.run::<f64>(&objective);
    let frozen = traced.evaluate(layout, &data.inputs, None);
    // Samples that do not see each other can be moved all at once.
    let together = objective.phases() == 0;
    let slopes = Slopes { traced, data, frozen: &frozen, together };
    let mut found = Vec::new();

    let losses: Vec<f64> = (0..batch).map(|sample| frozen.get(traced.loss, sample)[0]).collect();
    let largest = losses.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    for (sample, (&kernel, &graph)) in result.loss.iter().zip(&losses).enumerate() {
        if !close(kernel, graph, 1e-12 * largest) {
            found.push(format!("{name}, sample {sample}: loss {kernel:e}, evaluated {graph:e}"));
        }
    }
    let (mut kinks, mut elements) = (0, 0);
    for state in 0..=layout.window {
        let position = objective.reads().trained.iter().position(|&trained| trained == state);
        // No gradient where the kernel says that none flows.
        let grad = match position {
            Some(position) => result.grad[position * batch * outputs..][..batch * outputs].to_vec(),
            None => vec![0.0; batch * outputs],
        };
        for column in 0..outputs {
            let wide = slopes.at(state, column, scale * 1e-3);
            let narrow = slopes.at(state, column, scale * 1e-3 / 3.0);
            for sample in 0..batch {
                let row = &grad[sample * outputs..][..outputs];
                let size = row.iter().fold(1e-3, |m: f64, x| m.max(x.abs() * batch as f64));
                let loss = if together { losses[sample].abs().max(1.0) } else { largest * batch as f64 };
                let noise = 32.0 * f64::EPSILON * loss / (scale * 1e-3 / 3.0);
                let tolerance = 1e-8 * size + noise;
                elements += 1;
                if (wide[sample] - narrow[sample]).abs() > 10.0 * tolerance {
                    kinks += 1;
                    continue;
                }
                let ours = row[column] * batch as f64;
                if !close(ours, narrow[sample], tolerance) {
                    found.push(format!(
                        "{name}, state {state}, sample {sample}, column {column}: gradient {ours:e}, difference \
                         {:e}, tolerance {tolerance:e}",
                        narrow[sample]
                    ));
                }
            }
        }
    }
    Comparison { disagreements: found, kinks, elements }
}

pub fn assert_none(found: Vec<String>) {
    assert!(found.is_empty(), "{} disagreements:\n{}", found.len(), found.join("\n"));
}

struct Slopes<'a> {
    traced: &'a Traced,
    data: &'a Data,
    frozen: &'a Values<f64>,
    together: bool,
}

impl Slopes<'_> {
    /// Slope of the sum of all losses in each sample's own output at a state and column.
    fn at(&self, state: usize, column: usize, h: f64) -> Vec<f64> {
        let batch = self.data.layout.batch;
        if self.together {
            let all: Vec<usize> = (0..batch).collect();
            let losses = |steps: f64| self.losses(state, column, &all, steps * h);
            let (up, down, up2, down2) = (losses(1.0), losses(-1.0), losses(2.0), losses(-2.0));
            return (0..batch).map(|s| central([up[s], down[s], up2[s], down2[s]], h)).collect();
        }
        let of_sample = |sample| {
            let sum = |steps: f64| self.losses(state, column, &[sample], steps * h).iter().sum::<f64>();
            central([sum(1.0), sum(-1.0), sum(2.0), sum(-2.0)], h)
        };
        (0..batch).map(of_sample).collect()
    }

    fn losses(&self, state: usize, column: usize, samples: &[usize], distance: f64) -> Vec<f64> {
        let mut moved = self.data.clone();
        for &sample in samples {
            moved.row_mut(Pass { net: Net::Online, state }, sample)[column] += distance;
        }
        let values = self.traced.evaluate(&moved.layout, &moved.inputs, Some(self.frozen));
        (0..moved.layout.batch).map(|sample| values.get(self.traced.loss, sample)[0]).collect()
    }
}

fn central([up, down, up2, down2]: [f64; 4], h: f64) -> f64 {
    (8.0 * (up - down) - (up2 - down2)) / (12.0 * h)
}
