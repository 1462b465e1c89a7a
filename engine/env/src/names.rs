//! The names environments go by, and the nearest one to a name that is none.

use crate::{EnvError, roms};

/// Environments that need no ROM.
pub const BUILT_INS: [&str; 3] = ["catch", "chain", "gridworld"];

/// The Atari games, by ALE's ids, in alphabetical order.
pub fn known_games() -> impl Iterator<Item = &'static str> {
    roms::games()
}

pub(crate) fn unknown(id: &str) -> EnvError {
    EnvError::UnknownEnv { id: id.into(), suggestion: nearest(id) }
}

/// The known name that `id` contains (`ALE/Pong-v5` contains `pong`), else the one a few typing errors away.
fn nearest(id: &str) -> Option<&'static str> {
    let id = plain(id);
    let known = || BUILT_INS.into_iter().chain(known_games());
    let contained = known().filter(|name| id.contains(&plain(name))).max_by_key(|name| name.len());
    contained.or_else(|| {
        let (distance, name) = known().map(|name| (strsim::osa_distance(&id, &plain(name)), name)).min()?;
        // A third of the letters wrong is still a typing error; more is another name.
        (distance <= id.len().div_ceil(3)).then_some(name)
    })
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        for (id, name) in [
            ("Pong", "pong"),
            ("PongNoFrameskip-v4", "pong"),
            ("ALE/SpaceInvaders-v5", "space_invaders"),
            ("space-invaders", "space_invaders"),
            ("brekout", "breakout"),
            ("seaqest", "seaquest"),
            ("grid_world", "gridworld"),
            ("katch", "catch"),
        ] {
            assert_eq!(nearest(id), Some(name), "{id}");
        }
        for id in ["", "cartpole", "humanoid", "日本"] {
            assert_eq!(nearest(id), None, "{id}");
        }
    }

    #[test]
    fn the_error_names_what_exists() {
        let error = unknown("pongg");
        assert_eq!(error.to_string(), "unknown environment `pongg`; did you mean `pong`?");
        let hint = error.hint().unwrap();
        assert!(hint.contains("catch") && hint.contains("wizard_of_wor"), "{hint}");
    }
}
