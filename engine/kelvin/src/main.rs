//! The `kelvin` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    kelvin::cli::main()
}
