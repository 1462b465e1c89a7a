//! The functions a script consists of, and the arguments each takes.

use rhai::{AST, ASTNode, Expr};

use crate::diagnostic::did_you_mean;
use crate::hooks::{HOOKS, Hook, HookInfo, Hooks, meant};
use crate::host::Complaint;

/// How the script wrote its functions: the number of arguments of each that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Whether there is a `params()`.
    pub params: bool,
    /// `target(t, p)` or `target(net, t, p)`.
    pub target: Option<usize>,
    /// `loss(net, y, t, p)` with a target, `loss(net, t, p)` without.
    pub loss: usize,
    /// `metrics(net, t, p)`, or `metrics(net, y, t, p)` with a target.
    pub metrics: Option<usize>,
    /// `reward(r)` or `reward(r, p)`.
    pub reward: Option<usize>,
    pub behave: bool,
    pub schedule: bool,
    pub on_eval: bool,
}

/// A complaint, and the function at whose definition it belongs.
type Refusal = (String, Complaint);

impl Entry {
    /// Reads the functions of a script's own file.
    ///
    /// # Errors
    /// A function that is missing, that is there twice, whose arguments are not those it is called with, or
    /// that nothing will ever call although its name says it should be.
    pub fn read(tree: &AST) -> Result<Self, Refusal> {
        let has = |hook: Hook| arguments(tree, hook.info());
        if has(Hook::Config)?.is_none() {
            let hint = "add fn config() { #{ learner: \"replay\", n: 1, heads: [\"q\"] } }";
            return fail("config", "this script has no function `config()`".into(), hint);
        }
        let target = has(Hook::Target)?;
        let entry = Self {
            params: has(Hook::Params)?.is_some(),
            target,
            loss: loss(tree, target)?,
            metrics: has(Hook::Metrics)?,
            reward: has(Hook::Reward)?,
            behave: has(Hook::Behave)?.is_some(),
            schedule: has(Hook::Schedule)?.is_some(),
            on_eval: has(Hook::OnEval)?.is_some(),
        };
        if entry.metrics == Some(4) && target.is_none() {
            return fail(
                "metrics",
                "`metrics(net, y, t, p)` asks for a target y, and there is no function `target`".into(),
                "add fn target(t, p) { … }, or write fn metrics(net, t, p)",
            );
        }
        no_slips(tree)?;
        Ok(entry)
    }

    pub fn hooks(self) -> Hooks {
        Hooks {
            behave: self.behave,
            reward: self.reward.is_some(),
            metrics: self.metrics.is_some(),
            schedule: self.schedule,
            on_eval: self.on_eval,
        }
    }
}

fn fail<T>(name: &str, message: String, hint: &str) -> Result<T, Refusal> {
    Err((name.to_owned(), Complaint::new(message).hint(hint)))
}

/// Number of arguments of a function, if the script has it.
fn arguments(tree: &AST, info: &HookInfo) -> Result<Option<usize>, Refusal> {
    let name = info.name;
    let mut all = tree.iter_functions().filter(|function| function.name == name);
    let Some(function) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return fail(
            name,
            format!("`{name}` is defined more than once, with different arguments"),
            "keep one of them; helpers have names of their own",
        );
    }
    let given = &function.params;
    let Some(form) = info.forms.iter().find(|form| form.len() == given.len()) else {
        let hint = match info.forms {
            [[]] => "write the parentheses empty".to_owned(),
            _ => format!("write {}", info.written()),
        };
        return fail(name, format!("`{name}` takes {}", info.takes), &hint);
    };
    // Arguments go by place; one that bears another's name is read as what it is not.
    let swapped = |(given, own): &(&&str, &&str)| given != own && form.contains(given);
    if given.iter().zip(form.iter()).any(|pair| swapped(&pair)) {
        return fail(
            name,
            format!("the arguments of `{name}` come in another order: ({})", form.join(", ")),
            &format!("write fn {name}({})", form.join(", ")),
        );
    }
    Ok(Some(given.len()))
}

/// Number of arguments of `loss`, which has to fit to `target`.
fn loss(tree: &AST, target: Option<usize>) -> Result<usize, Refusal> {
    match (arguments(tree, Hook::Loss.info())?, target) {
        (None, _) => {
            let message = "this script has no function `loss`".to_owned();
            match did_you_mean("loss", tree.iter_functions().map(|function| function.name)) {
                Some(near) => fail(near, message, "is this one meant? Call it `loss`"),
                None => {
                    let hint = "write fn loss(net, y, t, p), or fn loss(net, t, p) without a target";
                    fail("loss", message, hint)
                }
            }
        }
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
        (Some(loss), _) => Ok(loss),
    }
}

/// Refuses a function that nothing calls and whose name is nearly one that Kelvin would: it was meant to be
/// called, and would be ignored in silence.
fn no_slips(tree: &AST) -> Result<(), Refusal> {
    for function in tree.iter_functions() {
        let name = function.name;
        let is_hook = HOOKS.iter().any(|info| info.name == name);
        if is_hook || is_mentioned(tree, name, function.params.len()) {
            continue;
        }
        if let Some(hook) = meant(name)
            && !tree.iter_functions().any(|function| function.name == hook.name())
        {
            return fail(
                name,
                format!("nothing calls `{name}`, and it looks like `{}`", hook.name()),
                &format!("write {}; or take the function out", hook.info().written()),
            );
        }
    }
    Ok(())
}

/// Whether anything in the script calls this function, or makes a pointer to it.
fn is_mentioned(tree: &AST, name: &str, arguments: usize) -> bool {
    let mut found = false;
    tree.walk(&mut |path: &[ASTNode]| {
        found |= match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _))) => call.name == name && call.args.len() == arguments,
            Some(ASTNode::Expr(Expr::MethodCall(call, _))) => call.name == name,
            Some(ASTNode::Expr(Expr::StringConstant(text, _))) => text == name,
            _ => false,
        };
        !found
    });
    found
}
