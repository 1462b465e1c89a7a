//! HyperQueue on this machine's loopback, through its Python package, which has the server and the workers but not the
//! program `hq`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::suite::Missing;

/// The Python that has the package `hyperqueue`: `KELVIN_PYTHON`, or python3. Asked for like the tests of Slurm.
pub fn wanted() -> Result<PathBuf, Missing> {
    if std::env::var_os("KELVIN_CLUSTER_TESTS").is_none_or(|value| value != "1") {
        return Err(Missing::optional("set KELVIN_CLUSTER_TESTS=1 to run it"));
    }
    let python = PathBuf::from(std::env::var_os("KELVIN_PYTHON").unwrap_or_else(|| "python3".into()));
    let imports = Command::new(&python).args(["-c", "import hyperqueue"]).output();
    match imports.is_ok_and(|output| output.status.success()) {
        true => Ok(python),
        false => Err(Missing::optional("no Python with the package hyperqueue: name one with KELVIN_PYTHON")),
    }
}

/// What stands for `hq submit SCRIPT`: reads the script's directives as `hq` documents them, starts a server and a worker,
/// submits the tasks, and waits for them.
const HQ: &str = r##"
import argparse, shlex, sys
from hyperqueue import Job
from hyperqueue.cluster import LocalCluster, WorkerConfig
from hyperqueue.ffi.protocol import ResourceRequest

command, script = sys.argv[1:]
assert command == "submit", command
words = []
for line in open(script):
    if line.startswith("#HQ "):
        words += shlex.split(line[4:])
    elif line.strip() and not line.startswith("#"):
        break
options = argparse.ArgumentParser()
for name in ["name", "array", "stdout", "stderr", "time-limit", "cpus", "resource"]:
    options.add_argument("--" + name)
options = options.parse_args(words)
first, last = map(int, options.array.split("-"))
assert first == 0, "the package numbers tasks from 0"
with LocalCluster() as cluster:
    cluster.start_worker(WorkerConfig(cores=2))
    client = cluster.client()
    job = Job(max_fails=None)
    for task in range(last + 1):
        place = lambda path: path.replace("%{TASK_ID}", str(task))
        job.program([script], stdout=place(options.stdout), stderr=place(options.stderr),
                    resources=ResourceRequest(cpus=int(options.cpus)))
    client.wait_for_jobs([client.submit(job)])
"##;

/// Puts it into `folder` as a program `hq`.
pub fn stand_in(folder: &Path, python: &Path) {
    let (code, program) = (folder.join("hq.py"), folder.join("hq"));
    let text = format!("#!/bin/sh\nexec {} {} \"$@\"\n", python.display(), code.display());
    fs::write(&code, HQ).and_then(|()| fs::write(&program, text)).expect("a writable folder");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a file of ours");
}
