//! What happened to a run, as its `events.jsonl` grows.

use std::io;
use std::path::Path;
use std::sync::Arc;

use kelvin_run::Event;

use super::follow::{Change, Follower, Position};

/// Events that are kept: the newest. A run that fails to sample at each step could have millions.
const MOST: usize = 5000;

/// The events of a run.
pub(super) struct EventLog {
    file: Follower,
    events: Arc<[Event]>,
    left_out: usize,
    damaged: Option<u64>,
    /// Whether the last look ended in an error: nobody knows which lines of it were taken.
    is_void: bool,
}

impl EventLog {
    /// Begins with the run in the folder `run`.
    pub fn new(run: &Path) -> Self {
        let file = Follower::new(run.join("events.jsonl"), Position::default());
        Self { file, events: Arc::default(), left_out: 0, damaged: None, is_void: false }
    }

    /// The newest events, oldest first.
    pub fn events(&self) -> &Arc<[Event]> {
        &self.events
    }

    /// What is missing, in words.
    pub fn problem(&self) -> Option<String> {
        if let Some(line) = self.damaged {
            return Some(format!("events.jsonl: line {line} is damaged; the rest is shown"));
        }
        (self.left_out > 0).then(|| format!("the oldest {} events are not shown", self.left_out))
    }

    /// Reads on; whether anything is new.
    pub fn advance(&mut self) -> io::Result<bool> {
        let was_void = std::mem::replace(&mut self.is_void, true);
        if was_void {
            self.file.restart();
        }
        let restarted = was_void | (self.file.look()? == Change::Restarted);
        if restarted {
            (self.events, self.left_out, self.damaged) = (Arc::default(), 0, None);
        }
        let before = self.file.position().offset;
        let (mut buffer, mut fresh, mut suspect) = (Vec::new(), Vec::new(), None);
        while let Some(chunk) = self.file.read(&mut buffer)? {
            let mut number = chunk.lines;
            for line in chunk.bytes.split_inclusive(|&byte| byte == b'\n') {
                number += 1;
                match serde_json::from_slice::<Event>(line) {
                    Ok(event) => {
                        self.damaged = self.damaged.or(suspect);
                        fresh.push(event);
                    }
                    // The last line may be one that was never finished.
                    Err(_) => suspect = suspect.or(Some(number)),
                }
            }
            // No more than is kept, however long the file.
            let over = fresh.len().saturating_sub(MOST);
            fresh.drain(..over);
            self.left_out += over;
        }
        if !fresh.is_empty() {
            let over = (self.events.len() + fresh.len()).saturating_sub(MOST);
            self.left_out += over;
            self.events = self.events.iter().skip(over).cloned().chain(fresh.drain(..)).collect();
        }
        self.is_void = false;
        Ok(restarted || self.file.position().offset != before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn line(update: usize) -> String {
        format!("{{\"event\":\"reload\",\"update\":{update},\"agent_steps\":1,\"ms\":3}}\n")
    }

    #[test]
    fn events_are_followed_and_a_damaged_line_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut log = EventLog::new(folder.path());
        assert!(!log.advance().unwrap());
        fs::write(&path, line(1) + "{\"eve\n").unwrap();
        assert!(log.advance().unwrap());
        assert_eq!((log.events().len(), log.problem()), (1, None));
        fs::write(&path, [&line(1), "{\"eve\n", &line(2)].concat()).unwrap();
        log = EventLog::new(folder.path());
        assert!(log.advance().unwrap() && !log.advance().unwrap());
        assert_eq!(log.events()[1].update, 2);
        assert_eq!(log.events()[1].detail["ms"], 3);
        assert!(log.problem().unwrap().contains("line 2"), "{:?}", log.problem());
    }

    #[test]
    fn the_newest_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let text: String = (0..20_000).map(line).collect();
        fs::write(&path, &text).unwrap();
        let mut log = EventLog::new(folder.path());
        log.advance().unwrap();
        fs::write(&path, [text, line(20_000)].concat()).unwrap();
        log.advance().unwrap();
        let events = log.events();
        assert_eq!((events.len(), events[0].update, events[MOST - 1].update), (MOST, 15_001, 20_000));
        assert_eq!(log.problem().unwrap(), "the oldest 15001 events are not shown");
    }
}
