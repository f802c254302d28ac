//! Processes that run jobs of the same table beside this one, several on each device.
//!
//! They share the runs folder by claims, as any processes do, and write no table. A job that fails in
//! one of them has no record, so this process runs it too and reports the failure. What fails here
//! is run once more when the others have ended, since they may have held the memory that it lacked.
//! Threads of one process would share libtorch's engine for gradients.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use ff_grid::{Engine, Error, JobContext, OnEvent, Summary};
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

    /// Runs the jobs in this process too, and stops the others when there is nothing left to do.
    ///
    /// # Errors
    /// Those of [`Engine::run`].
    pub fn run(
        self,
        engine: &dyn Engine,
        context: &JobContext<'_>,
        on_event: OnEvent<'_>,
    ) -> Result<Summary, Error> {
        let first = engine.run(context, on_event)?;
        if first.failed.is_empty() || self.0.is_empty() {
            return Ok(first);
        }
        self.wait(&context.stop);
        drop(self);
        let again = engine.run(context, on_event)?;
        Ok(Summary { done: first.done + again.done, found: again.found.saturating_sub(first.done), ..again })
    }

    /// Waits until all have ended by themselves, or `stop` is set. Each leaves what has failed there,
    /// so they end.
    fn wait(&self, stop: &CancelToken) {
        while !stop.is_set() && self.0.iter().any(|(_, said)| !said.is_finished()) {
            std::thread::sleep(Duration::from_millis(50));
        }
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
