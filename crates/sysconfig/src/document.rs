//! One document: the version and init of its root element, and its settings.

use std::sync::Arc;

use roxmltree::{Node, ParsingOptions};
use serde::{Deserialize, Serialize};

use crate::clean::Clean;
use crate::error::{Error, Fault, shorten};
use crate::guard;
use crate::origin::{Origin, Problem};
use crate::position::Lines;
use crate::setting::{Setting, setting_of};
use crate::wording::fault_of;

/// The maximum size of a text in bytes; the largest known file has 0.9 MB.
pub(crate) const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// The order of a file among the others of its directory: later ones override earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Init {
    /// The framework's own settings.
    Framework,
    /// Applications on top of the framework, and packages.
    Application,
    /// Changes of settings of the first two.
    Config,
    /// Changes of any setting.
    Changes,
}

/// A parsed file: its valid settings in the file's order, and the problems of the others.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file, as it was given.
    pub source: Arc<str>,
    /// Its position among the files of a directory.
    pub init: Init,
    /// The settings that can be used; of two with the same name the later one counts.
    pub settings: Vec<Setting>,
    /// The settings that cannot be used, in the file's order.
    pub problems: Vec<Problem>,
}

/// Parses the text of a document; `source` is its name in origins and messages. At most 16 MiB.
pub fn parse(source: &str, text: &str) -> Result<Document, Error> {
    check_size(source, text.len() as u64)?;
    let source: Arc<str> = Arc::from(source);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let clean = Clean::new(text);
    let reader = Reader { source, lines: Lines::new(text), clean: &clean };
    reader.document().map_err(|fault| {
        let at = reader.lines.line_column(clean.original(fault.at));
        Error { file: Arc::clone(&reader.source), at: Some(at), what: fault.what }
    })
}

pub(crate) fn check_size(name: &str, size: u64) -> Result<(), Error> {
    if size > MAX_SIZE {
        return Err(Error::of_file(
            name,
            format!("found {size} bytes; expected at most {MAX_SIZE}"),
        ));
    }
    Ok(())
}

struct Reader<'a> {
    source: Arc<str>,
    lines: Lines<'a>,
    clean: &'a Clean<'a>,
}

impl Reader<'_> {
    fn document(&self) -> Result<Document, Fault> {
        guard::check(&self.clean.text, &|at| self.origin(at).line)?;
        let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
        let tree = roxmltree::Document::parse_with_options(&self.clean.text, options)
            .map_err(|error| fault_of(&error, &self.clean.text))?;
        let root = tree.root_element();
        let init = init_of(root)?;
        let (mut settings, mut problems) = (Vec::new(), Vec::new());
        for node in root.children().filter(Node::is_element) {
            match setting_of(node, self.origin(node.range().start)) {
                Ok(setting) => settings.push(setting),
                Err(fault) => problems.push(self.problem(node, fault)),
            }
        }
        Ok(Document { source: Arc::clone(&self.source), init, settings, problems })
    }

    fn origin(&self, at: usize) -> Origin {
        let line = self.lines.line(self.clean.original(at));
        Origin { source: Arc::clone(&self.source), line, is_shared: false }
    }

    fn problem(&self, node: Node<'_, '_>, fault: Fault) -> Problem {
        let setting = node
            .attribute("Name")
            .filter(|name| !name.is_empty())
            .map(|name| shorten(name.to_owned()));
        Problem { origin: self.origin(fault.at), setting, what: fault.what }
    }
}

const INITS: &str = "expected init=\"Framework\", \"Application\", \"Config\" or \"Changes\"";

/// Checks the root element.
fn init_of(root: Node<'_, '_>) -> Result<Init, Fault> {
    let fault = |what: String| Fault::new(root.range().start, what);
    let name = root.tag_name().name();
    if !["otrs_config", "otobo_config", "znuny_config", "otrsd_config"].contains(&name) {
        return Err(fault(format!(
            "found <{name}>; expected <otrs_config>, <otobo_config>, <znuny_config> or <otrsd_config>"
        )));
    }
    match root.attribute("version") {
        Some("2.0") => {}
        Some(version) if version.starts_with("1.") => {
            return Err(fault(format!(
                "found version={version:?}, the format up to OTRS 5; expected version=\"2.0\": \
                 migrate the file first, by Dev::Tools::Migrate::ConfigXMLStructure of OTRS 6 or OTOBO"
            )));
        }
        Some(version) => {
            return Err(fault(format!("found version={version:?}; expected version=\"2.0\"")));
        }
        None => {
            return Err(fault(format!(
                "found <{name}> without version=; expected version=\"2.0\""
            )));
        }
    }
    match root.attribute("init") {
        Some("Framework") => Ok(Init::Framework),
        Some("Application") => Ok(Init::Application),
        Some("Config") => Ok(Init::Config),
        Some("Changes") => Ok(Init::Changes),
        Some(init) => Err(fault(format!("found init={init:?}; {INITS}"))),
        None => Err(fault(format!("found <{name}> without init=; {INITS}"))),
    }
}
