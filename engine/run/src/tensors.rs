//! Named tensors as one safetensors file.

use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::RunError;

/// Shape and elements of a tensor of bytes.
pub(crate) type Bytes = (Vec<usize>, Vec<u8>);

/// Elements of a tensor to be written, row-major.
#[derive(Clone, Copy, Debug)]
pub enum Elements<'a> {
    /// Floats.
    F32(&'a [f32]),
    /// Bytes.
    U8(&'a [u8]),
}

/// Encodes tensors by name, shape and elements; `path` is where they are meant to go.
pub(crate) fn encode(path: &Path, tensors: &[(&str, &[usize], Elements<'_>)]) -> Result<Vec<u8>, RunError> {
    let mut names: Vec<_> = tensors.iter().map(|(tensor, ..)| *tensor).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(RunError::encode(path, format_args!("two tensors are named {}", pair[0])));
    }
    let bytes: Vec<(Dtype, Vec<u8>)> = tensors
        .iter()
        .map(|(.., elements)| match elements {
            Elements::F32(data) => (Dtype::F32, data.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Elements::U8(data) => (Dtype::U8, data.to_vec()),
        })
        .collect();
    let mut views = Vec::with_capacity(tensors.len());
    for ((tensor, shape, _), (dtype, bytes)) in tensors.iter().zip(&bytes) {
        let view = TensorView::new(*dtype, shape.to_vec(), bytes)
            .map_err(|error| RunError::encode(path, format_args!("tensor {tensor}: {error}")))?;
        views.push((*tensor, view));
    }
    safetensors::serialize(views, None).map_err(|error| RunError::encode(path, error))
}

/// The tensors of bytes with these names, of a file's content; `path` is where it was read.
pub(crate) fn decode_bytes<const N: usize>(
    path: &Path,
    content: &[u8],
    names: [&str; N],
) -> Result<[Bytes; N], RunError> {
    let file = SafeTensors::deserialize(content).map_err(|error| RunError::damaged(path, error))?;
    let mut tensors = std::array::from_fn(|_| Bytes::default());
    for (tensor, name) in tensors.iter_mut().zip(names) {
        let view = file.tensor(name).map_err(|error| RunError::damaged(path, error))?;
        if view.dtype() != Dtype::U8 {
            return Err(RunError::damaged(
                path,
                format_args!("tensor {name} holds {:?}, not U8", view.dtype()),
            ));
        }
        *tensor = (view.shape().to_vec(), view.data().to_vec());
    }
    Ok(tensors)
}
