// SPDX-License-Identifier: MIT OR Apache-2.0
//! The victim of a hostile peer: it mounts and uses an image while another kernel writes over it.
//!
//! Contents may be wrong, and operations may fail. Each must end, the kernel must not fail (the
//! host follows its console), and no byte from behind the image may be visible. The outcomes are
//! counted and printed. A run without damage, or with nothing but damage, proves nothing, and
//! fails.
//!
//! | module | owns |
//! |---|---|
//! | [`operations`] | the operations that the processes try |

mod operations;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use daxfs_vm_protocol::words::hostile_peer;

use self::operations::{Died, Operation, Outside, Place, OPERATIONS};
use super::Case;
use crate::control::{Command, Control};
use crate::image::{mount_image, phys, MOUNT};
use crate::sample::{BIG_FILE, HUGE_FILE, WIDE_FILE};
use crate::settings;
use crate::sys::{self, Child, End};

pub(super) const CASES: &[Case] = &[("living-with-a-hostile-peer", live)];

/// The time of use between mount and unmount.
const TURN: Duration = Duration::from_millis(1200);

/// The number of processes that use the image at the same time.
const PROCESSES: u64 = 3;

/// The time limit of the last operation of a process, and of its end.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// The command of the peer during the mount, the mount options, and the command during use.
const WAYS: [(Command, &str, Command); 6] = [
    (Command::Restore, "", Command::Damage),
    (Command::Flicker, "", Command::Flicker),
    (Command::Restore, ",validate", Command::Flicker),
    (Command::Flicker, ",validate", Command::Damage),
    (Command::Restore, "", Command::Flicker),
    (Command::Damage, "", Command::Damage),
];

/// The number of outcomes by operation and outcome.
#[derive(Default)]
struct Counts(BTreeMap<(String, String), u64>);

impl Counts {
    fn add(&mut self, operation: &str, outcome: &str, count: u64) {
        let key = (operation.to_owned(), outcome.to_owned());
        *self.0.entry(key).or_default() += count;
    }

    fn take<T>(&mut self, operation: &str, result: &Result<T>) {
        self.add(operation, &outcome(result), 1);
    }

    /// Returns the numbers of successes and failures of the operations whose names begin so.
    fn of(&self, operation: &str) -> (u64, u64) {
        let mut sums = (0, 0);
        let mine = self
            .0
            .iter()
            .filter(|((name, _), _)| name.starts_with(operation));
        for ((_, outcome), count) in mine {
            if outcome == WELL {
                sums.0 += count;
            } else {
                sums.1 += count;
            }
        }
        sums
    }

    fn print(&self) {
        let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((operation, outcome), count) in &self.0 {
            lines
                .entry(operation)
                .or_default()
                .push(format!("{count} {outcome}"));
        }
        for (operation, outcomes) in lines {
            println!("{operation}: {}", outcomes.join(", "));
        }
    }
}

const WELL: &str = "ok";

/// Returns the outcome of an operation in one word.
fn outcome<T>(result: &Result<T>) -> String {
    let Err(error) = result else {
        return WELL.to_owned();
    };
    if let Some(Died(signal)) = error.downcast_ref() {
        return Died(*signal).to_string();
    }
    match sys::errno(error) {
        0 => format!("\"{error:#}\""),
        number => sys::errno_name(number),
    }
}

fn live() -> Result<()> {
    let control = Control::open()?;
    sys::unmount(MOUNT, 0)?;
    control.step(hostile_peer::BEGIN)?;
    let mut counts = Counts::default();
    let result = rounds(&control, &mut counts).and_then(|()| recover(&control));
    counts.print();
    control.command(Command::End)?;
    result?;
    for operation in ["mount", "read", "list", "lstat", "map", "xattrs"] {
        let (well, badly) = counts.of(operation);
        ensure!(well > 0, "{operation} never went well");
        ensure!(badly > 0, "{operation} never met damage");
    }
    control.step(hostile_peer::END)
}

fn rounds(control: &Control, counts: &mut Counts) -> Result<()> {
    let (start, seconds) = (Instant::now(), settings::seconds());
    let mut said = Duration::ZERO;
    let mut round = 0;
    while start.elapsed() < seconds {
        let way = WAYS[usize::try_from(round)? % WAYS.len()];
        one_round(control, way, round, counts).with_context(|| format!("round {round}"))?;
        round += 1;
        if start.elapsed() > said + Duration::from_secs(20) {
            said = start.elapsed();
            // The host stops silent guests.
            fs::write("/dev/kmsg", format!("<5>victim: {round} rounds\n"))?;
        }
    }
    println!(
        "{round} rounds in {} s, seed {}",
        start.elapsed().as_secs(),
        settings::seed()
    );
    Ok(())
}

fn one_round(
    control: &Control,
    (mounting, options, using): (Command, &str, Command),
    round: u64,
    counts: &mut Counts,
) -> Result<()> {
    control.command(Command::Restore)?;
    control.command(mounting)?;
    let kind = format!("mount{options}, peer: {mounting:?}");
    let options = format!("phys={}{options}", phys());
    // A device number that the peer has made up must not open a device of this guest.
    let mounted = sys::mount("none", MOUNT, "daxfs", libc::MS_NODEV, &options);
    counts.take(&kind, &mounted);
    if mounted.is_err() {
        return Ok(());
    }
    control.command(using)?;
    let used = use_it(round, counts);
    let unmounted = sys::unmount(MOUNT, 0);
    counts.take("unmount", &unmounted);
    used?;
    unmounted.context("the unmount")
}

/// After everything the image is what it was, and so is what a mount shows.
fn recover(control: &Control) -> Result<()> {
    control.command(Command::Restore)?;
    mount_image().context("a mount of the restored image")?;
    for file in [WIDE_FILE, BIG_FILE, HUGE_FILE] {
        file.expect_read()?;
    }
    sys::unmount(MOUNT, 0)
}

/// A process that does operations, and the pipe that its counts come through.
struct Worker {
    child: Child,
    counts: OwnedFd,
}

fn use_it(round: u64, counts: &mut Counts) -> Result<()> {
    let workers = (0..PROCESSES)
        .map(|number| Worker::start(settings::seed() + round * PROCESSES + number))
        .collect::<Result<Vec<_>>>()?;
    workers
        .into_iter()
        .try_for_each(|worker| worker.finish(counts))
}

impl Worker {
    fn start(seed: u64) -> Result<Self> {
        let (read, write) = sys::pipe()?;
        let child = Child::fork(|| {
            let counts = operate(seed)?;
            let mut text = String::new();
            for ((operation, outcome), count) in &counts.0 {
                text.push_str(&format!("{operation}\t{outcome}\t{count}\n"));
            }
            Ok(File::from(write).write_all(text.as_bytes())?)
        })?;
        Ok(Self {
            child,
            counts: read,
        })
    }

    fn finish(self, counts: &mut Counts) -> Result<()> {
        if !readable(&self.counts, TURN + WAIT_LIMIT)? {
            return self.give_up();
        }
        let mut text = String::new();
        File::from(self.counts).read_to_string(&mut text)?;
        let end = self.child.wait()?;
        ensure!(end == End::Exit(0), "a process ended with {end:?}");
        for line in text.lines() {
            let mut fields = line.split('\t');
            let (Some(operation), Some(outcome), Some(count)) =
                (fields.next(), fields.next(), fields.next())
            else {
                bail!("a process said {line:?}");
            };
            counts.add(operation, outcome, count.parse()?);
        }
        Ok(())
    }

    /// Fails with the kernel stack of a process that hangs.
    fn give_up(self) -> Result<()> {
        let about = |name: &str| {
            let path = format!("/proc/{}/{name}", self.child.pid());
            fs::read_to_string(path)
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let (operation, stack) = (about("comm"), about("stack"));
        self.child.signal(libc::SIGKILL)?;
        let killed = readable(&self.counts, WAIT_LIMIT)?;
        bail!("\"{operation}\" takes for ever; it can be killed: {killed}; {stack}");
    }
}

/// Waits for something to read, or for the end.
fn readable(fd: &OwnedFd, limit: Duration) -> Result<bool> {
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let limit = libc::c_int::try_from(limit.as_millis())?;
    // SAFETY: There is one entry.
    Ok(sys::check(unsafe { libc::poll(&mut poll, 1, limit) })? == 1)
}

/// Does operations for a turn.
fn operate(seed: u64) -> Result<Counts> {
    let (start, mut counts) = (Instant::now(), Counts::default());
    let mut place = Place::new(seed)?;
    while start.elapsed() < TURN {
        let (name, operation): Operation = *place.random.pick(OPERATIONS);
        show_name(name)?;
        let result = operation(&mut place);
        if let Err(error) = &result {
            ensure!(!error.is::<Outside>(), "{name}: {error}, seed {seed}");
        }
        counts.take(name, &result);
    }
    Ok(counts)
}

/// Makes the name of an operation the name of this process, for reports about hanging ones.
fn show_name(name: &str) -> Result<()> {
    let name = std::ffi::CString::new(name)?;
    // SAFETY: The name is a C string.
    sys::check(unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) })?;
    Ok(())
}
