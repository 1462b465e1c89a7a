//! What is set: `config.toml`, `--set` and `control.toml`.

use super::escape::unescape;
use super::finding::{Finding, Kind, watched};
use super::run::{self, RUN};
use super::runs::refused;
use super::values::TOML;
use super::{Random, Target, pick};
use crate::command::repository;
use kelvin::config::{Config, Wanted, any_game};
use kelvin::train::control;
use kelvin_compute::Reads;
use kelvin_env::Preset;
use kelvin_objective::Script;
use rand::RngExt;
use std::path::Path;
use std::sync::LazyLock;

/// Processor time that a case may take, in seconds.
const MOST_SECONDS: f64 = 5.0;
/// How a line begins that is a `--set`.
const SET: &str = "//// set ";
/// How what stands in `control.toml` begins.
const CONTROL: &str = "//// control\n";

/// Text of `config.toml`, settings of the command line and text of `control.toml`.
pub struct Settings;

/// A sound `config.toml` and the script that it is of.
struct Sound {
    config: String,
    script: Script,
}

fn sound() -> &'static Sound {
    static SOUND: LazyLock<Sound> = LazyLock::new(|| {
        let config = run::tree()[&format!("{RUN}/config.toml")].clone();
        let script = Script::load(&repository().join("scripts/soft_kl.rhai"));
        Sound {
            config: String::from_utf8(config).expect("what was written as text"),
            script: script.expect("a script of the repository"),
        }
    });
    &SOUND
}

impl Target for Settings {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn case(&self, random: &mut Random) -> String {
        let Sound { config, .. } = sound();
        let keys: Vec<&str> = config.lines().filter_map(|line| line.split(" = ").next()).collect();
        let mut lines: Vec<String> = config.lines().map(str::to_owned).collect();
        for _ in 0..random.random_range(0..4) {
            damage(random, &mut lines, &keys);
        }
        let mut text = lines.join("\n") + "\n";
        for _ in 0..random.random_range(0..4) {
            let key = match random.random_range(0..10) {
                0 => "params.tau",
                1 => "exploration",
                2 => pick(random, TOML),
                _ => pick(random, &keys),
            };
            text.push_str(&format!("{SET}{key}={}\n", pick(random, TOML)));
        }
        let mut control: Vec<String> = [
            "pause = false",
            "step = 3",
            "checkpoint = 1",
            "stop = 2",
            "[params]",
            "tau = 0.1",
            "gamma = 0.9",
        ]
        .map(str::to_owned)
        .to_vec();
        for _ in 0..random.random_range(0..3) {
            damage(random, &mut control, &["pause", "step", "stop", "params.tau", "tau", "gamma"]);
        }
        format!("{text}{CONTROL}{}\n", control.join("\n"))
    }

    fn judge(&self, case: &str) -> Result<&'static str, Finding> {
        let sound = sound();
        watched(MOST_SECONDS, || {
            let (rest, control) = case.split_once(CONTROL).unwrap_or((case, ""));
            let sets = rest.lines().filter_map(|line| line.strip_prefix(SET)).map(|set| {
                let (key, value) = set.split_once('=').unwrap_or((set, ""));
                let text = |text: &str| String::from_utf8_lossy(&unescape(text)).into_owned();
                (text(key), text(value))
            });
            let config: Vec<&str> = rest.lines().filter(|line| !line.starts_with(SET)).collect();
            let whole = |lines: &str| String::from_utf8_lossy(&unescape(lines)).into_owned();
            let mut any = configured(&whole(&config.join("\n")))?;
            any |= set(&sets.collect::<Vec<_>>(), sound)?;
            any |= steered(&whole(control), &sound.script)?;
            Ok(if any { "refused" } else { "taken" })
        })
    }
}

/// Something wrong in lines of TOML.
fn damage(random: &mut Random, lines: &mut Vec<String>, keys: &[&str]) {
    if lines.is_empty() {
        return;
    }
    let (one, other) = (random.random_range(0..lines.len()), random.random_range(0..lines.len()));
    match random.random_range(0..10) {
        0 => drop(lines.remove(one)),
        1 => lines.insert(other, lines[one].clone()),
        2 => lines.swap(one, other),
        3 => {
            let cut = lines[one].floor_char_boundary(random.random_range(0..=lines[one].len()));
            lines[one].truncate(cut);
        }
        4 => {
            let at = lines[one].floor_char_boundary(random.random_range(0..=lines[one].len()));
            lines[one].insert_str(at, pick(random, TOML));
        }
        5 => lines.insert(one, format!("{} = {}", pick(random, keys), pick(random, TOML))),
        _ => {
            let key = lines[one].split(" = ").next().unwrap_or_default().to_owned();
            lines[one] = format!("{key} = {}", pick(random, TOML));
        }
    }
}

/// A run's settings; whether they were refused. What is taken is written as it was read.
fn configured(text: &str) -> Result<bool, Finding> {
    let config = match Config::parse(text) {
        Ok(config) => config,
        Err(failure) => return refused(Err::<(), _>(failure)),
    };
    used(&config);
    let written = match config.to_toml() {
        Ok(written) => written,
        Err(failure) => return refused(Err::<(), _>(failure)),
    };
    match Config::parse(&written) {
        // Two that are not numbers are not equal.
        Ok(again) if again == config || text.contains("nan") => Ok(false),
        _ => Err(Finding::new(
            Kind::Disagreement,
            format!("read, written and read again it differs: {written}"),
        )),
    }
}

/// What is worked out from settings.
fn used(config: &Config) {
    let game = any_game(6);
    let _ = config.model_spec(&game, 1, Reads::default(), 0);
    let _ = (config.slots(), config.outputs(6), config.eval_preset());
}

/// `--set`; whether it was refused.
fn set(sets: &[(String, String)], sound: &Sound) -> Result<bool, Finding> {
    let wanted = Wanted {
        env: "pong".to_owned(),
        preset: Preset::default(),
        full_action_set: false,
        seed: 0,
        device: "cpu".to_owned(),
        frames: None,
        reference: None,
        sets: sets.to_vec(),
    };
    match Config::resolve(&wanted, &sound.script, &any_game(6)) {
        Ok(config) => {
            used(&config);
            Ok(false)
        }
        Err(failure) => refused(Err::<(), _>(failure)),
    }
}

/// `control.toml`; whether it was refused.
fn steered(text: &str, script: &Script) -> Result<bool, Finding> {
    let said = control::parse(Path::new("control.toml"), text, script.params());
    let numbers = said.params.iter().flat_map(|values| values.values());
    if let Some(number) = numbers.copied().find(|number| !number.is_finite()) {
        return Err(Finding::new(Kind::Escape, format!("a parameter is {number}")));
    }
    said.mistakes.iter().try_for_each(|mistake| refused(Err::<(), _>(mistake)).map(drop))?;
    Ok(!said.mistakes.is_empty())
}
