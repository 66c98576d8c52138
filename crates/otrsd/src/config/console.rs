//! `WebConsole::*`: where the console listens, which callers are admitted, and which tasks they may add.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use sysconfig::{Problem, SysConfig, Value};
use task_store::DatabaseUrl;

use crate::config::{self, database::CONSOLE_URL, home, secret_hash::SecretHash};

const LISTEN: &str = "WebConsole::Listen";
const HOSTS: &str = "WebConsole::AllowedHosts";
const TOKENS: &str = "WebConsole::Tokens";
const ADDABLE: &str = "WebConsole::AddableTypes";
const OPEN_METRICS: &str = "WebConsole::OpenMetrics";
/// The payload of these types says what is run: a token must not amount to a shell.
const NEVER_ADDABLE: [&str; 3] = ["Cron", "AsynchronousExecutor", "GenericAgent"];

/// What a caller may do.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, clap::ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// See everything but what tasks and modules bring along.
    View,
    /// See and change everything.
    Operate,
}

/// What a link or a token grants.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The hash of the token, as in the settings; a link of the command line has none.
    pub(crate) token: Option<String>,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Operate => "operate",
        }
    }
}

/// Where the console listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Listen {
    /// A loopback address, so that the connection needs no encryption.
    Tcp(SocketAddr),
    /// For a proxy on the same host, which provides encryption.
    Unix(PathBuf),
}

/// A named token of a program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Token {
    pub(crate) role: Role,
    pub(crate) secret: SecretHash,
}

#[derive(Clone, Debug)]
pub(crate) struct WebSettings {
    pub(crate) listen: Listen,
    /// The host names under which a proxy serves the console.
    pub(crate) hosts: BTreeSet<String>,
    pub(crate) tokens: BTreeMap<String, Token>,
    /// `None`: every type that a setting describes.
    addable: Option<BTreeSet<String>>,
    pub(crate) open_metrics: bool,
}

/// Reads the settings; a bad one is a problem, and the safe default applies.
pub(crate) fn read(settings: &SysConfig) -> (WebSettings, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut wrong = |name: &str, what: String| {
        problems.push(config::problem(settings, name, what));
    };
    let usual = SocketAddr::from(([127, 0, 0, 1], 8440));
    let listen = match config::text(settings, LISTEN).map(str::trim) {
        None | Some("") => Listen::Tcp(usual),
        Some(text) => listen(text).unwrap_or_else(|what| {
            wrong(LISTEN, format!("{what}; {usual} is used"));
            Listen::Tcp(usual)
        }),
    };
    let mut tokens = BTreeMap::new();
    for (name, value) in settings.get(TOKENS).and_then(Value::as_map).into_iter().flatten() {
        match token(value) {
            Ok(token) => drop(tokens.insert(name.clone(), token)),
            Err(what) => wrong(&format!("{TOKENS}###{name}"), format!("{what}; it opens nothing")),
        }
    }
    let mut addable = words(settings, ADDABLE).unwrap_or_else(|what| {
        wrong(ADDABLE, format!("{what}; nothing can be added"));
        Some(BTreeSet::new())
    });
    for never in NEVER_ADDABLE {
        if addable.as_mut().is_some_and(|types| types.remove(never)) {
            wrong(
                ADDABLE,
                format!("tasks of type {never} run what their payload says and are never added so"),
            );
        }
    }
    if addable.is_none() && config::text(settings, home::SETTING).is_some() {
        addable = Some(BTreeSet::new());
    }
    if let Some(Err(error)) = config::text(settings, CONSOLE_URL).map(DatabaseUrl::parse) {
        wrong(CONSOLE_URL, error.to_string());
    }
    let hosts = words(settings, HOSTS).unwrap_or_else(|what| {
        wrong(HOSTS, what);
        None
    });
    let hosts = hosts.unwrap_or_default().iter().map(|host| host.to_ascii_lowercase()).collect();
    let open_metrics = config::text(settings, OPEN_METRICS) == Some("1");
    (WebSettings { listen, hosts, tokens, addable, open_metrics }, problems)
}

impl Token {
    /// What a token grants, by its name in the settings.
    pub(crate) fn grant(&self, name: &str) -> Grant {
        let token = Some(self.secret.to_hex());
        Grant { name: format!("token {name}"), role: self.role, token }
    }
}

impl WebSettings {
    /// Whether the token or link of a session would still be admitted.
    pub(crate) fn is_good(&self, grant: &Grant) -> bool {
        grant.token.is_none() || self.tokens.iter().any(|(name, it)| it.grant(name) == *grant)
    }

    /// Whether tasks of a type may be added; `described`: whether a setting describes how they are run.
    pub(crate) fn is_addable(&self, task_type: &str, described: bool) -> bool {
        !runs_its_data(task_type)
            && self.addable.as_ref().map_or(described, |types| types.contains(task_type))
    }
}

/// Whether the data of a task says what is run.
pub(crate) fn runs_its_data(task_type: &str) -> bool {
    NEVER_ADDABLE.contains(&task_type)
}

fn listen(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = PathBuf::from(path);
        return if path.is_absolute() {
            Ok(Listen::Unix(path))
        } else {
            Err(format!("the socket '{}' must have an absolute path", path.display()))
        };
    }
    let address: SocketAddr = text.parse().map_err(|_| {
        format!("'{text}' is neither like 127.0.0.1:8440 nor like unix:/run/otrsd/web.sock")
    })?;
    if !address.ip().is_loopback() {
        return Err(format!(
            "'{text}' is no address of this host alone: the console speaks no TLS, so let a proxy listen there"
        ));
    }
    Ok(Listen::Tcp(address))
}

fn token(value: &Value) -> Result<Token, String> {
    let text = |key| value.get(key).and_then(Value::as_text).map(str::trim);
    let role = match text("Role") {
        Some("view") => Role::View,
        Some("operate") => Role::Operate,
        _ => return Err("'Role' must be view or operate".to_owned()),
    };
    let secret = text("SHA256").and_then(SecretHash::from_hex);
    let secret = secret.ok_or("'SHA256' must be what `otrsd console-token` printed")?;
    Ok(Token { role, secret })
}

/// A list of texts; `None` if it is not set.
fn words(settings: &SysConfig, name: &str) -> Result<Option<BTreeSet<String>>, String> {
    let list = match settings.get(name) {
        None | Some(Value::Undef) => return Ok(None),
        Some(Value::List(list)) => list,
        Some(_) => return Err("it must be an array".to_owned()),
    };
    let words = list.iter().map(|it| it.as_text().map(|text| text.trim().to_owned()));
    words.collect::<Option<_>>().map(Some).ok_or_else(|| "it must be an array of texts".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(xml: &str) -> (WebSettings, Vec<String>) {
        let document =
            format!("<otrsd_config version='2.0' init='Application'>{xml}</otrsd_config>");
        let mut settings = SysConfig::default();
        settings.overlay(sysconfig::parse("test.xml", &document).unwrap().settings);
        let (read, problems) = read(&settings);
        (read, problems.iter().map(ToString::to_string).collect())
    }

    fn text(name: &str, value: &str) -> String {
        format!(
            "<Setting Name='{name}' Valid='1'><Value><Item ValueType='String'>{value}</Item></Value></Setting>"
        )
    }

    #[test]
    fn it_listens_where_only_this_host_comes() {
        let usual = "127.0.0.1:8440";
        for (given, listens, problem) in [
            ("", usual, ""),
            ("127.0.0.1:9000", "127.0.0.1:9000", ""),
            ("[::1]:0", "[::1]:0", ""),
            ("0.0.0.0:8440", usual, "no TLS"),
            ("elsewhere:8440", usual, "is neither like"),
        ] {
            let (read, problems) = of(&text(LISTEN, given));
            assert_eq!(read.listen, Listen::Tcp(listens.parse().unwrap()), "{given}");
            assert_eq!(problems.len(), usize::from(!problem.is_empty()), "{problems:?}");
            assert!(problems.iter().all(|it| it.contains(problem)), "{problems:?}");
        }
        assert_eq!(
            of(&text(LISTEN, "unix:/run/w.sock")).0.listen,
            Listen::Unix("/run/w.sock".into())
        );
        assert!(of(&text(LISTEN, "unix:w.sock")).1[0].contains("absolute"));
    }

    #[test]
    fn what_runs_its_payload_is_never_added() {
        let list = |words: &[&str]| {
            let items: Vec<String> = words.iter().map(|it| format!("<Item>{it}</Item>")).collect();
            format!(
                "<Setting Name='{ADDABLE}' Valid='1'><Value><Array>{}</Array></Value></Setting>",
                items.concat()
            )
        };
        let (read, problems) = of(&list(&["Greet", "Cron"]));
        assert!(read.is_addable("Greet", false) && !read.is_addable("Other", true));
        assert!(!read.is_addable("Cron", true));
        assert!(problems[0].contains("never added"), "{problems:?}");
        let (read, _) = of("");
        assert!(read.is_addable("Greet", true) && !read.is_addable("Greet", false));
        assert!(!read.is_addable("GenericAgent", true));
        let (read, _) = of(&text(home::SETTING, "/opt/znuny"));
        assert!(!read.is_addable("Greet", true));
    }

    #[test]
    fn a_token_that_cannot_be_read_opens_nothing() {
        let token = |role: &str, hash: &str| {
            format!(
                "<Setting Name='{TOKENS}###prometheus' Valid='1'><Value><Hash><Item Key='Role'>{role}</Item>\
                 <Item Key='SHA256'>{hash}</Item></Hash></Value></Setting>"
            )
        };
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let (read, problems) = of(&token("view", hash));
        assert_eq!(read.tokens["prometheus"].role, Role::View);
        assert!(problems.is_empty(), "{problems:?}");
        for (role, hash, why) in
            [("admin", hash, "view or operate"), ("view", "abc", "console-token")]
        {
            let (read, problems) = of(&token(role, hash));
            assert!(read.tokens.is_empty());
            assert!(problems[0].contains(why), "{problems:?}");
        }
    }
}
