//! From the maps that a script returns to runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rhai::{Dynamic, Map};

use super::complaint::{Complaint, type_name};
use super::grid::{MAX_RUNS, PLACE};
use super::tokens::Place;
use super::value::{Fields, Wrong, mistyped, text_of, whole};

/// Lists within lists that are followed.
const MAX_DEPTH: usize = 16;
/// The largest seed: settings have no larger whole numbers.
const MAX_SEED: u64 = i64::MAX as u64;
/// More frames than these are a slip of the pen: above, not every whole number is one that a script can write as `1e15`.
const MAX_FRAMES: u64 = 1_000_000_000_000_000;

/// A run as a batch script asks for it: its shape is sound, and nobody has looked yet whether there is such a script,
/// environment or setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What the curve is called that it belongs to.
    pub label: String,
    /// The objective, relative to the working directory.
    pub script: PathBuf,
    /// The environment.
    pub env: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Length of the training, frames, if the script says.
    pub frames: Option<u64>,
    /// Preprocessing and termination rules, if the script says.
    pub preset: Option<String>,
    /// All 18 actions instead of those the game uses.
    pub full_action_set: bool,
    /// The run whose newest network is the reference.
    pub reference: Option<PathBuf>,
    /// Everything else that it says: settings and parameters, as `--set` takes them.
    pub set: BTreeMap<String, String>,
    /// The call that made it.
    pub place: Place,
}

impl Run {
    /// The keys of a run that are no settings.
    pub const KEYS: [&str; 8] =
        ["label", "script", "env", "seed", "frames", "preset", "full_action_set", "reference"];
}

/// All maps in a value: one, or a list of them or of such lists.
pub(super) fn flatten(value: Dynamic, depth: usize, into: &mut Vec<Map>) -> Result<(), Complaint> {
    if into.len() > MAX_RUNS || depth > MAX_DEPTH {
        return Err(Complaint::new(format!("there are more than {MAX_RUNS} runs"))
            .hint("make several experiments of it"));
    }
    if value.is_map() {
        into.extend(value.try_cast::<Map>());
        return Ok(());
    }
    let found = type_name(value.type_name()).to_owned();
    let items = value.into_array().map_err(|_| {
        Complaint::new(format!("a run is a map, found {found}"))
            .hint("return grid(#{ … }), run(#{ … }), or a list of them")
    })?;
    items.into_iter().try_for_each(|item| flatten(item, depth + 1, into))
}

/// A run from its map. `folder` is that of the batch script, which paths are relative to.
pub(super) fn read(map: &Map, folder: &Path) -> Result<Run, (Wrong, Place)> {
    let place = map.get(PLACE).and_then(|place| place.clone().try_cast::<Place>()).unwrap_or_default();
    read_fields(map, folder, place).map_err(|wrong| (wrong, place))
}

fn read_fields(map: &Map, folder: &Path, place: Place) -> Result<Run, Wrong> {
    let mut fields = Fields::new(map, "a run");
    let missing = |key: &str, example: &str| Wrong {
        key: key.to_owned(),
        value: None,
        complaint: Complaint::new(format!("a run has no `{key}`"))
            .hint(format!("say it, as in {key}: \"{example}\"")),
    };
    let script = fields.text("script")?.ok_or_else(|| missing("script", "../soft_kl.rhai"))?;
    let env = fields.text("env")?.ok_or_else(|| missing("env", "pong"))?;
    let script = folder.join(script);
    let stem = || script.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let seed = fields.whole("seed")?.unwrap_or(0);
    if seed > MAX_SEED {
        let complaint =
            Complaint::new(format!("`seed` is {seed}")).hint(format!("it may be {MAX_SEED} at most"));
        return Err(Wrong { key: "seed".to_owned(), value: Some(seed.to_string()), complaint });
    }
    let run = Run {
        label: fields.text("label")?.unwrap_or_else(stem),
        env,
        seed,
        frames: frames(&mut fields)?,
        preset: fields.text("preset")?,
        full_action_set: fields.flag("full_action_set")?.unwrap_or(false),
        reference: fields.text("reference")?.map(|run| folder.join(run)),
        script,
        set: BTreeMap::new(),
        place,
    };
    fields.any(PLACE);
    let settings = fields.others().map(|(key, value)| match text_of(value) {
        Some(text) => Ok((key.to_owned(), text)),
        None => Err(mistyped(key, value, "a number, a text, true, false or a list of these")),
    });
    Ok(Run { set: settings.collect::<Result<_, _>>()?, ..run })
}

fn frames(fields: &mut Fields) -> Result<Option<u64>, Wrong> {
    let frames = |value: &Dynamic| whole(value).filter(|frames| (1..MAX_FRAMES).contains(frames));
    fields.read("frames", "a whole number, 1 or more and less than 1e15", frames)
}
