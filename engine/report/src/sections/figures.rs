//! The figures.

use crate::analysis::{Analysis, Panel, SourceAnalysis, Variant};
use crate::curves::{Axis, Source};
use crate::page::Figure;
use crate::study::Study;
use kelvin_chart::{Intervals, Level, Line, Numbers, Plot, Row, Scale, Small};
use kelvin_stats::{Band, Interval};

/// Pixels of a small plot.
const EACH: (u32, u32) = (400, 300);

/// Which line and band a figure of curves has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Std,
    Iqm,
}

/// Learning curves in the paper's layout: a panel a game; the mean with its deviation, and the interquartile mean.
pub(super) fn curves(study: &Study, analysis: &Analysis, source: &SourceAnalysis) -> Vec<Figure> {
    let names = match source.source {
        Source::Training => ["training-mean", "training-iqm"],
        Source::Evaluation => ["evaluation-mean", "evaluation-iqm"],
    };
    let said = match source.source {
        Source::Training => format!("Return of the last {} training episodes", analysis.window),
        Source::Evaluation => "Mean return of an evaluation".to_owned(),
    };
    let seeds = seeds(source);
    let captions = [
        format!("{said}: mean ± one standard deviation over {seeds}."),
        format!("{said}: interquartile mean over {seeds}, with a 95 % bootstrap interval."),
    ];
    let figure = |(kind, name, caption): (Kind, &'static str, String)| {
        let plots = source.panels.iter().map(|panel| Small::Plot(plot(study, analysis, panel, kind)));
        Figure {
            name,
            title: caption.clone(),
            caption,
            legend: legend(study, source),
            plots: plots.collect(),
            columns: study.figure.columns.max(1),
            each: EACH,
        }
    };
    let [std, iqm] = captions;
    [(Kind::Std, names[0], std), (Kind::Iqm, names[1], iqm)].map(figure).into()
}

/// How many seeds a curve is over, as a caption says it.
fn seeds(source: &SourceAnalysis) -> String {
    let curves = source.panels.iter().flat_map(|panel| &panel.curves);
    let counts = curves.map(|curve| curve.iqm.runs.iter().copied().max().unwrap_or(0));
    match counts.clone().min().zip(counts.max()) {
        Some((1, 1)) => "one seed".to_owned(),
        Some((least, most)) if least == most => format!("{most} seeds"),
        Some((least, most)) => format!("{least} to {most} seeds"),
        None => "no seeds".to_owned(),
    }
}

/// The variants that have a curve.
fn legend(study: &Study, source: &SourceAnalysis) -> Vec<(usize, String)> {
    let drawn = |place: usize| {
        source.panels.iter().flat_map(|panel| &panel.curves).any(|curve| curve.variant == place)
    };
    let variants = study.variants.iter().cloned().enumerate();
    variants.filter(|(place, _)| drawn(*place)).collect()
}

fn plot(study: &Study, analysis: &Analysis, panel: &Panel, kind: Kind) -> Plot {
    let band = |curve: &'_ crate::analysis::VariantCurve| match kind {
        Kind::Std => curve.std.clone().unwrap_or_else(|| curve.iqm.clone()),
        Kind::Iqm => curve.iqm.clone(),
    };
    let lines: Vec<Line> =
        panel.curves.iter().map(|curve| line(curve.variant, &curve.x, &band(curve))).collect();
    let levels = study
        .figure
        .lines
        .iter()
        .filter(|line| line.panel.as_ref().is_none_or(|wanted| *wanted == panel.name));
    let levels: Vec<Level> =
        levels.map(|line| Level { name: line.label.clone(), value: line.value }).collect();
    let x = horizontal(analysis.axis, panel);
    let mut y = Scale::around("", Numbers::Counts, extent(&lines));
    if let Some(top) = study.figure.tops.get(&panel.name).filter(|top| **top > y.from) {
        y.to = *top;
    }
    Plot { title: pretty(&panel.name), x, y, lines, levels, empty: "no episode has ended".to_owned() }
}

fn horizontal(axis: Axis, panel: &Panel) -> Scale {
    let to = panel.curves.iter().filter_map(|curve| curve.x.last().copied()).fold(0.0, f64::max);
    let to = if to > 0.0 { to } else { 1.0 };
    Scale { name: axis.name().to_owned(), from: 0.0, to, numbers: Numbers::Counts }
}

fn line(color: usize, x: &[f64], band: &Band) -> Line {
    let points = x.iter().copied().zip(band.center.iter().copied());
    let edges = x.iter().zip(band.low.iter().zip(&band.high));
    // Of a single run there is nothing to draw a band of.
    let several = band.runs.iter().any(|runs| *runs > 1);
    let edges = edges.map(|(x, (low, high))| (*x, *low, *high)).filter(|_| several);
    Line { color, dashed: false, points: points.collect(), band: edges.collect() }
}

fn extent(lines: &[Line]) -> Vec<f64> {
    let bands = lines.iter().flat_map(|line| &line.band).flat_map(|(_, low, high)| [*low, *high]);
    lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y).chain(bands).collect()
}

/// A game's name as a title: `space_invaders` is ALE's word.
pub(super) fn pretty(name: &str) -> String {
    let mut characters = name.chars().map(|character| if character == '_' { ' ' } else { character });
    characters.next().map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}

/// Aggregates as intervals, profiles, and the interquartile mean of all games as training goes on.
pub(super) fn aggregates(study: &Study, analysis: &Analysis, source: &SourceAnalysis) -> Vec<Figure> {
    let [intervals, profiles] = match source.source {
        Source::Training => ["training-aggregates", "training-profiles"],
        Source::Evaluation => ["evaluation-aggregates", "evaluation-profiles"],
    };
    type Measure = fn(&Variant) -> Interval;
    let measures: [(&str, Measure); 4] = [
        ("IQM", |variant| variant.iqm),
        ("Median", |variant| variant.median),
        ("Mean", |variant| variant.mean),
        ("Optimality gap", |variant| variant.gap),
    ];
    let plots = measures.iter().map(|(title, of)| {
        let row = |variant: &Variant| {
            let Interval { estimate, low, high } = of(variant);
            let name = study.variants[variant.variant].clone();
            Row { name, color: variant.variant, value: estimate, ends: (low, high) }
        };
        let rows: Vec<Row> = source.variants.iter().map(row).collect();
        let x = Scale::around(
            "",
            Numbers::Plain,
            rows.iter().flat_map(|row| [row.value, row.ends.0, row.ends.1]),
        );
        Intervals { title: (*title).to_owned(), x, rows, divide: None, named: true }
    });
    let plots: Vec<Intervals> = plots.collect();
    let height = plots.iter().map(Intervals::height).max().unwrap_or(EACH.1);
    let width = plots.iter().map(Intervals::names_width).max().unwrap_or(0) + 230;
    let (games, runs) = source.variants.first().map_or((0, 0), |variant| (variant.games, variant.runs));
    let caption = format!(
        "Human-normalised scores over {games} {}{} ({runs} runs of {}), with 95 % bootstrap intervals. Of the \
         optimality gap, less is better.",
        study.unit(),
        if games == 1 { "" } else { "s" },
        source.variants.first().map_or("", |variant| &study.variants[variant.variant])
    );
    let first = Figure {
        name: intervals,
        title: caption.clone(),
        caption,
        legend: Vec::new(),
        plots: plots.into_iter().map(Small::Intervals).collect(),
        columns: 2,
        each: (width, height),
    };
    let mut plots = vec![Small::Plot(profile(source))];
    let mut caption =
        "Performance profiles: the share of runs with more than a score. The higher the curve the better, with 95 % \
         bootstrap intervals point by point."
            .to_owned();
    if let Some(panel) = &source.efficiency {
        let lines: Vec<Line> =
            panel.curves.iter().map(|curve| line(curve.variant, &curve.x, &curve.iqm)).collect();
        plots.push(Small::Plot(Plot {
            title: format!("IQM of {}", panel.name),
            x: horizontal(analysis.axis, panel),
            y: Scale::around("human-normalised return", Numbers::Plain, extent(&lines)),
            lines,
            levels: Vec::new(),
            empty: String::new(),
        }));
        caption += " Beside it the interquartile mean of all of them as training goes on.";
    }
    let legend = source.variants.iter().map(|variant| {
        let place = variant.variant;
        (place, study.variants[place].clone())
    });
    let second = Figure {
        name: profiles,
        title: caption.clone(),
        caption,
        legend: legend.collect(),
        plots,
        columns: 2,
        each: (520, 340),
    };
    vec![first, second]
}

/// Score above which a profile is drawn over the root of the score: one game in which a machine is ten times as good as
/// a human would leave no room for the others.
const ROOT_FROM: f64 = 3.0;

fn profile(source: &SourceAnalysis) -> Plot {
    let at = source.variants.first().map_or(&[][..], |variant| &variant.profile.scores);
    let to = at.last().copied().unwrap_or(1.0);
    let rooted = to > ROOT_FROM;
    let place = |score: f64| if rooted { score.sqrt() } else { score };
    let lines = source.variants.iter().map(|Variant { variant, profile, .. }| {
        let places = profile.scores.iter().map(|score| place(*score));
        let points = places.clone().zip(profile.share.iter().copied());
        let edges = places.zip(profile.low.iter().zip(&profile.high));
        let band = edges.map(|(at, (low, high))| (at, *low, *high)).collect();
        Line { color: *variant, dashed: false, points: points.collect(), band }
    });
    let (name, numbers) = match rooted {
        true => ("human-normalised score, over its root", Numbers::Squares),
        false => ("human-normalised score", Numbers::Plain),
    };
    Plot {
        title: "Performance profiles".to_owned(),
        x: Scale { name: name.to_owned(), from: 0.0, to: place(to), numbers },
        y: Scale { name: "runs with more".to_owned(), from: 0.0, to: 1.02, numbers: Numbers::Shares },
        lines: lines.collect(),
        levels: Vec::new(),
        empty: String::new(),
    }
}

/// Probabilities of improvement, a row a pair.
pub(super) fn improvement(study: &Study, source: &SourceAnalysis) -> Option<Figure> {
    let rows = source.pairs.iter().map(|pair| {
        let [a, b] = pair.variants;
        let Interval { estimate, low, high } = pair.improvement;
        let name = format!("{} > {}", study.variants[a], study.variants[b]);
        Row { name, color: a, value: estimate, ends: (low, high) }
    });
    let rows: Vec<Row> = rows.collect();
    let name = match source.source {
        Source::Training => "training-improvement",
        Source::Evaluation => "evaluation-improvement",
    };
    let caption = format!(
        "How probably a run of the first scores more than a run of the second on the same {}, with 95 % bootstrap \
         intervals; left of the middle the second is better.",
        study.unit()
    );
    let intervals = Intervals {
        title: "Probability of improvement".to_owned(),
        x: Scale { name: String::new(), from: 0.0, to: 1.0, numbers: Numbers::Shares },
        rows,
        divide: Some(0.5),
        named: true,
    };
    let each = (intervals.names_width() + 420, intervals.height());
    (!intervals.rows.is_empty()).then(|| Figure {
        name,
        title: caption.clone(),
        caption,
        legend: Vec::new(),
        plots: vec![Small::Intervals(intervals)],
        columns: 1,
        each,
    })
}
