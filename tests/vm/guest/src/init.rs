// SPDX-License-Identifier: MIT OR Apache-2.0
//! Process 1: sets the guest up, runs cases, says what came of them, powers off.
//!
//! The host reads the console. Lines that begin with `daxfs-guest: ` are for it:
//!
//! | line | says |
//! |---|---|
//! | `start NAME` | a case begins |
//! | `announce WORDS` | the kernel will print this during the case |
//! | `ok NAME` | it passed |
//! | `failed NAME: WHY` | it did not |
//! | `note TEXT` | something measured |
//! | `end` | all cases have been run |

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{bench, cases, layered, leaks, shared, sys};

/// Where the image is mounted.
pub(crate) const MOUNT: &str = "/mnt";

/// What the kernel's command line says after `--`.
#[derive(Debug, Default)]
struct Arguments {
    phys: String,
    suite: String,
    filter: String,
    cases: Vec<String>,
    shell: bool,
    booted: bool,
    passed: Vec<(String, String)>,
}

/// What cases hear of by the environment, each as a variable of its own.
const PASSED: [&str; 5] = ["guest", "seconds", "seed", "mutants", "column"];

impl Arguments {
    fn parse(arguments: &[&str]) -> Self {
        let mut parsed = Self::default();
        for argument in arguments {
            match argument.split_once('=') {
                Some(("phys", value)) => parsed.phys = value.to_owned(),
                Some(("suite", value)) => parsed.suite = value.to_owned(),
                Some(("filter", value)) => parsed.filter = value.to_owned(),
                Some(("cases", value)) => {
                    let names = value.split(',').filter(|name| !name.is_empty());
                    parsed.cases = names.map(str::to_owned).collect();
                }
                Some((name, value)) if PASSED.contains(&name) => {
                    let name = format!("DAXFS_{}", name.to_ascii_uppercase());
                    parsed.passed.push((name, value.to_owned()));
                }
                None if *argument == "shell" => parsed.shell = true,
                None if *argument == BOOTED => parsed.booted = true,
                _ => {}
            }
        }
        parsed
    }

    /// What this program is called with again once the root is another.
    fn passed_on(&self) -> Vec<String> {
        vec![
            BOOTED.to_owned(),
            format!("suite={}", self.suite),
            format!("filter={}", self.filter),
            format!("cases={}", self.cases.join(",")),
        ]
    }

    /// Whether a run with this name is wanted: by name, where names are given, or by the filter.
    fn want(&self, name: &str) -> bool {
        if self.cases.is_empty() {
            return format!("{}/{name}", self.suite).contains(&self.filter);
        }
        self.cases.iter().any(|wanted| wanted == name)
    }
}

/// Runs the guest. It powers off, whatever happens.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let arguments = Arguments::parse(arguments);
    if let Err(error) = work(&arguments) {
        println!("daxfs-guest: cannot run: {error:#}");
    }
    // SAFETY: Writes what is in memory, of which there is nothing.
    unsafe { libc::sync() };
    // SAFETY: Ends this machine.
    unsafe { libc::reboot(libc::RB_POWER_OFF) };
    Ok(())
}

fn work(arguments: &Arguments) -> Result<()> {
    if !arguments.booted {
        set_up(arguments)?;
    }
    if arguments.shell {
        return shell();
    }
    if arguments.suite == "boot" && !arguments.booted {
        return boot(arguments);
    }
    if layered::wanted(&arguments.suite) && !arguments.booted {
        return layered::boot(&arguments.suite, &arguments.passed_on());
    }
    if arguments.suite == "bench" {
        bench::run(&arguments.filter)?;
    } else {
        run_cases(arguments);
        look_for_leaks();
    }
    println!("daxfs-guest: end");
    Ok(())
}

/// Runs the cases of a suite where another program is process 1.
pub(crate) fn report(arguments: &[&str]) {
    run_cases(&Arguments::parse(arguments));
    println!("daxfs-guest: end");
}

fn set_up(arguments: &Arguments) -> Result<()> {
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
    std::env::set_var("DAXFS_PHYS", address_of_image(&arguments.phys)?);
    for (name, value) in &arguments.passed {
        std::env::set_var(name, value);
    }
    std::env::set_var("PATH", "/bin:/usr/bin:/sbin:/usr/sbin");
    leaks::begin()?;
    sys::load_module("/daxfs.ko").context("cannot load daxfs.ko")?;
    mount_image().context("cannot mount the image")
}

/// The physical address that the host has named.
fn address_of_image(named: &str) -> Result<String> {
    if named == shared::NAME {
        return Ok(format!("{:#x}", shared::Bar::nth(0)?.address));
    }
    Ok(named.to_owned())
}

/// The physical address of the image.
pub(crate) fn phys() -> String {
    std::env::var("DAXFS_PHYS").unwrap_or_default()
}

/// The seed of random cases.
pub(crate) fn seed() -> u64 {
    number("DAXFS_SEED", 1)
}

/// How many mutants are mounted.
pub(crate) fn mutants() -> u64 {
    number("DAXFS_MUTANTS", 300)
}

/// How long a case goes on that has no end of its own.
pub(crate) fn seconds() -> Duration {
    Duration::from_secs(number("DAXFS_SECONDS", 30))
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let text = std::env::var(variable).unwrap_or_default();
    text.parse().unwrap_or(otherwise)
}

/// Mounts the image where the cases expect it.
pub(crate) fn mount_image() -> Result<()> {
    sys::mount("none", MOUNT, "daxfs", 0, &format!("phys={}", phys()))
}

/// What init is called with once the image is its root.
const BOOTED: &str = "booted";

/// Makes the image the root, as an initramfs does, and goes on there.
fn boot(arguments: &Arguments) -> Result<()> {
    sys::mount("none", "/mnt/run", "tmpfs", 0, "")?;
    fs::copy("/init", "/mnt/run/init").context("cannot copy the program")?;
    for name in ["dev", "proc", "sys", "tmp"] {
        let target = format!("{MOUNT}/{name}");
        sys::mount(&format!("/{name}"), &target, "", libc::MS_MOVE, "")
            .with_context(|| format!("cannot move /{name}"))?;
    }
    std::env::set_current_dir(MOUNT)?;
    sys::mount(".", "/", "", libc::MS_MOVE, "").context("cannot move the root")?;
    std::os::unix::fs::chroot(".")?;
    std::env::set_current_dir("/")?;
    let error = Command::new("/run/init").args(arguments.passed_on()).exec();
    Err(error).context("cannot start the program on the new root")
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

fn run_cases(arguments: &Arguments) {
    let mounted = is_mounted();
    for run in cases::of_suite(&arguments.suite) {
        let name = run.name();
        if !arguments.want(&name) {
            continue;
        }
        println!("daxfs-guest: start {name}");
        for words in run.announced() {
            println!("daxfs-guest: announce {words}");
        }
        let result = run_case(&run, &name);
        if result.is_err() && mounted {
            put_back();
        }
        say_result(&name, result);
    }
}

fn is_mounted() -> bool {
    let mounts = read_text("/proc/mounts").unwrap_or_default();
    mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(MOUNT))
}

/// Mounts the image again where a case that failed has left nothing, so that the next do not fail too.
fn put_back() {
    if !is_mounted() {
        // Mostly the module is still there; and if the mount fails, the next case says so.
        let _ = sys::load_module("/daxfs.ko");
        let _ = mount_image();
    }
}

fn say_result(name: &str, result: Result<()>) {
    match result {
        Ok(()) => println!("daxfs-guest: ok {name}"),
        Err(error) => {
            let why = format!("{error:#}").replace('\n', "; ");
            println!("daxfs-guest: failed {name}: {why}");
        }
    }
}

/// The last case of every suite, where the kernel can tell.
fn look_for_leaks() {
    if leaks::are_found() {
        println!("daxfs-guest: start {}", leaks::CASE);
        say_result(leaks::CASE, leaks::expect_none());
    }
}

/// Where the policy for huge pages is.
const HUGE_POLICY: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// Runs one case as a process of its own, and passes on what it notes, also when it fails.
fn run_case(run: &cases::Run, name: &str) -> Result<()> {
    fs::write(HUGE_POLICY, run.policy).context("cannot set the policy for huge pages")?;
    let output = Command::new("/proc/self/exe")
        .args(["case", run.case()])
        .stdin(Stdio::null())
        .output()
        .context("cannot start the case")?;
    for note in String::from_utf8_lossy(&output.stdout).lines() {
        println!("daxfs-guest: note {name}: {note}");
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    anyhow::ensure!(output.status.success(), "{} ({})", said, output.status);
    Ok(())
}

/// The text of a file of /proc or /sys.
pub(crate) fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
