//! Numbers and lists in words.

/// Formats a number of bytes in the unit that suits it.
pub fn spoken_bytes(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 1e6 => format!("{:.0} kB", (b / 1e3).ceil()),
        b if b < 1e9 => format!("{:.0} MB", b / 1e6),
        b if b < 1e11 => format!("{:.1} GB", b / 1e9),
        b => format!("{:.0} GB", b / 1e9),
    }
}

/// Formats a number with a comma before each three digits.
pub fn digits(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// Formats a number with its noun: `1 job`, `2 jobs`.
pub fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Indents the further lines of an entry of a list.
pub fn indented(text: &str) -> String {
    text.replace('\n', "\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 999, 1000, 1_918_800_000].map(digits), ["0", "999", "1,000", "1,918,800,000"]);
        let spoken = [0, 1, 999_001, 41_000_000, 11_000_000_000, 370_000_000_000].map(spoken_bytes);
        assert_eq!(spoken, ["0 kB", "1 kB", "1000 kB", "41 MB", "11.0 GB", "370 GB"]);
    }
}
