//! Settings of several files put together, as .NET's configuration does it: keys do not differ by case, and what is loaded
//! later wins value by value.

use std::fmt;

use indexmap::IndexMap;
use zeroize::Zeroizing;

/// Levels of keys that are read; .NET reads as many in a file.
const DEPTH: usize = 64;

/// A key with what is below it.
#[derive(Default)]
pub(super) struct Tree {
    /// The key, as it was written first.
    pub(super) name: String,
    /// Its value.
    pub(super) leaf: Option<Leaf>,
    /// What is below it, by keys in lower case.
    children: IndexMap<String, Self>,
}

/// A value.
pub(super) struct Leaf {
    /// Its text, which may be a secret.
    pub(super) text: Zeroizing<String>,
    /// The number of the source that it comes from.
    pub(super) source: usize,
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf(of source {})", self.source)
    }
}

impl Tree {
    /// Sets the value at a path of keys; nothing takes it away. Tells whether the path is one that is read.
    pub(super) fn set(&mut self, path: &[&str], leaf: Option<Leaf>) -> bool {
        if path.len() > DEPTH {
            return false;
        }
        let mut at = self;
        for key in path {
            at = at.children.entry(key.to_lowercase()).or_default();
            if at.name.is_empty() {
                (*key).clone_into(&mut at.name);
            }
        }
        at.leaf = leaf;
        true
    }

    /// What is at a path.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, key| tree.children.get(&key.to_lowercase()))
    }

    /// The value at a path, if it is not empty.
    pub(super) fn leaf(&self, path: &[&str]) -> Option<&Leaf> {
        self.at(path)?.leaf.as_ref().filter(|leaf| !leaf.text.is_empty())
    }

    /// The text at a path, if it is not empty.
    pub(super) fn text(&self, path: &[&str]) -> Option<&str> {
        self.leaf(path).map(|leaf| leaf.text.as_str())
    }

    /// What is directly below.
    pub(super) fn children(&self) -> impl Iterator<Item = &Self> {
        self.children.values()
    }

    /// All values below with the keys on the way to them.
    pub(super) fn each<'t>(&'t self, path: &mut Vec<&'t str>, take: &mut dyn FnMut(&[&str], &Leaf)) {
        if let Some(leaf) = &self.leaf {
            take(path, leaf);
        }
        for child in self.children.values() {
            path.push(&child.name);
            child.each(path, take);
            path.pop();
        }
    }
}
