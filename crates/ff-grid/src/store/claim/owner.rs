//! A process, known on all machines.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Who holds a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The machine.
    pub host: String,
    /// This start of it, and the space that its process numbers belong to (containers have their
    /// own).
    boot: String,
    /// The process.
    pub pid: u32,
    /// When the process began, in ticks since the machine's start: numbers are used again.
    began: Option<u64>,
    /// Claims that the process had made before.
    serial: u64,
    /// Where it computes.
    pub device: String,
}

impl Owner {
    /// This process, with a serial number of its own each time.
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
        }
    }

    /// Whether it was a process of this machine that has ended. Of other machines' nothing is
    /// known.
    pub fn has_ended(&self) -> bool {
        let here =
            !self.boot.is_empty() && self.boot == boot() && self.host == line("/proc/sys/kernel/hostname");
        here && match stat(self.pid) {
            // What is dead and not yet buried works no more.
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

/// Empty where it cannot be known.
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

/// State and start of a process, from `/proc/PID/stat`; the name in it may hold anything but ends
/// at the last `)`.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}
