//! The errors of the other crates as failures of a command.

use crate::failure::Failure;

impl From<kelvin_run::RunError> for Failure {
    fn from(error: kelvin_run::RunError) -> Self {
        Self::failed(error)
    }
}

impl From<kelvin_report::ReportError> for Failure {
    fn from(error: kelvin_report::ReportError) -> Self {
        let hint = error.hint();
        let failure = match error {
            kelvin_report::ReportError::NoVariant { .. } => Self::usage(error),
            _ => Self::failed(error),
        };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<kelvin_compute::Error> for Failure {
    fn from(error: kelvin_compute::Error) -> Self {
        match error {
            kelvin_compute::Error::NoDevice(_) => Self::usage(error),
            kelvin_compute::Error::Lost(_) => {
                Self::device_lost(error).hint("try again; if that does not help, use --device cpu")
            }
            _ => Self::failed(error),
        }
    }
}

impl From<kelvin_env::EnvError> for Failure {
    fn from(error: kelvin_env::EnvError) -> Self {
        let hint = error.hint();
        let failure = Self::failed(error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
