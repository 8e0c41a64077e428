// SPDX-License-Identifier: MIT OR Apache-2.0
//! Children, users, processors, resource use.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::ptr;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use libc::{c_int, c_long};

use super::{check, length, zeroed};

/// The end of a child process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It exited with this status.
    Exit(c_int),
    /// This signal killed it.
    Signal(c_int),
}

/// A forked child.
#[derive(Debug)]
pub(crate) struct Child(libc::pid_t);

impl Child {
    /// Forks; the child runs `work` and exits with 0 if that succeeds, else with 1.
    pub(crate) fn fork(work: impl FnOnce() -> Result<()>) -> Result<Self> {
        // SAFETY: A case has one thread, so that the child may do anything.
        let pid = check(unsafe { libc::fork() })?;
        if pid != 0 {
            return Ok(Self(libc::pid_t::try_from(pid)?));
        }
        let status = match work() {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("child: {error:#}");
                1
            }
        };
        // SAFETY: Ends the child without running the parent's destructors.
        unsafe { libc::_exit(status) }
    }

    /// The process number.
    pub(crate) fn pid(&self) -> libc::pid_t {
        self.0
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: c_int) -> Result<()> {
        // SAFETY: Sends to a child that has not been waited for.
        check(unsafe { libc::kill(self.0, signal) })?;
        Ok(())
    }

    /// Waits for the end.
    pub(crate) fn wait(self) -> Result<End> {
        let mut status = 0;
        // SAFETY: The status is writable.
        check(unsafe { libc::waitpid(self.0, &mut status, 0) })?;
        if libc::WIFSIGNALED(status) {
            return Ok(End::Signal(libc::WTERMSIG(status)));
        }
        Ok(End::Exit(libc::WEXITSTATUS(status)))
    }

    /// Waits for the end, and fails unless it is a success.
    pub(crate) fn expect_success(self) -> Result<()> {
        let end = self.wait()?;
        ensure!(end == End::Exit(0), "the child ended with {end:?}");
        Ok(())
    }

    /// Kills the child and waits for its end, which must be that.
    pub(crate) fn kill(self) -> Result<()> {
        self.signal(libc::SIGKILL)?;
        let end = self.wait()?;
        ensure!(
            end == End::Signal(libc::SIGKILL),
            "the child ended with {end:?}"
        );
        Ok(())
    }
}

/// Runs `work` in a child and fails unless it succeeds.
pub(crate) fn in_child(work: impl FnOnce() -> Result<()>) -> Result<()> {
    Child::fork(work)?.expect_success()
}

/// Waits until a signal ends this process.
pub(crate) fn wait_for_end() -> ! {
    loop {
        // SAFETY: Takes no argument and has no precondition.
        unsafe { libc::pause() };
    }
}

/// A gate between two processes that share it by fork: one waits until the other opens it.
pub(crate) struct Gate {
    read: File,
    write: File,
}

impl Gate {
    /// Returns a closed gate.
    pub(crate) fn new() -> Result<Self> {
        let (read, write) = super::pipe()?;
        Ok(Self {
            read: read.into(),
            write: write.into(),
        })
    }

    /// Lets one process pass.
    pub(crate) fn open(&self) -> Result<()> {
        Ok((&self.write).write_all(&[0])?)
    }

    /// Waits to pass.
    pub(crate) fn wait(&self) -> Result<()> {
        Ok((&self.read).read_exact(&mut [0])?)
    }
}

/// Becomes another user, for good.
pub(crate) fn become_user(uid: u32, gid: u32) -> Result<()> {
    // SAFETY: An empty list of groups needs no memory.
    check(unsafe { libc::setgroups(0, ptr::null()) })?;
    // SAFETY: Changes this process only.
    check(unsafe { libc::setresgid(gid, gid, gid) })?;
    // SAFETY: Takes three numbers and changes this process only.
    check(unsafe { libc::setresuid(uid, uid, uid) })?;
    Ok(())
}

/// process_vm_readv(2) of `count` bytes at `address`.
pub(crate) fn read_memory(pid: libc::pid_t, address: usize, count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0_u8; count];
    let local = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: count,
    };
    let remote = libc::iovec {
        iov_base: ptr::without_provenance_mut(address),
        iov_len: count,
    };
    // SAFETY: Both vectors are one. The local buffer is writable, and the kernel checks the remote
    // one.
    let read = unsafe { libc::process_vm_readv(pid, &local, 1, &remote, 1, 0) };
    bytes.truncate(length(read)?);
    Ok(bytes)
}

/// Keeps this process on one processor.
pub(crate) fn run_on_processor(number: usize) -> Result<()> {
    let mut set: libc::cpu_set_t = zeroed();
    // SAFETY: The number is checked against the length of the set.
    unsafe { libc::CPU_SET(number, &mut set) };
    // SAFETY: The set is readable.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) })?;
    Ok(())
}

/// Runs a program that must succeed; returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let run = command.stdin(Stdio::null()).output();
    let output = run.with_context(|| format!("cannot start {command:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        errors.trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// unshare(2).
pub(crate) fn unshare(flags: c_int) -> Result<()> {
    // SAFETY: Takes a number and changes this process only.
    check(unsafe { libc::unshare(flags) })?;
    Ok(())
}

/// Gives this process mounts of its own, of which no other process learns.
pub(crate) fn unshare_mounts() -> Result<()> {
    unshare(libc::CLONE_NEWNS)?;
    super::mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "")
}

/// getrusage(2) of this process or of the children that were waited for.
pub(crate) fn usage(who: c_int) -> Result<libc::rusage> {
    let mut usage: libc::rusage = zeroed();
    // SAFETY: The buffer is writable.
    check(unsafe { libc::getrusage(who, &mut usage) })?;
    Ok(usage)
}

/// Returns the number of minor page faults of this process so far.
pub(crate) fn faults() -> Result<c_long> {
    Ok(usage(libc::RUSAGE_SELF)?.ru_minflt)
}

/// Returns the time on processors of the children that were waited for.
pub(crate) fn time_of_children() -> Result<Duration> {
    let usage = usage(libc::RUSAGE_CHILDREN)?;
    let all = [usage.ru_utime, usage.ru_stime].map(|time| {
        let nanoseconds = u32::try_from(time.tv_usec)? * 1000;
        Ok(Duration::new(time.tv_sec.try_into()?, nanoseconds))
    });
    all.into_iter().sum::<Result<_>>()
}

/// Has this process killed after so many seconds, or never for 0.
pub(crate) fn alarm(seconds: u32) {
    // SAFETY: Sets a timer of this process.
    unsafe { libc::alarm(seconds) };
}
