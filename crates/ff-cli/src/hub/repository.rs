//! The name of a repository.

/// A repository of the hub at a revision.
pub struct Repository {
    /// Its id, `owner/name`.
    pub id: String,
    /// A branch, a tag or a commit.
    pub revision: String,
}

impl Repository {
    /// Parses `owner/name` or `owner/name@revision`; the default revision is `main`.
    ///
    /// # Errors
    /// The text is neither. Both parts become paths and addresses, so they cannot point elsewhere.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (id, revision) = text.split_once('@').unwrap_or((text, "main"));
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-_.+".contains(letter);
        let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(is_letter);
        if id.split('/').count() == 2 && id.split('/').chain(revision.split('/')).all(is_part) {
            return Ok(Self { id: id.to_owned(), revision: revision.to_owned() });
        }
        Err(format!(
            "expected an id of the Hugging Face hub, owner/name or owner/name@revision, found `{text}`"
        ))
    }

    /// Parses the id of a repository to create or to change, and its branch.
    ///
    /// # Errors
    /// The id is not `owner/name`, the hub has no repositories of such a name, or the branch has
    /// other characters than [`Repository::parse`] takes.
    pub fn to_write(id: &str, branch: &str) -> Result<Self, String> {
        let at_edge = |part: &str| part.starts_with(['-', '.']) || part.ends_with(['-', '.']);
        let is_part = |part: &str| {
            part.len() <= 96 && !at_edge(part) && !["--", "..", "+"].iter().any(|no| part.contains(no))
        };
        if id.contains('@') || !id.split('/').all(is_part) || Self::parse(id).is_err() {
            return Err(format!(
                "--repo: expected OWNER/NAME, each at most 96 letters, digits, `-`, `_` and `.`, without \
                 `--`, `..` and a `-` or `.` at an end, found `{id}`"
            ));
        }
        Self::parse(&format!("{id}@{branch}"))
            .map_err(|_| format!("--revision: expected the name of a branch, found `{branch}`"))
    }

    /// Returns the address of a file. A revision may have slashes, which are escaped.
    pub fn url(&self, endpoint: &str, file: &str) -> String {
        format!("{endpoint}/{}/resolve/{}/{file}", self.id, self.escaped_revision())
    }

    /// Returns the revision as one part of an address.
    pub fn escaped_revision(&self) -> String {
        self.revision.replace('/', "%2F")
    }
}
