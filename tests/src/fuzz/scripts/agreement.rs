//! Whether a compiled objective and the script evaluated number by number agree.

use super::numbers::Written;
use kelvin_objective::{Diagnostic, Eager, Shake};

/// Errors that are put into an evaluation to see what they do: several times those of a rounding.
const UNIT: f64 = 16.0 / (1u64 << 53) as f64;
/// Relative error that nobody asks about.
const CLOSE: f64 = 1e-13;
/// Relative move that is no rounding error any more.
const JUMP: f64 = 1e-6;
/// Numbers between this and its reciprocal are far from the ends of the range.
const SMALL: f64 = 1e-120;
/// Evaluations with errors put in: every third of them gives all zeros one sign.
const SHAKES: u64 = 27;

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

/// Compares a compiled objective with the script on numbers. `shaken` evaluates the script again with errors put in.
pub fn agreement(
    eager: &Eager,
    written: &Written,
    shaken: impl Fn(Shake) -> Result<Eager, Diagnostic>,
) -> Agreement {
    let mut sections = vec![Section::values(eager, written)];
    // Next to a loss that is none a gradient means nothing.
    if eager.losses.iter().chain(&written.losses).all(|loss| loss.is_finite()) {
        sections.push(Section::gradient(eager, written));
    }
    if sections.iter().all(|section| section.suspects().is_empty()) {
        return Agreement::Same;
    }
    if is_extreme(eager) {
        return Agreement::Undecided;
    }
    for seed in 0..SHAKES {
        let Ok(shaken) = shaken(Shake { unit: UNIT, seed }) else { return Agreement::Undecided };
        for section in &mut sections {
            section.note(&shaken);
        }
    }
    // One that is decided counts, whatever the other is.
    let mut verdict = Agreement::Same;
    for section in sections {
        match section.verdict() {
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
        // Where the oracle meets 0 · ∞ it knows nothing; a kernel that gives a number there is no worse.
        let known = |(exact, compiled): (&f64, &f64)| if exact.is_nan() { f64::NAN } else { *compiled };
        let compiled = eager.grad.iter().zip(&written.grad).map(known).collect();
        let section = Self::new(names, compiled, eager, |eager| eager.grad.clone());
        // A factor that slopes meet on their way back is seen in the values, as that of a discount above one.
        let on_the_way =
            eager.trail.iter().flat_map(|operation| operation.values.iter().chain(&operation.slopes));
        let on_the_way = largest(on_the_way);
        Self { largest: section.largest.max(on_the_way), ..section }
    }

    /// Numbers that are not the same at first sight.
    fn suspects(&self) -> Vec<usize> {
        (0..self.exact.len()).filter(|&index| self.differ(index, self.slack(index))).collect()
    }

    fn slack(&self, index: usize) -> f64 {
        // Where everything cancels, what is left is in proportion to what there was.
        CLOSE * (self.exact[index].abs() + 0.01 * self.largest)
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

    fn verdict(&self) -> Agreement {
        let wrong = self.suspects().into_iter();
        let mut wrong =
            wrong.filter(|&index| self.differ(index, 4.0 * self.moves[index] + self.slack(index)));
        let Some(index) = wrong.next() else { return Agreement::Same };
        let (exact, compiled, moved) = (self.exact[index], self.compiled[index], self.moves[index]);
        // A jump anywhere may be one that the compiled objective made, and these errors did not.
        let jumps = self.moves.iter().any(|moved| *moved > JUMP * largest(self.exact.iter()));
        if jumps || moved > 0.1 * exact.abs() {
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
fn is_extreme(eager: &Eager) -> bool {
    let numbers = eager.trail.iter().flat_map(|operation| operation.values.iter().chain(&operation.slopes));
    numbers.into_iter().any(|x| x.is_finite() && *x != 0.0 && !(SMALL..1.0 / SMALL).contains(&x.abs()))
}
