//! Everything that an objective's value depends on, for all states of the window.

use crate::layout::Layout;
use crate::ops::Net;

/// The numbers of one batch. Kernels take the states they read out of it with [`Inputs::region`].
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs<T> {
    /// `[param_slots]`.
    pub uniforms: Vec<T>,
    /// `[fields, batch]`, see [`Layout::field`].
    pub samples: Vec<T>,
    /// `[n + 1, batch, outputs]`, online network. May be empty if nothing reads it.
    pub online: Vec<T>,
    /// `[n + 1, batch, outputs]`, target network. May be empty if nothing reads it.
    pub target: Vec<T>,
}

impl<T: Copy> Inputs<T> {
    /// Outputs of a network at some of the states: `[states, batch, outputs]`.
    ///
    /// # Panics
    /// If a state is not among those of the window.
    pub fn region(&self, net: Net, states: &[usize], layout: &Layout) -> Vec<T> {
        let size = layout.batch * layout.outputs();
        states.iter().flat_map(|state| &self.of(net)[state * size..][..size]).copied().collect()
    }

    pub(crate) fn of(&self, net: Net) -> &[T] {
        match net {
            Net::Online => &self.online,
            Net::Target => &self.target,
        }
    }
}
