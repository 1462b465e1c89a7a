//! Exploration over the course of a run.

use crate::config::Config;

/// ε of the ε-greedy behaviour policy, piecewise linear in the fraction of training done: from `start` to
/// `mid` at `mid_at`, to `end` at `end_at`, constant from there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpsilonSchedule {
    knots: [(f64, f64); 3],
}

impl EpsilonSchedule {
    /// The schedule that the configuration names.
    pub fn new(config: &Config) -> Self {
        Self {
            knots: [
                (0.0, config.epsilon_start),
                (config.epsilon_mid_at, config.epsilon_mid),
                (config.epsilon_end_at, config.epsilon_end),
            ],
        }
    }

    /// ε when `fraction` of the training is done.
    pub fn at(&self, fraction: f64) -> f64 {
        for pair in self.knots.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            if fraction < x1 {
                return y0 + (y1 - y0) * (fraction - x0) / (x1 - x0);
            }
        }
        self.knots[2].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epsilon_passes_through_its_knots() {
        let schedule = EpsilonSchedule { knots: [(0.0, 1.0), (0.02, 0.1), (0.2, 0.01)] };
        for (fraction, epsilon) in
            [(0.0, 1.0), (0.01, 0.55), (0.02, 0.1), (0.11, 0.055), (0.2, 0.01), (1.0, 0.01)]
        {
            assert!((schedule.at(fraction) - epsilon).abs() < 1e-12, "{fraction}");
        }
    }

    #[test]
    fn knots_may_coincide() {
        let schedule = EpsilonSchedule { knots: [(0.0, 1.0), (0.0, 0.5), (0.0, 0.1)] };
        assert_eq!(schedule.at(0.0), 0.1);
    }
}
