//! Adam (Kingma and Ba 2015), ε outside the root.

use super::vectorized;
use crate::guard;
use rayon::prelude::*;

/// Elements a task.
const CHUNK: usize = 16 * 1024;

/// What stays the same from one step to the next.
#[derive(Clone, Copy)]
pub(super) struct Constants {
    pub(super) beta1: f32,
    pub(super) beta2: f32,
    pub(super) epsilon: f32,
}

/// Slices of one length; `hyper` as [`crate::AdamStep::to_array`] makes it. Does nothing where `guard` holds the update.
pub(super) fn run(
    params: &mut [f32],
    grads: &[f32],
    m: &mut [f32],
    v: &mut [f32],
    hyper: &[f32],
    guard: &[f32],
    constants: Constants,
) {
    if guard[guard::HELD] != 0.0 {
        return;
    }
    let (learning_rate, m_correction, v_correction) = (hyper[0], hyper[1], hyper[2]);
    let Constants { beta1, beta2, epsilon } = constants;
    let chunks = params.par_chunks_mut(CHUNK).zip(grads.par_chunks(CHUNK));
    let chunks = chunks.zip(m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK)));
    chunks.for_each(|((params, grads), (m, v))| {
        vectorized(
            #[inline(always)]
            || {
                for (((param, grad), m), v) in params.iter_mut().zip(grads).zip(m).zip(v) {
                    *m = beta1 * *m + (1.0 - beta1) * grad;
                    *v = beta2 * *v + (1.0 - beta2) * grad * grad;
                    *param -= learning_rate * (*m * m_correction) / ((*v * v_correction).sqrt() + epsilon);
                }
            },
        );
    });
}
