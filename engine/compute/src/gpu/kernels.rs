//! The table of WGSL kernels: the text of each, joined from its own file and what it shares with others, and
//! how each uses its bindings.

use super::tile::Form;

/// How a kernel uses a storage buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadWrite,
}

use Access::{Read, ReadWrite};

/// One WGSL kernel; its entry point is `main`. Sizes are its pipeline-overridable constants.
#[derive(Debug)]
pub(super) struct Kernel {
    /// The name of its file in `shaders/`.
    pub(super) name: &'static str,
    parts: &'static [&'static str],
    /// Use of bindings 0, 1, … of group 0.
    pub(super) bindings: &'static [Access],
}

impl Kernel {
    /// The whole text; that of a product has a form.
    pub(super) fn source(&self, form: Option<Form>) -> String {
        form.map(|form| form.source()).unwrap_or_default() + &self.parts.concat()
    }
}

/// Text of a file in `shaders/`.
macro_rules! text {
    ($folder:literal, $name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders/", $folder, $name, ".wgsl"))
    };
}

/// Declares kernels, and the list of them all for the tests.
macro_rules! kernels {
    ($($id:ident = $name:literal + [$($shared:literal),*], [$($access:ident),*];)*) => {
        $(pub(super) static $id: Kernel = Kernel {
            name: $name,
            parts: &[text!("", $name) $(, text!("shared/", $shared))*],
            bindings: &[$($access),*],
        };)*
        #[cfg(test)]
        static ALL: &[&Kernel] = &[$(&$id),*];
    };
}

kernels! {
    ADAM = "adam" + ["linear_index"], [Read, Read, Read, ReadWrite, ReadWrite, ReadWrite];
    CLIP_NORM_SCALE = "clip_norm_scale" + ["sum_lanes", "clip_chunk"], [Read, Read, ReadWrite, ReadWrite];
    CLIP_NORM_SQUARES = "clip_norm_squares" + ["sum_lanes", "clip_chunk"], [Read, Read, ReadWrite];
    COLUMN_MEANS = "column_means" + ["sum_lanes"], [Read, ReadWrite];
    CONV2D_BACKWARD_INPUT = "conv2d_backward_input" + ["store_backward_input"], [Read, Read, ReadWrite, Read];
    CONV2D_BACKWARD_PARAMS = "conv2d_backward_params" + ["rows_of_b", "store_backward_params", "patch"],
        [Read, Read, ReadWrite];
    CONV2D_FORWARD = "conv2d_forward" + ["rows_of_b", "store_forward", "activate", "patch"],
        [Read, Read, ReadWrite, Read];
    COPY = "copy" + ["linear_index"], [Read, ReadWrite];
    DECODE_FRAMES = "decode_frames" + ["linear_index"], [Read, ReadWrite];
    DENSE_BACKWARD_INPUT = "dense_backward_input" + ["store_backward_input"], [Read, Read, ReadWrite, Read];
    DENSE_BACKWARD_PARAMS = "dense_backward_params" + ["rows_of_b", "store_backward_params"],
        [Read, Read, ReadWrite];
    DENSE_FORWARD = "dense_forward" + ["rows_of_b", "store_forward", "activate"],
        [Read, Read, ReadWrite, Read];
    GUARD = "guard" + ["sum_lanes"], [Read, Read, Read, ReadWrite];
    REDUCE_BACKWARD_PARAMS = "reduce_backward_params" + ["linear_index"], [Read, ReadWrite];
    REDUCE_FORWARD = "reduce_forward" + ["linear_index", "activate"], [Read, Read, ReadWrite];
    RMSPROP = "rmsprop" + ["linear_index"], [Read, Read, Read, ReadWrite, ReadWrite];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::tile::{self, Quads};
    use naga::{AddressSpace, StorageAccess};
    use std::collections::BTreeSet;

    /// Those that a kernel can be joined to.
    fn forms(kernel: &Kernel) -> Vec<Option<Form>> {
        if !kernel.source(None).contains("fn load_a(") {
            return vec![None];
        }
        let quads = [false, true].into_iter().flat_map(|a| [false, true].map(|b| [a, b]));
        let quads = quads.flat_map(|[a, b]| [false, true].map(|c| Quads { a, b, c }));
        // Frames are images, which only convolutions read.
        let frames = [false, true]
            .into_iter()
            .filter(|frames| !frames || kernel.source(None).contains("fn patch_start("));
        let forms = |(quads, frames)| tile::all().map(move |tile| Some(Form { tile, quads, frames }));
        quads.flat_map(|quads| frames.clone().map(move |frames| (quads, frames))).flat_map(forms).collect()
    }

    #[test]
    fn every_kernel_is_valid_wgsl_and_binds_what_the_table_says() {
        for (kernel, form) in
            ALL.iter().flat_map(|kernel| forms(kernel).into_iter().map(move |f| (kernel, f)))
        {
            let module = super::super::validate::module(&kernel.source(form))
                .unwrap_or_else(|e| panic!("{}, {form:?}: {e}", kernel.name));
            assert_eq!(module.entry_points.len(), 1, "{}", kernel.name);
            assert_eq!(module.entry_points[0].name, "main", "{}", kernel.name);
            let mut bindings: Vec<_> = module
                .global_variables
                .iter()
                .filter_map(|(_, variable)| Some((variable.binding?, variable.space)))
                .map(|(binding, space)| match space {
                    AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => {
                        (binding.binding, ReadWrite)
                    }
                    AddressSpace::Storage { .. } => (binding.binding, Read),
                    other => panic!("{}: binding {} is {other:?}", kernel.name, binding.binding),
                })
                .collect();
            bindings.sort_by_key(|(binding, _)| *binding);
            let expected: Vec<_> = (0..).zip(kernel.bindings.iter().copied()).collect();
            assert_eq!(bindings, expected, "{}", kernel.name);
        }
    }

    #[test]
    fn every_file_is_in_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".wgsl").map(str::to_owned))
            .collect();
        let names: BTreeSet<String> = ALL.iter().map(|kernel| kernel.name.to_owned()).collect();
        assert_eq!(files, names);
    }
}
