//! Checkpoints: round trip, pruning, and every kind of damage.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use kelvin_run::{Checkpoint, RunDir, RunError, Segments};
use tempfile::TempDir;

fn run() -> (TempDir, RunDir) {
    let scratch = tempfile::tempdir().unwrap();
    let run = RunDir::create(scratch.path().join("run")).unwrap();
    (scratch, run)
}

/// Commits a small checkpoint whose content tells its update.
fn save(run: &RunDir, update: u64) {
    let mut writer = run.begin_checkpoint(update).unwrap();
    writer.tensors("model.safetensors", &[("w", &[2], &[update as f32, -0.5])]).unwrap();
    writer.json("rng.json", &update).unwrap();
    writer
        .stream("replay.bin")
        .and_then(|mut file| {
            file.write_all(&[update as u8; 3000]).unwrap();
            file.finish()
        })
        .unwrap();
    writer.commit(2).unwrap();
}

fn latest(run: &RunDir) -> (Option<u64>, Vec<String>) {
    let latest = run.latest_checkpoint().unwrap();
    let damaged = latest.damaged.iter().map(ToString::to_string).collect();
    (latest.checkpoint.as_ref().map(Checkpoint::update), damaged)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn file(run: &RunDir, update: u64, name: &str) -> PathBuf {
    run.path().join(format!("checkpoints/{update:012}")).join(name)
}

#[test]
fn everything_comes_back_bit_for_bit() {
    let (_scratch, run) = run();
    let odd = [f32::NAN, f32::INFINITY, -0.0, 1e-45, f32::MAX, 0.1];
    let replay: Vec<u8> = (0..3_000_001_u32).map(|at| (at * 31 % 251) as u8).collect();
    let mut writer = run.begin_checkpoint(123).unwrap();
    writer
        .tensors(
            "model.safetensors",
            &[
                ("target.w", &[2, 3], &odd),
                ("online.b", &[1], &[7.0]),
                ("none", &[0, 4], &[]),
                ("scalar", &[], &[1.0]),
            ],
        )
        .unwrap();
    writer.json("state.json", &(u64::MAX, "text", 0.1_f64)).unwrap();
    writer.bytes("empty", &[]).unwrap();
    let mut stream = writer.stream("replay.bin").unwrap();
    // In pieces of uneven sizes, as a replay that wraps around is written.
    for piece in replay.chunks(77_777) {
        stream.write_all(piece).unwrap();
    }
    stream.finish().unwrap();
    writer.commit(2).unwrap();

    let found = run.latest_checkpoint().unwrap();
    assert!(found.damaged.is_empty());
    let checkpoint = found.checkpoint.unwrap();
    assert_eq!(checkpoint.update(), 123);
    let tensors = checkpoint.tensors("model.safetensors").unwrap();
    let shapes: Vec<_> = tensors.iter().map(|(name, shape, _)| (name.as_str(), shape.clone())).collect();
    let expected =
        [("none", vec![0, 4]), ("online.b", vec![1]), ("scalar", vec![]), ("target.w", vec![2, 3])];
    assert_eq!(shapes, expected);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&tensors[3].2), bits(&odd));
    assert_eq!(checkpoint.json::<(u64, String, f64)>("state.json").unwrap(), (u64::MAX, "text".into(), 0.1));
    assert!(checkpoint.contains("empty") && checkpoint.bytes("empty").unwrap().is_empty());
    let mut read = Vec::new();
    checkpoint.open_file("replay.bin").unwrap().read_to_end(&mut read).unwrap();
    assert!(read == replay);
    assert!(!checkpoint.contains("other") && checkpoint.bytes("other").is_err());
    assert!(checkpoint.bytes("../../config.toml").is_err());
}

#[test]
fn the_newest_two_stay() {
    let (_scratch, run) = run();
    for update in [5, 40, 300, 2000] {
        save(&run, update);
    }
    assert_eq!(names(&run.path().join("checkpoints")), ["000000000300", "000000002000"]);
    assert_eq!(latest(&run), (Some(2000), vec![]));
}

#[test]
fn the_same_update_again_replaces_and_an_abandoned_future_goes() {
    let (_scratch, run) = run();
    save(&run, 10);
    save(&run, 20);
    save(&run, 20);
    assert_eq!(names(&run.path().join("checkpoints")), ["000000000010", "000000000020"]);
    save(&run, 15);
    assert_eq!(names(&run.path().join("checkpoints")), ["000000000010", "000000000015"]);
}

/// One kind of damage: what is done to the newest checkpoint, and a word of the reason given for passing it over.
type Damage = (&'static str, fn(&RunDir), &'static str);

const DAMAGES: [Damage; 9] = [
    ("truncated", |run| edit(run, "replay.bin", |bytes| bytes.truncate(2999)), "2999 bytes"),
    ("emptied", |run| edit(run, "rng.json", Vec::clear), "0 bytes"),
    ("a bit flipped", |run| edit(run, "replay.bin", |bytes| bytes[1500] ^= 1), "hash"),
    (
        "a weight's bit flipped",
        |run| edit(run, "model.safetensors", |bytes| *bytes.last_mut().unwrap() ^= 128),
        "hash",
    ),
    ("a file gone", |run| fs::remove_file(file(run, 2, "rng.json")).unwrap(), "rng.json"),
    ("no manifest", |run| fs::remove_file(file(run, 2, "manifest.json")).unwrap(), "manifest.json"),
    ("half a manifest", |run| edit(run, "manifest.json", |bytes| bytes.truncate(60)), "manifest.json"),
    ("another update", |run| replace(run, "\"update\": 2", "\"update\": 3"), "update 3"),
    ("another layout", |run| replace(run, "\"version\": 1", "\"version\": 9"), "layout 9"),
];

fn edit(run: &RunDir, name: &str, change: impl Fn(&mut Vec<u8>)) {
    let path = file(run, 2, name);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn replace(run: &RunDir, from: &str, to: &str) {
    let path = file(run, 2, "manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn damage_is_named_and_passed_over() {
    let mut failures = Vec::new();
    for (what, damage, reason) in DAMAGES {
        let (_scratch, run) = run();
        save(&run, 1);
        save(&run, 2);
        damage(&run);
        let (update, warnings) = latest(&run);
        let named = warnings.len() == 1 && warnings[0].contains("update 2") && warnings[0].contains(reason);
        if update != Some(1) || !named {
            failures.push((what, update, warnings));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn a_manifest_cannot_reach_outside_its_folder() {
    let (scratch, run) = run();
    save(&run, 2);
    fs::write(scratch.path().join("secret"), "secret").unwrap();
    replace(&run, "rng.json", "../../../secret");
    let (update, warnings) = latest(&run);
    assert_eq!(update, None);
    assert!(warnings[0].contains("refused"), "{warnings:?}");
}

#[test]
fn all_damaged_is_none_and_a_list() {
    let (_scratch, run) = run();
    for update in [1, 2] {
        save(&run, update);
        fs::write(file(&run, update, "replay.bin"), "").unwrap();
    }
    let (update, warnings) = latest(&run);
    assert_eq!((update, warnings.len()), (None, 2));
    // The run goes on from the start; its first checkpoint takes the place of the damaged later ones.
    save(&run, 1);
    assert_eq!(latest(&run), (Some(1), vec![]));
}

#[test]
fn a_killed_writer_leaves_nothing_that_counts() {
    let (_scratch, run) = run();
    save(&run, 1);
    let mut writer = run.begin_checkpoint(2).unwrap();
    writer.bytes("replay.bin", &[0; 100]).unwrap();
    // As after SIGKILL: no destructor runs.
    std::mem::forget(writer);
    fs::create_dir(run.path().join("checkpoints/notes")).unwrap();
    assert_eq!(names(&run.path().join("checkpoints")).len(), 3);
    assert_eq!(latest(&run), (Some(1), vec![]));
    let _lock = run.lock().unwrap();
    assert_eq!(names(&run.path().join("checkpoints")), ["000000000001", "notes"]);
}

#[test]
fn a_dropped_writer_leaves_nothing() {
    let (_scratch, run) = run();
    let mut writer = run.begin_checkpoint(2).unwrap();
    writer.bytes("replay.bin", &[0; 100]).unwrap();
    drop(writer);
    assert!(names(&run.path().join("checkpoints")).is_empty());
}

#[test]
fn an_unfinished_file_forbids_the_commit() {
    let (_scratch, run) = run();
    let mut writer = run.begin_checkpoint(2).unwrap();
    let mut stream = writer.stream("replay.bin").unwrap();
    stream.write_all(&[0; 100]).unwrap();
    drop(stream);
    let error = writer.commit(2).unwrap_err();
    assert!(error.to_string().contains("replay.bin"), "{error}");
    assert_eq!(latest(&run), (None, vec![]));
}

#[test]
fn names_that_collide_or_escape_are_refused() {
    let (_scratch, run) = run();
    let mut writer = run.begin_checkpoint(2).unwrap();
    writer.bytes("replay.bin", &[1]).unwrap();
    for name in ["replay.bin", "Replay.bin", "manifest.json", "MANIFEST.json", "../x", "a/b", ""] {
        assert!(matches!(writer.bytes(name, &[2]), Err(RunError::Name { .. })), "{name}");
    }
    let twice: &[(&str, &[usize], &[f32])] = &[("w", &[1], &[1.0]), ("w", &[1], &[2.0])];
    assert!(matches!(writer.tensors("m", twice), Err(RunError::Encode { .. })));
    let short: &[(&str, &[usize], &[f32])] = &[("w", &[2, 2], &[1.0])];
    assert!(writer.tensors("m", short).unwrap_err().to_string().contains("tensor w"));
    writer.commit(2).unwrap();
    assert_eq!(run.latest_checkpoint().unwrap().checkpoint.unwrap().bytes("replay.bin").unwrap(), [1]);
}

/// Commits a checkpoint that lists all segments that are wanted.
fn save_with(run: &RunDir, update: u64, segments: &mut Segments) {
    let mut writer = run.begin_checkpoint(update).unwrap();
    writer.json("state.json", &update).unwrap();
    writer.list(segments).unwrap();
    writer.commit(2).unwrap();
    segments.clean().unwrap();
}

fn segments(run: &RunDir) -> Vec<String> {
    names(&run.path().join("checkpoints/segments"))
}

#[test]
fn segments_are_written_once_and_stay_as_long_as_a_checkpoint_lists_them() {
    let (_scratch, run) = run();
    let mut written = run.segments(None).unwrap();
    written.write("a", b"one").unwrap();
    save_with(&run, 1, &mut written);
    written.write("b", b"two").unwrap();
    // Nobody wants it, and nobody lists it.
    written.write("x", b"passing").unwrap();
    written.retain(|name| name != "x").unwrap();
    assert_eq!(segments(&run), ["a", "b"]);
    save_with(&run, 2, &mut written);
    written.retain(|name| name != "a").unwrap();
    assert_eq!(segments(&run), ["a", "b"], "the first checkpoint lists it");
    save_with(&run, 3, &mut written);
    assert_eq!(segments(&run), ["a", "b"], "the second does as well");
    save_with(&run, 4, &mut written);
    assert_eq!(segments(&run), ["b"]);
    let newest = run.latest_checkpoint().unwrap().checkpoint.unwrap();
    assert_eq!(newest.segments().collect::<Vec<_>>(), ["b"]);
    assert_eq!(newest.segment("b").unwrap(), b"two");
    assert!(newest.segment("a").unwrap_err().to_string().contains("lists no such segment"));
}

#[test]
fn a_damaged_segment_is_noticed_by_whoever_reads_it() {
    let (_scratch, run) = run();
    let mut written = run.segments(None).unwrap();
    written.write("a", b"one").unwrap();
    save_with(&run, 1, &mut written);
    written.write("b", b"two").unwrap();
    save_with(&run, 2, &mut written);
    for damage in [&b"twu"[..], b"tw", b""] {
        fs::write(run.path().join("checkpoints/segments/b"), damage).unwrap();
        let (newest, damaged) = latest(&run);
        assert_eq!(newest, Some(1));
        assert!(damaged[0].contains("segments/b"), "{damaged:?}");
    }
    assert!(run.latest_checkpoint_with(&["state.json"]).unwrap().damaged.is_empty());
    fs::remove_file(run.path().join("checkpoints/segments/b")).unwrap();
    assert_eq!(latest(&run).0, Some(1));
}

#[test]
fn a_run_that_goes_on_keeps_what_its_checkpoint_lists_and_nothing_after_it() {
    let (_scratch, run) = run();
    let mut written = run.segments(None).unwrap();
    written.write("a", b"one").unwrap();
    save_with(&run, 1, &mut written);
    written.write("late", b"after it").unwrap();
    drop(written);
    fs::write(run.path().join("checkpoints/segments/.partial-z"), "torn").unwrap();
    let checkpoint = run.latest_checkpoint().unwrap().checkpoint.unwrap();
    let again = run.segments(Some(&checkpoint)).unwrap();
    assert_eq!(again.names().collect::<Vec<_>>(), ["a"]);
    assert_eq!(segments(&run), ["a"]);
}

#[test]
fn another_run_takes_over_the_segments_of_a_checkpoint() {
    let ((_scratch, one), (_other_scratch, other)) = (run(), run());
    let mut written = one.segments(None).unwrap();
    written.write("a", b"one").unwrap();
    save_with(&one, 1, &mut written);
    let checkpoint = one.latest_checkpoint().unwrap().checkpoint.unwrap();
    let mut taken = other.segments(Some(&checkpoint)).unwrap();
    save_with(&other, 1, &mut taken);
    // Each may lose its own.
    written.retain(|_| false).unwrap();
    save_with(&one, 2, &mut written);
    save_with(&one, 3, &mut written);
    assert_eq!((segments(&one), segments(&other)), (vec![], vec!["a".to_owned()]));
    assert_eq!(other.latest_checkpoint().unwrap().checkpoint.unwrap().segment("a").unwrap(), b"one");
}

#[test]
fn a_checkpoint_that_was_put_aside_for_another_comes_back() {
    let (_scratch, run) = run();
    save(&run, 5);
    // Killed between the two renames.
    let aside = run.path().join("checkpoints/.partial-x");
    fs::create_dir(&aside).unwrap();
    fs::rename(run.path().join("checkpoints/000000000005"), aside.join("000000000005")).unwrap();
    assert_eq!(latest(&run), (None, vec![]));
    drop(run.lock().unwrap());
    assert_eq!(latest(&run), (Some(5), vec![]));
    // Killed after both: the new one stays.
    fs::create_dir_all(aside.join("000000000005")).unwrap();
    drop(run.lock().unwrap());
    assert_eq!(latest(&run), (Some(5), vec![]));
    assert_eq!(names(&run.path().join("checkpoints")), ["000000000005"]);
}
