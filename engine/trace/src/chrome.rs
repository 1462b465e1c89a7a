//! Traces in the JSON that Chromium's tracing page and Perfetto open (the "Trace Event Format": complete events, times in
//! microseconds).

use crate::{SpanRecord, Trace, Track};
use serde::ser::{SerializeSeq, Serializer};
use serde_json::{Value, json};
use std::io::{self, Write};

/// The track of a device, where threads have small numbers.
const DEVICE: u32 = 1_000_000;

impl Trace {
    /// Writes the trace as one JSON array.
    pub fn write_chrome(&self, out: impl Write) -> io::Result<()> {
        let mut serializer = serde_json::Serializer::new(out);
        let mut events = serializer.serialize_seq(None)?;
        for (thread, name) in &self.threads {
            events.serialize_element(&track_name(*thread, name))?;
        }
        if self.spans.iter().any(|span| span.track == Track::Device) {
            events.serialize_element(&track_name(DEVICE, "device"))?;
        }
        for span in &self.spans {
            events.serialize_element(&self.event(span))?;
        }
        Ok(events.end()?)
    }

    fn event(&self, span: &SpanRecord) -> Value {
        let track = match span.track {
            Track::Thread(thread) => thread,
            Track::Device => DEVICE,
        };
        let start = span.start.saturating_duration_since(self.start);
        let micros = |time: std::time::Duration| time.as_nanos() as f64 / 1e3;
        json!({ "ph": "X", "pid": 1, "tid": track, "name": span.name, "ts": micros(start), "dur": micros(span.length) })
    }
}

fn track_name(track: u32, name: &str) -> Value {
    json!({ "ph": "M", "pid": 1, "tid": track, "name": "thread_name", "args": { "name": name } })
}
