//! Whether a new version of a script may take over from the one that runs.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, listing};
use crate::script::Script;

impl Script {
    /// Whether a run of `running` can go on with this version: it may change everything but what the run was built on.
    ///
    /// # Errors
    /// A `config()` that differs; `behave` that comes or goes where random actions went by that; `reward` that comes or
    /// goes, since what is in memory was stored for it. Each is placed in this script.
    pub fn check_succession(&self, running: &Script) -> Result<(), Diagnostic> {
        let (old, new) = (running.config(), self.config());
        let changed: BTreeSet<&str> = (old.keys().chain(new.keys()))
            .filter(|key| old.get(*key) != new.get(*key))
            .map(String::as_str)
            .collect();
        if !changed.is_empty() {
            return Err(self.diagnostic(
                format!(
                    "config() now changes {}, which a run cannot change while it goes on",
                    listing(changed)
                ),
                "start a new run for it; target, loss, params and metrics can be edited live",
            ));
        }
        self.check_hooks(running)
    }

    /// Whether the functions that a script may have or not are there as in `running`, as far as a run was built on that: a
    /// part of [`check_succession`](Self::check_succession).
    ///
    /// # Errors
    /// `behave` or `reward` that comes or goes, as there.
    pub fn check_hooks(&self, running: &Script) -> Result<(), Diagnostic> {
        if running.hooks().behave != self.hooks().behave && !self.config().contains_key("exploration") {
            let (function, does) = match self.hooks().behave {
                true => ("behave", "now has"),
                false => ("config", "no longer has"),
            };
            let message = format!("the script {does} `behave`, and random actions went by that");
            let hint =
                "start a new run; where config() says exploration: epsilon_greedy(…), behave may come and go";
            return Err(self.diagnostic_at(function, message, hint));
        }
        if running.hooks().reward != self.hooks().reward {
            let (function, does, hint) = match self.hooks().reward {
                true => ("reward", "now has", "the rewards in memory were stored without it"),
                false => ("config", "no longer has", "the rewards in memory were stored for it"),
            };
            let message = format!("the script {does} `reward`, which a run cannot change while it goes on");
            let hint = format!("{hint}: start a new run; what `reward` computes can be edited live");
            return Err(self.diagnostic_at(function, message, hint));
        }
        Ok(())
    }
}
