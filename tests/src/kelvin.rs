//! The `kelvin` command as these tests run it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    kelvin::cli::main()
}
