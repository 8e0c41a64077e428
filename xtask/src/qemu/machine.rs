// SPDX-License-Identifier: MIT OR Apache-2.0
//! The QEMU command of a guest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

const MIB: u64 = 1 << 20;

/// The alignment of images in memory, in bytes.
const ALIGNMENT: u64 = 2 * MIB;

/// Where the memory with the image begins, in bytes: low enough for any machine, high enough for
/// kernel and initramfs to lie below.
const IMAGE_ADDRESS: u64 = 512 * MIB;

/// What the kernel has for itself above the image, in bytes.
const MEMORY_ABOVE: u64 = 1024 * MIB;

/// A guest.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The kernel to boot.
    pub(crate) kernel: PathBuf,
    /// The archive to start from.
    pub(crate) initramfs: PathBuf,
    /// The image to have in memory.
    pub(crate) image: PathBuf,
    /// Whether the host's KVM is used instead of emulation.
    pub(crate) kvm: bool,
}

impl Machine {
    /// The command that runs the guest, with `arguments` for its init.
    pub(crate) fn command(&self, arguments: &[String]) -> Result<Command> {
        let size = image_size(&self.image)?.next_multiple_of(ALIGNMENT);
        let memory = (IMAGE_ADDRESS + size + MEMORY_ABOVE).div_ceil(MIB);
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args([
            "-nographic",
            "-no-reboot",
            "-nodefaults",
            "-serial",
            "mon:stdio",
        ])
        .args(["-smp", "2", "-m"])
        .arg(format!("{memory}M"))
        .args(self.accelerator())
        .arg("-kernel")
        .arg(&self.kernel)
        .arg("-initrd")
        .arg(&self.initramfs)
        .arg("-device")
        .arg(format!(
            "loader,file={},addr={IMAGE_ADDRESS:#x},force-raw=on",
            self.image.display()
        ))
        .arg("-append")
        .arg(kernel_arguments(size, arguments));
        Ok(qemu)
    }

    fn accelerator(&self) -> [&'static str; 4] {
        if self.kvm {
            ["-accel", "kvm", "-cpu", "host"]
        } else {
            ["-accel", "tcg,thread=multi", "-cpu", "max"]
        }
    }
}

fn image_size(image: &Path) -> Result<u64> {
    let metadata =
        fs::metadata(image).with_context(|| format!("cannot use {}", image.display()))?;
    Ok(metadata.len())
}

fn kernel_arguments(size: u64, arguments: &[String]) -> String {
    let init = arguments.join(" ");
    format!(
        "console=ttyS0 panic=-1 oops=panic panic_on_warn=1 loglevel=6 memmap={size}${IMAGE_ADDRESS:#x} -- \
         phys={IMAGE_ADDRESS:#x} length={size:#x} {init}"
    )
}
