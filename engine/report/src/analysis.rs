//! What the runs come to: curves over seeds, scores, and how sure one may be of them. Plain data, as `--json` prints it.

use crate::Options;
use crate::curves::{Axis, Curve, Source, grid, smooth};
use crate::error::ReportError;
use crate::run::{Run, State};
use crate::same;
use crate::scores::{Score, score};
use crate::study::Study;
use kelvin_run::Returns;
use kelvin_stats::{
    Band, Bootstrap, Center, Interval, Outcome, Pair, Profile, Scores, holm, human, mann_whitney, welch,
};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Samples for the bands of curves: as many as the eye can tell from more.
const CURVE_SAMPLES: usize = 2000;
/// Variants above which pairs are taken with the first one alone.
const ALL_PAIRS: usize = 5;
/// Points of a performance profile.
const PROFILE_POINTS: usize = 161;

/// Everything a report says.
#[derive(Clone, Debug, Serialize)]
pub struct Analysis {
    /// Version of the program that made the report.
    pub kelvin: String,
    /// Versions that the runs were made by, with the number of runs of each.
    pub versions: BTreeMap<String, usize>,
    /// Episodes of training that a return is averaged over.
    pub window: usize,
    /// The horizontal axis of the curves.
    pub axis: Axis,
    /// Points of the drawn curves that are averaged.
    pub smooth: usize,
    /// Samples of the bootstrap, and its seed.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub bootstrap_seed: u64,
    /// Whether scores count runs that did not come to their end.
    pub unfinished: bool,
    /// What was trained on and what was evaluated, apart, the one that the figure is of first; one that has no records
    /// is not there.
    pub sources: Vec<SourceAnalysis>,
    /// What a reader must know of how the numbers came about.
    pub notes: Vec<String>,
}

/// What one kind of return comes to.
#[derive(Clone, Debug, Serialize)]
pub struct SourceAnalysis {
    /// Which kind.
    pub source: Source,
    /// How it was evaluated, or what a training return is.
    pub protocol: String,
    /// Curves, by panel.
    pub panels: Vec<Panel>,
    /// Scores, by game and variant.
    pub games: Vec<Game>,
    /// Human-normalised aggregates; nothing where no game has a human score.
    pub variants: Vec<Variant>,
    /// The interquartile mean of human-normalised returns over all games as training goes on, by variant.
    pub efficiency: Option<Panel>,
    /// Variants, two by two.
    pub pairs: Vec<Comparison>,
}

/// Curves of a panel.
#[derive(Clone, Debug, Serialize)]
pub struct Panel {
    /// Its name: that of a game, or what else its runs have in common.
    pub name: String,
    /// A curve a variant; none where nothing has been played to its end.
    pub curves: Vec<VariantCurve>,
}

/// A variant's curve.
#[derive(Clone, Debug, Serialize)]
pub struct VariantCurve {
    /// Place of the variant.
    pub variant: usize,
    /// Places on the horizontal axis.
    pub x: Vec<f64>,
    /// Mean ± one standard deviation; nothing for curves over several games.
    pub std: Option<Band>,
    /// Interquartile mean with its 95 % interval.
    pub iqm: Band,
}

/// Scores of one game; where panels are not the games, of one game in one panel.
#[derive(Clone, Debug, Serialize)]
pub struct Game {
    /// Its name, with the panel's before it where panels are not the games.
    pub name: String,
    /// The environment.
    pub env: String,
    /// By variant.
    pub cells: Vec<Cell>,
}

/// Scores of one variant on one game.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// Place of the variant.
    pub variant: usize,
    /// By seed.
    pub scores: Vec<(u64, Score)>,
    /// Mean of the last scores.
    pub mean: f64,
    /// Their standard deviation; none of a single run.
    pub std: Option<f64>,
    /// Their interquartile mean with its interval.
    pub iqm: Interval,
    /// Mean of the best scores.
    pub best: f64,
    /// The mean in units of a human's score over a random one's.
    pub normalised: Option<f64>,
}

/// Human-normalised scores of a variant over all games that count.
#[derive(Clone, Debug, Serialize)]
pub struct Variant {
    /// Its place.
    pub variant: usize,
    /// Games and runs.
    pub games: usize,
    /// Runs over all of them.
    pub runs: usize,
    /// Interquartile mean.
    pub iqm: Interval,
    /// Median over games.
    pub median: Interval,
    /// Mean over games.
    pub mean: Interval,
    /// How far below a human's score, those above counted as on it.
    pub gap: Interval,
    /// Share of runs above each score.
    pub profile: Profile,
}

/// Two variants.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Places of the two.
    pub variants: [usize; 2],
    /// Games that both were run on.
    pub games: Vec<GameTest>,
    /// How probably a run of the first scores more.
    pub improvement: Interval,
    /// Difference of human-normalised interquartile means; none where no game has a human score.
    pub difference: Option<Interval>,
}

/// Two variants on one game.
#[derive(Clone, Debug, Serialize)]
pub struct GameTest {
    /// The game.
    pub name: String,
    /// Runs of each.
    pub runs: [usize; 2],
    /// Difference of means.
    pub difference: f64,
    /// Welch's test; none of fewer than two runs.
    pub welch: Option<Outcome>,
    /// Its p-value, corrected for the number of games.
    pub welch_holm: Option<f64>,
    /// Mann and Whitney's test.
    pub mann_whitney: Option<Outcome>,
}

impl Analysis {
    /// Takes all statistics.
    ///
    /// # Errors
    /// Variants to compare that are not there.
    pub fn new(study: &Study, options: &Options) -> Result<Self, ReportError> {
        let window = options.window.unwrap_or(study.figure.window).max(1);
        let bootstrap = Bootstrap::default();
        let pairs = pairs(study, options)?;
        let mut notes = same::notes(study);
        let work = Work { study, options, window, bootstrap, pairs };
        let order = match study.figure.returns {
            Returns::Training => [Source::Training, Source::Evaluation],
            Returns::Evaluation => [Source::Evaluation, Source::Training],
        };
        let sources: Vec<SourceAnalysis> =
            order.into_iter().filter_map(|source| work.source(source, &mut notes)).collect();
        if sources.first().is_some_and(|first| first.source != order[0]) {
            notes.push(format!("the figure is of {} returns, and the runs have none", order[0].name()));
        }
        let versions = study.versions().into_iter().map(|(version, runs)| (version.to_owned(), runs));
        Ok(Self {
            kelvin: options.kelvin.clone(),
            versions: versions.collect(),
            window,
            axis: options.axis,
            smooth: options.smooth.max(1),
            resamples: bootstrap.resamples,
            bootstrap_seed: bootstrap.seed,
            unfinished: options.unfinished,
            sources,
            notes,
        })
    }
}

/// Pairs of variants by their places, the second being what the first is measured against.
fn pairs(study: &Study, options: &Options) -> Result<Vec<[usize; 2]>, ReportError> {
    let place = |name: &String| {
        let known = || study.variants.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let place = study.variants.iter().position(|variant| variant == name);
        place.ok_or_else(|| ReportError::NoVariant { name: name.clone(), known: known() })
    };
    if let Some((a, b)) = &options.compare {
        return Ok(vec![[place(a)?, place(b)?]]);
    }
    let count = study.variants.len();
    let against = if count > ALL_PAIRS { 1 } else { count };
    Ok((0..against).flat_map(|b| (b + 1..count).map(move |a| [a, b])).collect())
}

struct Work<'a> {
    study: &'a Study,
    options: &'a Options,
    window: usize,
    bootstrap: Bootstrap,
    pairs: Vec<[usize; 2]>,
}

/// Scores by game of one variant; games as [`Run::game`] has them.
type ByGame = BTreeMap<String, Vec<(u64, Score)>>;
/// Environments by game.
type Envs<'a> = BTreeMap<&'a str, &'a str>;

impl Work<'_> {
    fn source(&self, source: Source, notes: &mut Vec<String>) -> Option<SourceAnalysis> {
        let recorded = |run: &Run| match source {
            Source::Training => !run.history.episodes.is_empty(),
            Source::Evaluation => !run.history.evaluations.is_empty(),
        };
        if !self.study.runs.iter().any(recorded) {
            return None;
        }
        let envs = self.envs();
        let by_variant: Vec<ByGame> =
            self.study.variants.iter().map(|variant| self.scores(variant, source)).collect();
        let counted = self.human_games(&by_variant, &envs, source, notes);
        notes.extend(self.uneven(&by_variant, &counted, source));
        let last: Vec<Option<Scores>> = by_variant.iter().map(|games| scores(games, None)).collect();
        let normalised: Vec<Option<Scores>> =
            by_variant.iter().map(|games| normalised(games, &envs, &counted)).collect();
        Some(SourceAnalysis {
            source,
            protocol: self.protocol(source),
            panels: self.panels(source),
            games: self.games(&by_variant, &envs),
            variants: self.variants(&normalised),
            efficiency: self.efficiency(source, &envs, &counted),
            pairs: self.pairs.iter().filter_map(|pair| self.comparison(*pair, &last, &normalised)).collect(),
        })
    }

    /// Whether a run's score counts.
    fn counts(&self, run: &Run) -> bool {
        run.state == State::Done || self.options.unfinished
    }

    /// The environment of every game.
    fn envs(&self) -> Envs<'_> {
        self.study.runs.iter().map(|run| (&*run.game, &*run.config.env)).collect()
    }

    fn scores(&self, variant: &str, source: Source) -> ByGame {
        let mut games = ByGame::new();
        for run in self.study.runs.iter().filter(|run| run.variant == variant && self.counts(run)) {
            if let Some(score) = score(run, source, self.window) {
                games.entry(run.game.clone()).or_default().push((run.config.seed, score));
            }
        }
        games
    }

    /// Games that all variants were scored on and that a human has played; notes which were left out.
    fn human_games(
        &self,
        variants: &[ByGame],
        envs: &Envs<'_>,
        source: Source,
        notes: &mut Vec<String>,
    ) -> BTreeSet<String> {
        let all: BTreeSet<&String> = variants.iter().flat_map(BTreeMap::keys).collect();
        let scored = variants.iter().filter(|games| !games.is_empty());
        let of_all = |game: &&String| scored.clone().all(|games| games.contains_key(*game));
        let (common, lone): (Vec<&String>, Vec<&String>) = all.into_iter().partition(of_all);
        let (human, other): (Vec<&String>, Vec<&String>) =
            common.into_iter().partition(|game| players(envs, game).is_some());
        let kind = source.name();
        if !lone.is_empty() {
            notes.push(format!(
                "{kind}: aggregates and profiles leave out {}, which not every variant has finished runs of",
                list(&lone)
            ));
        }
        if !other.is_empty() && !human.is_empty() {
            notes.push(format!("{kind}: aggregates leave out {}, which has no human score", list(&other)));
        }
        human.into_iter().cloned().collect()
    }

    /// What is to be said of variants that have more finished runs of some games than of others.
    fn uneven(&self, variants: &[ByGame], counted: &BTreeSet<String>, source: Source) -> Option<String> {
        let counts = |(variant, games): (&String, &ByGame)| {
            let runs = games.iter().filter(|(game, _)| counted.contains(*game));
            let runs: Vec<(&String, usize)> = runs.map(|(game, runs)| (game, runs.len())).collect();
            let uneven = runs.windows(2).any(|pair| pair[0].1 != pair[1].1);
            let said = runs.iter().map(|(game, count)| format!("{game} {count}")).collect::<Vec<_>>();
            uneven.then(|| format!("{variant} ({})", said.join(", ")))
        };
        let uneven: Vec<String> = self.study.variants.iter().zip(variants).filter_map(counts).collect();
        (!uneven.is_empty()).then(|| {
            format!(
                "{}: not every {unit} has the same number of finished runs: {}. In aggregates each {unit} counts the same, so \
                 that a run of a {unit} with fewer counts for more",
                source.name(),
                uneven.join("; "),
                unit = self.study.unit()
            )
        })
    }

    fn panels(&self, source: Source) -> Vec<Panel> {
        let panel = |name: &String| {
            let of = |variant: &String| {
                let runs = self.study.of(variant, name);
                runs.map(|run| Curve::new(run, source, self.window, self.options.axis))
                    .filter(|curve| !curve.x().is_empty())
                    .collect::<Vec<_>>()
            };
            let variants: Vec<Vec<Curve>> = self.study.variants.iter().map(of).collect();
            let all: Vec<&Curve> = variants.iter().flatten().collect();
            let curves = variants.iter().enumerate().filter(|(_, curves)| !curves.is_empty());
            let curves = curves.map(|(variant, curves)| {
                let x = grid(&curves.iter().collect::<Vec<_>>(), &all, source);
                let runs: Vec<Vec<f64>> = curves.iter().map(|curve| curve.on(&x)).collect();
                let runs: Vec<&[f64]> = runs.iter().map(Vec::as_slice).collect();
                let std = self.smoothed(Band::of_std(&runs));
                VariantCurve { variant, std: Some(std), iqm: self.band(&[runs]), x }
            });
            Panel { name: name.clone(), curves: curves.collect() }
        };
        self.study.panels.par_iter().map(panel).collect()
    }

    /// Normalised curves of all games together.
    fn efficiency(&self, source: Source, envs: &Envs<'_>, counted: &BTreeSet<String>) -> Option<Panel> {
        if counted.len() < 2 {
            return None;
        }
        let of = |variant: &String| {
            let game = |name: &String| {
                let runs = self.study.runs.iter().filter(|run| run.variant == *variant && run.game == *name);
                let curves = runs.filter(|run| self.counts(run));
                curves.map(|run| Curve::new(run, source, self.window, self.options.axis)).collect::<Vec<_>>()
            };
            counted.iter().map(game).collect::<Vec<_>>()
        };
        let variants: Vec<Vec<Vec<Curve>>> = self.study.variants.iter().map(of).collect();
        let every: Vec<&Curve> = variants.iter().flatten().flatten().collect();
        // Where every run of every game has a value: beyond, the mean would be that of other games than before.
        let (from, to) = every.iter().fold((0.0f64, f64::INFINITY), |(from, to), curve| {
            (from.max(curve.x().first().copied().unwrap_or(0.0)), to.min(curve.end()))
        });
        let places = grid(&every, &every, source).into_iter();
        let x: Vec<f64> = places.filter(|at| (from..=to).contains(at)).collect();
        let curves =
            variants.iter().enumerate().filter(|(_, games)| games.iter().all(|runs| !runs.is_empty()));
        let curves = curves.map(|(variant, games)| {
            let on = |(runs, name): (&Vec<Curve>, &String)| {
                let players = players(envs, name);
                let normalise = |value: f64| players.map_or(f64::NAN, |players| players.normalise(value));
                runs.iter()
                    .map(|curve| curve.on(&x).into_iter().map(normalise).collect::<Vec<f64>>())
                    .collect::<Vec<_>>()
            };
            let games: Vec<Vec<Vec<f64>>> = games.iter().zip(counted).map(on).collect();
            let games: Vec<Vec<&[f64]>> =
                games.iter().map(|runs| runs.iter().map(Vec::as_slice).collect()).collect();
            VariantCurve { variant, x: x.clone(), std: None, iqm: self.band(&games) }
        });
        let name = format!("{} {}s", counted.len(), self.study.unit());
        (x.len() > 1).then(|| Panel { name, curves: curves.collect() })
    }

    fn band(&self, games: &[Vec<&[f64]>]) -> Band {
        let bootstrap = Bootstrap { resamples: CURVE_SAMPLES, ..self.bootstrap };
        self.smoothed(Band::of_interval(games, Center::Iqm, &bootstrap))
    }

    fn smoothed(&self, band: Band) -> Band {
        let width = self.options.smooth;
        Band {
            center: smooth(&band.center, width),
            low: smooth(&band.low, width),
            high: smooth(&band.high, width),
            runs: band.runs,
        }
    }

    fn games(&self, variants: &[ByGame], envs: &Envs<'_>) -> Vec<Game> {
        let names: BTreeSet<&String> = variants.iter().flat_map(BTreeMap::keys).collect();
        let cell = |name: &String, variant: usize| {
            let scores = variants[variant].get(name)?.clone();
            let last: Vec<f64> = scores.iter().map(|(_, score)| score.last).collect();
            let best: Vec<f64> = scores.iter().map(|(_, score)| score.best).collect();
            let one = Scores::new([(name.clone(), last.clone())]).ok()?;
            let mean = kelvin_stats::mean(&last)?;
            Some(Cell {
                variant,
                scores,
                mean,
                std: kelvin_stats::std(&last),
                iqm: self.bootstrap.iqm(&one),
                best: kelvin_stats::mean(&best)?,
                normalised: players(envs, name).map(|players| players.normalise(mean)),
            })
        };
        let games = names.into_iter().map(|name| Game {
            name: name.clone(),
            env: envs.get(&**name).copied().unwrap_or_default().to_owned(),
            cells: (0..variants.len()).filter_map(|variant| cell(name, variant)).collect(),
        });
        games.collect()
    }

    fn variants(&self, normalised: &[Option<Scores>]) -> Vec<Variant> {
        let top = normalised.iter().flatten().flat_map(Scores::games).flat_map(|game| &game.runs);
        let top = top.copied().fold(0.0f64, f64::max);
        // From a random player's score to the best there is, at least a little way.
        let to = (1.05 * top).max(0.05);
        // Closer to one another where most scores are.
        let at = |i: usize| to * (i as f64 / (PROFILE_POINTS - 1) as f64).powi(2);
        let at: Vec<f64> = (0..PROFILE_POINTS).map(at).collect();
        let scored =
            normalised.iter().enumerate().filter_map(|(variant, scores)| Some((variant, scores.as_ref()?)));
        let variant = |(variant, scores): (usize, &Scores)| Variant {
            variant,
            games: scores.games().len(),
            runs: scores.runs(),
            iqm: self.bootstrap.iqm(scores),
            median: self.bootstrap.median(scores),
            mean: self.bootstrap.mean(scores),
            gap: self.bootstrap.optimality_gap(scores, 1.0),
            profile: Profile::new(scores, &at, &Bootstrap { resamples: CURVE_SAMPLES, ..self.bootstrap }),
        };
        scored.map(variant).collect()
    }

    fn comparison(
        &self,
        [a, b]: [usize; 2],
        last: &[Option<Scores>],
        normalised: &[Option<Scores>],
    ) -> Option<Comparison> {
        let common = |x: &Scores, y: &Scores| {
            let has = |name: &str| y.games().iter().any(|game| game.name == name);
            let games = x.games().iter().filter(|game| has(&game.name));
            Scores::new(games.map(|game| (game.name.clone(), game.runs.clone()))).ok()
        };
        let (x, y) = (last[a].as_ref()?, last[b].as_ref()?);
        let (x, y) = (common(x, y)?, common(y, x)?);
        let pair = Pair::new(&x, &y).ok()?;
        let mut games: Vec<GameTest> = x
            .games()
            .iter()
            .zip(y.games())
            .map(|(x, y)| GameTest {
                name: x.name.clone(),
                runs: [x.runs.len(), y.runs.len()],
                difference: kelvin_stats::mean(&x.runs).unwrap_or(f64::NAN)
                    - kelvin_stats::mean(&y.runs).unwrap_or(f64::NAN),
                welch: welch(&x.runs, &y.runs),
                welch_holm: None,
                mann_whitney: mann_whitney(&x.runs, &y.runs),
            })
            .collect();
        let p: Vec<f64> = games.iter().filter_map(|game| Some(game.welch?.p)).collect();
        for (game, corrected) in games.iter_mut().filter(|game| game.welch.is_some()).zip(holm(&p)) {
            game.welch_holm = Some(corrected);
        }
        let difference = normalised[a].as_ref().zip(normalised[b].as_ref());
        let difference =
            difference.and_then(|(x, y)| Some(Pair::new(x, y).ok()?.iqm_difference(&self.bootstrap)));
        let improvement = pair.improvement(&self.bootstrap);
        Some(Comparison { variants: [a, b], games, improvement, difference })
    }

    /// How the returns came about, in a sentence.
    fn protocol(&self, source: Source) -> String {
        match source {
            Source::Training => format!(
                "Returns of the episodes that were trained on, exploration included: raw scores of whole games, each \
                 averaged over the last {} episodes of its run. Preset: {}.",
                self.window,
                self.presets()
            ),
            Source::Evaluation => {
                let records = self.study.runs.iter().flat_map(|run| &run.history.evaluations);
                let ways: BTreeSet<String> = records.map(kelvin_run::EvalRecord::protocol).collect();
                format!(
                    "Returns of full games in environments of their own, with seeds of their own, that nothing was \
                     learned from: {}.",
                    ways.into_iter().collect::<Vec<_>>().join("; ")
                )
            }
        }
    }

    /// Presets of the runs, in words.
    fn presets(&self) -> String {
        let of = |none: bool| {
            let runs = self.study.runs.iter().map(|run| &run.config);
            runs.filter(move |config| config.preset.is_empty() == none)
        };
        let presets: BTreeSet<&str> = of(false).map(|config| &*config.preset).collect();
        let without: BTreeSet<&String> = of(true).map(|config| &config.env).collect();
        let said = presets.into_iter().collect::<Vec<_>>().join(" and ");
        match (said.is_empty(), without.is_empty()) {
            (true, _) => "none, since there is nothing to choose in these environments".to_owned(),
            (false, true) => said,
            (false, false) => format!("{said}; none for {}", list(&without.into_iter().collect::<Vec<_>>())),
        }
    }
}

fn scores(games: &ByGame, only: Option<&BTreeSet<String>>) -> Option<Scores> {
    let wanted = games.iter().filter(|(name, _)| only.is_none_or(|only| only.contains(*name)));
    let last = |runs: &[(u64, Score)]| runs.iter().map(|(_, score)| score.last).collect();
    Scores::new(wanted.map(|(name, runs)| (name.clone(), last(runs)))).ok()
}

fn normalised(games: &ByGame, envs: &Envs<'_>, counted: &BTreeSet<String>) -> Option<Scores> {
    let normalise =
        |game: &str, score: f64| players(envs, game).map_or(f64::NAN, |players| players.normalise(score));
    scores(games, Some(counted))?.map(normalise).ok()
}

/// What random and human players come to on a game.
fn players(envs: &Envs<'_>, game: &str) -> Option<human::Players> {
    human::players(envs.get(game)?)
}

fn list(names: &[&String]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}
