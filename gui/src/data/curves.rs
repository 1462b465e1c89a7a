//! Reading the curves of one run, as its files grow.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Curves;
use super::follow::{Change, Follower, Position};
use super::rows::{Names, Row, Slot};
use super::series::{MOST, Point, Series};
use super::timeline::{Anchor, Clock, Timeline};

/// The curves of a run and all that is needed to go on with them.
pub(super) struct Reader {
    metrics: Follower,
    timing: Follower,
    names: Names,
    clock: Clock,
    timeline: Timeline,
    /// Agent steps of the last record.
    reached: f64,
    damage: Damage,
    curves: Arc<Curves>,
    /// Points that are not in the curves yet, by slot.
    fresh: Vec<Vec<Point>>,
    /// Buckets of a series, at most.
    most: usize,
    row: Row,
    /// Whether the last look ended in an error: nobody knows which lines of it were taken.
    is_void: bool,
}

/// Lines that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Damage {
    /// Where others follow them; what is last may only be unfinished.
    lines: u64,
    /// The first of them, in words.
    first: Option<String>,
    /// Those at the end of each file.
    last: [u64; 2],
}

/// A reader on the disk.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    metrics: Position,
    timing: Position,
    clock: Clock,
    timeline: Timeline,
    reached: f64,
    damage: Damage,
    /// Names in the order of their slots, with what is known of each.
    series: Vec<(String, Columns)>,
}

/// A series by columns, which compress better than buckets.
#[derive(Default, Serialize, Deserialize)]
struct Columns {
    frames: Vec<f64>,
    updates: Vec<f64>,
    wall_s: Vec<f64>,
    min: Vec<f64>,
    mean: Vec<f64>,
    max: Vec<f64>,
    count: Vec<u32>,
}

/// Which of the two files.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Metrics,
    Timing,
}

impl Reader {
    /// Begins with the run in the folder `run`, or goes on from what was saved.
    pub fn new(run: &Path, saved: Option<Saved>) -> Self {
        let mut names = Names::default();
        let mut curves = Curves::default();
        let (mut positions, mut rest) = ((Position::default(), Position::default()), None);
        if let Some(saved) = saved {
            for (name, columns) in saved.series {
                let name: Arc<str> = name.into();
                names.add(Arc::clone(&name));
                let series = Series::from(columns);
                if !series.buckets.is_empty() {
                    curves.series.insert(name, series);
                }
            }
            curves.read = saved.metrics.offset + saved.timing.offset;
            positions = (saved.metrics, saved.timing);
            rest = Some((saved.clock, saved.timeline, saved.reached, saved.damage));
        }
        let (clock, timeline, reached, damage) = rest.unwrap_or_default();
        Self {
            metrics: Follower::new(run.join("metrics.jsonl"), positions.0),
            timing: Follower::new(run.join("timing.jsonl"), positions.1),
            names,
            clock,
            timeline,
            reached,
            damage,
            curves: Arc::new(curves),
            fresh: Vec::new(),
            most: MOST,
            row: Row::default(),
            is_void: false,
        }
    }

    /// What is to be saved.
    pub fn saved(&self) -> Saved {
        let series = |name: &Arc<str>| {
            (name.to_string(), self.curves.series.get(name).map(Columns::from).unwrap_or_default())
        };
        Saved {
            metrics: self.metrics.position().clone(),
            timing: self.timing.position().clone(),
            clock: self.clock.clone(),
            timeline: self.timeline.settled(),
            reached: self.reached,
            damage: self.damage.clone(),
            series: self.names.all().iter().map(series).collect(),
        }
    }

    /// Makes do with `most` buckets a series from here on, a power of two. What is saved afterwards is as coarse.
    pub fn fold(&mut self, most: usize) {
        self.most = most;
        let is_fine = |series: &Series| series.buckets.len() > most;
        if self.curves.series.values().any(is_fine) {
            for series in Arc::make_mut(&mut self.curves).series.values_mut() {
                series.fold(most);
                series.buckets.shrink_to_fit();
            }
        }
    }

    /// The curves so far.
    pub fn curves(&self) -> &Arc<Curves> {
        &self.curves
    }

    /// What is wrong with the files, in words.
    pub fn damage(&self) -> Option<String> {
        let Some(first) = self.damage.first.as_ref().filter(|_| self.damage.lines > 0) else {
            let most = Names::MOST;
            let text = || format!("it records more than {most} metrics; only the first of them are shown");
            return self.names.is_full().then(text);
        };
        Some(match self.damage.lines {
            1 => format!("{first}; the rest is shown"),
            lines => format!("{first}, and {} more are; the rest is shown", lines - 1),
        })
    }

    /// Reads on, about `most` bytes; whether there is anything new.
    pub fn advance(&mut self, most: u64) -> io::Result<bool> {
        // Until this look has ended well; what was shown before goes on to be shown.
        let was_void = std::mem::replace(&mut self.is_void, true);
        let changes = [self.metrics.look()?, self.timing.look()?];
        let restarted = was_void || changes.contains(&Change::Restarted);
        if restarted {
            // Or the run was taken up from an earlier point: what both files said after it is void.
            self.restart()?;
        }
        let before = (self.metrics.position().offset, self.timing.position().offset);
        let was_complete = self.curves.complete;
        self.read(most)?;
        self.publish(restarted, before, was_complete);
        self.is_void = false;
        let now = (self.metrics.position().offset, self.timing.position().offset);
        Ok(restarted || now != before || self.curves.complete != was_complete)
    }

    fn restart(&mut self) -> io::Result<()> {
        self.names = Names::default();
        self.clock = Clock::default();
        self.timeline = Timeline::default();
        self.reached = 0.0;
        self.damage = Damage::default();
        self.fresh.clear();
        for file in [&mut self.metrics, &mut self.timing] {
            file.restart();
            file.look()?;
        }
        Ok(())
    }

    fn read(&mut self, most: u64) -> io::Result<()> {
        let (mut buffer, mut spare) = (Vec::new(), Vec::new());
        let end = self.metrics.position().offset.saturating_add(most);
        while self.metrics.position().offset < end {
            let Some(chunk) = self.metrics.read(&mut buffer)? else {
                // What the clock says of the last record may have come after it.
                self.wall_at(self.reached, &mut spare)?;
                self.flush();
                break;
            };
            let mut number = chunk.lines;
            for line in chunk.bytes.split_inclusive(|&byte| byte == b'\n') {
                number += 1;
                let mut row = std::mem::take(&mut self.row);
                let read = self.names.read(line, false, &mut row);
                self.damage.note(Of::Metrics, number, &read);
                if read.is_ok() {
                    self.take(&row, &mut spare)?;
                }
                self.row = row;
            }
        }
        Ok(())
    }

    fn take(&mut self, row: &Row, spare: &mut Vec<u8>) -> io::Result<()> {
        let (Some(agent_steps), Some(frames)) = (row.agent_steps, row.frames) else { return Ok(()) };
        self.reached = agent_steps;
        let wall_s = self.wall_at(agent_steps, spare)?;
        for (slot, value) in &row.values {
            self.timeline.add(*slot, agent_steps, Some(frames), wall_s, *value);
        }
        if let Some(updates) = row.updates {
            let fresh = &mut self.fresh;
            self.timeline
                .anchor(Anchor { agent_steps, frames, updates }, |slot, point| place(fresh, slot, point));
        } else if self.timeline.is_impatient() {
            self.flush();
        }
        Ok(())
    }

    /// Places all that waits for a record that knows how many updates there were.
    fn flush(&mut self) {
        let fresh = &mut self.fresh;
        self.timeline.flush(|slot, point| place(fresh, slot, point));
    }

    /// The wall time at `agent_steps`; passes the ticks up to there.
    fn wall_at(&mut self, agent_steps: f64, buffer: &mut Vec<u8>) -> io::Result<f64> {
        loop {
            if !self.clock.has_ahead()
                && let Some(chunk) = self.timing.read(buffer)?
            {
                let (mut row, mut number) = (Row::default(), chunk.lines);
                for line in chunk.bytes.split_inclusive(|&byte| byte == b'\n') {
                    number += 1;
                    let read = self.names.read(line, true, &mut row);
                    self.damage.note(Of::Timing, number, &read);
                    if let (Ok(()), Some(steps), Some(wall_s)) = (read, row.agent_steps, row.wall_s) {
                        self.clock.add(steps, wall_s, &row.values);
                    }
                }
                continue;
            }
            let Some(tick) = self.clock.pass(agent_steps) else { return Ok(self.clock.at(agent_steps)) };
            for (slot, value) in tick.values {
                self.timeline.add(slot, tick.agent_steps, None, tick.wall_s, value);
            }
            if self.timeline.is_impatient() {
                self.flush();
            }
        }
    }

    /// Puts what was read into the curves; a copy is made where the UI has them too.
    fn publish(&mut self, restarted: bool, before: (u64, u64), was_complete: bool) {
        let complete = self.metrics.is_at_end();
        let now = (self.metrics.position().offset, self.timing.position().offset);
        if !restarted && now == before && complete == was_complete && self.fresh.iter().all(Vec::is_empty) {
            return;
        }
        if restarted {
            self.curves = Arc::default();
        }
        let curves = Arc::make_mut(&mut self.curves);
        for (slot, points) in self.fresh.iter_mut().enumerate().filter(|(_, points)| !points.is_empty()) {
            let series = curves.series.entry(Arc::clone(&self.names.all()[slot])).or_default();
            // With its memory: a turn reads megabytes, and a monitor looks at many runs.
            std::mem::take(points).into_iter().for_each(|point| series.push(point, self.most));
        }
        curves.read = now.0 + now.1;
        curves.complete = complete;
    }
}

fn place(fresh: &mut Vec<Vec<Point>>, slot: Slot, point: Point) {
    if fresh.len() <= slot {
        fresh.resize_with(slot + 1, Vec::new);
    }
    fresh[slot].push(point);
}

impl Damage {
    fn note(&mut self, file: Of, line: u64, read: &Result<(), serde_json::Error>) {
        let last = &mut self.last[file as usize];
        match read {
            Ok(()) => self.lines += std::mem::take(last),
            Err(error) => {
                *last += 1;
                let name = if file == Of::Metrics { "metrics.jsonl" } else { "timing.jsonl" };
                // Its own numbers are those of a line alone.
                let reason = error.to_string();
                let reason = reason.split(" at line ").next().unwrap_or(&reason);
                self.first.get_or_insert_with(|| format!("{name}: line {line} is damaged ({reason})"));
            }
        }
    }
}

impl From<&Series> for Columns {
    fn from(series: &Series) -> Self {
        let mut columns = Self::default();
        for bucket in &series.buckets {
            columns.frames.push(bucket.frames);
            columns.updates.push(bucket.updates);
            columns.wall_s.push(bucket.wall_s);
            columns.min.push(bucket.min);
            columns.mean.push(bucket.mean);
            columns.max.push(bucket.max);
            columns.count.push(bucket.count);
        }
        columns
    }
}

impl From<Columns> for Series {
    fn from(columns: Columns) -> Self {
        let Columns { frames, updates, wall_s, min, mean, max, count } = columns;
        let places = frames.into_iter().zip(updates).zip(wall_s);
        let values = min.into_iter().zip(mean).zip(max).zip(count);
        let buckets = places.zip(values).map(|(((frames, updates), wall_s), (((min, mean), max), count))| {
            super::Bucket { frames, updates, wall_s, min, mean, max, count }
        });
        Self { buckets: buckets.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::synthetic::{Kind, Synthetic};
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    fn append(folder: &Path, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(folder.join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn episode(steps: u64, score: f64) -> String {
        format!(
            "{{\"kind\":\"episode\",\"frames\":{},\"agent_steps\":{steps},\"env\":0,\"episode_return\":{score}}}\n",
            4 * steps
        )
    }

    fn train(steps: u64, loss: &str) -> String {
        format!(
            "{{\"kind\":\"train\",\"frames\":{},\"agent_steps\":{steps},\"updates\":{},\"metrics\":{{\"loss\":{loss}}}}}\n",
            4 * steps,
            steps / 4
        )
    }

    fn timing(steps: u64, wall_s: f64) -> String {
        format!("{{\"agent_steps\":{steps},\"frames_per_s\":400.0,\"wall_s\":{wall_s}}}\n")
    }

    /// Frames, updates, wall time and value of each point.
    fn points(reader: &Reader, name: &str) -> Vec<(f64, f64, f64, f64)> {
        let Some(series) = reader.curves().series.get(name) else { return Vec::new() };
        series
            .buckets
            .iter()
            .map(|bucket| (bucket.frames, bucket.updates, bucket.wall_s, bucket.mean))
            .collect()
    }

    #[test]
    fn a_file_that_cannot_be_read_for_a_while_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        append(run, "metrics.jsonl", &[episode(50, -1.0), train(100, "0.5")].concat());
        append(run, "timing.jsonl", &timing(100, 10.0));
        let mut reader = Reader::new(run, None);
        reader.advance(u64::MAX).unwrap();
        let before = Arc::clone(reader.curves());
        // A folder in its place, and meanwhile more is recorded.
        fs::rename(run.join("timing.jsonl"), run.join("away")).unwrap();
        fs::create_dir(run.join("timing.jsonl")).unwrap();
        append(run, "metrics.jsonl", &train(200, "0.25"));
        for _ in 0..3 {
            assert!(reader.advance(u64::MAX).is_err());
            assert!(Arc::ptr_eq(&before, reader.curves()), "what was known is shown");
        }
        fs::remove_dir(run.join("timing.jsonl")).unwrap();
        fs::rename(run.join("away"), run.join("timing.jsonl")).unwrap();
        append(run, "timing.jsonl", &timing(200, 20.0));
        reader.advance(u64::MAX).unwrap();
        assert_eq!(points(&reader, "loss"), [(400.0, 25.0, 10.0, 0.5), (800.0, 50.0, 20.0, 0.25)]);
        assert_eq!(points(&reader, "episode_return").len(), 1);
    }

    #[test]
    fn there_is_room_for_so_many_metrics() {
        let folder = tempfile::tempdir().unwrap();
        let many: Vec<String> = (0..3 * Names::MOST).map(|name| format!("\"m{name}\":1.0")).collect();
        let line = |steps: u64| {
            format!(
                "{{\"kind\":\"train\",\"frames\":{steps},\"agent_steps\":{steps},\"updates\":{steps},\"metrics\":{{{}}}}}\n",
                many.join(",")
            )
        };
        append(folder.path(), "metrics.jsonl", &(1..20).map(line).collect::<String>());
        let mut reader = Reader::new(folder.path(), None);
        reader.advance(u64::MAX).unwrap();
        assert_eq!(reader.curves().series.len(), Names::MOST);
        assert!(reader.damage().unwrap().contains("more than 4096 metrics"));
    }

    #[test]
    fn there_is_room_for_so_many_tables() {
        let folder = tempfile::tempdir().unwrap();
        let many: Vec<String> = (0..40_000).map(|name| format!("\"t{name}\":{{\"x\":1.0}}")).collect();
        let line = |steps: u64| {
            format!(
                "{{\"kind\":\"train\",\"frames\":{steps},\"agent_steps\":{steps},\"updates\":{steps},{}}}\n",
                many.join(",")
            )
        };
        append(folder.path(), "metrics.jsonl", &(1..4).map(line).collect::<String>());
        let mut reader = Reader::new(folder.path(), None);
        reader.advance(u64::MAX).unwrap();
        let count = reader.curves().series.len();
        assert!((Names::MOST - 4..=Names::MOST).contains(&count), "{count}");
        assert!(reader.damage().unwrap().contains("more than 4096 metrics"));
    }

    #[test]
    fn ticks_do_not_wait_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let ticks: String = (1..1_200_000).map(|steps| timing(steps, steps as f64)).collect();
        append(folder.path(), "timing.jsonl", &ticks);
        append(folder.path(), "metrics.jsonl", &episode(2_000_000, 1.0));
        let mut reader = Reader::new(folder.path(), None);
        reader.metrics.look().unwrap();
        reader.timing.look().unwrap();
        reader.wall_at(2e6, &mut Vec::new()).unwrap();
        assert!(!reader.timeline.is_impatient());
        let buckets = reader.fresh.iter().map(Vec::len).sum::<usize>();
        assert!(buckets >= 1 << 20, "{buckets}");
    }

    #[test]
    fn values_do_not_wait_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        // Episodes of a run that never updates.
        let records: String = (1..1_200_000).map(|steps| episode(steps, 1.0)).collect();
        append(folder.path(), "metrics.jsonl", &records);
        let mut reader = Reader::new(folder.path(), None);
        reader.advance(u64::MAX).unwrap();
        assert!(reader.curves().complete && !reader.timeline.is_impatient());
        let buckets = &reader.curves().series["episode_return"].buckets;
        assert_eq!(buckets.iter().map(|bucket| u64::from(bucket.count)).sum::<u64>(), 1_199_999);
    }

    #[test]
    fn records_become_curves_as_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        let mut reader = Reader::new(run, None);
        assert!(reader.advance(u64::MAX).unwrap());
        assert!(reader.curves().complete && reader.curves().series.is_empty());
        assert!(!reader.advance(u64::MAX).unwrap());

        append(run, "metrics.jsonl", &[episode(50, -1.0), train(100, "0.5")].concat());
        append(run, "timing.jsonl", &timing(100, 10.0));
        let shown = Arc::clone(reader.curves());
        assert!(reader.advance(u64::MAX).unwrap());
        assert!(shown.series.is_empty(), "what the UI has does not change under its hands");
        assert_eq!(points(&reader, "episode_return"), [(200.0, 12.5, 5.0, -1.0)]);
        assert_eq!(points(&reader, "loss"), [(400.0, 25.0, 10.0, 0.5)]);
        assert_eq!(points(&reader, "frames_per_s"), [(400.0, 25.0, 10.0, 400.0)]);

        // A loss that was not finite, half a record, and a tick that is late.
        append(run, "metrics.jsonl", &(train(200, "null") + "{\"kind\":\"episode\",\"fra"));
        reader.advance(u64::MAX).unwrap();
        assert_eq!(points(&reader, "loss").len(), 1);
        append(
            run,
            "metrics.jsonl",
            &format!("mes\":900,\"agent_steps\":225,\"episode_return\":2}}\n{}", train(300, "0.25")),
        );
        append(run, "timing.jsonl", &[timing(200, 20.0), timing(300, 40.0)].concat());
        reader.advance(u64::MAX).unwrap();
        assert_eq!(points(&reader, "episode_return")[1], (900.0, 56.25, 25.0, 2.0));
        assert_eq!(points(&reader, "loss")[1], (1200.0, 75.0, 40.0, 0.25));
        assert_eq!(points(&reader, "frames_per_s").len(), 3);
        assert_eq!((reader.damage(), reader.curves().complete), (None, true));
    }

    #[test]
    fn a_run_that_was_taken_up_again_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        append(run, "metrics.jsonl", &[train(100, "1"), train(200, "2")].concat());
        append(run, "timing.jsonl", &[timing(100, 10.0), timing(200, 20.0)].concat());
        let mut reader = Reader::new(run, None);
        reader.advance(u64::MAX).unwrap();
        fs::write(run.join("metrics.jsonl"), [train(100, "1"), train(200, "7"), train(300, "8")].concat())
            .unwrap();
        fs::write(run.join("timing.jsonl"), [timing(100, 10.0), timing(200, 3.0), timing(300, 5.0)].concat())
            .unwrap();
        assert!(reader.advance(u64::MAX).unwrap());
        let expected = [(400.0, 25.0, 10.0, 1.0), (800.0, 50.0, 13.0, 7.0), (1200.0, 75.0, 15.0, 8.0)];
        assert_eq!(points(&reader, "loss"), expected);
    }

    #[test]
    fn a_damaged_line_costs_that_line() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        append(run, "metrics.jsonl", &(train(100, "1") + "{\"kind\":\"tra\n"));
        let mut reader = Reader::new(run, None);
        reader.advance(u64::MAX).unwrap();
        assert_eq!(reader.damage(), None, "it is the last, and may be cut off");
        append(run, "metrics.jsonl", &train(300, "3"));
        reader.advance(u64::MAX).unwrap();
        assert_eq!(points(&reader, "loss").len(), 2);
        let damage = reader.damage().unwrap();
        assert!(damage.starts_with("metrics.jsonl: line 2 is damaged"), "{damage}");
        append(run, "metrics.jsonl", &format!("\0\0\n\0\n{}", train(400, "4")));
        reader.advance(u64::MAX).unwrap();
        assert!(reader.damage().unwrap().contains("and 2 more"), "{:?}", reader.damage());
    }

    #[test]
    fn a_long_run_reads_the_same_in_turns_and_from_what_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        let synthetic = Synthetic::new(5, 20_000, Kind::Running);
        synthetic.write(run).unwrap();
        let mut whole = Reader::new(run, None);
        whole.advance(u64::MAX).unwrap();
        let series = &whole.curves().series;
        for (name, count) in [
            ("episode_return", 10_000),
            ("loss", 10_000),
            ("params.tau", 10_000),
            ("weight_norm.conv1.weight", 10_000),
            ("frames_per_s", 10_000),
        ] {
            let buckets = &series[name].buckets;
            assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u32>(), count, "{name}");
            assert!((1024..=2048).contains(&buckets.len()));
            let places = buckets.windows(2).all(|two| {
                two[0].frames < two[1].frames
                    && two[0].updates <= two[1].updates
                    && two[0].wall_s <= two[1].wall_s
            });
            assert!(places, "{name}");
        }
        let mut turns = Reader::new(run, None);
        let mut count = 0;
        while !turns.curves().complete {
            assert!(turns.advance(1).unwrap());
            count += 1;
        }
        assert!(count > 10, "{count}");
        assert_eq!(turns.curves(), whole.curves());

        // Half of it, saved, and the rest from there.
        let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let half = text[..text.len() / 2].rfind('\n').unwrap() + 1;
        fs::write(run.join("metrics.jsonl"), &text[..half]).unwrap();
        let mut first = Reader::new(run, None);
        first.advance(u64::MAX).unwrap();
        let saved = postcard::to_stdvec(&first.saved()).unwrap();
        fs::write(run.join("metrics.jsonl"), &text).unwrap();
        let mut second = Reader::new(run, Some(postcard::from_bytes(&saved).unwrap()));
        assert_eq!(second.curves().series.len(), first.curves().series.len());
        second.advance(u64::MAX).unwrap();
        assert_eq!(second.curves(), whole.curves());
        // What was saved of another file is of no use.
        fs::write(run.join("metrics.jsonl"), train(100, "1")).unwrap();
        let mut other = Reader::new(run, Some(postcard::from_bytes(&saved).unwrap()));
        other.advance(u64::MAX).unwrap();
        assert_eq!(points(&other, "loss").len(), 1);
    }
}
