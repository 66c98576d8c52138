//! Layers of settings to effective values: the only code that merges.
//!
//! Every key belongs to exactly one setting. An overlay removes the value of its name from whatever held it before, be
//! it a setting of that name, a key within the value of a shorter name (`A` with a key B, overlaid by `A###B`), or
//! settings of longer names (`A###B`, overlaid by an `A` with a key B). So the higher layer always wins, and every
//! value has one origin.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::origin::{Origin, Problem};
use crate::path::{descend, insert, prefixes, remove, split_name};
use crate::setting::Setting;
use crate::value::Value;

/// The effective values, each with its origin. Other processes receive it as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, Effective>")]
pub struct SysConfig {
    /// By full name, each with the value that it sets itself.
    #[serde(flatten)]
    settings: BTreeMap<String, Effective>,
    /// By the first part of the name, with the keys of longer names merged in.
    #[serde(skip)]
    merged: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Effective {
    value: Value,
    origin: Origin,
}

impl SysConfig {
    /// Overlays a layer. Within the layer the last of equally named settings counts, and longer names go into the
    /// hashes of shorter ones, whatever their order (as in the original, where all files of a home are one layer).
    /// `valid: false` removes the setting, or that key. Returns the settings that could not be used: a key for
    /// something that is no hash.
    pub fn overlay(&mut self, settings: impl IntoIterator<Item = Setting>) -> Vec<Problem> {
        let layer: BTreeMap<String, Setting> =
            settings.into_iter().map(|setting| (setting.name.clone(), setting)).collect();
        let mut roots = BTreeSet::new();
        let mut problems = Vec::new();
        for (name, setting) in layer {
            let problem = |what| Problem {
                origin: setting.origin.clone(),
                setting: Some(name.clone()),
                what,
            };
            match split_name(&name) {
                Ok(parts) => roots.insert(parts[0].to_owned()),
                Err(what) => {
                    problems.push(problem(what));
                    continue;
                }
            };
            self.take_out(&name);
            if setting.valid {
                self.uncover(&name, &setting.value);
                self.settings
                    .insert(name, Effective { value: setting.value, origin: setting.origin });
            }
        }
        for root in roots {
            self.merge(&root, &mut problems);
        }
        problems
    }

    /// The effective value of `A` (with its keys merged in), `A###B`, `A###B###C`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let mut parts = name.split("###");
        let root = self.merged.get(parts.next()?)?;
        parts.try_fold(root, |value, key| value.get(key))
    }

    /// The origin of the value of `name`: the setting that holds it. For a hash that exists only by its keys, that of
    /// the first key.
    pub fn origin(&self, name: &str) -> Option<&Origin> {
        self.get(name)?;
        self.origins(name).next()
    }

    /// The origins of everything that `name` contains: the settings that hold it, then those of its keys.
    pub fn origins(&self, name: &str) -> impl Iterator<Item = &Origin> {
        let holders: Vec<_> = prefixes(name)
            .filter_map(|(prefix, path)| {
                let held = self.settings.get(prefix)?;
                descend(&held.value, path).map(|_| &held.origin)
            })
            .collect();
        holders.into_iter().chain(self.below(name).map(|(_, held)| &held.origin))
    }

    /// One entry for each setting, ordered by full name: the value that it sets itself, and its origin.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value, &Origin)> {
        self.settings.iter().map(|(name, held)| (name.as_str(), &held.value, &held.origin))
    }

    fn below(&self, name: &str) -> impl Iterator<Item = (&String, &Effective)> + use<'_> {
        let prefix = format!("{name}###");
        self.settings.range(prefix.clone()..).take_while(move |(name, _)| name.starts_with(&prefix))
    }

    /// Removes the setting `name`, and that key from the values of shorter names.
    fn take_out(&mut self, name: &str) {
        self.settings.remove(name);
        for (prefix, path) in prefixes(name).skip(1) {
            if let Some(held) = self.settings.get_mut(prefix) {
                remove(&mut held.value, path);
            }
        }
    }

    /// Removes the settings of longer names which `value` now holds under `name`.
    fn uncover(&mut self, name: &str, value: &Value) {
        let covered: Vec<String> = self
            .below(name)
            .filter(|(longer, _)| descend(value, &longer[name.len() + 3..]).is_some())
            .map(|(longer, _)| longer.clone())
            .collect();
        for longer in covered {
            self.settings.remove(&longer);
        }
    }

    /// Rebuilds the merged value of one root; keys that fit nowhere are left out and reported.
    fn merge(&mut self, root: &str, problems: &mut Vec<Problem>) {
        let mut merged = self.settings.get(root).map(|held| held.value.clone());
        let mut unfit = Vec::new();
        for (name, held) in self.below(root) {
            if let Err(place) = insert(&mut merged, &name[root.len() + 3..], &held.value) {
                let shorter = if place == 0 { root } else { &name[..root.len() + 3 + place] };
                unfit.push(name.clone());
                let what = format!("adds a key to {shorter}, which is not a hash");
                problems.push(Problem {
                    origin: held.origin.clone(),
                    setting: Some(name.clone()),
                    what,
                });
            }
        }
        for name in unfit {
            self.settings.remove(&name);
        }
        match merged {
            Some(value) => self.merged.insert(root.to_owned(), value),
            None => self.merged.remove(root),
        };
    }
}

impl From<BTreeMap<String, Effective>> for SysConfig {
    fn from(settings: BTreeMap<String, Effective>) -> Self {
        let layer = settings.into_iter().map(|(name, held)| Setting {
            name,
            value: held.value,
            valid: true,
            required: false,
            read_only: false,
            origin: held.origin,
        });
        let mut config = Self::default();
        config.overlay(layer);
        config
    }
}
