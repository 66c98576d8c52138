//! A Perl hash, sorted by key: Perl's own order has no meaning, and a sorted one makes images and comparisons
//! reproducible.

use std::slice;
use std::vec;

use crate::key::Key;
use crate::value::Value;

/// Keys and their values, sorted by key. Build large hashes with `collect`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hash {
    pairs: Vec<(Key, Value)>,
}

impl Hash {
    /// The value of a text key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.find(&Key::from(key)).ok().map(|at| &self.pairs[at].1)
    }

    /// Sets a key, and returns its former value.
    pub fn insert(&mut self, key: Key, value: Value) -> Option<Value> {
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.pairs[at].1, value)),
            Err(at) => {
                self.pairs.insert(at, (key, value));
                None
            }
        }
    }

    /// Removes a text key, and returns its former value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.find(&Key::from(key)).ok().map(|at| self.pairs.remove(at).1)
    }

    /// The pairs, by key.
    pub fn iter(&self) -> slice::Iter<'_, (Key, Value)> {
        self.pairs.iter()
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn find(&self, key: &Key) -> Result<usize, usize> {
        self.pairs.binary_search_by(|(other, _)| other.cmp(key))
    }
}

impl From<Vec<(Key, Value)>> for Hash {
    /// Of equal keys the last one counts, as in Perl.
    fn from(mut pairs: Vec<(Key, Value)>) -> Self {
        pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
        pairs.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self { pairs }
    }
}

impl FromIterator<(Key, Value)> for Hash {
    fn from_iter<I: IntoIterator<Item = (Key, Value)>>(pairs: I) -> Self {
        Self::from(Vec::from_iter(pairs))
    }
}

impl IntoIterator for Hash {
    type Item = (Key, Value);
    type IntoIter = vec::IntoIter<(Key, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.into_iter()
    }
}

impl<'a> IntoIterator for &'a Hash {
    type Item = &'a (Key, Value);
    type IntoIter = slice::Iter<'a, (Key, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
