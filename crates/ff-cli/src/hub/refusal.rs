//! Why the hub refuses a file, and what to do.

use ff_checkpoint::MODEL_FILES;
use ureq::http::StatusCode;
use ureq::http::response::Parts;

use super::metadata::text;
use super::repository::Repository;
use super::settings::Settings;

/// Returns the code that the hub gives beside a status of refusal.
pub fn code(head: &Parts) -> Option<&str> {
    text(head, "x-error-code")
}

/// Returns what a status of refusal means.
///
/// Without a token, a private repository is the same to the hub as none (401). With one that may
/// not read it too (404).
pub fn refusal(settings: &Settings, repository: &Repository, head: &Parts) -> String {
    let (Settings { endpoint, token, .. }, Repository { id, revision }) = (settings, repository);
    let (page, tokens) = (format!("{endpoint}/{id}"), format!("{endpoint}/settings/tokens"));
    let said = text(head, "x-error-message").map_or_else(String::new, |said| format!(" ({said})"));
    let log_in = settings.log_in();
    let source = token.as_ref().map(|token| token.source.as_str());
    match (code(head), head.status, source) {
        (Some("GatedRepo"), _, None) => format!(
            "{id}: expected a token, since this repository is gated, found none\n\
             hint: ask for access at {page}; then {log_in}"
        ),
        (Some("GatedRepo"), _, Some(source)) => format!(
            "{id}: this repository is gated, and the account of the token in {source} has no access{said}\n\
             hint: ask for access at {page}; the token's permissions are at {tokens}"
        ),
        (Some("RevisionNotFound"), ..) => format!(
            "{id}: expected a branch, a tag or a commit, found no revision `{revision}`\n\
             hint: {page}/tree/main lists them"
        ),
        (Some("EntryNotFound"), ..) => format!(
            "{id}: expected {} in revision `{revision}`, found neither\n\
             hint: save a file of weights from {page}/tree/{revision}, and name it as the weights",
            MODEL_FILES.join(" or ")
        ),
        (Some("RepoNotFound"), _, None) | (_, StatusCode::UNAUTHORIZED, None) => format!(
            "{id}: there is no such repository at {endpoint}, or it is private\n\
             hint: check the id; for a private repository, {log_in}"
        ),
        (Some("RepoNotFound"), _, Some(source)) => format!(
            "{id}: there is no such repository at {endpoint}, or the token in {source} cannot read it\n\
             hint: check the id, and the token's permissions at {tokens}"
        ),
        (_, StatusCode::UNAUTHORIZED, Some(source)) => format!(
            "{id}: the token in {source} is not valid{said}\n\
             hint: create one at {tokens}, and put it in the place of this one"
        ),
        (_, StatusCode::FORBIDDEN, Some(source)) => format!(
            "{id}: the token in {source} has no permission{said}\n\
             hint: the token's permissions are at {tokens}"
        ),
        (_, StatusCode::NOT_FOUND, _) => format!(
            "{id}: found no such repository, revision or file at {endpoint} ({})\n\
             hint: check the id, the revision `{revision}` and HF_ENDPOINT",
            head.status
        ),
        (_, status, _) => format!(
            "{id}: {endpoint} answers {status}{said}\n\
             hint: check HF_ENDPOINT and the proxy (HTTPS_PROXY), or run the same command again later"
        ),
    }
}
