// SPDX-License-Identifier: MIT OR Apache-2.0
//! The QEMU command of a guest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{ensure, Context, Result};
use daxfs_vm_protocol::arguments::IN_BAR;
use daxfs_vm_protocol::suite::Chipset;
use daxfs_vm_protocol::{Arguments, Setting};

use super::artifacts::Artifacts;
use super::footprint::Footprint;
use super::layout::Layout;
use super::shared::SharedMemory;
use crate::kernel::config::Configuration;

const MIB: u64 = 1 << 20;

/// Size in bytes of the kernel's own memory above the images. The sanitizer kernel keeps records of
/// every byte and of every allocation.
const fn memory_above(configuration: Configuration) -> u64 {
    match configuration {
        Configuration::Plain => 1024 * MIB,
        Configuration::San => 2560 * MIB,
    }
}

/// Additional kernel parameters of a configuration. The sanitizer kernel is ten times slower, so
/// its watchdogs need longer limits. It must not use page tables of five levels: KASAN asks the
/// processor's features for them, and an interrupt while the kernel reads these finds an invalid
/// address.
const fn additional_parameters(configuration: Configuration) -> &'static str {
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
    /// The configuration of the kernel.
    pub(crate) configuration: Configuration,
    /// The archive to start from.
    pub(crate) initramfs: PathBuf,
    /// The image to mount.
    pub(crate) image: Placed,
    /// More memory that the guest shares with others, in the order of its devices.
    pub(crate) shared: Vec<Arc<SharedMemory>>,
    /// Images of other file systems; each becomes a pmem device of the guest.
    pub(crate) peers: Vec<PathBuf>,
    /// An image of another file system in memory that the guest shares with others. It becomes the
    /// first pmem device of the guest, and needs a footprint, which lays out the guest's RAM.
    pub(crate) pmem: Option<Arc<SharedMemory>>,
    /// Images of other file systems; each becomes a disk of the guest.
    pub(crate) disks: Vec<PathBuf>,
    /// The account of the guest's memory, if it is counted.
    pub(crate) footprint: Option<Arc<Footprint>>,
    /// The execution of the guest's instructions.
    pub(crate) processor: Processor,
    /// The size of its RAM in MiB, where the default does not do.
    pub(crate) ram: Option<u64>,
    /// The addresses of its devices' memory.
    pub(crate) window: Window,
    /// The chipset.
    pub(crate) chipset: Chipset,
}

/// Addresses at which the firmware places memory of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// Above 4 GiB, which the firmware declares as write-back.
    High,
    /// Below 4 GiB, which it declares as uncached.
    Low,
}

/// The memory that holds an image.
#[derive(Clone, Debug)]
pub(crate) enum Placed {
    /// Reserved memory of the guest, into which QEMU loads this file.
    Reserved(PathBuf),
    /// Memory that the guest shares with others.
    Shared(Arc<SharedMemory>),
}

/// Ways to execute a guest's instructions.
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
    /// Returns KVM for a set flag, else emulation.
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
    /// Returns a guest with an image and nothing else.
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
            window: Window::High,
            chipset: Chipset::Default,
        }
    }

    /// Returns the command that runs the guest, with `arguments` for its init.
    pub(crate) fn command(&self, arguments: &Arguments) -> Result<Command> {
        let mut qemu = self.basic_command();
        let mut memory = Reserved {
            layout: Layout::new(),
            parameters: String::new(),
        };
        let phys = self.attach_image(&mut qemu, &mut memory)?;
        let pmem = self.attach_peers(&mut qemu, &mut memory)?;
        self.attach_devices(&mut qemu);
        self.attach_ram(&mut qemu, &memory.layout, pmem)?;
        let mut arguments = arguments.clone();
        arguments.set(Setting::Phys, &phys);
        let parameters = self.kernel_parameters(&memory.parameters, &arguments);
        qemu.arg("-append").arg(parameters);
        Ok(qemu)
    }

    /// Returns the command with console, processor and kernel.
    fn basic_command(&self) -> Command {
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(["-nographic", "-no-reboot", "-nodefaults"])
            .args(["-serial", "mon:stdio"])
            .args(self.processor.arguments())
            .arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(&self.initramfs);
        qemu
    }

    /// Gives the guest the image, if it lies in reserved memory. Returns the address as the guest's
    /// init takes it.
    fn attach_image(&self, qemu: &mut Command, memory: &mut Reserved) -> Result<String> {
        match &self.image {
            Placed::Reserved(image) => Ok(format!("{:#x}", memory.load(qemu, image, '$')?)),
            Placed::Shared(_) => Ok(IN_BAR.to_owned()),
        }
    }

    /// Gives the guest the images of other file systems. Returns shared pmem with its address.
    fn attach_peers(
        &self,
        qemu: &mut Command,
        memory: &mut Reserved,
    ) -> Result<Option<(u64, &SharedMemory)>> {
        let pmem = self.pmem.as_deref();
        let pmem = pmem.map(|pmem| (memory.take(pmem.size(), '!'), pmem));
        for peer in &self.peers {
            memory.load(qemu, peer, '!')?;
        }
        Ok(pmem)
    }

    /// Gives the guest its devices with shared memory, and its disks.
    fn attach_devices(&self, qemu: &mut Command) {
        for (number, shared) in self.shared_memory().enumerate() {
            shared.attach(qemu, number);
        }
        if self.window == Window::High && self.shared_memory().next().is_some() {
            // The firmware places all memory of devices above 4 GiB if some of it does not fit
            // below. This one has nothing in it.
            qemu.args(["-device", "pci-testdev,membar=4G"]);
        }
        if self.chipset == Chipset::Iommu {
            qemu.args([
                "-machine",
                "q35",
                "-device",
                "intel-iommu",
                "-device",
                "edu",
            ]);
        }
        for disk in &self.disks {
            let file = disk.display();
            qemu.arg("-drive")
                .arg(format!("file={file},if=virtio,format=raw,readonly=on"));
        }
    }

    /// Gives the guest its RAM, with shared memory in it, if there is any.
    fn attach_ram(
        &self,
        qemu: &mut Command,
        layout: &Layout,
        pmem: Option<(u64, &SharedMemory)>,
    ) -> Result<()> {
        let default = layout.memory(memory_above(self.configuration));
        let ram = self.ram.unwrap_or(default);
        qemu.arg("-m").arg(format!("{ram}M"));
        match (&self.footprint, pmem) {
            (Some(footprint), None) => footprint.attach(qemu, ram * MIB),
            (Some(footprint), Some((address, pmem))) => {
                ensure!(layout.is_contiguous(), "too much memory for shared pmem");
                footprint.attach_around(qemu, ram * MIB, address, pmem)?;
            }
            (None, pmem) => ensure!(pmem.is_none(), "shared pmem takes a footprint"),
        }
        Ok(())
    }

    /// Returns the memory that the guest shares with others. The image comes first.
    fn shared_memory(&self) -> impl Iterator<Item = &SharedMemory> {
        let image = match &self.image {
            Placed::Shared(memory) => Some(memory),
            Placed::Reserved(_) => None,
        };
        image.into_iter().chain(&self.shared).map(Arc::as_ref)
    }

    /// Returns the kernel's command line. On a busy host so few ticks of the timer arrive that the
    /// kernel considers it broken, unless it does not check.
    fn kernel_parameters(&self, reserved: &str, arguments: &Arguments) -> String {
        let more = additional_parameters(self.configuration);
        let iommu = match self.chipset {
            Chipset::Iommu => "intel_iommu=on ",
            Chipset::Default => "",
        };
        // Cases store to a BAR whose image is mounted, which the kernel would forbid.
        let stores = match self.shared_memory().next() {
            Some(_) => "iomem=relaxed ",
            None => "",
        };
        let init = arguments.to_words().join(" ");
        format!(
            "console=ttyS0 panic=-1 oops=panic panic_on_warn=1 loglevel=6 no_timer_check \
             {more}{iommu}{stores}{reserved}-- {init}"
        )
    }
}

/// Memory that the kernel must not use, and the kernel parameters that reserve it.
struct Reserved {
    layout: Layout,
    parameters: String,
}

impl Reserved {
    /// Reserves memory for `length` bytes; returns the address. The kernel calls the kind of the
    /// memory `$` if it is to be ignored, and `!` if it becomes a pmem device.
    fn take(&mut self, length: u64, kind: char) -> u64 {
        let (address, size) = self.layout.take(length);
        let parameter = format!("memmap={size}{kind}{address:#x} ");
        self.parameters.push_str(&parameter);
        address
    }

    /// Reserves memory for `file`, and has QEMU copy it there; returns the address.
    fn load(&mut self, qemu: &mut Command, file: &Path, kind: char) -> Result<u64> {
        let metadata = fs::metadata(file);
        let metadata = metadata.with_context(|| format!("cannot use {}", file.display()))?;
        let address = self.take(metadata.len(), kind);
        let file = file.display();
        qemu.arg("-device")
            .arg(format!("loader,file={file},addr={address:#x},force-raw=on"));
        Ok(address)
    }
}
