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
    /// Images of other file systems; each becomes a pmem device of the guest.
    pub(crate) peers: Vec<PathBuf>,
    /// What runs the guest's instructions.
    pub(crate) processor: Processor,
}

/// What runs a guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processor {
    /// Emulation, with two processors.
    Emulated,
    /// Emulation of one processor, whose clock counts instructions: one nanosecond each.
    Counting,
    /// The host's KVM.
    Kvm,
}

impl Processor {
    /// KVM if it is asked for.
    pub(crate) fn from_flag(kvm: bool) -> Self {
        if kvm {
            Self::Kvm
        } else {
            Self::Emulated
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Emulated => &["-smp", "2", "-accel", "tcg,thread=multi", "-cpu", "max"],
            // A string instruction would count as one for each byte, and drown all else.
            Self::Counting => &[
                "-smp",
                "1",
                "-accel",
                "tcg",
                "-cpu",
                "max,-erms,-fsrm",
                "-icount",
                "shift=0,sleep=off",
            ],
            Self::Kvm => &["-smp", "2", "-accel", "kvm", "-cpu", "host"],
        }
    }
}

impl Machine {
    /// The command that runs the guest, with `arguments` for its init.
    pub(crate) fn command(&self, arguments: &[String]) -> Result<Command> {
        let size = placed_size(&self.image)?;
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args([
            "-nographic",
            "-no-reboot",
            "-nodefaults",
            "-serial",
            "mon:stdio",
        ])
        .args(self.processor.arguments())
        .arg("-kernel")
        .arg(&self.kernel)
        .arg("-initrd")
        .arg(&self.initramfs);
        load(&mut qemu, &self.image, IMAGE_ADDRESS);
        let mut reserved = format!("memmap={size}${IMAGE_ADDRESS:#x}");
        let mut end = IMAGE_ADDRESS + size;
        for peer in &self.peers {
            let size = placed_size(peer)?;
            load(&mut qemu, peer, end);
            reserved.push_str(&format!(" memmap={size}!{end:#x}"));
            end += size;
        }
        let memory = (end + MEMORY_ABOVE).div_ceil(MIB);
        // A busy host lets so few of the timer's ticks through that the kernel takes it for broken.
        let init = arguments.join(" ");
        qemu.arg("-m")
            .arg(format!("{memory}M"))
            .arg("-append")
            .arg(format!(
                "console=ttyS0 panic=-1 oops=panic panic_on_warn=1 loglevel=6 no_timer_check \
                 {reserved} -- phys={IMAGE_ADDRESS:#x} {init}"
            ));
        Ok(qemu)
    }
}

/// Has QEMU copy a file into the guest's memory.
fn load(qemu: &mut Command, file: &Path, address: u64) {
    let file = file.display();
    qemu.arg("-device")
        .arg(format!("loader,file={file},addr={address:#x},force-raw=on"));
}

/// The length of an image in memory, in bytes.
fn placed_size(image: &Path) -> Result<u64> {
    let metadata =
        fs::metadata(image).with_context(|| format!("cannot use {}", image.display()))?;
    Ok(metadata.len().next_multiple_of(ALIGNMENT))
}
