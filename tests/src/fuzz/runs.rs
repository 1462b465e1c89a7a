//! Run directories as a stranger may hand them on, or a disk leave them: read by everything that reads them.

use super::finding::{Finding, Kind, helps, watched};
use super::run::{self, RUN};
use super::{Random, Target, edits};
use kelvin::config::Config;
use kelvin::console::Console;
use kelvin::export;
use kelvin_env::BUILT_INS;
use kelvin_monitor::data::{Command, Store};
use kelvin_report::{Analysis, Format, Options, Study};
use kelvin_run::{Experiment, RunDir, RunError};
use rand::RngExt;
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Processor time that a case may take, in seconds.
const MOST_SECONDS: f64 = 5.0;
/// How long the monitor's readers are waited for once they have nothing new.
const SILENCE: Duration = Duration::from_millis(15);
/// How long they may take to end.
const ENDS: Duration = Duration::from_secs(60);
/// What stands in a file that no reader may change.
const CANARY: &str = "nobody writes here\n";

/// Run directories.
pub struct Runs;

impl Target for Runs {
    fn name(&self) -> &'static str {
        "runs"
    }

    fn case(&self, random: &mut Random) -> String {
        // Checkpoints are a target of their own.
        let mut edits = edits::make(random, run::tree(), |name| !name.contains("checkpoints/"));
        if random.random_bool(0.8) {
            edits.push("seal".to_owned());
        }
        edits.join("\n") + "\n"
    }

    fn judge(&self, case: &str) -> Result<&'static str, Finding> {
        in_folder(case, MOST_SECONDS, |folder| {
            let mut refused = records(&folder.join(RUN))?;
            refused |= report(folder)?;
            refused |= exported(&folder.join(RUN), &folder.join("out"))?;
            monitored(folder)?;
            Ok(if refused { "refused" } else { "read" })
        })
    }
}

/// Makes a folder of the edited run, does something with it, and sees that nothing beside it was touched.
pub fn in_folder<T>(
    case: &str,
    most: f64,
    with: impl FnOnce(&Path) -> Result<T, Finding>,
) -> Result<T, Finding> {
    let tree = run::tree();
    watched(most, || {
        let around = tempfile::tempdir().map_err(|error| Finding::new(Kind::Internal, error.to_string()))?;
        let (canary, folder) = (around.path().join("canary"), around.path().join("runs"));
        let made = fs::write(&canary, CANARY).and_then(|()| fs::create_dir(&folder));
        made.and_then(|()| edits::write(tree, &case.lines().collect::<Vec<_>>(), &folder))
            .map_err(|error| Finding::new(Kind::Internal, error.to_string()))?;
        // An edit that follows the link of another may itself reach out.
        let names = || fs::read_dir(around.path()).map_or(0, |entries| entries.flatten().count());
        let outside = || (fs::read_to_string(&canary).ok(), names());
        let before = outside();
        let result = with(&folder)?;
        if outside() == before {
            return Ok(result);
        }
        Err(Finding::new(Kind::Escape, "something outside of the folder was changed"))
    })
}

/// Whether something was refused, with words that help.
pub fn refused<T>(result: Result<T, impl Display>) -> Result<bool, Finding> {
    result.err().map_or(Ok(false), |error| helps(error).map(|()| true))
}

fn records(path: &Path) -> Result<bool, Finding> {
    let dir = match RunDir::open(path) {
        Ok(dir) => dir,
        Err(error) => return refused(Err::<(), _>(error)),
    };
    let mut any = false;
    let mut look = |result: Result<(), RunError>| refused(result).map(|is_refused| any |= is_refused);
    look(dir.objectives().map(drop))?;
    look(dir.read_metrics().map(drop))?;
    look(dir.read_events().map(drop))?;
    look(dir.read_control().map(drop))?;
    look(dir.read_status().map(drop))?;
    look(dir.read_agent().map(drop))?;
    look(dir.read_picture().map(drop))?;
    look(dir.watch())?;
    match dir.history() {
        Ok(history) => {
            let _ = (history.frames(), history.versions(), history.wall_clock(), history.begun());
            history.damage.iter().try_for_each(helps)?;
        }
        Err(error) => any |= refused(Err::<(), _>(error))?,
    }
    let _ = (dir.watched(), dir.is_done(), dir.is_in_use());
    match dir.read_config() {
        Ok(text) => any |= refused(Config::parse(&text))?,
        Err(error) => any |= refused(Err::<(), _>(error))?,
    }
    Ok(any)
}

/// `kelvin report`.
fn report(folder: &Path) -> Result<bool, Finding> {
    refused(Experiment::read(folder))?;
    let made = Study::read(folder, &BUILT_INS).and_then(|study| {
        let options = Options { unfinished: true, ..Options::default() };
        let analysis = Analysis::new(&study, &options)?;
        let _ = study.summary();
        let formats = [Format::Html, Format::Markdown, Format::Csv, Format::Parquet];
        kelvin_report::write(&study, &analysis, &folder.join("report"), &formats)?;
        Ok(study)
    });
    match made {
        Ok(study) => study.warnings.iter().try_for_each(helps).map(|()| !study.warnings.is_empty()),
        Err(error) => refused(Err::<(), _>(error)),
    }
}

/// `kelvin export`.
fn exported(run: &Path, out: &Path) -> Result<bool, Finding> {
    let formats = [export::Format::Csv, export::Format::Parquet, export::Format::TensorBoard];
    refused(export::records(run, &formats, out, &Console::new(true)))
}

/// The monitor, as its window uses it.
fn monitored(folder: &Path) -> Result<(), Finding> {
    let (ring, wakes) = channel();
    let wake = move || {
        // Nobody listens any more once the case is over.
        let _ = ring.send(());
    };
    let mut store = Store::open_with(folder.to_path_buf(), Some(folder.join("cache")), wake);
    let mut seen = 0;
    while wakes.recv_timeout(if store.listed() { SILENCE } else { ENDS }).is_ok() {
        store.poll();
        let ids: Vec<_> = store.runs().iter().map(|run| run.id).collect();
        // The first ids are those that it is told to look at, once.
        if ids.len() > seen {
            seen = ids.len();
            store.plot(&ids);
            store.focus(ids.first().copied());
            store.send(ids[0], Command::SetParam("tau".to_owned(), 0.2));
            store.send(ids[0], Command::Step);
        }
    }
    if !store.listed() {
        return Err(Finding::new(Kind::Slow, "the monitor never listed the runs"));
    }
    let warnings = store.runs().iter().filter_map(|run| run.warning.clone()).collect::<Vec<_>>();
    warnings.iter().try_for_each(helps)?;
    store.take_notices().iter().try_for_each(|notice| helps(&notice.text))?;
    if let Some(focus) = store.focused() {
        focus.problems.iter().try_for_each(helps)?;
    }
    drop(store);
    // `wake` belongs to the last of the readers: it is gone when they are.
    loop {
        match wakes.recv_timeout(ENDS) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                return Err(Finding::new(Kind::Slow, "a reader of the monitor does not end"));
            }
        }
    }
}
