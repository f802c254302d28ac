//! A parsed pickle, and its values.

use std::borrow::Cow;

use crate::error::Error;
use crate::machine::{Machine, Node};

/// A parsed pickle.
pub struct Pickle<'a> {
    bytes: &'a [u8],
    nodes: Vec<Node>,
    root: usize,
    length: usize,
}

impl<'a> Pickle<'a> {
    /// Parses the pickle at the start of `bytes`. `known` says whether a function, named by module
    /// and name, may be called in it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(bytes: &'a [u8], known: impl Fn(&str, &str) -> bool) -> Result<Self, Error> {
        let (nodes, root, length) = Machine::new(bytes, known).run()?;
        Ok(Self { bytes, nodes, root, length })
    }

    /// The number of bytes that the pickle takes; others may follow.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The value that the pickle is of.
    pub fn root(&self) -> Value<'_> {
        Value { pickle: self, node: self.root }
    }

    /// Every value in the pickle, in the order in which they were made.
    pub fn values(&self) -> impl Iterator<Item = Value<'_>> {
        (0..self.nodes.len()).map(|node| Value { pickle: self, node })
    }
}

/// A value in a pickle. It may hold itself: do not follow it to any depth.
#[derive(Clone, Copy)]
pub struct Value<'p> {
    pickle: &'p Pickle<'p>,
    node: usize,
}

/// An object of a class or the result of a call, neither of which was made.
#[derive(Clone, Copy)]
pub struct Object<'p> {
    /// Module of the class or function.
    pub module: &'p str,
    /// Its name in the module.
    pub name: &'p str,
    /// The arguments, a tuple.
    pub arguments: Value<'p>,
    /// What the object was filled with afterwards.
    pub state: Option<Value<'p>>,
}

impl<'p> Value<'p> {
    fn node(self) -> &'p Node {
        &self.pickle.nodes[self.node]
    }

    fn at(self, node: usize) -> Self {
        Self { node, ..self }
    }

    /// Whether the value is `None`.
    pub fn is_none(self) -> bool {
        matches!(self.node(), Node::None)
    }

    /// The value of an integer.
    pub fn integer(self) -> Option<i64> {
        if let Node::Int(value) = *self.node() { Some(value) } else { None }
    }

    /// The value of a boolean.
    pub fn boolean(self) -> Option<bool> {
        if let Node::Bool(value) = *self.node() { Some(value) } else { None }
    }

    /// The value of a floating-point number.
    pub fn float(self) -> Option<f64> {
        if let Node::Float(value) = *self.node() { Some(value) } else { None }
    }

    /// The value of a string: text, or bytes that are UTF-8, as Python 2 writes strings.
    pub fn text(self) -> Option<&'p str> {
        match self.node() {
            Node::Text(range) | Node::Bytes(range) => {
                std::str::from_utf8(&self.pickle.bytes[range.clone()]).ok()
            }
            _ => None,
        }
    }

    /// The value of bytes. Python 3 writes bytes to old protocols as a call of `_codecs.encode`
    /// with a text in Latin-1.
    pub fn bytes(self) -> Option<Cow<'p, [u8]>> {
        if let Node::Bytes(range) = self.node() {
            return Some(self.pickle.bytes[range.clone()].into());
        }
        let object = self.object().filter(|object| object.is("_codecs", "encode"))?;
        let text = object.arguments.items()?.next()?.text()?;
        let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        bytes.map(Cow::from)
    }

    /// The items of a list, tuple or set.
    pub fn items(self) -> Option<impl ExactSizeIterator<Item = Value<'p>>> {
        if let Node::List(items) = self.node() {
            return Some(items.iter().map(move |&item| self.at(item)));
        }
        None
    }

    /// The items of a tuple of this length.
    pub fn tuple<const N: usize>(self) -> Option<[Value<'p>; N]> {
        self.items()?.collect::<Vec<_>>().try_into().ok()
    }

    /// Keys and values of a dictionary or of an object that is one, such as an `OrderedDict`, in the
    /// order of their insertion. Of equal keys the last one counts.
    pub fn entries(self) -> Option<impl DoubleEndedIterator<Item = (Value<'p>, Value<'p>)>> {
        match self.node() {
            Node::Dict(items) | Node::Object { items, .. } => {
                Some(items.iter().map(move |&(key, value)| (self.at(key), self.at(value))))
            }
            _ => None,
        }
    }

    /// The value of a key that is text or bytes, in what [`entries`](Self::entries) takes.
    pub fn get(self, key: &str) -> Option<Value<'p>> {
        self.entries()?.rev().find(|(found, _)| found.is(key)).map(|(_, value)| value)
    }

    /// Whether the value is this text, or the bytes of it.
    pub fn is(self, text: &str) -> bool {
        self.text() == Some(text) || self.bytes().is_some_and(|bytes| *bytes == *text.as_bytes())
    }

    /// Module and name of a class or function.
    pub fn global(self) -> Option<(&'p str, &'p str)> {
        let Node::Global { module, name } = self.node() else { return None };
        let text =
            |range: &std::ops::Range<usize>| std::str::from_utf8(&self.pickle.bytes[range.clone()]).ok();
        Some((text(module)?, text(name)?))
    }

    /// The object or call.
    pub fn object(self) -> Option<Object<'p>> {
        let Node::Object { global, arguments, state, .. } = *self.node() else { return None };
        let (module, name) = self.at(global).global()?;
        Some(Object { module, name, arguments: self.at(arguments), state: state.map(|state| self.at(state)) })
    }

    /// The name that the pickle gives a value outside it, such as a tensor's storage.
    pub fn persistent_id(self) -> Option<Value<'p>> {
        if let Node::Persistent(id) = *self.node() { Some(self.at(id)) } else { None }
    }
}

impl Object<'_> {
    /// Whether the class or function has this module and name.
    pub fn is(&self, module: &str, name: &str) -> bool {
        self.module == module && self.name == name
    }
}
