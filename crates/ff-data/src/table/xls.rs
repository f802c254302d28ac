//! Checks an `.xls` file before calamine reads it. On a damaged file calamine can follow a cycle of
//! sectors until memory is exhausted, or allocate what a few bytes claim; neither is a panic that
//! could be caught.

/// Maximum bytes of a file; a table of Messidor has a hundred rows.
const MAX_BYTES: usize = 1 << 20;
/// Maximum cells within the bounds of all sheets, with blank ones.
const MAX_CELLS: u64 = 1 << 20;
/// Maximum cells that a sheet may declare without having them: those of the largest sheet.
const MAX_DECLARED: u64 = 65_536 * 256;

/// Mark of the end of a chain of sectors.
const END: u32 = 0xffff_fffe;

// Kinds of records (MS-XLS, 2.3).
const BOF: u16 = 0x0809;
const EOF: u16 = 0x000a;
const BOUND_SHEET: u16 = 0x0085;
const DIMENSIONS: u16 = 0x0200;
const MUL_RK: u16 = 0x00bd;
/// Formula, LabelSst, RString, Number, Label, BoolErr and RK, which begin with row and column.
const CELLS: [u16; 7] = [0x0006, 0x00fd, 0x00d6, 0x0203, 0x0204, 0x0205, 0x027e];

/// Checks that a file can be read in bounded time and memory. The error says what was found.
pub fn check(file: &[u8]) -> Result<(), String> {
    if file.len() > MAX_BYTES {
        return Err(format!("a file of {} bytes, more than {MAX_BYTES}", file.len()));
    }
    let book = workbook(file).ok_or("a damaged file, or a file without a workbook")?;
    check_sheets(&book).ok_or_else(|| "a damaged file, or sheets of too many cells".to_owned())
}

/// Returns the stream of records, collected from its sectors (MS-CFB).
fn workbook(file: &[u8]) -> Option<Vec<u8>> {
    let size = match word(file, 30)? {
        9 => 512,
        12 => 4096,
        _ => return None,
    };
    let length = |length: u64| usize::try_from(length).ok().filter(|&length| length <= file.len());
    // Only files of more than 7 MB need a chain of further tables.
    if long(file, 68)? < 0xffff_fffa {
        return None;
    }
    let bytes = file.get(size..)?;
    let mut next = Vec::new();
    for id in longs(file.get(76..512)?).filter(|&id| id < 0xffff_fffc) {
        let start = (id as usize).checked_mul(size)?;
        next.extend(longs(bytes.get(start..start.checked_add(size)?)?));
    }
    let sectors = Sectors { bytes, size, next };
    let folder = sectors.chain(long(file, 48)?, usize::MAX)?;
    let entries = folder.as_chunks::<128>().0;
    let entry_length = |entry: &[u8; 128]| match size {
        512 => length(long(entry, 120)?.into()),
        _ => length(u64::from_le_bytes(*entry.last_chunk()?)),
    };
    // Short streams are in a stream of small sectors.
    let root = entries.first()?;
    let (mut small, mut small_next) = (Vec::new(), Vec::new());
    let count = long(file, 64)? as usize;
    if count > 0 {
        small = sectors.chain(long(root, 116)?, entry_length(root)?)?;
        small_next = sectors.chain(long(file, 60)?, length(count.checked_mul(size)? as u64)?)?;
    }
    let named = |name: &str| entries.iter().find(|entry| entry_name(entry).eq_ignore_ascii_case(name));
    let entry = named("Workbook").or_else(|| named("Book"))?;
    let (start, length) = (long(entry, 116)?, entry_length(entry)?);
    if length < 4096 {
        let next = longs(&small_next).collect();
        return Sectors { bytes: &small, size: 64, next }.chain(start, length);
    }
    sectors.chain(start, length)
}

fn entry_name(entry: &[u8; 128]) -> String {
    let units = entry[..64].as_chunks().0.iter().map(|&unit| u16::from_le_bytes(unit));
    char::decode_utf16(units.take_while(|&unit| unit != 0)).map(|unit| unit.unwrap_or('?')).collect()
}

/// Sectors, and the next sector of each.
struct Sectors<'a> {
    bytes: &'a [u8],
    size: usize,
    next: Vec<u32>,
}

impl Sectors<'_> {
    /// Returns the bytes of a chain, at most `length`; `None` if it is broken or a cycle.
    fn chain(&self, mut id: u32, length: usize) -> Option<Vec<u8>> {
        let mut chain = Vec::new();
        for _ in 0..=self.next.len() {
            if id == END {
                return Some(chain);
            }
            let rest = self.bytes.get((id as usize).checked_mul(self.size)?..)?;
            chain.extend(&rest[..rest.len().min(self.size).min(length - chain.len())]);
            if chain.len() == length {
                return Some(chain);
            }
            id = *self.next.get(id as usize)?;
        }
        None
    }
}

/// Returns `None` if sheets overlap, are outside the book, or have too many cells.
fn check_sheets(book: &[u8]) -> Option<()> {
    let globals = records(book).take_while(|(kind, _)| *kind != EOF);
    let mut starts = Vec::new();
    for (_, data) in globals.filter(|(kind, _)| *kind == BOUND_SHEET) {
        starts.push(long(data, 0)? as usize);
    }
    let (mut walked, mut cells) = (0, 0);
    for start in starts {
        let (mut depth, mut rows, mut columns) = (0, 0, 0);
        for (kind, data) in records(book.get(start..)?) {
            walked += 4 + data.len();
            if walked > book.len() {
                return None;
            }
            match kind {
                BOF => depth += 1,
                EOF if depth <= 1 => break,
                EOF => depth -= 1,
                DIMENSIONS if declared(data)? > MAX_DECLARED => return None,
                MUL_RK => {
                    rows = rows.max(u64::from(word(data, 0)?) + 1);
                    columns = columns.max(u64::from(word(data, data.len().checked_sub(2)?)?) + 1);
                }
                kind if CELLS.contains(&kind) => {
                    rows = rows.max(u64::from(word(data, 0)?) + 1);
                    columns = columns.max(u64::from(word(data, 2)?) + 1);
                }
                _ => {}
            }
        }
        cells += rows * columns;
        if cells > MAX_CELLS {
            return None;
        }
    }
    Some(())
}

/// Returns the number of cells that a sheet declares; `None` if its bounds are reversed.
fn declared(data: &[u8]) -> Option<u64> {
    let (first_row, last_row, columns) = match data.len() {
        10 => (word(data, 0)?.into(), word(data, 2)?.into(), word(data, 6)?),
        _ => (long(data, 0)?, long(data, 4)?, word(data, 10)?),
    };
    // Rows of an empty sheet are 0 to 0.
    let rows = if last_row == 0 { 1 } else { last_row.checked_sub(first_row)? };
    Some(u64::from(rows) * u64::from(columns))
}

/// Returns kind and data of each complete record.
fn records(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (kind, length) = (word(bytes, 0)?, usize::from(word(bytes, 2)?));
        let (data, rest) = bytes[4..].split_at_checked(length)?;
        bytes = rest;
        Some((kind, data))
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn longs(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks().0.iter().map(|&long| u32::from_le_bytes(long))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden() -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/datasets/");
        std::fs::read(format!("{folder}Annotation_Base11.xls")).unwrap()
    }

    #[test]
    fn a_valid_file_passes() {
        check(&golden()).unwrap();
    }

    #[test]
    fn a_cycle_of_sectors_is_refused() {
        let mut file = golden();
        // The first entry of the folder's chain points to itself.
        let (table, folder) = (long(&file, 76).unwrap() as usize, long(&file, 48).unwrap());
        let at = 512 + table * 512 + folder as usize * 4;
        file[at..at + 4].copy_from_slice(&folder.to_le_bytes());
        check(&file).unwrap_err();
    }

    #[test]
    fn too_many_declared_cells_are_refused() {
        let book = workbook(&golden()).unwrap();
        check_sheets(&book).unwrap();
        let sheet = long(records(&book).find(|(kind, _)| *kind == BOUND_SHEET).unwrap().1, 0).unwrap();
        let with = |kind: u16, data: &[u8]| {
            let mut book = book.clone();
            book.truncate(sheet as usize);
            book.extend([kind, data.len() as u16].map(u16::to_le_bytes).as_flattened());
            book.extend(data);
            check_sheets(&book)
        };
        let dimensions = |rows: u32, columns: u16| {
            [&[0; 4], &rows.to_le_bytes()[..], &[0; 2], &columns.to_le_bytes(), &[0; 2]].concat()
        };
        assert_eq!(with(DIMENSIONS, &dimensions(65_536, 256)), Some(()));
        assert_eq!(with(DIMENSIONS, &dimensions(u32::MAX, 256)), None);
        assert_eq!(with(0x0203, &[9; 14]), None, "a cell in row 2313 and column 2313");
        assert_eq!(with(MUL_RK, &[255; 12]), None);
        assert_eq!(with(0x0203, &[9, 0, 9, 0, 0]), Some(()));
    }

    #[test]
    fn every_prefix_and_changed_byte_is_read_or_refused() {
        let whole = golden();
        for length in 0..whole.len() {
            let _ = check(&whole[..length]);
        }
        for place in 0..whole.len() {
            for byte in [0, 1, 0x80, 0xff] {
                let mut file = whole.clone();
                file[place] = byte;
                let _ = check(&file);
            }
        }
    }
}
