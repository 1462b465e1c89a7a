//! Scripts that reach for what is not theirs, or for all that there is: the command refuses each, with its place.
//!
//! The command runs with little memory, without the right to write a file, and with a stranger's files around the script's
//! folder, so that what gets through ends the process or shows.

#![cfg(unix)]

use kelvin_tests::command::{Said, kelvin, run};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// Address space of the command, in KiB: a bound that an endless loop reaches within its five seconds.
const MEMORY_KIB: u64 = 6 << 20;
/// What stands in files that are nobody's business. It parses, and so would be imported.
const SECRET: &str = "fn secret() { 7418529630 }\n";

const CONFIG: &str = "fn config() { #{} }\n";

/// The command with these arguments, under limits of memory, processor time and files: it may not write a byte to one.
fn limited(arguments: &[&str]) -> Said {
    let kelvin = kelvin();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MEMORY_KIB}; ulimit -t 120; ulimit -f 0; exec \"$0\" \"$@\"")]);
    command
        .arg(kelvin.get_program())
        .args(arguments)
        .current_dir(kelvin.get_current_dir().expect("it has one"));
    run(&mut command)
}

/// A folder with a stranger's files around the one of scripts, `in`, and links that lead to them.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    fs::create_dir_all(at.join("in/lib")).expect("a writable folder");
    fs::create_dir(at.join("outside")).expect("a writable folder");
    fs::write(at.join("outside/secret.rhai"), SECRET).expect("a writable folder");
    fs::write(at.join("in/ring.rhai"), "import \"ring2\" as r;\nfn f() { 1 }").expect("a writable folder");
    fs::write(at.join("in/ring2.rhai"), "import \"ring\" as r;\nfn f() { 1 }").expect("a writable folder");
    fs::write(at.join("in/own.rhai"), "fn f() { 1 }").expect("a writable folder");
    symlink(at.join("outside"), at.join("in/away")).expect("a link");
    symlink("../../outside", at.join("in/lib/away")).expect("a link");
    symlink(at.join("outside/secret.rhai"), at.join("in/link.rhai")).expect("a link");
    symlink("loop.rhai", at.join("in/loop.rhai")).expect("a link");
    symlink("/proc/self/environ", at.join("in/environ.rhai")).expect("a link");
    folder
}

/// Runs `arguments` on a script of that text, which must be refused with a place and a hint.
fn refused(folder: &Path, text: &str, arguments: &[&str]) -> Option<String> {
    let path = folder.join("in/s.rhai");
    fs::write(&path, text).expect("a writable folder");
    let before = names(folder);
    let path = path.to_str().expect("a plain path");
    let said = limited(&[&[arguments[0], path], &arguments[1..]].concat());
    // The script itself, or one that it imports.
    let placed = format!("--> {}", folder.join("in/").display());
    let shown: String = text.chars().take(300).collect();
    let is_refused = said.code == Some(1) && said.stderr.contains(&placed) && said.stderr.contains("hint: ");
    let is_kept = fs::read_to_string(folder.join("outside/secret.rhai")).is_ok_and(|text| text == SECRET);
    let told = said.stderr.contains("7418529630") && !text.contains("7418529630");
    match is_refused && is_kept && !told && names(folder) == before {
        true => None,
        false => Some(format!("{shown}\n{said}")),
    }
}

/// Names of everything below a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).expect("readable").flatten() {
        names.push(entry.path().display().to_string());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.extend(self::names(&entry.path()));
        }
    }
    names.sort();
    names
}

/// What would read or write files, open sockets, run programs or code that nobody sees.
const REACHES: &[&str] = &[
    "open(\"/etc/passwd\")",
    "open_file(\"../outside/secret.rhai\")",
    "read(\"/etc/passwd\")",
    "read_file(\"/etc/passwd\")",
    "write(\"/tmp/written\", \"x\")",
    "write_file(\"written\", \"x\")",
    "\"x\".save(\"written\")",
    "exec(\"touch written\")",
    "system(\"touch written\")",
    "shell(\"touch written\")",
    "command(\"touch\", [\"written\"])",
    "spawn(\"touch written\")",
    "connect(\"127.0.0.1\", 80)",
    "http_get(\"http://127.0.0.1/\")",
    "socket(2, 1, 0)",
    "env(\"HOME\")",
    "sleep(1000)",
    "exit(0)",
    "timestamp()",
    "rand()",
    "call(Fn(\"open\"), \"/etc/passwd\")",
    "Fn(\"exec\").call(\"touch written\")",
];

/// Imports of what lies outside of the script's folder, or of no file.
const IMPORTS: &[&str] = &[
    "/etc/passwd",
    "../outside/secret",
    "lib/../../outside/secret",
    "./../outside/secret",
    "away/secret",
    "lib/away/secret",
    "link",
    "loop",
    "environ",
    "..",
    "/",
    "",
    "/dev/zero",
    "/dev/stdin",
    "file:///etc/passwd",
    "http://127.0.0.1/x",
    "s",
    "ring",
];

/// What would take all memory, all time or the whole stack. Of variables there are 1024, of calls 64 deep.
fn exhausting() -> Vec<String> {
    let statements = [
        "loop { }",
        "while true { let x = 1; }",
        "for i in 0..9223372036854775807 { }",
        "let s = \"ab\"; loop { s += s; }",
        "let l = []; loop { l.push(l); }",
        "let l = [0]; loop { l.push(0); }",
        "let m = #{}; let k = \"k\"; loop { k += \"k\"; m[k] = 1; }",
        "let m = #{}; loop { m = #{ a: m, b: m }; }",
        "let f = |x| x; loop { let g = f; f = |x| g.call(x); }",
        "let f = |g| g.call(g); f.call(f)",
        "let l = []; let f = || l; l.push(f); loop { l.push(f); }",
        "deep(0)",
        "let l = []; for i in 0..16000 { l.push(i); } wide(l, 0)",
        "let s = \"0123456789abcdef\"; for i in 0..11 { s += s; } wide(s, 0)",
        "loop { print(\"flood\"); }",
        "let s = \"x\"; for i in 0..15 { s += s; } loop { print(s); debug(s); }",
        "eval(\"loop { }\")",
        "let f = |x| x; loop { f = f.curry(f); }",
    ];
    let variables: String = (0..200).map(|i| format!("let v{i} = x; v{i} += x; ")).collect();
    let own = format!("fn deep(x) {{ deep(x + 1) }}\nfn wide(x, n) {{ {variables} wide(x, n + 1) }}\n");
    statements.iter().map(|statement| format!("{own}{{BEFORE}}{statement}{{AFTER}}")).collect()
}

fn holds(failures: Vec<String>) {
    assert!(failures.is_empty(), "{}", failures.join("\n=====\n"));
}

#[test]
fn an_objective_reaches_nothing_outside_of_its_folder() {
    let folder = folder();
    let calls = REACHES.iter().map(|call| format!("{CONFIG}fn loss(net, t, p) {{ let x = {call}; net.v }}"));
    let imports = IMPORTS
        .iter()
        .map(|name| format!("import \"{name}\" as x;\n{CONFIG}fn loss(net, t, p) {{ net.v * x::secret() }}"));
    let computed = ["own", "../outside/secret"].map(|name| {
        format!("{CONFIG}fn loss(net, t, p) {{ import \"{name}\" + \"\" as x; net.v * x::secret() }}")
    });
    let scripts = calls.chain(imports).chain(computed);
    holds(scripts.filter_map(|text| refused(folder.path(), &text, &["check"])).collect());
}

#[test]
fn an_objective_does_not_exhaust_the_machine() {
    let folder = folder();
    let scripts = exhausting().into_iter().map(|text| {
        let text = text.replace("{BEFORE}", "fn loss(net, t, p) { ").replace("{AFTER}", "; net.v }");
        format!("{CONFIG}{text}")
    });
    let huge = "let x = net.v; for i in 0..10000000 { x = x * 1.5 + t.weight; } x";
    let graph = [format!("{CONFIG}fn loss(net, t, p) {{ {huge} }}")];
    holds(scripts.chain(graph).filter_map(|text| refused(folder.path(), &text, &["check"])).collect());
}

/// As one that plans, so that nothing is started of one that should not have got through.
const BATCH: &[&str] = &["batch", "--dry-run"];

#[test]
fn a_batch_script_reaches_nothing() {
    let folder = folder();
    let calls = REACHES.iter().map(|call| format!("fn experiment() {{ let x = {call}; [] }}"));
    let imports =
        IMPORTS.iter().map(|name| format!("import \"{name}\" as x;\nfn experiment() {{ x::secret() }}"));
    let objectives = ["/dev/zero", "/etc/passwd", "away/secret.rhai", "loop.rhai"].map(|script| {
        format!("fn experiment() {{ run(#{{ script: \"{script}\", env: \"catch\", frames: 1000 }}) }}")
    });
    let refused_by = |text: String| refused(folder.path(), &text, BATCH);
    holds(calls.chain(imports).filter_map(refused_by).collect());
    // The fault is the other file's, which is named.
    for text in objectives {
        fs::write(folder.path().join("in/s.rhai"), &text).expect("a writable folder");
        let path = folder.path().join("in/s.rhai");
        let said = limited(&["batch", path.to_str().expect("a plain path"), "--dry-run"]);
        assert!(matches!(said.code, Some(1 | 2)) && said.stderr.contains("error: "), "{text}\n{said}");
    }
}

#[test]
fn a_batch_script_does_not_exhaust_the_machine() {
    let folder = folder();
    let scripts = exhausting()
        .into_iter()
        .map(|text| text.replace("{BEFORE}", "fn experiment() { ").replace("{AFTER}", "; [] }"));
    let grids = [
        "grid(#{ seed: 0..9223372036854775807 })",
        "grid(#{ a: 0..1000, b: 0..1000, c: 0..1000, d: 0..1000 })",
        // Ten thousand copies of a long list, made by one call.
        "let l = []; l.pad(600000, 1); grid(#{ seed: 0..10000, a: #{ x: l } })",
    ]
    .map(|grid| format!("fn experiment() {{ {grid} }}"));
    holds(scripts.chain(grids).filter_map(|text| refused(folder.path(), &text, BATCH)).collect());
}
