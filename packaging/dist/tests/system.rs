// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files of a package, used by the programs of the system: man, file, fsck, mkfs and shells.
//! None of them needs root. A program that is not installed is reported.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Programs outside of `PATH` of ordinary users.
const SBIN: &str = "/usr/sbin:/sbin";

struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let status = Command::new(env!("CARGO_BIN_EXE_daxfs-dist"))
            .arg(dir.path())
            .env_remove("SOURCE_DATE_EPOCH")
            .status();
        assert!(status.unwrap().success());
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Adds the programs, and a small tree to make images of.
    fn with_programs(self) -> Self {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--bins"]);
        for package in ["mkdaxfs", "daxfs-fsck", "daxfs-inspect"] {
            build.args(["--package", package]);
        }
        assert!(build.status().unwrap().success());
        let built = Path::new(env!("CARGO_BIN_EXE_daxfs-dist"))
            .parent()
            .unwrap();
        fs::create_dir_all(self.path("usr/bin")).unwrap();
        for name in ["mkdaxfs", "daxfs-fsck", "daxfs-inspect"] {
            fs::copy(built.join(name), self.path("usr/bin").join(name)).unwrap();
        }
        fs::create_dir_all(self.path("rootfs/etc")).unwrap();
        fs::write(self.path("rootfs/etc/os-release"), "NAME=test\n").unwrap();
        self
    }

    /// Returns a command that finds our programs first.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        let (bin, sbin) = (self.path("usr/bin"), self.path("usr/sbin"));
        let path = format!("{}:{}:{path}:{SBIN}", sbin.display(), bin.display());
        command.env("PATH", path).current_dir(self.dir.path());
        command
    }
}

/// Returns true if a program is installed, and says so past the harness if it is not.
fn installed(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let found = path.split(':').chain(SBIN.split(':'));
    let found = found
        .map(|dir| Path::new(dir).join(program))
        .any(|file| file.is_file());
    if !found {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "not tested: {program} is not installed");
    }
    found
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[test]
fn manual_pages_have_no_warnings() {
    let tree = Tree::new();
    for section in ["man5", "man8"] {
        for page in fs::read_dir(tree.path("usr/share/man").join(section)).unwrap() {
            let page = page.unwrap().path();
            let alias = fs::read_to_string(&page).unwrap().starts_with(".so ");
            if installed("mandoc") && !alias {
                let mut lint = Command::new("mandoc");
                let output = lint
                    .args(["-T", "lint", "-W", "warning"])
                    .arg(&page)
                    .output()
                    .unwrap();
                assert!(output.status.success(), "{}", text(&output));
            }
            if installed("man") {
                let mut man = Command::new("man");
                man.args(["--warnings", "-E", "UTF-8", "-l"]).arg(&page);
                man.current_dir(tree.path("usr/share/man"));
                let output = man.env("MANWIDTH", "80").output().unwrap();
                assert!(output.status.success(), "{}", text(&output));
                assert!(
                    output.stderr.is_empty(),
                    "{}: {}",
                    page.display(),
                    text(&output)
                );
            }
        }
    }
}

#[test]
fn file_knows_images() {
    if !installed("file") {
        return;
    }
    let tree = Tree::new().with_programs();
    let mut make = tree.command("mkdaxfs");
    make.args([
        "-q",
        "-L",
        "root",
        "-U",
        "00112233-4455-6677-8899-aabbccddeeff",
    ]);
    assert!(make.args(["rootfs", "image"]).status().unwrap().success());
    let magic = tree.path("usr/share/daxfs/magic");
    let file = |name: &str| {
        let mut command = tree.command("file");
        text(
            &command
                .arg("-m")
                .arg(&magic)
                .args(["-b", name])
                .output()
                .unwrap(),
        )
    };
    let size = fs::metadata(tree.path("image")).unwrap().len();
    let known = format!(
        "DAXFS image, format 1.0, label \"root\", UUID 00112233-4455-6677-8899-aabbccddeeff, \
         {size} bytes\n"
    );
    let found = file("image");
    let minor = known.replacen("1.0", "1.1", 1);
    assert!(found == known || found == minor, "{found}");
    let mut other = vec![0; 4096];
    other[..24].copy_from_slice(b"5xad\x05\0\0\0\0\0\0\0\0\x10\0\0\0\0\x20\0\0\0\0\0");
    fs::write(tree.path("other"), other).unwrap();
    let found = file("other");
    assert_eq!(
        found,
        "image of the C project that is also called daxfs, version 5, 2097152 bytes\n"
    );
    fs::write(tree.path("none"), b"\xdaDAX\n\x1a\n").unwrap();
    assert!(!file("none").contains("DAXFS"));
}

#[test]
fn mkfs_and_fsck_find_the_links() {
    if !(installed("mkfs") && installed("fsck")) {
        return;
    }
    let tree = Tree::new().with_programs();
    let mut mkfs = tree.command("mkfs");
    let output = mkfs
        .args(["-t", "daxfs", "rootfs", "image"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let fsck = || {
        let mut fsck = tree.command("fsck");
        // fsck(8) takes a word without a slash for an option of the checker.
        let image = tree.path("image");
        fsck.args(["-t", "daxfs"]).arg(image).output().unwrap()
    };
    let output = fsck();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("clean"), "{}", text(&output));
    let mut bytes = fs::read(tree.path("image")).unwrap();
    bytes[40] ^= 1;
    fs::write(tree.path("image"), bytes).unwrap();
    let output = fsck();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
}

/// Completes a line of words in bash and returns the answers.
fn complete(tree: &Tree, words: &[&str]) -> Vec<String> {
    let name = words[0];
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "source usr/share/bash-completion/completions/{name}; compopt() {{ :; }}
         COMP_WORDS=({}); COMP_CWORD={}; _{}; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len() - 1,
        name.replace('-', "_")
    );
    let output = tree.command("bash").args(["-c", &script]).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", text(&output));
    let lines = text(&output);
    let mut lines: Vec<String> = lines.split_whitespace().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn bash_completes_files_directories_and_words() {
    if !installed("bash") {
        return;
    }
    let tree = Tree::new();
    fs::create_dir(tree.path("rootfs")).unwrap();
    fs::write(tree.path("room.daxfs"), "").unwrap();
    for (words, answers) in [
        (&["mkdaxfs", "roo"][..], &["room.daxfs", "rootfs"][..]),
        (
            &["mkdaxfs", "--exclude-from", "roo"],
            &["room.daxfs", "rootfs"],
        ),
        (&["mkdaxfs", "--page-size", "1"], &["16K"]),
        (&["mkdaxfs", "--page-size", "=", "1"], &["16K"]),
        (&["mkdaxfs", "--label", ""], &[]),
        (&["mkdaxfs", "--one"], &["--one-file-system"]),
        (&["daxfs-fsck", "--extract", "roo"], &["rootfs"]),
        (&["daxfs-fsck", "roo"], &["room.daxfs", "rootfs"]),
        (&["daxfs-inspect", "st"], &["stat"]),
        (&["daxfs-inspect", "cat", "roo"], &["room.daxfs", "rootfs"]),
        (&["daxfs-inspect", "cat", "room.daxfs", "roo"], &[]),
        (
            &["daxfs-inspect", "diff", "room.daxfs", "roo"],
            &["room.daxfs", "rootfs"],
        ),
        (&["daxfs-inspect", "ls", "--recur"], &["--recursive"]),
    ] {
        assert_eq!(complete(&tree, words), answers, "{words:?}");
    }
    let mut bash = tree.command("bash");
    let load = "source usr/share/bash-completion/completions/mkfs.daxfs; complete -p mkfs.daxfs";
    let output = bash.args(["-c", load]).output().unwrap();
    assert!(
        text(&output).contains("-F _mkdaxfs mkfs.daxfs"),
        "{}",
        text(&output)
    );
}

#[test]
fn zsh_and_fish_load_their_completions() {
    let tree = Tree::new();
    if installed("zsh") {
        let script = "fpath=($PWD/usr/share/zsh/vendor-completions $fpath); autoload -U compinit
            compinit -u -D; for name in mkdaxfs mkfs.daxfs daxfs-fsck fsck.daxfs daxfs-inspect; do
            print $_comps[$name]; done; autoload +X _mkdaxfs _daxfs-fsck _daxfs-inspect";
        let output = tree
            .command("zsh")
            .args(["-f", "-c", script])
            .output()
            .unwrap();
        let expected = "_mkdaxfs\n_mkdaxfs\n_daxfs-fsck\n_daxfs-fsck\n_daxfs-inspect\n";
        assert_eq!(text(&output), expected);
    }
    if installed("fish") {
        let script = "for file in usr/share/fish/vendor_completions.d/*; source $file; end
            complete -C 'mkfs.daxfs --one-f'; complete -C 'daxfs-inspect sta'";
        let mut fish = tree.command("fish");
        fish.env("HOME", tree.dir.path());
        let output = fish.args(["--no-config", "-c", script]).output().unwrap();
        let found = text(&output);
        assert!(
            found.contains("--one-file-system") && found.contains("stat"),
            "{found}"
        );
    }
}
