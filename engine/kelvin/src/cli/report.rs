//! `kelvin report`.

use crate::VERSION;
use crate::console::Console;
use crate::failure::Failure;
use kelvin_env::BUILT_INS;
use kelvin_report::{Analysis, Axis, Format, Options, Study, write};
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(after_help = "\
Runs of a batch are grouped as its script says; others by script and by the settings in which they differ. Scores count
finished runs, and the report lists the others with how far they came. docs/reports.md says what each number means.

Examples:
  kelvin report runs/figure2
  kelvin report runs --window 50 --x wall
  kelvin report runs/figure2 --compare \"soft KL\" \"hard max\"
  kelvin report runs --format html --out /tmp/look")]
pub(super) struct Args {
    /// The folder of a batch, a folder of runs, or a run
    #[arg(value_name = "DIR", value_parser = super::folder)]
    folder: PathBuf,
    /// Where the report goes [default: DIR/report]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What is written: html, md, csv, parquet, with commas between [default: all]
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = format)]
    format: Vec<Format>,
    /// Training episodes that a return is averaged over [default: the batch script's, or 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    window: Option<u32>,
    /// The curves' horizontal axis: frames, updates, or wall (seconds of training)
    #[arg(long = "x", value_name = "AXIS", default_value = "frames", value_parser = axis)]
    axis: Axis,
    /// Neighbouring points of the drawn curves that are averaged; scores are not
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    smooth: u16,
    /// Two variants by their names, instead of every pair
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    compare: Option<Vec<String>>,
    /// Let scores count runs that have not come to their end
    #[arg(long)]
    unfinished: bool,
    /// Print all numbers as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let console = Console::new(args.json);
    let options = Options {
        window: args.window.map(|window| window as usize),
        axis: args.axis,
        smooth: usize::from(args.smooth),
        compare: args.compare.and_then(|pair| <[String; 2]>::try_from(pair).ok()).map(|[a, b]| (a, b)),
        unfinished: args.unfinished,
        kelvin: VERSION.to_owned(),
    };
    let study = Study::read(&args.folder, &BUILT_INS)?;
    for warning in &study.warnings {
        console.line(format!("warning: {warning}"));
    }
    let analysis = Analysis::new(&study, &options)?;
    let out = args.out.unwrap_or_else(|| args.folder.join("report"));
    let all = [Format::Html, Format::Markdown, Format::Csv, Format::Parquet];
    let formats = if args.format.is_empty() { &all[..] } else { &args.format };
    let written = write(&study, &analysis, &out, formats)?;
    if args.json {
        let text = serde_json::to_string(&analysis)
            .map_err(|error| Failure::failed(format!("the report has no JSON form: {error}")))?;
        console.result(text);
        return Ok(());
    }
    console.line(study.summary());
    for path in written.iter().filter(|path| !path.starts_with(out.join("figures"))) {
        console.line(path.display());
    }
    Ok(())
}

fn format(text: &str) -> Result<Format, String> {
    match text.trim() {
        "html" => Ok(Format::Html),
        "md" | "markdown" => Ok(Format::Markdown),
        "csv" => Ok(Format::Csv),
        "parquet" => Ok(Format::Parquet),
        _ => Err("there are html, md, csv and parquet".to_owned()),
    }
}

fn axis(text: &str) -> Result<Axis, String> {
    match text {
        "frames" => Ok(Axis::Frames),
        "updates" => Ok(Axis::Updates),
        "wall" => Ok(Axis::Wall),
        _ => Err("there are frames, updates and wall".to_owned()),
    }
}
