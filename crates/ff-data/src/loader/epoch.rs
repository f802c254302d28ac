//! The batches of one epoch, prepared ahead on threads.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::error::{Error, panic_text};
use crate::loader::batch::{Batch, Draw, Plan};
use crate::loader::config::{OnBadImage, batches};

/// Iterator over the batches of one epoch; see [`Loader::epoch`](super::Loader::epoch).
///
/// Thread `t` of `n` makes every `n`th batch, starting with the `t`th, and sends it on its own
/// channel. Receiving from the channels in turn gives the batches in order.
pub struct Epoch {
    work: Arc<Work>,
    first: usize,
    next: usize,
    patience: Duration,
    threads: Vec<Thread>,
    /// With [`OnBadImage::Skip`], the last good batch, which is held until the next one: if no good
    /// batch follows, it takes the names of the images skipped after it.
    kept: Option<Batch>,
    /// Names of skipped images, which the next good batch takes.
    skipped: Vec<String>,
    any: bool,
    finished: bool,
}

/// The state that the epoch's threads share.
struct Work {
    plan: Arc<Plan>,
    order: Arc<[Draw]>,
    epoch: u64,
    stop: AtomicBool,
}

struct Thread {
    results: Receiver<Result<Batch, Error>>,
    handle: JoinHandle<()>,
}

impl Epoch {
    pub(super) fn start(
        plan: Arc<Plan>,
        order: Arc<[Draw]>,
        epoch: u64,
        first: usize,
        patience: Duration,
    ) -> Self {
        let work = Arc::new(Work { plan, order, epoch, stop: AtomicBool::new(false) });
        let config = &work.plan.config;
        let count = config.threads.min(work.batches().saturating_sub(first));
        let ahead = config.prefetch.div_ceil(count.max(1)).max(1);
        // If not all threads can be started, the calling thread loads the images.
        let mut threads: Vec<_> =
            (0..count).map_while(|thread| work.spawn(first + thread, count, ahead)).collect();
        if threads.len() < count {
            tracing::warn!(
                asked = count,
                "loader threads cannot be started; images are loaded on the calling thread"
            );
            stop(&work, &mut threads);
        }
        // An epoch that resumes after its first batch has had a good image.
        let any = first > 0;
        Self {
            work,
            first,
            next: first,
            patience,
            threads,
            kept: None,
            skipped: vec![],
            any,
            finished: false,
        }
    }

    /// Receives the next batch; it may be empty.
    fn receive(&mut self) -> Option<Result<Batch, Error>> {
        let number = self.next;
        if number >= self.work.batches() {
            return None;
        }
        self.next += 1;
        if self.threads.is_empty() {
            return self.work.batch(number);
        }
        let thread = &self.threads[(number - self.first) % self.threads.len()];
        Some(thread.results.recv_timeout(self.patience).unwrap_or_else(|error| {
            let why = match error {
                RecvTimeoutError::Disconnected => "a thread ended early".to_owned(),
                RecvTimeoutError::Timeout => {
                    // Joining a thread that hangs would block this one, too.
                    self.threads.clear();
                    self.work.hang(number, self.patience)
                }
            };
            Err(Error::Loader(why))
        }))
    }

    /// Returns the next batch that has more than one image, if another has any, or the error that
    /// ends the epoch.
    fn advance(&mut self) -> Option<Result<Batch, Error>> {
        while let Some(received) = self.receive() {
            let mut batch = match received {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            };
            self.skipped.append(&mut batch.skipped);
            if batch.indices.is_empty() {
                continue;
            }
            self.any = true;
            batch.skipped = std::mem::take(&mut self.skipped);
            // Without skipping, a bad image ends the epoch, so no name can follow this batch.
            if self.work.plan.config.on_bad_image == OnBadImage::Error {
                return Some(Ok(batch));
            }
            // A single image joins its neighbour, as one that is left over does without skipping.
            if self.work.plan.config.batch_size > 1
                && let Some(kept) = &mut self.kept
                && [&*kept, &batch].iter().any(|part| part.indices.len() == 1)
            {
                kept.append(batch);
            } else if let Some(earlier) = self.kept.replace(batch) {
                return Some(Ok(earlier));
            }
        }
        if !self.any && !self.skipped.is_empty() {
            let first = &self.skipped[0];
            let text = format!("none of {} images can be read; first error: {first}", self.skipped.len());
            return Some(Err(Error::Loader(text)));
        }
        let mut last = self.kept.take()?;
        last.skipped.append(&mut self.skipped);
        Some(Ok(last))
    }
}

impl Work {
    fn batches(&self) -> usize {
        batches(self.order.len(), self.plan.config.batch_size)
    }

    fn range(&self, number: usize) -> Range<usize> {
        let size = self.plan.config.batch_size;
        let last = number + 1 == self.batches();
        number * size..if last { self.order.len() } else { (number + 1) * size }
    }

    /// Makes a batch; `None` if the epoch was stopped.
    fn batch(&self, number: usize) -> Option<Result<Batch, Error>> {
        let make = || self.plan.batch(number, &self.order[self.range(number)], self.epoch, &self.stop);
        // A decoder that panics on a malformed file must neither end nor block the process.
        catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| {
            Some(Err(Error::Loader(format!("a thread panicked: {}", panic_text(&*panic)))))
        })
    }

    /// Stops the epoch and describes the batch that did not arrive.
    fn hang(&self, number: usize, patience: Duration) -> String {
        self.stop.store(true, Ordering::Relaxed);
        let samples = self.plan.dataset.samples();
        let batch = &self.order[self.range(number)];
        let ids: Vec<_> = batch.iter().take(3).map(|draw| samples[draw.index].id.as_str()).collect();
        let more = if batch.len() > ids.len() { ", …" } else { "" };
        let (seconds, images) = (patience.as_secs_f64(), batch.len());
        format!(
            "a thread hangs: expected a batch of {images} images ({}{more}) within {seconds} s, found none\n\
             hint: check the disk or the network share that holds the images",
            ids.join(", ")
        )
    }

    fn spawn(self: &Arc<Self>, first: usize, step: usize, ahead: usize) -> Option<Thread> {
        let (sender, results) = bounded(ahead);
        let work = self.clone();
        let builder = std::thread::Builder::new().name(format!("loader-{first}"));
        let handle = builder.spawn(move || work.run(first, step, &sender)).ok()?;
        Some(Thread { results, handle })
    }

    fn run(&self, first: usize, step: usize, results: &Sender<Result<Batch, Error>>) {
        for number in (first..self.batches()).step_by(step) {
            let Some(made) = self.batch(number) else { return };
            let failed = made.is_err();
            // The receiver is gone, or the epoch ends with this error.
            if results.send(made).is_err() || failed {
                return;
            }
        }
    }
}

/// Stops the threads and joins them.
fn stop(work: &Work, threads: &mut Vec<Thread>) {
    work.stop.store(true, Ordering::Relaxed);
    for Thread { results, handle } in threads.drain(..) {
        // Dropping the receiver wakes a thread that waits to send.
        drop(results);
        // Panics were caught and sent as errors.
        let _ = handle.join();
    }
    work.stop.store(false, Ordering::Relaxed);
}

impl Iterator for Epoch {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let item = self.advance();
        if matches!(item, Some(Err(_)) | None) {
            self.finished = true;
        }
        item
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        stop(&self.work, &mut self.threads);
    }
}
