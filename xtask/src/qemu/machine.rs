// SPDX-License-Identifier: MIT OR Apache-2.0
//! The QEMU command of a guest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{ensure, Context, Result};
use daxfs_vm_protocol::arguments::IN_BAR;
use daxfs_vm_protocol::{Arguments, Setting};

use super::artifacts::Artifacts;
use super::footprint::Footprint;
use super::layout::Layout;
use super::shared::SharedMemory;
use crate::kernel::config::Configuration;

const MIB: u64 = 1 << 20;

/// What the kernel has for itself above the image, in bytes; one that looks for mistakes keeps notes
/// of every byte and of every allocation.
const fn memory_above(configuration: Configuration) -> u64 {
    match configuration {
        Configuration::Plain => 1024 * MIB,
        Configuration::San => 2560 * MIB,
    }
}

/// What a kernel is told besides what all are told: one that is ten times slower must be patient with
/// itself. And it must not use page tables of five levels: KASAN asks the features of the processor
/// whether it does, and while the kernel reads them an interrupt finds an address that cannot be.
const fn patience(configuration: Configuration) -> &'static str {
    match configuration {
        Configuration::Plain => "",
        Configuration::San => {
            "no5lvl watchdog_thresh=60 sysctl.kernel.hung_task_timeout_secs=300 \
             rcupdate.rcu_cpu_stall_timeout=120 "
        }
    }
}

/// A guest.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The kernel to boot.
    pub(crate) kernel: PathBuf,
    /// What it was built with.
    pub(crate) configuration: Configuration,
    /// The archive to start from.
    pub(crate) initramfs: PathBuf,
    /// The image to mount.
    pub(crate) image: Placed,
    /// More memory that the guest shares with others, in the order of its devices.
    pub(crate) shared: Vec<Arc<SharedMemory>>,
    /// Images of other file systems; each becomes a pmem device of the guest.
    pub(crate) peers: Vec<PathBuf>,
    /// An image of another file system in memory that the guest shares with others; it becomes the
    /// first pmem device of the guest. This takes a footprint, which knows about the guest's RAM.
    pub(crate) pmem: Option<Arc<SharedMemory>>,
    /// Images of other file systems; each becomes a disk of the guest.
    pub(crate) disks: Vec<PathBuf>,
    /// Where the memory is counted that the guest takes, if it is.
    pub(crate) footprint: Option<Arc<Footprint>>,
    /// What runs the guest's instructions.
    pub(crate) processor: Processor,
    /// The size of its RAM in MiB, where the default does not do.
    pub(crate) ram: Option<u64>,
}

/// Where a guest finds an image.
#[derive(Clone, Debug)]
pub(crate) enum Placed {
    /// In reserved memory of its own, into which QEMU loads this file.
    Reserved(PathBuf),
    /// In memory that it shares with others.
    Shared(Arc<SharedMemory>),
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
    /// A guest with an image and nothing else.
    pub(crate) fn new(
        artifacts: &Artifacts,
        initramfs: PathBuf,
        image: Placed,
        processor: Processor,
    ) -> Self {
        Self {
            kernel: artifacts.kernel.clone(),
            configuration: artifacts.configuration,
            initramfs,
            image,
            shared: Vec::new(),
            peers: Vec::new(),
            pmem: None,
            disks: Vec::new(),
            footprint: None,
            processor,
            ram: None,
        }
    }

    /// The command that runs the guest, with `arguments` for its init.
    pub(crate) fn command(&self, arguments: &Arguments) -> Result<Command> {
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
        let mut layout = Layout::new();
        let mut reserved = String::new();
        let phys = match &self.image {
            Placed::Reserved(image) => {
                let (address, size) = place(&mut qemu, image, &mut layout)?;
                reserved.push_str(&format!("memmap={size}${address:#x} "));
                format!("{address:#x}")
            }
            Placed::Shared(_) => IN_BAR.to_owned(),
        };
        let pmem = self.pmem.as_deref().map(|memory| {
            let (address, size) = layout.take(memory.size());
            reserved.push_str(&format!("memmap={size}!{address:#x} "));
            (address, memory)
        });
        for peer in &self.peers {
            let (address, size) = place(&mut qemu, peer, &mut layout)?;
            reserved.push_str(&format!("memmap={size}!{address:#x} "));
        }
        for (number, memory) in self.shared_memory().enumerate() {
            memory.attach(&mut qemu, number);
        }
        for disk in &self.disks {
            let file = disk.display();
            qemu.arg("-drive")
                .arg(format!("file={file},if=virtio,format=raw,readonly=on"));
        }
        let default = layout.memory(memory_above(self.configuration));
        let memory = self.ram.unwrap_or(default);
        match (&self.footprint, pmem) {
            (Some(footprint), None) => footprint.attach(&mut qemu, memory * MIB),
            (Some(footprint), Some((address, pmem))) => {
                ensure!(layout.is_contiguous(), "too much memory for shared pmem");
                footprint.attach_around(&mut qemu, memory * MIB, address, pmem)?;
            }
            (None, pmem) => ensure!(pmem.is_none(), "shared pmem takes a footprint"),
        }
        let patience = patience(self.configuration);
        let mut arguments = arguments.clone();
        arguments.set(Setting::Phys, &phys);
        let init = arguments.to_words().join(" ");
        // A busy host lets so few of the timer's ticks through that the kernel takes it for broken.
        qemu.arg("-m")
            .arg(format!("{memory}M"))
            .arg("-append")
            .arg(format!(
                "console=ttyS0 panic=-1 oops=panic panic_on_warn=1 loglevel=6 no_timer_check \
                 {patience}{reserved}-- {init}"
            ));
        Ok(qemu)
    }

    /// The memory that the guest shares with others; what holds its image comes first.
    fn shared_memory(&self) -> impl Iterator<Item = &SharedMemory> {
        let image = match &self.image {
            Placed::Shared(memory) => Some(memory),
            Placed::Reserved(_) => None,
        };
        image.into_iter().chain(&self.shared).map(Arc::as_ref)
    }
}

/// Has QEMU copy `file` into the guest's memory; returns the address and how much memory is taken for it.
fn place(qemu: &mut Command, file: &Path, layout: &mut Layout) -> Result<(u64, u64)> {
    let metadata = fs::metadata(file).with_context(|| format!("cannot use {}", file.display()))?;
    let (address, size) = layout.take(metadata.len());
    let file = file.display();
    qemu.arg("-device")
        .arg(format!("loader,file={file},addr={address:#x},force-raw=on"));
    Ok((address, size))
}
