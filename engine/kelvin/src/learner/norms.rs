//! Norms by layer, for the record: what explodes or dies shows there first.

use super::agent::Learner;
use crate::failure::Failure;

/// L2 norms by the names of tensors.
pub type Norms = Vec<(String, f64)>;

impl Learner {
    /// Those of the online network's weights. Waits for the device.
    pub fn weight_norms(&mut self) -> Result<Norms, Failure> {
        let params = self.model.params()?;
        Ok(self.norms_of(&params))
    }

    /// Those of the newest gradient that was looked at, before clipping: `reported` where it is clipped by tensor. Where it
    /// is clipped as a whole, the norm of all of it is reported, and the clipped gradient says in what proportions. Waits
    /// for the device.
    pub fn grad_norms(&mut self, reported: &[f32]) -> Result<Norms, Failure> {
        let names = self.model.grad_norm_names();
        if names.len() == self.model.tensors().len() || reported.is_empty() {
            return Ok(names.iter().cloned().zip(reported.iter().copied().map(f64::from)).collect());
        }
        let clipped = self.model.last_gradient()?;
        let scale = f64::from(reported[0]) / norm(&clipped).max(f64::MIN_POSITIVE);
        Ok(self.norms_of(&clipped).into_iter().map(|(name, norm)| (name, norm * scale)).collect())
    }

    fn norms_of(&self, values: &[f32]) -> Norms {
        let tensors = self.model.tensors().iter();
        tensors.map(|tensor| (tensor.name.clone(), norm(&values[tensor.range()]))).collect()
    }
}

/// Summed in a fixed order, eight numbers side by side.
fn norm(values: &[f32]) -> f64 {
    let mut sums = [0.0f64; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(*value) * f64::from(*value);
        }
    }
    let rest: f64 = rest.iter().map(|value| f64::from(*value).powi(2)).sum();
    (sums.iter().sum::<f64>() + rest).sqrt()
}

#[cfg(test)]
mod tests {
    use super::norm;

    #[test]
    fn a_norm_takes_every_number_once() {
        for count in [0, 1, 7, 8, 9, 100] {
            let values: Vec<f32> = (0..count).map(|index| index as f32 - 3.0).collect();
            let expected = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            assert!((norm(&values) - expected).abs() <= 1e-12 * expected, "{count}");
        }
        assert!(norm(&[1.0, f32::NAN]).is_nan());
    }
}
