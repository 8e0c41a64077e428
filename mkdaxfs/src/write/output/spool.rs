// SPDX-License-Identifier: MIT OR Apache-2.0
//! Images for streams and block devices, which cannot appear at once.
//!
//! Such an image is built in a file without a name in the directory for temporary files, and copied
//! when it is complete: a build that fails writes nothing. A device gets the superblock last, after
//! everything else is on the disk, so that an interrupted copy is not a valid image.

use std::env;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::event::{poll, PollFd, PollFlags};
use rustix::fs::{openat, Mode, OFlags, CWD};

use super::destination::{open_device, open_stdout, unsuitable, Stream};
use super::file::{create, key_of, open_directory};
use crate::error::{Error, Result, Unsuitable};
use crate::num::len64;
use crate::own::FileKey;
use crate::plan::offset::ImageOffset;
use crate::write::interrupt;

/// The directory for temporary files that are large, unless `TMPDIR` names another.
const TEMPORARY: &str = "/var/tmp";

/// Length of the buffer of the copy, in bytes.
const BUFFER: usize = 1 << 20;

/// Length of the superblock in bytes.
const SUPERBLOCK: usize = 4096;

/// An image that is copied when it is complete.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    directory: PathBuf,
    /// The directory, if the file had a name there.
    changed: Option<FileKey>,
    sink: Sink,
    image: PathBuf,
}

/// The file that the image is copied to.
#[derive(Debug)]
enum Sink {
    Stdout(File),
    Fifo,
    Device(File),
}

impl Spool {
    /// Creates the temporary file of an image for the destination that `image` names.
    pub(super) fn create(image: &Path, stream: Stream) -> Result<Self> {
        let sink = match stream {
            Stream::Stdout => Sink::Stdout(open_stdout().map_err(failed(image))?),
            Stream::Fifo => Sink::Fifo,
            Stream::Device => Sink::Device(open_device(image)?.into()),
        };
        let directory = env::var_os("TMPDIR").filter(|name| !name.is_empty());
        let directory = directory.map_or_else(|| TEMPORARY.into(), PathBuf::from);
        let open = open_directory(&directory)?;
        // A name ends with this function, and the file stays.
        let (file, temporary) = create(&open, &directory, "create a temporary file in")?;
        Ok(Self {
            file,
            changed: temporary.and_then(|_| key_of(&open)),
            directory,
            sink,
            image: image.to_owned(),
        })
    }

    /// The directory in which the file had a name for a moment.
    pub(super) fn changed_directory(&self) -> Option<FileKey> {
        self.changed
    }

    /// Writes bytes at an offset of the image.
    pub(super) fn write(&self, bytes: &[u8], offset: ImageOffset) -> Result<()> {
        let written = self.file.write_all_at(bytes, offset.0);
        written.map_err(self.spooling())
    }

    /// Copies the image, and makes it durable where it is a file.
    pub(super) fn publish(self, length: u64) -> Result<()> {
        self.file.set_len(length).map_err(self.spooling())?;
        match &self.sink {
            Sink::Stdout(file) => self.stream(file),
            Sink::Fifo => self.stream(&self.open_fifo()?),
            Sink::Device(device) => self.overwrite(device, length),
        }
    }

    fn spooling(&self) -> impl FnOnce(io::Error) -> Error + '_ {
        Error::io("write the image to a temporary file in", &self.directory)
    }

    /// Opens the FIFO, when it has a reader.
    fn open_fifo(&self) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let open = openat(CWD, &self.image, flags, Mode::empty());
        open.map(File::from)
            .map_err(Error::io("open the image", &self.image))
    }

    fn stream(&self, to: &File) -> Result<()> {
        interrupt::begin(&self.image);
        self.copy_from(0, to)?;
        // A pipe has no disk.
        let _ = to.sync_all();
        interrupt::complete(&self.image, || Ok(()))
    }

    fn overwrite(&self, device: &File, length: u64) -> Result<()> {
        let wrong = || failed(&self.image);
        let room = (&*device).seek(SeekFrom::End(0)).map_err(wrong())?;
        if room < length {
            let why = Unsuitable::TooSmall {
                device: room,
                image: length,
            };
            return Err(unsuitable(&self.image, why));
        }
        interrupt::begin(&self.image);
        // No superblock, old or new, until everything else is on the disk.
        device.write_all_at(&[0; SUPERBLOCK], 0).map_err(wrong())?;
        device.sync_all().map_err(wrong())?;
        self.copy_from(SUPERBLOCK, device)?;
        device.sync_all().map_err(wrong())?;
        let mut superblock = [0; SUPERBLOCK];
        let read = self.file.read_exact_at(&mut superblock, 0);
        read.map_err(self.reading())?;
        interrupt::complete(&self.image, || {
            device.write_all_at(&superblock, 0).map_err(wrong())?;
            device.sync_all().map_err(wrong())
        })
    }

    fn reading(&self) -> impl FnOnce(io::Error) -> Error + '_ {
        Error::io("read the temporary file in", &self.directory)
    }

    /// Copies the bytes from `start` on, to the position of `to` if it is a stream, and to the same
    /// offset of a device.
    fn copy_from(&self, start: usize, mut to: &File) -> Result<()> {
        let mut from = &self.file;
        let start = SeekFrom::Start(len64(start));
        from.seek(start).map_err(self.reading())?;
        if matches!(self.sink, Sink::Device(_)) {
            to.seek(start).map_err(failed(&self.image))?;
        }
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = from.read(&mut buffer).map_err(self.reading())?;
            if length == 0 {
                return Ok(());
            }
            write_all(to, &buffer[..length]).map_err(failed(&self.image))?;
        }
    }
}

fn failed(image: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    Error::io("write the image", image)
}

/// Writes all bytes, also to a pipe that another process has made one that does not wait.
fn write_all(mut to: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(&to, PollFlags::OUT)], None)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A file as the device of an image of `length` bytes, and the result.
    fn overwrite(device: &Path, length: usize) -> Result<()> {
        let directory = device.parent().unwrap();
        let open = open_directory(directory).unwrap();
        let (file, _) = create(&open, directory, "create").unwrap();
        let sink = File::options().read(true).write(true).open(device).unwrap();
        let spool = Spool {
            file,
            directory: directory.to_owned(),
            changed: None,
            sink: Sink::Device(sink),
            image: device.to_owned(),
        };
        spool.write(&[1; SUPERBLOCK], ImageOffset(0))?;
        spool.write(b"end", ImageOffset(len64(length) - 3))?;
        spool.publish(len64(length))
    }

    #[test]
    fn a_device_gets_the_image_and_keeps_what_is_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let device = dir.path().join("device");
        fs::write(&device, vec![9; 3 * BUFFER]).unwrap();
        overwrite(&device, 2 * BUFFER).unwrap();
        let bytes = fs::read(&device).unwrap();
        let (image, behind) = bytes.split_at(2 * BUFFER);
        assert_eq!(&image[..SUPERBLOCK], [1; SUPERBLOCK]);
        assert!(image[SUPERBLOCK..2 * BUFFER - 3]
            .iter()
            .all(|&byte| byte == 0));
        assert_eq!(&image[2 * BUFFER - 3..], b"end");
        assert!(behind.iter().all(|&byte| byte == 9));
    }

    #[test]
    fn a_device_that_is_too_small_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let device = dir.path().join("device");
        fs::write(&device, vec![9; BUFFER]).unwrap();
        let error = overwrite(&device, BUFFER + 4096).unwrap_err();
        assert!(matches!(
            error,
            Error::Unsuitable {
                why: Unsuitable::TooSmall { .. },
                ..
            }
        ));
        assert!(fs::read(&device).unwrap().iter().all(|&byte| byte == 9));
    }
}
