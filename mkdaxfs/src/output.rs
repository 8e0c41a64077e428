// SPDX-License-Identifier: MIT OR Apache-2.0
//! The image file: without a name until it is complete.
//!
//! Where the file system can, the file has no name at all while it is written (`O_TMPFILE`), so that
//! nothing can be left behind. Elsewhere it has a random one, which goes away with [`Output`], and
//! with [`remove_leftovers`] when a signal ends the process.

use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use rustix::fs::{
    fstat, fsync, linkat, openat, renameat, renameat_with, unlinkat, AtFlags, Mode, OFlags,
    RenameFlags, Stat, CWD,
};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::num::len64;
use crate::options::{self, Existing, Options};
use crate::pool::lock;

/// The files that have a name and are not yet complete.
static LEFTOVERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes what unfinished builds of this process would leave behind.
pub(crate) fn remove_leftovers() {
    for path in lock(&LEFTOVERS).drain(..) {
        // There is nobody left to be told.
        let _ = fs::remove_file(path);
    }
}

/// Where an image goes.
#[derive(Debug)]
pub(crate) enum Output {
    /// Nowhere.
    Discard,
    File(Unnamed),
}

/// A file without its name.
#[derive(Debug)]
pub(crate) struct Unnamed {
    file: File,
    directory: OwnedFd,
    image: PathBuf,
    existing: Existing,
    temporary: Option<Temporary>,
    behind: Behind,
    /// What went wrong behind the writes.
    failure: Mutex<Option<io::Error>>,
}

/// How much has been written that the disk may not have.
#[derive(Debug, Default)]
struct Behind {
    state: Mutex<(u64, bool)>,
    changed: Condvar,
}

impl Behind {
    /// How much is worth a call, in bytes.
    const ENOUGH: u64 = 64 << 20;

    fn add(&self, bytes: usize) {
        let mut state = lock(&self.state);
        state.0 += len64(bytes);
        if state.0 >= Self::ENOUGH {
            self.changed.notify_all();
        }
    }

    fn stop(&self) {
        lock(&self.state).1 = true;
        self.changed.notify_all();
    }

    /// Waits until there is enough, or returns false when no more comes.
    fn wait(&self) -> bool {
        let mut state = lock(&self.state);
        while state.0 < Self::ENOUGH && !state.1 {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.0 = 0;
        !state.1
    }
}

impl Output {
    /// Whether an image may be written: asked before the work, and answered for good when the image
    /// gets its name.
    ///
    /// # Errors
    /// When it exists and may not be replaced.
    pub(crate) fn check(options: &Options) -> Result<()> {
        match options.mode {
            options::Mode::Write => check_existing(&options.image, options.existing),
            options::Mode::DryRun => Ok(()),
        }
    }

    /// Opens the file that becomes the image.
    ///
    /// # Errors
    /// When its directory cannot be written to.
    pub(crate) fn open(options: &Options) -> Result<Self> {
        if matches!(options.mode, options::Mode::DryRun) {
            return Ok(Self::Discard);
        }
        let path = parent(&options.image);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, path, flags, Mode::empty())
            .map_err(Error::io("open the directory", path))?;
        let (file, temporary) = create(&directory, path)?;
        let (image, existing) = (options.image.clone(), options.existing);
        Ok(Self::File(Unnamed {
            file,
            directory,
            image,
            existing,
            temporary,
            behind: Behind::default(),
            failure: Mutex::default(),
        }))
    }

    /// Writes bytes at an image offset.
    pub(crate) fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        match self {
            Self::Discard => Ok(()),
            Self::File(to) => {
                to.behind.add(bytes.len());
                let written = to.file.write_all_at(bytes, offset);
                written.map_err(Error::io("write the image", &to.image))
            }
        }
    }

    /// Has the system write to the disk what it has been given, while more comes, until
    /// [`Self::stop_write_behind`] is called. At the end there is less to wait for.
    pub(crate) fn write_behind(&self) {
        let Self::File(to) = self else {
            return;
        };
        while to.behind.wait() {
            if let Err(error) = to.file.sync_data() {
                // The system tells an error of the disk once, and here is not where it ends the build.
                *lock(&to.failure) = Some(error);
                return;
            }
        }
    }

    /// Ends [`Self::write_behind`].
    pub(crate) fn stop_write_behind(&self) {
        if let Self::File(to) = self {
            to.behind.stop();
        }
    }

    /// Whether this is the directory in which the image has a name already, which has changed the
    /// directory.
    pub(crate) fn is_named_in(&self, stat: &Stat) -> bool {
        match self {
            Self::File(to) if to.temporary.is_some() => fstat(&to.directory)
                .is_ok_and(|own| (own.st_dev, own.st_ino) == (stat.st_dev, stat.st_ino)),
            _ => false,
        }
    }

    /// Gives the image its length, makes it durable, and gives it its name.
    pub(crate) fn publish(self, length: u64) -> Result<()> {
        let Self::File(to) = self else {
            return Ok(());
        };
        if let Some(error) = lock(&to.failure).take() {
            return Err(Error::io("write the image", &to.image)(error));
        }
        to.file
            .set_len(length)
            .map_err(Error::io("write the image", &to.image))?;
        to.file
            .sync_all()
            .map_err(Error::io("write the image", &to.image))?;
        to.name().map_err(|errno| match errno {
            Errno::EXIST => Error::Exists(to.image.clone()),
            errno => Error::io("give the complete image its name,", &to.image)(errno),
        })?;
        fsync(&to.directory).map_err(|errno| Error::NotDurable {
            path: to.image.clone(),
            source: errno.into(),
        })
    }
}

fn check_existing(image: &Path, existing: Existing) -> Result<()> {
    if image.as_os_str().as_bytes().ends_with(b"/") {
        return Err(Error::NotRegular(image.to_owned()));
    }
    let metadata = match fs::symlink_metadata(image) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("look for", image)(error)),
    };
    // A link to a device is no place for an image either; one that leads nowhere, or to a file, is replaced.
    let is_regular = match fs::metadata(image) {
        Ok(target) => target.is_file(),
        Err(_) => metadata.is_symlink(),
    };
    match existing {
        _ if !is_regular => Err(Error::NotRegular(image.to_owned())),
        Existing::Refuse => Err(Error::Exists(image.to_owned())),
        Existing::Replace => Ok(()),
    }
}

/// The directory that holds a path.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn create(directory: &OwnedFd, path: &Path) -> Result<(File, Option<Temporary>)> {
    let mode = Mode::from_raw_mode(0o644);
    let unnamed = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    match openat(directory, ".", unnamed, mode) {
        Ok(file) => Ok((file.into(), None)),
        // What is said by file systems, and kernels, that know no files without a name.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            let (file, temporary) = Temporary::create(directory, path)?;
            Ok((file, Some(temporary)))
        }
        Err(errno) => Err(Error::io("create the image in", path)(errno)),
    }
}

impl Unnamed {
    fn name(&self) -> rustix::io::Result<()> {
        let name = self.image.file_name().unwrap_or_default();
        match (&self.temporary, self.existing) {
            (None, Existing::Refuse) => self.link(name),
            (None, Existing::Replace) => match self.link(name) {
                Err(Errno::EXIST) => self.replace(name),
                result => result,
            },
            (Some(temporary), Existing::Replace) => self.rename(temporary, name),
            (Some(temporary), Existing::Refuse) => self.rename_new(temporary, name),
        }
    }

    /// Links the file without a name to one that does not exist.
    fn link(&self, name: &OsStr) -> rustix::io::Result<()> {
        let open = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        linkat(CWD, open, &self.directory, name, AtFlags::SYMLINK_FOLLOW)
    }

    /// A link cannot replace a file, so the new one gets a name to be renamed from.
    fn replace(&self, name: &OsStr) -> rustix::io::Result<()> {
        let temporary = Temporary::reserve(parent(&self.image));
        self.link(&temporary.name)?;
        self.rename(&temporary, name)
    }

    fn rename(&self, temporary: &Temporary, name: &OsStr) -> rustix::io::Result<()> {
        renameat(&self.directory, &temporary.name, &self.directory, name)
    }

    fn rename_new(&self, temporary: &Temporary, name: &OsStr) -> rustix::io::Result<()> {
        let directory = &self.directory;
        let flags = RenameFlags::NOREPLACE;
        match renameat_with(directory, &temporary.name, directory, name, flags) {
            // A file system without that flag has links: a link does not replace either.
            Err(Errno::INVAL | Errno::NOSYS) => {
                linkat(
                    directory,
                    &temporary.name,
                    directory,
                    name,
                    AtFlags::empty(),
                )?;
                unlinkat(directory, &temporary.name, AtFlags::empty())
            }
            result => result,
        }
    }
}

/// A random name, and the promise that nothing of that name is left behind.
#[derive(Debug)]
struct Temporary {
    name: OsString,
    path: PathBuf,
}

impl Temporary {
    /// Reserves a name in the directory at `path`.
    fn reserve(path: &Path) -> Self {
        let random = RandomState::new().build_hasher().finish();
        let name = OsString::from(format!(".mkdaxfs.{random:016x}"));
        let path = path.join(&name);
        lock(&LEFTOVERS).push(path.clone());
        Self { name, path }
    }

    fn create(directory: &OwnedFd, path: &Path) -> Result<(File, Self)> {
        let temporary = Self::reserve(path);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(
            directory,
            &temporary.name,
            flags,
            Mode::from_raw_mode(0o644),
        )
        .map_err(Error::io("create the image in", path))?;
        Ok((file.into(), temporary))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Once it is renamed there is nothing of this name; else a failure has been reported already.
        let _ = fs::remove_file(&self.path);
        lock(&LEFTOVERS).retain(|path| *path != self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{kill_process, Pid, Signal};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    /// As on a file system without `O_TMPFILE`.
    fn named(directory: &Path, existing: Existing) -> Output {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let open = openat(CWD, directory, flags, Mode::empty()).unwrap();
        let (file, temporary) = Temporary::create(&open, directory).unwrap();
        Output::File(Unnamed {
            file,
            directory: open,
            image: directory.join("image"),
            existing,
            temporary: Some(temporary),
            behind: Behind::default(),
            failure: Mutex::default(),
        })
    }

    fn names(directory: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_temporary_name_is_gone_when_the_image_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let output = named(dir.path(), Existing::Refuse);
        assert_eq!(names(dir.path()).len(), 1);
        output.write(b"image", 0).unwrap();
        output.publish(5).unwrap();
        assert_eq!(names(dir.path()), ["image"]);
        assert_eq!(fs::read(dir.path().join("image")).unwrap(), b"image");
    }

    #[test]
    fn a_temporary_name_does_not_replace_what_has_appeared_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let output = named(dir.path(), Existing::Refuse);
        fs::write(dir.path().join("image"), "other").unwrap();
        assert!(matches!(output.publish(5), Err(Error::Exists(_))));
        assert_eq!(names(dir.path()), ["image"]);
        assert_eq!(fs::read(dir.path().join("image")).unwrap(), b"other");
    }

    #[test]
    fn a_file_without_a_name_replaces_an_image_and_leaves_no_other_name() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        fs::write(&image, "other").unwrap();
        let options = Options {
            existing: Existing::Replace,
            ..Options::new("", &image)
        };
        let output = Output::open(&options).unwrap();
        output.write(b"image", 0).unwrap();
        output.publish(5).unwrap();
        assert_eq!(names(dir.path()), ["image"]);
        assert_eq!(fs::read(&image).unwrap(), b"image");
    }

    #[test]
    fn a_file_without_a_name_does_not_replace_what_has_appeared_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        let output = Output::open(&Options::new("", &image)).unwrap();
        assert!(matches!(
            output,
            Output::File(Unnamed {
                temporary: None,
                ..
            })
        ));
        fs::write(&image, "other").unwrap();
        assert!(matches!(output.publish(5), Err(Error::Exists(_))));
        assert_eq!(fs::read(&image).unwrap(), b"other");
    }

    /// The other process of the test below: it has an output with a name, and waits for a signal.
    fn wait_with_a_name(directory: &Path) -> ! {
        crate::watch_signals().unwrap();
        let _output = named(directory, Existing::Refuse);
        fs::write(directory.join("ready"), "").unwrap();
        loop {
            std::thread::park();
        }
    }

    #[test]
    fn a_signal_removes_a_temporary_name() {
        const TEST: &str = "output::tests::a_signal_removes_a_temporary_name";
        const PLACE: &str = "MKDAXFS_TEST_PLACE";
        if let Some(place) = std::env::var_os(PLACE) {
            wait_with_a_name(Path::new(&place));
        }
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let dir = tempfile::tempdir().unwrap();
            let mut command = Command::new(std::env::current_exe().unwrap());
            command
                .args(["--exact", TEST])
                .env(PLACE, dir.path())
                .stdout(Stdio::null());
            let mut child = command.spawn().unwrap();
            while !dir.path().join("ready").exists() {
                assert!(child.try_wait().unwrap().is_none(), "it does not wait");
                std::thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(names(dir.path()).len(), 2);
            kill_process(Pid::from_child(&child), signal).unwrap();
            let status = child.wait().unwrap();
            assert_eq!(status.signal(), Some(signal.as_raw()), "{status:?}");
            assert_eq!(names(dir.path()), ["ready"]);
        }
    }

    #[test]
    fn a_build_that_ends_early_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        drop(named(dir.path(), Existing::Refuse));
        assert!(names(dir.path()).is_empty());
        let output = named(dir.path(), Existing::Refuse);
        let Output::File(Unnamed {
            temporary: Some(temporary),
            ..
        }) = &output
        else {
            unreachable!("made with a name");
        };
        assert!(lock(&LEFTOVERS).contains(&temporary.path));
        assert!(temporary.name.as_bytes().starts_with(b".mkdaxfs."));
    }
}
