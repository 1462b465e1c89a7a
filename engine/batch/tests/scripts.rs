//! Batch scripts: what they return becomes runs, and what is wrong with them is told with its place.

use kelvin_batch::{BatchScript, Checked, Draft, Refusal, Run, go_on, plan};
use kelvin_objective::Diagnostic;
use kelvin_run::{Experiment, Returns};
use std::path::Path;

fn script(text: &str) -> BatchScript {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("figure.rhai");
    std::fs::write(&path, text).unwrap();
    BatchScript::load(&path).unwrap()
}

fn draft(text: &str) -> Draft {
    script(text).draft(None).unwrap_or_else(|diagnostic| panic!("{diagnostic}"))
}

/// A check that knows two environments and one parameter.
fn check(run: &Run) -> Result<Checked, Refusal> {
    let says = |key: &str, value: &str| Refusal::Says {
        key: key.to_owned(),
        value: Some(value.to_owned()),
        message: format!("{key} {value} cannot be"),
        hint: None,
    };
    if !["pong", "catch"].contains(&run.env.as_str()) {
        return Err(says("env", &run.env));
    }
    if let Some(tau) = run.set.get("tau").filter(|tau| tau.parse::<f64>().unwrap() > 10.0) {
        return Err(says("tau", tau));
    }
    Ok(Checked {
        script: run.script.clone(),
        script_hash: "ab".to_owned(),
        frames: run.frames.unwrap_or(1000),
        preset: "paper".to_owned(),
    })
}

fn planned(text: &str) -> Result<Experiment, Diagnostic> {
    let script = script(text);
    plan(&script, &script.draft(None)?, check)
}

#[test]
fn a_grid_has_a_run_of_each_combination_seeds_slowest() {
    let draft = draft(
        r#"fn experiment() { grid(#{
            script: "../dqn.rhai", env: ["catch", "pong"], seed: 0..2, tau: [0.1, 1], frames: 40e6,
            label: |run| `${run.name} ${run.tau} on ${run.env}`,
        }) }"#,
    );
    let told: Vec<_> = draft
        .runs
        .iter()
        .map(|run| format!("{} {} {} {}", run.seed, run.env, run.set["tau"], run.label))
        .collect();
    assert_eq!(
        told,
        [
            "0 catch 0.1 dqn 0.1 on catch",
            "0 catch 1 dqn 1 on catch",
            "0 pong 0.1 dqn 0.1 on pong",
            "0 pong 1 dqn 1 on pong",
            "1 catch 0.1 dqn 0.1 on catch",
            "1 catch 1 dqn 1 on catch",
            "1 pong 0.1 dqn 0.1 on pong",
            "1 pong 1 dqn 1 on pong",
        ]
    );
    assert!(draft.runs.iter().all(|run| run.frames == Some(40_000_000) && !run.set.contains_key("name")));
    assert_eq!((draft.name.as_str(), draft.size.as_str()), ("figure", "paper"));
}

#[test]
fn conditions_variants_and_sizes_are_plain_rhai() {
    let text = r#"
fn sizes() { #{ paper: #{ seeds: 0..=2 }, smoke: #{ seeds: 7..8 } } }
fn experiment(size) {
    let runs = grid(#{
        variant: [#{ script: "dqn.rhai", n: 5 }, #{ script: "soft_kl.rhai", tau: 0.1, hidden: [64, 32] }],
        env: ["catch", "pong"],
        seed: size.seeds,
    });
    if size.name == "smoke" { runs = runs.filter(|run| run.env == "catch"); }
    print(`${runs.len} runs`);
    #{ name: "mine", runs: [runs, run(#{ script: "pcl.rhai", env: "catch" })],
       figure: #{ title: "t", returns: "evaluation", lines: [#{ label: "human", value: 14.6, panel: "pong" }] },
       resources: #{ cpus: 4, args: ["--exclusive"] } }
}"#;
    let script = script(text);
    let paper = script.draft(None).unwrap();
    assert_eq!((paper.runs.len(), paper.name.as_str()), (2 * 2 * 3 + 1, "mine"));
    assert_eq!((paper.figure.returns, paper.figure.lines[0].value), (Returns::Evaluation, 14.6));
    assert_eq!((paper.resources.cpus, paper.resources.args.len()), (Some(4), 1));
    let smoke = script.draft(Some("smoke")).unwrap();
    assert_eq!(smoke.printed, ["2 runs"]);
    let labels: Vec<_> = smoke.runs.iter().map(|run| (run.label.as_str(), run.seed)).collect();
    assert_eq!(labels, [("dqn", 7), ("soft_kl", 7), ("pcl", 0)]);
    assert_eq!(smoke.runs[0].set["n"], "5");
    assert_eq!(smoke.runs[1].set["hidden"], "[64, 32]");
}

/// As many runs as are promised, in the three ways in which they are made.
#[test]
fn ten_thousand_runs_are_a_batch() {
    let long = "a label of the length that people give their labels, with τ";
    for experiment in [
        "grid(#{ script: \"../../scripts/soft_kl.rhai\", env: \"pong\", seed: 0..100, tau: taus, frames: 10e6, \
         n: 5, label: |run| `LONG = ${run.tau}` })",
        "grid(#{ script: \"a.rhai\", env: \"pong\", seed: 0..100, tau: taus, label: |run| `LONG = ${run.tau}` })\
         .filter(|run| run.tau >= 0.0)",
        "let runs = []; for tau in taus { runs += grid(#{ script: \"a.rhai\", env: \"pong\", seed: 0..100, tau: tau, \
         label: `LONG = ${tau}` }); } runs",
    ] {
        let text = format!(
            "fn experiment() {{ let taus = []; for i in 0..100 {{ taus.push(i * 0.01); }} {} }}",
            experiment.replace("LONG", long)
        );
        assert_eq!(draft(&text).runs.len(), 10_000, "{experiment}");
    }
}

/// Script, line and column, and what message and hint must say.
type Mistake = (&'static str, (u32, u32), &'static [&'static str]);

const MISTAKES: &[Mistake] = &[
    ("let x = 1;", (1, 1), &["`experiment`", "fn experiment()"]),
    ("fn experiment() { grid(#{ env: [] }) }", (1, 19), &["`env` has no values"]),
    ("fn experiment() { grid(#{ seed: 3..3 }) }", (1, 19), &["`seed` has no values"]),
    ("fn experiment() { [] }", (1, 4), &["no runs", "grid"]),
    ("fn experiment() { 3 }", (1, 4), &["a run is a map, found a whole number"]),
    ("fn experiment() { grid(#{ seed: 0..200, env: 0..200 }) }", (1, 19), &["more than 10000"]),
    ("fn experiment() { grid(#{ tau: [1], v: [#{ tau: 2 }] }) }", (1, 19), &["`tau` is given twice"]),
    ("fn experiment() { run(#{ env: \"pong\" }) }", (1, 19), &["no `script`"]),
    ("fn experiment() { run(#{ script: \"a.rhai\" }) }", (1, 19), &["no `env`"]),
    ("fn experiment() { run(#{ script: 3, env: \"pong\" }) }", (1, 34), &["`script` takes a text", "`3`"]),
    (
        "fn experiment() { run(#{ script: \"a.rhai\", env: [\"pong\"] }) }",
        (1, 44),
        &["`env` takes a text", "grid"],
    ),
    (
        "fn experiment() {\n    grid(#{ script: \"a.rhai\", env: [\"pong\", \"pogn\"] })\n}",
        (2, 45),
        &["env pogn cannot be"],
    ),
    (
        "fn games() { [\"pong\", \"pogn\"] }\nfn experiment() { grid(#{ script: \"a.rhai\", env: games() }) }",
        (1, 23),
        &["env pogn cannot be"],
    ),
    (
        "fn experiment() { grid(#{ script: \"a.rhai\", env: \"pong\", tau: [1.0, 99.0] }) }",
        (1, 69),
        &["tau 99 cannot be"],
    ),
    (
        "fn experiment() { grid(#{ script: \"a.rhai\", env: \"pong\", tau: [1.0, 2.0] }) }",
        (1, 19),
        &["would share the folder a/pong-s0", "differ in tau", "|run| `tau ${run.tau}`"],
    ),
    (
        "fn experiment() { grid(#{ script: [\"a.rhai\", \"b.rhai\"], env: \"pong\", label: \"x\" }) }",
        (1, 77),
        &["both `x`", "differ in script a, now b", "|run| `script ${run.name}`"],
    ),
    (
        "fn experiment() { grid(#{ script: \"a.rhai\", env: \"pong\", label: [\"a b\", \"A/b\"] }) }",
        (1, 73),
        &["`a b` and `A/b`", "would share the folder A-b/pong-s0", "capitals do not count"],
    ),
    (
        "fn experiment() { [run(#{ script: \"a.rhai\", env: \"pong\" }), run(#{ script: \"a.rhai\", env: \"pong\" })] }",
        (1, 61),
        &["is there twice", "leave one"],
    ),
    ("fn experiment() { #{ runs: [], figur: #{} } }", (1, 32), &["has no `figur`", "did you mean `figure`"]),
    (
        "fn experiment() { #{ runs: run(#{ script: \"a.rhai\", env: \"pong\" }), figure: #{ titel: \"\" } } }",
        (1, 80),
        &["a figure has no `titel`", "`title`"],
    ),
    (
        "fn experiment() { #{ runs: run(#{ script: \"a.rhai\", env: \"pong\" }), figure: #{ curves: \"tau\" } } }",
        (1, 88),
        &["not every run", "a/pong-s0"],
    ),
    (
        "fn experiment() { #{ name: \"a/b\", runs: run(#{ script: \"a.rhai\", env: \"pong\" }) } }",
        (1, 28),
        &["cannot be the name of a folder"],
    ),
    ("fn experiment() { gird(#{}) }", (1, 19), &["no function `gird`", "did you mean grid?"]),
    ("fn experiment() { games }", (1, 19), &["no variable `games`"]),
    (
        "fn experiment() { let f = |x| x; loop { f = f.curry(f); } }",
        (1, 47),
        &["`curry` is not part of batch scripts"],
    ),
    ("fn experiment() { eval(\"[]\") }", (1, 19), &["`eval` is not part of batch scripts"]),
    ("fn experiment() { let x = [2, 1]; x.sort(|a, b| x.len()); }", (1, 4), &["changes it"]),
    ("loop { }\nfn experiment() { [] }", (1, 6), &["does not end"]),
    ("fn experiment() { 0.size }", (1, 21), &["a whole number"]),
    (
        "fn experiment() { let l = []; l.pad(600000, 1); grid(#{ seed: 0..10000, a: #{ x: l } }) }",
        (1, 49),
        &["2 GiB of memory", "short lists"],
    ),
    ("fn experiment() { loop {} }", (1, 4), &["does not end"]),
    ("fn experiment() { 1 / 2 }", (1, 21), &["drop the fraction"]),
    ("fn experiment() { let a = #{}; a.b }", (1, 34), &["no key `b`"]),
    ("fn experiment() { throw \"no luck\" }", (1, 19), &["no luck"]),
    ("fn experiment(size) { [] }", (1, 4), &["no `sizes`"]),
    ("fn sizes() { #{ a: 1, b: 2 } }\nfn experiment(size) { [] }", (1, 4), &["--size", "`a`, `b`"]),
    ("fn experiment() { import \"x\" as x; [] }", (1, 26), &["one file"]),
    ("fn experiment( { }", (1, 15), &["syntax error"]),
    ("fn experiment() { sleep(1000) }", (1, 19), &["no function `sleep`"]),
];

#[test]
fn mistakes_have_their_places() {
    let mut wrong = Vec::new();
    for (text, place, parts) in MISTAKES {
        match planned(text) {
            Ok(plan) => wrong.push(format!("{text}\nis taken for {} tasks", plan.tasks.len())),
            Err(diagnostic) => {
                let told = diagnostic.to_string();
                let missing: Vec<_> = parts.iter().filter(|part| !told.contains(**part)).collect();
                if (diagnostic.line, diagnostic.column) != *place || !missing.is_empty() {
                    wrong.push(format!("{text}\nwanted {place:?} and {missing:?}\n{told}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), MISTAKES.len(), wrong.join("\n\n"));
}

#[test]
fn a_size_that_is_not_there_is_named() {
    let text = "fn sizes() { #{ paper: #{}, smoke: #{} } }\nfn experiment(size) { [] }";
    let told = script(text).draft(Some("smok")).unwrap_err().to_string();
    assert!(told.contains("figure.rhai:1:4") && told.contains("did you mean --size smoke?"), "{told}");
}

/// Values that hold themselves would be followed for ever.
#[test]
fn knots_are_no_crash() {
    for text in [
        "fn experiment() { let a = []; let f = |x| a.push(x); f.call(a); f.call(a); a }",
        "fn experiment() { let a = #{}; let f = || { a.b = a; }; f.call(); a }",
        "fn experiment() { let a = []; for i in 0..100 { a = [a]; } a }",
        "fn f(x) { f(x) } fn experiment() { f(1) }",
        "fn experiment() { grid(#{ script: \"a\", env: |run| run.env, x: |run| grid(run) }) }",
    ] {
        let told = planned(text).unwrap_err().to_string();
        assert!(told.starts_with("error: ") && told.contains("hint: "), "{text}\n{told}");
    }
}

fn with(seeds: &str, frames: u32, games: &str) -> Experiment {
    let text = format!(
        "fn experiment() {{ grid(#{{ script: \"a.rhai\", env: [{games}], seed: {seeds}, frames: {frames} }}) }}"
    );
    planned(&text).unwrap()
}

#[test]
fn a_plan_grows_at_its_end_and_changes_in_no_other_way() {
    let stored = with("0..2", 1000, "\"pong\"");
    let same = go_on(stored.clone(), with("0..2", 1000, "\"pong\"")).unwrap();
    assert_eq!(same.tasks, stored.tasks);

    let grown = go_on(stored.clone(), with("0..3", 1000, "\"catch\", \"pong\"")).unwrap();
    let folders: Vec<_> = grown.tasks.iter().map(|task| (task.index, task.folder.as_str())).collect();
    let before = [(0, "a/pong-s0"), (1, "a/pong-s1")];
    assert_eq!(folders[..2], before, "what was there stays where it was");
    assert_eq!(folders[2..], [(2, "a/catch-s0"), (3, "a/catch-s1"), (4, "a/catch-s2"), (5, "a/pong-s2")]);

    let told = go_on(stored.clone(), with("0..2", 2000, "\"pong\"")).unwrap_err();
    assert_eq!(told[0], "task 0 (a/pong-s0) differs in frames 1000, now 2000");
    let told = go_on(stored.clone(), with("1..2", 1000, "\"pong\"")).unwrap_err();
    assert_eq!(told, ["task 0 (a/pong-s0) is gone"]);
    let mut edited = stored.clone();
    edited.tasks[1].script_hash = "cd".to_owned();
    let told = go_on(stored, edited).unwrap_err();
    assert!(told[0].starts_with("task 1 (a/pong-s1) differs in the text of") && told.len() == 1, "{told:?}");
}

#[test]
fn the_shipped_scripts_are_the_papers_figures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/batches");
    for (name, runs, frames, smoke) in [
        ("figure1", 2 * 6 * 3, 320_000_000, 24),
        ("figure2", 6 * 6 * 2, 40_000_000, 72),
        ("figure3", 2 * 6 * 3, 320_000_000, 24),
    ] {
        let script = BatchScript::load(&folder.join(name).with_extension("rhai")).unwrap();
        let paper = script.draft(None).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
        assert_eq!(paper.runs.len(), runs, "{name}");
        assert!(paper.runs.iter().all(|run| run.frames == Some(frames) && run.script.is_file()), "{name}");
        let smaller = script.draft(Some("smoke")).unwrap();
        assert_eq!(smaller.runs.len(), smoke, "{name}");
        // The smaller size is about the same curves and panels.
        let curves = |draft: &Draft| {
            let mut curves: Vec<_> =
                draft.runs.iter().map(|run| (run.label.clone(), run.env.clone())).collect();
            curves.sort();
            curves.dedup();
            curves
        };
        assert_eq!(curves(&paper), curves(&smaller), "{name}");
    }
}

#[test]
fn a_panel_that_is_misspelt_has_its_place() {
    let figure = |figure: &str| {
        format!(
            "fn experiment() {{ #{{ runs: grid(#{{ script: \"dqn.rhai\", env: [\"catch\", \"pong\"] }}),\nfigure: #{{ \
             {figure} }} }} }}"
        )
    };
    for (text, place) in [
        ("tops: #{ ctach: 1.2 }", (2, 21)),
        ("tops: #{ \"ctach\": 1.2 }", (2, 21)),
        ("lines: [#{ label: \"human\", value: 14.6, panel: \"ctach\" }]", (2, 59)),
    ] {
        let error = planned(&figure(text)).unwrap_err();
        assert_eq!((error.line, error.column), place, "{error}");
        let said = error.to_string();
        assert!(said.contains("no panel `ctach`") && said.contains("`catch`"), "{said}");
    }
    // Of another size, perhaps.
    planned(&figure("tops: #{ seaquest: 1000.0, pong: 21 }")).unwrap();
}

/// Every example of docs/batches.md, for every size that it has.
#[test]
fn the_examples_of_the_page_are_batches() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/batches.md")).unwrap();
    let blocks = page.split("```rhai\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut runs = Vec::new();
    for block in blocks {
        let script = script(block);
        let sizes: &[_] = if block.contains("smoke") { &[None, Some("smoke")] } else { &[None] };
        for size in sizes {
            let draft = script.draft(*size).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
            let plan = plan(&script, &draft, |run| {
                let path = root
                    .join("scripts/batches")
                    .join(run.script.strip_prefix(script.path().parent().unwrap()).unwrap());
                assert!(path.is_file(), "{} is not shipped", path.display());
                check(&Run { env: "catch".to_owned(), ..run.clone() })
            });
            runs.push(plan.unwrap_or_else(|diagnostic| panic!("{diagnostic}")).tasks.len());
        }
    }
    assert_eq!(runs, [12, 6, 5, 9, 1, 2]);
}
