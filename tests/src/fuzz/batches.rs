//! Batch scripts: those of the repository, broken, and with things in them that no experiment should do.

use super::damage::Vocabulary;
use super::finding::{Finding, Kind, helps, watched};
use super::{Random, Target};
use crate::command::repository;
use kelvin_batch::{BatchScript, Checked, plan};
use kelvin_objective::Diagnostic;
use rand::RngExt;
use std::fs;
use std::sync::LazyLock;

/// Processor time that a case may take, in seconds: it is run for three sizes, each of which may take five until it is
/// stopped.
const MOST_SECONDS: f64 = 20.0;

/// What comes into a batch script.
const VOCABULARY: Vocabulary = Vocabulary {
    words: "\
        grid run experiment sizes size variants script env seed seeds frames settings label tau figure resources title \
        caption lines value tops panels curves window columns returns time cpus mem name runs reference preset \
        full_action_set variant set if else for while loop let const fn return break true false in import as eval print \
        debug call curry throw + - * / % ** < == = ! & | && || ( ) [ ] { } #{ , ; : . .. ..= ?. ?? => |run| |x| \" ' ` \
        // /* */ # @ $ \\ 0 1 -1 0.0 1e400 1e-400 9223372036854775807 99999999999999999999 0..9223372036854775807 40e6 \
        \"catch\" \"pong\" \"../dqn.rhai\" \"../../../etc/passwd\" \"/dev/zero\" \"48:00:00\" \"16G\" \"τ\" \"\" 'a' é 🙂 \
        \u{202e} ()",
    statements: &[
        "loop { }",
        "while true { let x = 1; }",
        "for i in 0..9223372036854775807 { }",
        "let s = \"a\"; loop { s += s; }",
        "let l = [0]; loop { l.push(l); }",
        "let l = [0]; loop { l += l; }",
        "let m = #{}; let k = \"a\"; loop { k += \"a\"; m[k] = m; }",
        "let f = |x| x; loop { f = f.curry(f); }",
        "let f = |x| x; loop { let g = f; f = |x| g.call(x); }",
        "let l = []; let f = || l; l.push(f); l",
        "let x = [1]; loop { x = [x, x]; }",
        "let x = #{ a: 1 }; loop { x = #{ a: x, b: x }; }",
        "experiment(1); experiment();",
        "sizes();",
        "eval(\"loop { }\");",
        "let s = \"1\"; for i in 0..100 { s = \"eval(\\\"\" + s + \"\\\")\"; } eval(s);",
        "let s = \"0\"; for i in 0..2000 { s = \"(\" + s + \")\"; } eval(s);",
        "loop { print(\"flood\"); debug(\"flood\"); }",
        "let s = \"a\"; for i in 0..20 { s += s; } loop { print(s); }",
        "import \"/etc/passwd\" as x;",
        "import \"../dqn\" as x;",
        "let x = 1 << 200; let y = 1 >> -1; let z = 2 ** 99999;",
        "let x = 9223372036854775807 + 1;",
        "let x = -(-9223372036854775807 - 1);",
        "let x = (-9223372036854775807 - 1) / -1; let y = (-9223372036854775807 - 1) % -1;",
        "let x = \"abc\".sub_string(-9223372036854775807, 9223372036854775807);",
        "let x = \"a\".pad(9223372036854775807, \"b\");",
        "let l = []; l.pad(9223372036854775807, 1);",
        "let l = [1, 2]; l.insert(-9223372036854775808, 1); l.splice(1..9223372036854775807, [1]); l.drain(0, -1);",
        "let x = \"ab\"; x.pad(30000000, \"é\"); let y = x.split(\"\"); let z = y + y; loop { z += y; }",
        "let x = \"a,b\".replace(\"\", \"xyz\"); let y = \"a\".index_of(\"\", -1); x.truncate(-1); x.crop(5, -5);",
        "let x = [3, 1, 2]; x.sort(|a, b| x.len()); x.sort(|a, b| 0.0 / 0.0); x.dedup(|a, b| true);",
        "let x = [1]; x.for_each(|e| x.push(e)); x.map(|e| x); x.reduce(|a, b| [a, b, a]);",
        "let x = blob(1000000000);",
        "let x = range(0, 9223372036854775807, 0); for y in x { }",
        "let x = 0.0 / 0.0; let y = x.to_int(); let z = (1e300).to_int(); let w = parse_int(\"zz\", 99);",
        "let x = \"\\u{10ffff}\".to_chars(); let y = \"é\".get(0..1); let z = \"é\"[0..9];",
        "throw #{ a: 1 };",
        "throw;",
        "return 1;",
        "let x = sleep(100000); let y = timestamp(); exit(3);",
        "let x = open(\"/etc/passwd\"); let y = read_file(\"/etc/passwd\"); exec(\"id\");",
        "let x = Fn(\"experiment\").call(); let y = this;",
        "return grid(#{ seed: 0..9223372036854775807 });",
        "return grid(#{ script: \"../dqn.rhai\", env: \"catch\", seed: 0..1000000 });",
        "return grid(#{ a: 0..1000, b: 0..1000, c: 0..1000, d: 0..1000 });",
        "return grid(#{ script: [], env: [] });",
        "return grid(#{ seed: [[[[[[1]]]]]], settings: [#{ a: #{ b: 1 } }] });",
        "let x = []; for i in 0..100 { x = [x]; } return x;",
        "let x = #{ runs: [] }; x.runs = x; return x;",
        "return #{ runs: [run(#{ script: \"../dqn.rhai\", env: \"catch\", seed: -1 })], name: \"../x\" };",
        "return run(#{ script: 1, env: (), seed: \"a\", frames: -1e300, label: |run| run });",
        "return run(#{ script: \"../dqn.rhai\", env: \"catch\", label: |run| { loop { } } });",
        "return run(#{ script: \"../dqn.rhai\", env: \"catch\", label: |run| `${run}${run}` });",
    ],
    replacements: &[
        ("grid(", "run("),
        ("run(", "grid("),
        ("fn experiment(", "fn experiment(a, b, "),
        ("fn experiment(size)", "fn experiment()"),
        ("fn sizes()", "fn sizes(x)"),
        ("fn ", "private fn "),
        ("seeds: 0..2", "seeds: 0..9223372036854775807"),
        ("0..3", "3..0"),
        ("0..3", "[1, 1]"),
        ("0..3", "-3..3"),
        ("40e6", "0"),
        ("40e6", "1e300"),
        ("40e6", "\"40M\""),
        ("30e3", "0.5"),
        ("\"../", "\"../../../../../../"),
        ("\"../dqn.rhai\"", "\"/dev/zero\""),
        ("\"catch\"", "\"../catch\""),
        ("\"catch\"", "()"),
        ("label:", "env:"),
        ("label:", "name:"),
        ("label:", "frames:"),
        ("title:", "titel:"),
        ("title: \"", "title: 1 + \""),
        ("lines: [", "lines: [1, "),
        ("value: 1.0", "value: 0.0 / 0.0"),
        ("value: 1.0", "value: 1e999"),
        ("cpus: 4", "cpus: -4"),
        ("48:00:00", "99999999999999:00:00"),
        ("48:00:00", "48:00:00\\n#SBATCH --wrap=id"),
        ("16G", "16G --wrap=id"),
        ("figure: #{", "figure: #{ window: 0, columns: -1, tops: #{ pong: 0.0 / 0.0 }, "),
        ("figure: #{", "figure: #{ panels: \"seed\", curves: \"nothing\", "),
        ("#{", "{"),
        ("#{", "#{ \"\": 1, "),
        ("}", "} }"),
        (", ", " "),
        ("let ", ""),
        ("\n", "\r\n"),
        (" ", "\u{a0}"),
        ("e", "е"),
        ("`", "\""),
        ("${tau}", "${eval(\"tau\")}"),
    ],
    value: "size.",
};

/// Batch scripts.
pub struct Batches;

fn scripts() -> &'static [String] {
    static SCRIPTS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let folder = repository().join("scripts/batches");
        let entries = fs::read_dir(folder).expect("the repository's batch scripts").flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).expect("a batch script")).collect()
    });
    &SCRIPTS
}

impl Target for Batches {
    fn name(&self) -> &'static str {
        "batches"
    }

    fn case(&self, random: &mut Random) -> String {
        let scripts = scripts();
        let mut text = scripts[random.random_range(0..scripts.len())].clone();
        for _ in 0..random.random_range(1..=4) {
            text = VOCABULARY.damage(random, text);
        }
        text
    }

    fn judge(&self, case: &str) -> Result<&'static str, Finding> {
        watched(MOST_SECONDS, || {
            let folder =
                tempfile::tempdir().map_err(|error| Finding::new(Kind::Internal, error.to_string()))?;
            let path = folder.path().join("batch.rhai");
            fs::write(&path, case).map_err(|error| Finding::new(Kind::Internal, error.to_string()))?;
            let script = match BatchScript::load(&path) {
                Ok(script) => script,
                Err(diagnostic) => return refused(&diagnostic),
            };
            let mut word = "refused";
            for size in [None, Some("smoke"), Some("nothing")] {
                match drafted(&script, size) {
                    Ok(()) => word = "planned",
                    Err(diagnostic) => drop(refused(&diagnostic)?),
                }
            }
            Ok(word)
        })
    }
}

fn drafted(script: &BatchScript, size: Option<&str>) -> Result<(), Diagnostic> {
    let draft = script.draft(size)?;
    let checked = |_: &_| {
        let (script, preset) = ("/objective.rhai".into(), "paper".to_owned());
        Ok(Checked { script, script_hash: "ab".to_owned(), frames: 1000, preset })
    };
    plan(script, &draft, checked).map(drop)
}

/// A diagnostic is a good end if it helps.
fn refused(diagnostic: &Diagnostic) -> Result<&'static str, Finding> {
    let text = diagnostic.to_string();
    helps(&text)?;
    // A file as a whole has no line.
    let whole_file = ["MiB", "UTF-8"].iter().any(|word| text.contains(word));
    if diagnostic.message.is_empty() || (diagnostic.line == 0 && !whole_file) {
        return Err(Finding::new(Kind::Place, text));
    }
    match ["Dynamic", "i64", "f64"].iter().find(|word| diagnostic.message.contains(**word)) {
        Some(_) => Err(Finding::new(Kind::Words, text)),
        None => Ok("refused"),
    }
}
