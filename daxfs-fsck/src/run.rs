// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order of the steps.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{anyhow, ensure, Context, Result};
use daxfs_cli::progress::{Phase, Progress, Unit};
use daxfs_image::check::data::DataCheck;
use daxfs_image::check::{check_structure, hashes, CheckError, Findings, Paths, Structure};
use daxfs_image::escape::printable;
use daxfs_image::file::{self, FileImage, OpenError};
use daxfs_image::format::{Error, Finding};

use crate::archive::{self, Archive};
use crate::cli::Options;
use crate::extract::{self, Target};
use crate::facts::{Description, Located};
use crate::interrupt;
use crate::report::{Report, PROGRAM};
use crate::select::{content_bytes, Selection};

/// The number of findings that are printed.
const SHOWN: usize = 1000;

/// Runs the steps that the options ask for, prints the report and returns the exit status.
#[must_use]
pub fn run(options: &Options) -> ExitCode {
    let mut report = Report::new(&options.image);
    if let Err(error) = steps(options, &mut report) {
        report.error = Some(format!("{error:#}"));
    }
    report.print(options)
}

fn steps(options: &Options, report: &mut Report) -> Result<()> {
    let target = options.extract.as_deref();
    let target = target
        .map(|dir| Target::new(dir, options.existing(), options.restore()))
        .transpose()?;
    let archive = options.tar.as_deref();
    let archive = archive
        .map(|file| Archive::new(file, options.existing()))
        .transpose()?;
    let Some(image) = open(options, report)? else {
        return Ok(());
    };
    compare_identity(options, &image, report);
    let mut findings = Findings::new(SHOWN);
    let structure = check(options, &image, &mut findings, report);
    let verified = match &structure {
        Ok(structure) if options.verify_data => {
            verify(options, &image, structure, &mut findings, report)
        }
        _ => Ok(()),
    };
    locate(&image, structure.as_ref().ok(), &mut findings, report);
    let completed = structure.and(verified);
    completed.with_context(|| report.image.to_string())?;
    report.checked = true;
    if let Some(target) = target {
        extract(options, &image, &target, report)?;
    }
    if let Some(file) = archive {
        archive_to(options, &image, &file, report)?;
    }
    Ok(())
}

/// Opens the image. `None` if superblock or section table break a rule, which is then in the
/// report.
fn open(options: &Options, report: &mut Report) -> Result<Option<FileImage>> {
    match file::open(&options.image) {
        Ok(image) => {
            report.description = Some(Description::of(&image));
            Ok(Some(image))
        }
        Err(OpenError::Image(_, size, Error::Corrupt(finding) | Error::Unsupported(finding))) => {
            unopened(report, size, &finding);
            Ok(None)
        }
        Err(OpenError::NotAnImage(
            _,
            size,
            foreign,
            Error::Corrupt(finding) | Error::Unsupported(finding),
        )) => {
            unopened(report, size, &finding);
            report.foreign = Some(foreign.to_string());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Reports the rule for which a file could not be opened.
fn unopened(report: &mut Report, size: u64, finding: &Finding) {
    report.total = 1;
    report.file_bytes = Some(size);
    report.findings.push(Located::new(finding, None, None));
}

fn compare_identity(options: &Options, image: &FileImage, report: &mut Report) {
    let found = image.identity();
    report.identity_wanted = options.identity.filter(|wanted| *wanted != found);
}

fn check(
    options: &Options,
    image: &FileImage,
    findings: &mut Findings,
    report: &mut Report,
) -> Result<Structure> {
    let started = Instant::now();
    show(options, CHECK, None);
    let structure = interrupt::end(check_structure(image, options.max_memory, findings));
    let structure = structure.map_err(explain)?;
    report.took("structure", started);
    Ok(structure)
}

fn verify(
    options: &Options,
    image: &FileImage,
    structure: &Structure,
    findings: &mut Findings,
    report: &mut Report,
) -> Result<()> {
    let started = Instant::now();
    let plan = DataCheck::plan(image, structure).map_err(explain)?;
    let phase = of_bytes("verify", "verifying", plan.bytes());
    let progress = show(options, phase, None);
    let done = interrupt::end(plan.run(
        options.threads.count().get(),
        &|bytes| progress.advance(bytes),
        findings,
    ));
    report.verified = Some(done.map_err(explain)?.into());
    report.took("contents", started);
    Ok(())
}

/// Adds the remedy to an error.
fn explain(error: CheckError) -> anyhow::Error {
    let hint = match error {
        CheckError::Limit { .. } => "allow more with --max-memory if the image is known",
        CheckError::NoDigests => "--verify-data is for images with digests",
        _ => return anyhow::Error::new(error).context("the check could not be completed"),
    };
    anyhow!("{error}; {hint}")
}

/// Adds the findings to the report, with their paths.
fn locate(
    image: &FileImage,
    structure: Option<&Structure>,
    findings: &mut Findings,
    report: &mut Report,
) {
    report.total = findings.total();
    let first = findings.first();
    if first.is_empty() {
        return;
    }
    let paths = Paths::find(image, structure, first);
    let located = first.iter().map(|finding| {
        let ino = paths.inode_of(structure, finding.object);
        let path = ino.and_then(|ino| paths.path(ino));
        Located::new(finding, path, hashes(image, structure, finding))
    });
    report.findings.extend(located);
}

fn extract(
    options: &Options,
    image: &FileImage,
    target: &Target,
    report: &mut Report,
) -> Result<()> {
    let selection = select(options, image, report)?;
    let started = Instant::now();
    let bytes = content_bytes(image, &selection);
    let dir = options.extract.as_deref().map(printable);
    let left = dir.map(|dir| format!("{dir} is incomplete (--force repeats the extraction)"));
    let progress = show(options, of_bytes("extract", "extracting", bytes), left);
    let threads = options.threads.count().get();
    let done = extract::extract(image, &selection, target, threads, &|bytes| {
        progress.advance(bytes);
    });
    let done = interrupt::end(done);
    report.extracted = Some(done?);
    report.took("extraction", started);
    Ok(())
}

fn archive_to(
    options: &Options,
    image: &FileImage,
    file: &Archive,
    report: &mut Report,
) -> Result<()> {
    let selection = select(options, image, report)?;
    let started = Instant::now();
    let left = match file {
        // It has no name yet.
        Archive::File(..) => None,
        Archive::Standard | Archive::Stream(_) => Some("the archive is incomplete".to_owned()),
    };
    let bytes = content_bytes(image, &selection);
    let progress = show(options, of_bytes("archive", "archiving", bytes), left);
    let xattrs = options.restore().xattrs;
    let advance = |bytes| progress.advance(bytes);
    let done = file.fill(|out| archive::write(image, &selection, xattrs, out, &advance));
    let done = interrupt::end(done);
    report.archived = Some(done?);
    report.took("archive", started);
    Ok(())
}

/// Shows the progress of a step. A signal that ends the step prints the text about what it has
/// left.
fn show(options: &Options, phase: Phase, left: Option<String>) -> Arc<Progress> {
    let progress = Arc::new(Progress::new(PROGRAM, options.show()));
    interrupt::set(&progress, left);
    progress.begin(phase);
    progress
}

/// The check of the structure, which has no count.
const CHECK: Phase = Phase {
    name: "check",
    title: "checking",
    unit: Unit::Steps,
    done: 0,
    total: None,
};

/// A step over a number of bytes.
fn of_bytes(name: &'static str, title: &'static str, bytes: u64) -> Phase {
    Phase {
        name,
        title,
        unit: Unit::Bytes,
        done: 0,
        total: Some(bytes),
    }
}

/// The part of the tree to extract, of an image without known defects.
fn select(options: &Options, image: &FileImage, report: &Report) -> Result<Selection> {
    ensure!(
        report.has_no_known_defect(),
        "nothing was extracted: the image is not clean"
    );
    Selection::of(image, &options.path)
}
