// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's own tests, built from its source: those that are about files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::kernel::source;
use crate::kernel::step::step;
use crate::{packages, process, workspace};

/// The recipe of the tests, for the key of what is built.
pub(super) const INPUTS: &str = include_str!("selftests.rs");

/// The packages that the tests are linked against.
const PACKAGES: &[(&str, &str)] = &[("libcap-dev", "/usr/include/sys/capability.h")];

/// A program: its path, and its sources, relative to the directory of the tests.
struct Program {
    path: &'static str,
    sources: Vec<&'static str>,
    link: Link,
}

/// Ways to link a program.
#[derive(Clone, Copy)]
enum Link {
    Static,
    /// Position independent, with this alignment of segments.
    Pie(&'static str),
    /// The same, without an interpreter.
    StaticPie(&'static str),
}

/// Programs that are linked statically, and their sources.
const PLAIN: &[(&str, &str)] = &[
    ("exec/execveat", "exec/execveat.c"),
    ("exec/non-regular", "exec/non-regular.c"),
    ("exec/null-argv", "exec/null-argv.c"),
    ("exec/recursion-depth", "exec/recursion-depth.c"),
    ("exec/check-exec", "exec/check-exec.c"),
    ("exec/false", "exec/false.c"),
    ("exec/inc", "../../../samples/check-exec/inc.c"),
    ("exec/set-exec", "../../../samples/check-exec/set-exec.c"),
    ("openat2/openat2_test", "filesystems/openat2/openat2_test.c"),
    ("openat2/resolve_test", "filesystems/openat2/resolve_test.c"),
    (
        "openat2/emptypath_test",
        "filesystems/openat2/emptypath_test.c",
    ),
    ("splice/splice_read", "splice/splice_read.c"),
    (
        "splice/default_file_splice_read",
        "splice/default_file_splice_read.c",
    ),
    (
        "mm/pagemap_ioctl",
        "mm/pagemap_ioctl.c mm/vm_util.c mm/hugepage_settings.c",
    ),
    ("mincore/mincore_selftest", "mincore/mincore_selftest.c"),
    (
        "overlayfs/dev_in_maps",
        "filesystems/overlayfs/dev_in_maps.c",
    ),
    (
        "overlayfs/set_layers_via_fds",
        "filesystems/overlayfs/set_layers_via_fds.c filesystems/utils.c",
    ),
    (
        "mount_setattr/mount_setattr_test",
        "mount_setattr/mount_setattr_test.c",
    ),
];

/// Programs that the loader must align, all from one source.
const ALIGNED: &[(&str, Link)] = &[
    ("exec/load_address.0x1000", Link::Pie("0x1000")),
    ("exec/load_address.0x200000", Link::Pie("0x200000")),
    ("exec/load_address.0x1000000", Link::Pie("0x1000000")),
    ("exec/load_address.static.0x1000", Link::StaticPie("0x1000")),
    (
        "exec/load_address.static.0x200000",
        Link::StaticPie("0x200000"),
    ),
    (
        "exec/load_address.static.0x1000000",
        Link::StaticPie("0x1000000"),
    ),
];

/// Returns all programs.
fn programs() -> impl Iterator<Item = Program> {
    let program = |path, sources: &'static str, link| Program {
        path,
        sources: sources.split(' ').collect(),
        link,
    };
    let plain = PLAIN.iter();
    let plain = plain.map(move |&(path, sources)| program(path, sources, Link::Static));
    let aligned = ALIGNED.iter();
    plain.chain(aligned.map(move |&(path, link)| program(path, "exec/load_address.c", link)))
}

/// Files that are used unchanged: source and destination.
const FILES: &[(&str, &str)] = &[
    ("exec/Makefile", "exec/Makefile"),
    ("exec/binfmt_script.py", "exec/binfmt_script.py"),
    ("exec/check-exec-tests.sh", "exec/check-exec-tests.sh"),
    (
        "../../../samples/check-exec/script-exec.inc",
        "exec/script-exec.inc",
    ),
    (
        "../../../samples/check-exec/script-noexec.inc",
        "exec/script-noexec.inc",
    ),
    ("kselftest/ktap_helpers.sh", "kselftest/ktap_helpers.sh"),
];

/// Builds the tests into `into`, laid out as their own build does it.
pub(super) fn build(into: &Path) -> Result<()> {
    packages::install(PACKAGES)?;
    let kernel = source::obtain()?;
    let headers = headers(&kernel)?;
    let tests = kernel.join("tools/testing/selftests");
    for program in programs() {
        make_parent(&into.join(program.path))?;
        compile(&program, &tests, &headers, into)?;
    }
    for (from, to) in FILES {
        make_parent(&into.join(to))?;
        fs::copy(tests.join(from), into.join(to)).with_context(|| format!("cannot copy {from}"))?;
    }
    supplies_of_execveat(&into.join("exec"))
}

fn make_parent(path: &Path) -> Result<()> {
    let parent = path.parent().context("a path without a directory")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))
}

/// Makes the headers that the kernel has for programs.
fn headers(kernel: &Path) -> Result<PathBuf> {
    let out = workspace::scratch_dir()?.join("kernel-headers");
    let headers = out.join("usr/include");
    if !headers.join("linux/mount.h").exists() {
        let mut make = Command::new("make");
        make.args(["-s", "ARCH=x86_64", "HOSTCC=cc", "headers"])
            .arg(format!("O={}", out.display()));
        step("making the kernel's headers", || {
            process::capture(make.current_dir(kernel))
        })?;
    }
    Ok(headers)
}

fn compile(program: &Program, tests: &Path, headers: &Path, into: &Path) -> Result<()> {
    let mut compiler = Command::new("cc");
    // The warnings are about code that is not ours.
    compiler
        .args(["-w", "-O2", "-D_GNU_SOURCE", "-I.", "-isystem"])
        .arg(headers)
        .args(["-isystem", "../../include/uapi"]);
    match program.link {
        Link::Static => compiler.arg("-static"),
        Link::Pie(alignment) => compiler
            .args(["-fPIE", "-pie"])
            .arg(format!("-Wl,-z,max-page-size={alignment}")),
        Link::StaticPie(alignment) => compiler
            .args(["-fPIE", "-static-pie"])
            .arg(format!("-Wl,-z,max-page-size={alignment}")),
    };
    compiler
        .args(&program.sources)
        .arg("-o")
        .arg(into.join(program.path))
        .args(["-lcap", "-lrt"])
        .current_dir(tests);
    process::capture(&mut compiler).map(drop)
}

/// Makes the files that `execveat` expects beside itself.
fn supplies_of_execveat(dir: &Path) -> Result<()> {
    use std::os::unix::fs::{symlink, PermissionsExt};
    fs::create_dir_all(dir.join("subdir"))?;
    symlink("execveat", dir.join("execveat.symlink"))?;
    fs::copy(dir.join("execveat"), dir.join("execveat.denatured"))?;
    fs::set_permissions(
        dir.join("execveat.denatured"),
        fs::Permissions::from_mode(0o644),
    )?;
    fs::write(dir.join("script"), "#!/bin/bash\nexit $*\n")?;
    for name in [
        "script",
        "binfmt_script.py",
        "check-exec-tests.sh",
        "script-exec.inc",
    ] {
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
