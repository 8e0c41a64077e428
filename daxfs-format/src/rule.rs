// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules that an image obeys, one variant each. `docs/format.md` lists them under the same
//! names.

use core::fmt;

macro_rules! rules {
    ($($variant:ident = $id:literal: $text:literal;)*) => {
        /// A rule of the format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $text] $variant,)*
        }

        impl Rule {
            /// Every rule, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name of the rule in the specification and in machine-readable output.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// The text of the rule in the specification.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

rules! {
    // Superblock.
    ImageTruncated = "image-truncated": "the memory holds the whole image";
    SuperblockMagic = "superblock-magic": "the image begins with the DAXFS magic";
    SuperblockVersion = "superblock-version": "the major version is known";
    SuperblockChecksum = "superblock-checksum": "the superblock has the XXH64 that it states";
    IncompatibleFeature = "incompatible-feature": "every incompatible feature bit is known";
    SuperblockReserved = "superblock-reserved": "reserved bytes of the superblock are zero";
    PageShift = "page-shift": "the page shift is 12 to 16";
    Label = "label": "the label is padded with zeros";
    ImageSize = "image-size": "the image ends with the page in which the last section ends";

    // Section table.
    SectionCount = "section-count": "the section table has 1 to 60 entries";
    SectionUnused = "section-unused": "unused entries of the section table are zero";
    SectionUnknown = "section-unknown": "every section marked mandatory is of a known kind";
    SectionDuplicate = "section-duplicate": "no kind of section occurs twice";
    SectionMissing = "section-missing": "the inode section exists";
    SectionFlags = "section-flags": "a section has the flags of its kind, and none that is unknown";
    SectionLength = "section-length": "a section has a length that its kind allows";
    SectionAlignment = "section-alignment": "a section begins at a multiple of its kind's alignment";
    SectionBounds = "section-bounds": "a section lies within the image";
    SectionOrder = "section-order": "sections ascend by kind in the table and in the image, without overlap";
    SectionHash = "section-hash": "a section without hash flag states no hash";
    SectionChecksum = "section-checksum": "a section has the XXH64 that the table states";
    SectionDigest = "section-digest": "a section has the SHA-256 that the table states";
    Padding = "padding": "bytes that belong to nothing are zero";

    // Inodes.
    InodeZero = "inode-zero": "inode 0 does not exist, and its offset is zero";
    InodeNumber = "inode-number": "an inode number is at least 1 and has an inode";
    InodeType = "inode-type": "the mode states one of the seven file types";
    InodeLayout = "inode-layout": "the layout fits file type and size";
    InodeOwner = "inode-owner": "uid and gid are not 2^32 - 1";
    InodeLinks = "inode-links": "the link count is that of the directory entries";
    InodeSize = "inode-size": "the size is within the limits of the file type";
    InodeOffset = "inode-offset": "the offset is aligned and the bytes lie within the section of the layout";
    InodeTime = "inode-time": "nanoseconds are below 10^9";
    InodeLink = "inode-link": "the link field is zero unless the inode is a device, a directory or a sparse file";
    InodeCount = "inode-count": "the count is zero unless the inode is a directory or a sparse file";
    InodeSpace = "inode-space": "the space index is known";
    InodeReserved = "inode-reserved": "reserved bytes of an inode are zero";
    InodeXattrs = "inode-xattrs": "the xattr reference names a set";
    InodeContent = "inode-content": "exactly the regular files with bytes have a content number";
    InodeOrphan = "inode-orphan": "every inode but the root has a directory entry";
    RootInode = "root-inode": "the root is a directory that no entry names";

    // Directories.
    DirectoryParent = "directory-parent": "a directory has one entry, in its parent, and a higher number than it";
    DirectoryOffset = "directory-offset": "directory units follow each other in the order of inode numbers";
    DirectoryShape = "directory-shape": "names follow the entries in their order and fill the unit";
    EntryReserved = "entry-reserved": "reserved bytes of a directory entry are zero";
    EntryInode = "entry-inode": "an entry names an inode that exists";
    EntryType = "entry-type": "the type in an entry is that of its inode";
    EntryName = "entry-name": "a name has 1 to 255 bytes, no slash and no NUL, and is not . or ..";
    EntryHash = "entry-hash": "the hash in an entry is that of its name";
    EntryOrder = "entry-order": "entries ascend by hash, then by name";

    // Symlinks.
    SymlinkOffset = "symlink-offset": "symlink targets follow each other in the order of inode numbers";
    SymlinkTarget = "symlink-target": "a symlink target holds no NUL";

    // Extended attributes.
    XattrTable = "xattr-table": "the table of attribute sets fits its section, and reserved bytes are zero";
    XattrOffset = "xattr-offset": "attribute sets follow each other in the order of their numbers";
    XattrOrder = "xattr-order": "sets are numbered by first use, and attributes ascend by namespace, then by name";
    XattrEntry = "xattr-entry": "an attribute lies within its set, and reserved bytes are zero";
    XattrNamespace = "xattr-namespace": "an attribute has a known namespace";
    XattrName = "xattr-name": "an attribute has a name that fits its namespace";
    XattrValue = "xattr-value": "an attribute value has at most 65536 bytes";
    XattrList = "xattr-list": "the names of a set have at most 65536 bytes with prefixes and NULs";
    XattrAcl = "xattr-acl": "an ACL is well formed";
    InodeAcl = "inode-acl": "ACLs agree with file type and permissions";

    // Contents.
    ContentOrder = "content-order": "contents are numbered by first use";
    ContentShared = "content-shared": "files with one content number have one offset and one size";
    ContentOverlap = "content-overlap": "different contents share no page";
    ContentTail = "content-tail": "bytes between a file's end and its page's end are zero";
    PackedOffset = "packed-offset": "packed contents follow each other in the order of their numbers";
    ExtentOffset = "extent-offset": "extent lists follow each other in the order of inode numbers";
    ExtentRange = "extent-range": "an extent is page aligned, not empty, and within its file and the data section";
    ExtentOrder = "extent-order": "the extents of a file ascend without overlap and leave a hole";
    ExtentPages = "extent-pages": "a sparse file states how many pages its extents have";
    ExtentReserved = "extent-reserved": "reserved bytes of an extent are zero";
    DigestHeader = "digest-header": "the digest section states a known algorithm and block size";
    DigestCount = "digest-count": "there is one digest for each content";
    ContentDigest = "content-digest": "a content has the digest that the image states";
}

impl Rule {
    /// Returns true if an image that breaks the rule may be valid for a newer version, false if it
    /// is damaged.
    #[must_use]
    pub const fn is_support(self) -> bool {
        matches!(
            self,
            Self::SuperblockVersion
                | Self::IncompatibleFeature
                | Self::SectionUnknown
                | Self::InodeSpace
                | Self::XattrNamespace
                | Self::DigestHeader
        )
    }
}

impl Rule {
    /// Returns true if the rule compares a stated checksum or digest with that of the bytes.
    #[must_use]
    pub const fn is_hash(self) -> bool {
        matches!(
            self,
            Self::SuperblockChecksum
                | Self::SectionChecksum
                | Self::SectionDigest
                | Self::ContentDigest
        )
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
