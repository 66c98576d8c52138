//! Settings and registrations of modules, as XML.

use std::fmt::Write as _;

/// A registration that is being written.
pub(crate) struct Registration {
    name: String,
    keys: String,
    behaviour: String,
}

/// Registers the module `name`.
pub(crate) fn module(name: &str) -> Registration {
    Registration { name: name.to_owned(), keys: String::new(), behaviour: String::new() }
}

/// A module that does nothing, for as long as it is let.
pub(crate) fn idle(name: &str, number: u16) -> String {
    module(name).native(number).key("SleepPost", "3600").xml()
}

impl Registration {
    /// The module `Test::<number>` of the tests' program.
    pub(crate) fn native(self, number: u16) -> Self {
        self.key("Module", &format!("Test::{number}"))
    }

    pub(crate) fn key(mut self, key: &str, text: &str) -> Self {
        let _ = write!(self.keys, "<Item Key=\"{key}\">{}</Item>", escape(text));
        self
    }

    pub(crate) fn command(self, argv: &[&str]) -> Self {
        self.list("Command", argv)
    }

    pub(crate) fn list(mut self, key: &str, words: &[&str]) -> Self {
        let items: Vec<_> =
            words.iter().map(|word| format!("<Item>{}</Item>", escape(word))).collect();
        let _ = write!(self.keys, "<Item Key=\"{key}\"><Array>{}</Array></Item>", items.concat());
        self
    }

    /// A command: a shell that runs `script`.
    pub(crate) fn shell(self, script: &str) -> Self {
        self.command(&["/bin/sh", "-c", script])
    }

    /// What a native module does in a part of its rounds.
    pub(crate) fn does(mut self, part: &str, actions: &str) -> Self {
        self.behaviour += &setting(&format!("Daemon::{}::{part}", self.name), actions);
        self
    }

    pub(crate) fn xml(&self) -> String {
        format!(
            "<Setting Name=\"DaemonModules###{}\" Required=\"1\" Valid=\"1\">\
             <Value><Hash>{}</Hash></Value></Setting>\n{}",
            self.name, self.keys, self.behaviour
        )
    }
}

/// A setting with a text.
pub(crate) fn setting(name: &str, text: &str) -> String {
    let text = escape(text);
    let value = format!("<Item ValueType=\"String\">{text}</Item>");
    format!(
        "<Setting Name=\"{name}\" Required=\"1\" Valid=\"1\"><Value>{value}</Value></Setting>\n"
    )
}

/// A file of settings.
pub(crate) fn configuration(settings: &[String]) -> String {
    let settings = settings.concat();
    format!("<otrs_config version=\"2.0\" init=\"Changes\">\n{settings}</otrs_config>\n")
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
