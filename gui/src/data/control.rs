//! Asking a run for something: edits of its `control.toml` that keep whatever else stands in it.
//!
//! ```toml
//! pause = true     # it waits as long as this is so
//! step = 3         # one more update while it waits, each time this number is another
//! checkpoint = 1   # the same for a checkpoint
//! stop = 1         # the same for an end
//!
//! [params]
//! tau = 0.05       # it is so as long as this stands here
//! ```

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use kelvin_run::RunDir;
use toml::de::DeTable;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::inbox::Inbox;
use super::{Command, RunId};

/// The table of the script's parameters.
const PARAMS: &str = "params";
/// Looks at a lock that somebody else has, and the time between two: nobody holds it for longer than a write takes, and
/// a request that never comes is worse than two of one number.
const PATIENCE: u32 = 100;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A wish to be carried out.
pub(super) type Wish = (RunId, Arc<Path>, Command);

/// Carries wishes out until nobody has any more; what fails is told.
pub(super) fn run(inbox: &Inbox, wishes: &Receiver<Wish>) {
    while let Ok(first) = wishes.recv() {
        let waiting = std::iter::once(first).chain(wishes.try_iter()).collect();
        for (run, path, commands) in by_run(still_meant(waiting)) {
            for reason in carry_out(&path, &commands) {
                inbox.tell(Some(run), true, reason);
            }
        }
    }
}

/// What is wished of each run, in order: it is written at once, so that no request waits behind the values before it.
/// Runs that are asked for more than values come first.
fn by_run(wishes: Vec<Wish>) -> Vec<(RunId, Arc<Path>, Vec<Command>)> {
    let mut runs: Vec<(RunId, Arc<Path>, Vec<Command>)> = Vec::new();
    for (run, path, command) in wishes {
        match runs.iter_mut().find(|(other, ..)| *other == run) {
            Some((.., commands)) => commands.push(command),
            None => runs.push((run, path, vec![command])),
        }
    }
    let is_value = |command: &Command| matches!(command, Command::SetParam(..) | Command::ReleaseParam(..));
    runs.sort_by_key(|(.., commands)| commands.iter().all(is_value));
    runs
}

/// The wishes without values that a later one takes the place of: on a slow disk, a slider that is dragged wishes faster
/// than anything can be written.
fn still_meant(wishes: Vec<Wish>) -> Vec<Wish> {
    let parameter = |wish: &Wish| match &wish.2 {
        Command::SetParam(name, _) | Command::ReleaseParam(name) => Some((wish.0, name.clone())),
        _ => None,
    };
    let later: Vec<_> = wishes.iter().map(parameter).collect();
    let is_meant = |at: usize| later[at].is_none() || !later[at + 1..].contains(&later[at]);
    wishes.into_iter().enumerate().filter(|(at, _)| is_meant(*at)).map(|(_, wish)| wish).collect()
}

/// Writes what `commands` ask for; what of it failed, in words.
fn carry_out(run: &Path, commands: &[Command]) -> Vec<String> {
    let _lock = lock(run);
    let read =
        RunDir::open(run).and_then(|dir| dir.read_control().map(|text| (dir, text.unwrap_or_default())));
    let (dir, before) = match read {
        Ok(read) => read,
        Err(error) => return vec![error.to_string()],
    };
    let (mut after, mut failures) = (before.clone(), Vec::new());
    for command in commands {
        match edit(&after, command) {
            Ok(text) => after = text,
            Err(reason) => {
                let path = dir.control_path();
                let hint = "hint: mend it in an editor, or remove it";
                let failure = format!("{} is left as it is: {reason}\n  {hint}", path.display());
                if !failures.contains(&failure) {
                    failures.push(failure);
                }
            }
        }
    }
    if after != before
        && let Err(error) = dir.write_control(&after)
    {
        failures.push(error.to_string());
    }
    failures
}

/// Keeps other monitors from reading the number of a request before it is written anew, until the file is dropped. The
/// lock is on the folder, since the file is replaced; a filesystem or system without such locks lets everybody through.
fn lock(run: &Path) -> Option<File> {
    let folder = File::open(run).ok()?;
    for _ in 0..PATIENCE {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK_EVERY),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// The text of the file with what `command` asks for.
fn edit(text: &str, command: &Command) -> Result<String, String> {
    let mut file: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        format!("line {}: {}", error.span().map_or(1, |span| line(text, span.start)), error.message())
    })?;
    match command {
        Command::Pause(pause) => put(file.as_table_mut(), "pause", Value::from(*pause), text)?,
        Command::Step => ask(&mut file, "step", text)?,
        Command::Checkpoint => ask(&mut file, "checkpoint", text)?,
        Command::Stop => ask(&mut file, "stop", text)?,
        Command::SetParam(name, value) => {
            if !value.is_finite() {
                return Err(format!("{name} = {value} is no number"));
            }
            let params = file.entry(PARAMS).or_insert_with(|| Item::Table(Table::new()));
            let params = params.as_table_like_mut().ok_or_else(|| wrong(text, PARAMS, "a table"))?;
            put(params, name, Value::from(*value), text)?;
        }
        Command::ReleaseParam(name) => release(&mut file, name, text)?,
    }
    Ok(file.to_string())
}

/// Sets a value and leaves the comment beside it.
fn put(table: &mut dyn TableLike, key: &str, mut value: Value, text: &str) -> Result<(), String> {
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None | Some(Item::None) => drop(table.insert(key, Item::Value(value))),
        Some(_) => return Err(wrong(text, key, "a single value")),
    }
    Ok(())
}

/// Changes the number of a request.
fn ask(file: &mut DocumentMut, key: &str, text: &str) -> Result<(), String> {
    let number = match file.get(key) {
        None => 0,
        Some(item) => item.as_integer().ok_or_else(|| wrong(text, key, "a whole number"))?,
    };
    // Any other number will do, if it is none below 0.
    let number = if (0..i64::MAX).contains(&number) { number + 1 } else { 1 };
    put(file.as_table_mut(), key, Value::from(number), text)
}

/// Removes a parameter; lines of comments above it stay.
fn release(file: &mut DocumentMut, name: &str, text: &str) -> Result<(), String> {
    let Some(params) = file.get_mut(PARAMS) else { return Ok(()) };
    let params = params.as_table_like_mut().ok_or_else(|| wrong(text, PARAMS, "a table"))?;
    let next = params.iter().map(|(key, _)| key.to_owned()).skip_while(|key| key != name).nth(1);
    let above =
        params.key(name).and_then(|key| key.leaf_decor().prefix()?.as_str()).unwrap_or_default().to_owned();
    params.remove(name);
    if !above.contains('#') {
        return Ok(());
    }
    match next.as_deref().and_then(|next| params.key_mut(next)) {
        Some(mut next) => {
            let decor = next.leaf_decor_mut();
            let below = decor.prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
            let both = format!("{above}{below}");
            decor.set_prefix(both);
        }
        None => {
            let below = file.trailing().as_str().unwrap_or_default().to_owned();
            file.set_trailing(format!("{above}{below}"));
        }
    }
    Ok(())
}

/// What is wrong with a key, and where it stands.
fn wrong(text: &str, key: &str, wanted: &str) -> String {
    let within = |table: &DeTable<'_>| table.get_key_value(key).map(|(key, _)| key.span().start);
    let place = DeTable::parse(text).ok().and_then(|table| {
        within(table.get_ref()).or_else(|| within(table.get_ref().get(PARAMS)?.get_ref().as_table()?))
    });
    format!("line {}: `{key}` is not {wanted}", place.map_or(1, |place| line(text, place)))
}

/// The line of a place in the text, from 1.
fn line(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn set(name: &str, value: f64) -> Command {
        Command::SetParam(name.to_owned(), value)
    }

    fn release(name: &str) -> Command {
        Command::ReleaseParam(name.to_owned())
    }

    #[test]
    fn of_a_dragged_slider_the_last_value_is_meant() {
        let path: Arc<Path> = Path::new("run").into();
        let wish = |run: u32, command: Command| (RunId(run), Arc::clone(&path), command);
        let set = |run: u32, value: f64| wish(run, Command::SetParam("tau".to_owned(), value));
        let wishes = vec![set(0, 0.1), set(1, 0.5), wish(0, Command::Step), set(0, 0.2), set(0, 0.3)];
        let meant: Vec<String> =
            still_meant(wishes).iter().map(|(run, _, command)| format!("{} {command:?}", run.0)).collect();
        assert_eq!(meant.len(), 3, "{meant:?}");
        assert!(
            meant[0].starts_with("1 Set") && meant[1] == "0 Step" && meant[2].contains("0.3"),
            "{meant:?}"
        );
    }

    #[test]
    fn what_waits_is_written_at_once_and_requests_come_first() {
        let path: Arc<Path> = Path::new("run").into();
        let wish = |run: u32, command: Command| (RunId(run), Arc::clone(&path), command);
        let wishes = vec![
            wish(0, set("tau", 0.1)),
            wish(1, set("tau", 0.2)),
            wish(2, release("tau")),
            wish(1, Command::Pause(true)),
            wish(1, Command::Step),
        ];
        let runs = by_run(wishes);
        let order: Vec<u32> = runs.iter().map(|(run, ..)| run.0).collect();
        assert_eq!(order, [1, 0, 2]);
        assert_eq!(runs[0].2, [set("tau", 0.2), Command::Pause(true), Command::Step]);

        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), "").unwrap();
        // One that cannot be carried out keeps no other away.
        let commands = [set("tau", f64::NAN), set("eps", 0.5), Command::Stop, set("tau", f64::NAN)];
        let failures = carry_out(folder.path(), &commands);
        assert!(matches!(&failures[..], [one] if one.contains("no number")), "{failures:?}");
        let text = fs::read_to_string(folder.path().join("control.toml")).unwrap();
        assert_eq!(text, "stop = 1\n[params]\neps = 0.5\n");
    }

    #[test]
    fn monitors_that_ask_at_the_same_time_ask_for_different_numbers() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), "").unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        assert_eq!(carry_out(folder.path(), &[Command::Step]), [""; 0]);
                    }
                });
            }
        });
        let text = fs::read_to_string(folder.path().join("control.toml")).unwrap();
        assert_eq!(text, "step = 100\n");
    }

    #[test]
    fn a_file_is_made_as_one_would_write_it() {
        let mut text = String::new();
        for command in
            [set("tau", 0.05), Command::Pause(true), Command::Step, Command::Step, Command::Checkpoint]
        {
            text = edit(&text, &command).unwrap();
        }
        assert_eq!(text, "pause = true\nstep = 2\ncheckpoint = 1\n[params]\ntau = 0.05\n");
        text = edit(&text, &Command::Pause(false)).unwrap();
        text = edit(&text, &Command::Stop).unwrap();
        text = edit(&text, &release("tau")).unwrap();
        assert_eq!(text, "pause = false\nstep = 2\ncheckpoint = 1\nstop = 1\n[params]\n");
        assert_eq!(edit("", &release("tau")).unwrap(), "");
    }

    #[test]
    fn what_else_stands_there_stays() {
        let text = "# mine\npause = false # for now\n\n[params] # by hand\n# hot\ntau = 1 # kelvin\n# discount\ngamma = 0.9\n";
        assert_eq!(
            edit(&edit(text, &Command::Pause(true)).unwrap(), &set("tau", 0.25)).unwrap(),
            text.replace("false", "true").replace("tau = 1 ", "tau = 0.25 ")
        );
        assert_eq!(edit(text, &release("tau")).unwrap(), text.replace("tau = 1 # kelvin\n", ""));
        assert_eq!(edit(text, &release("gamma")).unwrap(), text.replace("gamma = 0.9\n", ""));
        assert_eq!(edit(text, &release("other")).unwrap(), text);
        // Other ways to write the same.
        assert_eq!(edit("params.tau = 1\n", &set("tau", 2.0)).unwrap(), "params.tau = 2.0\n");
        assert_eq!(
            edit("params = { tau = 1, a = 2 }\n", &release("tau")).unwrap().replace(' ', ""),
            "params={a=2}\n"
        );
    }

    #[test]
    fn what_a_parser_cannot_read_is_left_alone() {
        for (text, command, reason) in [
            ("pause = true\n[params\ntau = 1\n", Command::Pause(false), "line 2"),
            ("[params]\ntau = 1\ntau = 2\n", Command::Step, "line 3"),
            ("\nstep = \"two\"\n", Command::Step, "line 2: `step` is not a whole number"),
            ("params = 1\n", set("tau", 1.0), "line 1: `params` is not a table"),
            ("params = 1\n", release("tau"), "line 1: `params` is not a table"),
            ("[params]\n[params.tau]\nx = 1\n", set("tau", 1.0), "`tau` is not a single value"),
            ("", set("tau", f64::NAN), "no number"),
        ] {
            let error = edit(text, &command).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_command_reaches_the_file_or_says_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let error = carry_out(folder.path(), &[Command::Step]).remove(0);
        assert!(error.contains("not a run"), "{error}");
        fs::write(folder.path().join("config.toml"), "").unwrap();
        assert!(carry_out(folder.path(), &[set("tau", 0.5)]).is_empty());
        let path = folder.path().join("control.toml");
        assert_eq!(fs::read_to_string(&path).unwrap(), "[params]\ntau = 0.5\n");
        fs::write(&path, "[params]\ntau = \n").unwrap();
        let error = carry_out(folder.path(), &[set("tau", 0.7)]).remove(0);
        assert!(
            error.contains("control.toml") && error.contains("line 2") && error.contains("hint"),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "[params]\ntau = \n");
    }
}
