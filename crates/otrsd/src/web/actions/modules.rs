//! Actions on modules: restart.

use std::time::Duration;

use crate::{
    ops::{self, daemon},
    supervisor::control::{Reply, Request},
    web::{Console, auth::Caller, problem::Problem},
};

/// The timeout of the first reply; how long the module takes to end does not matter.
const WITHIN: Duration = Duration::from_secs(5);

impl Console {
    /// Asks the supervisor to restart a module, and does not wait for it: it may be this console.
    pub(in crate::web) async fn restart(
        &self,
        caller: &Caller,
        module: &str,
    ) -> Result<(), Problem> {
        self.audit(caller, &format!("restarts module {module}"));
        let (place, module) = (self.place.clone(), Some(module.to_owned()));
        let ask = move || {
            daemon::ask(&place, &Request::Restart { module }, Some(WITHIN))?
                .next()
                .map_or(Ok(()), refused)
        };
        let asked = tokio::task::spawn_blocking(ask).await.map_err(anyhow::Error::from)?;
        Ok(asked?)
    }
}

fn refused(reply: Reply) -> ops::Result<()> {
    match reply {
        Reply::Failed { text } => Err(ops::Error::Conflict(text)),
        _ => Ok(()),
    }
}
