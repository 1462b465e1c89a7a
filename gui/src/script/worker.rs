//! The thread that reads, checks and writes, so that no frame waits for a disk or a compiler.
//!
//! Wishes go in and news come out, over channels; a repaint is asked for with each piece of news. Text is checked once
//! nobody has typed for [`PAUSE`], and only the newest; the script's files are looked at every [`LOOK_EVERY`], by time and
//! size first, so that a shared disk has little to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use kelvin_objective::Script;

use super::check::{Verdict, check};
use super::files::{self, FileText, Format, ReadError, WriteError};
use super::shape::Shape;

/// Pause in typing after which a text is checked.
pub const PAUSE: Duration = Duration::from_millis(150);
/// How often the script's files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the UI wants.
pub enum Wish {
    /// Look after this script from now on: read it, and watch its file. Without a path there is nothing to watch.
    Open {
        /// The file.
        path: Option<Arc<Path>>,
    },
    /// The run is sized like this, and runs the version at this path.
    Run {
        /// Sizes and values.
        shape: Arc<Shape>,
        /// The recorded script of the version in force.
        running: Option<Arc<Path>>,
    },
    /// Check this text.
    Check {
        /// Where it would be saved; imports come from beside it.
        path: Arc<Path>,
        /// Grows with every edit.
        edit: u64,
        /// The text.
        text: Arc<str>,
    },
    /// Write this text.
    Save {
        /// The file.
        path: Arc<Path>,
        /// The text.
        text: Arc<str>,
        /// How the file has its lines.
        format: Format,
        /// What the file is expected to hold; `None` to write over whatever it holds.
        base: Option<Arc<str>>,
    },
    /// Read a recorded version.
    Read {
        /// Its script.
        path: Arc<Path>,
    },
}

/// What the thread found out.
pub enum News {
    /// What the file of the open script holds, at first and whenever that changes.
    Found {
        /// The file.
        path: Arc<Path>,
        /// Its text.
        file: Result<FileText, ReadError>,
    },
    /// What the compiler says.
    Checked {
        /// Which edit it is about.
        edit: u64,
        /// What came of it.
        verdict: Box<Verdict>,
    },
    /// What came of a wish to save.
    Saved {
        /// The file.
        path: Arc<Path>,
        /// The text that was to be written.
        text: Arc<str>,
        /// Whether it was.
        result: Result<(), WriteError>,
    },
    /// A recorded version.
    Read {
        /// The path that was given.
        path: Arc<Path>,
        /// Its text.
        text: Result<Arc<str>, String>,
    },
}

/// The UI's end of the thread, which ends when this is dropped.
pub struct Worker {
    wishes: Sender<Wish>,
    news: Receiver<News>,
}

impl Worker {
    /// Starts the thread; `wake` is called after each piece of news.
    ///
    /// # Errors
    /// A system that has no thread left, in words for the user.
    pub fn start(wake: impl Fn() + Send + 'static) -> Result<Self, String> {
        let (wishes, inbox) = channel();
        let (outbox, news) = channel();
        let bench = Bench { outbox, wake: Box::new(wake), open: None, run: None, running: None, job: None };
        std::thread::Builder::new()
            .name("script".to_owned())
            .spawn(move || bench.work(&inbox))
            .map_err(|error| format!("no thread for checking the script: {error}"))?;
        Ok(Self { wishes, news })
    }

    /// Asks for something. Nothing is said if the thread is gone: it ends with the program alone.
    pub fn wish(&self, wish: Wish) {
        drop(self.wishes.send(wish));
    }

    /// What has come in since the last call.
    pub fn news(&self) -> impl Iterator<Item = News> + '_ {
        self.news.try_iter()
    }
}

/// A text to be checked.
struct Job {
    path: Arc<Path>,
    edit: u64,
    text: Arc<str>,
    /// When it is time; `None` once it was checked.
    due: Option<Instant>,
    /// What it depended on when it was checked.
    stamps: Vec<(PathBuf, Stamp)>,
}

/// Size and time of a file; `None` if there is none.
type Stamp = Option<(u64, Option<SystemTime>)>;

fn stamp(path: &Path) -> Stamp {
    let about = std::fs::metadata(path).ok()?;
    Some((about.len(), about.modified().ok()))
}

struct Bench {
    outbox: Sender<News>,
    wake: Box<dyn Fn() + Send>,
    /// The script that is watched, and what it looked like last.
    open: Option<(Arc<Path>, Stamp)>,
    run: Option<(Arc<Shape>, Option<Arc<Path>>)>,
    /// The version in force, by its path, loaded when it is first needed.
    running: Option<(Arc<Path>, Option<Script>)>,
    job: Option<Job>,
}

impl Bench {
    fn work(mut self, inbox: &Receiver<Wish>) {
        let mut look = Instant::now() + LOOK_EVERY;
        loop {
            let due = self.job.as_ref().and_then(|job| job.due).map_or(look, |due| due.min(look));
            match inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(wish) => self.grant(wish),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = Instant::now();
            if self.job.as_ref().and_then(|job| job.due).is_some_and(|due| due <= now) {
                self.check();
            }
            if look <= now {
                self.look();
                look = Instant::now() + LOOK_EVERY;
            }
        }
    }

    fn tell(&self, news: News) {
        // A UI that is gone needs no news.
        if self.outbox.send(news).is_ok() {
            (self.wake)();
        }
    }

    fn grant(&mut self, wish: Wish) {
        match wish {
            Wish::Open { path } => {
                self.job = None;
                self.open = path.map(|path| (path, None));
                self.found();
            }
            Wish::Run { shape, running } => {
                self.run = Some((shape, running));
                self.again();
            }
            Wish::Check { path, edit, text } => {
                let pause = if self.job.is_some() { PAUSE } else { Duration::ZERO };
                self.job =
                    Some(Job { path, edit, text, due: Some(Instant::now() + pause), stamps: Vec::new() });
            }
            Wish::Save { path, text, format, base } => {
                let result = files::write(&path, &text, format, base.as_deref());
                self.tell(News::Saved { path, text, result });
                self.look();
            }
            Wish::Read { path } => {
                let text = match files::read(&path) {
                    Ok(file) => Ok(file.text.into()),
                    Err(ReadError::Missing) => Err(format!("{} is not there any more", path.display())),
                    Err(ReadError::Unreadable(why)) => Err(why),
                };
                self.tell(News::Read { path, text });
            }
        }
    }

    /// Something around the text has changed: it is checked anew.
    fn again(&mut self) {
        if let Some(job) = &mut self.job {
            job.due = job.due.or(Some(Instant::now()));
        }
    }

    fn check(&mut self) {
        let (Some(job), Some((shape, running))) = (&mut self.job, &self.run) else {
            if let Some(job) = &mut self.job {
                job.due = None;
            }
            return;
        };
        job.due = None;
        if let Some(path) = running
            && self.running.as_ref().is_none_or(|(known, _)| known != path)
        {
            self.running = Some((path.clone(), Script::load(path).ok()));
        }
        let running = self.running.as_ref().filter(|(path, _)| Some(path) == running.as_ref());
        let running = running.and_then(|(_, script)| script.as_ref());
        let verdict = check(&job.path, &job.text, shape, running);
        job.stamps = verdict.files.iter().map(|path| (path.clone(), stamp(path))).collect();
        let edit = job.edit;
        self.tell(News::Checked { edit, verdict: Box::new(verdict) });
    }

    /// Reads the open script and says what is there.
    fn found(&mut self) {
        let Some((path, seen)) = &mut self.open else { return };
        *seen = stamp(path);
        let news = News::Found { path: path.clone(), file: files::read(path) };
        self.tell(news);
    }

    fn look(&mut self) {
        if self.open.as_ref().is_some_and(|(path, seen)| stamp(path) != *seen) {
            self.found();
        }
        // An import was saved. The script itself is in the editor, which is told above.
        let changed = |job: &Job| job.stamps.iter().skip(1).any(|(path, seen)| stamp(path) != *seen);
        if self.job.as_ref().is_some_and(|job| job.due.is_none() && changed(job)) {
            self.again();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kelvin_objective::{Head, Layout};
    use std::fs;

    const SOUND: &str = "fn config() { #{} }\nfn loss(net, t, p) { net.q[t.action] ** 2 }\n";

    struct Bed {
        folder: tempfile::TempDir,
        worker: Worker,
    }

    impl Bed {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let worker = Worker::start(|| {}).unwrap();
            let layout = Layout::of_run(32, 6, 1, vec![Head::Q]);
            let shape = Shape { layout, is_guess: false, by_hand: Default::default() };
            worker.wish(Wish::Run { shape: shape.into(), running: None });
            Self { folder, worker }
        }

        fn path(&self) -> Arc<Path> {
            self.folder.path().join("s.rhai").into()
        }

        fn check(&self, edit: u64, text: &str) {
            self.worker.wish(Wish::Check { path: self.path(), edit, text: text.into() });
        }

        /// The next piece of news.
        fn next(&self) -> News {
            self.worker.news.recv_timeout(Duration::from_secs(60)).expect("news within a minute")
        }

        fn verdict(&self) -> (u64, Result<(), String>) {
            match self.next() {
                News::Checked { edit, verdict, .. } => {
                    (edit, verdict.outcome.map(drop).map_err(|problem| problem.diagnostic.message))
                }
                _ => panic!("no verdict"),
            }
        }
    }

    #[test]
    fn a_mistake_appears_and_goes_and_only_the_newest_text_counts() {
        let bed = Bed::new();
        bed.check(1, &SOUND.replace("net.q", "net.w"));
        let (edit, outcome) = bed.verdict();
        assert!(edit == 1 && outcome.is_err_and(|message| message.contains('w')));
        // Letters that come in a row are one text.
        for edit in 2..20 {
            bed.check(edit, &SOUND.replace("net.q", &format!("net.q{edit}")));
        }
        bed.check(20, SOUND);
        assert_eq!(bed.verdict(), (20, Ok(())));
    }

    #[test]
    fn a_file_is_read_watched_and_written() {
        let bed = Bed::new();
        fs::write(bed.path(), SOUND).unwrap();
        bed.worker.wish(Wish::Open { path: Some(bed.path()) });
        let found = |news: News| match news {
            News::Found { file, .. } => file.map(|file| file.text),
            _ => panic!("something else"),
        };
        assert_eq!(found(bed.next()).as_deref(), Ok(SOUND));
        fs::write(bed.path(), "longer than before, so that its size tells").unwrap();
        assert_eq!(found(bed.next()).as_deref(), Ok("longer than before, so that its size tells"));

        // Written over what nobody here has seen: refused. Then for certain.
        let save = |base: Option<&str>| Wish::Save {
            path: bed.path(),
            text: SOUND.into(),
            format: Format::default(),
            base: base.map(Into::into),
        };
        bed.worker.wish(save(Some("something else")));
        let News::Saved { result: Err(WriteError::Conflict(theirs)), .. } = bed.next() else {
            panic!("it was written");
        };
        assert!(theirs.text.starts_with("longer"));
        bed.worker.wish(save(None));
        assert!(matches!(bed.next(), News::Saved { result: Ok(()), .. }));
        assert_eq!(fs::read_to_string(bed.path()).unwrap(), SOUND);
        assert_eq!(found(bed.next()).as_deref(), Ok(SOUND));
        fs::remove_file(bed.path()).unwrap();
        assert_eq!(found(bed.next()), Err(ReadError::Missing));
    }

    #[test]
    fn an_import_that_is_saved_is_noticed() {
        let bed = Bed::new();
        let lib = bed.folder.path().join("lib.rhai");
        fs::write(&lib, "fn f(x) { x.none }").unwrap();
        bed.check(1, "import \"lib\" as l;\nfn config() { #{} }\nfn loss(net, t, p) { l::f(net.q[0]) }");
        assert!(bed.verdict().1.is_err());
        fs::write(&lib, "fn f(x) { x ** 2 }").unwrap();
        assert_eq!(bed.verdict(), (1, Ok(())));
    }
}
