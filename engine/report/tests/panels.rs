//! What a report makes of a batch whose panels are not the games, and of words that would be markup.

use kelvin_report::{Analysis, Axis, Format, Options, Source, Study, write};
use kelvin_run::{Experiment, Figure, ReferenceLine, Returns, RunDir, Task};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Runs that are done, of every combination and three seeds, that return whatever `returns` says at every episode and
/// evaluation.
fn batch(figure: Figure, envs: &[&str], returns: impl Fn(&Task) -> f64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Experiment::new("mine", Path::new("/x/mine.rhai"), "", "paper");
    plan.figure = figure;
    for script in ["soft", "pcl"] {
        for env in envs {
            for tau in ["0.01", "0.1"] {
                for seed in 0..3 {
                    let label = format!("{script}-{tau}");
                    let task = Task {
                        index: plan.tasks.len(),
                        folder: format!("{label}/{env}-s{seed}"),
                        label,
                        script: format!("/x/{script}.rhai"),
                        script_hash: script.to_owned(),
                        env: (*env).to_owned(),
                        seed,
                        frames: 1000,
                        preset: "paper".to_owned(),
                        full_action_set: false,
                        reference: None,
                        set: BTreeMap::from([("tau".to_owned(), tau.to_owned())]),
                    };
                    run(&folder.path().join(&task.folder), &task, returns(&task));
                    plan.tasks.push(task);
                }
            }
        }
    }
    plan.write(folder.path()).unwrap();
    folder
}

fn run(folder: &Path, Task { script, script_hash, env, seed, frames, .. }: &Task, value: f64) {
    fs::create_dir_all(folder.join("objective")).unwrap();
    let config = format!(
        "script = \"{script}\"\nenv = \"{env}\"\nseed = {seed}\nframes = {frames}\npreset = \"paper\"\nfull_action_set = false\n"
    );
    fs::write(folder.join("config.toml"), config).unwrap();
    let sources = [("loss.rhai".into(), "fn loss".to_owned())];
    RunDir::open(folder).unwrap().record_objective(0, script_hash, &sources).unwrap();
    let mut metrics = String::new();
    for step in (100..=1000).step_by(100) {
        metrics += &format!(
            "{{\"kind\":\"episode\",\"frames\":{step},\"agent_steps\":{step},\"env\":0,\"episode_return\":{value:?},\
             \"episode_agent_steps\":100,\"episode_frames\":100}}\n"
        );
    }
    // The record after it is far off, and so would be a line to it.
    metrics += &format!(
        "{{\"kind\":\"eval\",\"frames\":500,\"agent_steps\":500,\"updates\":77,\"policy\":\"greedy\",\"epsilon\":0.0,\
         \"seed\":18446744073709551615,\"episodes\":2,\"mean_return\":{value:?},\"std_return\":1.0,\
         \"best_return\":{value:?},\"returns\":[{:?},{:?}]}}\n",
        value - 1.0,
        value + 1.0
    );
    metrics += "{\"kind\":\"train\",\"frames\":1000,\"agent_steps\":1000,\"updates\":900,\"mean_return\":null,\
                \"learning_rate\":0.1,\"epsilon\":0.5,\"replay\":200,\"metrics\":{},\"params\":{}}\n";
    fs::write(folder.join("metrics.jsonl"), metrics).unwrap();
    fs::write(folder.join("DONE"), "{}").unwrap();
}

fn analysis(folder: &TempDir) -> (Study, Analysis) {
    let study = Study::read(folder.path(), &[]).unwrap();
    let analysis = Analysis::new(&study, &Options { window: Some(5), ..Options::default() }).unwrap();
    (study, analysis)
}

fn by(panels: &str, curves: &str) -> Figure {
    Figure { panels: panels.to_owned(), curves: curves.to_owned(), ..Figure::default() }
}

/// The table of scores: game and variant, seeds, and the mean.
fn table(study: &Study, analysis: &Analysis) -> Vec<(String, Vec<u64>, f64)> {
    let games = analysis.sources[0].games.iter();
    let cells = games.flat_map(|game| game.cells.iter().map(move |cell| (&game.name, cell)));
    let rows = cells.map(|(game, cell)| {
        let seeds = cell.scores.iter().map(|(seed, _)| *seed).collect();
        (format!("{game} | {}", study.variants[cell.variant]), seeds, cell.mean)
    });
    rows.collect()
}

#[test]
fn scores_and_tests_are_by_panel_where_curves_are() {
    // What is in one panel is far from what is in the other; within each, the variants are not the same.
    let value = |task: &Task| {
        let base = if task.script.contains("soft") { 0.0 } else { 100.0 };
        base + task.seed as f64 + if task.value("tau").as_deref() == Some("0.1") { 10.0 } else { 0.0 }
    };
    let folder = batch(by("script", "tau"), &["gridworld"], value);
    let (study, analysis) = analysis(&folder);
    let row = |name: &str, mean: f64| (name.to_owned(), vec![0, 1, 2], mean);
    assert_eq!(
        table(&study, &analysis),
        [
            row("pcl · gridworld | tau=0.01", 101.0),
            row("pcl · gridworld | tau=0.1", 111.0),
            row("soft · gridworld | tau=0.01", 1.0),
            row("soft · gridworld | tau=0.1", 11.0),
        ]
    );
    let pair = &analysis.sources[0].pairs[0];
    assert_eq!(pair.games.iter().map(|game| game.runs).collect::<Vec<_>>(), [[3, 3], [3, 3]]);
    assert!(pair.games.iter().all(|game| (game.difference - 10.0).abs() < 1e-12));
    // Pooled over panels, it would be less than sure.
    assert_eq!(pair.improvement.estimate, 1.0);
    assert!(study.warnings.is_empty(), "{:?}", study.warnings);
}

#[test]
fn games_of_one_panel_are_neither_averaged_nor_pooled() {
    let value = |task: &Task| if task.env == "catch" { 1.0 } else { 1000.0 };
    let folder = batch(by("tau", "script"), &["catch", "chain"], value);
    let (study, analysis) = analysis(&folder);
    assert_eq!(study.panels[..2], ["tau=0.01 · catch", "tau=0.1 · catch"]);
    for panel in &analysis.sources[0].panels {
        let expected = if panel.name.ends_with("catch") { 1.0 } else { 1000.0 };
        assert_eq!(panel.curves.len(), 2);
        let values = panel.curves.iter().flat_map(|curve| &curve.iqm.center).filter(|value| !value.is_nan());
        assert!(
            values.clone().count() > 0 && values.clone().all(|value| *value == expected),
            "{}",
            panel.name
        );
    }
    assert!(table(&study, &analysis).iter().all(|(_, seeds, _)| *seeds == [0, 1, 2]));
    assert!(study.warnings.iter().any(|warning| warning.contains("divided by game")), "{:?}", study.warnings);
}

#[test]
fn no_run_of_a_plan_is_dropped_for_a_curve_that_is_too_coarse() {
    let folder = batch(by("env", "script"), &["catch"], |_| 1.0);
    let (study, analysis) = analysis(&folder);
    assert!(study.summary().starts_with("12 of 12 runs done · 4 variants"), "{}", study.summary());
    assert!(table(&study, &analysis).iter().all(|(_, seeds, _)| *seeds == [0, 1, 2]));
    assert!(study.warnings.iter().any(|warning| warning.contains("by label")), "{:?}", study.warnings);
}

#[test]
fn a_report_begins_with_the_returns_that_its_figure_is_of() {
    for (returns, first) in [(Returns::Training, Source::Training), (Returns::Evaluation, Source::Evaluation)]
    {
        let folder = batch(Figure { returns, ..Figure::default() }, &["catch"], |_| 1.0);
        let (study, analysis) = analysis(&folder);
        assert_eq!(analysis.sources.iter().map(|source| source.source).next(), Some(first));
        write(&study, &analysis, folder.path(), &[Format::Html]).unwrap();
        let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
        let place = |heading: &str| page.find(&format!("<h2>{heading}</h2>")).unwrap();
        assert_eq!(place("Evaluation") < place("Training"), returns == Returns::Evaluation);
        assert!(page.contains("18446744073709551615"), "the evaluation's seed");
    }
}

#[test]
fn what_is_not_there_to_begin_with_is_told() {
    let figure = Figure { returns: Returns::Evaluation, ..Figure::default() };
    let folder = batch(figure, &["catch"], |_| 1.0);
    for entry in Study::read(folder.path(), &[]).unwrap().runs {
        let path = entry.folder.join("metrics.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        let kept = text.lines().filter(|line| !line.contains("\"eval\"")).collect::<Vec<_>>().join("\n");
        fs::write(path, kept + "\n").unwrap();
    }
    let (_, analysis) = analysis(&folder);
    assert_eq!(analysis.sources.len(), 1);
    assert!(analysis.notes.iter().any(|note| note.contains("evaluation returns")), "{:?}", analysis.notes);
}

#[test]
fn points_of_evaluations_have_the_updates_on_record() {
    let folder = batch(Figure::default(), &["catch"], |_| 1.0);
    let (study, analysis) = analysis(&folder);
    write(&study, &analysis, folder.path(), &[Format::Csv]).unwrap();
    let points = fs::read_to_string(folder.path().join("points.csv")).unwrap();
    let evaluations: Vec<&str> = points.lines().filter(|line| line.contains(",evaluation,")).collect();
    assert_eq!(evaluations.len(), 12);
    let head: Vec<&str> = points.lines().next().unwrap().split(',').collect();
    let updates = head.iter().position(|name| *name == "updates").unwrap();
    assert!(evaluations.iter().all(|line| line.split(',').nth(updates) == Some("77")), "{evaluations:?}");
    // And so has the axis of curves.
    let options = Options { axis: Axis::Updates, ..Options::default() };
    let analysis = Analysis::new(&study, &options).unwrap();
    assert_eq!(analysis.sources[1].panels[0].curves[0].x, [77.0]);
}

#[test]
fn words_of_a_script_are_no_markup_and_no_commands() {
    let figure = Figure {
        title: "Mine\ntouch a".to_owned(),
        caption: "See <script>alert(1)</script>\n\n# not a heading".to_owned(),
        lines: vec![ReferenceLine { panel: None, label: "a\nb".to_owned(), value: 0.0 }],
        ..Figure::default()
    };
    let folder = batch(figure, &["catch"], |_| 1.0);
    let (study, analysis) = analysis(&folder);
    write(&study, &analysis, folder.path(), &[Format::Markdown, Format::Html]).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let markdown = read("report.md");
    assert!(!markdown.replace("\\<", "").contains("<script") && !markdown.contains("\n# not"), "{markdown}");
    assert!(
        markdown.starts_with("# Mine touch a\n") && markdown.contains("\\<script\\>alert(1)"),
        "{markdown}"
    );
    assert!(!read("report.html").contains("<script"));
    let script = read("reproduce.sh");
    let commands = script.lines().filter(|line| !line.starts_with('#'));
    let known =
        |line: &str| line == "set -e" || line.starts_with("runs=") || line.starts_with("kelvin train ");
    assert!(commands.clone().all(known), "{script}");
    assert_eq!(commands.count(), 14);
}
