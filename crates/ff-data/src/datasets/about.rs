//! Facts about a dataset kind that do not need its files: title, licence, access.

use std::path::Path;
use std::sync::Arc;

use crate::dataset::Dataset;
use crate::datasets::hashes::FileHashes;
use crate::datasets::published::Published;
use crate::error::Error;

/// A kind of dataset that a configuration can name: its options, its reader and its published
/// numbers.
pub trait DatasetKind {
    /// See [`About::kind`].
    const KIND: &'static str;
    /// See [`About::title`].
    const TITLE: &'static str;
    /// See [`About::path`].
    const PATH: &'static str = Self::KIND;
    /// See [`About::members`].
    const MEMBERS: &'static [(&'static str, &'static str)] = &[];
    /// See [`About::licence`].
    const LICENCE: Option<&'static str> = None;
    /// See [`About::access`].
    const ACCESS: Access;
    /// The numbers that its authors publish, if they are the same for all its forms.
    const PUBLISHED: Option<Published> = None;
    /// The constants above as one value.
    const ABOUT: About = About {
        kind: Self::KIND,
        title: Self::TITLE,
        path: Self::PATH,
        members: Self::MEMBERS,
        licence: Self::LICENCE,
        access: Self::ACCESS,
    };

    /// Opens the dataset; relative paths of its options start at `data_root`.
    ///
    /// # Errors
    /// Those of [`DatasetConfig::open`](crate::DatasetConfig::open).
    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error>;

    /// Returns the numbers that its authors publish. `None` for your own data, and if the form of
    /// `dataset` has no published numbers.
    fn published(&self, _dataset: &dyn Dataset) -> Option<Published> {
        Self::PUBLISHED
    }
}

/// Name, title, licence and access of a dataset kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// The value of the key `kind` in a configuration.
    pub kind: &'static str,
    /// The dataset's full name.
    pub title: &'static str,
    /// The default of the option `path`, relative to the data root.
    pub path: &'static str,
    /// The members of a family, of which the option `name` selects one: name and title of each.
    /// Empty if the kind is not a family.
    ///
    /// `kind = "<member>"` is short for `kind = "<family>"` with `name = "<member>"`.
    pub members: &'static [(&'static str, &'static str)],
    /// The terms of use; `None` for your own data.
    pub licence: Option<&'static str>,
    /// How to get it.
    pub access: Access,
}

/// How to get a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing to get: images are generated on demand.
    Drawn,
    /// Nothing to get: your own images.
    Own,
    /// By download, without a login.
    Download,
    /// Without a login, but only with a browser.
    Browser(Steps),
    /// After a login, an application or an agreement.
    Apply(Steps),
}

/// Steps to get a dataset that a program cannot download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The requirements; printed after the title and a colon.
    pub needs: &'static str,
    /// Addresses, one per line.
    pub at: &'static [&'static str],
    /// A further remark; may be empty.
    pub note: &'static str,
    /// Places of the files, below `ROOT`, one per line.
    pub place: &'static [&'static str],
}

impl About {
    /// Returns whether the dataset is read from files, below the option `path`.
    pub fn on_disk(&self) -> bool {
        self.access != Access::Drawn
    }

    /// Returns the values of `kind` that need no other option than `path`, each with its title: the
    /// kind itself, or the members of a family.
    pub fn names(&self) -> Vec<(&'static str, &'static str)> {
        match self.members {
            [] => vec![(self.kind, self.title)],
            members => members.to_vec(),
        }
    }

    /// Describes how to get the dataset; `None` if it can be downloaded or there is nothing to get.
    pub fn instructions(&self) -> Option<String> {
        let (verb, steps) = match &self.access {
            Access::Drawn | Access::Own | Access::Download => return None,
            Access::Browser(steps) => ("get", steps),
            Access::Apply(steps) => ("apply", steps),
        };
        let mut text = format!("{}: {}\n", self.title, steps.needs);
        let mut field = |name: &str, lines: &[&str]| {
            for (number, line) in lines.iter().enumerate() {
                let name = if number == 0 { format!("{name}:") } else { String::new() };
                text += &format!("  {name:9}{line}\n");
            }
        };
        field(verb, steps.at);
        field("terms", self.licence.as_slice());
        field("note", if steps.note.is_empty() { &[] } else { std::slice::from_ref(&steps.note) });
        field("place", steps.place);
        Some(text)
    }
}
