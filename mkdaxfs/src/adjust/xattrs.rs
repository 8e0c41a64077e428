// SPDX-License-Identifier: MIT OR Apache-2.0
//! Leaving out and adding extended attributes.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::error::{Error, Result};
use crate::options::{XattrAddition, XattrRules};
use crate::source::exclude::Exclude;
use crate::tree::node::{NodeId, NodeKind};
use crate::tree::xattrs::{Attribute, EncodedSet, KnownNames};
use crate::tree::Tree;

/// The rules of a build, with the files that they are for.
pub(super) struct Rules<'a> {
    include: Option<GlobSet>,
    exclude: GlobSet,
    /// The attributes to add to files.
    additions: HashMap<NodeId, Vec<&'a XattrAddition>>,
}

impl<'a> Rules<'a> {
    /// Compiles the rules, and finds their files.
    pub(super) fn new(rules: &'a XattrRules, tree: &Tree) -> Result<Self> {
        let include = compile(&rules.include)?;
        let mut additions: HashMap<_, Vec<_>> = HashMap::new();
        for addition in &rules.add {
            for node in matching(tree, &addition.files)? {
                additions.entry(node).or_default().push(addition);
            }
        }
        Ok(Self {
            include: (!rules.include.is_empty()).then_some(include),
            exclude: compile(&rules.exclude)?,
            additions,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty() && self.additions.is_empty()
    }

    /// Takes away the attributes of a file that are left out.
    pub(super) fn filter(&self, attributes: &mut Vec<Attribute>) {
        attributes.retain(|attribute| {
            let name = OsStr::from_bytes(&attribute.name);
            let included = self
                .include
                .as_ref()
                .is_none_or(|globs| globs.is_match(name));
            included && !self.exclude.is_match(name)
        });
    }

    /// Adds attributes to those of a file with this mode.
    pub(super) fn add(
        &self,
        node: NodeId,
        mut attributes: Vec<Attribute>,
        mode: u16,
    ) -> std::result::Result<EncodedSet, String> {
        for addition in self.additions.get(&node).into_iter().flatten() {
            attributes.retain(|attribute| attribute.name != addition.name);
            attributes.push(Attribute {
                name: addition.name.clone(),
                value: addition.value.clone(),
            });
        }
        encode(&attributes, mode)
    }
}

fn compile(globs: &[String]) -> Result<GlobSet> {
    let wrong = |source| Error::Pattern { line: None, source };
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(GlobBuilder::new(glob).build().map_err(wrong)?);
    }
    set.build().map_err(wrong)
}

/// The files that a pattern matches by one of their names.
fn matching(tree: &Tree, files: &str) -> Result<Vec<NodeId>> {
    if files == "/" {
        return Ok(vec![NodeId::ROOT]);
    }
    let globs = Exclude::new(&[files.to_owned()])?;
    let mut found = Vec::new();
    for (id, node) in tree.nodes() {
        let NodeKind::Directory(children) = node.kind else {
            continue;
        };
        let parent = tree.path(NodeId::ROOT, id);
        for entry in tree.children(children) {
            let separator: &[u8] = if parent.is_empty() { b"" } else { b"/" };
            let path = [&parent, separator, tree.name(entry)].concat();
            if globs.matches(&path, tree.node(entry.node).file_type()) {
                found.push(entry.node);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        return Err(Error::Metadata {
            path: files.into(),
            reason: "--xattrs-add: no file matches".to_owned(),
        });
    }
    Ok(found)
}

/// The set of these attributes.
fn encode(attributes: &[Attribute], mode: u16) -> std::result::Result<EncodedSet, String> {
    let names: Vec<&[u8]> = attributes.iter().map(|one| one.name.as_slice()).collect();
    let known = KnownNames::of(&names).map_err(|limit| limit.to_string())?;
    let mut set = EncodedSet::default();
    for name in known.iter() {
        let attribute = attributes.iter().find(|one| one.name == name.full);
        let value = attribute.map_or(&[][..], |one| &one.value);
        set.append(name, value, mode)
            .map_err(|limit| limit.to_string())?;
    }
    Ok(set)
}
