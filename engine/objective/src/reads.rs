//! Which forward passes an objective reads.

use crate::ops::{Net, Pass};

/// The forward passes whose outputs a kernel reads, by states of the window, ascending. Each list is a region
/// of the kernel's inputs: state number `trained[k]` lies at position `k`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reads {
    /// States of the online network that a gradient reaches.
    pub trained: Vec<usize>,
    /// States of the online network that are read, but that no gradient reaches.
    pub online: Vec<usize>,
    /// States of the target network.
    pub target: Vec<usize>,
}

/// A list of [`Reads`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    Trained,
    Online,
    Target,
}

impl Region {
    pub(crate) const ALL: [Region; 3] = [Region::Trained, Region::Online, Region::Target];
}

impl Reads {
    /// All states whose observations are needed, ascending.
    pub fn states(&self) -> Vec<usize> {
        let mut states = [self.trained.as_slice(), &self.online, &self.target].concat();
        states.sort_unstable();
        states.dedup();
        states
    }

    pub(crate) fn region(&self, region: Region) -> &[usize] {
        match region {
            Region::Trained => &self.trained,
            Region::Online => &self.online,
            Region::Target => &self.target,
        }
    }

    /// Where a pass lies: its region, and its position there.
    pub(crate) fn place(&self, pass: Pass) -> Option<(Region, usize)> {
        let regions: &[Region] = match pass.net {
            Net::Online => &[Region::Trained, Region::Online],
            Net::Target => &[Region::Target],
        };
        regions.iter().find_map(|&region| {
            let position = self.region(region).binary_search(&pass.state).ok()?;
            Some((region, position))
        })
    }
}
