//! The `kelvin` command as these tests run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kelvin::cli::main()
}
