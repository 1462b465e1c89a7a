//! Event files that TensorBoard reads.
//!
//! A file is a list of records: length (u64), its masked CRC-32C (u32), bytes, their masked CRC-32C (u32), little-endian.
//! The bytes are an `Event` of `tensorflow/core/util/event.proto` in protobuf's wire format, of which five fields are
//! needed, so that a protobuf library would be most of the code:
//!
//! ```text
//! Event   { 1: double wall_time   2: int64 step   3: string file_version   5: Summary summary }
//! Summary { 1: repeated Value value }             Value { 1: string tag   2: float simple_value }
//! ```

use kelvin_run::History;

/// The records of a run as one event file; steps are frames. `start` is when it began, seconds since 1970. Tags under
/// `train/` and `eval/` are never mixed.
pub fn event_file(history: &History, start: f64) -> Vec<u8> {
    let mut file = Vec::new();
    record(&mut file, &version(start));
    let wall = history.wall_clock();
    let time = |agent_steps: u64| {
        let after = wall.partition_point(|(steps, _)| *steps <= agent_steps);
        start + after.checked_sub(1).map_or(0.0, |last| wall[last].1)
    };
    let mut events: Vec<(u64, f64, String, f64)> = Vec::new();
    let mut add = |frames: u64, agent_steps: u64, tag: String, value: Option<f64>| {
        events.extend(value.map(|value| (frames, time(agent_steps), tag, value)));
    };
    for episode in &history.episodes {
        let (frames, steps) = (episode.frames, episode.agent_steps);
        add(frames, steps, "train/episode_return".to_owned(), Some(episode.episode_return));
        add(frames, steps, "train/episode_length".to_owned(), Some(episode.episode_agent_steps as f64));
    }
    for train in &history.train {
        let (frames, steps) = (train.frames, train.agent_steps);
        add(frames, steps, "train/mean_return".to_owned(), train.mean_return);
        add(frames, steps, "train/learning_rate".to_owned(), Some(train.learning_rate));
        add(frames, steps, "train/epsilon".to_owned(), Some(train.epsilon));
        add(frames, steps, "train/updates".to_owned(), Some(train.updates as f64));
        for (name, value) in &train.metrics {
            add(frames, steps, format!("metrics/{name}"), *value);
        }
        for (name, value) in &train.params {
            add(frames, steps, format!("params/{name}"), Some(*value));
        }
        for (kind, norms) in [("grad_norms", &train.grad_norms), ("weight_norms", &train.weight_norms)] {
            for (name, value) in norms {
                add(frames, steps, format!("{kind}/{name}"), *value);
            }
        }
    }
    for evaluation in &history.evaluations {
        let (frames, steps) = (evaluation.frames, evaluation.agent_steps);
        add(frames, steps, "eval/mean_return".to_owned(), Some(evaluation.mean_return));
        add(frames, steps, "eval/std_return".to_owned(), Some(evaluation.std_return));
    }
    // Timing knows agent steps alone; the frames of the record that it was written with are beside it.
    for timing in &history.timing {
        let place = history.train.partition_point(|train| train.agent_steps < timing.agent_steps);
        let train = history.train.get(place).filter(|train| train.agent_steps == timing.agent_steps);
        if let Some(train) = train {
            add(train.frames, train.agent_steps, "speed/frames_per_s".to_owned(), Some(timing.frames_per_s));
            add(
                train.frames,
                train.agent_steps,
                "speed/updates_per_s".to_owned(),
                Some(timing.updates_per_s),
            );
        }
    }
    // A step that goes backwards is a restart to TensorBoard, which then drops what came after.
    events.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    for (frames, time, tag, value) in events {
        record(&mut file, &scalar(time, frames, &tag, value as f32));
    }
    file
}

fn version(time: f64) -> Vec<u8> {
    let mut event = double(1, time);
    event.extend(bytes(3, b"brain.Event:2"));
    event
}

fn scalar(time: f64, step: u64, tag: &str, value: f32) -> Vec<u8> {
    let mut scalar = bytes(1, tag.as_bytes());
    scalar.push(key(2, 5));
    scalar.extend(value.to_le_bytes());
    let mut event = double(1, time);
    event.push(key(2, 0));
    event.extend(varint(step));
    event.extend(bytes(5, &bytes(1, &scalar)));
    event
}

/// A field's number and wire type: 0 a varint, 1 eight bytes, 2 a length and bytes, 5 four bytes.
fn key(field: u8, wire: u8) -> u8 {
    field << 3 | wire
}

fn double(field: u8, value: f64) -> Vec<u8> {
    let mut encoded = vec![key(field, 1)];
    encoded.extend(value.to_le_bytes());
    encoded
}

fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    let mut encoded = vec![key(field, 2)];
    encoded.extend(varint(content.len() as u64));
    encoded.extend(content);
    encoded
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn varint(mut number: u64) -> Vec<u8> {
    let mut encoded = Vec::new();
    while number >= 0x80 {
        encoded.push(number as u8 | 0x80);
        number >>= 7;
    }
    encoded.push(number as u8);
    encoded
}

fn record(file: &mut Vec<u8>, content: &[u8]) {
    let length = (content.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked_crc(&length).to_le_bytes());
    file.extend(content);
    file.extend(masked_crc(content).to_le_bytes());
}

/// A CRC of data that holds CRCs would be weak: so it is turned and shifted.
fn masked_crc(content: &[u8]) -> u32 {
    crc32c::crc32c(content).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_is_as_tensorflow_writes_it() {
        let file = event_file(&History::default(), 0.0);
        // Length 24, then what TensorFlow's own writer puts for it.
        assert_eq!(file[..8], 24u64.to_le_bytes());
        assert_eq!(file.len(), 8 + 4 + 24 + 4);
        assert_eq!(
            &file[12..],
            [&[9, 0, 0, 0, 0, 0, 0, 0, 0, 26, 13][..], b"brain.Event:2", &file[36..]].concat()
        );
        // RFC 3720, B.4: the CRC of 32 zeros is 0x8a9136aa.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(masked_crc(&[0; 32]), 0x8a91_36aa_u32.rotate_right(15).wrapping_add(0xa282_ead8));
    }

    #[test]
    fn numbers_are_varints() {
        assert_eq!((varint(0), varint(127), varint(300)), (vec![0], vec![127], vec![0xac, 0x02]));
    }
}
