//! Returns to compare with: a random player's, a person's, and those that were published.

use kelvin_stats::human::players;

/// A line across a plot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reference {
    /// Whose.
    pub name: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// The return.
    pub value: f64,
}

/// `(game, A2C, DQN)`: one training run of 40 million frames each, as the training zoo of Stable-Baselines3 has them.
const ZOO: [(&str, f64, f64); 7] = [
    ("beam_rider", 2890.0, 4296.0),
    ("breakout", 280.0, 358.0),
    ("enduro", 0.0, 831.0),
    ("pong", 17.3, 20.6),
    ("qbert", 3882.0, 9497.0),
    ("seaquest", 1721.0, 2000.0),
    ("space_invaders", 627.0, 623.0),
];

const ZOO_SOURCE: &str = "Stable-Baselines3's training zoo, 40M frames, one run";

/// Whether a metric is a return, and not, say, how far returns are spread.
pub(super) fn is_return(metric: &str) -> bool {
    matches!(metric, "mean_return" | "episode_return" | "eval.mean_return" | "eval.best_return")
}

/// What there is for returns of one game, by ALE's name for it.
pub(super) fn references(game: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    if let Some(players) = players(game) {
        let source = kelvin_stats::human::SOURCE;
        found.push(Reference { name: "random", source, value: players.random });
        found.push(Reference { name: "human", source, value: players.human });
    }
    if let Some((_, a2c, dqn)) = ZOO.iter().find(|(name, ..)| *name == game) {
        found.push(Reference { name: "A2C, SB3", source: ZOO_SOURCE, value: *a2c });
        found.push(Reference { name: "DQN, SB3", source: ZOO_SOURCE, value: *dqn });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_of_known_games_have_references() {
        let found: Vec<(&str, f64)> =
            references("pong").into_iter().map(|one| (one.name, one.value)).collect();
        assert_eq!(found, [("random", -20.7), ("human", 14.6), ("A2C, SB3", 17.3), ("DQN, SB3", 20.6)]);
        assert_eq!(references("alien").len(), 2);
        assert!(references("catch").is_empty());
        assert!(is_return("eval.mean_return") && !is_return("eval.std_return"));
    }
}
