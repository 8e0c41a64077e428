// SPDX-License-Identifier: MIT OR Apache-2.0
//! Layout: offsets, sharing, and the same image from the same tree.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod support;

use std::fs::{self, Permissions};
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use daxfs_image::format::limits::HUGE_PAGE;
use daxfs_image::format::{FileData, InodeKind, SectionKind};
use daxfs_image::FileImage;
use mkdaxfs::{HugeAlign, Keep, Mode, Options, Summary};
use support::{build, check, inode, noise, Scene};

fn data(image: &FileImage, path: &str) -> FileData {
    match inode(image, path.as_bytes()).kind {
        InodeKind::Regular(data) => data,
        other => panic!("{path}: {other:?}"),
    }
}

fn is_packed(image: &FileImage, path: &str) -> bool {
    matches!(data(image, path), FileData::Packed { .. })
}

#[test]
fn small_files_are_packed_unless_they_are_executable_or_elf() {
    let scene = Scene::new();
    scene.write("small", "text");
    scene.write("a page and a quarter", noise(1, 5119));
    scene.write("larger", noise(2, 5120));
    let script = scene.write("script", "#!/bin/sh\n");
    fs::set_permissions(script, Permissions::from_mode(0o711)).unwrap();
    scene.write("module.so", b"\x7fELF and so on");
    scene.write("no elf", b"\x7fEL");
    let summary = scene.build();
    let image = check(&scene.image(), Keep::Yes);
    let packed = ["small", "a page and a quarter", "no elf"];
    assert!(packed.iter().all(|path| is_packed(&image, path)));
    assert!(!["larger", "script", "module.so"]
        .iter()
        .any(|path| is_packed(&image, path)));
    assert_eq!(
        (summary.packed_contents, summary.packed_bytes),
        (3, 4 + 5119 + 3)
    );

    let none = Options {
        pack_below: Some(0),
        image: scene.dir.path().join("none"),
        ..scene.options()
    };
    assert_eq!(build(&none).packed_contents, 0);
    let most = Options {
        pack_below: Some(1 << 16),
        image: scene.dir.path().join("most"),
        ..none
    };
    assert_eq!(build(&most).packed_contents, 4);
}

#[test]
fn equal_contents_are_stored_once() {
    let scene = Scene::new();
    let sizes = [10, 3000, 20_000, 300_000, 3 << 20];
    for (seed, size) in (0..).zip(sizes) {
        for copy in ["a", "b/c", "b/d"] {
            scene.write(&format!("{copy}{size}"), noise(seed, size));
        }
        // These have the size, and the first and last pages, of the others.
        let mut other = noise(seed, size);
        other[size / 2] ^= 1;
        scene.write(&format!("other{size}"), other);
    }
    let summary = scene.build();
    assert_eq!(summary.shared_files, 10);
    let bytes: usize = sizes.iter().sum();
    assert_eq!(summary.shared_bytes, 2 * u64::try_from(bytes).unwrap());
    let image = check(&scene.image(), Keep::Yes);
    for size in sizes {
        let of = |name: &str| inode(&image, format!("{name}{size}").as_bytes()).content;
        assert_eq!(of("a"), of("b/c"));
        assert_eq!(of("a"), of("b/d"));
        assert_ne!(of("a"), of("other"));
    }
    let image = scene.dir.path().join("each");
    let apart = build(&Options {
        sharing: Keep::No,
        image: image.clone(),
        ..scene.options()
    });
    support::compare(&scene.source(), &image);
    assert_eq!(apart.shared_files, 0);
    assert!(apart.image_bytes > summary.image_bytes + summary.shared_bytes);
}

/// An extent behind a hole keeps its distance to 2 MiB in the file, so that huge pages map it.
#[test]
fn large_pieces_of_sparse_files_are_aligned() {
    let scene = Scene::new();
    let (begin, length) = (2 * HUGE_PAGE + (576 << 10), 9 << 20);
    let file = fs::File::create(scene.source().join("weights")).unwrap();
    file.write_all_at(&noise(2, length), begin).unwrap();
    let summary = scene.build();
    let image = check(&scene.image(), Keep::Yes);
    let FileData::Sparse(list) = data(&image, "weights") else {
        panic!("not sparse");
    };
    let extent = image.extent(&list, 0).unwrap().unwrap();
    assert_eq!(extent.file_offset, begin);
    assert_eq!(extent.offset % HUGE_PAGE, begin % HUGE_PAGE);
    // The first unit and the last are not whole.
    assert_eq!(summary.huge_bytes, 6 << 20);
    assert_eq!(summary.mappable_bytes, 9 << 20);
}

#[test]
fn large_files_are_aligned_and_small_ones_fill_the_gaps() {
    let scene = Scene::new();
    let sizes = [5 << 20, (2 << 20) + 5000, 3 << 20];
    for (seed, size) in (0..).zip(sizes) {
        scene.write(&format!("large{seed}"), noise(seed, size));
    }
    for number in 0..120 {
        scene.write(&format!("small{number}"), noise(number + 10, 70_000));
    }
    let summary = scene.build();
    let image = check(&scene.image(), Keep::Yes);
    for seed in 0..3 {
        let FileData::Direct { offset } = data(&image, &format!("large{seed}")) else {
            panic!("not direct");
        };
        assert_eq!(offset % HUGE_PAGE, 0, "large{seed}");
    }
    assert_eq!(summary.huge_bytes, (4 + 2 + 2) << 20);
    // What is left of a gap is smaller than the files that are to fill it.
    assert!(
        summary.padding_bytes < 3 * 73_728,
        "{}",
        summary.padding_bytes
    );
    let off = scene.dir.path().join("off");
    let flat = build(&Options {
        huge_align: HugeAlign::Off,
        image: off,
        ..scene.options()
    });
    assert_eq!(flat.padding_bytes, 0);
}

#[test]
fn digests_can_be_left_out() {
    let scene = Scene::new();
    for copy in ["one", "two"] {
        scene.write(copy, noise(1, 400_000));
        scene.write(&format!("small {copy}"), noise(1, 40_000));
    }
    let options = Options {
        digests: Keep::No,
        ..scene.options()
    };
    let summary = build(&options);
    support::compare(&scene.source(), &scene.image());
    assert_eq!(summary.shared_files, 2);
    let image = check(&scene.image(), Keep::No);
    assert!(image
        .superblock()
        .sections()
        .get(SectionKind::Digests)
        .is_none());
    let image = scene.dir.path().join("neither");
    let summary = build(&Options {
        sharing: Keep::No,
        image,
        ..options
    });
    assert_eq!(summary.shared_files, 0);
}

/// A tree with everything that could come in another order.
fn fill(scene: &Scene) {
    for number in 0..300 {
        let size = usize::try_from(number * 37 % 9000).unwrap();
        scene.write(
            &format!("d{}/e{}/f{number}", number % 7, number % 3),
            noise(number % 50, size),
        );
        scene.write(
            &format!("d{}/g{number}", number % 5),
            noise(number, size * 9),
        );
    }
    for number in 0..6 {
        scene.write(&format!("large{number}"), noise(number % 3, 2_500_000));
    }
    for number in 0..40 {
        let link = scene.source().join(format!("d{}/link{number}", number % 5));
        fs::hard_link(scene.source().join(format!("d0/g{}", number % 8 * 5)), link).unwrap();
    }
}

fn image_of(source: &Path, image: &Path, threads: usize) -> Vec<u8> {
    let threads = NonZeroUsize::new(threads);
    build(&Options {
        threads,
        ..Options::new(source, image)
    });
    let bytes = fs::read(image).unwrap();
    fs::remove_file(image).unwrap();
    bytes
}

#[test]
fn the_same_tree_gives_the_same_image() {
    let scene = Scene::new();
    fill(&scene);
    let first = image_of(&scene.source(), &scene.image(), 1);
    for threads in [2, 3, 8, 8, 8] {
        assert!(
            image_of(&scene.source(), &scene.image(), threads) == first,
            "{threads} threads"
        );
    }
    // Another path, other inode numbers, directories that were filled in another order.
    let copy = scene.dir.path().join("copy of the tree");
    let status = Command::new("cp")
        .arg("-a")
        .arg(scene.source())
        .arg(&copy)
        .status()
        .unwrap();
    assert!(status.success());
    assert!(image_of(&copy, &scene.image(), 2) == first, "a copy");
    let time = fs::metadata(&copy).unwrap().modified().unwrap();
    for entry in fs::read_dir(&copy).unwrap().collect::<Vec<_>>() {
        refill(&entry.unwrap().path());
    }
    fs::File::open(&copy).unwrap().set_modified(time).unwrap();
    assert!(image_of(&copy, &scene.image(), 2) == first, "another order");
    fs::write(copy.join("large0"), noise(77, 2_500_000)).unwrap();
    assert!(
        image_of(&copy, &scene.image(), 2) != first,
        "another content"
    );
}

/// Fills a directory anew, in the reverse order of names.
fn refill(path: &Path) {
    if !path.is_dir() {
        return;
    }
    let time = fs::metadata(path).unwrap().modified().unwrap();
    let aside = path.with_extension("aside");
    fs::rename(path, &aside).unwrap();
    fs::create_dir(path).unwrap();
    let mut names: Vec<_> = fs::read_dir(&aside)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    for name in names.iter().rev() {
        fs::rename(aside.join(name), path.join(name)).unwrap();
    }
    fs::remove_dir(aside).unwrap();
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_dry_run_says_what_the_image_would_be_and_writes_nothing() {
    let scene = Scene::new();
    fill(&scene);
    let planned = mkdaxfs::build(
        &Options {
            mode: Mode::DryRun,
            ..scene.options()
        },
        &(),
    )
    .unwrap();
    assert!(scene.leftovers().is_empty());
    let built = scene.build();
    assert_eq!(
        Summary {
            seconds: 0.0,
            ..planned
        },
        Summary {
            seconds: 0.0,
            ..built
        }
    );
}
