//! Which files a script consists of, and what is said where one cannot be had.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kelvin_objective::{Script, sources_hash, sources_hash_with};

use crate::support::{layout, write};

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
    if let Err(diagnostic) = script.compile(&layout(1, 1), &BTreeMap::new()) {
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
fn text_that_is_not_saved_is_loaded_as_if_it_were() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    write(at, "lib/base.rhai", "fn f(x) { x }");
    let text = "import \"base\" as base;\nfn config() { #{} }\nfn loss(net, t, p) { base::f(net.v) }";
    // Whether nothing is there, something else, or the same.
    let path = at.join("s.rhai");
    let unsaved = Script::load_with(&path, text).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
    write(at, "s.rhai", "fn config( {");
    assert_eq!(Script::load_with(&path, text).expect("it loads").hash(), unsaved.hash());
    write(at, "s.rhai", text);
    assert_eq!(Script::load(&path).expect("it loads").hash(), unsaved.hash());
    assert_eq!(sources_hash(&path).as_deref(), Some(unsaved.hash()));
    assert_eq!(sources_hash_with(&path, text), unsaved.hash());
    assert_ne!(sources_hash_with(&path, "fn config( {"), unsaved.hash());
    assert_eq!((unsaved.name(), unsaved.path()), ("s", path.as_path()));
    if let Err(diagnostic) = unsaved.compile(&layout(1, 1), &BTreeMap::new()) {
        panic!("{diagnostic}");
    }
    // Mistakes stand in the text, not in the file; and the file's bounds hold.
    let broken = text.replace("base::f(net.v)", "\n  base::f(net.w)");
    let script = Script::load_with(&path, &broken).expect("it loads");
    let error = script.compile(&layout(1, 1), &BTreeMap::new()).expect_err("it is broken");
    assert_eq!((error.line, error.column, error.source_line.trim()), (4, 15, "base::f(net.w) }"));
    assert_eq!(error.width(), 1);
    let error = Script::load_with(&path, &" ".repeat((1 << 20) + 1)).expect_err("it is too much");
    assert!(error.message.contains("larger than 1 MiB"), "{error}");
}

#[test]
fn an_error_says_which_import_brought_its_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    write(at, "lib/deep.rhai", "fn broken(x) { x.field }");
    write(at, "near.rhai", "// A comment.\nimport \"deep\" as deep;\nfn f(x) { deep::broken(x) }");
    let text = "import \"near\" as near;\nfn config() { #{} }\nfn loss(net, t, p) { near::f(net.v) }";
    let script = Script::load(&write(at, "s.rhai", text)).expect("it loads");
    let error = script.compile(&layout(1, 1), &BTreeMap::new()).expect_err("it is broken");
    let trail: Vec<String> = error.trail.iter().map(|step| step.replace(at.to_str().unwrap(), "")).collect();
    assert_eq!(
        trail,
        [
            "called from /near.rhai:3:17",
            "called from /s.rhai:3:28",
            "imported by /near.rhai:2",
            "imported by /s.rhai:1"
        ]
    );
    assert!(error.to_string().contains(" = imported by "), "{error}");
    // Text that does not parse, and a missing import of an import, have a trail too.
    for broken in ["fn broken(x) {", "import \"nowhere\" as n;"] {
        write(at, "lib/deep.rhai", broken);
        let error = Script::load(&at.join("s.rhai")).expect_err("it is broken");
        assert_eq!(error.trail.len(), 2, "{error}");
    }
    // The script itself needs none.
    write(at, "alone.rhai", "fn config() { #{} }\nfn loss(net, t, p) { net.v.x }");
    let script = Script::load(&at.join("alone.rhai")).expect("it loads");
    let error = script.compile(&layout(1, 1), &BTreeMap::new()).expect_err("it is broken");
    assert!(error.trail.is_empty());
}

/// What is read again and again while a run goes on must be little, and must end.
#[test]
fn files_are_bounded_in_size_and_number() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let main = |imports: &str| {
        write(at, "s.rhai", &format!("{imports}\nfn config() {{ #{{}} }}\nfn loss(net, t, p) {{ net.v }}"))
    };
    let refused = |imports: &str, part: &str| {
        let path = main(imports);
        assert!(sources_hash(&path).is_some());
        let error = Script::load(&path).expect_err("it is too much").to_string();
        assert!(error.contains(part), "{error}");
    };
    let mut all = String::new();
    for k in 0..32 {
        write(at, &format!("f{k}.rhai"), &format!("fn f{k}(x) {{ x }}"));
        all += &format!("import \"f{k}\" as f{k};\n");
    }
    refused(&all, "32 files at most");
    for k in 0..3 {
        write(at, &format!("f{k}.rhai"), &" ".repeat(900 << 10));
    }
    refused("import \"f0\" as a; import \"f1\" as b; import \"f2\" as c;", "2 MiB at most");
    write(at, "f0.rhai", &" ".repeat((1 << 20) + 1));
    refused("import \"f0\" as a;", "larger than 1 MiB");
    // One name is looked for once, however often it is imported.
    let start = std::time::Instant::now();
    assert!(sources_hash(&main(&"import \"f9\" as x;\n".repeat(40_000))).is_some());
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    fs::create_dir_all(at.join("folder.rhai")).expect("a writable folder");
    std::os::unix::fs::symlink("/dev/zero", at.join("zero.rhai")).expect("a link");
    let pipe = std::process::Command::new("mkfifo").arg(at.join("pipe.rhai")).status();
    assert!(pipe.is_ok_and(|status| status.success()));
    for (name, part) in [
        ("folder", "this is a folder"),
        ("zero", "leaves the script's folder"),
        ("pipe", "not a regular file"),
    ] {
        let script = write(at, "s.rhai", &format!("import \"{name}\" as x;\nfn config() {{ #{{}} }}"));
        assert!(sources_hash(&script).is_some());
        let error = Script::load(&script).expect_err("it is no file").to_string();
        assert!(error.contains(part), "{error}");
    }
    for path in ["/dev/zero", "pipe.rhai"] {
        let error = Script::load(&at.join(path)).expect_err("it is no file").to_string();
        assert!(error.contains("not a regular file"), "{error}");
        assert_eq!(sources_hash(&at.join(path)), None);
    }
}
