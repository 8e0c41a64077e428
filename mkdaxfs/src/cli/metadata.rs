// SPDX-License-Identifier: MIT OR Apache-2.0
//! Options that change owners and extended attributes.

use clap::{ArgAction, Args};

use super::names::{find, List};
use super::values::{self, Owner};
use crate::error::Result;
use crate::options::{IdMap, IdRange, Keep, Options, XattrAddition, XattrRules};

#[derive(Args, Debug)]
#[command(next_help_heading = "Owners")]
pub(super) struct OwnerArgs {
    /// Give all files to user 0 and group 0
    #[arg(long, conflicts_with_all = ["force_uid", "force_gid", "uid_map", "gid_map"])]
    all_root: bool,

    /// Give all files to this user
    ///
    /// A name is looked up in /etc/passwd of the image, not of this system, so that the same tree
    /// gives the same image everywhere. root is 0 without one.
    #[arg(long, value_name = "USER", value_parser = values::owner, conflicts_with = "uid_map")]
    force_uid: Option<Owner>,

    /// Give all files to this group
    ///
    /// A name is looked up in /etc/group of the image, not of this system.
    #[arg(long, value_name = "GROUP", value_parser = values::owner, conflicts_with = "gid_map")]
    force_gid: Option<Owner>,

    /// Give files of the users from FROM on to the users from TO on
    ///
    /// As in user namespaces: 100000:0:65536 gives files of user 100000 to user 0. Users in ACLs and
    /// capabilities are mapped too. A user outside of all ranges is an error. May be repeated.
    #[arg(long, value_name = "FROM:TO:COUNT", value_parser = values::id_range)]
    #[arg(action = ArgAction::Append)]
    uid_map: Vec<IdRange>,

    /// Give files of the groups from FROM on to the groups from TO on
    #[arg(long, value_name = "FROM:TO:COUNT", value_parser = values::id_range)]
    #[arg(action = ArgAction::Append)]
    gid_map: Vec<IdRange>,
}

impl OwnerArgs {
    /// Checks the ranges with each other.
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        for (option, ranges) in [("--uid-map", &self.uid_map), ("--gid-map", &self.gid_map)] {
            if IdMap::new(ranges).is_none() {
                return Err(format!(
                    "two ranges of {option} have the same numbers in FROM"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn apply(&self, options: &mut Options) -> Result<()> {
        let root = self.all_root.then_some(0);
        let number = |owner: &Option<Owner>, list| match owner {
            None => Ok(root),
            Some(Owner::Number(number)) => Ok(Some(*number)),
            Some(Owner::Name(name)) => find(name, list, &options.sources).map(Some),
        };
        options.overrides.uid = number(&self.force_uid, List::Users)?;
        options.overrides.gid = number(&self.force_gid, List::Groups)?;
        options.ids.uids = IdMap::new(&self.uid_map).unwrap_or_default();
        options.ids.gids = IdMap::new(&self.gid_map).unwrap_or_default();
        Ok(())
    }
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Extended attributes")]
pub(super) struct XattrArgs {
    /// Leave out extended attributes, and ACLs with them
    #[arg(long, conflicts_with_all = ["xattrs_include", "xattrs_exclude"])]
    no_xattrs: bool,

    /// Keep only extended attributes whose names match
    ///
    /// A glob for the whole name, such as `user.*`. May be repeated.
    #[arg(long, value_name = "GLOB", action = ArgAction::Append)]
    xattrs_include: Vec<String>,

    /// Leave out extended attributes whose names match
    ///
    /// Applies to what --xattrs-include keeps. May be repeated.
    #[arg(long, value_name = "GLOB", action = ArgAction::Append)]
    xattrs_exclude: Vec<String>,

    /// Give files that match an extended attribute
    ///
    /// The glob is one of --exclude, or / for the root, and must match. The value is text, or bytes
    /// as 0x and hexadecimal digits. An attribute of the same name is replaced; those that other
    /// options leave out can be added. May be repeated.
    #[arg(long, value_names = ["GLOB", "NAME=VALUE"], num_args = 2, action = ArgAction::Append)]
    xattrs_add: Vec<String>,

    /// The parsed values of `xattrs_add`.
    #[arg(skip)]
    additions: Vec<XattrAddition>,
}

impl XattrArgs {
    /// Parses the attributes to add.
    pub(super) fn check(&mut self) -> std::result::Result<(), String> {
        for pair in self.xattrs_add.chunks_exact(2) {
            let [files, text] = pair else { continue };
            let (name, value) = values::attribute(text)
                .map_err(|reason| format!("invalid value '{text}' for --xattrs-add: {reason}"))?;
            self.additions.push(XattrAddition {
                files: files.clone(),
                name,
                value,
            });
        }
        Ok(())
    }

    pub(super) fn apply(&self, options: &mut Options) {
        if self.no_xattrs {
            options.xattrs = Keep::No;
        }
        options.xattr_rules = XattrRules {
            include: self.xattrs_include.clone(),
            exclude: self.xattrs_exclude.clone(),
            add: self.additions.clone(),
        };
    }
}
