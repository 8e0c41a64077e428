// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals: those that end the command, and those that were ignored when it started.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod support;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{kill_process, Pid, Signal};
use support::{noise, Scene};

const ENDING: [Signal; 6] = [
    Signal::INT,
    Signal::TERM,
    Signal::HUP,
    Signal::QUIT,
    Signal::ALARM,
    Signal::XCPU,
];

/// Returns true if this process ignores a signal, as under nohup: its children do too.
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = line.and_then(|line| u64::from_str_radix(line.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}

/// A build whose image goes to a FIFO: it waits there for a reader.
struct Waiting {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Waiting {
    /// Starts a build, with a command of the shell before it, and waits for its last step.
    fn start(scene: &Scene, before: &str) -> Self {
        rustix::fs::mkfifoat(rustix::fs::CWD, scene.image(), 0o600.into()).unwrap();
        let script = format!("{before} exec \"$1\" -v \"$2\" \"$3\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_mkdaxfs")]);
        command.arg(scene.source()).arg(scene.image());
        command.env("TMPDIR", scene.dir.path());
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("waiting for the disk") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it ended");
        }
        Self { child, stderr }
    }

    fn kill(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The signal that ended the build, if one did, and its last messages.
    fn end(mut self) -> (Option<i32>, String) {
        let mut messages = String::new();
        self.stderr.read_to_string(&mut messages).unwrap();
        (self.child.wait().unwrap().signal(), messages)
    }
}

#[test]
fn a_signal_ends_the_build_and_says_that_nothing_was_written() {
    for signal in ENDING.into_iter().filter(|&signal| !is_ignored(signal)) {
        let scene = Scene::new();
        scene.write("file", noise(1, 300_000));
        // Without a core file.
        let build = Waiting::start(&scene, "ulimit -c 0;");
        build.kill(signal);
        let (ended, messages) = build.end();
        assert_eq!(ended, Some(signal.as_raw()), "{messages}");
        assert_eq!(messages, "mkdaxfs: interrupted; nothing was written\n");
        assert_eq!(scene.leftovers(), ["image"]);
    }
}

#[test]
fn a_signal_that_finds_a_part_of_the_image_written_says_so() {
    let scene = Scene::new();
    scene.write("file", noise(1, 300_000));
    let build = Waiting::start(&scene, "");
    let mut fifo = File::open(scene.image()).unwrap();
    fifo.read_exact(&mut [0; 4096]).unwrap();
    build.kill(Signal::TERM);
    let (ended, messages) = build.end();
    assert_eq!(ended, Some(Signal::TERM.as_raw()));
    let image = scene.image();
    let expected = format!(
        "mkdaxfs: interrupted; the image {} is incomplete\n",
        image.display()
    );
    assert_eq!(messages, expected);
}

/// As `nohup` does, and shells without job control for jobs in the background.
#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let scene = Scene::new();
    scene.write("file", noise(1, 300_000));
    let build = Waiting::start(&scene, "trap '' INT QUIT HUP TERM;");
    for signal in [Signal::INT, Signal::QUIT, Signal::HUP, Signal::TERM] {
        build.kill(signal);
    }
    let mut image = Vec::new();
    let mut fifo = File::open(scene.image()).unwrap();
    fifo.read_to_end(&mut image).unwrap();
    let (ended, messages) = build.end();
    assert_eq!((ended, messages.as_str()), (None, ""));
    fs::remove_file(scene.image()).unwrap();
    fs::write(scene.image(), image).unwrap();
    support::check(&scene.image(), mkdaxfs::Keep::Yes);
}

/// Standard error is a full pipe, so the process stands still where it reports the phase in which
/// contents are copied: its output file is open. The last message finds no room either.
#[test]
fn a_signal_ends_a_build_that_waits_for_its_terminal() {
    let signals = [Signal::INT, Signal::TERM, Signal::HUP];
    for signal in signals.into_iter().filter(|&signal| !is_ignored(signal)) {
        let scene = Scene::new();
        scene.write("file", noise(1, 3_000_000));
        let (_read, write) = rustix::pipe::pipe().unwrap();
        let write = File::from(write);
        let mut child = Command::new(env!("CARGO_BIN_EXE_mkdaxfs"));
        child
            .args(["-v", "-f"])
            .arg(scene.source())
            .arg(scene.image());
        // Room for the message of the scan, and for no other.
        fill_pipe(&write, 40);
        let child = child.stderr(write).stdout(Stdio::null());
        let mut child = child.spawn().unwrap();
        let pid = Pid::from_child(&child);
        wait_until_it_writes(Path::new(&format!("/proc/{}", child.id())));
        kill_process(pid, signal).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status:?}");
        assert!(scene.leftovers().is_empty(), "{:?}", scene.leftovers());
    }
}

/// Fills a pipe except for `room` bytes.
fn fill_pipe(mut pipe: &File, room: usize) {
    // The smallest pipe is a page.
    let size = rustix::pipe::fcntl_setpipe_size(pipe, 1).unwrap();
    pipe.write_all(&vec![b'.'; size - room]).unwrap();
}

/// Waits until the main thread of a process is in `write`.
fn wait_until_it_writes(process: &Path) {
    for _ in 0..10_000 {
        let call = fs::read_to_string(process.join("syscall")).unwrap_or_default();
        if call.starts_with("1 ") {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("the process does not write");
}
