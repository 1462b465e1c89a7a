//! The gradients on actions as they were drawn, for batches of several sizes.

use super::agreement::Agreement;
use super::pair::Pair;
use crate::failure::Failure;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::Serialize;
use std::fmt;

/// Random sets of batches for an interval.
const RESAMPLES: usize = 1000;

/// The interval that the values of 95 % of random sets of batches fall into.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Interval {
    /// Their median.
    pub middle: f64,
    /// 2.5 % of them are lower.
    pub low: f64,
    /// 2.5 % of them are higher.
    pub high: f64,
}

/// What gradients on this many windows have in common.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Size {
    /// Windows.
    pub windows: usize,
    /// Cosine of the angle between the two gradients.
    pub cosine: Interval,
    /// Norm of the first over that of the second.
    pub norm_ratio: Interval,
    /// Cosine between two gradients of the first objective on different windows: how much of it is noise.
    pub noise: Interval,
}

/// The gradients on sampled actions.
#[derive(Clone, Debug, Serialize)]
pub struct Sampled {
    /// By number of windows, ascending.
    pub sizes: Vec<Size>,
    /// All windows together.
    pub agreement: Agreement,
}

/// Both gradients on `batches` batches of windows; `progress` is called after each.
pub fn sampled(pair: &mut Pair, batches: usize, mut progress: impl FnMut()) -> Result<Sampled, Failure> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(pair.seed);
    let (mut a, mut b): (Vec<Vec<f32>>, Vec<Vec<f32>>) = (Vec::new(), Vec::new());
    let mut windows = 0;
    for _ in 0..batches {
        let data = pair.draw(&mut rng)?;
        windows = data.windows;
        a.push(pair.gradient(0, &data, |_, _, _| {})?);
        b.push(pair.gradient(1, &data, |_, _, _| {})?);
        progress();
    }
    let products = Products::new(&a, &b);
    // Larger sets would be too much alike to say how means over as many scatter.
    let sizes = (0..).map(|power| 1 << power).take_while(|size| 4 * size <= batches);
    let sizes = sizes.map(|size| products.size(size, windows, &mut rng)).collect();
    let mean = |gradients: &[Vec<f32>]| -> Vec<f32> {
        let mut sum = vec![0.0_f64; gradients[0].len()];
        for gradient in gradients {
            sum.iter_mut().zip(gradient).for_each(|(sum, slope)| *sum += f64::from(*slope));
        }
        sum.into_iter().map(|sum| (sum / gradients.len() as f64) as f32).collect()
    };
    Ok(Sampled { sizes, agreement: Agreement::new(&pair.parts(), &mean(&a), &mean(&b)) })
}

/// Inner products of the gradients of all batches: all that angles and norms of their means are made of.
struct Products {
    aa: Vec<Vec<f64>>,
    bb: Vec<Vec<f64>>,
    ab: Vec<Vec<f64>>,
}

impl Products {
    fn new(a: &[Vec<f32>], b: &[Vec<f32>]) -> Self {
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
        let table = |x: &[Vec<f32>], y: &[Vec<f32>]| -> Vec<Vec<f64>> {
            x.iter().map(|x| y.iter().map(|y| dot(x, y)).collect()).collect()
        };
        Self { aa: table(a, a), bb: table(b, b), ab: table(a, b) }
    }

    /// What means over `size` batches have in common, over random sets of batches.
    fn size(&self, size: usize, windows: usize, rng: &mut Xoshiro256PlusPlus) -> Size {
        let mut batches: Vec<usize> = (0..self.aa.len()).collect();
        let sum = |table: &[Vec<f64>], x: &[usize], y: &[usize]| -> f64 {
            x.iter().map(|&i| y.iter().map(|&j| table[i][j]).sum::<f64>()).sum()
        };
        let (mut cosines, mut ratios, mut noise) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RESAMPLES {
            // Two sets that have no batch in common.
            for chosen in 0..2 * size {
                let other = rng.random_range(chosen..batches.len());
                batches.swap(chosen, other);
            }
            let (one, other) = batches[..2 * size].split_at(size);
            let (aa, bb, ab) = (sum(&self.aa, one, one), sum(&self.bb, one, one), sum(&self.ab, one, one));
            cosines.push(ab / (aa * bb).sqrt());
            ratios.push((aa / bb).sqrt());
            let others = sum(&self.aa, other, other);
            noise.push(sum(&self.aa, one, other) / (aa * others).sqrt());
        }
        Size {
            windows: size * windows,
            cosine: Interval::of(cosines),
            norm_ratio: Interval::of(ratios),
            noise: Interval::of(noise),
        }
    }
}

impl Interval {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| values[((values.len() - 1) as f64 * part).round() as usize];
        Self { middle: at(0.5), low: at(0.025), high: at(0.975) }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} [{:.4}, {:.4}]", self.middle, self.low, self.high)
    }
}

impl fmt::Display for Sampled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>8}  {:<26}  {:<26}  {:<26}",
            "windows", "cosine of A and B", "‖A‖ / ‖B‖", "cosine of A and another A"
        )?;
        for size in &self.sizes {
            let [cosine, ratio, noise] =
                [size.cosine, size.norm_ratio, size.noise].map(|interval| interval.to_string());
            writeln!(f, "{:>8}  {cosine:<26}  {ratio:<26}  {noise:<26}", size.windows)?;
        }
        Ok(())
    }
}
