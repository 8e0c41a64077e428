// SPDX-License-Identifier: MIT OR Apache-2.0
//! The types of the table: a suite is a list of guests that run at the same time, and each guest
//! runs a list of cases.

use std::time::Duration;

/// A suite.
#[derive(Debug)]
pub struct Suite {
    /// The name, unique among suites.
    pub name: &'static str,
    /// The commands that run it.
    pub scope: Scope,
    /// The kernels that it can run on.
    pub kernels: Kernels,
    /// The guests. Two or more start together, and share words of memory to wait for each other.
    pub guests: &'static [Guest],
    /// Cases that the host judges after the guests have ended.
    pub host_cases: &'static [&'static str],
    /// The time limits of each guest.
    pub times: Times,
}

/// The commands that run a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `cargo xtask qemu-test`, always.
    Always,
    /// `cargo xtask qemu-test --full`.
    Full,
    /// `cargo xtask bench`.
    Bench,
}

/// The kernel of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// The plain kernel.
    Plain,
    /// The sanitizer kernel.
    San,
}

/// The kernels that a suite can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// Both.
    All,
    /// The sanitizer kernel only.
    San,
}

/// The time limits of one guest.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From its start to its end.
    pub whole: Duration,
    /// From one line on the console to the next.
    pub silence: Duration,
}

impl Limits {
    pub(crate) const fn seconds(whole: u64, silence: u64) -> Self {
        Self {
            whole: Duration::from_secs(whole),
            silence: Duration::from_secs(silence),
        }
    }

    /// Returns limits that are longer by the length of a run.
    #[must_use]
    pub fn and(self, length: Duration) -> Self {
        Self {
            whole: self.whole + length,
            silence: self.silence + length,
        }
    }
}

/// The time limits of a suite by the way it runs.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// On the plain kernel.
    pub plain: Limits,
    /// On the sanitizer kernel.
    pub san: Limits,
    /// Single cases on a module that is broken on purpose, which may hang.
    pub trial: Limits,
}

/// A guest of a suite.
#[derive(Debug)]
pub struct Guest {
    /// The image that it mounts.
    pub image: Image,
    /// The memory that holds the image.
    pub memory: Memory,
    /// Images of other file systems with the same tree, each in a pmem device.
    pub peers: &'static [Peer],
    /// A file for the initramfs.
    pub extra: Option<Extra>,
    /// The length in bytes of a BAR into which the guest writes images.
    pub workbench: Option<u64>,
    /// The size of its RAM in MiB, where the default does not do.
    pub ram: Option<u64>,
    /// The chipset.
    pub chipset: Chipset,
    /// The root file system in which the cases run.
    pub root: Root,
    /// The cases, in their order.
    pub cases: &'static [Case],
}

/// The images that guests mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Image {
    /// The tree that the guest program knows by heart.
    Sample,
    /// A Debian root file system.
    Debian,
    /// Debian with programs that test file systems, and files for them.
    Suites,
    /// A Debian host of containers.
    Containers,
    /// Debian with a large directory and a large file.
    Bench,
}

/// The memory that holds an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Reserved memory of the guest.
    Reserved,
    /// The BAR of a PCI device, which all guests of the suite share. The firmware places it above 4
    /// GiB, where memory is write-back.
    Bar,
    /// Such a BAR where the firmware places small ones: below 4 GiB, where memory is uncached.
    LowBar,
}

/// The chipset of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chipset {
    /// The chipset of QEMU's default machine.
    Default,
    /// A chipset with an IOMMU, and a device behind it that no driver of the kernel knows.
    Iommu,
}

/// Other file systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// EROFS, with large files at multiples of 2 MiB.
    Erofs,
    /// The same with the digests that the mount option `inode_share` compares.
    ErofsDigests,
    /// ext4.
    Ext4,
}

/// Files for the initramfs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extra {
    /// The list of everything in the Debian tree.
    DebianManifest,
    /// The program `daxfs-inspect`.
    Inspect,
    /// The commands of docs/guide.md that start containers.
    GuideContainers,
}

/// Root file systems of the cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The initramfs, with the image on `/mnt`.
    Initramfs,
    /// The image.
    Image,
    /// An overlay of the image.
    Overlay,
    /// An overlay of the image, with systemd as process 1.
    Systemd,
}

impl Guest {
    pub(crate) const fn new(image: Image, cases: &'static [Case]) -> Self {
        Self {
            image,
            memory: Memory::Reserved,
            peers: &[],
            extra: None,
            workbench: None,
            ram: None,
            chipset: Chipset::Default,
            root: Root::Initramfs,
            cases,
        }
    }

    pub(crate) const fn in_bar(self) -> Self {
        Self {
            memory: Memory::Bar,
            ..self
        }
    }

    pub(crate) const fn in_low_bar(self) -> Self {
        Self {
            memory: Memory::LowBar,
            ..self
        }
    }

    pub(crate) const fn with_iommu(self) -> Self {
        Self {
            chipset: Chipset::Iommu,
            ..self
        }
    }

    pub(crate) const fn on(self, root: Root) -> Self {
        Self { root, ..self }
    }

    /// Returns the runs of the cases, in their order.
    pub fn runs(&self) -> impl Iterator<Item = Run> {
        let runs = |case: &'static Case| {
            case.policies
                .iter()
                .map(move |&policy| Run { case, policy })
        };
        self.cases.iter().flat_map(runs)
    }
}

impl Suite {
    /// Returns true if the suite can run on a kernel.
    #[must_use]
    pub fn runs_on(&self, kernel: Kernel) -> bool {
        self.kernels == Kernels::All || kernel == Kernel::San
    }

    /// Returns the fastest kernel that the suite can run on.
    #[must_use]
    pub const fn fastest_kernel(&self) -> Kernel {
        match self.kernels {
            Kernels::All => Kernel::Plain,
            Kernels::San => Kernel::San,
        }
    }

    /// Returns true if the guests wait for each other, so that the suite runs as a whole.
    #[must_use]
    pub const fn is_joint(&self) -> bool {
        self.guests.len() > 1
    }

    /// Returns the time limits on a kernel.
    #[must_use]
    pub const fn limits(&self, kernel: Kernel) -> Limits {
        match kernel {
            Kernel::Plain => self.times.plain,
            Kernel::San => self.times.san,
        }
    }

    /// Returns the name that reports have for a guest: `suite`, or `suite/number` of several.
    #[must_use]
    pub fn guest_name(&self, guest: usize) -> String {
        if self.is_joint() {
            format!("{}/{guest}", self.name)
        } else {
            self.name.to_owned()
        }
    }

    /// Returns the names `suite/case` of everything that the suite runs.
    #[must_use]
    pub fn case_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (number, guest) in self.guests.iter().enumerate() {
            let prefix = self.guest_name(number);
            names.extend(guest.runs().map(|run| format!("{prefix}/{}", run.name())));
        }
        let host = self.host_cases.iter();
        names.extend(host.map(|case| format!("{}/{case}", self.name)));
        names
    }
}

/// A case.
#[derive(Debug)]
pub struct Case {
    /// The name, unique among all cases of guests.
    pub name: &'static str,
    /// The policies for huge pages that it runs under, once each.
    pub policies: &'static [Policy],
    /// Words that the kernel must print during the case. They fail any other case.
    pub announced: &'static [&'static str],
}

impl Case {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            policies: &[Policy::Always],
            announced: &[],
        }
    }

    pub(crate) const fn under_every_policy(self) -> Self {
        Self {
            policies: &[Policy::Always, Policy::Madvise, Policy::Never],
            ..self
        }
    }

    pub(crate) const fn announcing(self, announced: &'static [&'static str]) -> Self {
        Self { announced, ..self }
    }
}

/// Policies for huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Huge pages wherever they fit.
    Always,
    /// Huge pages where madvise(2) asks for them.
    Madvise,
    /// No huge pages.
    Never,
}

impl Policy {
    /// Returns the name that the kernel has for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Madvise => "madvise",
            Self::Never => "never",
        }
    }
}

/// One run of a case.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The case.
    pub case: &'static Case,
    /// The policy for huge pages.
    pub policy: Policy,
}

impl Run {
    /// Returns the name of the case, with the policy if it is another than `always`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.policy {
            Policy::Always => self.case.name.to_owned(),
            policy => format!("{}@{}", self.case.name, policy.name()),
        }
    }
}
