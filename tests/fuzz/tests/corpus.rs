// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every input of the corpora and every seed passes.

#![allow(clippy::print_stdout, reason = "counts of a test")]
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::fs;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;

use daxfs_fuzztargets::targets;

#[test]
fn the_corpus_does_no_harm() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut harm = Vec::new();
    for target in targets() {
        let mut inputs: Vec<_> = (1..)
            .zip((target.seeds)())
            .map(|(index, seed)| (format!("seed {index}"), seed))
            .collect();
        let seeds = inputs.len();
        for entry in fs::read_dir(corpus.join(target.name)).unwrap() {
            let path = entry.unwrap().path();
            inputs.push((path.display().to_string(), fs::read(path).unwrap()));
        }
        assert!(inputs.len() > seeds, "no corpus for {}", target.name);
        for (name, input) in &inputs {
            let run = AssertUnwindSafe(|| (target.run)(input));
            if catch_unwind(run).is_err() {
                harm.push(format!("{}: {name}", target.name));
            }
        }
        println!("{}: {} inputs", target.name, inputs.len());
    }
    assert!(harm.is_empty(), "{harm:#?}");
}

/// Each target has its program in `targets/`, and each program is a target.
#[test]
fn every_target_has_a_program() {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets/fuzz_targets");
    let mut found: Vec<_> = fs::read_dir(programs)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_owned())
        .collect();
    let mut named: Vec<_> = targets().map(|target| target.name).collect();
    found.sort();
    named.sort_unstable();
    assert_eq!(found, named);
}
