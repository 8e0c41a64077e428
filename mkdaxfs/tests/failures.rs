// SPDX-License-Identifier: MIT OR Apache-2.0
//! Failures: they name the file, and leave nothing behind.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use mkdaxfs::{
    build, Change, Error, Existing, Keep, LeftOut, Observer, Options, Phase, SourceSpec, Unsuitable,
};
use support::{check, inode, noise, Scene};

/// An observer that changes the tree between the scan and the first read.
struct Meddler<F: Fn() + Sync>(F);

impl<F: Fn() + Sync> Observer for Meddler<F> {
    fn phase(&self, phase: Phase) {
        if matches!(phase, Phase::Compare { .. }) {
            self.0();
        }
    }
}

/// The path and the change that a build reports while something happens to its tree.
fn change_of(scene: &Scene, act: impl Fn() + Sync) -> (PathBuf, Change) {
    let error = build(&scene.options(), &Meddler(act)).unwrap_err();
    assert!(scene.leftovers().is_empty(), "{:?}", scene.leftovers());
    match error {
        Error::Changed { path, change } => (path, change),
        other => panic!("{other:?}"),
    }
}

/// The reason why an image is not written.
fn unsuitable(options: &Options) -> Unsuitable {
    match build(options, &()).unwrap_err() {
        Error::Unsuitable { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

/// Files of every way to be copied: packed, small, compared, large, sparse.
fn files(scene: &Scene) -> Vec<PathBuf> {
    let sparse = scene.write("sparse", "");
    File::options()
        .write(true)
        .open(&sparse)
        .unwrap()
        .set_len(1 << 20)
        .unwrap();
    OpenOptions::new()
        .append(true)
        .open(&sparse)
        .unwrap()
        .write_all(b"end")
        .unwrap();
    scene.write("twin", noise(3, 400_000));
    let sizes = [
        ("packed", 100),
        ("small", 50_000),
        ("compared", 400_000),
        ("large", 3_000_000),
    ];
    let mut files: Vec<PathBuf> = (3..)
        .zip(sizes)
        .map(|(seed, (name, size))| scene.write(name, noise(seed, size)))
        .collect();
    files.push(sparse);
    files
}

#[test]
fn a_file_that_changes_during_the_build_is_named() {
    let scene = Scene::new();
    for file in files(&scene) {
        let before = fs::read(&file).unwrap();
        let size = u64::try_from(before.len()).unwrap();
        let restore = || fs::write(&file, &before).unwrap();

        let grow = || {
            OpenOptions::new()
                .append(true)
                .open(&file)
                .unwrap()
                .write_all(b"x")
                .unwrap();
        };
        assert_eq!(
            change_of(&scene, grow),
            (file.clone(), Change::Size(size, size + 1))
        );
        restore();
        let shrink = || {
            File::options()
                .write(true)
                .open(&file)
                .unwrap()
                .set_len(size - 1)
                .unwrap();
        };
        assert_eq!(
            change_of(&scene, shrink),
            (file.clone(), Change::Size(size, size - 1))
        );
        restore();
        assert_eq!(change_of(&scene, restore), (file.clone(), Change::Modified));
        let vanish = || fs::remove_file(&file).unwrap();
        assert_eq!(change_of(&scene, vanish), (file.clone(), Change::Vanished));
        symlink("elsewhere", &file).unwrap();
        fs::remove_file(&file).unwrap();
        restore();
    }
    scene.build();
}

/// Opening a FIFO for reading waits for a writer: the build must not.
#[test]
fn a_file_that_becomes_something_else_is_named() {
    let scene = Scene::new();
    let file = scene.write("file", "bytes");
    let become_link = || {
        fs::remove_file(&file).unwrap();
        symlink("/dev/zero", &file).unwrap();
    };
    assert_eq!(change_of(&scene, become_link), (file.clone(), Change::Type));
    fs::remove_file(&file).unwrap();
    fs::write(&file, "bytes").unwrap();
    let become_fifo = || {
        fs::remove_file(&file).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        rustix::fs::mkfifoat(rustix::fs::CWD, &file, mode).unwrap();
    };
    assert_eq!(change_of(&scene, become_fifo), (file, Change::Type));
}

#[test]
fn a_directory_that_vanishes_is_named() {
    let scene = Scene::new();
    let file = scene.write("d/file", "bytes");
    let act = || fs::remove_dir_all(scene.source().join("d")).unwrap();
    assert_eq!(change_of(&scene, act), (file, Change::Vanished));
}

/// Files that are not opened are looked at again at the end.
#[test]
fn files_without_contents_are_compared_too() {
    let scene = Scene::new();
    let empty = scene.write("d/empty", "");
    scene.write("file", "bytes");
    let at = |name: &str| scene.source().join(name);
    symlink("target", at("d/link")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), mode).unwrap();
    let named = |act: &(dyn Fn() + Sync), path: &Path| {
        assert_eq!(change_of(&scene, act), (path.to_owned(), Change::Modified));
    };
    let attribute = |path: &Path| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(path, "user.a", b"1", flags).unwrap();
    };
    named(&|| attribute(&at("d")), &at("d"));
    named(&|| attribute(&empty), &empty);
    named(&|| fs::write(at("new"), "").unwrap(), &scene.source());
    named(&|| fs::remove_file(at("new")).unwrap(), &scene.source());
    named(&|| fs::write(at("d/new"), "").unwrap(), &at("d"));
    let restrict = || {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(at("fifo"), mode).unwrap();
    };
    named(&restrict, &at("fifo"));
    let link_again = || {
        fs::remove_file(at("d/link")).unwrap();
        symlink("tarpit", at("d/link")).unwrap();
    };
    named(&link_again, &at("d"));
    scene.build();
}

#[test]
fn an_image_that_exists_is_replaced_only_if_that_is_asked_for() {
    let scene = Scene::new();
    scene.write("file", "bytes");
    fs::write(scene.image(), "precious").unwrap();
    let error = build(&scene.options(), &()).unwrap_err();
    assert!(
        matches!(&error, Error::Exists(path) if *path == scene.image()),
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("--force"));
    assert_eq!(fs::read(scene.image()).unwrap(), b"precious");
    // One that appears while the build runs is not replaced either.
    fs::remove_file(scene.image()).unwrap();
    let meddler = Meddler(|| fs::write(scene.image(), "precious").unwrap());
    assert!(matches!(
        build(&scene.options(), &meddler),
        Err(Error::Exists(_))
    ));
    assert_eq!(fs::read(scene.image()).unwrap(), b"precious");

    let force = Options {
        existing: Existing::Replace,
        ..scene.options()
    };
    support::build(&force);
    assert_eq!(scene.leftovers(), ["image"]);
    fs::remove_file(scene.image()).unwrap();
    let mut image = scene.image().into_os_string();
    image.push("/");
    let directory = Options {
        image: image.into(),
        ..scene.options()
    };
    assert_eq!(unsuitable(&directory), Unsuitable::Directory);
    fs::create_dir(scene.image()).unwrap();
    assert_eq!(unsuitable(&force), Unsuitable::Directory);
}

/// A reader of the old image still has all of it when it is replaced.
#[test]
fn an_image_is_replaced_at_once() {
    let scene = Scene::new();
    scene.write("file", "old");
    support::build(&scene.options());
    let open = File::open(scene.image()).unwrap();
    let old = fs::read(scene.image()).unwrap();
    scene.write("file", "new");
    support::build(&Options {
        existing: Existing::Replace,
        ..scene.options()
    });
    let mut seen = Vec::new();
    std::io::Read::read_to_end(&mut &open, &mut seen).unwrap();
    assert!(seen == old);
}

/// Records the files that are left out.
#[derive(Default)]
struct Listener(std::sync::Mutex<Vec<(PathBuf, LeftOut)>>);

impl Observer for Listener {
    fn left_out(&self, path: &Path, why: LeftOut) {
        self.0.lock().unwrap().push((path.to_owned(), why));
    }
}

#[test]
fn an_image_may_lie_in_its_own_tree() {
    let scene = Scene::new();
    scene.write("d/file", "bytes");
    let image = scene.source().join("d/image");
    let options = Options {
        image: image.clone(),
        existing: Existing::Replace,
        ..scene.options()
    };
    support::build(&options);
    let first = fs::read(&image).unwrap();
    let opened = check(&image, Keep::Yes);
    assert_eq!(opened.inode_count(), 3);
    drop(opened);

    // The second time there is an image to be left out; only the directory's time is another one.
    let listener = Listener::default();
    build(&options, &listener).unwrap();
    assert_eq!(
        listener.0.into_inner().unwrap(),
        [(image.clone(), LeftOut::Image)]
    );
    let opened = check(&image, Keep::Yes);
    assert_eq!(opened.inode_count(), 3);
    assert_eq!(inode(&opened, b"d/file").size, 5);
    assert_eq!(fs::read(&image).unwrap().len(), first.len());
}

#[test]
fn source_and_image_must_make_sense() {
    let scene = Scene::new();
    let file = scene.write("file", "bytes");
    let io = |options: Options| match build(&options, &()).unwrap_err() {
        Error::Io { path, source, .. } => (path, source.raw_os_error()),
        other => panic!("{other:?}"),
    };
    let not_directory = (file.clone(), Some(rustix::io::Errno::NOTDIR.raw_os_error()));
    assert_eq!(
        io(Options {
            sources: vec![SourceSpec::root(file)],
            ..scene.options()
        }),
        not_directory
    );
    let absent = scene.dir.path().join("absent");
    let not_found = (
        absent.clone(),
        Some(rustix::io::Errno::NOENT.raw_os_error()),
    );
    assert_eq!(
        io(Options {
            sources: vec![SourceSpec::root(absent.clone())],
            ..scene.options()
        }),
        not_found
    );
    assert_eq!(
        io(Options {
            image: absent.join("image"),
            ..scene.options()
        }),
        not_found
    );
    let directory = Options {
        image: scene.dir.path().to_owned(),
        ..scene.options()
    };
    // No --force would help.
    assert_eq!(unsuitable(&directory), Unsuitable::Directory);
}

#[test]
fn a_bad_pattern_is_refused() {
    let scene = Scene::new();
    let options = Options {
        exclude: vec!["a[".to_owned()],
        ..scene.options()
    };
    assert!(matches!(build(&options, &()), Err(Error::Pattern { .. })));
}
