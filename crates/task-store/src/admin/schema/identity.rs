//! The user of a database, and the rules that tell a copied database from one whose host has changed. A copy must never
//! send the mail that the original queued; a host that was renamed or made anew must go on working.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How many hosts are remembered: more than there can be nodes, and few enough for a container with a new name each day.
const MAX_HOSTS: usize = 1000;

/// The installation and the host that use a database.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// The installation: a home's `SystemID` and the like; empty where there is none.
    pub system: String,
    /// The hosts that have used it, the newest first; of a present identity this host alone.
    pub hosts: Vec<String>,
    /// What these hosts showed of themselves when they used it, by name.
    pub facts: BTreeMap<String, Facts>,
}

/// What a host shows of itself and of its database. What cannot be known is `None`, and decides nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The system's installation (`machine-id`): it stays when the host is renamed, and a clone has it too.
    pub machine: Option<String>,
    /// The hardware, or the virtual machine, that it runs on: a clone has another.
    pub hardware: Option<String>,
    /// The kernel's present run, which containers share with their host.
    pub boot: Option<String>,
    /// The file of a `SQLite` database.
    pub file: Option<FileId>,
    /// The server's data directory and the database in it: physical copies have it too, a loaded dump has not.
    pub server: Option<String>,
    /// Addresses by which the server is reached from other hosts; none for one on this host.
    pub addresses: Vec<String>,
}

/// A file on its volume: another container sees the same, a copy is another.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct FileId {
    /// Its inode.
    pub inode: u64,
    /// When it was made, in nanoseconds since 1970, where the file system remembers.
    pub born: Option<i64>,
    /// The file system, as `statvfs` numbers it.
    pub system: u64,
}

/// What tells the present user of a database from those it remembers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Difference {
    /// Another installation, by its `SystemID`.
    System,
    /// A host that it does not remember, and not the database that the remembered ones used.
    Host,
    /// A remembered name, but another machine, and another database.
    Machine,
    /// The remembered machine was cloned with its database.
    Clone,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hosts.join(", "))?;
        if self.system.is_empty() { Ok(()) } else { write!(f, " (SystemID {})", self.system) }
    }
}

impl fmt::Display for Difference {
    /// What follows the names of the two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System | Self::Host => "",
            Self::Machine => ", another machine of that name",
            Self::Clone => ", a clone of that machine",
        })
    }
}

impl Identity {
    /// Why `present` must not work with a database that remembers `self`; `None` if it may.
    pub(super) fn difference(&self, present: &Self) -> Option<Difference> {
        if self.system != present.system {
            return Some(Difference::System);
        }
        let now = present.hosts.first().and_then(|name| present.facts.get(name));
        // Facts about a host that was taken out of the list do not count.
        let then: Vec<_> = self.hosts.iter().filter_map(|name| self.facts.get(name)).collect();
        if let Some(now) = now {
            if now.addresses.is_empty() && now.is_clone_of(&then) {
                return Some(Difference::Clone);
            }
            if then.iter().any(|then| then.is_same_database(now)) {
                return None;
            }
        }
        let Some(name) = present.hosts.iter().find(|name| self.hosts.contains(name)) else {
            return Some(Difference::Host);
        };
        let machines = (self.facts.get(name), now);
        let (Some(then), Some(now)) = machines else { return None };
        differ(then.machine.as_ref(), now.machine.as_ref()).then_some(Difference::Machine)
    }

    /// Remembers `present` beside the others.
    pub(super) fn join(&mut self, present: &Self) {
        self.system.clone_from(&present.system);
        self.hosts.retain(|host| !present.hosts.contains(host));
        self.hosts.splice(0..0, present.hosts.iter().cloned());
        self.hosts.truncate(MAX_HOSTS);
        self.facts.extend(present.facts.clone());
        self.facts.retain(|host, _| self.hosts.contains(host));
    }
}

impl Facts {
    /// Whether this is the installation of one of `then`, on other hardware.
    fn is_clone_of(&self, then: &[&Self]) -> bool {
        let mut same = then.iter().filter(|it| agree(it.machine.as_ref(), self.machine.as_ref()));
        let differs = |it: &&Self| differ(it.hardware.as_ref(), self.hardware.as_ref());
        same.clone().next().is_some() && same.all(differs)
    }

    /// Whether `now` is about the very database of these facts, and not about a copy.
    fn is_same_database(&self, now: &Self) -> bool {
        if let (Some(then), Some(now)) = (self.file, now.file) {
            return then.is(now);
        }
        // A physical copy of a server has its identifier: it must be where it was.
        agree(self.server.as_ref(), now.server.as_ref())
            && (self.addresses.iter().any(|it| now.addresses.contains(it))
                || agree(self.machine.as_ref(), now.machine.as_ref())
                || agree(self.boot.as_ref(), now.boot.as_ref()))
    }
}

impl FileId {
    /// Numbers of file systems change with the order in which disks are found, so the time of birth goes before them.
    fn is(self, other: Self) -> bool {
        self.inode == other.inode
            && match (self.born, other.born) {
                (Some(one), Some(other)) => one == other,
                _ => self.system == other.system,
            }
    }
}

fn agree(one: Option<&String>, other: Option<&String>) -> bool {
    one.is_some() && one == other
}

fn differ(one: Option<&String>, other: Option<&String>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host as words say it: `name machine=… hardware=… boot=… file=… server=… at=…`.
    fn host(words: &str) -> Identity {
        let (name, facts) = words.split_once(' ').unwrap_or((words, ""));
        let mut seen = Facts::default();
        for (key, value) in facts.split_whitespace().filter_map(|it| it.split_once('=')) {
            let text = Some(value.to_owned());
            match key {
                "machine" => seen.machine = text,
                "hardware" => seen.hardware = text,
                "boot" => seen.boot = text,
                "server" => seen.server = text,
                "at" => seen.addresses.push(value.to_owned()),
                _ => {
                    let mut numbers = value.split('/').map(|it| it.parse().unwrap());
                    let (inode, born) = (numbers.next().unwrap(), numbers.next().unwrap());
                    let born = Some(born).filter(|it| *it > 0).map(u64::cast_signed);
                    seen.file = Some(FileId { inode, born, system: numbers.next().unwrap() });
                }
            }
        }
        let known = (!facts.is_empty()).then(|| (name.to_owned(), seen));
        Identity {
            system: "10".into(),
            hosts: vec![name.to_owned()],
            facts: known.into_iter().collect(),
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table of all combinations")]
    fn who_may_work_with_what() {
        use Difference::*;
        for (what, then, now, expected) in [
            // SQLite.
            ("container on its volume", "3f1c boot=1 file=7/99/1", "77d0 boot=1 file=7/99/1", None),
            (
                "elsewhere, with its volume",
                "3f1c boot=1 file=7/99/1",
                "77d0 boot=2 file=7/99/8",
                None,
            ),
            ("volume without times of birth", "3f1c file=7/0/1", "77d0 file=7/0/1", None),
            ("renamed", "a machine=m file=7/99/1", "b machine=m file=7/99/1", None),
            (
                "installed anew, disk kept",
                "a machine=m file=7/99/1",
                "b machine=n file=7/99/1",
                None,
            ),
            (
                "copied to another host",
                "a machine=m file=7/99/1",
                "b machine=n file=8/100/1",
                Some(Host),
            ),
            ("copied, born elsewhere", "a file=7/99/1", "b file=7/100/1", Some(Host)),
            ("copied to another file system", "a file=7/0/1", "b file=7/0/2", Some(Host)),
            (
                "copied to a host of that name",
                "a machine=m file=7/99/1",
                "a machine=n file=8/9/1",
                Some(Machine),
            ),
            ("restored on its host", "a machine=m file=7/99/1", "a machine=m file=8/100/1", None),
            ("restored, no machine ids", "a file=7/99/1", "a file=8/100/1", None),
            (
                "cloned machine",
                "a machine=m hardware=h file=7/99/1",
                "a machine=m hardware=i file=7/99/1",
                Some(Clone),
            ),
            (
                "cloned and renamed",
                "a machine=m hardware=h file=7/99/1",
                "b machine=m hardware=i file=7/99/1",
                Some(Clone),
            ),
            (
                "volume moved to another machine",
                "a machine=m hardware=h file=7/99/1",
                "b machine=n hardware=i file=7/99/1",
                None,
            ),
            (
                "hardware that is not told any more",
                "a machine=m hardware=h file=7/99/1",
                "a machine=m file=7/99/1",
                None,
            ),
            // A server elsewhere.
            ("new name, same server", "a server=s at=db", "b server=s at=db", None),
            (
                "server behind two addresses",
                "a server=s at=db at=10.0.0.5",
                "b server=s at=10.0.0.5",
                None,
            ),
            ("dump in another server", "a server=s at=db", "b server=t at=db", Some(Host)),
            (
                "dump in another server, same host",
                "a machine=m server=s at=db",
                "a machine=m server=t at=new",
                None,
            ),
            (
                "physical copy on another network",
                "a server=s at=db",
                "b server=s at=test",
                Some(Host),
            ),
            (
                "promoted replica",
                "a machine=m server=s at=db1",
                "a machine=m server=s at=db2",
                None,
            ),
            (
                "a node cloned for more capacity",
                "a machine=m hardware=h server=s at=db",
                "b machine=m hardware=i server=s at=db",
                None,
            ),
            ("server that tells nothing, new name", "a at=db", "b at=db", Some(Host)),
            // A server on the same host.
            ("renamed with its server", "a machine=m server=s", "b machine=m server=s", None),
            ("renamed while it runs", "a boot=1 server=s", "b boot=1 server=s", None),
            (
                "cloned with its server",
                "a machine=m hardware=h server=s",
                "b machine=m hardware=i server=s",
                Some(Clone),
            ),
            (
                "data directory copied",
                "a machine=m boot=1 server=s",
                "b machine=n boot=2 server=s",
                Some(Host),
            ),
            (
                "dump on the same host, new name",
                "a machine=m server=s",
                "b machine=m server=t",
                Some(Host),
            ),
            // The memory of earlier versions has names alone.
            ("known name", "a", "a machine=m file=7/99/1", None),
            ("unknown name", "a", "b machine=m file=7/99/1", Some(Host)),
            ("nothing known of either", "a", "b", Some(Host)),
        ] {
            assert_eq!(host(then).difference(&host(now)), expected, "{what}");
        }
        let other = Identity { system: "11".into(), ..host("a machine=m file=7/99/1") };
        assert_eq!(host("a machine=m file=7/99/1").difference(&other), Some(System));
    }

    #[test]
    fn what_is_known_of_a_host_that_was_taken_out_does_not_count() {
        let now = host("a machine=m boot=1 server=s");
        let then = Identity { hosts: vec!["elsewhere".into()], ..now.clone() };
        assert_eq!(then.difference(&now), Some(Difference::Host));
    }

    #[test]
    fn a_cluster_of_clones_knows_each() {
        let mut then = host("a machine=m hardware=h server=s");
        then.join(&host("b machine=m hardware=i server=s"));
        for name in ["a machine=m hardware=h server=s", "b machine=m hardware=i server=s"] {
            assert_eq!(then.difference(&host(name)), None);
        }
    }

    #[test]
    fn the_newest_hosts_are_remembered() {
        let mut then = Identity::default();
        for number in 0..MAX_HOSTS + 5 {
            then.join(&host(&format!("h{number} boot=1")));
        }
        then.join(&host("h900 boot=2"));
        assert_eq!((then.hosts.len(), then.facts.len()), (MAX_HOSTS, MAX_HOSTS));
        assert_eq!(then.hosts[..2], ["h900", "h1004"]);
    }
}
