//! The setting XML of the OTRS family, read as the original reads it, and layered.
//!
//! [`parse`], [`read_file`] and [`read_directory`] turn `<otrs_config>` documents (also `<otobo_config>`,
//! `<znuny_config>` and `<otrsd_config>`) into [`Setting`]s whose [`Value`]s equal what the original's own Perl
//! computes; [`SysConfig`] overlays layers of settings and remembers the origin of every value. Out of scope: the
//! meaning of a setting, translations, modified values in the database.
//!
//! ```
//! let text = r#"<otrsd_config version="2.0" init="Config">
//!     <Setting Name="DaemonModules###Poll" Valid="1">
//!         <Value><Hash><Item Key="Module">Acme::Poll</Item></Hash></Value>
//!     </Setting>
//! </otrsd_config>"#;
//! let mut config = sysconfig::SysConfig::default();
//! config.overlay(sysconfig::parse("/etc/otrsd/poll.xml", text)?.settings);
//! let module = config.get("DaemonModules###Poll###Module");
//! assert_eq!(module.and_then(|module| module.as_text()), Some("Acme::Poll"));
//! let origin = config.origin("DaemonModules###Poll").map(ToString::to_string);
//! assert_eq!(origin.as_deref(), Some("/etc/otrsd/poll.xml:2"));
//! # Ok::<(), sysconfig::Error>(())
//! ```

mod clean;
mod document;
mod error;
mod guard;
mod item;
mod origin;
mod path;
mod position;
mod read;
mod setting;
mod sysconfig;
mod trim;
mod value;
mod value_type;
mod wording;

pub use document::{Document, Init, parse};
pub use error::Error;
pub use origin::{Origin, Problem};
pub use read::{Open, read_directory, read_directory_by, read_file, read_file_by};
pub use setting::Setting;
pub use sysconfig::SysConfig;
pub use value::Value;
