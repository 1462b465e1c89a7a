//! Injects faults into real runs and counts what came of them.
//!
//! `./kelvin inject kills 200` (or `damage 500`, or `limits`), and `--seed N`.
#![forbid(unsafe_code)]
// It reports to whoever started it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use kelvin_tests::inject::{Tally, damage::Subject, kills};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().ok();
    let (what, times, seed) = match words[..] {
        [what] => (what, Some(1), Some(0)),
        [what, times] => (what, number(times), Some(0)),
        [what, times, "--seed", seed] => (what, number(times), number(seed)),
        _ => ("", None, None),
    };
    let (Some(times), Some(seed)) = (times, seed) else { return usage() };
    let mut tally = Tally::default();
    match what {
        // Until there were so many kills: most in catch, some in a game.
        "kills" => {
            for round in seed.. {
                tally.take(kills::edited_and_killed(round, round % 4 == 3));
                println!("{tally}");
                if tally.outcomes.iter().any(|(name, count)| name.starts_with("kills") && *count >= times) {
                    break;
                }
            }
        }
        "damage" => {
            let subject = Subject::new();
            (seed..seed + times).for_each(|seed| tally.take(subject.damage(seed)));
        }
        #[cfg(target_os = "linux")]
        "limits" => {
            let alone = kelvin_tests::inject::limits::Undisturbed::new();
            for round in 0..times as u32 {
                (100..1500).step_by(100).for_each(|free| tally.take(alone.full_disk(free + round)));
                tally.take(alone.read_only());
                (6..32).for_each(|most| tally.take(alone.few_files(most)));
                (60..900).step_by(40).for_each(|mb| tally.take(alone.little_memory(mb + round)));
                tally.take(alone.clock_set_back());
                tally.take(alone.two_processes());
            }
        }
        _ => return usage(),
    }
    println!("{} injections: {tally}", tally.total());
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("inject kills TIMES, inject damage TIMES, or inject limits TIMES, each with --seed N");
    ExitCode::from(2)
}
