//! Comma-separated values.

use serde::Serialize;

/// Writes a header and lines, whose fields are numbers, text, unit variants, and `Option`s of them.
///
/// Numbers are written with all digits; `None` is an empty field. Names of classes and datasets are
/// not trusted: text that a spreadsheet would run as a formula (`=`, `+`, `-` or `@` first) gets an
/// apostrophe before it, and control characters become spaces.
pub fn csv(lines: &[impl Serialize]) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.serialize(line).expect("plain fields are written to memory");
    }
    let bytes = writer.into_inner().expect("memory takes all that is written");
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
    let mut harmless = ::csv::Writer::from_writer(Vec::new());
    for record in reader.records() {
        let record = record.expect("what was written reads back");
        harmless.write_record(record.iter().map(field)).expect("fields are written to memory");
    }
    let bytes = harmless.into_inner().expect("memory takes all that is written");
    String::from_utf8(bytes).expect("text fields are UTF-8")
}

fn field(text: &str) -> String {
    let plain = text.replace(char::is_control, " ");
    match plain.trim_start().starts_with(['=', '+', '-', '@']) && plain.parse::<f64>().is_err() {
        true => format!("'{plain}"),
        false => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text() {
        #[derive(Serialize)]
        struct Line<'a> {
            name: &'a str,
            value: Option<f64>,
        }
        let lines = ["=cmd()", "@SUM(A1)", "-1 of 2", "-1", " +x", "a\nb\u{1b}", "a, \"b\""]
            .map(|name| Line { name, value: Some(-0.5) });
        let expected = "name,value\n'=cmd(),-0.5\n'@SUM(A1),-0.5\n'-1 of 2,-0.5\n-1,-0.5\n' +x,-0.5\na b ,-0.5\n\"a, \"\"b\"\"\",-0.5\n";
        assert_eq!(csv(&lines), expected);
        assert_eq!(csv(&[] as &[Line<'_>]), "");
    }
}
