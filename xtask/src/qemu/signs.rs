// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel messages that fail a run.
//!
//! A line of the kernel that contains one of these signs fails the run, unless the running case has
//! announced it. The signs are those of bugs that the kernel detects, of tasks that hang, of memory
//! that runs out or fails, and of memory that the module cannot release.

use daxfs_vm_protocol::table::{PAGE_IS_POISONED, RANGE_IS_KEPT};

/// The signs; none of them is part of a good boot.
const SIGNS: &[&str] = &[
    // Bugs that the kernel detects.
    "Kernel panic",
    "BUG:",
    "kernel BUG at",
    "Oops",
    "WARNING:",
    "Call Trace:",
    "cut here",
    "unable to handle",
    "general protection fault",
    "double fault",
    "stack-protector:",
    "stack guard page",
    "invalid opcode",
    "refcount_t:",
    "corruption",
    "usercopy:",
    "buffer overflow",
    "UBSAN:",
    "KASAN:",
    "KFENCE:",
    "new suspected memory leaks",
    "leaked",
    "Bad page state",
    "Bad page map",
    "Bad rss-counter",
    "non-zero pgtables",
    "Busy inodes after unmount",
    "still in use",
    "Objects remaining",
    "suspicious RCU usage",
    "locking dependency",
    "recursive locking",
    "inconsistent lock state",
    "bad unlock balance",
    "DEADLOCK",
    // Tasks and processors that hang.
    "INFO: task",
    "blocked for more than",
    "soft lockup",
    "hard LOCKUP",
    "self-detected stall",
    "detected stalls",
    "kthread starved",
    "hogged CPU",
    // Memory that runs out or fails.
    "Out of memory",
    "invoked oom-killer",
    "page allocation failure",
    "alloc failure",
    "Memory failure:",
    "[Hardware Error]",
    // Messages of the module about memory that it cannot release, and about broken memory.
    RANGE_IS_KEPT,
    PAGE_IS_POISONED,
];

/// Returns the sign of trouble in a line of the kernel.
pub(crate) fn sign_in(line: &str) -> Option<&'static str> {
    SIGNS.iter().find(|sign| line.contains(**sign)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as kernels print them, each behind the sign that must be found in it.
    const TROUBLE: &str = "\
Kernel panic | Kernel panic - not syncing: Attempted to kill init!
BUG: | BUG: kernel NULL pointer dereference, address: 0000000000000008
kernel BUG at | kernel BUG at mm/memory.c:1234!
Oops | Oops: 0002 [#1] SMP PTI
WARNING: | WARNING: arch/x86/mm/init_64.c:974 at add_pages+0x5c/0x60
cut here | ------------[ cut here ]------------
refcount_t: | refcount_t: underflow; use-after-free.
corruption | list_del corruption. prev->next should be ffff8880, but was 0
usercopy: | usercopy: Kernel memory exposure attempt detected from vmalloc
buffer overflow | detected buffer overflow in memcpy
BUG: | BUG: Bad rss-counter state mm:00000000 type:MM_FILEPAGES val:1
Busy inodes after unmount | VFS: Busy inodes after unmount of daxfs (daxfs)
INFO: task | INFO: task umount:77 blocked for more than 120 seconds.
BUG: | watchdog: BUG: soft lockup - CPU#1 stuck for 22s!
self-detected stall | rcu: INFO: rcu_sched self-detected stall on CPU
Out of memory | Out of memory: Killed process 80 (daxfs-guest)
invoked oom-killer | daxfs-guest invoked oom-killer: gfp_mask=0xcc0
alloc failure | daxfs-guest: vmemmap alloc failure: order:9
Memory failure: | Memory failure: 0x20200: recovery action for dax page: Recovered
[Hardware Error] | mce: [Hardware Error]: Machine check events logged
Bad page map | Bad page map: 8000000020200867
new suspected memory leaks | kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
WARNING: | WARNING: possible circular locking dependency detected
";

    /// Lines of a good boot.
    const GOOD: &str = "\
Linux version 7.2.12 (clang version 19.1.7)
Memory: 987654K/1572352K available
daxfs: loading out-of-tree module taints kernel.
rcu: RCU calculated value of scheduler-enlistment delay is 25 jiffies.
Spectre V2 : Mitigation: Retpolines
mce: CPU supports 10 MCE banks
random: crng init done
daxfs: phys=0x1000 is not a multiple of 2 MiB (0x200000)
";

    #[test]
    fn lines_of_kernels_in_trouble_are_seen() {
        for line in TROUBLE.lines() {
            let (sign, text) = line.split_once(" | ").unwrap();
            let found = sign_in(&format!("[    4.211] {text}"));
            assert_eq!(found, Some(sign), "{text}");
        }
    }

    #[test]
    fn names_of_cases_are_no_trouble() {
        use daxfs_vm_protocol::table::{LEAK_CHECK, SUITES};
        let names = SUITES.iter().flat_map(daxfs_vm_protocol::Suite::case_names);
        for name in names.chain([LEAK_CHECK.to_owned()]) {
            assert_eq!(sign_in(&name), None, "{name}");
        }
    }

    #[test]
    fn lines_of_a_good_boot_are_no_trouble() {
        for line in GOOD.lines() {
            assert_eq!(sign_in(line), None, "{line}");
        }
    }
}
