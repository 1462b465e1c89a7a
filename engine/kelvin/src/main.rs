//! The `kelvin` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    kelvin::cli::main()
}
