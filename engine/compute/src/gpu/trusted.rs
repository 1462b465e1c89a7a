//! Shader modules without run-time checks, for the kernels of `shaders/` alone.
//!
//! By default wgpu clamps every index into an array and counts the turns of every loop. In the inner loop of a matrix
//! product that is arithmetic at every read of shared memory, and a loop that drivers do not unroll. Scripts' kernels
//! keep these checks. So do all kernels in debug builds, and on software drivers, which take three times as long to
//! compile loops that they unroll.

use super::context::{Context, refused};
use super::kernels::Kernel;
use super::tile::Form;
use crate::Error;
use wgpu::ShaderRuntimeChecks;

/// A kernel of `shaders/`, of this form if it computes a product.
pub(super) fn module(
    context: &Context,
    kernel: &'static Kernel,
    form: Option<Form>,
) -> Result<wgpu::ShaderModule, Error> {
    let source = wgpu::ShaderSource::Wgsl(kernel.source(form).into());
    let descriptor = wgpu::ShaderModuleDescriptor { label: Some(kernel.name), source };
    if cfg!(debug_assertions) || context.software {
        return context.module(descriptor);
    }
    let create = || {
        // SAFETY: a `Kernel` can only come from the table of files that this program was compiled with. Their loops
        // are all `for` loops whose counter runs to a bound fixed before the loop. They index buffers by sizes that
        // `Plan::check` has compared with the lengths of what is bound, and shared memory by constants; they divide by
        // sizes that it has found to be positive.
        #[expect(unsafe_code, reason = "a shader without run-time checks")]
        unsafe {
            context.device.create_shader_module_trusted(descriptor, ShaderRuntimeChecks::unchecked())
        }
    };
    context.guarded(create, |error| refused(kernel.name, &error))
}
