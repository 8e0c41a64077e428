// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starting programs.

use std::ffi::CString;

use anyhow::{ensure, Context, Result};

use super::{cost, drop_caches, Figures, ROOT};
use crate::overlay::Overlay;
use crate::sys;

pub(super) fn measure(figures: &Figures) -> Result<()> {
    programs(figures, ROOT, "")?;
    overlaid(figures)
}

/// Starts each program after its pages were dropped, and then three times more; the best of these
/// counts.
fn programs(figures: &Figures, root: &str, how: &str) -> Result<()> {
    for (name, line) in [
        ("exec of /bin/true", &["/bin/true"][..]),
        ("python3 -c pass", &["/usr/bin/python3", "-c", "pass"][..]),
    ] {
        drop_caches()?;
        let (cold, _) = start(root, line)?;
        figures.tell(&format!("{name}{how}, cold"), cold);
        let runs = (0..3)
            .map(|_| start(root, line))
            .collect::<Result<Vec<_>>>()?;
        let (warm, faults) = runs.into_iter().min().context("no run")?;
        figures.tell(&format!("{name}{how}, warm"), warm);
        figures.tell(&format!("{name}{how}, faults"), faults);
    }
    Ok(())
}

/// Returns the cost of a program below `root` from start to end, and the number of its faults.
fn start(root: &str, line: &[&str]) -> Result<(i64, i64)> {
    let line: Vec<CString> = line
        .iter()
        .map(|word| CString::new(*word))
        .collect::<std::result::Result<_, _>>()?;
    let mut words: Vec<*const libc::c_char> = line.iter().map(|word| word.as_ptr()).collect();
    words.push(std::ptr::null());
    let environment = [c"LC_ALL=C".as_ptr(), std::ptr::null()];
    let before = child_faults()?;
    let (cost, end) = cost(|| {
        sys::Child::fork(|| {
            std::os::unix::fs::chroot(root)?;
            std::env::set_current_dir("/")?;
            // SAFETY: All strings are C strings, the lists end with null.
            unsafe { libc::execve(line[0].as_ptr(), words.as_ptr(), environment.as_ptr()) };
            Err(std::io::Error::last_os_error().into())
        })
        .and_then(sys::Child::wait)
    });
    ensure!(end? == sys::End::Exit(0), "the program failed");
    Ok((cost, child_faults()? - before))
}

fn child_faults() -> Result<i64> {
    let usage = sys::usage(libc::RUSAGE_CHILDREN)?;
    Ok(usage.ru_minflt + usage.ru_majflt)
}

/// The same programs through an overlay with an empty upper layer.
fn overlaid(figures: &Figures) -> Result<()> {
    let overlay = Overlay::of(ROOT, "/tmp/overlay", "")?;
    programs(figures, overlay.root(), " through overlayfs")
}
