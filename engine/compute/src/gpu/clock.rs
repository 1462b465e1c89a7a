//! When each op ran, by the device's own clock: for profiles.
//!
//! While somebody records, every op is a pass of its own between two timestamps, and a submission is waited for: a profile
//! shows how long kernels take, and not how well the host runs ahead of them.

use super::context::Context;
use crate::Error;
use kelvin_trace::device_span;
use std::time::{Duration, Instant};
use wgpu::BufferUsages;

/// Bytes of a timestamp.
const STAMP: u64 = wgpu::QUERY_SIZE as u64;

/// Timestamps of one submission.
pub(super) struct Clock {
    queries: wgpu::QuerySet,
    /// Ops that there is room for.
    capacity: usize,
    resolved: wgpu::Buffer,
    /// What reading maps.
    pub(super) staging: wgpu::Buffer,
    /// Nanoseconds of a tick.
    period: f64,
}

impl Clock {
    /// Room for so many ops, or for as many as a device can time at once. `None` where it has no clock.
    pub(super) fn new(context: &Context, ops: usize) -> Result<Option<Self>, Error> {
        if !context.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let capacity = ops.clamp(1, wgpu::QUERY_SET_MAX_QUERIES as usize / 2);
        let words = 2 * capacity * STAMP as usize / 4;
        let descriptor = wgpu::QuerySetDescriptor {
            label: Some("clock"),
            ty: wgpu::QueryType::Timestamp,
            count: 2 * capacity as u32,
        };
        let queries = context.guarded(
            || context.device.create_query_set(&descriptor),
            |error| Error::Unsupported(format!("no timestamps: {error}")),
        )?;
        Ok(Some(Self {
            queries,
            capacity,
            resolved: context.buffer("clock", words, BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC)?,
            staging: context.buffer("clock, read", words, BufferUsages::COPY_DST | BufferUsages::MAP_READ)?,
            period: f64::from(context.queue().get_timestamp_period()),
        }))
    }

    /// What the pass of the `index`th op writes; nothing for those that there is no room for.
    pub(super) fn writes(&self, index: usize) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let first = 2 * u32::try_from(index).ok()?;
        (index < self.capacity).then_some(wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        })
    }

    /// Makes the timestamps of so many ops readable; returns their bytes.
    pub(super) fn resolve(&self, encoder: &mut wgpu::CommandEncoder, ops: usize) -> u64 {
        let stamps = 2 * ops.min(self.capacity) as u32;
        let size = u64::from(stamps) * STAMP;
        encoder.resolve_query_set(&self.queries, 0..stamps, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.staging, 0, size);
        size
    }

    /// Notes the spans of a submission that ended just before `end`.
    pub(super) fn note<'a>(&self, labels: impl Iterator<Item = &'a str>, stamps: &[u64], end: Instant) {
        let Some(last) = stamps.last() else { return };
        let time = |ticks: u64| Duration::from_nanos((ticks as f64 * self.period) as u64);
        for (label, stamp) in labels.zip(stamps.as_chunks::<2>().0) {
            let before_end = time(last.saturating_sub(stamp[0]));
            let length = time(stamp[1].saturating_sub(stamp[0]));
            // At the earliest when the process began.
            if let Some(start) = end.checked_sub(before_end) {
                device_span(label.to_owned(), start, length);
            }
        }
    }
}
