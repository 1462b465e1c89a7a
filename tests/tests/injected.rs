//! Faults injected into real runs, a few of each kind. `./kelvin inject` does as many as one likes.

use kelvin_tests::inject::{damage::Subject, kills};
use kelvin_tests::suite::{Suite, rom};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut suite = Suite::new();
    suite.test("killed while it is edited", || drop(kills::edited_and_killed(1, false)));
    suite.test_with(&rom("breakout"), "breakout: killed while it is edited", |()| {
        drop(kills::edited_and_killed(2, true));
    });
    suite.test("files that are damaged", || {
        let subject = Subject::new();
        (0..24).for_each(|seed| drop(subject.damage(seed)));
    });
    #[cfg(target_os = "linux")]
    limits(&mut suite);
    suite.run()
}

#[cfg(target_os = "linux")]
fn limits(suite: &mut Suite) {
    use kelvin_tests::inject::limits::{Undisturbed, can_mount};
    use kelvin_tests::suite::Missing;
    let mounts = if can_mount() { Ok(()) } else { Err(Missing::optional("no right to mount")) };
    suite.test_with(&mounts, "a full disk, and one to read only", |()| {
        let alone = Undisturbed::new();
        [200, 700].into_iter().for_each(|free| drop(alone.full_disk(free)));
        drop(alone.read_only());
    });
    suite.test("few files, little memory, a clock set back, two processes", || {
        let alone = Undisturbed::new();
        [8, 12, 16, 24].into_iter().for_each(|most| drop(alone.few_files(most)));
        [100, 300, 600].into_iter().for_each(|mb| drop(alone.little_memory(mb)));
        drop(alone.clock_set_back());
        drop(alone.two_processes());
    });
}
