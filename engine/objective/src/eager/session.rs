//! One run of a script's functions on numbers.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::module_resolvers::StaticModuleResolver;
use rhai::{AST, CallFnOptions, Dynamic, Engine, EvalAltResult, Module, Position, Scope};

use crate::diagnostic::Diagnostic;
use crate::imports::Bundle;

use super::Eager;
use super::calculus;
use super::evaluation::Evaluation;
use super::functions;
use super::interpreter::{Shared, engine};
use super::lists;
use super::records::Record;
use super::value::{Item, Value, across, map};

/// A script on an engine whose functions compute.
pub(super) struct Session<'a> {
    engine: Engine,
    bundle: &'a Bundle,
    trees: Vec<AST>,
    evaluation: Shared,
}

impl<'a> Session<'a> {
    /// Parses the script and its imports.
    pub fn new(bundle: &'a Bundle, evaluation: Evaluation) -> Result<Self, Diagnostic> {
        let evaluation = Rc::new(RefCell::new(evaluation));
        let engine = engine(&evaluation);
        let mut session = Self { engine, bundle, trees: Vec::new(), evaluation };
        for (index, source) in bundle.sources.iter().enumerate() {
            let tree = session.engine.compile(&source.text);
            let mut tree = tree.map_err(|error| session.place(EvalAltResult::from(error), index))?;
            tree.set_source(index.to_string());
            session.trees.push(tree);
        }
        let mut modules = StaticModuleResolver::new();
        for (name, index) in &bundle.modules {
            let module = Module::eval_ast_as_new(Scope::new(), &session.trees[*index], &session.engine);
            modules.insert(name.clone(), module.map_err(|error| session.place(*error, *index))?);
            session.engine.set_module_resolver(modules.clone());
        }
        Ok(session)
    }

    /// Calls the script's functions in their order, and collects what they leave.
    pub fn run(self) -> Result<Eager, Diagnostic> {
        let without_target = [Record::NET, Record::TRANSITION, Record::Params].map(Dynamic::from);
        let mut arguments = without_target.to_vec();
        if let Some(arguments) = self.arguments("reward") {
            let window = self.evaluation.borrow().layout.window;
            let mut rewards = Vec::with_capacity(window);
            for step in 0..window {
                let stored = self.evaluation.borrow().stored("reward", step);
                let stored = Dynamic::from(stored.map_err(|message| self.fail("reward", message))?);
                let reward = self.call("reward", &[stored, without_target[2].clone()][..arguments.min(2)])?;
                let reward = Item::read(reward).one().map_err(|message| self.fail("reward", message))?;
                let earned = functions::earned(&mut self.evaluation.borrow_mut(), step, reward);
                rewards.push(earned.map_err(|message| self.fail("reward", message))?);
            }
            self.evaluation.borrow_mut().rewards = rewards;
        }
        if let Some(count) = self.arguments("target") {
            let y = Item::read(self.call("target", &arguments[3 - count.min(3)..])?);
            let y = functions::stop_gradient(&y).map_err(|message| self.fail("target", message))?;
            arguments.insert(1, y.into_dynamic());
        }
        let loss = Item::read(self.call("loss", &arguments)?);
        let loss = self.of_sample(&loss).map_err(|message| self.fail("loss", message))?;
        if let Some(count) = self.arguments("metrics") {
            // It returns nothing: what it has to say are its calls of `metric`.
            let arguments = if count == without_target.len() { &without_target[..] } else { &arguments };
            let _ = self.call("metrics", arguments)?;
        }
        Ok(collect(&mut self.evaluation.borrow_mut(), &loss))
    }

    /// The loss of a sample: the mean over the window's steps, those after its end counting as 0.
    fn of_sample(&self, loss: &Item) -> Result<Value, String> {
        let Some(steps) = loss.steps()? else { return loss.one() };
        let evaluation = &mut *self.evaluation.borrow_mut();
        let kept = steps.iter().enumerate().map(|(step, loss)| {
            let operands = [evaluation.stored("valid", step)?, loss.clone(), Value::known(0.0)];
            Ok(map(&mut evaluation.machine, &operands, calculus::select))
        });
        let kept = kept.collect::<Result<Vec<_>, String>>()?;
        Ok(across(&mut evaluation.machine, &kept, lists::mean))
    }

    /// How many arguments a function of the script takes, if there is such a function.
    fn arguments(&self, name: &str) -> Option<usize> {
        let mut functions = self.trees[0].iter_functions();
        functions.find(|function| function.name == name).map(|function| function.params.len())
    }

    fn call(&self, name: &str, arguments: &[Dynamic]) -> Result<Dynamic, Diagnostic> {
        let options = CallFnOptions::new().eval_ast(true).rewind_scope(true);
        let result = self.engine.call_fn_with_options(
            options,
            &mut Scope::new(),
            &self.trees[0],
            name,
            arguments.to_vec(),
        );
        result.map_err(|error| self.place(*error, 0))
    }

    fn fail(&self, name: &str, message: String) -> Diagnostic {
        self.place(EvalAltResult::ErrorRuntime(format!("`{name}`: {message}").into(), Position::NONE), 0)
    }

    /// The innermost place of an error, in a script that has been traced without one.
    fn place(&self, error: EvalAltResult, source: usize) -> Diagnostic {
        let (mut error, mut source) = (error, source);
        loop {
            error = match error {
                EvalAltResult::ErrorInFunctionCall(_, called, inner, _) => {
                    source = called.parse().unwrap_or(source);
                    *inner
                }
                EvalAltResult::ErrorInModule(_, inner, _) => *inner,
                innermost => break self.diagnostic(&innermost, source),
            };
        }
    }

    fn diagnostic(&self, error: &EvalAltResult, source: usize) -> Diagnostic {
        let source = self.bundle.sources.get(source).unwrap_or(&self.bundle.sources[0]);
        let at = error.position();
        let (line, column) = (at.line().unwrap_or(1) as u32, at.position().unwrap_or(1) as u32);
        let message = match error {
            EvalAltResult::ErrorRuntime(message, _) => message.to_string(),
            other => other.to_string(),
        };
        let hint = "`kelvin check` says what is wrong with a script that does not compile; one that does can \
                    be evaluated for a smaller batch";
        let message = format!("cannot evaluate this script on numbers: {message}");
        Diagnostic::at(&source.path, &source.text, line, column, message, Some(hint.into()))
    }
}

/// Losses, metrics, and the gradient of the mean loss.
fn collect(evaluation: &mut Evaluation, loss: &Value) -> Eager {
    let numbers = evaluation.per_sample(loss);
    let mut grad = vec![0.0; evaluation.direction.len()];
    for number in &numbers {
        for &(index, slope) in number.slopes() {
            grad[index as usize] += slope / numbers.len() as f64;
        }
    }
    Eager {
        losses: numbers.iter().map(|number| number.value).collect(),
        metrics: std::mem::take(&mut evaluation.metrics),
        grad,
        trail: std::mem::take(&mut evaluation.trail),
        direction: std::mem::take(&mut evaluation.direction),
    }
}
