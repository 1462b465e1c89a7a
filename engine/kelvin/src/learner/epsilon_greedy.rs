//! ε-greedy behaviour on action values.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The first action of the largest value.
fn greedy(q: &[f32]) -> usize {
    let mut best = 0;
    for (action, value) in q.iter().enumerate() {
        if *value > q[best] {
            best = action;
        }
    }
    best
}

/// A uniform action with probability `epsilon`, else the greedy one. Draws the same amount of randomness
/// either way, so that a change of the values does not shift the stream.
pub fn epsilon_greedy(q: &[f32], epsilon: f64, rng: &mut Xoshiro256PlusPlus) -> usize {
    let (explore, action) = (rng.random::<f64>() < epsilon, rng.random_range(0..q.len()));
    if explore { action } else { greedy(q) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn explores_as_often_as_epsilon_says() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let q = [0.0, 5.0, 1.0, 5.0];
        let chosen = (0..10_000).filter(|_| epsilon_greedy(&q, 0.2, &mut rng) == 1).count();
        // 0.8 greedy and a quarter of 0.2: 8500 expected, six standard deviations are 215.
        assert!(chosen.abs_diff(8500) < 215, "{chosen}");
        assert_eq!(epsilon_greedy(&q, 0.0, &mut rng), 1, "ties go to the first");
    }
}
