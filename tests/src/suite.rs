//! Trials that depend on what the machine has.

use kelvin_compute::{AdapterKind, adapters};
use kelvin_env::roms;
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;

/// What a machine lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    what: String,
    /// Trials that need it fail instead of being ignored.
    required: bool,
}

impl Missing {
    /// What trials can do without, where they are then ignored.
    pub fn optional(what: impl Into<String>) -> Self {
        Self { what: what.into(), required: false }
    }
}

/// Name of the adapter to test on: a GPU if there is one, else a software driver such as Mesa's llvmpipe.
///
/// Without any, `KELVIN_REQUIRE_GPU_TESTS=1` makes the trials that need one fail.
pub fn adapter() -> Result<String, Missing> {
    let adapter = adapters().into_iter().find(|adapter| adapter.kind != AdapterKind::Unknown);
    adapter.map(|adapter| adapter.name).ok_or_else(|| Missing {
        what: "no adapter: install mesa-vulkan-drivers and libvulkan1".to_owned(),
        required: is_required(),
    })
}

fn is_required() -> bool {
    std::env::var_os("KELVIN_REQUIRE_GPU_TESTS").is_some_and(|value| value == "1")
}

/// Whether a program is on the path; `hint` says where to get it. `KELVIN_REQUIRE_GPU_TESTS=1`, which is how the whole set-up
/// is asked for, makes the trials that need it fail without.
pub fn program(name: &str, hint: &str) -> Result<(), Missing> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(name).is_file()) {
        return Ok(());
    }
    Err(Missing { what: format!("no {name}: {hint}"), required: is_required() })
}

/// Whether a game's ROM is here.
pub fn rom(game: &str) -> Result<(), Missing> {
    match roms::locate(game, None) {
        Ok(_) => Ok(()),
        Err(error) => Err(Missing::optional(error.to_string())),
    }
}

/// The trials of a test program with `harness = false`. A trial fails by panicking.
#[derive(Default)]
pub struct Suite {
    trials: Vec<Trial>,
}

impl Suite {
    /// No trials yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a trial.
    pub fn test(&mut self, name: impl Into<String>, trial: impl FnOnce() + Send + 'static) {
        self.trials.push(Trial::test(name, move || {
            trial();
            Ok(())
        }));
    }

    /// Adds a trial that needs something. Where that is missing it is ignored with the reason in its name, or fails.
    pub fn test_with<T: Clone + Send + 'static>(
        &mut self,
        need: &Result<T, Missing>,
        name: impl Into<String>,
        trial: impl FnOnce(T) + Send + 'static,
    ) {
        let name = name.into();
        match need.clone() {
            Ok(need) => self.test(name, move || trial(need)),
            Err(Missing { what, required: true }) => {
                self.trials.push(Trial::test(name, move || Err(Failed::from(what))));
            }
            Err(Missing { what, required: false }) => {
                let name = format!("{name} (not run: {what})");
                self.trials.push(Trial::test(name, || Ok(())).with_ignored_flag(true));
            }
        }
    }

    /// Runs the trials that the command line asks for.
    pub fn run(self) -> ExitCode {
        libtest_mimic::run(&Arguments::from_args(), self.trials).exit_code()
    }
}
