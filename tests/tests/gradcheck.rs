//! What checks the compiler is checked: mistakes are put into compiled objectives, and each must be found by the
//! evaluations that can see it, and blamed on the line of the script where it is.

use kelvin::failure::Failure;
use kelvin::gradcheck::inputs::{CIRCUMSTANCES, draw};
use kelvin::gradcheck::rounding::Arithmetic;
use kelvin::gradcheck::{
    Allowed, Case, Compile, Culprit, Differences, Eager, Evaluation, Gradcheck, OnCpu, Prepared, Reading,
    Report, Subject, Written, by_nodes, with_case,
};
use kelvin_objective::{
    BinaryOp, CompileError, Graph, Inputs, Layout, NodeId, Objective, Op, Script, Traced, UnaryOp,
};
use kelvin_tests::scripts::layout;
use std::collections::BTreeMap;
use std::fs;

/// A loss with one operation a line, so that a line is an operation.
const SCRIPT: &str = r#"fn config() { #{ learner: "replay", n: 2, heads: ["q", "v"], exploration: epsilon_greedy(1.0, 0.01) } }
fn params() { #{ tau: param(0.5, 0.001, 10.0, "temperature") } }
fn target(t, p) { t.steps.reward[0] + 0.9 * t.next.v }
fn loss(net, y, t, p) {
    let chosen = net.q[t.steps.action[0]];
    let bounded = tanh(chosen);
    let others = net.q * net.v;
    let spread = exp(-abs(others));
    let total = sum(spread);
    let error = total
        - y;
    metric("bounded", bounded);
    bounded * bounded + sqrt(1.0 + error * error)
}
"#;

const LINE_OF_TANH: u32 = 6;
const LINE_OF_PRODUCT: u32 = 7;
const LINE_OF_EXP: u32 = 8;

struct Scripted {
    _folder: tempfile::TempDir,
    script: Script,
}

fn scripted() -> Scripted {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("planted.rhai");
    fs::write(&path, SCRIPT).expect("a writable folder");
    let script = Script::load(&path).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
    Scripted { _folder: folder, script }
}

/// The graph with every node that `wrong` has an answer for replaced by that.
fn replace(traced: &Traced, mut wrong: impl FnMut(&mut Graph, Op) -> Option<Op>) -> Traced {
    let mut graph = Graph::new(traced.graph.actions());
    let mut moved: Vec<NodeId> = Vec::new();
    for id in traced.graph.ids() {
        let op = traced.graph.op(id).map(|operand| moved[operand.index()]);
        let op = wrong(&mut graph, op).unwrap_or(op);
        moved.push(graph.push(op, traced.graph.span(id)));
    }
    let metrics = traced.metrics.iter().map(|(name, id)| (name.clone(), moved[id.index()])).collect();
    Traced { loss: moved[traced.loss.index()], metrics, graph }
}

/// A gradient rule that is off by a factor, and the value right.
fn steep(traced: &Traced, factor: f64, is_wrong: impl Fn(&Op) -> bool) -> Traced {
    replace(traced, |graph, op| {
        is_wrong(&op).then(|| {
            let (right, factor) = (graph.push(op, kelvin_objective::Span::NONE), graph.constant(factor));
            Op::ScaleGradient(right, factor)
        })
    })
}

fn wrong_slope_of_tanh(traced: Traced, layout: &Layout) -> Result<Objective, CompileError> {
    Objective::compile(steep(&traced, 1.0001, |op| matches!(op, Op::Unary(UnaryOp::Tanh, _))), layout)
}

fn missing_slope_of_exp(traced: Traced, layout: &Layout) -> Result<Objective, CompileError> {
    Objective::compile(steep(&traced, 0.0, |op| matches!(op, Op::Unary(UnaryOp::Exp, _))), layout)
}

/// The sum of two numbers in place of their product, wherever both have an axis.
fn wrong_value_of_product(traced: Traced, layout: &Layout) -> Result<Objective, CompileError> {
    let wrong = replace(&traced, |graph, op| match op {
        Op::Binary(BinaryOp::Mul, a, b) if graph.shape(a) != graph.shape(b) => {
            Some(Op::Binary(BinaryOp::Add, a, b))
        }
        _ => None,
    });
    Objective::compile(wrong, layout)
}

fn report(script: &Script, compile: Compile) -> Report {
    let eager = Eager { script };
    let gradcheck = Gradcheck { script, evaluations: vec![&eager, &Differences, &OnCpu], compile };
    let report = gradcheck.run(&[layout(script, 3, 2)], || {});
    report.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Whether a row differs, and the line that is blamed.
fn blamed(report: &Report, name: &str) -> (bool, u32) {
    let row = report.rows.iter().find(|row| row.name == name).expect("such a row");
    (row.differs(), row.culprit.as_ref().map_or(0, |culprit| culprit.span.line))
}

#[test]
fn what_is_right_passes() {
    let Scripted { script, .. } = &scripted();
    let report = report(script, Objective::compile);
    assert!(report.agrees(), "{report}");
}

/// The reference itself is wrong, and its `f32` form with it; the two that do not share the compiler see it.
#[test]
fn a_wrong_compiler_is_found_by_those_who_do_not_use_it() {
    let Scripted { script, .. } = &scripted();
    for (compile, line) in [
        (wrong_slope_of_tanh as Compile, LINE_OF_TANH),
        (missing_slope_of_exp, LINE_OF_EXP),
        (wrong_value_of_product, LINE_OF_PRODUCT),
    ] {
        let report = report(script, compile);
        assert_eq!(blamed(&report, "eager"), (true, line), "{report}");
        assert_eq!(blamed(&report, "differences"), (true, line), "{report}");
        assert_eq!(blamed(&report, "kernel f32"), (false, 0), "{report}");
        let text = report.to_string();
        let source = SCRIPT.lines().nth(line as usize - 1).expect("a line of the script");
        assert!(text.contains("FAIL") && text.contains(source) && text.contains('^'), "{text}");
    }
}

/// A device that computes something else.
struct Planted(Compile);

impl Evaluation for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn arithmetic(&self) -> Arithmetic {
        Arithmetic::Single
    }

    fn prepare<'a>(&'a self, subject: &'a Subject) -> Result<Prepared<'a>, Failure> {
        let (traced, statics) = (subject.traced.clone(), subject.statics.clone());
        let wrong = Subject::new(traced, &subject.layout, statics, self.0).map_err(Failure::failed)?;
        Ok(Box::new(move |case: &Case<'_>| Ok(Reading::all(&wrong.run(case.inputs)))))
    }

    fn locate(&self, subject: &Subject, inputs: &Inputs<f32>) -> Result<Option<Culprit>, Failure> {
        by_nodes(self, subject, inputs)
    }
}

#[test]
fn a_wrong_device_is_found() {
    let Scripted { script, .. } = &scripted();
    for (compile, line) in [
        (missing_slope_of_exp as Compile, LINE_OF_EXP),
        (wrong_slope_of_tanh, LINE_OF_TANH),
        (wrong_value_of_product, LINE_OF_PRODUCT),
    ] {
        let planted = Planted(compile);
        let gradcheck =
            Gradcheck { script, evaluations: vec![&planted, &OnCpu], compile: Objective::compile };
        let report = gradcheck.run(&[layout(script, 3, 2)], || {}).expect("a script that compiles");
        assert_eq!(blamed(&report, "planted"), (true, line), "{report}");
        assert_eq!(blamed(&report, "kernel f32"), (false, 0), "{report}");
    }
}

/// What an evaluation says that has lost its mind.
struct Says(f64);

impl Evaluation for Says {
    fn name(&self) -> &'static str {
        "says"
    }

    fn arithmetic(&self) -> Arithmetic {
        Arithmetic::Shader
    }

    fn prepare<'a>(&'a self, _: &'a Subject) -> Result<Prepared<'a>, Failure> {
        Ok(Box::new(|case: &Case<'_>| Ok(vec![Reading::Value(self.0); case.exact.values.len()])))
    }

    fn locate(&self, _: &Subject, _: &Inputs<f32>) -> Result<Option<Culprit>, Failure> {
        Ok(None)
    }
}

#[test]
fn no_number_that_is_none_ever_passes() {
    let Scripted { script, .. } = &scripted();
    for says in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e30, -1e30] {
        let says = Says(says);
        let gradcheck = Gradcheck { script, evaluations: vec![&says], compile: Objective::compile };
        let report = gradcheck.run(&[layout(script, 1, 2)], || {}).expect("a script that compiles");
        let tally = &report.rows.iter().find(|row| row.name == "says").expect("such a row").tally;
        assert_eq!(tally.differing, tally.compared, "{report}");
        assert!(report.to_string().contains("no operation by itself does"), "{report}");
    }
}

/// A tolerance is a few roundings of what a number is computed from, and never nothing where something is rounded.
#[test]
fn tolerances_are_a_few_roundings() {
    let Scripted { script, .. } = &scripted();
    let gradcheck = Gradcheck { script, evaluations: vec![&OnCpu], compile: Objective::compile };
    let subject = gradcheck.stage(&layout(script, 4, 3), &BTreeMap::new()).expect("a script that compiles");
    let inputs = draw(script, &subject.layout, &CIRCUMSTANCES[0]);
    let units = [(Arithmetic::Single, f64::from(f32::EPSILON)), (Arithmetic::Double, f64::EPSILON)];
    for (arithmetic, unit) in units {
        with_case(&subject, &inputs, |case| {
            let allowed = Allowed::measure(case.subject, case.wide, case.exact, arithmetic);
            for (position, value) in case.exact.values.iter().enumerate() {
                // Numbers of size 1 to 30 and a dozen operations: a thousand roundings at the very most.
                let allowed = allowed.at(position);
                assert!(
                    allowed <= 1e3 * unit * value.abs().max(10.0),
                    "{arithmetic:?}: {allowed:e} of {value}"
                );
            }
            let loss = Written::loss(case.subject, 0);
            assert!(allowed.at(loss) >= unit * case.exact.values[loss].abs(), "{arithmetic:?}");
            Ok(())
        })
        .expect("a batch");
    }
}
