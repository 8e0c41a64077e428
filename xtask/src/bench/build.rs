// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making images of real trees, against the peers and the floor.
//!
//! All tools run in turn, so that a disturbance affects all of them; the ratio of two times is the
//! median of the ratios of each round. Beside the wall time stands the time on all processors, which
//! other load disturbs less. The first round warms the page cache, measures memory, and is not
//! timed. On disk each row stands twice: as the tool ran (mkdaxfs syncs its image before it gives
//! it its name, the peers sync nothing), and with a sync of the output for each tool.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::check;
use super::contender::{Contender, Hashing, ALL, PAIRS};
use super::floor::{self, Work};
use super::measure::{self, median, Cost, Memory};
use super::table::{self, Row};
use crate::peers::{self, Tools};
use crate::roundtrip::{release_build, Archiver};
use crate::tree::record::{self, Record};
use crate::tree::{self, debian};
use crate::{kernel, process, setup, workspace};

/// Options of `cargo xtask bench build`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Number of timed runs of each tool.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Measure this tree only.
    #[arg(long, value_enum)]
    tree: Option<TreeName>,
    /// Write to this kind of file system only.
    #[arg(long, value_enum)]
    output: Option<SinkName>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SinkName {
    /// A file system in memory.
    Tmpfs,
    /// The file system that the build directory is on.
    Disk,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TreeName {
    /// A Debian root file system.
    Debian,
    /// The source of the Linux kernel.
    Linux,
}

/// A tree, and the goal for the ratio of image sizes to mkfs.erofs.
struct Subject {
    name: &'static str,
    tree: TreeName,
    source: PathBuf,
    records: Vec<Record>,
    size_goal: f64,
}

impl Subject {
    fn goal(&self, [debian, linux]: [f64; 2]) -> f64 {
        match self.tree {
            TreeName::Debian => debian,
            TreeName::Linux => linux,
        }
    }
}

/// A directory for output.
struct Sink {
    name: &'static str,
    dir: PathBuf,
    is_disk: bool,
}

impl Args {
    pub(super) fn run(&self) -> Result<()> {
        setup::run()?;
        process::run(&mut release_build())?;
        let tools = peers::newest()?;
        tools.versions()?.iter().for_each(|line| println!("{line}"));
        let sinks = [
            Sink {
                name: "tmpfs",
                dir: workspace::tmpfs()?.join("daxfs-bench"),
                is_disk: false,
            },
            Sink {
                name: "disk",
                dir: workspace::scratch_dir()?.join("bench"),
                is_disk: true,
            },
        ];
        let mut rows = Vec::new();
        for name in [TreeName::Debian, TreeName::Linux] {
            if self.tree.is_none_or(|chosen| chosen == name) {
                let subject = subject(name)?;
                for sink in sinks.iter().filter(|sink| self.includes(sink)) {
                    rows.extend(in_directory(&sink.dir, || {
                        self.compare(&tools, &subject, sink)
                    })?);
                }
            }
        }
        let [memory, _] = &sinks;
        if self.includes(memory) {
            rows.extend(in_directory(&memory.dir, || check::lookups(&memory.dir))?);
        }
        table::print("All rows", rows);
        Ok(())
    }

    fn includes(&self, sink: &Sink) -> bool {
        match self.output {
            None => true,
            Some(SinkName::Tmpfs) => !sink.is_disk,
            Some(SinkName::Disk) => sink.is_disk,
        }
    }

    /// Measures all contenders on one tree and one sink.
    fn compare(&self, tools: &Tools, subject: &Subject, sink: &Sink) -> Result<Vec<Row>> {
        println!(
            "\n{}, output on {}, {} runs",
            subject.name, sink.name, self.runs
        );
        let mut results = warm_up(tools, subject, sink)?;
        let mut floor = Vec::new();
        for _ in 0..self.runs {
            for result in &mut results {
                result.timed_run(tools, subject, sink)?;
            }
            floor.push(floor_run(subject, sink, Work::CopyAndHash)?);
        }
        for result in &results {
            result.print();
        }
        print_layout(subject, sink)?;
        let floor = median(&floor);
        print_floor(subject, sink, floor)?;
        let mut rows = rows(subject, sink, &results, floor);
        if !sink.is_disk {
            let image = sink.dir.join("image");
            process::capture(&mut Archiver::Daxfs.build(&subject.source, &image))?;
            rows.extend(check::rows(subject.name, &image, self.runs)?);
        }
        Ok(rows)
    }
}

fn subject(tree: TreeName) -> Result<Subject> {
    let (name, source, size_goal) = match tree {
        TreeName::Debian => ("debian", debian::obtain()?, 1.0),
        TreeName::Linux => ("linux", kernel::source::obtain()?, 1.06),
    };
    let records = record::read(&source)?;
    println!("\n{name}: {} entries", records.len());
    Ok(Subject {
        name,
        tree,
        source,
        records,
        size_goal,
    })
}

/// Runs `body` with an empty directory at `dir`, which is removed afterwards in any case.
fn in_directory<T>(dir: &Path, body: impl FnOnce() -> Result<T>) -> Result<T> {
    tree::remove(dir)?;
    std::fs::create_dir_all(dir)?;
    let result = body();
    tree::remove(dir)?;
    result
}

/// The measurements of one contender.
struct Measured {
    contender: Contender,
    memory: Memory,
    size: Option<u64>,
    /// Wall times as the tool ran.
    plain: Vec<Duration>,
    /// Processor times.
    cpu: Vec<Duration>,
    /// Wall times with a sync of the output.
    synced: Vec<Duration>,
}

fn warm_up(tools: &Tools, subject: &Subject, sink: &Sink) -> Result<Vec<Measured>> {
    ALL.into_iter()
        .map(|contender| {
            contender.clean(&sink.dir)?;
            let memory =
                measure::memory(&mut contender.command(tools, &subject.source, &sink.dir))?;
            let size = contender.size(&sink.dir)?;
            contender.clean(&sink.dir)?;
            Ok(Measured {
                contender,
                memory,
                size,
                plain: Vec::new(),
                cpu: Vec::new(),
                synced: Vec::new(),
            })
        })
        .collect()
}

impl Measured {
    fn timed_run(&mut self, tools: &Tools, subject: &Subject, sink: &Sink) -> Result<()> {
        self.contender.clean(&sink.dir)?;
        if sink.is_disk {
            // Unwritten output of earlier runs must not be charged to this one.
            measure::sync(&sink.dir)?;
        }
        let mut command = self.contender.command(tools, &subject.source, &sink.dir);
        let Cost { wall, cpu } = measure::time(&mut command)?;
        self.plain.push(wall);
        self.cpu.push(cpu);
        if sink.is_disk {
            self.synced
                .push(wall + measure::sync(&self.contender.output(&sink.dir))?);
        }
        // Outputs that stay would take memory from the tools that run next.
        self.contender.clean(&sink.dir)
    }

    fn print(&self) {
        let range = |times: &[Duration]| {
            let (least, most) = (times.iter().min(), times.iter().max());
            let bound = |time: Option<&Duration>| time.copied().unwrap_or_default().as_secs_f64();
            format!(
                "{:.3} [{:.3} .. {:.3}]",
                median(times).as_secs_f64(),
                bound(least),
                bound(most)
            )
        };
        let synced = match self.synced.as_slice() {
            [] => String::new(),
            times => format!(", with sync {}", range(times)),
        };
        println!(
            "  {:20} {} s, on processors {}{synced}; output {}, peak RSS {}, anonymous {}",
            self.contender.name(),
            range(&self.plain),
            table::time(median(&self.cpu)),
            self.size.map_or_else(|| "-".to_owned(), table::bytes),
            table::bytes(self.memory.resident),
            table::bytes(self.memory.anonymous),
        );
    }
}

/// Prints sizes within the image, from the summary of `mkdaxfs --dry-run --json`.
fn print_layout(subject: &Subject, sink: &Sink) -> Result<()> {
    let mut command = Archiver::Daxfs.build(&subject.source, &sink.dir.join("dry-run"));
    let text = process::capture(command.args(["--dry-run", "--json"]))?;
    let summary: Value = serde_json::from_str(&text).context("mkdaxfs printed no JSON")?;
    let field = |name: &str| {
        summary[name]
            .as_u64()
            .with_context(|| format!("mkdaxfs --json has no field {name}"))
    };
    println!(
        "  image: {} B of metadata an entry; {} of {} mappable in place, {} by huge pages",
        field("metadata_bytes")?
            .checked_div(field("entries")?)
            .context("no entries")?,
        table::bytes(field("mappable_bytes")?),
        table::bytes(field("content_bytes")?),
        table::bytes(field("huge_bytes")?),
    );
    Ok(())
}

fn floor_run(subject: &Subject, sink: &Sink, work: Work) -> Result<Duration> {
    let output = sink.dir.join("floor");
    let time = floor::run(&subject.source, &subject.records, &output, work)?;
    std::fs::remove_file(output)?;
    Ok(time)
}

fn print_floor(subject: &Subject, sink: &Sink, both: Duration) -> Result<()> {
    let copy = floor_run(subject, sink, Work::Copy)?;
    let hash = floor_run(subject, sink, Work::Hash)?;
    println!(
        "  floor: {} to copy and hash every byte without a sync; copying alone {}, hashing alone {}",
        table::time(both),
        table::time(copy),
        table::time(hash),
    );
    Ok(())
}

fn rows(subject: &Subject, sink: &Sink, results: &[Measured], floor: Duration) -> Vec<Row> {
    let find = |contender| results.iter().find(|result| result.contender == contender);
    let mut rows = Vec::new();
    for pair in PAIRS {
        if let (Some(ours), Some(other)) = (find(pair.ours), find(pair.other)) {
            let goal = pair.goals.map(|goals| subject.goal(goals));
            let name = other.contender.name();
            let label = |measure: &str| {
                let (tree, sink) = (subject.name, sink.name);
                format!("{tree}, {sink}: {measure} against {name}, {}", pair.what)
            };
            rows.extend(time_rows(sink, ours, other, label, goal));
        }
    }
    let Some(ours) = find(Contender::Daxfs(Hashing::Every)) else {
        return rows;
    };
    let what = format!("{}, {}: time against the floor", subject.name, sink.name);
    rows.push(Row::times(what, median(&ours.plain), floor, None));
    if !sink.is_disk {
        rows.extend(
            results
                .iter()
                .filter_map(|other| size_row(subject, ours, other)),
        );
        rows.push(memory_row(subject, ours));
    }
    rows
}

/// Returns the rows of the times of two tools; the label is made of the kind of time.
fn time_rows(
    sink: &Sink,
    ours: &Measured,
    other: &Measured,
    label: impl Fn(&str) -> String,
    goal: Option<f64>,
) -> Vec<Row> {
    let row = |measure, ours: &[Duration], other: &[Duration], goal| {
        Row::times(label(measure), median(ours), median(other), goal)
            .with_ratio(measure::median_ratio(ours, other))
    };
    let mut rows = vec![
        row("time", &ours.plain, &other.plain, goal),
        row("processor time", &ours.cpu, &other.cpu, None),
    ];
    if sink.is_disk {
        rows.push(row("time with sync", &ours.synced, &other.synced, goal));
    }
    rows
}

fn size_row(subject: &Subject, ours: &Measured, other: &Measured) -> Option<Row> {
    let goal = match other.contender {
        Contender::Daxfs(_) => return None,
        Contender::Erofs(Hashing::None) => Some(subject.size_goal),
        _ => None,
    };
    let what = format!(
        "{}: image size against {}",
        subject.name,
        other.contender.name()
    );
    Some(Row::bytes(what, ours.size?, other.size?, goal))
}

/// Returns the row of anonymous memory, which may grow with the number of entries only.
fn memory_row(subject: &Subject, ours: &Measured) -> Row {
    let entries = u64::try_from(subject.records.len()).unwrap_or(u64::MAX);
    let limit = 64 * 1024 * 1024 + 400 * entries;
    let what = format!(
        "{}: anonymous memory against 64 MiB + 400 B an entry",
        subject.name
    );
    Row::bytes(what, ours.memory.anonymous, limit, Some(1.0))
}
