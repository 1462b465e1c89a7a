//! `kelvin theory`.

use super::MAX_SEED;
use crate::console::Console;
use crate::failure::Failure;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kelvin_theory::{Kind, Row, ids, plot, run as compute};
use serde_json::json;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(after_help = "\
An identity's error must not be above its tolerance. A difference, marked ≠, shows what does not
hold: its error must be above the threshold. Errors are relative to the size of the terms that
are compared. docs/theory.md derives what the paper prints otherwise.")]
pub(super) struct Args {
    /// Rows to compute, such as lambda, or the beginnings of their names [default: all]
    rows: Vec<String>,
    /// Seed of the random problems
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_SEED))]
    seed: u64,
    /// Say for each row what was computed and why its tolerance is what it is
    #[arg(long)]
    why: bool,
    /// Also draw pictures (SVG) into this folder
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let console = Console::new(args.json);
    let wanted = wanted(&args.rows)?;
    let names = wanted.iter().map(|id| id.chars().count()).max().unwrap_or(0);
    console.line(format!("      {:names$}     error  tolerance", "row"));

    let bar = bar(wanted.len());
    let rows = compute(
        args.seed,
        |id| wanted.contains(&id),
        |row| {
            bar.suspend(|| console.line(line(row, names, args.why)));
            bar.inc(1);
        },
    );
    bar.finish_and_clear();

    let pictures = match &args.plot {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::failed(format!("cannot make the folder {}: {error}", folder.display()))
            })?;
            plot(folder, &rows, args.seed).map_err(Failure::failed)?
        }
        None => Vec::new(),
    };
    for picture in &pictures {
        console.line(format!("wrote {}", picture.display()));
    }
    let failed: Vec<&str> = rows.iter().filter(|row| !row.pass).map(|row| row.id).collect();
    if args.json {
        let pass = failed.is_empty();
        console.result(json!({ "pass": pass, "seed": args.seed, "rows": rows, "pictures": pictures }));
    }
    if failed.is_empty() {
        console.line(format!("\nall {} rows hold", rows.len()));
        return Ok(());
    }
    let message = format!("{} of {} rows fail: {}", failed.len(), rows.len(), failed.join(", "));
    Err(Failure::failed(message).hint("`--why` says what was computed and how the tolerance is set"))
}

/// The ids that were asked for: each name is one, or the beginning of some.
fn wanted(names: &[String]) -> Result<Vec<&'static str>, Failure> {
    let all = ids();
    let named = |id: &str, name: &String| {
        if all.contains(&name.as_str()) { id == name } else { id.starts_with(name.as_str()) }
    };
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|id| named(id, name))) {
        let message = format!("there is no row `{unknown}`");
        return Err(Failure::usage(message).hint(format!("the rows are {}", all.join(", "))));
    }
    let asked = |id: &&str| names.is_empty() || names.iter().any(|name| named(id, name));
    Ok(all.iter().copied().filter(asked).collect())
}

/// A row of the table, and with `why` what stands behind it.
fn line(row: &Row, names: usize, why: bool) -> String {
    let verdict = if row.pass { "ok  " } else { "FAIL" };
    let sign = if row.kind == Kind::Difference { '≠' } else { ' ' };
    let Row { id, equations, claim, computed, error, tolerance, why: reason, .. } = row;
    let mut line =
        format!("{verdict}{sign} {id:names$}  {error:>8.1e}   {tolerance:>8.1e}  ({equations}) {claim}");
    if why {
        line.push_str(&format!("\n        computed   {computed}\n        tolerance  {reason}"));
    }
    line
}

/// Hidden where standard error is no terminal.
fn bar(rows: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(rows as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:10.cyan/8} {pos} of {len} rows");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_asked_for_by_name_or_beginning() {
        let asked = |names: &[&str]| wanted(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(asked(&[]), Ok(ids()));
        assert_eq!(asked(&["lambda"]), Ok(vec!["lambda"]), "a whole name is no beginning");
        assert_eq!(asked(&["pgq"]), Ok(vec!["pgq"]));
        assert_eq!(
            asked(&["lambda-", "undamped"]),
            Ok(vec!["lambda-first-term", "lambda-printed", "undamped"])
        );
        assert!(asked(&["nothing"]).is_err_and(|failure| failure.to_string().contains("`nothing`")));
    }

    #[test]
    fn a_row_is_a_line() {
        let rows = compute(0, |id| id == "undamped", |_| {});
        let plain = line(&rows[0], 10, false);
        assert!(plain.starts_with("ok  ≠ undamped    ") && !plain.contains('\n'), "{plain}");
        assert_eq!(line(&rows[0], 10, true).lines().count(), 3);
    }
}
