// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations on mappings, and programs, in processes that may die.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Result};
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::{inspect, open, Outside, Place};
use crate::cases::at;
use crate::sys::{self, Child, End, Map};

/// A piece of a file, mapped in one of the ways there are.
fn mapped(place: &mut Place) -> Result<Map> {
    let flags = *place.random.pick(&[MAP_SHARED, MAP_PRIVATE]);
    let protection = match (flags, place.random.below(2)) {
        (MAP_PRIVATE, 0) => PROT_READ | PROT_WRITE,
        _ => PROT_READ,
    };
    let file = open(place.file())?;
    let offset = place.offset() / 4096 * 4096;
    let length = 4096 * (1 + place.random.below(1200));
    Map::new(&file, offset, length, protection, flags)
}

/// Runs what may end with a signal: a page may be damaged when it is touched.
fn in_child(work: impl FnOnce() -> Result<()>) -> Result<()> {
    match Child::fork(work)?.wait()? {
        End::Exit(0) => Ok(()),
        End::Signal(signal) => bail!(Died(signal)),
        End::Exit(status) if status == OUTSIDE => bail!(Outside),
        End::Exit(status) => Err(io::Error::from_raw_os_error(status).into()),
    }
}

/// A child was ended by a signal.
#[derive(Debug)]
pub(in crate::cases) struct Died(pub(in crate::cases) i32);

impl std::fmt::Display for Died {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            libc::SIGBUS => f.write_str("SIGBUS"),
            libc::SIGSEGV => f.write_str("SIGSEGV"),
            libc::SIGILL => f.write_str("SIGILL"),
            libc::SIGKILL => f.write_str("killed"),
            other => write!(f, "signal {other}"),
        }
    }
}

impl std::error::Error for Died {}

/// The status of a child that has seen what it must not.
const OUTSIDE: i32 = 200;

/// Ends a child with a status that [`in_child`] understands.
fn leave(result: &Result<()>) -> ! {
    let status = match result {
        Ok(()) => 0,
        Err(error) if error.is::<Outside>() => OUTSIDE,
        Err(error) => match sys::errno(error) {
            0 => 1,
            number => number,
        },
    };
    // SAFETY: Ends this process.
    unsafe { libc::_exit(status) }
}

pub(super) fn map(place: &mut Place) -> Result<()> {
    in_child(|| leave(&mangle(place)))
}

/// Everything that a process can do with a mapping of its own.
fn mangle(place: &mut Place) -> Result<()> {
    // What is touched may not be there: that ends this process, and quietly.
    let mut area = mapped(place)?;
    for _ in 0..8 {
        let at = place.random.index(area.length());
        match place.random.below(11) {
            0 => drop(area.touch(at)),
            1 => inspect(&area.copy(at, (area.length() - at).min(20_000))?)?,
            2 => drop(area.advise(libc::MADV_DONTNEED)),
            3 => drop(area.advise(libc::MADV_COLD)),
            4 => drop(area.advise(libc::MADV_PAGEOUT)),
            5 => drop(area.advise(libc::MADV_POPULATE_READ)),
            6 => area.resize(4096 * (1 + place.random.index(1200)))?,
            7 => {
                if area.protect(PROT_READ | PROT_WRITE).is_ok() {
                    let byte = area.touch(at);
                    area.write(at, byte);
                }
            }
            // The pages may stay on a list of this processor after this process has ended.
            8 => drop(area.lock()),
            9 => drop(area.unlock()),
            _ => drop(area.advise(libc::MADV_WILLNEED)),
        }
    }
    Ok(())
}

/// Another process looks at a mapping that is in use.
pub(super) fn look(place: &mut Place) -> Result<()> {
    let area = mapped(place)?;
    let (start, length) = (area.address().addr(), area.length());
    let holder = Child::fork(|| loop {
        for at in (0..length).step_by(4096) {
            area.touch(at);
        }
    })?;
    let proc = |name: &str| format!("/proc/{}/{name}", holder.pid());
    for name in ["smaps", "smaps_rollup", "maps", "numa_maps"] {
        let _ = fs::read(proc(name));
    }
    let bytes = sys::read_memory(holder.pid(), start, length.min(65536));
    for what in ["1", "4"] {
        let _ = fs::write(proc("clear_refs"), what);
    }
    let mut entries = [0; 512];
    let pagemap = File::open(proc("pagemap"))
        .and_then(|map| map.read_at(&mut entries, u64::try_from(start / 4096 * 8).unwrap_or(0)));
    holder.signal(libc::SIGKILL)?;
    holder.wait()?;
    pagemap?;
    inspect(&bytes?)
}

/// The time limit of a program whose text others write.
const RUN: Duration = Duration::from_secs(2);

pub(super) fn execute(place: &mut Place) -> Result<()> {
    let name = *place.random.pick(&["prog", "script", "prog"]);
    let mut program = Command::new(at(name))
        .arg("hello")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = program.try_wait()? {
            break status;
        }
        if start.elapsed() > RUN {
            program.kill()?;
            break program.wait()?;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        bail!(Died(signal));
    }
    ensure!(status.success(), "ended with an error");
    Ok(())
}

/// Reads and maps the last bytes of a file: what has become longer than it is ends behind the
/// image.
pub(super) fn read_end(place: &mut Place) -> Result<()> {
    const LENGTH: u64 = 65536;
    let file = open(place.file())?;
    let start = file.metadata()?.len().saturating_sub(LENGTH) / 4096 * 4096;
    let mut bytes = vec![0; 2 * 65536];
    let length = file.read_at(&mut bytes, start)?;
    inspect(&bytes[..length])?;
    in_child(|| {
        let area = Map::new(&file, start, LENGTH, PROT_READ, MAP_SHARED);
        let bytes = area.and_then(|area| area.copy(0, area.length()));
        leave(&bytes.and_then(|bytes| inspect(&bytes)))
    })
}
