//! What scripts may do: the working side of the language, on scripts written here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kelvin_objective::{
    ConfigValue, Diagnostic, Head, KernelIo, Layout, Objective, ParamKind, Script, sources_hash,
};

const CONFIG: &str = "fn config() { #{ learner: \"replay\", n: 1, heads: [\"q\"] } }\n";

fn layout(window: usize) -> Layout {
    Layout {
        batch: 1,
        actions: 3,
        window,
        heads: vec![Head::Q, Head::V],
        param_slots: 64,
        metric_slots: 16,
        workgroup: 32,
    }
}

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    fs::write(&path, text).expect("a writable folder");
    path
}

fn load(text: &str) -> Result<Script, Diagnostic> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Script::load(&write(folder.path(), "s.rhai", &format!("{CONFIG}{text}")))
}

#[track_caller]
fn compile(text: &str, window: usize) -> Objective {
    let compiled = load(text).and_then(|script| script.compile(&layout(window), &BTreeMap::new()));
    compiled.unwrap_or_else(|diagnostic| panic!("{diagnostic}"))
}

/// Loss of one sample: outputs q = (0.5, -1, 2), v = 0.25 everywhere; rewards 1, 2, 3, …; action 2.
#[track_caller]
fn loss(text: &str, window: usize) -> f64 {
    let objective = compile(text, window);
    let mut samples: Vec<f64> = (1..=window).map(|reward| reward as f64).collect();
    samples.extend(vec![0.0; window]);
    samples.extend(vec![2.0; window]);
    samples.push(0.5);
    let outputs = [0.5, -1.0, 2.0, 0.25];
    let (mut grad, mut metrics) = ([f64::NAN; 4], [f64::NAN; 16]);
    objective.cpu().run(KernelIo {
        uniforms: &[0.1; 64],
        samples: &samples,
        online: &outputs,
        online_next: &outputs,
        target: &outputs,
        target_next: &outputs,
        grad: &mut grad,
        metrics: &mut metrics,
    });
    metrics[0]
}

/// The value of an expression of `net`, `t`, `p`; the added term lets the loss depend on the network.
#[track_caller]
fn value(expression: &str) -> f64 {
    loss(&format!("fn loss(net, t, p) {{ ({expression}) + exp(net.v) }}"), 3) - 0.25f64.exp()
}

/// Equality up to rounding in f64, false for NaN.
#[track_caller]
fn assert_value(expression: &str, expected: f64) {
    let found = value(expression);
    assert!(
        (found - expected).abs() <= 1e-14 * expected.abs().max(1.0),
        "{expression} is {found}, not {expected}"
    );
}

#[test]
fn plain_numbers_are_mathematics() {
    assert_value("1.0 / 2", 0.5);
    assert_value("4 / 2", 2.0);
    assert_value("2 ** 10", 1024.0);
    assert_value("2.0 ** -1", 0.5);
    assert_value("exp(1)", std::f64::consts::E);
    assert_value("sqrt(2)", std::f64::consts::SQRT_2);
    assert_value("log(10)", 10f64.ln());
    assert_value("min(3, 2.5) + max(1, 2)", 4.5);
    assert_value("abs(-3)", 3.0);
    assert_value("clip(7, 0, 1)", 1.0);
    assert_value("7 % 4", 3.0);
    assert_value("-2.0 + (-2) ** 2", 2.0);
}

#[test]
fn plain_comparisons_are_exact() {
    // Rhai calls floats equal that differ by less than its epsilon.
    assert_value("if 1e-20 > 0.0 { 1.0 } else { 0.0 }", 1.0);
    assert_value("if 1e-20 == 0 { 1.0 } else { 0.0 }", 0.0);
    assert_value("if 1 < 2 && !(2 <= 1) { 1.0 } else { 0.0 }", 1.0);
    assert_value("if t.n == 3 || false { 1.0 } else { 0.0 }", 1.0);
}

#[test]
fn traced_arithmetic_takes_plain_numbers_on_either_side() {
    assert_value("net.v + 1", 1.25);
    assert_value("1 - net.v", 0.75);
    assert_value("2.0 * net.v", 0.5);
    assert_value("1 / net.v", 4.0);
    assert_value("net.v ** 2", 0.0625);
    assert_value("-net.v", -0.25);
    assert_value("(-net.v) ** 3", -0.015625);
    assert_value("2 ** net.v", 2f64.powf(0.25));
    assert_value("net.v ** 0.5", 0.5);
}

#[test]
fn comparisons_are_traced_in_both_orders_for_every_operator() {
    for (operator, less, equal, greater) in [
        ("<", 1.0, 0.0, 0.0),
        ("<=", 1.0, 1.0, 0.0),
        (">", 0.0, 0.0, 1.0),
        (">=", 0.0, 1.0, 1.0),
        ("==", 0.0, 1.0, 0.0),
        ("!=", 1.0, 0.0, 1.0),
    ] {
        for (number, expected) in [("1", less), ("0.25", equal), ("0", greater)] {
            assert_value(&format!("select(net.v {operator} {number}, 1, 0)"), expected);
        }
        for (number, expected) in [("1", greater), ("0.25", equal), ("0", less)] {
            assert_value(&format!("select({number} {operator} net.v, 1, 0)"), expected);
        }
        assert_value(&format!("select(net.v {operator} net.v, 1, 0)"), equal);
    }
    assert_value("select(t.action == 2, 1, 0)", 1.0);
    assert_value("select((net.v > 0) & !(net.v > 1) | t.terminated, 1, 0)", 1.0);
}

#[test]
fn functions_over_the_actions() {
    let q = [0.5f64, -1.0, 2.0];
    let sum: f64 = q.iter().map(|x| x.exp()).sum();
    let p = q.map(|x| x.exp() / sum);
    let entropy: f64 = -p.iter().map(|p| p * p.ln()).sum::<f64>();
    assert_value("sum(net.q)", 1.5);
    assert_value("mean(net.q)", 0.5);
    assert_value("max(net.q)", 2.0);
    assert_value("min(net.q)", -1.0);
    assert_value("logsumexp(net.q)", sum.ln());
    assert_value("logmeanexp(net.q)", (sum / 3.0).ln());
    assert_value("softmax(net.q)[0]", p[0]);
    assert_value("log_softmax(net.q)[t.action]", p[2].ln());
    assert_value("entropy(softmax(net.q))", entropy);
    assert_value("entropy(log_softmax(net.q))", entropy);
    assert_value("kl(softmax(net.q))", 3f64.ln() - entropy);
    let reference: f64 = q.iter().map(|x| (2.0 * x).exp()).sum();
    let expected: f64 = (0..3).map(|a| p[a] * (p[a].ln() - (2.0 * q[a] - reference.ln()))).sum();
    assert_value("kl(softmax(net.q), softmax(2 * net.q))", expected);
    assert_value("select(argmax(net.q) == 2, 1, 0)", 1.0);
    assert_value("net.q[argmax(-net.q)]", -1.0);
    assert_value("len(net.q)", 3.0);
    assert_value("max(sum(net.q), 5)", 5.0);
    assert_value("sum(max(net.q, 0))", 2.5);
    assert_value("clip(net.q, -0.5, 1)[2]", 1.0);
    assert_value("huber(net.q[2], 1.0)", 1.5);
    assert_value("tanh(net.v) + sigmoid(net.v)", 0.25f64.tanh() + 1.0 / (1.0 + (-0.25f64).exp()));
    assert_value("scale_gradient(stop_gradient(net.v), 0.5)", 0.25);
    assert_value("t.weight", 0.5);
}

#[test]
fn steps_of_a_window() {
    assert_value("sum(t.steps.reward)", 6.0);
    assert_value("mean(t.steps.reward)", 2.0);
    assert_value("max(t.steps.reward) - min(t.steps.reward)", 2.0);
    assert_value("t.steps.reward[2]", 3.0);
    assert_value("discounted_return(t.steps.reward, 0.5)", 1.0 + 1.0 + 0.75);
    assert_value("sum(t.steps.reward * (1 - t.steps.terminated) * 2)", 12.0);
    assert_value("sum(t.steps.reward - [1, 2.0, net.v])", 6.0 - 3.25);
    assert_value("len(t.steps.reward)", 3.0);
    assert_eq!(loss("fn loss(net, t, p) { let s = net.v; for r in t.steps.reward { s += r; } s }", 3), 6.25);
    let by_index = "fn loss(net, t, p) { let l = []; for i in 0..t.n { l.push(net.v * i); } sum(l) }";
    assert_eq!(loss(by_index, 3), 0.75);
}

#[test]
fn scripts_may_use_functions_closures_and_constants() {
    let text = "const HALF = 0.5;
        fn square(x) { x ** 2 }
        fn loss(net, t, p) { let double = |x| 2 * x; global::HALF * square(double.call(net.v)) }";
    assert_eq!(loss(text, 1), 0.125);
    // A constant as first argument of a function or an operator.
    assert_eq!(
        loss("const ONE = 1; fn loss(net, t, p) { const k = 2; exp(k - k) * k - global::ONE + net.v }", 1),
        1.25
    );
    assert_eq!(loss("fn loss(net, t, p) { net.v.abs() + abs(net.v) }", 1), 0.5);
}

#[test]
fn parameters_keep_the_order_of_their_declaration() {
    let text = "fn params() { #{
            zeta: param(1.0, 0.0, 2.0, \"z\"),
            steps: param(3, 1, 10, \"whole\"),
            alpha: param(0.5, 0, 1, \"a\"),
            double: param(true, \"flag\"),
            depth: param_int(2, 1, 4, \"whole\"),
        } }
        fn loss(net, t, p) { if p.double { p.alpha * net.v * p.steps } else { p.zeta * net.v } }";
    let script = load(text).expect("it loads");
    let kinds: Vec<(&str, ParamKind)> = script.params().iter().map(|p| (p.name.as_str(), p.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("zeta", ParamKind::Live { slot: 0 }),
            ("steps", ParamKind::StaticInt),
            ("alpha", ParamKind::Live { slot: 1 }),
            ("double", ParamKind::StaticBool),
            ("depth", ParamKind::StaticInt),
        ]
    );
    assert_eq!(script.params()[2].doc, "a");
    // alpha is uniform 1 and here 0.1.
    assert!((loss(text, 1) - 0.1 * 0.25 * 3.0).abs() < 1e-15);
}

#[test]
fn static_parameters_can_be_replaced_within_their_range() {
    let text = "fn params() { #{ k: param(3, 1, 10, \"whole\"), x: param(0.5, 0.0, 1.0, \"live\") } }
        fn loss(net, t, p) { net.v ** p.k }";
    let script = load(text).expect("it loads");
    let with = |name: &str, value: f64| script.trace(&layout(1), &BTreeMap::from([(name.to_owned(), value)]));
    assert!(with("k", 7.0).is_ok());
    for (name, value, part) in [
        ("k", 11.0, "between 1 and 10"),
        ("k", 1.5, "whole"),
        ("k", f64::NAN, "whole"),
        ("kk", 1.0, "no parameter"),
    ] {
        let message = with(name, value).expect_err("out of range").to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn config_is_carried_as_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "fn config() { #{ n: 2, deep: #{ list: [1, 2.5, \"x\", true] }, e: epsilon_greedy(1, 0.1) } }
        fn loss(net, t, p) { net.v }";
    let script = Script::load(&write(folder.path(), "c.rhai", text)).expect("it loads");
    let map = |items: &[(&str, ConfigValue)]| {
        ConfigValue::Map(items.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    };
    let list = [1.into(), 2.5.into(), "x".into(), true.into()];
    let list: Vec<ConfigValue> = list.into_iter().map(|Wrapped(value)| value).collect();
    assert_eq!(script.config()["n"], ConfigValue::Int(2));
    assert_eq!(script.config()["deep"], map(&[("list", ConfigValue::List(list))]));
    let epsilon = [
        ("kind", ConfigValue::Str("epsilon_greedy".into())),
        ("start", ConfigValue::Float(1.0)),
        ("end", ConfigValue::Float(0.1)),
    ];
    assert_eq!(script.config()["e"], map(&epsilon));
    let placed = script.diagnostic("unknown key `n`", "remove it").to_string();
    assert!(placed.contains(":1:4"), "{placed}");
}

/// Shorthand for the list above.
struct Wrapped(ConfigValue);
impl From<i64> for Wrapped {
    fn from(value: i64) -> Self {
        Wrapped(ConfigValue::Int(value))
    }
}
impl From<f64> for Wrapped {
    fn from(value: f64) -> Self {
        Wrapped(ConfigValue::Float(value))
    }
}
impl From<&str> for Wrapped {
    fn from(value: &str) -> Self {
        Wrapped(ConfigValue::Str(value.into()))
    }
}
impl From<bool> for Wrapped {
    fn from(value: bool) -> Self {
        Wrapped(ConfigValue::Bool(value))
    }
}

#[test]
fn imports_come_from_beside_and_from_lib_and_may_share() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    write(at, "lib/base.rhai", "const TWO = 2;\nfn twice(x) { global::TWO * x }");
    write(at, "lib/soft.rhai", "import \"base\" as base;\nfn quad(x) { base::twice(base::twice(x)) }");
    write(at, "near.rhai", "import \"base\" as b;\nfn plus(x) { b::twice(x) + 1 }");
    let text = "import \"soft\" as soft;\nimport \"near\" as near;\nimport \"base\" as base;
        fn config() { #{} }\nfn loss(net, t, p) { soft::quad(net.v) + near::plus(base::twice(net.v)) }";
    let script = Script::load(&write(at, "s.rhai", text)).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
    let names: Vec<_> = script.sources().iter().map(|s| s.path.strip_prefix(at).expect("inside")).collect();
    assert_eq!(names, ["s.rhai", "lib/soft.rhai", "lib/base.rhai", "near.rhai"].map(Path::new));
    if let Err(diagnostic) = script.compile(&layout(1), &BTreeMap::new()) {
        panic!("{diagnostic}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let secret = write(folder.path(), "outside.rhai", "fn f() { 1 }");
    let script = write(folder.path(), "in/s.rhai", "import \"link\" as l;\nfn config() { #{} }");
    std::os::unix::fs::symlink(secret, folder.path().join("in/link.rhai")).expect("a link");
    let message = Script::load(&script).expect_err("it escapes").to_string();
    assert!(message.contains("leaves the script's folder"), "{message}");
}

#[test]
fn unreadable_files_are_explained() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    write(at, "dqn.rhai", "");
    fs::write(at.join("latin.rhai"), b"fn config() {}\n// caf\xe9").expect("a writable folder");
    fs::write(at.join("large.rhai"), vec![b' '; (1 << 20) + 1]).expect("a writable folder");
    for (name, part) in [
        ("dqm.rhai", "did you mean"),
        ("far_off.rhai", "does not exist"),
        ("", "folder"),
        ("latin.rhai", "not UTF-8 text (line 2)"),
        ("large.rhai", "larger than 1 MiB"),
        ("dqn.rhai", "no function `config()`"),
    ] {
        let message = Script::load(&at.join(name)).expect_err("it is broken").to_string();
        assert!(message.contains(part), "{name}: {message}");
    }
}

#[test]
fn the_hash_follows_the_script_its_imports_and_their_absence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let text = "import \"base\" as base;\nfn config() { #{} }\nfn loss(net, t, p) { base::f(net.v) }";
    let script = write(at, "s.rhai", text);
    let mut hashes = Vec::new();
    // An import that is missing counts, so that its appearance is a change.
    hashes.push(sources_hash(&script).expect("the script is there"));
    write(at, "lib/base.rhai", "fn f(x) { x }");
    hashes.push(sources_hash(&script).expect("the script is there"));
    assert_eq!(Script::load(&script).expect("it loads").hash(), hashes[1]);
    write(at, "lib/base.rhai", "fn f(x) { x + 1 }");
    hashes.push(sources_hash(&script).expect("the script is there"));
    // A file beside the script comes before the library's.
    write(at, "base.rhai", "fn f(x) { x + 2 }");
    hashes.push(sources_hash(&script).expect("the script is there"));
    write(at, "s.rhai", &text.replace("net.v", "2 * net.v"));
    hashes.push(sources_hash(&script).expect("the script is there"));
    // A broken script has a hash, too.
    write(at, "s.rhai", "fn config( {");
    hashes.push(sources_hash(&script).expect("the script is there"));
    let distinct: std::collections::BTreeSet<&String> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());

    fs::rename(&script, at.join("moved.rhai")).expect("a writable folder");
    assert_eq!(sources_hash(&script), None);
    assert_eq!(sources_hash(&at.join("moved.rhai")).as_ref(), hashes.last());
}

#[test]
fn what_leaves_the_host_may_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Script>();
    crosses::<Objective>();
    crosses::<Diagnostic>();
    crosses::<kelvin_objective::Traced>();
}

/// Loads and traces a text; what counts is that it comes back with a result of the script's own.
fn survives(folder: &Path, text: &str) -> Result<(), Diagnostic> {
    let path = write(folder, "s.rhai", text);
    let result = Script::load(&path).and_then(|script| script.trace(&layout(1), &BTreeMap::new()));
    if let Err(diagnostic) = &result {
        let rendered = diagnostic.to_string();
        assert!(!rendered.contains("fault of Kelvin"), "{rendered}\n{text}");
        assert!(!rendered.contains("kelvin_objective::"), "a Rust path in a message: {rendered}\n{text}");
    }
    result.map(|_| ())
}

#[test]
fn a_script_cut_off_or_short_of_a_character_is_an_error_not_a_panic() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/soft_kl.rhai");
    let text = fs::read_to_string(script).expect("the script is there");
    let body = text[text.find("fn config").expect("a config")..].trim_end();
    let folder = tempfile::tempdir().expect("a temporary folder");
    survives(folder.path(), body).expect("it is whole");
    for (at, c) in body.char_indices() {
        assert!(survives(folder.path(), &body[..at]).is_err(), "cut off at {at}");
        // Without one character it may still be a script, of another meaning.
        let _ = survives(folder.path(), &format!("{}{}", &body[..at], &body[at + c.len_utf8()..]));
    }
}

#[test]
fn hostile_scripts_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let depth = 20_000;
    let parentheses = format!("{}net.v{}", "(".repeat(depth), ")".repeat(depth));
    let blocks = format!("{}net.v{}", "{".repeat(depth), "}".repeat(depth));
    let negations = format!("{}net.v", "-".repeat(depth));
    let sum = vec!["net.v"; depth].join(" + ");
    for body in [
        parentheses.as_str(),
        &blocks,
        &negations,
        &sum,
        "let s = \"ab\"; loop { s += s; }",
        "let l = []; loop { l.push(l); }",
        "let m = #{}; let i = 0; loop { m[\"k\" + i] = m; i += 1; }",
        "let f = |g| g.call(g); f.call(f)",
        "for i in 0..9223372036854775807 { }",
        "loop { import \"x\" as x; }",
        "let x = net; for i in 0..100000 { x = net.next; } x",
        "throw net.v",
        "9223372036854775807 + 1",
        "-(-9223372036854775807 - 1)",
        "net.q[9223372036854775807]",
    ] {
        let text = format!("{CONFIG}fn loss(net, t, p) {{ {body} }}");
        let error = survives(folder.path(), &text).expect_err(&body[..body.len().min(60)]);
        assert!(error.line > 0, "{error}");
    }
}
