// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers from one image: crun(1) starts eight, each with an overlay of its own, and each runs
//! a python3 that stays alive. What they cost stands beside EROFS and copies in tmpfs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use daxfs_vm_protocol::Cell;

use super::Case;
use crate::boot::{EXTRA, IMAGE};
use crate::sys::read_text;
use crate::{meminfo, sys};

pub(super) const CASES: &[Case] = &[
    ("the-lines-of-the-readme", readme),
    ("eight-from-the-image", || eight(Layer::Image)),
    ("eight-from-erofs-dax", || {
        eight(Layer::Erofs("erofs-dax", "dax"))
    }),
    ("eight-from-erofs", || eight(Layer::Erofs("erofs", ""))),
    ("eight-copies-in-tmpfs", || eight(Layer::Copies)),
];

/// The number of containers.
const COUNT: usize = 8;

/// The time limit for a container to start its program.
const WAIT_LIMIT: Duration = Duration::from_secs(100);

/// The program of each container: it writes to its root, and keeps running.
const PROGRAM: &str = "import asyncio, decimal, json, re, sqlite3, socket, time
open('/ready', 'w').write(json.dumps(socket.gethostname()))
time.sleep(100000)";

/// The file systems below the roots of the containers.
#[derive(Clone, Copy)]
enum Layer {
    /// An overlay of the image each.
    Image,
    /// An overlay of EROFS each, by this name and with these options.
    Erofs(&'static str, &'static str),
    /// A copy in tmpfs each.
    Copies,
}

impl Layer {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "daxfs",
            Self::Erofs(name, _) => name,
            Self::Copies => "tmpfs",
        }
    }

    /// Mounts what all containers share; returns where.
    fn lower(self) -> Result<&'static str> {
        let Self::Erofs(name, options) = self else {
            return Ok(IMAGE);
        };
        let target = "/run/erofs";
        fs::create_dir_all(target)?;
        sys::mount("/dev/pmem0", target, "erofs", libc::MS_RDONLY, options)
            .with_context(|| format!("cannot mount {name}"))?;
        Ok(target)
    }
}

/// Starts the containers, looks at them and at what they cost, and takes all away.
fn eight(layer: Layer) -> Result<()> {
    cgroups()?;
    let lower = layer.lower()?;
    let result = eight_on(layer, lower);
    if matches!(layer, Layer::Erofs(..)) {
        return result.and(unmount(lower));
    }
    result
}

fn eight_on(layer: Layer, lower: &str) -> Result<()> {
    // The first run loads crun itself.
    let warm = Container::start(layer, lower, COUNT)?;
    warm.ready()?;
    warm.remove()?;
    sys::free_caches(Duration::from_millis(500))?;
    let before = meminfo::free()?;
    let all = (0..COUNT)
        .map(|number| Container::start(layer, lower, number))
        .collect::<Result<Vec<_>>>()?;
    all.iter().try_for_each(Container::ready)?;
    // Processors keep pages that are free on lists of their own, and processes that have ended are
    // freed late.
    thread::sleep(Duration::from_secs(3));
    let used = before - meminfo::free()?;
    all.iter().try_for_each(Container::is_alone)?;
    ensure!(
        !Path::new(lower).join("ready").exists(),
        "a container wrote to the image"
    );
    tell(layer, &all, used)?;
    all.into_iter().try_for_each(Container::remove)
}

/// Unmounts what a process that was killed may use until it is gone.
fn unmount(target: &str) -> Result<()> {
    let deadline = Instant::now() + WAIT_LIMIT;
    loop {
        match sys::unmount(target, 0) {
            Err(error) if sys::errno(&error) == libc::EBUSY && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(50));
            }
            result => return result.with_context(|| format!("cannot unmount {target}")),
        }
    }
}

/// Puts the figures into the table.
fn tell(layer: Layer, all: &[Container], used: i64) -> Result<()> {
    let mut each = all
        .iter()
        .map(Container::memory)
        .collect::<Result<Vec<_>>>()?;
    let first = *each.first().context("no container")?;
    let sum: i64 = each.iter().sum();
    each.sort_unstable();
    let median = *each.get(each.len() / 2).context("no container")?;
    for (row, kilobytes) in [
        ("the first container's memory cgroup", first),
        ("the median of eight", median),
        ("the sum of eight", sum),
        ("the whole guest's difference", used),
    ] {
        let cell = Cell {
            table: "kB for 8 containers",
            row,
            column: layer.name(),
            value: &kilobytes.to_string(),
        };
        println!("{cell}");
    }
    Ok(())
}

/// A container; it is gone when it is dropped.
struct Container {
    name: String,
    directory: PathBuf,
    /// The mounts of the container, in the order in which they are unmounted.
    mounts: Vec<String>,
}

impl Drop for Container {
    fn drop(&mut self) {
        if self.mounts.is_empty() {
            return;
        }
        // A case has failed, and says why. What stays is in the way of others, which will say so.
        let _ = self.crun(&["delete", "--force"]);
        for target in &self.mounts {
            let _ = unmount(target);
        }
    }
}

impl Container {
    fn start(layer: Layer, lower: &str, number: usize) -> Result<Self> {
        // What a case leaves that fails must not be in the way of the next.
        let name = format!("{}-{number}", layer.name());
        let mut container = Self {
            directory: Path::new("/run/containers").join(&name),
            name,
            mounts: Vec::new(),
        };
        container.make_root(layer, lower)?;
        fs::write(
            container.directory.join("config.json"),
            configuration(&container.name),
        )?;
        container.crun(&["run", "--detach"]).context("cannot run")?;
        Ok(container)
    }

    fn make_root(&mut self, layer: Layer, lower: &str) -> Result<()> {
        let directory = self.directory.to_string_lossy().into_owned();
        fs::create_dir_all(&self.directory)?;
        sys::mount("none", &directory, "tmpfs", 0, "size=90%")?;
        self.mounts.push(directory.clone());
        for name in ["upper", "work", "rootfs"] {
            fs::create_dir(self.directory.join(name))?;
        }
        if matches!(layer, Layer::Copies) {
            return sys::output(Command::new("cp").args([
                "-a",
                &format!("{lower}/."),
                &format!("{directory}/rootfs"),
            ]))
            .map(drop);
        }
        let options =
            format!("lowerdir={lower},upperdir={directory}/upper,workdir={directory}/work");
        let root = format!("{directory}/rootfs");
        sys::mount("overlay", &root, "overlay", 0, &options)?;
        self.mounts.insert(0, root);
        Ok(())
    }

    fn crun(&self, arguments: &[&str]) -> Result<String> {
        let mut crun = Command::new("crun");
        crun.args(arguments)
            .arg(&self.name)
            .current_dir(&self.directory);
        // A program that stays would keep a pipe of ours open, so that only a file can take what is
        // said.
        let log = self.directory.join("log");
        let status = crun
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log)?)
            .stderr(fs::File::options().append(true).open(&log)?)
            .status()?;
        let said = fs::read_to_string(&log)?;
        ensure!(
            status.success(),
            "crun {}: {status}: {}",
            arguments.join(" "),
            said.trim()
        );
        Ok(said)
    }

    /// Waits until its program has started.
    fn ready(&self) -> Result<()> {
        let deadline = Instant::now() + WAIT_LIMIT;
        let file = self.directory.join("rootfs/ready");
        while fs::read_to_string(&file).unwrap_or_default().is_empty() {
            ensure!(
                Instant::now() < deadline,
                "{} does not start: {}",
                self.name,
                fs::read_to_string(self.directory.join("log"))?
            );
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Fails unless the container runs, and sees its own writes and no others.
    fn is_alone(&self) -> Result<()> {
        let state = self.crun(&["state"])?;
        ensure!(state.contains("\"running\""), "{} is {state}", self.name);
        let wrote = fs::read_to_string(self.directory.join("rootfs/ready"))?;
        ensure!(
            wrote == format!("\"{}\"", self.name),
            "{} sees {wrote}",
            self.name
        );
        Ok(())
    }

    /// Returns the memory use of its cgroup in kB.
    fn memory(&self) -> Result<i64> {
        let text = read_text(format!("/sys/fs/cgroup/{}/memory.current", self.name))?;
        Ok(text.trim().parse::<i64>()? / 1024)
    }

    fn remove(mut self) -> Result<()> {
        self.crun(&["delete", "--force"])?;
        let mounts = std::mem::take(&mut self.mounts);
        mounts.iter().try_for_each(|target| unmount(target))
    }
}

/// A container with namespaces and a cgroup of its own, few devices and no capabilities.
fn configuration(name: &str) -> String {
    let program = PROGRAM.replace('\n', "\\n");
    format!(
        r#"{{
  "ociVersion": "1.0.2",
  "process": {{
    "user": {{ "uid": 0, "gid": 0 }},
    "args": ["/usr/bin/python3", "-c", "{program}"],
    "env": ["PATH=/usr/bin:/bin", "LC_ALL=C"],
    "cwd": "/",
    "noNewPrivileges": true
  }},
  "root": {{ "path": "rootfs" }},
  "hostname": "{name}",
  "mounts": [
    {{ "destination": "/proc", "type": "proc", "source": "proc" }},
    {{ "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] }},
    {{ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs" }}
  ],
  "linux": {{
    "cgroupsPath": "/{name}",
    "resources": {{ "devices": [{{ "allow": false, "access": "rwm" }}], "memory": {{ "limit": 536870912 }}, "pids": {{ "limit": 100 }} }},
    "namespaces": [{{ "type": "pid" }}, {{ "type": "ipc" }}, {{ "type": "uts" }}, {{ "type": "mount" }}, {{ "type": "cgroup" }}, {{ "type": "network" }}]
  }}
}}"#
    )
}

/// The cgroups of all controllers, as container runtimes want them.
fn cgroups() -> Result<()> {
    let root = "/sys/fs/cgroup";
    if !Path::new(root).join("cgroup.controllers").exists() {
        sys::mount("none", root, "cgroup2", 0, "")?;
    }
    fs::write(format!("{root}/cgroup.subtree_control"), "+memory +pids")
        .context("cannot turn controllers on")
}

/// Runs what README.md says, as it stands there.
fn readme() -> Result<()> {
    cgroups()?;
    let mut shell = Command::new("bash");
    let script = format!("set -e; . {EXTRA}");
    let log = "/run/readme.log";
    let status = shell
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(fs::File::create(log)?)
        .stderr(fs::File::options().append(true).open(log)?)
        .status()?;
    ensure!(status.success(), "{status}: {}", read_text(log)?.trim());
    let list = sys::output(Command::new("crun").arg("list"))?;
    let running = list.lines().filter(|line| line.contains("running"));
    let running = running.count();
    for line in list.lines().skip(1) {
        let name = line.split_whitespace().next().context("no name")?;
        sys::output(Command::new("crun").args(["delete", "--force", name]))?;
    }
    ensure!(running == COUNT, "{running} containers run: {list}");
    println!("{COUNT} containers ran");
    Ok(())
}
