// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel that DAXFS runs on: its source, its toolchain, its build, and the module.
//!
//! Nothing here writes into the checkout but `target/`. Expensive results lie in
//! [`cache::directory`], keyed by the content of their inputs, so that a fresh clone finds them
//! again and a changed configuration never uses an old build:
//!
//! ```text
//! $XDG_CACHE_HOME/daxfs/
//!   apt/                   package lists of the isolated apt configuration
//!   bindgen-<version>/     bindgen, installed by cargo
//!   kernel-src/<version>/  the unpacked kernel source
//!   kernel/<key>/          one kernel build (an O= directory) and its key.txt
//! ```
//!
//! | module | owns |
//! |---|---|
//! | [`cache`] | the cache directory, locks on its entries, digests of inputs |
//! | [`source`] | the kernel source: distribution package, directory or tarball |
//! | [`toolchain`] | rustc with its library source, LLVM, bindgen, build tools |
//! | [`config`] | the configurations, and the check that Kconfig took each symbol |
//! | [`build`] | the kernel build |
//! | [`kmod`] | `daxfs.ko` |
//! | [`panics`] | a search of the module for ways to panic |
//! | [`step`] | messages about long work: its start, its duration, its failure |

pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod config;
pub(crate) mod kmod;
pub(crate) mod panics;
pub(crate) mod source;
pub(crate) mod step;
pub(crate) mod toolchain;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use config::Configuration;

/// Options of `cargo xtask kernel`.
#[derive(Debug, clap::Args)]
pub(crate) struct KernelArgs {
    /// Build this kernel source (a directory, or a tarball) instead of the distribution's
    #[arg(long, value_name = "DIR|TARBALL")]
    kernel_src: Option<PathBuf>,
    /// Build the sanitizer kernel (KASAN, lockdep, kmemleak, fault injection, and more) instead of
    /// the plain one: 20 to 40 minutes, once. `qemu-test --san` runs on it
    #[arg(long)]
    san: bool,
}

impl KernelArgs {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let kernel = build::ensure(
            self.kernel_src.as_deref(),
            Configuration::from_flag(self.san),
        )?;
        println!("kernel {}", kernel.release);
        println!("image  {}", kernel.image.display());
        println!("build  {}", kernel.out.display());
        Ok(ExitCode::SUCCESS)
    }
}

/// Options of `cargo xtask kmod`.
#[derive(Debug, clap::Args)]
pub(crate) struct KmodArgs {
    /// Build against this configured and built kernel tree (its O= directory) instead of the
    /// kernel of `cargo xtask kernel`
    #[arg(long, value_name = "DIR")]
    kdir: Option<PathBuf>,
    /// Build against the kernel of `cargo xtask kernel --san`
    #[arg(long, conflicts_with = "kdir")]
    san: bool,
    /// Search the module for ways to panic in the format crate's code, and fail if there is one
    #[arg(long, conflicts_with = "kdir")]
    panics: bool,
}

impl KmodArgs {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        if self.panics {
            let kernel = build::ensure(None, Configuration::from_flag(self.san))?;
            println!("{}", panics::search(&kernel)?);
            return Ok(ExitCode::SUCCESS);
        }
        let module = match &self.kdir {
            Some(kdir) => kmod::build_against(kdir)?,
            None => kmod::build(&build::ensure(None, Configuration::from_flag(self.san))?)?,
        };
        println!("{}", module.display());
        Ok(ExitCode::SUCCESS)
    }
}
