//! WGSL checked before a driver sees it: a text that fails in a driver can take the device with it.

use naga::valid::{Capabilities, ValidationFlags, Validator};

/// Parses and validates; an error is the compiler's words with the place in the text.
pub(super) fn module(source: &str) -> Result<naga::Module, String> {
    let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .map_err(|error| error.emit_to_string(source))?;
    Ok(module)
}
