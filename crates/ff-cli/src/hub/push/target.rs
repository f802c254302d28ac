//! The repository of an upload, and requests about it.

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use ureq::http::{HeaderName, Method, StatusCode, header};

use super::refusal::{refusal, said};
use crate::fetch::{Body, Client, Meter, Reply, Upload};
use crate::hub::refusal::code;
use crate::hub::repository::Repository;
use crate::hub::settings::{Settings, Token};

/// A branch of a repository to upload to, and the clients that do it.
pub struct Target<'a> {
    pub(super) settings: &'a Settings,
    pub(super) token: &'a Token,
    pub(super) repository: &'a Repository,
    /// Sends the token, so only to the hub.
    pub(super) hub: Client,
    /// Sends no token.
    pub(super) storage: Client,
}

/// What the hub tells of a repository.
#[derive(Deserialize)]
struct Info {
    private: bool,
}

pub(super) const JSON: &[(HeaderName, &str)] = &[(header::CONTENT_TYPE, "application/json")];

impl<'a> Target<'a> {
    /// Creates the clients; sends nothing.
    ///
    /// # Errors
    /// The settings forbid uploads, or have no token.
    pub fn new(settings: &'a Settings, repository: &'a Repository) -> anyhow::Result<Self> {
        let id = &repository.id;
        if settings.offline {
            bail!("{id}: nothing is uploaded while HF_HUB_OFFLINE is set\nhint: unset HF_HUB_OFFLINE");
        }
        settings.check()?;
        let Some(token) = &settings.token else {
            bail!(
                "{id}: expected a token with write access, found none\n\
                 hint: create one at {}/settings/tokens; then {}",
                settings.endpoint,
                settings.log_in()
            );
        };
        let hub = Client::new(settings.patience).with_token(Some(token.text.clone()));
        Ok(Self { settings, token, repository, hub, storage: Client::new(settings.patience) })
    }

    /// Returns the address of the branch's page.
    pub fn address(&self) -> String {
        let (page, branch) = (self.page(), self.repository.escaped_revision());
        if branch == "main" { page } else { format!("{page}/tree/{branch}") }
    }

    pub(super) fn page(&self) -> String {
        format!("{}/{}", self.settings.endpoint, self.repository.id)
    }

    /// Creates the repository if it is missing.
    ///
    /// # Errors
    /// The token may not create it, or it is to be private and is public.
    pub fn ensure(&self, private: bool, meter: &mut Meter) -> anyhow::Result<()> {
        let info = match self.info(meter)? {
            Some(info) => info,
            None => self.create(private, meter)?,
        };
        if private && !info.private {
            bail!(
                "{}: expected a private repository, found a public one\n\
                 hint: make it private at {}/settings, or leave --private out",
                self.repository.id,
                self.page()
            );
        }
        Ok(())
    }

    fn info(&self, meter: &mut Meter) -> anyhow::Result<Option<Info>> {
        let reply = self.request(Method::GET, &self.api(""), &[], &[], &self.hub, meter)?;
        if reply.head.status == StatusCode::NOT_FOUND || code(&reply.head) == Some("RepoNotFound") {
            return Ok(None);
        }
        self.parse(&self.accept(reply)?).map(Some)
    }

    /// Creates the repository. That another program has created it meanwhile is no error.
    fn create(&self, private: bool, meter: &mut Meter) -> anyhow::Result<Info> {
        let (owner, name) = self.repository.id.split_once('/').unwrap_or_default();
        let mut wanted = json!({ "name": name, "organization": owner, "type": "model" });
        if private {
            wanted["visibility"] = json!("private");
        }
        let url = format!("{}/api/repos/create", self.settings.endpoint);
        let reply =
            self.request(Method::POST, &url, JSON, wanted.to_string().as_bytes(), &self.hub, meter)?;
        let refused = self.refusal(&reply);
        match reply.head.status {
            StatusCode::CONFLICT => {}
            status if status.is_success() => meter.line(&format!("{}: created", self.repository.id)),
            _ => bail!(refused),
        }
        self.info(meter)?.context(refused)
    }

    pub(super) fn api(&self, below: &str) -> String {
        format!("{}/api/models/{}{below}", self.settings.endpoint, self.repository.id)
    }

    /// Sends a request about the repository.
    pub(super) fn request(
        &self,
        method: Method,
        url: &str,
        headers: &[(HeaderName, &str)],
        body: &[u8],
        client: &Client,
        meter: &mut Meter,
    ) -> anyhow::Result<Reply> {
        let upload = Upload { name: &self.repository.id, method, url, headers, body: Body::Bytes(body) };
        client.send(&upload, meter).map_err(|error| {
            anyhow!(
                "{error:#}\n\
                 hint: check the network, the proxy (HTTPS_PROXY) and HF_ENDPOINT, and run the same command \
                 again: what has arrived is not sent again"
            )
        })
    }

    /// Returns the text of an answer, if it is no refusal.
    pub(super) fn accept(&self, reply: Reply) -> anyhow::Result<String> {
        match reply.head.status.is_success() {
            true => Ok(reply.text),
            false => Err(anyhow!(self.refusal(&reply))),
        }
    }

    /// Says why the hub refuses, and what to do.
    fn refusal(&self, reply: &Reply) -> String {
        refusal(self.repository, self.settings, self.token, &reply.head, &said(reply))
    }

    pub(super) fn parse<T: DeserializeOwned>(&self, text: &str) -> anyhow::Result<T> {
        serde_json::from_str(text)
            .map_err(|error| anyhow!(self.unexpected("another answer", &error.to_string())))
    }

    pub(super) fn unexpected(&self, found: &str, detail: &str) -> String {
        format!(
            "{}: expected an answer of a Hugging Face hub from {}, found {found} ({detail})\n\
             hint: check HF_ENDPOINT and the proxy (HTTPS_PROXY)",
            self.repository.id, self.settings.endpoint
        )
    }
}
