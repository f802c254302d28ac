//! The log of every program, on stderr.

use std::fmt;
use std::io::{self, Write};

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::options::Common;
use crate::output::{BARS, harmless};

/// Starts the log. Progress is of level info. Other crates than this project's log at one level less.
pub fn start(common: &Common) {
    let (others, own) = match (common.quiet, common.verbose) {
        (true, _) => (Level::WARN, Level::WARN),
        (_, 0) => (Level::WARN, Level::INFO),
        (_, 1) => (Level::INFO, Level::DEBUG),
        _ => (Level::DEBUG, Level::TRACE),
    };
    let chosen = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(|| Stderr)
        .event_format(Plain)
        .finish()
        // The names of all crates of this project begin so.
        .with(chosen.unwrap_or_else(|| Targets::new().with_default(others).with_target("ff_", own)))
        .init();
}

/// Lines as the rest of the program prints them: progress is the text alone, and warnings begin with
/// `warning:`.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let label = match *event.metadata().level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            Level::INFO => "",
            Level::DEBUG => "debug: ",
            Level::TRACE => "trace: ",
        };
        let mut fields = FormattedFields::<N>::new(String::new());
        context.format_fields(fields.as_writer(), event)?;
        writeln!(writer, "{label}{}", harmless(&fields.fields))
    }
}

/// Standard error, above the progress bars.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A closed stderr is ignored, so that long work continues without it.
        let _ = BARS.suspend(|| io::stderr().write_all(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
