//! What there is to know of a dataset without opening it.

use std::path::Path;
use std::sync::Arc;

use crate::dataset::Dataset;
use crate::datasets::hashes::FileHashes;
use crate::datasets::published::Published;
use crate::error::Error;

/// A dataset that a configuration can name: its options, how it is opened and what is published of
/// it.
pub trait DatasetKind {
    /// [`About::kind`].
    const KIND: &'static str;
    /// [`About::title`].
    const TITLE: &'static str;
    /// [`About::path`].
    const PATH: &'static str = Self::KIND;
    /// [`About::members`].
    const MEMBERS: &'static [(&'static str, &'static str)] = &[];
    /// [`About::licence`].
    const LICENCE: Option<&'static str> = None;
    /// [`About::access`].
    const ACCESS: Access;
    /// What its authors publish, where that is the same in all its forms.
    const PUBLISHED: Option<Published> = None;
    /// What there is to know of it without its files.
    const ABOUT: About = About {
        kind: Self::KIND,
        title: Self::TITLE,
        path: Self::PATH,
        members: Self::MEMBERS,
        licence: Self::LICENCE,
        access: Self::ACCESS,
    };

    /// Opens it; a relative path of its options starts at `data_root`.
    ///
    /// # Errors
    /// Those of [`DatasetConfig::open`](crate::DatasetConfig::open).
    fn open(&self, data_root: &Path, hashes: &FileHashes) -> Result<Arc<dyn Dataset>, Error>;

    /// The numbers that its authors publish; `None` for data of one's own, and where the form of
    /// `dataset` leaves it open.
    fn published(&self, _dataset: &dyn Dataset) -> Option<Published> {
        Self::PUBLISHED
    }
}

/// A dataset's name, title, licence, and how to get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// What a configuration's `kind` says.
    pub kind: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The option `path` where a configuration leaves it out, below the data root.
    pub path: &'static str,
    /// The members of a family, of which the option `name` chooses one: name and title. Empty if it
    /// is no family.
    ///
    /// `kind = "<member>"` is short for `kind = "<family>"` with `name = "<member>"`.
    pub members: &'static [(&'static str, &'static str)],
    /// The terms of use; `None` for data of one's own.
    pub licence: Option<&'static str>,
    /// How to get it.
    pub access: Access,
}

/// How to get a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// There is nothing to get: images are drawn when they are asked for.
    Drawn,
    /// There is nothing to get: images of one's own.
    Own,
    /// By download, without a login.
    Download,
    /// Without a login, but served to browsers only.
    Browser(Steps),
    /// After a login, an application or an agreement.
    Apply(Steps),
}

/// How to get a dataset that a program cannot download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// What it takes, after the title and a colon.
    pub needs: &'static str,
    /// Where it is, a line each.
    pub at: &'static [&'static str],
    /// What else to know; may be empty.
    pub note: &'static str,
    /// Where its files have to be, below `ROOT`, a line each.
    pub place: &'static [&'static str],
}

impl About {
    /// Whether it is files, below an option `path`.
    pub fn on_disk(&self) -> bool {
        self.access != Access::Drawn
    }

    /// The names that open it with no more than a path, each with its title: its kind, or the
    /// members of a family.
    pub fn names(&self) -> Vec<(&'static str, &'static str)> {
        match self.members {
            [] => vec![(self.kind, self.title)],
            members => members.to_vec(),
        }
    }

    /// How to get it, for people; `None` where it is downloaded or there is nothing to get.
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
