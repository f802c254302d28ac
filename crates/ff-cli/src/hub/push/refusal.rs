//! Why the hub refuses an upload, and what to do.

use serde_json::Value;
use ureq::http::StatusCode;
use ureq::http::response::Parts;

use crate::fetch::Reply;
use crate::hub::metadata::text;
use crate::hub::refusal::code;
use crate::hub::repository::Repository;
use crate::hub::settings::{Settings, Token};

/// Returns the hub's own words, in brackets: those of a header, or the `error` of its JSON.
pub fn said(reply: &Reply) -> String {
    let in_body = || {
        let body: Value = serde_json::from_str(&reply.text).ok()?;
        body["error"].as_str().map(str::to_owned)
    };
    let words = text(&reply.head, "x-error-message").map(str::to_owned).or_else(in_body);
    words.map_or_else(String::new, |words| format!(" ({})", words.trim()))
}

/// Returns what a status of refusal means for an upload.
pub fn refusal(
    Repository { id, revision: branch, .. }: &Repository,
    Settings { endpoint, .. }: &Settings,
    Token { source, .. }: &Token,
    head: &Parts,
    said: &str,
) -> String {
    let tokens = format!("{endpoint}/settings/tokens");
    match (code(head), head.status) {
        (Some("RevisionNotFound"), _) => format!(
            "{id}: expected a branch, found no `{branch}`\n\
             hint: create it: hf repos branch create {id} {branch}"
        ),
        (_, StatusCode::NOT_FOUND) => format!(
            "{id}: the hub shows no such repository to the token in {source}{said}\n\
             hint: check its name, and the token's permissions at {tokens}"
        ),
        (_, StatusCode::UNAUTHORIZED) => format!(
            "{id}: the token in {source} is not valid{said}\n\
             hint: create one with write access at {tokens}, and put it in the place of this one"
        ),
        (_, StatusCode::FORBIDDEN) => format!(
            "{id}: the token in {source} has no write access{said}\n\
             hint: check that the owner is you or an organisation that you may write to; the token's \
             permissions are at {tokens}"
        ),
        (_, StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED) => format!(
            "{id}: another change of the repository was in the way{said}\n\
             hint: run the same command again; if it fails again, check that the token may write to it"
        ),
        (_, status) if status.is_redirection() => format!(
            "{id}: this repository has another name now: {}\n\
             hint: give that name: --repo OWNER/NAME",
            text(head, "location").unwrap_or("(not given)")
        ),
        (_, status) if status.is_client_error() => format!(
            "{id}: the hub refuses the upload: {status}{said}\n\
             hint: if it names a file, correct that file; the first lines of README.md must be YAML"
        ),
        (_, status) => format!(
            "{id}: {endpoint} answers {status}{said}\n\
             hint: run the same command again later; files that have arrived are not sent again"
        ),
    }
}
