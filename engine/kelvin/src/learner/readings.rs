//! What the objective reported since the last record.

use kelvin_compute::objective::METRIC_SLOTS;
use serde::{Deserialize, Serialize};

/// Sums of batch means over the updates that were read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Readings {
    #[serde(with = "bits")]
    sums: [f64; METRIC_SLOTS],
    count: u64,
    /// Norms of the gradient of the last update that was read, by tensor.
    #[serde(with = "bits")]
    grad_norms: Vec<f32>,
}

impl Readings {
    /// Adds one update's batch means, and takes its gradient's norms for the newest.
    pub(super) fn add(&mut self, means: &[f32; METRIC_SLOTS], grad_norms: Vec<f32>) {
        self.grad_norms = grad_norms;
        for (sum, mean) in self.sums.iter_mut().zip(means) {
            *sum += f64::from(*mean);
        }
        self.count += 1;
    }

    /// Norms of the newest gradient, by tensor; none if nothing was read.
    pub fn grad_norms(&self) -> &[f32] {
        &self.grad_norms
    }

    /// The means, loss first; `None` if nothing was read.
    pub fn means(&self) -> Option<[f64; METRIC_SLOTS]> {
        (self.count > 0).then(|| self.sums.map(|sum| sum / self.count as f64))
    }
}

/// Numbers by their bits: a metric may be infinite or none, and JSON has no word for that.
mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub trait Numbers: Sized {
        fn bits(&self) -> Vec<u64>;
        fn from_bits(bits: &[u64]) -> Option<Self>;
    }

    impl<const N: usize> Numbers for [f64; N] {
        fn bits(&self) -> Vec<u64> {
            self.iter().map(|number| number.to_bits()).collect()
        }

        fn from_bits(bits: &[u64]) -> Option<Self> {
            let numbers: Vec<f64> = bits.iter().copied().map(f64::from_bits).collect();
            numbers.try_into().ok()
        }
    }

    impl Numbers for Vec<f32> {
        fn bits(&self) -> Vec<u64> {
            self.iter().map(|number| u64::from(number.to_bits())).collect()
        }

        fn from_bits(bits: &[u64]) -> Option<Self> {
            bits.iter().map(|bits| u32::try_from(*bits).ok().map(f32::from_bits)).collect()
        }
    }

    pub fn serialize<S: Serializer>(numbers: &impl Numbers, serializer: S) -> Result<S::Ok, S::Error> {
        numbers.bits().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: Numbers>(deserializer: D) -> Result<T, D::Error> {
        let bits = Vec::<u64>::deserialize(deserializer)?;
        T::from_bits(&bits).ok_or_else(|| D::Error::custom("other numbers were expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_come_back_with_the_others() {
        let mut readings = Readings::default();
        readings.add(&[f32::INFINITY; METRIC_SLOTS], vec![f32::NAN, 0.1, -0.0]);
        readings.sums[1] = f64::NAN;
        readings.sums[2] = 0.1;
        let text = serde_json::to_string(&readings).unwrap();
        let again: Readings = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        assert!(again.sums[0].is_infinite() && again.sums[1].is_nan() && again.sums[2] == 0.1);
        assert!(serde_json::from_str::<Readings>(&text.replace("\"count\":1", "\"count\":1.5")).is_err());
    }
}
