//! Two ways to integrate over the real line against a standard normal density.

/// Nodes and the weights that integrate against the standard normal density.
pub(crate) struct Rule {
    pub(crate) nodes: Vec<f64>,
    pub(crate) weights: Vec<f64>,
}

/// Where integrals end. `exp(−12²/2)` is 5e-32: with rewards of a few τ/0.1 above it, what is cut off is below 1e-17.
const END: f64 = 12.0;

impl Rule {
    /// The trapezoidal rule. For a function that is analytic in a strip of half-width d about the real line and dies
    /// at both ends its error is `exp(−2πd/h)`.
    pub(crate) fn trapezoid(step: f64) -> Self {
        let count = (END / step).round() as i32;
        let nodes: Vec<f64> = (-count..=count).map(|i| f64::from(i) * step).collect();
        let weights = nodes.iter().map(|&x| step * normal_density(x)).collect();
        Self { nodes, weights }
    }

    /// Gauss–Legendre with `order` nodes on each of `panels` intervals.
    pub(crate) fn gauss_legendre(panels: usize, order: usize) -> Self {
        let half = END / panels as f64;
        let (mut nodes, mut weights) = (Vec::new(), Vec::new());
        for panel in 0..panels {
            let middle = -END + (2 * panel + 1) as f64 * half;
            for (x, weight) in legendre(order) {
                nodes.push(middle + half * x);
                weights.push(half * weight * normal_density(middle + half * x));
            }
        }
        Self { nodes, weights }
    }
}

fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// Nodes and weights on [−1, 1]: the roots of the Legendre polynomial by Newton's method.
fn legendre(order: usize) -> Vec<(f64, f64)> {
    let n = order as f64;
    let polynomial = |x: f64| {
        let (mut before, mut now) = (1.0, x);
        for k in 1..order {
            let k = k as f64;
            (before, now) = (now, ((2.0 * k + 1.0) * x * now - k * before) / (k + 1.0));
        }
        (now, n * (x * now - before) / (x * x - 1.0))
    };
    let root = |i: usize| {
        let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        // The guess is good to 1e-3; Newton doubles the digits each time.
        for _ in 0..8 {
            let (value, slope) = polynomial(x);
            x -= value / slope;
        }
        let (_, slope) = polynomial(x);
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..order).map(root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_the_normal_density() {
        for rule in [Rule::trapezoid(0.04), Rule::gauss_legendre(48, 16)] {
            for (power, moment) in [(0, 1.0), (1, 0.0), (2, 1.0), (4, 3.0), (8, 105.0)] {
                let terms = rule.nodes.iter().zip(&rule.weights).map(|(x, w)| w * x.powi(power));
                let sum: f64 = terms.sum();
                // Sums of several hundred terms of size `moment`.
                assert!((sum - moment).abs() < 1e-13 * f64::max(moment, 1.0), "{power}: {sum}");
            }
        }
    }
}
