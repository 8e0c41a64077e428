// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running commands within the test's process, on images in temporary files.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use daxfs_image::escape::Charset;
use daxfs_inspect::cli::Cli;
use daxfs_inspect::console::Console;
use serde_json::Value;
use tempfile::NamedTempFile;

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its exit code.
    pub(crate) code: u8,
    /// Its standard output.
    pub(crate) out: Vec<u8>,
    /// Its standard error.
    pub(crate) err: String,
}

impl Run {
    /// Its standard output, as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    /// Its standard output as JSON records, which the schema must allow.
    pub(crate) fn json(&self) -> Vec<Value> {
        daxfs_test_json::records(self.text()).unwrap()
    }

    /// The run, which must have succeeded without a message.
    pub(crate) fn clean(self) -> Self {
        assert_eq!((self.code, self.err.as_str()), (0, ""));
        self
    }
}

/// Runs a command line, without the program's name.
pub(crate) fn inspect<S: AsRef<OsStr>>(arguments: &[S]) -> Run {
    inspect_as(arguments, Charset::Ascii)
}

/// Runs a command line for a terminal that prints `charset`.
pub(crate) fn inspect_as<S: AsRef<OsStr>>(arguments: &[S], charset: Charset) -> Run {
    let name = OsStr::new("daxfs-inspect");
    let arguments = arguments.iter().map(AsRef::as_ref);
    let cli = Cli::try_parse_from([name].into_iter().chain(arguments)).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = daxfs_inspect::run(&cli, &mut Console::new(&mut out, &mut err, charset)).code();
    Run {
        code,
        out,
        err: String::from_utf8(err).unwrap(),
    }
}

/// An image in a temporary file.
pub(crate) struct ImageFile(NamedTempFile);

impl ImageFile {
    /// Puts an image into a file.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Self(file)
    }

    /// The reference image.
    pub(crate) fn reference() -> Self {
        Self::new(&daxfs_hostile::reference::reference())
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs a command on the image: `command`, the image, `rest`.
    pub(crate) fn run(&self, command: &str, rest: &[&str]) -> Run {
        let mut arguments = vec![OsString::from(command), self.path().into()];
        arguments.extend(rest.iter().map(OsString::from));
        inspect(&arguments)
    }

    /// Runs a command on one path of any bytes.
    pub(crate) fn run_on(&self, command: &str, path: &[u8]) -> Run {
        let path = OsString::from_vec(path.to_vec());
        inspect(&[OsStr::new(command), self.path().as_os_str(), &path])
    }
}

/// The directory of the golden files.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden")
        .join(name)
}
