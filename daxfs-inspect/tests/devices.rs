// SPDX-License-Identifier: MIT OR Apache-2.0
//! The output of `devices` for invented machines.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use daxfs_hostile::reference;
use daxfs_image::escape::Charset;
use daxfs_inspect::console::{Console, Form};
use daxfs_inspect::devices::{list, report};
use serde_json::Value;
use support::inspect;
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

/// The files of a machine.
struct Machine(TempDir);

impl Machine {
    fn new(iomem: &str, cmdline: &str) -> Self {
        let machine = Self(TempDir::new().unwrap());
        machine.file("proc/iomem", iomem.as_bytes());
        machine.file("proc/cmdline", cmdline.as_bytes());
        machine
    }

    fn file(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A PCI device with one memory BAR, number 2, of `size` bytes.
    fn pci(&self, address: &str, start: u64, size: u64, flags: u64) {
        let at = |name| format!("sys/bus/pci/devices/{address}/{name}");
        let last = start + size - 1;
        let zero = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
        let bar = format!("{start:#018x} {last:#018x} {flags:#018x}\n");
        self.file(
            &at("resource"),
            format!("{zero}{zero}{bar}{zero}").as_bytes(),
        );
        self.file(&at("vendor"), b"0x1af4\n");
        self.file(&at("device"), b"0x1110\n");
        self.file(&at("config"), &[0xf4, 0x1a, 0x10, 0x11, 3, 1, 0, 0]);
        self.file(&at("resource2"), &reference::reference());
    }

    fn driver(&self, device: &str, name: &str) {
        symlink(
            format!("../../drivers/{name}"),
            self.0.path().join(device).join("driver"),
        )
        .unwrap();
    }

    /// The text, the JSON, and the problems.
    fn print(&self) -> (String, Vec<Value>, String) {
        let [mut text, mut json, mut err] = [const { Vec::new() }; 3];
        let mut console = Console::new(&mut text, &mut err, Charset::Ascii);
        let candidates = list(self.0.path(), &mut console);
        report::print(&candidates, Form::Text, &mut console).unwrap();
        let mut ignored = Vec::new();
        let mut console = Console::new(&mut json, &mut ignored, Charset::Ascii);
        report::print(&candidates, Form::Json, &mut console).unwrap();
        let json = String::from_utf8(json).unwrap();
        let lines = daxfs_test_json::records(&json).unwrap();
        let text = String::from_utf8(text).unwrap();
        (text, lines, String::from_utf8(err).unwrap())
    }
}

/// Flags of a 64-bit prefetchable memory BAR, and of one that is not prefetchable.
const PREFETCHABLE: u64 = 0x0014_220c;
const PLAIN: u64 = 0x0004_0200;

const ADDRESS: &str = "0000:00:04.0";
const START: u64 = 0x38_0000_0000;

fn with_bar(flags: u64) -> Machine {
    let iomem = format!("{START:x}-3801ffffff : {ADDRESS}\n");
    let machine = Machine::new(&iomem, "");
    machine.pci(ADDRESS, START, 32 * MIB, flags);
    machine
}

#[test]
fn a_bar_with_an_image_has_a_command() {
    let (text, json, err) = with_bar(PREFETCHABLE).print();
    assert_eq!(err, "");
    let command = "mount -t daxfs -o phys=0x3800000000 none /mnt";
    assert!(
        text.starts_with("0000:00:04.0 BAR 2: 1af4:1110, prefetchable, no driver\n"),
        "{text}"
    );
    assert!(
        text.contains("    0x3800000000, 32.0 MiB\n    image \"reference\""),
        "{text}"
    );
    assert!(text.ends_with(&format!("\n    {command}\n")), "{text}");
    assert_eq!(json.len(), 1);
    assert_eq!(json[0]["state"], "image");
    assert_eq!(json[0]["image"]["label"], "reference");
    assert_eq!(json[0]["phys"], START);
    assert_eq!(json[0]["mount"], command);
}

#[test]
fn a_bar_whose_reads_may_do_something_is_not_read() {
    let (_, json, _) = with_bar(PLAIN).print();
    assert_eq!(json[0]["state"], "not_read");
    assert_eq!(json[0]["phys"], START);
}

#[test]
fn a_bar_of_a_driver_is_not_read_and_not_offered() {
    let machine = with_bar(PREFETCHABLE);
    machine.driver(&format!("sys/bus/pci/devices/{ADDRESS}"), "gpu");
    let (text, json, _) = machine.print();
    assert!(text.contains("driver gpu\n"), "{text}");
    assert_eq!(
        (&json[0]["state"], &json[0]["driver"]),
        (&"not_read".into(), &"gpu".into())
    );
    assert_eq!(
        (&json[0]["phys"], &json[0]["mount"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_bar_that_is_claimed_is_not_offered() {
    let machine = with_bar(PREFETCHABLE);
    let claimed = "3800000000-3801ffffff : 0000:00:04.0\n  3800000000-38001fffff : daxfs\n";
    machine.file("proc/iomem", claimed.as_bytes());
    let (text, json, _) = machine.print();
    assert!(text.contains("in use by daxfs"), "{text}");
    assert_eq!(
        (&json[0]["holder"], &json[0]["mount"]),
        (&"daxfs".into(), &Value::Null)
    );
}

#[test]
fn a_device_that_is_switched_off_is_not_read() {
    let machine = with_bar(PREFETCHABLE);
    machine.file(&format!("sys/bus/pci/devices/{ADDRESS}/config"), &[0; 64]);
    let (text, json, _) = machine.print();
    assert!(text.contains("switched off; echo 1 > "), "{text}");
    assert_eq!(
        (&json[0]["state"], &json[0]["mount"]),
        (&"not_read".into(), &Value::Null)
    );
}

#[test]
fn small_bars_and_ports_are_left_out() {
    let machine = Machine::new("", "");
    machine.pci("0000:00:05.0", 0x9000_0000, MIB, PREFETCHABLE);
    machine.pci("0000:00:06.0", 0x9010_0000, 2 * MIB, PREFETCHABLE);
    machine.pci("0000:00:07.0", 0x9200_0000, 4 * MIB, 0x101);
    let (text, json, _) = machine.print();
    assert!(json.is_empty() && text.starts_with("no memory"), "{text}");
}

#[test]
fn an_image_begins_at_a_multiple_of_2_mib() {
    let machine = Machine::new("", "");
    machine.pci("0000:00:05.0", 0x9010_0000, 4 * MIB, PREFETCHABLE);
    let path = "sys/bus/pci/devices/0000:00:05.0/resource2";
    let mut bytes = vec![0; 1 << 20];
    bytes.extend(reference::reference());
    machine.file(path, &bytes);
    let (_, json, _) = machine.print();
    assert_eq!(
        (&json[0]["phys"], &json[0]["state"]),
        (&0x9020_0000_u64.into(), &"image".into())
    );
}

#[test]
fn damage_is_told_from_something_else() {
    let machine = with_bar(PREFETCHABLE);
    let path = format!("sys/bus/pci/devices/{ADDRESS}/resource2");
    let mut bytes = reference::reference();
    bytes[100] ^= 1;
    machine.file(&path, &bytes);
    assert_eq!(machine.print().1[0]["state"], "damaged");
    machine.file(&path, &[0; 8192]);
    assert_eq!(machine.print().1[0]["state"], "no_image");
}

const RESERVED: &str = "00000000-00000fff : Reserved
00100000-1fffffff : System RAM
20000000-23ffffff : Reserved
30000000-33ffffff : Reserved
  30000000-300fffff : something
34000000-37ffffff : Reserved
40000000-43ffffff : Soft Reserved
";

#[test]
fn what_the_administrator_reserved_is_read_and_the_rest_is_not() {
    let machine = Machine::new(RESERVED, "quiet memmap=64M$0x20000000 rw\n");
    let memory = fs::File::create_new(machine.0.path().join("dev-mem")).unwrap();
    memory.set_len(1 << 31).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&memory, &reference::reference(), 0x2000_0000)
        .unwrap();
    fs::create_dir(machine.0.path().join("dev")).unwrap();
    fs::rename(
        machine.0.path().join("dev-mem"),
        machine.0.path().join("dev/mem"),
    )
    .unwrap();
    let (_, json, err) = machine.print();
    let states: Vec<_> = json
        .iter()
        .map(|line| line["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        states,
        ["image", "not_read", "not_read", "no_image"],
        "{err}"
    );
    let phys: Vec<_> = json.iter().map(|line| line["phys"].as_u64()).collect();
    assert_eq!(phys, [Some(0x2000_0000), None, None, Some(0x4000_0000)]);
}

#[test]
fn others_than_root_are_told_that_they_do_not_see_everything() {
    let (_, json, err) = Machine::new("00000000-00000000 : Reserved\n", "").print();
    assert!(json.is_empty());
    assert!(err.contains("visible to root only"), "{err}");
}

#[test]
fn devices_with_drivers_of_their_own_say_how_to_let_go() {
    let iomem = "100000000-103ffffff : Persistent Memory\n  100000000-103ffffff : namespace0.0\n\
                 140000000-143ffffff : dax0.0\n";
    let machine = Machine::new(iomem, "");
    let devices = [
        ("nd", "namespace0.0", 0x1_0000_0000_u64, "nd_pmem"),
        ("dax", "dax0.0", 0x1_4000_0000, "device_dax"),
    ];
    for (bus, name, start, driver) in devices {
        let at = format!("sys/bus/{bus}/devices/{name}");
        machine.file(
            &format!("{at}/resource"),
            format!("{start:#x}\n").as_bytes(),
        );
        machine.file(&format!("{at}/size"), b"67108864\n");
        machine.driver(&at, driver);
    }
    machine.file("sys/bus/nd/devices/namespace0.0/block/pmem0/dev", b"");
    machine.file("dev/pmem0", &reference::reference());
    machine.file("dev/dax0.0", &reference::reference());
    let (text, json, _) = machine.print();
    let states: Vec<_> = json
        .iter()
        .map(|line| line["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["image", "image"], "{text}");
    assert!(
        json.iter().all(|line| line["mount"] == Value::Null),
        "{text}"
    );
    assert!(
        text.contains("ndctl disable-namespace namespace0.0"),
        "{text}"
    );
    assert!(text.contains("daxctl disable-device dax0.0"), "{text}");
}

#[test]
fn the_command_runs_on_this_machine() {
    // The result depends on the machine and on privileges.
    let run = inspect(&["devices", "--json"]);
    assert!(run.code <= 1, "{}", run.err);
    assert!(Path::new("/proc/iomem").exists() || !run.err.is_empty());
    run.json();
}
