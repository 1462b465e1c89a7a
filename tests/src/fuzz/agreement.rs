//! Whether a compiled objective and the script evaluated number by number agree.

use super::numbers::Written;
use kelvin_objective::{Diagnostic, Eager, Shake};

/// What the arithmetic of a kernel gets wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precision {
    /// Errors that are put into an evaluation to see what they do: several times those of a rounding.
    unit: f64,
    /// Relative error that nobody asks about.
    close: f64,
    /// Relative move that is no rounding error any more.
    jump: f64,
    /// Numbers between this and its reciprocal are far from the ends of the range.
    small: f64,
}

/// That of `f64`.
pub const DOUBLE: Precision =
    Precision { unit: 16.0 / (1u64 << 53) as f64, close: 1e-13, jump: 1e-6, small: 1e-120 };
/// That of `f32`, whose exponentials are right to a few units in the last place.
pub const SINGLE: Precision =
    Precision { unit: 32.0 / (1 << 24) as f64, close: 2e-5, jump: 1e-2, small: 1e-15 };

/// Evaluations with errors put in: every third of them gives all zeros one sign.
const SHAKES: u64 = 9;

/// Whether two evaluations agree.
#[derive(Clone, Debug, PartialEq)]
pub enum Agreement {
    /// To the rounding.
    Same,
    /// They do not, but rounding alone may move these numbers as far: a jump, or digits lost in a difference.
    Undecided,
    /// They do not: which number, and how.
    Different(String),
}

/// Compares a compiled objective, computed with this precision, with the script on numbers. `shaken` evaluates
/// the script again with errors put in.
pub fn agreement(
    eager: &Eager,
    written: &Written,
    precision: Precision,
    shaken: impl Fn(Shake) -> Result<Eager, Diagnostic>,
) -> Agreement {
    let mut sections = vec![Section::values(eager, written)];
    // Next to a loss that is none a gradient means nothing.
    if eager.losses.iter().chain(&written.losses).all(|loss| loss.is_finite()) {
        sections.push(Section::gradient(eager, written));
    }
    if sections.iter().all(|section| section.suspects(precision).is_empty()) {
        return Agreement::Same;
    }
    if is_extreme(eager, precision.small) {
        return Agreement::Undecided;
    }
    for seed in 0..SHAKES {
        let Ok(shaken) = shaken(Shake { unit: precision.unit, seed }) else { return Agreement::Undecided };
        for section in &mut sections {
            section.note(&shaken);
        }
    }
    // One that is decided counts, whatever the other is.
    let mut verdict = Agreement::Same;
    for section in sections {
        match section.verdict(precision) {
            Agreement::Same => {}
            Agreement::Undecided => verdict = Agreement::Undecided,
            different => return different,
        }
    }
    verdict
}

/// Values, or their derivatives.
struct Section {
    /// What the numbers are called, and how many there are.
    names: Vec<(String, usize)>,
    exact: Vec<f64>,
    compiled: Vec<f64>,
    /// How far each moved when shaken.
    moves: Vec<f64>,
    /// The same numbers of another evaluation.
    read: fn(&Eager) -> Vec<f64>,
    /// The largest number met on the way to them.
    largest: f64,
}

impl Section {
    fn new(
        names: Vec<(String, usize)>,
        compiled: Vec<f64>,
        eager: &Eager,
        read: fn(&Eager) -> Vec<f64>,
    ) -> Self {
        let exact = read(eager);
        Self { names, moves: vec![0.0; exact.len()], largest: largest(exact.iter()), exact, compiled, read }
    }

    /// Losses and metrics.
    fn values(eager: &Eager, written: &Written) -> Self {
        let metrics = eager.metrics.iter().map(|(name, values)| (name.clone(), values.len()));
        let names = std::iter::once(("loss".to_owned(), eager.losses.len())).chain(metrics).collect();
        let compiled = written.losses.iter().chain(written.metrics.iter().flatten()).copied().collect();
        let section = Self::new(names, compiled, eager, |eager| {
            let metrics = eager.metrics.iter().flat_map(|(_, values)| values);
            eager.losses.iter().chain(metrics).copied().collect()
        });
        let on_the_way = largest(eager.trail.iter().flat_map(|operation| &operation.values));
        Self { largest: section.largest.max(on_the_way), ..section }
    }

    fn gradient(eager: &Eager, written: &Written) -> Self {
        let names = vec![("gradient".to_owned(), eager.grad.len())];
        Self::new(names, written.grad.clone(), eager, |eager| eager.grad.clone())
    }

    /// Numbers that are not the same at first sight.
    fn suspects(&self, precision: Precision) -> Vec<usize> {
        (0..self.exact.len()).filter(|&index| self.differ(index, self.slack(index, precision))).collect()
    }

    fn slack(&self, index: usize, precision: Precision) -> f64 {
        // Where everything cancels, what is left is in proportion to what there was.
        precision.close * (self.exact[index].abs() + 0.01 * self.largest)
    }

    fn differ(&self, index: usize, tolerance: f64) -> bool {
        let (a, b) = (self.exact[index], self.compiled[index]);
        let same = a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance;
        !same
    }

    /// Takes down how far a shaken evaluation went.
    fn note(&mut self, shaken: &Eager) {
        for (most, (exact, shaken)) in self.moves.iter_mut().zip(self.exact.iter().zip((self.read)(shaken))) {
            let same = *exact == shaken || exact.is_nan() && shaken.is_nan();
            let moved = if same { 0.0 } else { (shaken - exact).abs() };
            *most = if moved.is_nan() { f64::INFINITY } else { most.max(moved) };
        }
    }

    fn verdict(&self, precision: Precision) -> Agreement {
        let wrong = self.suspects(precision).into_iter();
        let mut wrong =
            wrong.filter(|&index| self.differ(index, 4.0 * self.moves[index] + self.slack(index, precision)));
        let Some(index) = wrong.next() else { return Agreement::Same };
        let (exact, compiled, moved) = (self.exact[index], self.compiled[index], self.moves[index]);
        // A jump anywhere may be one that the compiled objective made, and these errors did not.
        let jumps = self.moves.iter().any(|moved| *moved > precision.jump * largest(self.exact.iter()));
        // In single precision a difference may vanish, and what is divided by it overflow.
        let overflows = precision == SINGLE && exact.is_finite() != compiled.is_finite();
        if jumps || overflows || moved > 0.1 * exact.abs() {
            return Agreement::Undecided;
        }
        let name = self.name(index);
        Agreement::Different(format!("{name}: {exact:e} on numbers, {compiled:e} compiled, ± {moved:e}"))
    }

    fn name(&self, index: usize) -> String {
        let mut rest = index;
        for (name, count) in &self.names {
            if rest < *count {
                return format!("{name}[{rest}]");
            }
            rest -= count;
        }
        format!("number {index}")
    }
}

fn largest<'a>(numbers: impl Iterator<Item = &'a f64>) -> f64 {
    numbers.filter(|x| x.is_finite()).fold(0.0_f64, |most, x| most.max(x.abs()))
}

/// Whether numbers came so close to the end of their range that the order of operations decides what is left.
fn is_extreme(eager: &Eager, small: f64) -> bool {
    let numbers = eager.trail.iter().flat_map(|operation| operation.values.iter().chain(&operation.slopes));
    numbers.into_iter().any(|x| x.is_finite() && *x != 0.0 && !(small..1.0 / small).contains(&x.abs()))
}
