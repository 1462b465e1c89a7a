//! The table: one file for each part of the paper, one function for each row.

mod backups;
mod bandit;
mod boltzmann;
mod continuous;
mod damping;
mod equivalence;
mod gradients;
mod iteration;
mod natural;
mod practical;
mod related;
mod targets;
mod values;

use crate::trial::Check;

/// Every row, in the order of the paper.
pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    let groups = [
        bandit::CHECKS,
        continuous::CHECKS,
        values::CHECKS,
        backups::CHECKS,
        boltzmann::CHECKS,
        targets::CHECKS,
        iteration::CHECKS,
        gradients::CHECKS,
        equivalence::CHECKS,
        practical::CHECKS,
        natural::CHECKS,
        damping::CHECKS,
        related::CHECKS,
    ];
    groups.into_iter().flatten()
}
