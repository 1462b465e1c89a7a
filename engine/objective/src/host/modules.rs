//! Parsing a bundle of sources and linking its modules, without touching a file.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope};

use crate::diagnostic::Diagnostic;
use crate::imports::Bundle;

use super::engine::Host;
use super::errors::{Context, to_diagnostic};
use super::lint::lint;
use super::syntax::parse_error;

/// Parses every source, links the imports, and returns one tree a source, that of the script first.
///
/// # Errors
/// The first problem, in the order in which imports must be evaluated.
pub(crate) fn compile(host: &mut Host, bundle: &Bundle) -> Result<Vec<AST>, Diagnostic> {
    let mut trees = Vec::with_capacity(bundle.sources.len());
    for (index, source) in bundle.sources.iter().enumerate() {
        let mut tree =
            host.engine.compile(&source.text).map_err(|error| parse_error(&error, &bundle.sources, index))?;
        tree.set_source(index.to_string());
        lint(&tree, &bundle.sources, index)?;
        trees.push(tree);
    }
    let linked = Linked::default();
    host.engine.set_module_resolver(linked.clone());
    let mut made: BTreeMap<usize, Rc<Module>> = BTreeMap::new();
    for (name, index) in &bundle.modules {
        let module = match made.get(index) {
            Some(module) => module.clone(),
            None => {
                let module =
                    Module::eval_ast_as_new(Scope::new(), &trees[*index], &host.engine).map_err(|error| {
                        to_diagnostic(*error, *index, &Context { host, bundle, trees: &trees })
                    })?;
                made.entry(*index).or_insert(Rc::new(module)).clone()
            }
        };
        linked.modules.borrow_mut().insert(name.clone(), module);
    }
    Ok(trees)
}

/// Hands out the modules that were linked so far, by the name they are imported as.
#[derive(Clone, Default)]
struct Linked {
    modules: Rc<RefCell<BTreeMap<String, Rc<Module>>>>,
}

impl ModuleResolver for Linked {
    fn resolve(
        &self,
        _: &Engine,
        _: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Rc<Module>, Box<EvalAltResult>> {
        let known = self.modules.borrow().get(path).cloned();
        known.ok_or_else(|| EvalAltResult::ErrorModuleNotFound(path.to_owned(), position).into())
    }
}
