// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bad arguments, and mounts without privilege.

use anyhow::{ensure, Context, Result};
use daxfs_hostile::inputs::ARGUMENTS;

use super::context::MountContext;
use super::refused;
use crate::image::phys;
use crate::klog::KernelLog;
use crate::sample::USER;
use crate::sys;

/// The refusals of the table about hostile images.
pub(super) fn bad_arguments() -> Result<()> {
    let here = phys();
    for class in ARGUMENTS {
        ensure!(class.errno == "EINVAL", "{}: {}", class.name, class.errno);
        refused(
            &class.options.replace("HERE", &here),
            libc::EINVAL,
            class.says,
        )
        .context(class.name)?;
    }
    // A context can be used after a refusal.
    let context = MountContext::open()?;
    context.set(&format!("phys={here}"))?;
    let again = context.set("phys=0x4000000");
    sys::expect_errno("a second address", again, libc::EINVAL)?;
    context.create().context("with the first address")?;
    // mount(2), which mount(8) of many systems uses, has no context with a log. The kernel log is
    // used then.
    let is_logged =
        || Ok::<_, anyhow::Error>(sys::kernel_log()?.contains("daxfs: unknown option branch"));
    ensure!(!is_logged()?, "the kernel log repeats messages of contexts");
    let old = sys::mount("none", "/tmp", "daxfs", 0, &format!("phys={here},branch=x"));
    sys::expect_errno("mount(2)", old, libc::EINVAL)?;
    ensure!(is_logged()?, "an unknown option is not in the kernel log");
    Ok(())
}

/// Becomes the root user of a new user namespace, which may open mount contexts and call mount(2).
fn become_root_of_nothing() -> Result<()> {
    sys::become_user(USER, USER)?;
    sys::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)
}

/// The name of an option that would begin a line of its own.
const FORGED: &str = "unheard\nforged";

/// The number of mounts that a user tries with it.
const TRIES: usize = 200;

/// The root user of a user namespace gets messages about options in the mount context only.
/// Messages about mount(2) reach the kernel log at a limited rate, and no option can forge a line
/// there.
pub(super) fn kernel_log_of_users() -> Result<()> {
    let mut log = KernelLog::follow()?;
    sys::in_child(mount_in_vain)?;
    let count = log.take()?.len();
    ensure!(
        count > 0 && count < TRIES / 2,
        "{count} messages of {TRIES}"
    );
    // This log shows ends of lines as such.
    let all = sys::kernel_log()?;
    let forged = all
        .lines()
        .find(|line| line.contains("forged") && !line.contains("daxfs: "));
    ensure!(forged.is_none(), "a line of its own: {forged:?}");
    sys::in_child(misuse_contexts)?;
    let ours = log.take()?;
    ensure!(ours.is_empty(), "contexts write {ours:?}");
    Ok(())
}

fn mount_in_vain() -> Result<()> {
    become_root_of_nothing()?;
    for _ in 0..TRIES {
        let result = sys::mount("none", "/tmp", "daxfs", 0, FORGED);
        sys::expect_errno("mount(2)", result, libc::EINVAL)?;
    }
    Ok(())
}

fn misuse_contexts() -> Result<()> {
    become_root_of_nothing()?;
    for (option, says) in [
        (FORGED, "unknown option unheard\\x0aforged\n"),
        ("phys=1", "multiple of 2 MiB"),
        ("phys", "Bad value for 'phys'"),
        ("validate=1", "Unexpected value for 'validate'"),
    ] {
        let context = MountContext::open()?;
        sys::expect_errno(option, context.set(option), libc::EINVAL)?;
        let messages = context.messages();
        ensure!(messages.contains(says), "{option:?}: {messages:?}");
    }
    Ok(())
}

pub(super) fn privilege() -> Result<()> {
    let options = format!("phys={}", phys());
    sys::in_child(|| {
        sys::become_user(USER, USER)?;
        let result = sys::mount("none", "/tmp", "daxfs", 0, &options);
        sys::expect_errno("a user's mount", result, libc::EPERM)
    })?;
    sys::in_child(|| {
        // Root in a user namespace has no right to the machine's memory.
        become_root_of_nothing()?;
        let result = sys::mount("none", "/tmp", "daxfs", 0, &options);
        sys::expect_errno("a mount in a user namespace", result, libc::EPERM)
    })
}
