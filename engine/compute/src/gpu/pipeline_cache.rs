//! Compiled pipelines, kept on disk by the driver's leave: a second start does not compile the kernels again.
//!
//! Only kernels of `shaders/` go in. The file never shrinks, and scripts' kernels change with every edit.

use super::cache;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;

/// The driver's cache, and its file.
#[derive(Debug)]
pub(super) struct PipelineCache {
    pub(super) handle: wgpu::PipelineCache,
    path: PathBuf,
}

impl PipelineCache {
    /// `None` without a cache folder, or where the backend has no such cache. The device must have
    /// [`wgpu::Features::PIPELINE_CACHE`].
    pub(super) fn open(device: &wgpu::Device, adapter: &wgpu::AdapterInfo) -> Option<Self> {
        let key = wgpu::util::pipeline_cache_key(adapter)?;
        let path = cache::folder()?.join(format!("{key}-{}", env!("CARGO_PKG_VERSION")));
        let data = fs::read(&path).ok().and_then(|file| checked(&file).map(<[u8]>::to_vec));
        let label = Some("kelvin");
        let descriptor = wgpu::PipelineCacheDescriptor { label, data: data.as_deref(), fallback: true };
        // SAFETY: the data is what `get_data` returned, since `keep` writes nothing else in a file of this name, and
        // its checksum says that it is whole. wgpu and the driver refuse what comes from another device or driver.
        #[expect(unsafe_code, reason = "the driver reads these bytes unchecked")]
        let handle = unsafe { device.create_pipeline_cache(&descriptor) };
        Some(Self { handle, path })
    }

    /// Writes what has been compiled since, if anything has.
    pub(super) fn keep(&self) {
        let Some(data) = self.handle.get_data() else { return };
        let file = [&checksum(&data).to_le_bytes()[..], &data].concat();
        if fs::read(&self.path).ok().as_ref() != Some(&file) {
            cache::replace(&self.path, &file);
        }
    }
}

/// The content of a file, unless it is damaged.
fn checked(file: &[u8]) -> Option<&[u8]> {
    let (sum, data) = file.split_first_chunk()?;
    (u64::from_le_bytes(*sum) == checksum(data)).then_some(data)
}

fn checksum(data: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(data);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_has_no_content() {
        let data = b"what a driver wrote".to_vec();
        let file = [&checksum(&data).to_le_bytes()[..], &data].concat();
        assert_eq!(checked(&file), Some(&data[..]));
        assert_eq!(checked(&file[..file.len() - 1]), None);
        assert_eq!(checked(&file[..5]), None);
        assert_eq!(checked(&[&[1], &file[1..]].concat()), None);
    }
}
