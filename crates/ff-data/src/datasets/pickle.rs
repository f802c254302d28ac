//! Reads the pickles that CIFAR is published in: protocol 2 and below, with dictionaries, lists,
//! numbers, strings and NumPy byte arrays. No function of a pickle is ever called; a pickle that
//! needs another function is refused with its name.

use std::collections::HashMap;
use std::ops::Range;

/// A parsed pickle. Byte strings are ranges of the file, so it takes little more memory than the
/// file itself.
pub struct Pickle<'a> {
    bytes: &'a [u8],
    nodes: Vec<Node>,
    root: usize,
}

/// A value. Children are positions in [`Pickle::nodes`], since a pickle may refer to lists and
/// arrays before it fills them.
#[derive(Clone, Debug)]
enum Node {
    Plain,
    Int(i64),
    Bytes(Range<usize>),
    /// Bytes that Python 3 wrote as text for Python 2 (`_codecs.encode(text, "latin1")`).
    Recoded(Vec<u8>),
    Text(Range<usize>),
    List(Vec<usize>),
    Dict(Vec<(usize, usize)>),
    Global(String),
    Dtype(String),
    Array(Option<Array>),
}

#[derive(Clone, Debug)]
struct Array {
    shape: Vec<i64>,
    dtype: String,
    fortran: bool,
    data: usize,
}

/// A two-dimensional NumPy array of bytes.
pub struct Matrix<'p> {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Whether columns are contiguous, not rows.
    pub fortran: bool,
    /// The elements.
    pub data: &'p [u8],
}

impl<'a> Pickle<'a> {
    /// Parses a whole pickle. The error says what was found.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut machine = Machine {
            bytes,
            at: 0,
            nodes: vec![],
            stack: vec![],
            marks: vec![],
            memo: HashMap::new(),
            copied: 0,
        };
        while machine.step()? {}
        let root = machine.pop()?;
        Ok(Self { bytes, nodes: machine.nodes, root })
    }

    /// Returns the dictionary's value of a key as a list of integers. Keys are byte strings or
    /// text.
    pub fn integers(&self, key: &str) -> Result<Vec<i64>, String> {
        let Node::List(items) = self.value(key)? else { return Err(format!("no list under `{key}`")) };
        let integer = |&item: &usize| match self.nodes[item] {
            Node::Int(value) => Ok(value),
            _ => Err(format!("a list under `{key}` that holds more than integers")),
        };
        items.iter().map(integer).collect()
    }

    /// Returns the dictionary's value of a key as a matrix of bytes whose size matches its shape.
    pub fn matrix(&self, key: &str) -> Result<Matrix<'_>, String> {
        let Node::Array(Some(array)) = self.value(key)? else {
            return Err(format!("no NumPy array under `{key}`"));
        };
        let &[rows, columns] = array.shape.as_slice() else {
            return Err(format!("an array under `{key}` of shape {:?}", array.shape));
        };
        if !matches!(array.dtype.as_str(), "u1" | "|u1") {
            return Err(format!("an array under `{key}` of dtype {}", array.dtype));
        }
        let data = self.contents(array.data).ok_or_else(|| format!("an array without data under `{key}`"))?;
        match (usize::try_from(rows), usize::try_from(columns)) {
            (Ok(r), Ok(c)) if r.checked_mul(c) == Some(data.len()) => {
                Ok(Matrix { shape: [r, c], fortran: array.fortran, data })
            }
            _ => Err(format!("{} bytes for an array of shape {:?} under `{key}`", data.len(), array.shape)),
        }
    }

    fn value(&self, key: &str) -> Result<&Node, String> {
        let Node::Dict(items) = &self.nodes[self.root] else {
            return Err("a pickle without a dictionary".into());
        };
        let value = items.iter().find(|(k, _)| self.contents(*k) == Some(key.as_bytes()));
        value.map(|(_, value)| &self.nodes[*value]).ok_or_else(|| format!("a dictionary without `{key}`"))
    }

    fn contents(&self, node: usize) -> Option<&[u8]> {
        match &self.nodes[node] {
            Node::Bytes(range) | Node::Text(range) => Some(&self.bytes[range.clone()]),
            Node::Recoded(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// The pickle machine: a stack of values, marks on it, and a memo of values for later reference.
///
/// The file's size bounds the memory. An operation takes at least one byte and makes at most one
/// node. Bytes that nodes copy are counted, since any number of nodes can refer to the same text.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<usize>,
    marks: Vec<usize>,
    memo: HashMap<u32, usize>,
    /// Bytes and numbers that nodes have copied.
    copied: usize,
}

impl Machine<'_> {
    /// Runs one operation; false at the end of the pickle.
    fn step(&mut self) -> Result<bool, String> {
        let start = self.at;
        let operation = self.byte()?;
        match operation {
            b'.' => return Ok(false),
            0x80 => match self.byte()? {
                0..=2 => {}
                version => return Err(format!("pickle protocol {version} instead of 2")),
            },
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Node::Plain),
            0x88 | 0x89 | b'K' | b'M' | b'J' | 0x8a | b'I' => {
                let value = self.integer(operation)?;
                self.push(Node::Int(value));
            }
            b'U' => self.string::<1>(Node::Bytes)?,
            b'T' => self.string::<4>(Node::Bytes)?,
            b'X' => self.string::<4>(Node::Text)?,
            b'S' => {
                let Range { start, end } = self.line()?;
                if end - start < 2 || self.bytes[start..end].contains(&b'\\') {
                    return Err("a quoted string with escapes".into());
                }
                self.push(Node::Bytes(start + 1..end - 1));
            }
            b']' | b')' => self.push(Node::List(vec![])),
            b'}' => self.push(Node::Dict(vec![])),
            b'l' | b't' => {
                let items = self.since_mark()?;
                self.push(Node::List(items));
            }
            b'd' => {
                let items = pairs(&self.since_mark()?)?;
                self.push(Node::Dict(items));
            }
            0x85..=0x87 => {
                let items = self.take(usize::from(operation - 0x84))?;
                self.push(Node::List(items));
            }
            b'a' | b'e' => {
                let items = if operation == b'a' { self.take(1)? } else { self.since_mark()? };
                self.append(&items)?;
            }
            b's' | b'u' => {
                let items = if operation == b's' { self.take(2)? } else { self.since_mark()? };
                self.set_items(&items)?;
            }
            b'q' | b'r' | b'p' => {
                let key = self.memo_key(operation)?;
                self.put(key)?;
            }
            b'h' | b'j' | b'g' => {
                let key = self.memo_key(operation)?;
                self.get(key)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                let name = format!("{}.{}", self.ascii(module)?, self.ascii(name)?);
                self.push(Node::Global(name));
            }
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            other => {
                return Err(format!(
                    "pickle operation {other:#04x} at byte {start}, which CIFAR does not use"
                ));
            }
        }
        Ok(true)
    }

    /// Replaces a call in the pickle by its result; three constructors are known.
    fn reduce(&mut self) -> Result<(), String> {
        let pair = self.take(2)?;
        let Node::Global(function) = &self.nodes[pair[0]] else {
            return Err("a call without a function".into());
        };
        let Node::List(arguments) = &self.nodes[pair[1]] else {
            return Err("a call without arguments".into());
        };
        let made = match (function.as_str(), arguments.as_slice()) {
            ("numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct", _) => {
                Node::Array(None)
            }
            ("numpy.dtype", [code, ..]) => match &self.nodes[*code] {
                Node::Bytes(range) | Node::Text(range) => Node::Dtype(self.ascii(range.clone())?.to_owned()),
                Node::Recoded(bytes) => Node::Dtype(String::from_utf8_lossy(bytes).into_owned()),
                _ => return Err("a dtype without a name".into()),
            },
            ("_codecs.encode", [text, ..]) => match &self.nodes[*text] {
                Node::Text(range) => Node::Recoded(latin1(&self.bytes[range.clone()])?),
                _ => return Err("a byte string of unknown coding".into()),
            },
            (other, _) => return Err(format!("a call of {other}, which is not needed for NumPy arrays")),
        };
        self.count(match &made {
            Node::Dtype(name) => name.len(),
            Node::Recoded(bytes) => bytes.len(),
            _ => 0,
        })?;
        self.push(made);
        Ok(())
    }

    /// Counts the bytes that a node has copied; the sum may not exceed the file's size.
    fn count(&mut self, copied: usize) -> Result<(), String> {
        self.copied += copied;
        match self.copied <= self.bytes.len() {
            true => Ok(()),
            false => Err("values that are copied too often".into()),
        }
    }

    /// Fills the array (or dtype) below the top with the state on top.
    fn build(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        let target = *self.stack.last().ok_or("a state without a value")?;
        match &self.nodes[target] {
            Node::Dtype(_) => return Ok(()),
            Node::Array(_) => {}
            _ => return Err("a state of neither array nor dtype".into()),
        }
        let malformed = || "a malformed NumPy array".to_owned();
        let Node::List(parts) = &self.nodes[state] else { return Err(malformed()) };
        let &[_version, shape, dtype, fortran, data] = parts.as_slice() else { return Err(malformed()) };
        let Node::List(shape) = &self.nodes[shape] else { return Err(malformed()) };
        let Node::Dtype(dtype) = &self.nodes[dtype] else { return Err(malformed()) };
        let Node::Int(fortran) = self.nodes[fortran] else { return Err(malformed()) };
        let integer = |&item: &usize| match self.nodes[item] {
            Node::Int(value) => Ok(value),
            _ => Err(malformed()),
        };
        let shape = shape.iter().map(integer).collect::<Result<Vec<_>, _>>()?;
        let copied = shape.len() + dtype.len();
        let array = Array { shape, dtype: dtype.clone(), fortran: fortran != 0, data };
        self.nodes[target] = Node::Array(Some(array));
        self.count(copied)
    }

    fn push(&mut self, node: Node) {
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
    }

    fn pop(&mut self) -> Result<usize, String> {
        Ok(self.take(1)?[0])
    }

    /// Takes the topmost values, lowest first, never from below a mark.
    fn take(&mut self, count: usize) -> Result<Vec<usize>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= floor => Ok(self.stack.split_off(start)),
            _ => Err("an operation on too few values".into()),
        }
    }

    fn since_mark(&mut self) -> Result<Vec<usize>, String> {
        let mark = self.marks.pop().ok_or("items without a mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, items: &[usize]) -> Result<(), String> {
        match self.stack.last().map(|&top| &mut self.nodes[top]) {
            Some(Node::List(list)) => list.extend(items),
            _ => return Err("items without a list".into()),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[usize]) -> Result<(), String> {
        match self.stack.last().map(|&top| &mut self.nodes[top]) {
            Some(Node::Dict(dict)) => dict.extend(pairs(items)?),
            _ => return Err("items without a dictionary".into()),
        }
        Ok(())
    }

    fn put(&mut self, key: u32) -> Result<(), String> {
        let top = *self.stack.last().ok_or("a memo without a value")?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn get(&mut self, key: u32) -> Result<(), String> {
        let node = *self.memo.get(&key).ok_or("a reference to an empty memo")?;
        self.stack.push(node);
        Ok(())
    }

    /// Reads the memo key of an operation: one byte, four bytes, or a line of text.
    fn memo_key(&mut self, operation: u8) -> Result<u32, String> {
        match operation {
            b'q' | b'h' => Ok(self.byte()?.into()),
            b'r' | b'j' => Ok(u32::from_le_bytes(self.array()?)),
            _ => {
                let range = self.line()?;
                self.ascii(range)?.parse().map_err(|_| "a malformed memo key".into())
            }
        }
    }

    /// Reads the integer that an operation pushes.
    fn integer(&mut self, operation: u8) -> Result<i64, String> {
        Ok(match operation {
            0x88 => 1,
            0x89 => 0,
            b'K' => self.unsigned::<1>()? as i64,
            b'M' => self.unsigned::<2>()? as i64,
            b'J' => i32::from_le_bytes(self.array()?).into(),
            0x8a => {
                let length = self.byte()?.into();
                let range = self.skip(length)?;
                long(&self.bytes[range])?
            }
            _ => {
                let range = self.line()?;
                self.ascii(range)?.parse().map_err(|_| "a malformed integer".to_owned())?
            }
        })
    }

    fn string<const N: usize>(&mut self, node: fn(Range<usize>) -> Node) -> Result<(), String> {
        let length = self.unsigned::<N>()?;
        let range = self.skip(length)?;
        self.push(node(range));
        Ok(())
    }

    fn unsigned<const N: usize>(&mut self) -> Result<usize, String> {
        let bytes: [u8; N] = self.array()?;
        Ok(bytes.iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte)))
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let range = self.skip(N)?;
        Ok(self.bytes[range].try_into().expect("as many as were skipped"))
    }

    fn line(&mut self) -> Result<Range<usize>, String> {
        let length = self.bytes[self.at..].iter().position(|&byte| byte == b'\n').ok_or(ENDS_EARLY)?;
        let range = self.at..self.at + length;
        self.at += length + 1;
        Ok(range)
    }

    fn skip(&mut self, count: usize) -> Result<Range<usize>, String> {
        if self.bytes.len() - self.at < count {
            return Err(ENDS_EARLY.into());
        }
        self.at += count;
        Ok(self.at - count..self.at)
    }

    fn ascii(&self, range: Range<usize>) -> Result<&str, String> {
        std::str::from_utf8(&self.bytes[range]).map_err(|_| "a name that is not UTF-8".into())
    }
}

const ENDS_EARLY: &str = "a pickle that ends early";

fn pairs(items: &[usize]) -> Result<Vec<(usize, usize)>, String> {
    let (pairs, []) = items.as_chunks::<2>() else { return Err("a key without a value".into()) };
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

/// Parses a little-endian two's complement integer of up to 64 bits.
fn long(bytes: &[u8]) -> Result<i64, String> {
    let sign = if bytes.last().is_some_and(|&byte| byte >= 0x80) { 0xff } else { 0 };
    let mut padded = [sign; 8];
    padded.get_mut(..bytes.len()).ok_or("an integer of more than 64 bits")?.copy_from_slice(bytes);
    Ok(i64::from_le_bytes(padded))
}

fn latin1(text: &[u8]) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "text that is not UTF-8".to_owned())?;
    let byte = |c: char| u8::try_from(u32::from(c)).map_err(|_| format!("{c:?} among bytes"));
    text.chars().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"labels": [1, 300]}` as Python 2 writes it.
    const SMALL: &[u8] = b"\x80\x02}q\x00U\x06labelsq\x01]q\x02(K\x01M,\x01es.";

    #[test]
    fn reads_lists_of_integers() {
        assert_eq!(Pickle::parse(SMALL).unwrap().integers("labels").unwrap(), [1, 300]);
        // Protocol 0, as text.
        let text = b"(dp0\nS'labels'\np1\n(lp2\nI7\naI-8\nas.";
        assert_eq!(Pickle::parse(text).unwrap().integers("labels").unwrap(), [7, -8]);
    }

    #[test]
    fn every_prefix_is_refused() {
        for length in 0..SMALL.len() {
            assert!(Pickle::parse(&SMALL[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn every_changed_byte_is_read_or_refused_without_panic() {
        for place in 0..SMALL.len() {
            for byte in 0..=255 {
                let mut bytes = SMALL.to_vec();
                bytes[place] = byte;
                if let Ok(pickle) = Pickle::parse(&bytes) {
                    let _ = (pickle.integers("labels"), pickle.matrix("labels").is_ok());
                }
            }
        }
    }

    #[test]
    fn copies_of_one_text_are_bounded_by_the_file() {
        let text = [b"X\x00\x01\x00\x00".as_slice(), &[b'a'; 256], b"q\x01"].concat();
        let encode = b"c_codecs\nencode\nq\x00h\x01\x85R".as_slice();
        Pickle::parse(&[&text, encode, b"."].concat()).unwrap();
        let again = b"h\x00h\x01\x85R".repeat(9);
        let error = Pickle::parse(&[&text, encode, &again, b"."].concat()).err().unwrap();
        assert!(error.contains("copied"), "{error}");
    }

    #[test]
    fn nothing_is_called() {
        let error = Pickle::parse(b"cos\nsystem\n(U\x04exittR.").err().unwrap();
        assert!(error.contains("os.system"), "{error}");
        let error = Pickle::parse(b"\x80\x04.").err().unwrap();
        assert!(error.contains("protocol 4"), "{error}");
        // A length of four gigabytes in a file of six bytes.
        assert_eq!(Pickle::parse(b"T\xff\xff\xff\xff.").err().unwrap(), ENDS_EARLY);
    }
}
