//! Lines of comma-separated values.

use serde::Serialize;

/// A head and the lines, whose fields are plain: numbers, text, units, and `Option`s of them. Numbers are written in
/// full; what does not apply is empty.
pub(crate) fn document(lines: &[impl Serialize]) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.serialize(line).expect("plain fields are written to memory");
    }
    let bytes = writer.into_inner().expect("memory takes all that is written");
    String::from_utf8(bytes).expect("text fields are UTF-8")
}
