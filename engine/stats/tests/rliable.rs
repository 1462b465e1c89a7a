//! The same matrix, rliable's numbers and ours.
//!
//! `rliable.json` was written by `rliable_reference.py` beside it, which names the versions and holds the seeds.

use kelvin_stats::{Band, Bootstrap, Center, Interval, Pair, Profile, Scores, mann_whitney, welch};
use serde_json::Value;

/// Samples of ours; rliable's numbers are from as many where the file says nothing else.
const RESAMPLES: usize = 50_000;

fn reference() -> Value {
    serde_json::from_str(include_str!("rliable.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// A matrix of runs × games.
fn matrix(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn scores(value: &Value) -> Scores {
    let runs = matrix(value);
    let game = |game: usize| (format!("game {game}"), runs.iter().map(|run| run[game]).collect());
    Scores::new((0..runs[0].len()).map(game)).unwrap()
}

/// Bootstrap ends of two independent streams of random numbers agree to within Monte-Carlo error.
///
/// The standard error of a quantile of B results is √(p (1 - p) / B) / f, f being their density there. For normal
/// results of deviation σ, f is 0.058 / σ at p = 0.025, which makes 2.7 σ / √B, or 0.68 / √B of the interval's length
/// of 3.9 σ. Four such errors of both sides together, and one `step`, where results have only so many values.
fn close(ours: Interval, theirs: &[f64], resamples: f64, step: f64, what: &str) {
    let error = 0.68 * (theirs[2] - theirs[1]) * (1.0 / resamples + 1.0 / RESAMPLES as f64).sqrt();
    let tolerance = 4.0 * error + 1.0001 * step + 1e-9;
    assert!((ours.estimate - theirs[0]).abs() <= 1e-12, "{what}: {ours:?}, rliable {theirs:?}");
    for (our, their) in [(ours.low, theirs[1]), (ours.high, theirs[2])] {
        assert!((our - their).abs() <= tolerance, "{what}: {ours:?}, rliable {theirs:?} ± {tolerance}");
    }
}

fn bootstrap() -> Bootstrap {
    Bootstrap { resamples: RESAMPLES, ..Bootstrap::default() }
}

#[test]
fn aggregates_are_rliables() {
    let reference = reference();
    for variant in ["x", "y"] {
        let scores = scores(&reference[variant]);
        let theirs = |name: &str| numbers(&reference["aggregates"][variant][name]);
        let ours = [
            ("mean", bootstrap().mean(&scores)),
            ("median", bootstrap().median(&scores)),
            ("iqm", bootstrap().iqm(&scores)),
            ("optimality_gap", bootstrap().optimality_gap(&scores, 1.0)),
        ];
        for (name, interval) in ours {
            // The scores have one decimal, and a mean of the runs in the middle about 1 / 15 of that as its step.
            close(interval, &theirs(name), RESAMPLES as f64, 0.01, &format!("{name} of {variant}"));
        }
    }
}

/// rliable asks for as many runs of every game. Where there are not, our numbers are those of a matrix in which the runs of
/// each game are repeated until there are.
#[test]
fn games_with_fewer_runs_count_as_if_each_were_there_more_often() {
    let runs = matrix(&reference()["x"]);
    let column = |game: usize, count: usize| runs.iter().take(count).map(move |run| run[game]);
    let counts = [1, 2, 3, 4, 5, 5];
    // 60 is a multiple of all of them.
    let repeated =
        |(game, count): (usize, usize)| (format!("{game}"), column(game, count).cycle().take(60).collect());
    let plain = |(game, count): (usize, usize)| (format!("{game}"), column(game, count).collect());
    let plain = Scores::new(counts.into_iter().enumerate().map(plain)).unwrap();
    let repeated = Scores::new(counts.into_iter().enumerate().map(repeated)).unwrap();
    // Estimates alone.
    let none = Bootstrap { resamples: 0, ..Bootstrap::default() };
    for (name, statistic) in [
        ("iqm", Bootstrap::iqm as fn(&Bootstrap, &Scores) -> Interval),
        ("optimality gap", |bootstrap, scores| bootstrap.optimality_gap(scores, 1.0)),
        ("mean", Bootstrap::mean),
        ("median", Bootstrap::median),
    ] {
        let (ours, theirs) = (statistic(&none, &plain).estimate, statistic(&none, &repeated).estimate);
        assert!((ours - theirs).abs() <= 1e-12, "{name}: {ours}, of repeated runs {theirs}");
    }
    let pooled = runs.iter().enumerate().flat_map(|(seed, run)| {
        run.iter().zip(counts).filter(move |(_, count)| seed < *count).map(|(score, _)| *score)
    });
    let pooled = kelvin_stats::iqm(&pooled.collect::<Vec<_>>()).unwrap();
    assert!((none.iqm(&plain).estimate - pooled).abs() > 0.01, "weights make no difference here: {pooled}");
}

#[test]
fn the_probability_of_improvement_is_rliables() {
    let reference = reference();
    let (x, y) = (scores(&reference["x"]), scores(&reference["y"]));
    let improvement = Pair::new(&x, &y).unwrap().improvement(&bootstrap());
    let resamples = reference["improvement_reps"].as_f64().unwrap();
    // 5 × 4 pairs of 6 games, and halves of them.
    close(improvement, &numbers(&reference["improvement"]), resamples, 1.0 / 240.0, "improvement");
}

#[test]
fn performance_profiles_are_rliables() {
    let reference = reference();
    let theirs = |key: &str| numbers(&reference["profile"][key]);
    let profile = Profile::new(&scores(&reference["x"]), &theirs("at"), &bootstrap());
    for (point, at) in profile.scores.iter().enumerate() {
        let ours =
            Interval { estimate: profile.share[point], low: profile.low[point], high: profile.high[point] };
        let theirs = ["share", "low", "high"].map(|key| theirs(key)[point]);
        // A run of 30 is the step.
        close(ours, &theirs, RESAMPLES as f64, 1.0 / 30.0, &format!("share above {at}"));
    }
}

#[test]
fn sample_efficiency_curves_are_rliables() {
    let reference = reference();
    let theirs = |key: &str| numbers(&reference["curve"][key]);
    let runs = matrix(&reference["x"]);
    let (factors, offsets) = (theirs("factors"), theirs("offsets"));
    let curve = |score: f64| factors.iter().zip(&offsets).map(|(f, o)| score * f + o).collect::<Vec<_>>();
    let games: Vec<Vec<Vec<f64>>> =
        (0..runs[0].len()).map(|game| runs.iter().map(|run| curve(run[game])).collect()).collect();
    let games: Vec<Vec<&[f64]>> = games.iter().map(|runs| runs.iter().map(Vec::as_slice).collect()).collect();
    let band = Band::of_interval(&games, Center::Iqm, &bootstrap());
    for (point, factor) in factors.iter().enumerate() {
        let ours = Interval { estimate: band.center[point], low: band.low[point], high: band.high[point] };
        let theirs = ["iqm", "low", "high"].map(|key| theirs(key)[point]);
        close(ours, &theirs, RESAMPLES as f64, 0.01 * factor, &format!("point {point}"));
    }
}

#[test]
fn tests_of_difference_are_scipys() {
    for case in reference()["tests"].as_array().unwrap() {
        let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
        for (name, outcome) in [("welch", welch(&x, &y)), ("mann_whitney", mann_whitney(&x, &y))] {
            let (outcome, theirs) = (outcome.unwrap(), numbers(&case[name]));
            // The distributions are computed by different series in double precision.
            for (ours, theirs) in [(outcome.statistic, theirs[0]), (outcome.p, theirs[1])] {
                assert!((ours - theirs).abs() <= 1e-9 * theirs.abs(), "{name} {case}: {outcome:?}");
            }
        }
    }
}
