// SPDX-License-Identifier: MIT OR Apache-2.0
//! The build: scan, compare, copy, look again, describe, publish.

use std::time::Instant;

use crate::error::Result;
use crate::observer::{Observer, Phase};
use crate::options::Options;
use crate::plan::inputs::Inputs;
use crate::plan::ordered::Ordered;
use crate::source::directory::Directory;
use crate::source::Source;
use crate::summary::{self, Summary};
use crate::tree::builder::TreeBuilder;
use crate::write::contents::copy_contents;
use crate::write::output::Output;
use crate::write::{describe, Job};

/// Builds an image.
///
/// # Errors
/// See [`Error`](crate::Error). With one exception, no image has appeared, and one that existed is
/// as it was.
pub fn build(options: &Options, observer: &dyn Observer) -> Result<Summary> {
    let start = Instant::now();
    Output::check(options)?;
    observer.phase(Phase::Scan);
    let mut source = Directory::open(options)?;
    let summary = build_from(&mut source, options, observer)?;
    Ok(Summary {
        seconds: start.elapsed().as_secs_f64(),
        ..summary
    })
}

/// Builds an image of any source.
fn build_from(
    source: &mut dyn Source,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Summary> {
    let mut builder = TreeBuilder::default();
    source.scan(&mut builder, observer)?;
    let mut tree = builder.finish();
    let ordered = tree.number();
    let ordered = Ordered::new(&tree, ordered);
    let output = Output::open(options)?;
    let (entries, bytes) = summary::count(&tree);
    observer.phase(Phase::Compare { entries, bytes });
    let inputs = Inputs {
        options,
        observer,
        source,
        tree: &tree,
    };
    let job = Job {
        inputs,
        output: &output,
    };
    let mut image = output.while_syncing(|| copy_contents(job, &ordered))?;
    source.recheck(&tree, &ordered.order, output.changed_directory())?;
    observer.phase(Phase::Metadata);
    let sealed = describe(job, &ordered, &mut image)?;
    let summary = summary::of(&tree, &image, &sealed);
    observer.phase(Phase::Publish);
    output.publish(image.sections.image_size())?;
    Ok(summary)
}
