//! A Slurm cluster of one node on this machine's loopback: the real controller, node daemon and munge, for as long as a
//! test runs. It touches nothing of a Slurm that is installed here: own configuration, key, ports and folders.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::suite::Missing;

/// The programs it consists of; Debian's packages are `slurm-wlm` and `munge`.
const PROGRAMS: [&str; 5] = ["munged", "slurmctld", "slurmd", "sbatch", "squeue"];
/// How long the daemons may take for anything: a node is taken for dead after some tens of seconds.
const PATIENCE: Duration = Duration::from_secs(180);
/// Cores that the node claims to have; jobs of the tests need little more than each other's company.
const CORES: usize = 2;

/// The cluster. Dropping it ends its daemons.
pub struct Slurm {
    folder: tempfile::TempDir,
    daemons: Vec<(&'static str, Child)>,
}

/// Whether the programs are here, and somebody asked for tests that start them: `KELVIN_CLUSTER_TESTS=1`.
pub fn wanted() -> Result<(), Missing> {
    if std::env::var_os("KELVIN_CLUSTER_TESTS").is_none_or(|value| value != "1") {
        return Err(Missing::optional("set KELVIN_CLUSTER_TESTS=1 to run it"));
    }
    match PROGRAMS.iter().find(|program| find(program).is_none()) {
        Some(program) => Err(Missing::optional(format!("no {program}: install slurm-wlm and munge"))),
        None => Ok(()),
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').map(PathBuf::from).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

impl Slurm {
    /// Starts the daemons and waits until the node is idle.
    ///
    /// # Panics
    /// If it does not come up; with what the daemons said.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut slurm = Self { folder, daemons: Vec::new() };
        for name in ["state", "spool"] {
            fs::create_dir(slurm.path(name)).expect("a writable folder");
        }
        let output = |command: &str| {
            let said = Command::new("sh").args(["-c", command]).output().expect("a shell");
            String::from_utf8(said.stdout).expect("plain text").trim().to_owned()
        };
        let (host, user) = (output("hostname -s"), output("id -un"));
        fs::write(slurm.path("slurm.conf"), slurm.configuration(&host, &user)).expect("a writable folder");
        // munge takes a key that nobody else can read.
        let key =
            output(&format!("umask 077; head -c 128 /dev/urandom > {}", slurm.path("munge.key").display()));
        assert!(key.is_empty());
        slurm.start_munge();
        slurm.daemon("slurmctld", &["-D", "-c"]);
        slurm.start_node();
        slurm.wait("an idle node", |slurm| slurm.ask("sinfo", &["-h", "-o", "%T"]) == "idle");
        slurm
    }

    /// Waits until something holds.
    ///
    /// # Panics
    /// If that takes too long.
    #[track_caller]
    pub fn wait(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            let (queue, logs) = (self.ask("squeue", &["-r"]), self.logs());
            assert!(start.elapsed() < PATIENCE, "no {what} after {:?}\n{queue}\n{logs}", start.elapsed());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// A command of Slurm's, which talks to this cluster.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.path("slurm.conf"));
        command
    }

    /// What a command of Slurm's says.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let said = self.command(program).args(arguments).output().expect("the program starts");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    /// Kills the node's daemon, as a crash of it would.
    pub fn kill_node(&mut self) {
        let at = self.daemons.iter().position(|(name, _)| *name == "slurmd").expect("a node");
        let (_, mut node) = self.daemons.swap_remove(at);
        node.kill().expect("a running daemon");
        node.wait().expect("a child of this process");
    }

    /// Starts the node's daemon, again if need be.
    pub fn start_node(&mut self) {
        self.daemon("slurmd", &["-D"]);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start_munge(&mut self) {
        let option = |name: &str, file: &str| format!("--{name}={}", self.path(file).display());
        let mut options = [
            ("key-file", "munge.key"),
            ("socket", "munge"),
            ("pid-file", "munge.pid"),
            ("log-file", "munge.log"),
        ]
        .map(|(name, file)| option(name, file))
        .to_vec();
        options.push(option("seed-file", "munge.seed"));
        options.extend(["--foreground", "--force"].map(str::to_owned));
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        self.daemon("munged", &options);
        self.wait("munge socket", |slurm| slurm.path("munge").exists());
    }

    fn daemon(&mut self, name: &'static str, arguments: &[&str]) {
        let log = File::options().append(true).create(true).open(self.path(&format!("{name}.out")));
        let log = log.expect("a writable folder");
        let program = find(name).expect("an installed program");
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.path("slurm.conf")).args(arguments).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("an open file")).stderr(log);
        self.daemons.push((name, command.spawn().expect("the program starts")));
    }

    /// One node, which needs neither systemd nor control groups. A node that is silent for ten seconds is down, and a
    /// job that goes back into the queue may start again after a few, not after two minutes.
    fn configuration(&self, host: &str, user: &str) -> String {
        let path = |name: &str| self.path(name).display().to_string();
        let port = || {
            TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
        };
        format!(
            "ClusterName=kelvin\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser={user}\nSlurmdUser={user}\n\
             SlurmctldPort={}\nSlurmdPort={}\nAuthType=auth/munge\nAuthInfo=socket={},cred_expire=5\n\
             CredType=cred/munge\nStateSaveLocation={}\nSlurmdSpoolDir={}\nSlurmctldPidFile={}\nSlurmdPidFile={}\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSelectType=select/cons_tres\n\
             SelectTypeParameters=CR_Core\nSlurmdParameters=config_overrides\nMpiDefault=none\nReturnToService=2\n\
             SlurmdTimeout=10\nKillWait=5\nJobRequeue=1\nSchedulerType=sched/builtin\n\
             SchedulerParameters=batch_sched_delay=0,sched_interval=1\n\
             NodeName={host} NodeAddr=127.0.0.1 CPUs={CORES} State=UNKNOWN\n\
             PartitionName=main Nodes=ALL Default=YES State=UP\n",
            port(),
            port(),
            path("munge"),
            path("state"),
            path("spool"),
            path("slurmctld.pid"),
            path("slurmd.pid"),
        )
    }

    /// The ends of what the daemons said.
    fn logs(&self) -> String {
        let tail = |name: &str| {
            let text = fs::read_to_string(self.path(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(15).collect();
            format!("--- {name}\n{}\n", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
        };
        ["munged.out", "slurmctld.out", "slurmd.out"].map(tail).concat()
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        // Jobs first: nobody would end them afterwards.
        drop(self.command("scancel").args(["--full", "--signal=KILL", "--user"]).arg(user()).output());
        for (_, daemon) in &mut self.daemons {
            drop(daemon.kill());
            drop(daemon.wait());
        }
    }
}

fn user() -> String {
    std::env::var("USER").unwrap_or_else(|_| "root".to_owned())
}
