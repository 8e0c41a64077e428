// SPDX-License-Identifier: MIT OR Apache-2.0
//! Printing candidates.

use anyhow::Result;
use daxfs_cli::json::{self, Text};
use daxfs_cli::number::size;
use serde::Serialize;

use super::candidate::{Candidate, Kind};
use super::probe::Contents;
use crate::console::{Console, Form};

/// Prints the candidates.
///
/// # Errors
/// Those of the output.
pub fn print(candidates: &[Candidate], form: Form, console: &mut Console<'_>) -> Result<()> {
    for candidate in candidates {
        match form {
            Form::Json => console.json(json::Kind::Memory, &Line::of(candidate))?,
            Form::Text => print_one(candidate, console)?,
        }
    }
    if candidates.is_empty() && form == Form::Text {
        writeln!(
            console.out,
            "no memory of 2 MiB or more that a mount could take; reserve some at boot, for example \
             with memmap=512M$0x20000000"
        )?;
    }
    Ok(())
}

fn print_one(candidate: &Candidate, console: &mut Console<'_>) -> Result<()> {
    let range = candidate.range;
    let mut about = candidate.details.clone();
    about.push(match &candidate.driver {
        Some(driver) => format!("driver {driver}"),
        None => "no driver".to_owned(),
    });
    let (name, about) = (&candidate.name, about.join(", "));
    writeln!(console.out, "{name}: {about}")?;
    writeln!(
        console.out,
        "    {:#x}, {}",
        range.start,
        size(range.size())
    )?;
    let contents = contents(&candidate.contents, console);
    writeln!(console.out, "    {contents}")?;
    match &candidate.obstacle {
        Some(obstacle) if !contents.ends_with(obstacle) => {
            writeln!(console.out, "    {obstacle}")?;
        }
        Some(_) => {}
        None => {
            let command = mount_command(candidate).unwrap_or_default();
            writeln!(console.out, "    {command}")?;
        }
    }
    Ok(())
}

fn contents(contents: &Contents, console: &Console<'_>) -> String {
    match contents {
        Contents::Image(found) => {
            let label = match found.label.as_slice() {
                b"" => String::new(),
                label => format!(" \"{}\"", console.name(label)),
            };
            let (size, identity) = (size(found.size), found.identity);
            format!("image{label}, {size}, identity {identity}")
        }
        Contents::Damaged(why) => format!("a damaged image: {why}"),
        Contents::NoImage => "no image".to_owned(),
        Contents::NotRead(why) => format!("not read: {why}"),
    }
}

/// The command that mounts the memory, unless there is an obstacle.
fn mount_command(candidate: &Candidate) -> Option<String> {
    let phys = candidate.phys()?;
    Some(format!("mount -t daxfs -o phys={phys:#x} none /mnt"))
}

/// A candidate in JSON. A missing fact is an absent key.
#[derive(Serialize)]
struct Line<'a> {
    kind: Kind,
    name: &'a str,
    details: &'a [String],
    address: u64,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<&'a str>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<json::Image>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phys: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mount: Option<String>,
}

impl<'a> Line<'a> {
    fn of(candidate: &'a Candidate) -> Self {
        let (state, reason, image) = match &candidate.contents {
            Contents::Image(found) => {
                let image = json::Image {
                    label: Some(Text(found.label.clone())),
                    size: Some(found.size),
                    identity: Some(found.identity.to_string()),
                    ..json::Image::default()
                };
                ("image", None, Some(image))
            }
            Contents::Damaged(why) => ("damaged", Some(why.as_str()), None),
            Contents::NoImage => ("no_image", None, None),
            Contents::NotRead(why) => ("not_read", Some(why.as_str()), None),
        };
        Self {
            kind: candidate.kind,
            name: &candidate.name,
            details: &candidate.details,
            address: candidate.range.start,
            size: candidate.range.size(),
            driver: candidate.driver.as_deref(),
            holder: candidate.holder.as_deref(),
            obstacle: candidate.obstacle.as_deref(),
            state,
            reason,
            image,
            phys: candidate.phys(),
            mount: mount_command(candidate),
        }
    }
}
