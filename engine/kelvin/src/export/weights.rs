//! Weights as PyTorch has them.
//!
//! The engine's layouts are those that its kernels read fastest: a convolution's weights `[kernel, kernel, in, out]`, a
//! dense layer's `[in, out]`, images with their channels last. PyTorch's are `[out, in, kernel, kernel]`, `[out, in]` and
//! channels first. The first dense layer after images reads them flattened, so that its columns move too. What comes out
//! loads into `Conv2d`, `Flatten` and `Linear` as they are (`docs/load_pytorch.py`).

use super::save;
use crate::console::Console;
use crate::evaluate::{EvalRequest, Player};
use crate::failure::Failure;
use kelvin_compute::Tensor;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::Path;

/// Observations in the example.
const EXAMPLES: usize = 8;
/// Steps between two of them.
const APART: usize = 20;

/// Writes the online network of a run's newest checkpoint, and a few observations with its outputs to check a loader
/// against.
///
/// # Errors
/// A run without a checkpoint, an environment that cannot be made, or a disk that does not take the files.
pub fn weights(request: &EvalRequest, out: &Path, console: &Console) -> Result<(), Failure> {
    let mut player = Player::open(request, EXAMPLES, console)?;
    let online = player.weights()?;
    let spec = player.envs.spec().clone();
    let images = [spec.stack, spec.height, spec.width];
    let strides = player.model.spec().net.strides();
    let tensors = for_pytorch(&online, images, &strides);
    let heads = player.config.heads.iter().scan(0, |column, head| {
        let columns = head.columns(spec.actions.len());
        let said = format!("{}:{}:{}", format!("{head:?}").to_lowercase(), column, *column + columns);
        *column += columns;
        Some(said)
    });
    let about = HashMap::from([
        ("kelvin".to_owned(), crate::VERSION.to_owned()),
        ("env".to_owned(), player.config.env.clone()),
        ("actions".to_owned(), spec.actions.join(",")),
        ("heads".to_owned(), heads.collect::<Vec<_>>().join(",")),
        ("input".to_owned(), "[batch, stack, height, width] bytes / 255, the oldest frame first".to_owned()),
        ("stack".to_owned(), spec.stack.to_string()),
        ("strides".to_owned(), strides.iter().map(usize::to_string).collect::<Vec<_>>().join(",")),
        ("frames".to_owned(), player.frames_trained.to_string()),
        ("updates".to_owned(), player.updates.to_string()),
    ]);
    let said = format!("{} tensors, after {} updates", tensors.len(), player.updates);
    let views = views(&tensors)?;
    save(out, "weights.safetensors", &encode(views, Some(about))?, console, &said)?;
    let (obs, outputs) = examples(&mut player)?;
    let bytes: Vec<u8> = outputs.iter().flat_map(|output| output.to_le_bytes()).collect();
    let [stack, height, width] = images;
    let columns = outputs.len() / EXAMPLES;
    let views = vec![
        ("obs", view(Dtype::U8, vec![EXAMPLES, stack, height, width], &obs)?),
        ("outputs", view(Dtype::F32, vec![EXAMPLES, columns], &bytes)?),
    ];
    save(
        out,
        "example.safetensors",
        &encode(views, None)?,
        console,
        "observations and the network's outputs there",
    )?;
    Ok(())
}

/// Parameters of the online network in the order of its layers, in PyTorch's layout.
fn for_pytorch(online: &[Tensor], [stack, height, width]: [usize; 3], strides: &[usize]) -> Vec<Tensor> {
    // What a dense layer's inputs are, if they are a flattened image: positions and channels.
    let mut image = Some((height * width, stack));
    let mut last = (height, width);
    let mut strides = strides.iter();
    let convert = |tensor: &Tensor| {
        let Tensor { name, shape, data } = tensor;
        match *shape.as_slice() {
            [kernel, _, c_in, c_out] => {
                // A stride for each of the convolutions.
                last = shrunk(last, kernel, strides.next().copied().unwrap_or(1));
                image = Some((last.0 * last.1, c_out));
                Tensor {
                    name: name.clone(),
                    shape: vec![c_out, c_in, kernel, kernel],
                    data: transposed(data, kernel * kernel, c_in, c_out),
                }
            }
            [inputs, outputs] => {
                let (positions, channels) = image.take().unwrap_or((1, inputs));
                Tensor {
                    name: name.clone(),
                    shape: vec![outputs, inputs],
                    data: transposed(data, positions, channels, outputs),
                }
            }
            _ => tensor.clone(),
        }
    };
    online.iter().map(convert).collect()
}

/// Height and width after a convolution.
fn shrunk((height, width): (usize, usize), kernel: usize, stride: usize) -> (usize, usize) {
    ((height - kernel) / stride + 1, (width - kernel) / stride + 1)
}

/// `[positions, channels, outputs]` to `[outputs, channels, positions]`.
fn transposed(data: &[f32], positions: usize, channels: usize, outputs: usize) -> Vec<f32> {
    let mut turned = Vec::with_capacity(data.len());
    for output in 0..outputs {
        for channel in 0..channels {
            turned.extend(
                (0..positions).map(|position| data[(position * channels + channel) * outputs + output]),
            );
        }
    }
    turned
}

fn views(tensors: &[Tensor]) -> Result<Vec<(&str, Owned)>, Failure> {
    let owned = |tensor: &Tensor| Owned {
        shape: tensor.shape.clone(),
        bytes: tensor.data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        dtype: Dtype::F32,
    };
    Ok(tensors.iter().map(|tensor| (tensor.name.as_str(), owned(tensor))).collect())
}

fn view(dtype: Dtype, shape: Vec<usize>, bytes: &[u8]) -> Result<Owned, Failure> {
    Ok(Owned { dtype, shape, bytes: bytes.to_vec() })
}

/// A tensor's bytes.
struct Owned {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn encode(tensors: Vec<(&str, Owned)>, about: Option<HashMap<String, String>>) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::failed(format!("the weights cannot be encoded: {error}"));
    let views = tensors.iter().map(|(name, tensor)| {
        let Owned { dtype, shape, bytes } = tensor;
        Ok((*name, TensorView::new(*dtype, shape.clone(), bytes).map_err(failed)?))
    });
    let views = views.collect::<Result<Vec<_>, Failure>>()?;
    safetensors::serialize(views, about).map_err(failed)
}

/// Observations of random play, `[examples, stack, height, width]`, and the outputs there, `[examples, outputs]`.
fn examples(player: &mut Player) -> Result<(Vec<u8>, Vec<f32>), Failure> {
    let actions = player.envs.spec().actions.len();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    for step in 0..APART * EXAMPLES {
        // Each environment stops a little later than the one before it.
        let actions: Vec<Option<usize>> = (0..EXAMPLES)
            .map(|env| {
                let action = rng.random_range(0..actions);
                (step < APART * env).then_some(action)
            })
            .collect();
        player.envs.step_some(&actions)?;
    }
    let obs = player.envs.obs().to_vec();
    let mut outputs = vec![0.0; EXAMPLES * player.model.spec().outputs];
    player.model.act(&obs, &mut outputs)?;
    Ok((obs, outputs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_turned_element_by_element() {
        // Two positions, three channels, two outputs: element (position, channel, output) is 100 p + 10 c + o.
        let at =
            |position: usize, channel: usize, output: usize| (100 * position + 10 * channel + output) as f32;
        let mut data = Vec::new();
        for position in 0..2 {
            for channel in 0..3 {
                data.extend((0..2).map(|output| at(position, channel, output)));
            }
        }
        let turned = transposed(&data, 2, 3, 2);
        assert_eq!(turned[..4], [at(0, 0, 0), at(1, 0, 0), at(0, 1, 0), at(1, 1, 0)]);
        assert_eq!(turned[6], at(0, 0, 1));
    }

    #[test]
    fn only_the_layer_that_reads_an_image_has_its_columns_moved() {
        let tensor = |name: &str, shape: &[usize]| Tensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            data: (0..shape.iter().product::<usize>()).map(|i| i as f32).collect(),
        };
        let online =
            [tensor("dense1.weight", &[4, 1]), tensor("dense1.bias", &[1]), tensor("output.weight", &[4, 1])];
        let turned = for_pytorch(&online, [2, 1, 2], &[]);
        assert_eq!(turned[0].data, [0.0, 2.0, 1.0, 3.0], "channels first");
        assert_eq!((&turned[0].shape[..], &turned[1].data[..]), (&[1, 4][..], &[0.0][..]));
        assert_eq!(turned[2].data, [0.0, 1.0, 2.0, 3.0]);
    }
}
