//! What a server says of a file before a download.

use anyhow::anyhow;
use ureq::http::response::Parts;

use super::answer::{is_busy, is_local, with_headers};
use super::download::Client;

impl Client {
    /// Returns the status and the headers of a URL. Redirects are not followed.
    ///
    /// A busy server is asked again, as often as for a download. One that cannot be reached is not.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub fn head(&self, url: &str) -> anyhow::Result<Parts> {
        let mut answers = 0;
        loop {
            let request = with_headers(self.agent.head(url), self.token.as_deref());
            let mut config = request.config().max_redirects(0);
            if is_local(url) {
                config = config.proxy(None);
            }
            let response = config.build().call().map_err(|error| anyhow!("{url}: {error}"))?;
            let head = response.into_parts().0;
            answers += 1;
            if !is_busy(head.status) || answers >= self.patience.tries {
                return Ok(head);
            }
            self.patience.wait(answers);
        }
    }
}
