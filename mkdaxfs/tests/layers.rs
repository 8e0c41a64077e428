// SPDX-License-Identifier: MIT OR Apache-2.0
//! The layers of the library, as the table in `src/lib.rs` states them.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The modules of each layer, the lowest first.
const LAYERS: [&[&str]; 8] = [
    &["error", "num", "observer", "options", "own", "pool"],
    &["tree"],
    &["source"],
    &["adjust", "plan"],
    &["write"],
    &["summary"],
    &["build"],
    &["cli"],
];

/// The path of a module, such as `plan`, `area`. That of the crate is empty.
type Module = Vec<String>;

/// The modules of the library with their texts.
fn modules() -> BTreeMap<Module, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut modules, mut pending) = (BTreeMap::new(), vec![src.clone()]);
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            pending.extend(entries.map(|entry| entry.unwrap().path()));
            continue;
        }
        let parts = path.strip_prefix(&src).unwrap().with_extension("");
        let mut module: Module = parts.to_str().unwrap().split('/').map(Into::into).collect();
        module.pop_if(|last| ["mod", "lib"].contains(&last.as_str()));
        let is_binary = module
            .first()
            .is_some_and(|first| ["main", "report"].contains(&first.as_str()));
        if !is_binary {
            modules.insert(module, fs::read_to_string(&path).unwrap());
        }
    }
    modules
}

/// The paths in `use` declarations, outside of tests. A group has one path for each member.
fn paths(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let mut paths = Vec::new();
    for declaration in code
        .split("\nuse ")
        .chain(code.split("\npub(crate) use "))
        .skip(1)
    {
        let path = declaration.split_once(';').map_or("", |(path, _)| path);
        match path.split_once('{') {
            None => paths.push(path.to_owned()),
            Some((prefix, group)) => {
                let members = group.trim_end_matches('}').split(',');
                paths.extend(members.map(|member| format!("{prefix}{}", member.trim())));
            }
        }
    }
    paths
}

/// The module that a path names, or the one with the item that it names.
fn resolve(modules: &BTreeMap<Module, String>, from: &Module, path: &str) -> Option<Module> {
    let mut parts = path.split("::").peekable();
    let mut module = match parts.next()? {
        "crate" => Vec::new(),
        "self" => from.clone(),
        "super" => from[..from.len() - 1].to_vec(),
        _ => return None,
    };
    for part in parts {
        module.push(part.to_owned());
        if !modules.contains_key(&module) {
            module.pop();
            break;
        }
    }
    Some(module)
}

/// Each module with the ones that it uses.
fn uses() -> BTreeMap<Module, BTreeSet<Module>> {
    let modules = modules();
    let uses = modules.iter().map(|(module, text)| {
        let paths = paths(text);
        let used = paths
            .iter()
            .filter_map(|path| resolve(&modules, module, path));
        (module.clone(), used.filter(|used| used != module).collect())
    });
    uses.collect()
}

fn layer(module: &Module) -> usize {
    let name = module[0].as_str();
    let found = LAYERS.iter().position(|names| names.contains(&name));
    found.unwrap_or_else(|| panic!("{name} has no layer"))
}

#[test]
fn modules_use_their_own_layer_and_lower_ones() {
    let uses = uses();
    assert!(uses.len() > 50, "{} modules", uses.len());
    for (module, used) in uses.iter().filter(|(module, _)| !module.is_empty()) {
        for used in used {
            assert!(!used.is_empty(), "{module:?} uses the root of the crate");
            assert!(layer(used) <= layer(module), "{module:?} uses {used:?}");
        }
    }
}

/// Modules that use no others are taken away until none are left, or the rest form circles.
#[test]
fn no_two_files_use_each_other() {
    let mut uses = uses();
    loop {
        let done: BTreeSet<Module> = uses
            .iter()
            .filter(|(_, used)| used.is_empty())
            .map(|(module, _)| module.clone())
            .collect();
        if done.is_empty() {
            break;
        }
        uses.retain(|module, _| !done.contains(module));
        for used in uses.values_mut() {
            used.retain(|used| !done.contains(used));
        }
    }
    assert!(uses.is_empty(), "{uses:#?}");
}
