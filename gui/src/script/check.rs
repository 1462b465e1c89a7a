//! What the compiler says of a text that is being typed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use kelvin_objective::{ConfigValue, Diagnostic, Head, Layout, ParamKind, Reads, Script};

use super::graph::Drawing;
use super::places::Place;
use super::shape::Shape;

/// What came of a text.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The hash that the text and its imports would have as a version of the run.
    pub hash: String,
    /// Files that it depends on, the script first.
    pub files: Vec<PathBuf>,
    /// What it compiles to, or its first mistake.
    pub outcome: Result<Compiled, Problem>,
}

/// What a text compiles to.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The kernel.
    pub wgsl: String,
    /// What the script recorded, drawn.
    pub drawing: Drawing,
    /// Operations that loss and metrics need.
    pub operations: usize,
    /// Forward passes that the kernel reads, in words.
    pub reads: String,
    /// Why the run would not take it up all the same.
    pub refusal: Option<Problem>,
}

/// A mistake, and where the editor shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, where and what to do.
    pub diagnostic: Diagnostic,
    /// Its place in the script itself: where it stands, or where the script calls or imports what is wrong. None for a
    /// mistake that has no place.
    pub place: Option<Place>,
    /// Letters to underline there.
    pub width: usize,
}

impl Problem {
    /// A diagnostic about `script` or one of its imports.
    pub fn new(diagnostic: Diagnostic, script: &Path) -> Self {
        let is_own = diagnostic.file == script;
        let own = (is_own && diagnostic.line > 0)
            .then_some(Place { line: diagnostic.line as usize, column: diagnostic.column.max(1) as usize });
        let place = own.or_else(|| (!is_own).then(|| place_in_trail(&diagnostic.trail, script)).flatten());
        let width = if own.is_some() { diagnostic.width() } else { 1 };
        Self { diagnostic, place, width }
    }

    /// Whether it stands in a file that the script imports.
    pub fn is_imported(&self, script: &Path) -> bool {
        self.diagnostic.file != script
    }
}

/// The innermost place of the script in how it comes to an import: `called from /a/s.rhai:3:28`.
fn place_in_trail(trail: &[String], script: &Path) -> Option<Place> {
    let name = format!("{}:", script.display());
    trail.iter().find_map(|step| {
        let (_, place) = step.split_once(&name)?;
        let mut numbers = place.split(':').map(|number| number.parse().ok());
        Some(Place { line: numbers.next()??, column: numbers.next().flatten().unwrap_or(1) })
    })
}

/// Compiles `text` as if it were saved at `path`. `running` is the version that the run is in.
pub fn check(path: &Path, text: &str, shape: &Shape, running: Option<&Script>) -> Verdict {
    let hash = kelvin_objective::sources_hash_with(path, text);
    let mut files = vec![path.to_path_buf()];
    let attempt = || -> Result<Compiled, Diagnostic> {
        let script = Script::load_with(path, text)?;
        files = script.sources().iter().map(|source| source.path.clone()).collect();
        compile(&script, shape, running)
    };
    // A fault of the compiler's own must not take the editor with it.
    let outcome = catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| {
        let hint = "this is a fault of Kelvin; please report it together with the script";
        Err(Diagnostic::about_file(path, "the compiler failed on this text", hint))
    });
    let outcome = outcome.map_err(|diagnostic| Problem::new(diagnostic, path));
    if let Err(problem) = &outcome
        && problem.is_imported(path)
    {
        files.push(problem.diagnostic.file.clone());
    }
    Verdict { hash, files, outcome }
}

fn compile(script: &Script, shape: &Shape, running: Option<&Script>) -> Result<Compiled, Diagnostic> {
    let layout = fitted(&shape.layout, script, running);
    let statics: BTreeMap<String, f64> = (script.params().iter())
        .filter(|param| !matches!(param.kind, ParamKind::Live { .. }))
        .filter_map(|param| Some((param.name.clone(), *shape.by_hand.get(&param.name)?)))
        .collect();
    let traced = script.trace(&layout, &statics)?;
    let objective = script.compile_traced(traced.clone(), &layout)?;
    script.behaviour(&layout, &statics)?;
    let by_hand =
        || script.params().iter().filter_map(|param| Some((param, *shape.by_hand.get(&param.name)?)));
    for (param, value) in by_hand() {
        param.check(value).map_err(|message| {
            script.diagnostic(
                format!("{} = {value} was set by hand and does not fit this version: {message}", param.name),
                "widen the parameter's range, or set another value",
            )
        })?;
    }
    let refusal = running.and_then(|running| script.check_succession(running).err());
    Ok(Compiled {
        wgsl: objective.wgsl().to_owned(),
        drawing: Drawing::new(&traced, layout.window, script.sources()),
        operations: traced.used().iter().filter(|used| **used).count(),
        reads: passes(objective.reads()),
        refusal: refusal.map(|diagnostic| Problem::new(diagnostic, script.path())),
    })
}

/// The run's layout, save what the script now asks for and the running version did not: that the run does not take such a
/// change up is said as such, and not as what happens to go wrong with the old sizes.
fn fitted(layout: &Layout, script: &Script, running: Option<&Script>) -> Layout {
    let changed = |key: &str| {
        let (now, before) = (script.config().get(key), running?.config().get(key));
        now.filter(|now| Some(*now) != before)
    };
    let mut layout = layout.clone();
    if let Some(ConfigValue::Int(n)) = changed("n") {
        layout.window = usize::try_from(*n).ok().filter(|n| (1..=128).contains(n)).unwrap_or(layout.window);
    }
    if let Some(ConfigValue::List(names)) = changed("heads") {
        let heads = [Head::Q, Head::Logits, Head::V].into_iter();
        let named = |head: &Head| names.contains(&ConfigValue::Str(head.name().to_owned()));
        let heads: Vec<Head> = heads.filter(named).collect();
        if !heads.is_empty() {
            layout.heads = heads;
        }
    }
    layout
}

/// Forward passes in words: `net at s0, target net at s1`.
fn passes(reads: &Reads) -> String {
    let states = |states: &[usize]| match states {
        [] => None,
        [one] => Some(format!("s{one}")),
        [first, .., last] if last - first + 1 == states.len() => Some(format!("s{first}…s{last}")),
        some => Some(some.iter().map(|state| format!("s{state}")).collect::<Vec<_>>().join(", ")),
    };
    let parts = [
        states(&reads.trained).map(|states| format!("net at {states}")),
        states(&reads.online).map(|states| format!("net at {states} without a gradient")),
        states(&reads.target).map(|states| format!("target net at {states}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "fn config() { #{ n: 1 } }\nfn params() { #{ k: param(2, 1, 9, \"k\") } }\n\
                        fn target(t, p) { max(t.next.q) }\n\
                        fn loss(net, y, t, p) { p.k * (net.q[t.action] - y) ** 2 }\n";

    fn shape() -> Shape {
        Shape { layout: Layout::of_run(32, 6, 1, vec![Head::Q]), is_guess: false, by_hand: BTreeMap::new() }
    }

    #[test]
    fn a_sound_text_has_a_kernel_and_says_what_it_reads() {
        let path = Path::new("/nowhere/s.rhai");
        let verdict = check(path, TEXT, &shape(), None);
        let compiled = verdict.outcome.expect("it compiles");
        assert_eq!(compiled.reads, "net at s0, target net at s1");
        assert!(compiled.wgsl.contains("fn objective") && compiled.operations > 4);
        assert_eq!(compiled.refusal, None);
        assert_eq!(verdict.hash, kelvin_objective::sources_hash_with(path, TEXT));
    }

    #[test]
    fn a_mistake_has_its_place() {
        let path = Path::new("/nowhere/s.rhai");
        let verdict = check(path, &TEXT.replace("p.k *", "p.kay *"), &shape(), None);
        let problem = verdict.outcome.expect_err("it is broken");
        assert_eq!((problem.place, problem.width), (Some(Place { line: 4, column: 27 }), 3));
    }

    #[test]
    fn a_mistake_in_an_import_is_shown_where_the_script_calls_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("lib.rhai"), "fn f(x) { x.none }").unwrap();
        let text = "import \"lib\" as l;\nfn config() { #{} }\nfn loss(net, t, p) { l::f(net.q[0]) }";
        let path = folder.path().join("s.rhai");
        let verdict = check(&path, text, &shape(), None);
        let problem = verdict.outcome.expect_err("it is broken");
        assert!(problem.is_imported(&path));
        assert_eq!(problem.place.map(|place| place.line), Some(3));
        assert!(verdict.files.contains(&folder.path().join("lib.rhai")));
    }

    #[test]
    fn what_the_run_would_refuse_is_told_before_it_is_saved() {
        let path = Path::new("/nowhere/s.rhai");
        let running = Script::load_with(path, TEXT).expect("it loads");
        let verdict = check(path, &TEXT.replace("n: 1", "n: 2"), &shape(), Some(&running));
        let refusal = verdict.outcome.expect("it compiles").refusal.expect("it is refused");
        assert!(refusal.diagnostic.message.contains("config() now changes `n`"));
        assert!(check(path, TEXT, &shape(), Some(&running)).outcome.expect("it compiles").refusal.is_none());
        let by_hand = Shape { by_hand: [("k".to_owned(), 99.0)].into(), ..shape() };
        let problem = check(path, TEXT, &by_hand, None).outcome.expect_err("99 is too much");
        assert!(problem.diagnostic.message.contains("99"), "{}", problem.diagnostic);
    }
}
