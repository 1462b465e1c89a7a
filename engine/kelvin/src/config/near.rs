//! The setting that somebody meant who wrote another name.

use kelvin_objective::did_you_mean;

/// What other frameworks call a setting, where nothing in the two names tells.
const ELSEWHERE: [(&str, &str); 10] = [
    ("buffer_size", "replay_capacity"),
    ("memory_size", "replay_capacity"),
    ("train_freq", "update_every"),
    ("train_frequency", "update_every"),
    ("target_update_interval", "target_every"),
    ("target_network_frequency", "target_every"),
    ("max_grad_norm", "clip_norm"),
    ("n_steps", "n"),
    ("window", "n"),
    ("optimizer_eps", "adam_epsilon"),
];

/// Letters of a name that must be right for one to be taken for the beginning of the other.
const ENOUGH: usize = 3;

/// The known name that `key` stands for most likely: a slip of the pen (`btach`), an abbreviation (`lr`), the same
/// with more or less at its end (`batchsize`, `num_envs`), or another framework's word.
pub(super) fn near<'a>(key: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let of = |name: &str| known.clone().find(|known| *known == name);
    let elsewhere = || ELSEWHERE.iter().find(|(word, _)| *word == key).and_then(|(_, name)| of(name));
    let short = |is: fn(&str, &str) -> bool| {
        let wanted = letters(key);
        // Of several the one closest in length.
        known.clone().filter(|name| is(&wanted, name)).min_by_key(|name| name.len().abs_diff(key.len()))
    };
    did_you_mean(key, known.clone())
        .or_else(elsewhere)
        .or_else(|| short(|wanted, name| initials(name) == wanted && name.contains('_')))
        .or_else(|| short(begins_alike))
        .or_else(|| short(|wanted, name| letters(name).len() >= ENOUGH && wanted.ends_with(&letters(name))))
}

fn letters(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase()
}

fn initials(name: &str) -> String {
    name.split('_').filter_map(|word| word.chars().next()).collect()
}

fn begins_alike(wanted: &str, name: &str) -> bool {
    let name = letters(name);
    wanted.len().min(name.len()) >= ENOUGH && (wanted.starts_with(&name) || name.starts_with(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 10] = [
        "batch",
        "learning_rate",
        "learning_starts",
        "replay_capacity",
        "envs",
        "clip_norm",
        "clip_rewards",
        "adam_epsilon",
        "n",
        "tau",
    ];

    #[test]
    fn names_are_guessed() {
        for (key, name) in [
            ("btach", "batch"),
            ("batchsize", "batch"),
            ("batch_size", "batch"),
            ("lr", "learning_rate"),
            ("learningrate", "learning_rate"),
            ("learning", "learning_rate"),
            ("num_envs", "envs"),
            ("buffer_size", "replay_capacity"),
            ("n_steps", "n"),
            ("clip_reward", "clip_rewards"),
        ] {
            assert_eq!(near(key, KNOWN.into_iter()), Some(name), "{key}");
        }
        for key in ["zebra", "x", "rotation"] {
            assert_eq!(near(key, KNOWN.into_iter()), None, "{key}");
        }
    }
}
