// SPDX-License-Identifier: MIT OR Apache-2.0
//! The toolchain for a kernel with Rust: rustc with its library source, LLVM, bindgen, and build
//! tools.
//!
//! The kernel compiles Rust's `core` itself, so it needs a compiler *and* the library source of
//! exactly that compiler. A rustup toolchain with the component `rust-src` has both; where the
//! toolchain in use lacks it, Debian's packages `rustc-web` and `rust-web-src` serve.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context, Result};

use super::cache::{self, Lock};
use super::step::{logged, step};
use crate::packages;
use crate::process::capture;

/// Release of LLVM; the kernel needs 17 or later.
pub(crate) const LLVM: &str = "19";

/// Version of bindgen; the kernel needs 0.71.1 or later, distributions have older ones.
const BINDGEN: &str = "0.73.2";

/// Path of Debian's compiler, which need not be the first on `PATH`.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Debian packages, each with a file that exists if it is installed.
const PACKAGES: &[(&str, &str)] = &[
    ("clang-19", "/usr/lib/llvm-19/bin/clang"),
    ("lld-19", "/usr/lib/llvm-19/bin/ld.lld"),
    ("llvm-19", "/usr/lib/llvm-19/bin/llvm-nm"),
    ("libclang-19-dev", "/usr/lib/llvm-19/lib/libclang.so"),
    ("make", "/usr/bin/make"),
    ("flex", "/usr/bin/flex"),
    ("bison", "/usr/bin/bison"),
    ("bc", "/usr/bin/bc"),
    ("libelf-dev", "/usr/include/libelf.h"),
    ("libssl-dev", "/usr/include/openssl/ssl.h"),
    ("kmod", "/sbin/depmod"),
    ("cpio", "/usr/bin/cpio"),
    ("xz-utils", "/usr/bin/xz"),
    ("zstd", "/usr/bin/zstd"),
];

/// Packages for a compiler, used if rustup's toolchain cannot build `core`.
const RUST_PACKAGES: &[(&str, &str)] = &[
    ("rustc-web", DEBIAN_RUSTC),
    ("rust-web-src", "/usr/lib/rustlib/src/rust/library/core"),
];

/// A complete toolchain.
#[derive(Debug)]
pub(crate) struct Toolchain {
    rustc: PathBuf,
    library: PathBuf,
    bindgen: PathBuf,
}

impl Toolchain {
    /// Finds the toolchain, and installs its missing parts.
    pub(crate) fn ensure() -> Result<Self> {
        packages::install(PACKAGES)?;
        let (rustc, library) = match rustup_with_source() {
            Some(found) => found,
            None => {
                packages::install(RUST_PACKAGES)?;
                let rustc = PathBuf::from(DEBIAN_RUSTC);
                let library = library_of(&rustc)?;
                (rustc, library)
            }
        };
        Ok(Self {
            rustc,
            library,
            bindgen: install_program("bindgen-cli", "bindgen", BINDGEN)?,
        })
    }

    /// Returns a `make` in the kernel tree `dir`, with this toolchain.
    pub(crate) fn make(&self, dir: &Path) -> Command {
        let mut make = Command::new("nice");
        make.args(["-n", "5", "make", "LLVM=1", "BINDGEN=bindgen"])
            .arg(assign("RUSTC", &self.rustc))
            .arg(assign("RUST_LIB_SRC", &self.library))
            .arg(format!(
                "-j{}",
                std::thread::available_parallelism().map_or(1, usize::from)
            ))
            .env("PATH", self.path())
            .env("LIBCLANG_PATH", format!("/usr/lib/llvm-{LLVM}/lib"))
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("MAKEFLAGS")
            .current_dir(dir);
        make
    }

    /// Returns a program of this toolchain (LLVM's, or bindgen).
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.env("PATH", self.path());
        command
    }

    /// Returns the versions on which the output depends, one line each.
    pub(crate) fn versions(&self) -> Result<String> {
        let rustc = capture(Command::new(&self.rustc).arg("--version"))?;
        let clang = capture(self.program("clang").arg("--version"))?;
        let bindgen = capture(self.program("bindgen").arg("--version"))?;
        Ok(format!(
            "rustc {}\nclang {}\nbindgen {}\n",
            rustc.trim(),
            clang.lines().next().unwrap_or_default(),
            bindgen.trim()
        ))
    }

    fn path(&self) -> OsString {
        let mut path = OsString::from(self.bindgen.join("bin"));
        path.push(format!(
            ":/usr/lib/llvm-{LLVM}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        ));
        path
    }
}

fn assign(name: &str, value: &Path) -> OsString {
    let mut text = OsString::from(format!("{name}="));
    text.push(value);
    text
}

/// Returns compiler and library source of the rustup toolchain in use, if it has both.
fn rustup_with_source() -> Option<(PathBuf, PathBuf)> {
    let rustup = capture(Command::new("rustup").args(["which", "rustc"])).ok()?;
    let rustc = PathBuf::from(rustup.trim());
    let library = library_of(&rustc).ok()?;
    Some((rustc, library))
}

/// Returns the library source of a compiler.
fn library_of(rustc: &Path) -> Result<PathBuf> {
    let sysroot = capture(Command::new(rustc).args(["--print", "sysroot"]))?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    if !library.join("core/src/lib.rs").is_file() {
        bail!(
            "{} has no library source at {}",
            rustc.display(),
            library.display()
        );
    }
    library
        .canonicalize()
        .with_context(|| format!("cannot use {}", library.display()))
}

/// Installs a program of a package of the registry in the cache and returns its directory.
pub(crate) fn install_program(package: &str, program: &str, version: &str) -> Result<PathBuf> {
    let _lock = Lock::acquire(program)?;
    let root = cache::directory()?.join(format!("{program}-{version}"));
    if !root.join("bin").join(program).is_file() {
        step(&format!("installing {program} {version}"), || {
            let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut install = Command::new(cargo);
            install.args([
                "install",
                "--locked",
                package,
                "--version",
                version,
                "--root",
            ]);
            let log = cache::directory()?.join(format!("{program}.log"));
            logged(install.arg(&root), &log)
        })?;
    }
    Ok(root)
}
