// SPDX-License-Identifier: MIT OR Apache-2.0
//! Process 1: sets the guest up, runs the cases, reports each verdict, powers off.
//!
//! The arguments and the lines on the console are those of `daxfs-vm-protocol`.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{ensure, Context, Result};
use daxfs_vm_protocol::arguments::{Stage, Task};
use daxfs_vm_protocol::table::{self, LEAK_CHECK};
use daxfs_vm_protocol::{Arguments, Guest, Line, Run, Selection, Setting, Suite};

use crate::{boot, image, leaks, settings, sys};

/// Runs the guest, and powers off in any case.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let arguments = Arguments::parse(words.iter().copied());
    if let Err(error) = work(arguments) {
        println!("{}", Line::Other(&format!("cannot run: {error:#}")));
    }
    // SAFETY: Takes no argument and has no precondition.
    unsafe { libc::sync() };
    // SAFETY: The command needs no further argument. Process 1 of a test machine may end it.
    unsafe { libc::reboot(libc::RB_POWER_OFF) };
    Ok(())
}

/// Runs the cases under another process 1.
pub(crate) fn report(words: &[&str]) -> Result<()> {
    let arguments = Arguments::parse(words.iter().copied());
    settings::export(&arguments);
    run_cases(&Job::of(&arguments)?)?;
    println!("{}", Line::End);
    Ok(())
}

fn work(mut arguments: Arguments) -> Result<()> {
    settings::export(&arguments);
    if let Task::Suite { stage, .. } = &mut arguments.task {
        if *stage == Stage::Initramfs {
            set_up(&mut arguments)?;
            boot::enter(Job::of(&arguments)?.guest.root, &arguments)?;
        }
        let job = Job::of(&arguments)?;
        run_cases(&job)?;
        look_for_leaks();
        println!("{}", Line::End);
        return Ok(());
    }
    set_up(&mut arguments)?;
    shell()
}

/// Sets up what all cases need, and replaces the address in the arguments by a number.
fn set_up(arguments: &mut Arguments) -> Result<()> {
    for (kind, target) in [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("tmpfs", "/tmp"),
    ] {
        // The kernel may have mounted devtmpfs before.
        match sys::mount("none", target, kind, 0, "") {
            Err(error) if sys::errno(&error) == libc::EBUSY => {}
            result => result.with_context(|| format!("cannot mount {target}"))?,
        }
    }
    arguments.set(Setting::Phys, &image::resolve(&image::phys())?);
    settings::export(arguments);
    std::env::set_var("PATH", "/bin:/usr/bin:/sbin:/usr/sbin");
    leaks::begin()?;
    image::set_up()
}

fn shell() -> Result<()> {
    Command::new("/bin/busybox")
        .args([
            "sh",
            "-c",
            "/bin/busybox --install -s /bin; cd /mnt; exec setsid cttyhack sh",
        ])
        .status()
        .context("cannot start a shell")?;
    Ok(())
}

/// The cases of this guest.
struct Job<'a> {
    suite: &'static Suite,
    number: usize,
    guest: &'static Guest,
    selection: &'a Selection,
}

impl<'a> Job<'a> {
    fn of(arguments: &'a Arguments) -> Result<Self> {
        let Task::Suite {
            name, selection, ..
        } = &arguments.task
        else {
            anyhow::bail!("no suite is named");
        };
        let suite = table::suite(name).with_context(|| format!("no suite is named {name}"))?;
        let number = arguments.settings.get(&Setting::Guest);
        let number = number.map_or(Ok(0), |number| number.parse::<usize>())?;
        let guest = suite.guests.get(number);
        Ok(Self {
            suite,
            number,
            guest: guest.with_context(|| format!("{name} has no guest {number}"))?,
            selection,
        })
    }
}

fn run_cases(job: &Job<'_>) -> Result<()> {
    let mounted = image::is_mounted();
    let selected = job.selection.runs_of(job.suite, job.number);
    for run in job.guest.runs() {
        let name = run.name();
        if !selected.contains(&name) {
            continue;
        }
        println!("{}", Line::Start(&name));
        for words in run.case.announced {
            println!("{}", Line::Announce(words));
        }
        let result = run_case(&run, &name);
        if result.is_err() && mounted {
            image::put_back();
        }
        report_verdict(&name, &result);
    }
    Ok(())
}

fn report_verdict(name: &str, result: &Result<()>) {
    match result {
        Ok(()) => println!("{}", Line::Passed(name)),
        Err(error) => {
            let reason = &format!("{error:#}");
            println!("{}", Line::Failed { name, reason });
        }
    }
}

/// Runs the last case of every guest whose kernel can find leaks.
fn look_for_leaks() {
    if leaks::are_found() {
        println!("{}", Line::Start(LEAK_CHECK));
        report_verdict(LEAK_CHECK, &leaks::expect_none());
    }
}

/// The policy for huge pages.
const HUGE_POLICY: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// Runs one case as a process of its own, and passes on its notes, also when it fails.
fn run_case(run: &Run, name: &str) -> Result<()> {
    fs::write(HUGE_POLICY, run.policy.name()).context("cannot set the policy for huge pages")?;
    let output = Command::new("/proc/self/exe")
        .args(["case", run.case.name])
        .stdin(Stdio::null())
        .output()
        .context("cannot start the case")?;
    for text in String::from_utf8_lossy(&output.stdout).lines() {
        println!("{}", Line::Note { name, text });
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    ensure!(output.status.success(), "{reason} ({})", output.status);
    Ok(())
}
