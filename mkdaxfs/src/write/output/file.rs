// SPDX-License-Identifier: MIT OR Apache-2.0
//! The image file, and the steps that give it its name.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    fstat, fsync, linkat, openat, renameat, renameat_with, unlinkat, AtFlags, Mode, OFlags,
    RenameFlags, CWD,
};
use rustix::io::Errno;

use super::behind::Behind;
use super::temporary::Temporary;
use crate::error::{Error, Result};
use crate::options::Existing;
use crate::own::FileKey;
use crate::plan::offset::ImageOffset;
use crate::write::interrupt;

/// An image file that is not complete.
#[derive(Debug)]
pub(crate) struct ImageFile {
    file: File,
    directory: OwnedFd,
    /// The image as it was named.
    image: PathBuf,
    /// Its path behind links.
    path: PathBuf,
    existing: Existing,
    /// The name while the file is incomplete, where the file system needs one.
    temporary: Option<Temporary>,
    behind: Behind,
}

impl ImageFile {
    /// Creates the file that becomes `image`, whose path behind links is `path`.
    pub(super) fn create(image: &Path, path: PathBuf, existing: Existing) -> Result<Self> {
        let directory = open_directory(parent(&path))?;
        let created = create(&directory, parent(&path), "create the image in")?;
        Ok(Self::new((image, path), existing, directory, created))
    }

    fn new(
        (image, path): (&Path, PathBuf),
        existing: Existing,
        directory: OwnedFd,
        (file, temporary): (File, Option<Temporary>),
    ) -> Self {
        Self {
            file,
            directory,
            image: image.to_owned(),
            path,
            existing,
            temporary,
            behind: Behind::default(),
        }
    }

    /// Writes bytes at an offset of the image.
    pub(super) fn write(&self, bytes: &[u8], offset: ImageOffset) -> Result<()> {
        self.behind.add(bytes.len());
        let written = self.file.write_all_at(bytes, offset.0);
        written.map_err(Error::io("write the image", &self.image))
    }

    /// Does `work` while another thread has the system write to the disk.
    pub(super) fn while_syncing<T>(&self, work: impl FnOnce() -> T) -> T {
        self.behind.run(&self.file, work)
    }

    /// The directory in which the file has a temporary name.
    pub(super) fn changed_directory(&self) -> Option<FileKey> {
        self.temporary.as_ref()?;
        key_of(&self.directory)
    }

    /// Gives the image its length, makes it durable, and gives it its name.
    pub(super) fn publish(self, length: u64) -> Result<()> {
        let failed = || Error::io("write the image", &self.image);
        if let Some(error) = self.behind.take_failure() {
            return Err(failed()(error));
        }
        self.file.set_len(length).map_err(failed())?;
        self.file.sync_all().map_err(failed())?;
        interrupt::complete(&self.image, || {
            self.name().map_err(|errno| match errno {
                Errno::EXIST => Error::Exists(self.image.clone()),
                errno => Error::io("give the complete image its name,", &self.image)(errno),
            })
        })?;
        fsync(&self.directory).map_err(|errno| Error::NotDurable {
            path: self.image.clone(),
            source: errno.into(),
        })
    }

    fn name(&self) -> rustix::io::Result<()> {
        let name = self.path.file_name().unwrap_or_default();
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

    /// Replaces an image. A link cannot do that, so the file gets a name to be renamed from.
    fn replace(&self, name: &OsStr) -> rustix::io::Result<()> {
        let temporary = Temporary::reserve(parent(&self.path));
        self.link(temporary.name())?;
        self.rename(&temporary, name)
    }

    fn rename(&self, temporary: &Temporary, name: &OsStr) -> rustix::io::Result<()> {
        renameat(&self.directory, temporary.name(), &self.directory, name)
    }

    fn rename_new(&self, temporary: &Temporary, name: &OsStr) -> rustix::io::Result<()> {
        let (directory, old) = (&self.directory, temporary.name());
        match renameat_with(directory, old, directory, name, RenameFlags::NOREPLACE) {
            // A file system without that flag has links, which do not replace a file either.
            Err(Errno::INVAL | Errno::NOSYS) => {
                linkat(directory, old, directory, name, AtFlags::empty())?;
                unlinkat(directory, old, AtFlags::empty())
            }
            result => result,
        }
    }
}

/// The directory that holds a path.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

pub(super) fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty()).map_err(Error::io("open the directory", path))
}

/// Device and inode number of an open directory.
pub(super) fn key_of(directory: &OwnedFd) -> Option<FileKey> {
    let stat = fstat(directory).ok()?;
    Some(FileKey {
        device: stat.st_dev,
        inode: stat.st_ino,
    })
}

/// Creates a file in a directory, which has this path: without a name if the file system can.
/// `action` is for the message if it cannot.
pub(super) fn create(
    directory: &OwnedFd,
    path: &Path,
    action: &'static str,
) -> Result<(File, Option<Temporary>)> {
    let mode = Mode::from_raw_mode(0o644);
    let unnamed = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    match openat(directory, ".", unnamed, mode) {
        Ok(file) => Ok((file.into(), None)),
        // The errors of file systems, and kernels, that know no files without a name.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            let (file, temporary) = Temporary::create(directory, path, action)?;
            Ok((file, Some(temporary)))
        }
        Err(errno) => Err(Error::io(action, path)(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daxfs_cli::program::Program;
    use daxfs_cli::signals::watch;
    use rustix::process::{kill_process, Pid, Signal};
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    /// An image file as on a file system without `O_TMPFILE`.
    fn named(directory: &Path, existing: Existing) -> ImageFile {
        let open = open_directory(directory).unwrap();
        let (file, temporary) = Temporary::create(&open, directory, "create").unwrap();
        let image = directory.join("image");
        ImageFile::new(
            (&image, image.clone()),
            existing,
            open,
            (file, Some(temporary)),
        )
    }

    fn write(file: &ImageFile) {
        file.write(b"image", ImageOffset(0)).unwrap();
    }

    fn names(directory: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_temporary_name_is_gone_when_the_image_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = named(dir.path(), Existing::Refuse);
        assert_eq!(names(dir.path()).len(), 1);
        write(&file);
        file.publish(5).unwrap();
        assert_eq!(names(dir.path()), ["image"]);
        assert_eq!(fs::read(dir.path().join("image")).unwrap(), b"image");
    }

    #[test]
    fn a_temporary_name_does_not_replace_a_file_that_has_appeared_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let file = named(dir.path(), Existing::Refuse);
        fs::write(dir.path().join("image"), "other").unwrap();
        assert!(matches!(file.publish(5), Err(Error::Exists(_))));
        assert_eq!(names(dir.path()), ["image"]);
        assert_eq!(fs::read(dir.path().join("image")).unwrap(), b"other");
    }

    #[test]
    fn a_file_without_a_name_replaces_an_image_and_leaves_no_other_name() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        fs::write(&image, "other").unwrap();
        let file = ImageFile::create(&image, image.clone(), Existing::Replace).unwrap();
        write(&file);
        file.publish(5).unwrap();
        assert_eq!(names(dir.path()), ["image"]);
        assert_eq!(fs::read(&image).unwrap(), b"image");
    }

    #[test]
    fn a_file_without_a_name_does_not_replace_a_file_that_has_appeared_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        let file = ImageFile::create(&image, image.clone(), Existing::Refuse).unwrap();
        assert!(file.temporary.is_none());
        fs::write(&image, "other").unwrap();
        assert!(matches!(file.publish(5), Err(Error::Exists(_))));
        assert_eq!(fs::read(&image).unwrap(), b"other");
    }

    /// The other process of the test below: it has a file with a name, and waits for a signal.
    fn wait_with_a_name(directory: &Path) -> ! {
        watch(Program::new("test"), interrupt::interrupt).unwrap();
        let _file = named(directory, Existing::Refuse);
        fs::write(directory.join("ready"), "").unwrap();
        loop {
            std::thread::park();
        }
    }

    /// Returns true if this process ignores a signal, as under nohup: its children do too.
    fn is_ignored(signal: Signal) -> bool {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = line.and_then(|line| u64::from_str_radix(line.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
    }

    #[test]
    fn a_signal_removes_a_temporary_name() {
        const TEST: &str = "write::output::file::tests::a_signal_removes_a_temporary_name";
        const DIRECTORY: &str = "MKDAXFS_TEST_DIRECTORY";
        if let Some(directory) = std::env::var_os(DIRECTORY) {
            wait_with_a_name(Path::new(&directory));
        }
        let signals = [Signal::INT, Signal::TERM, Signal::HUP];
        for signal in signals.into_iter().filter(|&signal| !is_ignored(signal)) {
            let dir = tempfile::tempdir().unwrap();
            let mut command = Command::new(std::env::current_exe().unwrap());
            command
                .args(["--exact", TEST])
                .env(DIRECTORY, dir.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
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
    }
}
