//! RMSProp (Tieleman and Hinton 2012) as TensorFlow 1 has it, ε inside the root.

use super::vectorized;
use crate::guard;
use rayon::prelude::*;

/// Elements a task.
const CHUNK: usize = 16 * 1024;

/// Slices of one length; `hyper` holds the learning rate first. Does nothing where `guard` holds the update.
pub(super) fn run(
    params: &mut [f32],
    grads: &[f32],
    square: &mut [f32],
    hyper: &[f32],
    guard: &[f32],
    (decay, epsilon): (f32, f32),
) {
    if guard[guard::HELD] != 0.0 {
        return;
    }
    let learning_rate = hyper[0];
    let chunks = params.par_chunks_mut(CHUNK).zip(grads.par_chunks(CHUNK)).zip(square.par_chunks_mut(CHUNK));
    chunks.for_each(|((params, grads), square)| {
        vectorized(
            #[inline(always)]
            || {
                for ((param, grad), square) in params.iter_mut().zip(grads).zip(square) {
                    *square = decay * *square + (1.0 - decay) * grad * grad;
                    *param -= learning_rate * grad / (*square + epsilon).sqrt();
                }
            },
        );
    });
}
