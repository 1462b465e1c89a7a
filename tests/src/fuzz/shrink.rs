//! Smaller cases that show the same.

use super::damage::tokens;
use super::scripts::Case;

/// Cases that are tried at most.
const MOST_TRIES: usize = 3000;

/// The smallest script found for which `shows` still holds: sizes first, then whole files, lines, and tokens.
pub fn case(case: &Case, mut shows: impl FnMut(&Case) -> bool) -> Case {
    let mut best = case.clone();
    let mut tries = 0;
    let mut attempt = |best: &mut Case, candidate: Case| {
        tries += 1;
        let better = candidate != *best && tries <= MOST_TRIES && shows(&candidate);
        if better {
            *best = candidate;
        }
        better
    };
    for (actions, batch) in [(2, 1), (3, 1), (2, 2), (3, 2)] {
        let candidate = Case { actions, batch, ..best.clone() };
        if attempt(&mut best, candidate) {
            break;
        }
    }
    for file in (1..best.files.len()).rev() {
        let mut candidate = best.clone();
        candidate.files.remove(file);
        attempt(&mut best, candidate);
    }
    for file in 0..best.files.len() {
        let text = best.files[file].1.clone();
        pieces(text, |text| {
            let mut candidate = best.clone();
            candidate.files[file].1 = text.to_owned();
            attempt(&mut best, candidate)
        });
    }
    best
}

/// The smallest text found for which `shows` still holds: lines first, then tokens.
pub fn text(text: &str, shows: &mut dyn FnMut(&str) -> bool) -> String {
    let mut tries = 0;
    pieces(text.to_owned(), |candidate| {
        tries += 1;
        tries <= MOST_TRIES && shows(candidate)
    })
}

/// Leaves out pieces of a text, larger ones first, as long as `attempt` holds for what remains.
fn pieces(mut best: String, mut attempt: impl FnMut(&str) -> bool) -> String {
    let lines = |text: &str| text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>();
    let words = |text: &str| tokens(text).into_iter().map(str::to_owned).collect::<Vec<_>>();
    // Twice, since what a removed line needed may go afterwards.
    for cut in [lines as fn(&str) -> Vec<String>, lines, words, words] {
        let mut size = cut(&best).len() / 2;
        while size > 0 {
            let mut start = 0;
            loop {
                let mut pieces = cut(&best);
                if start >= pieces.len() {
                    break;
                }
                pieces.drain(start..(start + size).min(pieces.len()));
                let candidate = pieces.concat();
                if attempt(&candidate) {
                    best = candidate;
                } else {
                    start += size;
                }
            }
            size /= 2;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_goes() {
        let script = "fn a() { 1 }\nfn b() { needle + 2 }\nfn c() { 3 }\n";
        let files =
            vec![("script.rhai".to_owned(), script.to_owned()), ("other.rhai".to_owned(), String::new())];
        let whole = Case { actions: 9, batch: 30, seed: 1, files };
        let small = case(&whole, |case| case.files[0].1.contains("needle"));
        assert_eq!((small.actions, small.batch), (2, 1));
        assert_eq!(small.files, [("script.rhai".to_owned(), "needle".to_owned())]);
        assert_eq!(text(script, &mut |text| text.contains("fn b")), "fn b");
    }
}
