//! The pickle machine: a stack of values, marks on it, and a memo of values for later reference.

use std::collections::HashMap;
use std::ops::Range;

use crate::error::Error;

/// Maximum values of a pickle, some 60 bytes each.
pub const MAX_VALUES: usize = 1 << 24;

/// A value. Children are positions in the list of nodes, since a pickle may refer to a list before
/// it fills it.
#[derive(Debug)]
pub enum Node {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Range<usize>),
    Bytes(Range<usize>),
    /// A value that no caller needs: an integer of more than 64 bits, a string with escapes.
    Opaque,
    /// A list, tuple or set.
    List(Vec<usize>),
    Dict(Vec<(usize, usize)>),
    /// A class or function.
    Global {
        module: Range<usize>,
        name: Range<usize>,
    },
    /// An object of a class, or the result of a call.
    Object {
        global: usize,
        arguments: usize,
        state: Option<usize>,
        items: Vec<(usize, usize)>,
    },
    /// A value outside the pickle.
    Persistent(usize),
}

type Step<T> = Result<T, &'static str>;

/// What ended the machine before the pickle's end.
pub enum Failure {
    Call(String),
    Damaged(&'static str),
}

impl From<&'static str> for Failure {
    fn from(reason: &'static str) -> Self {
        Self::Damaged(reason)
    }
}

pub struct Machine<'a, F> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<usize>,
    marks: Vec<usize>,
    memo: HashMap<u64, usize>,
    known: F,
}

impl<'a, F: Fn(&str, &str) -> bool> Machine<'a, F> {
    pub fn new(bytes: &'a [u8], known: F) -> Self {
        Self { bytes, at: 0, nodes: vec![], stack: vec![], marks: vec![], memo: HashMap::new(), known }
    }

    /// Runs to the end. Returns the nodes, the root among them, and the length of the pickle.
    pub fn run(mut self) -> Result<(Vec<Node>, usize, usize), Error> {
        loop {
            let at = self.at;
            let step = self.step().and_then(|goes_on| {
                let most = self.nodes.len().max(self.stack.len()).max(self.memo.len()).max(self.marks.len());
                if most > MAX_VALUES { Err("too many values".into()) } else { Ok(goes_on) }
            });
            match step {
                Ok(true) => {}
                Ok(false) => {
                    let root = self.pop().map_err(|reason| Error::Damaged { at, reason })?;
                    return Ok((self.nodes, root, self.at));
                }
                Err(Failure::Call(name)) => return Err(Error::Call(name)),
                Err(Failure::Damaged(reason)) => return Err(Error::Damaged { at, reason }),
            }
        }
    }

    /// Runs one operation; false at the end of the pickle.
    fn step(&mut self) -> Result<bool, Failure> {
        match self.byte()? {
            b'.' => return Ok(false),
            0x80 => match self.byte()? {
                0..=5 => {}
                _ => return Err("an unknown protocol".into()),
            },
            // The length of a frame; readers may ignore it.
            0x95 => {
                self.skip(8)?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                self.pop()?;
            }
            b'1' => drop(self.since_mark()?),
            b'2' => self.stack.push(self.top()?),
            b'q' | b'r' | b'p' | 0x94 => self.put()?,
            b'h' | b'j' | b'g' => self.get()?,
            b'R' => {
                let [global, arguments] = self.take()?;
                self.call(global, arguments)?;
            }
            b'i' => {
                let global = self.global_of_lines()?;
                let arguments = self.since_mark()?;
                let arguments = self.new_node(Node::List(arguments));
                self.call(global, arguments)?;
            }
            b'o' => {
                let mut arguments = self.since_mark()?;
                if arguments.is_empty() {
                    return Err("an object without a class".into());
                }
                let global = arguments.remove(0);
                let arguments = self.new_node(Node::List(arguments));
                self.call(global, arguments)?;
            }
            operation => self.value(operation)?,
        }
        Ok(true)
    }

    /// Runs an operation that makes or fills a value and calls nothing.
    fn value(&mut self, operation: u8) -> Step<()> {
        match operation {
            b'N' => self.push(Node::None),
            0x88 | 0x89 => self.push(Node::Bool(operation == 0x88)),
            b'K' | b'M' | b'J' | b'I' | b'L' | 0x8a | 0x8b => {
                let node = self.integer(operation)?;
                self.push(node);
            }
            b'G' => {
                let value = f64::from_be_bytes(self.array()?);
                self.push(Node::Float(value));
            }
            b'F' => {
                let line = self.line()?;
                let value = self.text(line)?.trim().parse::<f64>().map_err(|_| "a malformed number")?;
                self.push(Node::Float(value));
            }
            b'T' | b'U' | b'B' | b'C' | 0x8e | 0x96 => self.sized(operation, Node::Bytes)?,
            b'X' | 0x8c | 0x8d => self.sized(operation, Node::Text)?,
            b'S' | b'V' => self.quoted(operation)?,
            b']' | b')' | 0x8f => self.push(Node::List(vec![])),
            b'}' => self.push(Node::Dict(vec![])),
            b'l' | b't' | 0x91 => {
                let items = self.since_mark()?;
                self.push(Node::List(items));
            }
            b'd' => {
                let items = pairs(&self.since_mark()?)?;
                self.push(Node::Dict(items));
            }
            0x85 => self.tuple::<1>()?,
            0x86 => self.tuple::<2>()?,
            0x87 => self.tuple::<3>()?,
            b'a' | b'e' | 0x90 => {
                let items = if operation == b'a' { vec![self.pop()?] } else { self.since_mark()? };
                self.append(&items)?;
            }
            b's' | b'u' => {
                let items = if operation == b's' { self.take::<2>()?.to_vec() } else { self.since_mark()? };
                self.set_items(&items)?;
            }
            b'c' => {
                let global = self.global_of_lines()?;
                self.stack.push(global);
            }
            0x93 => {
                let [module, name] = self.take()?;
                let (Node::Text(module), Node::Text(name)) = (&self.nodes[module], &self.nodes[name]) else {
                    return Err("a class without a name");
                };
                let (module, name) = (module.clone(), name.clone());
                self.push(Node::Global { module, name });
            }
            0x81 => {
                let [global, arguments] = self.take()?;
                self.object(global, arguments);
            }
            0x92 => {
                let [global, arguments, _named] = self.take()?;
                self.object(global, arguments);
            }
            b'b' => self.build()?,
            b'Q' => {
                let id = self.pop()?;
                self.push(Node::Persistent(id));
            }
            b'P' => {
                let id = self.line()?;
                let id = self.new_node(Node::Text(id));
                self.push(Node::Persistent(id));
            }
            _ => return Err("an unknown operation"),
        }
        Ok(())
    }

    /// Pushes the result of a call, which is not made.
    fn call(&mut self, global: usize, arguments: usize) -> Result<(), Failure> {
        let Node::Global { module, name } = &self.nodes[global] else {
            return Err("a call of a value that is not a function".into());
        };
        let (module, name) = (self.text(module.clone())?, self.text(name.clone())?);
        if !(self.known)(module, name) {
            return Err(Failure::Call(format!("{module}.{name}")));
        }
        self.object(global, arguments);
        Ok(())
    }

    fn object(&mut self, global: usize, arguments: usize) {
        self.push(Node::Object { global, arguments, state: None, items: vec![] });
    }

    /// Gives the object below the top the state on top.
    fn build(&mut self) -> Step<()> {
        let new = self.pop()?;
        let target = self.top()?;
        match &mut self.nodes[target] {
            Node::Object { state, .. } => *state = Some(new),
            _ => return Err("a state without an object"),
        }
        Ok(())
    }

    fn append(&mut self, items: &[usize]) -> Step<()> {
        let target = self.top()?;
        match &mut self.nodes[target] {
            Node::List(list) => list.extend(items),
            // No caller needs the items of a class that is like a list.
            Node::Object { .. } => {}
            _ => return Err("items without a list"),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[usize]) -> Step<()> {
        let target = self.top()?;
        match &mut self.nodes[target] {
            Node::Dict(dict) | Node::Object { items: dict, .. } => dict.extend(pairs(items)?),
            _ => return Err("items without a dictionary"),
        }
        Ok(())
    }

    fn put(&mut self) -> Step<()> {
        let operation = self.bytes[self.at - 1];
        let key = if operation == 0x94 { self.memo.len() as u64 } else { self.memo_key(operation)? };
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn get(&mut self) -> Step<()> {
        let key = self.memo_key(self.bytes[self.at - 1])?;
        let node = *self.memo.get(&key).ok_or("a reference to an empty memo")?;
        self.stack.push(node);
        Ok(())
    }

    /// Reads the memo key of an operation: one byte, four bytes, or a line of text.
    fn memo_key(&mut self, operation: u8) -> Step<u64> {
        match operation {
            b'q' | b'h' => Ok(self.byte()?.into()),
            b'r' | b'j' => self.unsigned::<4>(),
            _ => {
                let line = self.line()?;
                self.text(line)?.trim().parse().map_err(|_| "a malformed memo key")
            }
        }
    }

    fn integer(&mut self, operation: u8) -> Step<Node> {
        Ok(match operation {
            b'K' => Node::Int(self.byte()?.into()),
            b'M' => Node::Int(self.unsigned::<2>()? as i64),
            b'J' => Node::Int(i32::from_le_bytes(self.array()?).into()),
            0x8a | 0x8b => {
                let length = if operation == 0x8a { self.byte()?.into() } else { self.unsigned::<4>()? };
                let range = self.skip(length)?;
                long(&self.bytes[range])
            }
            _ => {
                let line = self.line()?;
                match self.text(line)?.trim() {
                    // Protocol 0 writes booleans so.
                    "00" => Node::Bool(false),
                    "01" => Node::Bool(true),
                    text => text.trim_end_matches('L').parse().map_or(Node::Opaque, Node::Int),
                }
            }
        })
    }

    /// Pushes text or bytes whose length comes before them.
    fn sized(&mut self, operation: u8, node: fn(Range<usize>) -> Node) -> Step<()> {
        let length = match operation {
            b'U' | b'C' | 0x8c => self.byte()?.into(),
            b'T' | b'B' | b'X' => self.unsigned::<4>()?,
            _ => self.unsigned::<8>()?,
        };
        let range = self.skip(length)?;
        self.push(node(range));
        Ok(())
    }

    /// Pushes a line of text, in quotes if it is a string of bytes.
    fn quoted(&mut self, operation: u8) -> Step<()> {
        let Range { start, end } = self.line()?;
        let node = match operation {
            _ if self.bytes[start..end].contains(&b'\\') => Node::Opaque,
            b'V' => Node::Text(start..end),
            _ if end - start >= 2 => Node::Bytes(start + 1..end - 1),
            _ => return Err("a string without quotes"),
        };
        self.push(node);
        Ok(())
    }

    fn global_of_lines(&mut self) -> Step<usize> {
        let (module, name) = (self.line()?, self.line()?);
        Ok(self.new_node(Node::Global { module, name }))
    }

    fn tuple<const N: usize>(&mut self) -> Step<()> {
        let items = self.take::<N>()?.to_vec();
        self.push(Node::List(items));
        Ok(())
    }

    fn new_node(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn push(&mut self, node: Node) {
        let node = self.new_node(node);
        self.stack.push(node);
    }

    fn pop(&mut self) -> Step<usize> {
        self.take::<1>().map(|[top]| top)
    }

    fn top(&self) -> Step<usize> {
        self.stack.last().copied().ok_or(TOO_FEW)
    }

    /// Takes the topmost values, lowest first, never from below a mark.
    fn take<const N: usize>(&mut self) -> Step<[usize; N]> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let taken = *self.stack.get(floor..).and_then(|free| free.last_chunk::<N>()).ok_or(TOO_FEW)?;
        self.stack.truncate(self.stack.len() - N);
        Ok(taken)
    }

    fn since_mark(&mut self) -> Step<Vec<usize>> {
        let mark = self.marks.pop().ok_or("items without a mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn unsigned<const N: usize>(&mut self) -> Step<u64> {
        let bytes: [u8; N] = self.array()?;
        Ok(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn byte(&mut self) -> Step<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let array = *self.bytes[self.at..].first_chunk().ok_or(ENDS_EARLY)?;
        self.at += N;
        Ok(array)
    }

    fn line(&mut self) -> Step<Range<usize>> {
        let length = self.bytes[self.at..].iter().position(|&byte| byte == b'\n').ok_or(ENDS_EARLY)?;
        let range = self.at..self.at + length;
        self.at += length + 1;
        Ok(range)
    }

    fn skip(&mut self, count: u64) -> Step<Range<usize>> {
        let rest = self.bytes.len() - self.at;
        let count = usize::try_from(count).ok().filter(|&count| count <= rest).ok_or(ENDS_EARLY)?;
        self.at += count;
        Ok(self.at - count..self.at)
    }

    fn text(&self, range: Range<usize>) -> Step<&'a str> {
        std::str::from_utf8(&self.bytes[range]).map_err(|_| "a name that is not UTF-8")
    }
}

const ENDS_EARLY: &str = "the end of the file inside an operation";
const TOO_FEW: &str = "an operation on too few values";

fn pairs(items: &[usize]) -> Step<Vec<(usize, usize)>> {
    let (pairs, []) = items.as_chunks::<2>() else { return Err("a key without a value") };
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

/// Parses a little-endian two's complement integer.
fn long(bytes: &[u8]) -> Node {
    let sign = if bytes.last().is_some_and(|&byte| byte >= 0x80) { 0xff } else { 0 };
    let mut padded = [sign; 8];
    match padded.get_mut(..bytes.len()) {
        None => Node::Opaque,
        Some(room) => {
            room.copy_from_slice(bytes);
            Node::Int(i64::from_le_bytes(padded))
        }
    }
}
