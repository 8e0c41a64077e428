// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask qemu`: a shell in a guest with an image mounted.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use daxfs_vm_protocol::suite::Image;
use daxfs_vm_protocol::Arguments;

use super::artifacts::Artifacts;
use super::files::Files;
use super::initramfs;
use super::machine::{Machine, Placed, Processor};
use super::watch::attach;
use crate::kernel::config::Configuration;

/// Options of `cargo xtask qemu`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image to mount on /mnt; a small sample by default
    image: Option<PathBuf>,
    /// Use the host's KVM instead of emulation
    #[arg(long)]
    kvm: bool,
}

impl Args {
    /// Runs the guest until its shell exits.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let mut files = Files::new(Artifacts::build(Configuration::Plain)?);
        let image = match &self.image {
            Some(image) => image.canonicalize()?,
            None => files.image(Image::Sample)?,
        };
        let artifacts = &files.artifacts;
        let machine = Machine::new(
            artifacts,
            initramfs::make("shell", artifacts, &artifacts.module, None)?,
            Placed::Reserved(image),
            Processor::from_flag(self.kvm),
        );
        eprintln!("the image is on /mnt; `exit` ends the guest, as does Ctrl-A X");
        let mut command = machine.command(&Arguments::default())?;
        attach(command.arg("-echr").arg("1"))?;
        Ok(ExitCode::SUCCESS)
    }
}
