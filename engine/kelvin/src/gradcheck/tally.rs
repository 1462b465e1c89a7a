//! Differences counted, the worst of them kept.

use super::evaluation::{Case, Reading};
use super::subject::{Allowed, What};

/// What comparing two evaluations came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Numbers compared.
    pub compared: u64,
    /// Slopes that do not exist, since the loss has a kink there.
    pub kinks: u64,
    /// Slopes that rounding hides.
    pub unclear: u64,
    /// Numbers that were not looked at, though they could have been.
    pub not_sampled: u64,
    /// Numbers beyond their tolerance.
    pub differing: u64,
    /// The one closest to its tolerance, or furthest beyond it.
    pub worst: Option<Worst>,
}

/// A difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// Which number.
    pub what: What,
    /// Of which sample of its batch.
    pub sample: usize,
    /// What the evaluation says.
    pub value: f64,
    /// What the kernel in `f64` says.
    pub exact: f64,
    /// How far apart they may be.
    pub allowed: f64,
}

impl Worst {
    /// How far apart they are.
    pub fn difference(&self) -> f64 {
        (self.value - self.exact).abs()
    }

    /// Whether that is too far. NaN always is.
    fn differs(&self) -> bool {
        let near = self.difference() <= self.allowed;
        !near
    }

    /// The difference as a part of what is allowed; infinite where either is no number.
    fn severity(&self) -> f64 {
        match self.difference() {
            0.0 => 0.0,
            difference if difference.is_nan() => f64::INFINITY,
            difference => difference / self.allowed,
        }
    }
}

impl Tally {
    /// Adds another comparison of the same two; whether its worst difference is now the worst.
    pub fn absorb(&mut self, other: Self) -> bool {
        self.compared += other.compared;
        self.kinks += other.kinks;
        self.unclear += other.unclear;
        self.not_sampled += other.not_sampled;
        self.differing += other.differing;
        let severity = |worst: &Option<Worst>| worst.as_ref().map(Worst::severity);
        // `None` is less than every number.
        let worse = severity(&other.worst) > severity(&self.worst);
        if worse {
            self.worst = other.worst;
        }
        worse
    }

    /// Whether the reference has a number everywhere: the losses and gradients that a network would learn from.
    pub fn of_finiteness(case: &Case<'_>) -> Self {
        let values = &case.exact.values;
        let mut tally = Self { compared: values.len() as u64, ..Self::default() };
        for (position, &value) in values.iter().enumerate().filter(|(_, value)| !value.is_finite()) {
            tally.differing += 1;
            tally.worst.get_or_insert_with(|| {
                let (sample, what) = What::at(case.subject, position);
                Worst { what, sample, value, exact: value, allowed: 0.0 }
            });
        }
        tally
    }

    /// Compares what was read with the reference. Numbers that are not finite in the reference are nobody's to agree
    /// with; they are a finding of their own.
    pub fn of(case: &Case<'_>, allowed: &Allowed<'_>, readings: &[Reading]) -> Self {
        let mut tally = Self::default();
        let mut worst: Option<(usize, Worst)> = None;
        for (position, (reading, &exact)) in readings.iter().zip(&case.exact.values).enumerate() {
            let (value, error) = match *reading {
                _ if !exact.is_finite() => continue,
                Reading::Value(value) => (value, 0.0),
                Reading::Estimate { value, error } => (value, error),
                other => {
                    tally.kinks += u64::from(other == Reading::Kink);
                    tally.unclear += u64::from(other == Reading::Unclear);
                    tally.not_sampled += u64::from(other == Reading::NotSampled);
                    continue;
                }
            };
            let found =
                Worst { what: What::Unused, sample: 0, value, exact, allowed: allowed.at(position) + error };
            tally.compared += 1;
            tally.differing += u64::from(found.differs());
            if worst.as_ref().is_none_or(|(_, worst)| found.severity() > worst.severity()) {
                worst = Some((position, found));
            }
        }
        tally.worst = worst.map(|(position, worst)| {
            let (sample, what) = What::at(case.subject, position);
            Worst { what, sample, ..worst }
        });
        tally
    }
}
