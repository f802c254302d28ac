//! Processes that run jobs of the same table beside this one, several on each device.
//!
//! They share the runs folder by claims, as any processes do, and write no table. A job that fails in
//! one of them has no record, so this process runs it too and reports the failure. Threads of one
//! process would share libtorch's engine for gradients.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use anyhow::Context;
use ff_train::CancelToken;
use tch::Device;

use crate::device::DeviceChoice;
use crate::output::say;

/// The processes. They stop when it is dropped, or when this process ends in any other way.
pub struct Beside(Vec<(Child, JoinHandle<String>)>);

impl Beside {
    /// Starts `each` processes on each device, whose jobs use `threads` threads, with this process's
    /// own arguments.
    ///
    /// # Errors
    /// A process cannot be started.
    pub fn start(devices: &[Device], each: usize, threads: usize) -> anyhow::Result<Self> {
        let mut started = Self(Vec::new());
        let program = std::env::current_exe().context("the path of this program cannot be found")?;
        for &device in devices.iter().flat_map(|device| std::iter::repeat_n(device, each)) {
            let mut command = Command::new(&program);
            command.args(std::env::args_os().skip(1));
            command.args(["--set", "run.workers=1", "--set", &format!("run.threads={threads}")]);
            command.arg("--beside").arg(DeviceChoice::from(device).to_string());
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
            let mut child = command.spawn().context("a process for run.jobs_per_device cannot be started")?;
            let mut stderr = child.stderr.take().expect("a pipe");
            let said = std::thread::spawn(move || {
                let mut text = Vec::new();
                let _ = stderr.read_to_end(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            });
            started.0.push((child, said));
        }
        Ok(started)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // All are asked to stop before any is waited for.
        self.0.iter_mut().for_each(|(child, _)| drop(child.stdin.take()));
        for (mut child, said) in self.0.drain(..) {
            let text = said.join().unwrap_or_default();
            if child.wait().is_ok_and(|status| !status.success()) {
                say(&format!("warning: a process beside this one failed: {}", text.trim_end()));
            }
        }
    }
}

/// Sets `stop` when the process that started this one closes its end of stdin, as its end does.
pub fn stop_with_parent(stop: CancelToken) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        stop.set();
    });
}
