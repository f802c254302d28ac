//! A cluster on this machine: Slurm's daemons and two nodes of one core.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A cluster that runs until it is dropped.
pub struct Cluster {
    folder: tempfile::TempDir,
    daemons: Vec<(&'static str, u32)>,
}

/// A line of the queue.
#[derive(Clone, Debug)]
pub struct Row {
    pub task: String,
    pub name: String,
    pub state: String,
    pub node: String,
}

const NODES: [&str; 2] = ["n1", "n2"];

impl Cluster {
    /// Starts a cluster. Where Slurm is not installed, prints that the test is skipped and returns
    /// `None`.
    pub fn start() -> Option<Self> {
        // Long enough not to take a slow node for a dead one.
        Self::start_with(300)
    }

    /// Starts a cluster in which a node that is silent for `timeout` seconds counts as dead.
    pub fn start_with(timeout: u32) -> Option<Self> {
        let programs = ["munged", "slurmctld", "slurmd", "sbatch"];
        if let Some(missing) = programs.iter().find(|program| find(program).is_none()) {
            eprintln!(
                "skipped: `{missing}` is not installed (Debian: slurmctld, slurmd, slurm-client, munge)"
            );
            return None;
        }
        let mut cluster = Self { folder: tempfile::tempdir().unwrap(), daemons: Vec::new() };
        let folder = cluster.folder.path().to_owned();
        std::fs::write(folder.join("munge.key"), [7; 1024]).unwrap();
        command("chmod").args(["600", "munge.key"]).current_dir(&folder).status().unwrap();
        std::fs::create_dir(folder.join("state")).unwrap();
        std::fs::write(folder.join("slurm.conf"), configuration(&folder, timeout)).unwrap();
        // A fake GPU, so that tasks can request one.
        std::fs::write(folder.join("gres.conf"), "NodeName=n[1-2] Name=gpu File=/dev/null\n").unwrap();
        let below = |name: &str| folder.join(name).display().to_string();
        let munged = ["key-file", "socket", "pid-file", "log-file", "seed-file"];
        let files = ["munge.key", "munge.sock", "munged.pid", "munged.log", "munged.seed"];
        let options = munged.iter().zip(files).map(|(option, file)| format!("--{option}={}", below(file)));
        cluster.daemon(
            "munged",
            &options.chain(["--foreground", "--force"].map(str::to_owned)).collect::<Vec<_>>(),
        );
        wait("munged", || folder.join("munge.sock").exists());
        cluster.daemon("slurmctld", &["-D".to_owned()]);
        for node in NODES {
            cluster.begin_node(node);
        }
        wait("two idle nodes", || {
            cluster.ask("sinfo", &["-h", "-N", "-o", "%T"]).matches("idle").count() == NODES.len()
        });
        Some(cluster)
    }

    /// Sets the environment of Slurm's commands, and of programs that call them.
    pub fn of(&self, command: &mut Command) {
        command.env("SLURM_CONF", self.folder.path().join("slurm.conf"));
    }

    /// Runs one of Slurm's commands and returns its stdout.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = command(program);
        self.of(&mut command);
        let output = command.args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Holds the queue, or releases it.
    pub fn hold(&self, hold: bool) {
        let state = if hold { "State=DOWN" } else { "State=UP" };
        self.ask("scontrol", &["update", "PartitionName=all", state]);
    }

    /// Returns the tasks that wait or run.
    pub fn queue(&self) -> Vec<Row> {
        let text = self.ask("squeue", &["-h", "-r", "-o", "%i|%j|%T|%N"]);
        let rows = text.lines().map(|line| line.split('|').map(str::to_owned).collect::<Vec<_>>());
        rows.map(|row| {
            let [task, name, state, node] = row.try_into().unwrap();
            Row { task, name, state, node }
        })
        .collect()
    }

    /// Waits until a task of a kind runs, and returns it.
    pub fn running(&self, kind: &str) -> Row {
        let mut found = None;
        wait(kind, || {
            found = self.queue().into_iter().find(|row| row.name.ends_with(kind) && row.state == "RUNNING");
            found.is_some()
        });
        found.unwrap()
    }

    /// Kills a node: its daemon and every process that it has started.
    pub fn kill_node(&mut self, node: &str) {
        let (name, pid) = self.daemons.iter().find(|(name, _)| *name == node).copied().unwrap();
        let mut victims = vec![pid];
        // Processes on the node have its name in their environment; their parent is the step's
        // daemon.
        let mine = format!("SLURMD_NODENAME={node}\0");
        let conf = format!("SLURM_CONF={}", self.folder.path().display());
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let environment = String::from_utf8_lossy(&environment).into_owned();
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            if environment.contains(&mine) && environment.contains(&conf) {
                let status = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
                let parent =
                    status.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse::<u32>().ok());
                let named =
                    |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                victims.extend(parent.filter(|&parent| named(parent).starts_with("slurmstepd")));
                victims.push(pid);
            }
        }
        for victim in &victims {
            let _ = command("kill").args(["-KILL", &victim.to_string()]).stderr(Stdio::null()).status();
        }
        self.daemons.retain(|(other, _)| *other != name);
    }

    /// Starts a node's daemon.
    pub fn begin_node(&mut self, node: &'static str) {
        let pid = self.spawn("slurmd", &["-D".to_owned(), "-N".to_owned(), node.to_owned()]);
        self.daemons.push((node, pid));
    }

    fn daemon(&mut self, name: &'static str, arguments: &[String]) {
        let pid = self.spawn(name, arguments);
        self.daemons.push((name, pid));
    }

    fn spawn(&self, name: &str, arguments: &[String]) -> u32 {
        let log =
            std::fs::File::create(self.folder.path().join(format!("{name}-{}.out", self.daemons.len())))
                .unwrap();
        let mut command = Command::new(find(name).unwrap());
        self.of(&mut command);
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = command.spawn().unwrap();
        let pid = child.id();
        // Reaps the process when it ends.
        std::thread::spawn(move || child.wait());
        pid
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.ask("scancel", &["--me"]);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.queue().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(200));
        }
        for (_, pid) in self.daemons.iter().rev() {
            let _ = command("kill").arg(pid.to_string()).stderr(Stdio::null()).status();
        }
        std::thread::sleep(Duration::from_millis(500));
        for (_, pid) in &self.daemons {
            let _ = command("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

/// Waits for a condition, and fails after 15 minutes.
#[track_caller]
pub fn wait(what: &str, mut come: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(900);
    while !come() {
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn configuration(folder: &Path, timeout: u32) -> String {
    let folder = folder.display();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = host.trim().split('.').next().unwrap();
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap();
    // Kept open until all ports are known, so that they differ.
    let sockets: Vec<_> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
    let nodes: String = NODES
        .iter()
        .zip(&ports[2..])
        .map(|(node, port)| {
            format!(
                "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=1000 Gres=gpu:1\n"
            )
        })
        .collect();
    format!(
        "ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=30
CredType=cred/munge
SlurmctldPort={}
SlurmdPort={}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=2
ReturnToService=2
KillWait=120
SlurmdTimeout={timeout}
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
{nodes}PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
",
        ports[0], ports[1]
    )
}

fn command(program: &str) -> Command {
    Command::new(find(program).unwrap_or_else(|| program.into()))
}

/// Finds a program on the PATH or in the folders of daemons, which are not on every user's PATH.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
