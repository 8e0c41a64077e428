// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/proc/iomem`: a tree of claims on physical addresses, by indentation.

use super::range::Range;

/// The lines of the file.
#[derive(Debug, Default)]
pub struct Iomem {
    resources: Vec<Resource>,
}

/// A line: addresses, and the name of the claim on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The addresses.
    pub range: Range,
    /// The name of the claim.
    pub name: String,
    depth: usize,
}

impl Iomem {
    /// Reads the text of the file. Invalid lines are left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let resources = text.lines().filter_map(Resource::parse).collect();
        Self { resources }
    }

    /// Returns true if all addresses are hidden, as they are from users other than root.
    #[must_use]
    pub fn is_veiled(&self) -> bool {
        let shown = self
            .resources
            .iter()
            .any(|resource| resource.range.last != 0);
        !shown && !self.resources.is_empty()
    }

    /// All resources, in the order of the file.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter()
    }

    /// The claim on addresses in `range`, other than those that describe the memory: windows of
    /// buses, and the range itself, which is named `is`.
    #[must_use]
    pub fn holder(&self, range: Range, is: &str) -> Option<&str> {
        let inside = |resource: &&Resource| {
            resource.range.start >= range.start && resource.range.last <= range.last
        };
        let mut claims = self.resources.iter().filter(inside);
        claims
            .find(|resource| resource.name != is)
            .map(|resource| resource.name.as_str())
    }

    /// The claim below `resource` in the tree.
    #[must_use]
    pub fn child(&self, resource: &Resource) -> Option<&str> {
        let at = self.resources.iter().position(|other| other == resource)?;
        let next = self.resources.get(at + 1)?;
        (next.depth > resource.depth).then_some(next.name.as_str())
    }
}

impl Resource {
    fn parse(line: &str) -> Option<Self> {
        let text = line.trim_start_matches(' ');
        let (range, name) = text.split_once(" : ")?;
        let (start, last) = range.split_once('-')?;
        let address = |digits| u64::from_str_radix(digits, 16).ok();
        let range = Range {
            start: address(start)?,
            last: address(last)?,
        };
        Some(Self {
            range,
            name: name.to_owned(),
            depth: line.len() - text.len(),
        })
        .filter(|resource| resource.range.start <= resource.range.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00000000-00000fff : Reserved
20000000-21ffffff : Reserved
  20000000-20ffffff : daxfs
80000000-febfffff : PCI Bus 0000:00
  90000000-91ffffff : 0000:00:04.0
    90000000-91ffffff : daxfs
  92000000-93ffffff : 0000:00:05.0
not a line
";

    fn range(start: u64, last: u64) -> Range {
        Range { start, last }
    }

    #[test]
    fn claims_inside_a_range_are_found() {
        let iomem = Iomem::parse(TEXT);
        let bar = range(0x9000_0000, 0x91ff_ffff);
        assert_eq!(iomem.holder(bar, "0000:00:04.0"), Some("daxfs"));
        let free = range(0x9200_0000, 0x93ff_ffff);
        assert_eq!(iomem.holder(free, "0000:00:05.0"), None);
        let before_all = range(0x8000_0000, 0x8fff_ffff);
        assert_eq!(iomem.holder(before_all, "PCI Bus 0000:00"), None);
    }

    #[test]
    fn children_are_told_by_indentation() {
        let iomem = Iomem::parse(TEXT);
        let children: Vec<_> = iomem.resources().map(|one| iomem.child(one)).collect();
        let bus = Some("0000:00:04.0");
        let daxfs = Some("daxfs");
        assert_eq!(children, [None, daxfs, None, bus, daxfs, None, None]);
    }

    #[test]
    fn hidden_addresses_are_noticed() {
        assert!(!Iomem::parse(TEXT).is_veiled());
        assert!(Iomem::parse("00000000-00000000 : Reserved\n").is_veiled());
        assert!(!Iomem::parse("").is_veiled());
    }
}
