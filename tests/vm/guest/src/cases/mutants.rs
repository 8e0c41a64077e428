// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mutants of the reference image in memory, each mounted, walked, read and mapped. The generator
//! is that of `daxfs-hostile`; seed and number name a mutant on any machine.
//!
//! The memory is the BAR of a device, which this program writes through sysfs while nothing is
//! mounted. Behind a mutant it is zero; the checks in this process see what the kernel sees.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use daxfs_format::superblock::SuperblockCopy;
use daxfs_format::{Error, Image, Rule};
use daxfs_hostile::draw::Drawer;
use daxfs_hostile::editor::Editor;
use daxfs_hostile::examine::{Examiner, Stage};
use daxfs_hostile::reference::reference;
use daxfs_image::hash::Xxh64;

use super::Case;
use crate::explore::{self, Findings};
use crate::klog::KernelLog;
use crate::settings;
use crate::shared::Bar;
use crate::stream::Stream;
use crate::sys;

pub(super) const CASES: &[Case] = &[
    ("mutants-with-validate", with_validate),
    ("mutants-without-validate", without_validate),
    ("a-listing-breaks-off-at-a-broken-entry", broken_listing),
    ("checksums-are-verified-after-the-mount", late_checksum),
    ("an-acl-of-another-version-is-damage", broken_acl),
    ("two-who-mount-a-broken-root-hear-the-same", broken_root),
];

/// The mount point of mutants.
const TARGET: &str = "/tmp/mutant";

/// The number of mutants between two lines on the console.
const SAY_EVERY: u64 = 100;

/// The memory in which mutants are mounted.
struct Memory {
    bar: Bar,
    /// Its content.
    bytes: Vec<u8>,
}

impl Memory {
    fn find() -> Result<Self> {
        fs::create_dir_all(TARGET)?;
        // Mounts release memory after grace periods, which this shortens.
        fs::write("/sys/kernel/rcu_expedited", "1")?;
        let bar = Bar::nth(0)?;
        let bytes = vec![0; usize::try_from(bar.size)?];
        Ok(Self { bar, bytes })
    }

    /// Puts an image into the memory.
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let used = bytes.len();
        let (image, rest) = self
            .bytes
            .split_at_mut_checked(used)
            .context("larger than the memory")?;
        image.copy_from_slice(bytes);
        rest.fill(0);
        self.bar.map()?.fill(&self.bytes);
        Ok(())
    }

    /// Mounts what it holds; the number of the error, or 0.
    fn mount(&self, options: &str) -> i32 {
        let (phys, size) = (self.bar.address, self.bar.size);
        let options = format!("phys={phys:#x},size={size}{options}");
        let result = sys::mount("none", TARGET, "daxfs", libc::MS_RDONLY, &options);
        result.as_ref().err().map_or(0, sys::errno)
    }
}

/// The outcomes of the mutants.
#[derive(Default)]
struct Counts {
    accepted: u64,
    refused: BTreeMap<(Option<Stage>, i32), u64>,
    objects: usize,
    errors: BTreeMap<String, u64>,
}

impl Counts {
    fn refuse(&mut self, stage: Option<Stage>, number: i32) {
        *self.refused.entry((stage, number)).or_default() += 1;
    }

    /// Prints them as notes of the case.
    fn print(&self, messages: u64) {
        let refused: u64 = self.refused.values().sum();
        println!(
            "seed {}: {} mutants: {} accepted, {refused} refused; {} objects walked, {messages} messages",
            settings::seed(),
            settings::mutants(),
            self.accepted,
            self.objects,
        );
        for ((stage, number), count) in &self.refused {
            let stage = stage.map_or(String::new(), |stage| format!(" by {}", stage.name()));
            println!("{count} refused{stage} with {}", sys::errno_name(*number));
        }
        for (error, count) in &self.errors {
            println!("{count} {error}");
        }
    }
}

/// A mutant in memory, the kernel log, and the outcomes.
struct Trial {
    memory: Memory,
    log: KernelLog,
    counts: Counts,
}

impl Trial {
    /// Does `each` with every mutant.
    fn run(mut each: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        let (drawer, seed, count) = (Drawer::default(), settings::seed(), settings::mutants());
        ensure!(count > 0, "no mutants are asked for");
        let mut trial = Self {
            memory: Memory::find()?,
            log: KernelLog::follow()?,
            counts: Counts::default(),
        };
        for number in 0..count {
            let mutant = drawer.draw(seed, number);
            trial
                .memory
                .put(&mutant.bytes)
                .and_then(|()| each(&mut trial))
                .with_context(|| format!("seed {seed} mutant {number} ({})", mutant.name))?;
            if number % SAY_EVERY == 0 {
                trial.log.say(&format!("mutant {number} of {count}"))?;
            }
        }
        trial.log.take()?;
        trial.counts.print(trial.log.taken());
        Ok(())
    }

    /// Walks over the mount, and unmounts.
    fn walk(&mut self) -> Result<Findings> {
        let walked = explore::walk(Path::new(TARGET));
        sys::unmount(TARGET, 0)?;
        self.counts.accepted += 1;
        self.counts.objects += walked.objects.len();
        Ok(walked)
    }
}

/// The kernel accepts and refuses exactly as the check in this process does, for the same rule in
/// the same place, and shows of what it accepts exactly what the readers in this process find.
fn with_validate() -> Result<()> {
    let mut examiner = Examiner::default();
    Trial::run(|trial| {
        let found = trial.memory.mount(",validate");
        let messages = trial.log.take()?;
        let walked = (found == 0).then(|| trial.walk()).transpose()?;
        match (examiner.accept(&trial.memory.bytes[..]), walked) {
            (Ok(image), Some(walked)) => compare(&walked, &image),
            (Ok(_), None) => bail!("error {found}, but the check accepts it: {messages:?}"),
            (Err((_, error)), Some(_)) => bail!("mounted, but the check refuses it: {error}"),
            (Err((stage, error)), None) => {
                trial.counts.refuse(Some(stage), found);
                let first = unbounded(&trial.memory.bytes, error);
                refused_alike(&first, found, &messages)
            }
        }
    })
}

/// Returns the first error of an image that is larger than its memory: a mount compares these when
/// it has checked the rest of the superblock.
fn unbounded(memory: &[u8], error: Error) -> Error {
    match error {
        Error::Corrupt(finding) if finding.rule == Rule::ImageTruncated => {
            let mut superblock = SuperblockCopy::zeroed();
            let filled = superblock.fill(memory);
            let found = filled.and_then(|()| superblock.validate::<Xxh64>(u64::MAX).map(drop));
            found.err().unwrap_or(error)
        }
        _ => error,
    }
}

/// Fails unless the kernel has refused an image with the error and the message of the check.
fn refused_alike(error: &Error, found: i32, messages: &[String]) -> Result<()> {
    let (wanted, words) = match error {
        // The mount compares the length with `size=`, an argument.
        Error::Corrupt(finding) if finding.rule == Rule::ImageTruncated => {
            (libc::EINVAL, "is less than the image's".to_owned())
        }
        Error::Corrupt(finding) => (libc::EUCLEAN, finding.to_string()),
        Error::Unsupported(finding) => (libc::EOPNOTSUPP, finding.to_string()),
        Error::Memory(fault) => bail!("the check failed: {fault}"),
    };
    ensure!(found == wanted, "error {found}, not {wanted}: {error}");
    let said = messages
        .first()
        .is_some_and(|message| message.contains(&words));
    ensure!(said, "the kernel says {messages:?}, not {words} first");
    Ok(())
}

fn compare(walked: &Findings, image: &Image<&[u8], Xxh64>) -> Result<()> {
    if let Some((place, error)) = walked.errors.first() {
        bail!("{place}: {error}");
    }
    let stated = explore::stated(image)?;
    let differs = walked.objects.iter().zip(&stated).find(|(a, b)| a != b);
    if let Some((found, wanted)) = differs {
        bail!("the mount shows {found:?}, the image has {wanted:?}");
    }
    let (found, wanted) = (walked.objects.len(), stated.len());
    ensure!(found == wanted, "{found} objects, not {wanted}");
    Ok(())
}

/// Whatever the damage, the kernel does not fail and every operation ends. The possible errors are
/// those of the module for damage, and those of the VFS for impossible objects.
fn without_validate() -> Result<()> {
    Trial::run(|trial| {
        let found = trial.memory.mount("");
        trial.log.take()?;
        if found != 0 {
            let refused = matches!(found, libc::EUCLEAN | libc::EOPNOTSUPP | libc::EINVAL);
            ensure!(refused, "refused with error {found}");
            trial.counts.refuse(None, found);
            return Ok(());
        }
        let walked = trial.walk()?;
        trial.log.take()?;
        walked
            .errors
            .iter()
            .try_for_each(|(place, error)| trial.counts.take(place, error))
    })
}

impl Counts {
    /// Counts a failure, which damage permits.
    fn take(&mut self, place: &str, error: &io::Error) -> Result<()> {
        let what = place.split(' ').next().unwrap_or_default();
        let number = error.raw_os_error();
        // A mapping and a read give the same bytes, whatever they are.
        ensure!(what != "map" || number.is_some(), "{place}: {error}");
        let why = number.map_or(error.to_string(), sys::errno_name);
        let entry = format!("times {what} failed with {why}");
        *self.errors.entry(entry).or_default() += 1;
        Ok(())
    }
}

/// A listing gives every name before a broken entry, then the error, and both again whoever asks
/// again: it neither skips the entry nor takes it for the end.
fn broken_listing() -> Result<()> {
    const BROKEN: usize = 20;
    let mut specimen = Editor::new(reference());
    let names = specimen.names("/");
    ensure!(names.len() > BROKEN + 1, "too few names");
    specimen
        .entry_at("/", u32::try_from(BROKEN)?)
        .name_length
        .set(0);
    let (mut memory, mut log) = (Memory::find()?, KernelLog::follow()?);
    memory.put(&specimen.finish())?;
    ensure!(memory.mount("") == 0, "cannot mount");
    let logged = until_logged(&mut log, "entry-name", || list_twice(&names[..BROKEN]));
    sys::unmount(TARGET, 0)?;
    logged
}

/// A section that differs from its checksum is reported after the mount. Then inodes that are not
/// in core cannot be looked up, and another mount is refused; `validate` refuses the first one.
fn late_checksum() -> Result<()> {
    let (mut memory, mut log) = (Memory::find()?, KernelLog::follow()?);
    let mut bytes = reference().to_vec();
    let mut superblock = SuperblockCopy::zeroed();
    superblock.fill(&bytes[..])?;
    let hashed = superblock
        .sections()
        .find(|(_, section)| section.xxh64.get() != 0);
    let (_, section) = hashed.context("no section with a checksum")?;
    let last = section.offset.get() + section.length.get() - 1;
    let byte = bytes.get_mut(usize::try_from(last)?);
    *byte.context("a short image")? ^= 1;
    memory.put(&bytes)?;
    ensure!(memory.mount(",validate") == libc::EUCLEAN, "validated");
    log.take()?;
    ensure!(memory.mount("") == 0, "cannot mount");
    let found = damage_is_told(&memory, &mut log);
    sys::unmount(TARGET, 0)?;
    found
}

fn damage_is_told(memory: &Memory, log: &mut KernelLog) -> Result<()> {
    until_logged(log, "section-checksum", || Ok(()))?;
    let again = memory.mount("");
    ensure!(again == libc::EUCLEAN, "another mount gives {again}");
    let walked = explore::walk(Path::new(TARGET));
    let refused = walked
        .errors
        .iter()
        .any(|(_, error)| error.raw_os_error() == Some(libc::EUCLEAN));
    ensure!(refused, "everything can be looked up");
    Ok(())
}

/// Repeats an operation until a message of the module contains a word: messages about damage are
/// limited in rate.
fn until_logged(
    log: &mut KernelLog,
    word: &str,
    mut provoke: impl FnMut() -> Result<()>,
) -> Result<()> {
    for _ in 0..100 {
        provoke()?;
        if log.take()?.iter().any(|message| message.contains(word)) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!("no message about {word}")
}

/// A stream has these names behind the dots, and then an error as often as it is asked; and again
/// when it begins anew.
fn list_twice(names: &[Vec<u8>]) -> Result<()> {
    let mut stream = Stream::open(Path::new(TARGET))?;
    for _ in 0..2 {
        stream.seek(0);
        let found = stream.upto(names.len() + 2)?;
        ensure!(found[2..] == *names, "other names: {found:?}");
        for _ in 0..2 {
            let next = stream.next().map_err(anyhow::Error::from);
            sys::expect_errno("the broken entry", next, libc::EUCLEAN)?;
        }
    }
    Ok(())
}

/// The kernel's functions report an ACL of another version as unsupported; the module reports
/// damage.
fn broken_acl() -> Result<()> {
    const FILE: &str = "with-acl";
    let mut specimen = Editor::new(reference());
    let entry = *specimen.xattrs_at(FILE).first().context("no attribute")?;
    *specimen.byte(entry + 8) = 1;
    let (mut memory, mut log) = (Memory::find()?, KernelLog::follow()?);
    memory.put(&specimen.finish())?;
    ensure!(memory.mount("") == 0, "cannot mount");
    let path = Path::new(TARGET).join(FILE);
    let logged = until_logged(&mut log, "ACL", || {
        let read = sys::getxattr(&path, "system.posix_acl_access", 100);
        sys::expect_errno("reading the ACL", read, libc::EUCLEAN)
    });
    sys::unmount(TARGET, 0)?;
    logged
}

/// A mount that waits for one that fails late reports the error of the image, not memory in use.
fn broken_root() -> Result<()> {
    const ROUNDS: usize = 30;
    let mut specimen = Editor::new(reference());
    let file = specimen.ino("empty");
    specimen.superblock().root.set(file);
    let mut memory = Memory::find()?;
    // Releasing memory takes time, during which the other mount can start.
    fs::write("/sys/kernel/rcu_expedited", "0")?;
    memory.put(&specimen.finish())?;
    let mount = || (0..ROUNDS).map(|_| memory.mount("")).collect();
    let both: [Vec<i32>; 2] = thread::scope(|scope| {
        [scope.spawn(mount), scope.spawn(mount)].map(|one| one.join().unwrap_or_default())
    });
    for found in both {
        let alike = found.len() == ROUNDS && found.iter().all(|&number| number == libc::EUCLEAN);
        ensure!(alike, "mounts failed with {found:?}");
    }
    Ok(())
}
