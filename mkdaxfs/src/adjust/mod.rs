// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes of metadata that options ask for, between scan and plan, so that every source gets them.
//!
//! | module | owns |
//! |---|---|
//! | `ids` | maps of users and groups: in inodes, ACLs and capabilities |
//! | `xattrs` | leaving out and adding extended attributes |
//!
//! Status that a source compares with a later one (owner, time) stays in the tree as it was found.
//! The inode section is written with its mapped value.

mod ids;
mod xattrs;

use std::path::PathBuf;

use self::xattrs::Rules;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::tree::node::NodeId;
use crate::tree::xattrs::decode;
use crate::tree::Tree;

/// Applies the options to a numbered tree. `path` gives the path of a file, for messages.
///
/// # Errors
/// When a file has an owner that no range of a map has, a pattern is malformed or matches nothing,
/// or a file cannot have an attribute that is added.
pub(crate) fn adjust(
    tree: &mut Tree,
    options: &Options,
    path: impl Fn(&Tree, NodeId) -> PathBuf,
) -> Result<()> {
    let refuse = |tree: &Tree, node, reason| Error::Metadata {
        path: path(tree, node),
        reason,
    };
    let maps = &options.ids;
    for (id, node) in tree.nodes() {
        ids::check(maps, &node.status).map_err(|reason| refuse(tree, id, reason))?;
    }
    let rules = Rules::new(&options.xattr_rules, tree)?;
    if rules.is_empty() && maps.uids.is_empty() && maps.gids.is_empty() {
        return Ok(());
    }
    tree.rewrite_sets(|tree, id| {
        let node = tree.node(id);
        let mut attributes = node
            .xattrs
            .map_or_else(Vec::new, |set| decode(tree.set(set)));
        rules.filter(&mut attributes);
        let mapped = ids::map_xattrs(maps, &mut attributes);
        let encoded = mapped.and_then(|()| rules.add(id, attributes, node.status.mode));
        encoded.map_err(|reason| refuse(tree, id, reason))
    })
}
