// SPDX-License-Identifier: MIT OR Apache-2.0
//! The summary of a build, as text and as JSON.

use std::io::{self, Write};

use daxfs_cli::json::{self, Kind};
use daxfs_cli::number::{percent, plural, size};
use mkdaxfs::cli::Print;
use mkdaxfs::{shown, Mode, Options, Summary};

/// Prints a summary as JSON.
pub(crate) fn print_json(options: &Options, summary: &Summary) -> io::Result<()> {
    json::record(&mut *output(options), Kind::Build, summary)
}

/// Standard output, or standard error if the image goes to the former.
fn output(options: &Options) -> Box<dyn Write> {
    if options.writes_stdout() && options.mode == Mode::Write {
        Box::new(io::stderr().lock())
    } else {
        Box::new(io::stdout().lock())
    }
}

/// Prints a summary as text, unless nothing is to be printed.
pub(crate) fn print_text(print: Print, options: &Options, summary: &Summary) -> io::Result<()> {
    if print == Print::Nothing {
        return Ok(());
    }
    let out = &mut *output(options);
    let verb = match options.mode {
        Mode::Write => "",
        Mode::DryRun => " would be",
    };
    let bytes = summary.image_bytes;
    let image = match options.image.as_os_str() {
        name if name.is_empty() => "image".to_owned(),
        _ => shown(&options.image),
    };
    writeln!(out, "{image}:{verb} {} ({bytes} bytes)", size(bytes))?;
    print_tree(out, summary)?;
    print_contents(out, summary)?;
    print_layout(out, summary)?;
    writeln!(out, "  uuid      {}", summary.uuid)?;
    writeln!(out, "  identity  {}", summary.identity)?;
    writeln!(out, "  time      {:.2} s", summary.seconds)
}

fn print_tree(out: &mut dyn Write, s: &Summary) -> io::Result<()> {
    writeln!(
        out,
        "  tree      {}: {}, {}, {}, {} special, {}",
        plural(s.inodes, "inode"),
        plural(s.files, "file"),
        plural(s.directories, "directory"),
        plural(s.symlinks, "symlink"),
        s.special,
        plural(s.entries.saturating_sub(s.inodes), "more hard link"),
    )
}

fn print_contents(out: &mut dyn Write, s: &Summary) -> io::Result<()> {
    writeln!(
        out,
        "  contents  {} in files; {} shared by {}; {} packed in {}",
        size(s.content_bytes),
        size(s.shared_bytes),
        plural(s.shared_files, "file"),
        size(s.packed_bytes),
        plural(s.packed_contents, "file")
    )?;
    writeln!(
        out,
        "  sparse    {} with {} of holes",
        plural(s.sparse_files, "file"),
        size(s.hole_bytes)
    )
}

fn print_layout(out: &mut dyn Write, s: &Summary) -> io::Result<()> {
    writeln!(
        out,
        "  padding   {} to page ends, {} for alignment",
        size(s.tail_bytes),
        size(s.padding_bytes)
    )?;
    writeln!(
        out,
        "  mappable  {}, of which {} by huge pages ({})",
        size(s.mappable_bytes),
        size(s.huge_bytes),
        // The last huge page of a content may map its padding too.
        percent(s.huge_bytes, s.mappable_bytes.saturating_add(s.tail_bytes))
    )?;
    writeln!(
        out,
        "  metadata  {}, {} bytes an entry",
        size(s.metadata_bytes),
        s.metadata_bytes.checked_div(s.entries).unwrap_or(0)
    )
}
