//! Where an environment stands, to and from bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::EnvError;

/// The bytes of what an environment is made of.
pub(crate) fn encode(state: &impl Serialize) -> Vec<u8> {
    // Numbers, lists and options of them all have such a form, and memory is the only place they are written to.
    postcard::to_stdvec(state).expect("plain values can be written to memory")
}

/// What [`encode`] made bytes of, for an environment of that name.
pub(crate) fn decode<T: DeserializeOwned>(id: &str, bytes: &[u8]) -> Result<T, EnvError> {
    match postcard::take_from_bytes(bytes) {
        Ok((state, [])) => Ok(state),
        Ok(_) => Err(refused(id, "there is more than belongs to it")),
        Err(error) => Err(refused(id, error)),
    }
}

/// Why an environment cannot be brought to where another was.
pub(crate) fn refused(id: &str, reason: impl ToString) -> EnvError {
    EnvError::State { id: id.to_owned(), reason: reason.to_string() }
}
