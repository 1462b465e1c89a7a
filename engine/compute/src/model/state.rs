//! What a model learned, and how it goes from one model to another.

use super::{Model, ModelSpec};
use crate::Error;

/// One named tensor of a [`ModelState`].
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// `online.`, `target.`, or what the optimizer remembers, such as `adam.m.`, then the parameter's name, as in
    /// `online.conv1.weight`.
    pub name: String,
    /// Dimensions, row-major.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: Vec<f32>,
}

/// All that a model learned. A model that imports it goes on with the same bits.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelState {
    /// Parameters and moments.
    pub tensors: Vec<Tensor>,
    /// Updates made.
    pub updates: u64,
}

impl Model {
    /// Waits for the device and copies everything learned.
    pub fn export(&mut self) -> Result<ModelState, Error> {
        let mut tensors = Vec::new();
        let mut flat = vec![0.0; self.network.param_len()];
        for (prefix, buf) in self.bufs.learned() {
            self.executor.read(buf, &mut flat)?;
            tensors.extend(self.network.tensors().iter().map(|tensor| Tensor {
                name: format!("{prefix}.{}", tensor.name),
                shape: tensor.shape.clone(),
                data: flat[tensor.range()].to_vec(),
            }));
        }
        Ok(ModelState { tensors, updates: self.updates })
    }

    /// The gradient of the last update as the optimizer took it, so after clipping, in the order of [`Model::tensors`].
    /// Waits for the device.
    pub fn last_gradient(&mut self) -> Result<Vec<f32>, Error> {
        let mut grads = vec![0.0; self.network.param_len()];
        self.executor.read(self.bufs.grads, &mut grads)?;
        Ok(grads)
    }

    /// Makes it the gradient of the last update again: norms are taken from it until the next.
    ///
    /// # Errors
    /// One of another length.
    pub fn import_gradient(&mut self, gradient: &[f32]) -> Result<(), Error> {
        let wanted = self.network.param_len();
        if gradient.len() != wanted {
            let found = gradient.len();
            return Err(Error::Misuse(format!("a gradient of {found} elements for a model of {wanted}")));
        }
        self.executor.write(self.bufs.grads, gradient)
    }

    /// The online network's parameters, in the order of [`Model::tensors`]. Waits for the device.
    pub fn params(&mut self) -> Result<Vec<f32>, Error> {
        let mut params = vec![0.0; self.network.param_len()];
        self.executor.read(self.bufs.online, &mut params)?;
        Ok(params)
    }

    /// Replaces everything learned. On an error, which names the tensor, nothing was changed.
    pub fn import(&mut self, state: &ModelState) -> Result<(), Error> {
        let expected = self.bufs.learned().count() * self.network.tensors().len();
        if state.tensors.len() != expected {
            let found = state.tensors.len();
            return Err(Error::Misuse(format!("a state of {found} tensors for a model of {expected}")));
        }
        let learned = self.bufs.learned();
        let staged = learned.map(|(prefix, buf)| Ok((buf, self.flat(state, prefix)?)));
        let staged = staged.collect::<Result<Vec<_>, Error>>()?;
        for (buf, flat) in staged {
            self.executor.write(buf, &flat)?;
        }
        self.updates = state.updates;
        self.clear_guard()
    }

    /// Replaces the online network by that of a state, whatever the optimizer it was learned with, and the target
    /// network by that state's. On an error, which names the tensor, nothing was changed.
    pub fn import_networks(&mut self, state: &ModelState) -> Result<(), Error> {
        let (online, target) = (self.flat(state, "online")?, self.flat(state, "target")?);
        self.executor.write(self.bufs.online, &online)?;
        self.executor.write(self.bufs.target, &target)
    }

    /// Makes the online network of a state the target network. On an error, which names the tensor, nothing was
    /// changed.
    pub fn import_target(&mut self, state: &ModelState) -> Result<(), Error> {
        let target = self.flat(state, "online")?;
        self.executor.write(self.bufs.target, &target)
    }

    /// The tensors of a state whose names begin like this, as one vector.
    fn flat(&self, state: &ModelState, prefix: &str) -> Result<Vec<f32>, Error> {
        let mut flat = vec![0.0; self.network.param_len()];
        for spec in self.network.tensors() {
            let name = format!("{prefix}.{}", spec.name);
            let tensor = state.tensors.iter().find(|tensor| tensor.name == name);
            let tensor = tensor.ok_or_else(|| Error::Misuse(format!("the state has no tensor `{name}`")))?;
            let to = &mut flat[spec.range()];
            if tensor.shape != spec.shape || tensor.data.len() != to.len() {
                return Err(Error::Misuse(format!(
                    "tensor `{name}` has shape {:?} and {} elements, the model needs {:?}",
                    tensor.shape,
                    tensor.data.len(),
                    spec.shape
                )));
            }
            to.copy_from_slice(&tensor.data);
        }
        Ok(flat)
    }

    /// Goes on where `old` is: parameters, target network, moments, update counter and faults that were not yet
    /// reported come over on the device itself, the objective and its live parameters stay. The two must be of one
    /// device, and their specs equal in all but `reads`. On an error nothing was changed; otherwise `old` is left with
    /// parameters that mean nothing.
    pub fn take_over(&mut self, old: &mut Model) -> Result<(), Error> {
        let spec = ModelSpec { reads: self.spec.reads.clone(), ..old.spec.clone() };
        if spec != self.spec {
            return Err(Error::Misuse(format!(
                "a model of {:?} cannot take over from one of {:?}",
                self.spec, old.spec
            )));
        }
        let ours = self.bufs.learned().map(|(_, buf)| buf).chain([self.bufs.guard]);
        let theirs = old.bufs.learned().map(|(_, buf)| buf).chain([old.bufs.guard]);
        let pairs: Vec<_> = ours.zip(theirs).collect();
        self.executor.take_over(&mut *old.executor, &pairs)?;
        (self.updates, self.reported) = (old.updates, old.reported);
        Ok(())
    }
}
