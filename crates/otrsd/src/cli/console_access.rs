//! `console-url`, `console-token`, `console-api`: access to the web console for persons and programs.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    time::Duration,
};

use super::{Failure, Program, terminal::print};
use crate::{
    config::{console::Role, secret_hash::SecretHash},
    process::{pid_file, socket},
    web::{
        admin_socket::{Reply, Request},
        api::description,
    },
};

const WITHIN: Duration = Duration::from_secs(10);

pub(super) fn url(program: &Program, view: bool) -> Result<(), Failure> {
    let place = program.find_daemon()?;
    let role = if view { Role::View } else { Role::Operate };
    let ask = || -> anyhow::Result<Reply> {
        let mut stream = socket::connect(&place.web_door())?;
        stream.set_read_timeout(Some(WITHIN))?;
        let mut line = serde_json::to_vec(&Request { role })?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply)?;
        Ok(serde_json::from_str(&reply)?)
    };
    match ask() {
        Ok(reply) => {
            print(&format!("{}\n", reply.url));
            Ok(())
        }
        Err(_) if !pid_file::is_running(&place.pid_file())? => Err(Failure::failed("not running")),
        Err(error) => Err(Failure::failed(format!(
            "the console does not answer on {}: {error}. Is a module WebConsole registered and running? See otrsd status",
            place.web_door().display()
        ))),
    }
}

/// The same description as the console serves.
pub(super) fn api() -> Result<(), Failure> {
    print(&format!("{}\n", description().map_err(anyhow::Error::from)?));
    Ok(())
}

/// The token is shown once; the settings hold its hash.
pub(super) fn token(name: &str, role: Role) -> Result<(), Failure> {
    let (text, secret) = SecretHash::draw()?;
    let (role, hash) = (role.as_str(), secret.to_hex());
    let name = name.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    print(&format!(
        "The token, which is shown only once:\n\n  {text}\n\nTo accept it, add this setting and run otrsd reload:\n\n\
         <Setting Name=\"WebConsole::Tokens###{name}\" Required=\"0\" Valid=\"1\">\n    \
         <Value>\n        <Hash>\n            <Item Key=\"Role\">{role}</Item>\n            \
         <Item Key=\"SHA256\">{hash}</Item>\n        </Hash>\n    </Value>\n</Setting>\n"
    ));
    Ok(())
}
