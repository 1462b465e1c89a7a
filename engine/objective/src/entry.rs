//! The functions a script consists of, and the arguments each takes.

use rhai::AST;

use crate::diagnostic::did_you_mean;
use crate::host::Complaint;

/// Functions that a script may define for itself in later versions; accepting them now would ignore them.
const NOT_YET: [&str; 5] = ["metrics", "behave", "reward", "schedule", "on_eval"];

/// How the script wrote its functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Whether there is a `params()`.
    pub params: bool,
    /// Arguments of `target`, if there is one: `(t, p)` or `(net, t, p)`.
    pub target: Option<usize>,
    /// Arguments of `loss`: `(net, y, t, p)` with a target, `(net, t, p)` without.
    pub loss: usize,
}

impl Entry {
    /// Reads the functions of a script's own file.
    ///
    /// # Errors
    /// A complaint, and the function at whose definition it belongs.
    pub fn read(tree: &AST) -> Result<Self, (String, Complaint)> {
        let arguments = |name: &str| {
            let mut all = tree.iter_functions().filter(|function| function.name == name);
            match (all.next(), all.next()) {
                (Some(_), Some(_)) => fail(
                    name,
                    format!("`{name}` is defined more than once, with different arguments"),
                    "keep one of them; helpers have names of their own",
                ),
                (first, _) => Ok(first.map(|function| function.params.len())),
            }
        };
        for name in NOT_YET {
            if arguments(name)?.is_some() {
                let message = format!("`{name}` is not called in this version");
                return fail(name, message, "rename it if it is a helper of yours");
            }
        }
        let without_arguments = |name: &str| match arguments(name)? {
            Some(1..) => fail(name, format!("`{name}` takes no arguments"), "write the parentheses empty"),
            arguments => Ok(arguments.is_some()),
        };
        if !without_arguments("config")? {
            let hint = "add fn config() { #{ learner: \"replay\", n: 1, heads: [\"q\"] } }";
            return fail("config", "this script has no function `config()`".into(), hint);
        }
        let params = without_arguments("params")?;
        let target = arguments("target")?;
        if target.is_some_and(|arguments| !(2..=3).contains(&arguments)) {
            let message = "`target` takes the transition and the parameters, and the network if it needs it";
            return fail("target", message.into(), "write fn target(t, p), or fn target(net, t, p)");
        }
        let forms = "write fn loss(net, y, t, p), or fn loss(net, t, p) without a target";
        match (arguments("loss")?, target) {
            (None, _) => {
                let message = "this script has no function `loss`".to_owned();
                match did_you_mean("loss", tree.iter_functions().map(|function| function.name)) {
                    Some(near) => fail(near, message, "is this one meant? Call it `loss`"),
                    None => fail("loss", message, forms),
                }
            }
            (Some(loss @ 4), Some(_)) | (Some(loss @ 3), None) => Ok(Self { params, target, loss }),
            (Some(4), None) => fail(
                "loss",
                "`loss(net, y, t, p)` asks for a target y, and there is no function `target`".into(),
                "add fn target(t, p) { … }, or write fn loss(net, t, p)",
            ),
            (Some(3), Some(_)) => fail(
                "loss",
                "`loss(net, t, p)` would leave the result of `target` unused".into(),
                "write fn loss(net, y, t, p)",
            ),
            (Some(_), _) => fail(
                "loss",
                "`loss` takes the network, the target, the transition and the parameters".into(),
                forms,
            ),
        }
    }
}

fn fail<T>(name: &str, message: String, hint: &str) -> Result<T, (String, Complaint)> {
    Err((name.to_owned(), Complaint::new(message).hint(hint)))
}
