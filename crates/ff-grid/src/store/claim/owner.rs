//! The owner of a claim: a process, identified across machines.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The process that owns a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The machine.
    pub host: String,
    /// The machine's boot and the namespace of process numbers, of which containers have their own.
    boot: String,
    /// The process number.
    pub pid: u32,
    /// The start of the process, in ticks since the machine's boot: process numbers are reused.
    began: Option<u64>,
    /// Number of claims that the process made before.
    serial: u64,
    /// The device that it computes on.
    pub device: String,
    /// When it made the claim, in seconds since 1970 by its machine's clock. Times of different
    /// machines are shown and never compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}

impl Owner {
    /// Describes this process, with a new serial number.
    pub(super) fn this(device: &str) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let pid = std::process::id();
        Self {
            host: line("/proc/sys/kernel/hostname"),
            boot: boot(),
            pid,
            began: stat(pid).map(|(_, began)| began),
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            device: device.to_owned(),
            since: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs()),
        }
    }

    /// Returns true if it was a process of this machine that has ended. Always false for other
    /// machines.
    pub fn has_ended(&self) -> bool {
        let here =
            !self.boot.is_empty() && self.boot == boot() && self.host == line("/proc/sys/kernel/hostname");
        here && match stat(self.pid) {
            // Zombies have ended.
            Some((state, began)) => matches!(state, 'Z' | 'X') || Some(began) != self.began,
            None => true,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "process {} on {}",
            self.pid,
            if self.host.is_empty() { "this machine" } else { &self.host }
        )
    }
}

/// Returns the boot and the namespace of process numbers; empty where they are unknown.
fn boot() -> String {
    let id = line("/proc/sys/kernel/random/boot_id");
    match std::fs::read_link("/proc/self/ns/pid") {
        Ok(space) if !id.is_empty() => format!("{id} {}", space.display()),
        _ => String::new(),
    }
}

fn line(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// Returns state and start of a process from `/proc/PID/stat`. The name in it may contain any
/// character, and ends at the last `)`.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}
