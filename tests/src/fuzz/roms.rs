//! Folders of ROMs, and names of games. What reaches the emulator has the md5 that its list names, so that names, sizes,
//! links and what is no file are all that can be hostile.

use super::edits::{self, Tree};
use super::finding::{Finding, Kind, helps, watched};
use super::{Random, Target, escape, pick};
use kelvin_env::{EnvOptions, make, roms};
use rand::RngExt;
use std::path::Path;
use std::sync::LazyLock;

/// Processor time that a case may take, in seconds.
const MOST_SECONDS: f64 = 5.0;
/// How a line begins that asks for a game.
const ASK: &str = "ask ";

/// What nobody calls a game.
const NAMES: &[&str] = &[
    "",
    "pong",
    "Pong",
    "PONG.bin",
    "pong.bin",
    "../pong",
    "./pong",
    "pong/",
    "/pong",
    "a/../pong",
    "..",
    ".",
    "~",
    "ALE/Pong-v5",
    "PongNoFrameskip-v4",
    "pong\\n",
    " pong",
    "pong\\x00",
    "po\\x6eg\\xff",
    "τ🙂",
    "\\100000*[p]",
    "\\5000*[pong ]",
    "\\3000*[../]pong",
    "catch",
    "catchcatch",
    "gridworld",
    "chain",
    "%s",
    "$(id)",
    "breakout",
    "qbert",
    "tetris",
    "-",
    "--help",
    "con",
    "nul",
    "space_invaders\\x1b[2J",
    "\u{202e}gnop",
];

/// ROM files.
pub struct Roms;

fn tree() -> &'static Tree {
    static TREE: LazyLock<Tree> = LazyLock::new(|| {
        let image = |bytes: usize| (0..bytes).map(|at| (at % 251) as u8).collect::<Vec<_>>();
        let files = [
            ("pong.bin", image(2048)),
            ("breakout.bin", image(4096)),
            ("qbert.bin", image(65_536)),
            ("seaquest.bin", image(65_537)),
            ("readme.txt", b"none".to_vec()),
            ("nested/pong.bin", image(2048)),
        ];
        files.into_iter().map(|(name, content)| (name.to_owned(), content)).collect()
    });
    &TREE
}

impl Target for Roms {
    fn name(&self) -> &'static str {
        "roms"
    }

    fn case(&self, random: &mut Random) -> String {
        let mut lines = edits::make(random, tree(), |_| true);
        for _ in 0..random.random_range(1..4) {
            let name = match random.random_bool(0.6) {
                true => pick(random, NAMES).to_owned(),
                false => escape::escape(&random.random::<[u8; 6]>()),
            };
            lines.push(format!("{ASK}{name}"));
        }
        lines.join("\n") + "\n"
    }

    fn judge(&self, case: &str) -> Result<&'static str, Finding> {
        watched(MOST_SECONDS, || {
            let folder =
                tempfile::tempdir().map_err(|error| Finding::new(Kind::Internal, error.to_string()))?;
            edits::write(tree(), &case.lines().collect::<Vec<_>>(), folder.path())
                .map_err(|error| Finding::new(Kind::Internal, error.to_string()))?;
            let mut loaded = false;
            for name in case.lines().filter_map(|line| line.strip_prefix(ASK)) {
                let name = String::from_utf8_lossy(&escape::unescape(name)).into_owned();
                loaded |= asked(&name, folder.path())?;
            }
            for game in roms::status(Some(folder.path())) {
                game.rom.err().map_or(Ok(()), helps)?;
            }
            Ok(if loaded { "loaded" } else { "refused" })
        })
    }
}

/// Makes an environment of that name; whether there is one.
fn asked(name: &str, folder: &Path) -> Result<bool, Finding> {
    roms::locate(name, Some(folder)).err().map_or(Ok(()), helps)?;
    let options = EnvOptions { roms: Some(folder.to_path_buf()), ..EnvOptions::default() };
    match make(name, &options, 1) {
        Ok(_) => Ok(true),
        Err(error) => helps(&error).map(|()| false),
    }
}
