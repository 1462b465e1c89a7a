//! The `kelvin` command: started with a known environment, and what it said.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the repository, where `scripts/` lies.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in the repository").to_path_buf()
}

/// The command `kelvin`, to be given arguments. It runs in the repository, and nothing of the terminal that the tests
/// were started from reaches it.
///
/// # Panics
/// If the program is not where cargo puts it: beside an executable, or beside the folder of a test.
pub fn kelvin() -> Command {
    let own = std::env::current_exe().expect("a running program has a path");
    let name = format!("kelvin-under-test{}", std::env::consts::EXE_SUFFIX);
    // target/release/inject, or target/release/deps/learning-0123456789abcdef
    let program =
        own.ancestors().skip(1).take(2).map(|folder| folder.join(&name)).find(|path| path.is_file());
    let program = program.unwrap_or_else(|| {
        panic!(
            "{name} is missing beside {}: cargo build --release --workspace --bins makes it",
            own.display()
        )
    });
    let mut command = Command::new(program);
    // Its own name for itself in usage lines is that of the shipped program.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::arg0(&mut command, "kelvin");
    command.current_dir(repository()).stdin(Stdio::null());
    for variable in ["COLUMNS", "CLICOLOR_FORCE", "RAYON_NUM_THREADS", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
    command
}

/// `kelvin train` of a shipped script into `out`, on the processor and silent.
pub fn train(script: &str, env: &str, out: &Path) -> Command {
    let mut command = kelvin();
    command.args(["train", &format!("scripts/{script}.rhai"), "--env", env, "--device", "cpu", "--quiet"]);
    command.arg("--out").arg(out);
    command
}

/// What a command that ended said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, stdout, stderr } = self;
        write!(f, "exit code {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Said {
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("kelvin speaks UTF-8");
    Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs a command that must succeed, without a word on standard error.
///
/// # Panics
/// If it does not.
#[track_caller]
pub fn succeed(command: &mut Command) -> Said {
    let said = run(command);
    assert!(said.code == Some(0) && said.stderr.is_empty(), "{command:?}\n{said}");
    said
}
