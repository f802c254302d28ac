//! The settings of the Hugging Face Hub's clients: the variables and files that its Python library
//! reads.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::fetch::Patience;

/// How a user has set up the hub's clients.
pub struct Settings {
    /// The folder of the cache.
    pub cache: PathBuf,
    /// The hub's address, without a slash at its end.
    pub endpoint: String,
    /// The token to send, if there is one.
    pub token: Option<Token>,
    /// Whether `HF_HUB_DISABLE_IMPLICIT_TOKEN` is set, so that no token is sent.
    pub token_disabled: bool,
    /// Whether `HF_HUB_OFFLINE` is set, so that nothing is downloaded.
    pub offline: bool,
    /// When a download is given up.
    pub patience: Patience,
}

/// An access token.
pub struct Token {
    /// The token itself, which no message shows.
    pub text: String,
    /// The variable or the file that it is from.
    pub source: String,
}

impl Settings {
    /// Reads the settings of this process.
    pub fn from_env() -> Self {
        Self::read(&|name| std::env::var_os(name))
    }

    /// Reads the settings from environment variables. An empty variable counts as unset.
    pub fn read(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| {
            let text = set(name)?.to_string_lossy().trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let is_on =
            |value: String| ["1", "on", "yes", "true"].iter().any(|on| value.eq_ignore_ascii_case(on));
        let user = set("HOME").map(PathBuf::from).or_else(std::env::home_dir).unwrap_or_default();
        // Shells replace `~`; files of variables for containers and services do not.
        let path = |name: &str| {
            let path = PathBuf::from(set(name)?);
            Some(path.strip_prefix("~").map(|below| user.join(below)).unwrap_or(path))
        };
        let home = path("HF_HOME").unwrap_or_else(|| {
            path("XDG_CACHE_HOME").unwrap_or_else(|| user.join(".cache")).join("huggingface")
        });
        let token = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].iter().find_map(|&name| {
            let source = name.to_owned();
            text(name).map(|text| Token { text, source })
        });
        let token_disabled = text("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some_and(is_on);
        let token_file = || path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        Self {
            cache: path("HF_HUB_CACHE")
                .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
                .unwrap_or_else(|| home.join("hub")),
            endpoint: text("HF_ENDPOINT")
                .map_or("https://huggingface.co".to_owned(), |url| url.trim_end_matches('/').to_owned()),
            token: if token_disabled { None } else { token.or_else(|| Token::in_file(&token_file())) },
            token_disabled,
            offline: text("HF_HUB_OFFLINE").or_else(|| text("TRANSFORMERS_OFFLINE")).is_some_and(is_on),
            patience: Patience::default(),
        }
    }

    /// Checks what would make a request fail without a word of the reason.
    ///
    /// # Errors
    /// The endpoint is no address, or the token has characters that no header has.
    pub fn check(&self) -> anyhow::Result<()> {
        let Self { endpoint, token, .. } = self;
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            bail!("HF_ENDPOINT: expected an address, found `{endpoint}`\nhint: set it to https://{endpoint}");
        }
        if let Some(token) =
            token.as_ref().filter(|token| !token.text.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            bail!(
                "{}: expected a token such as hf_..., found spaces or other characters in it\n\
                 hint: copy the token again, without anything beside it",
                token.source
            );
        }
        Ok(())
    }

    /// Returns what a user without a token has to do.
    pub fn log_in(&self) -> &'static str {
        match self.token_disabled {
            true => "unset HF_HUB_DISABLE_IMPLICIT_TOKEN",
            false => "run `hf auth login` or set HF_TOKEN",
        }
    }
}

impl Token {
    /// Reads the file that `hf auth login` writes.
    fn in_file(path: &Path) -> Option<Self> {
        let source = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) if text.trim().is_empty() => None,
            Ok(text) => Some(Self { text: text.trim().to_owned(), source }),
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    tracing::warn!("{source}: cannot be read, so no token is sent: {error}");
                }
                None
            }
        }
    }
}
