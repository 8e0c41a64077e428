// SPDX-License-Identifier: MIT OR Apache-2.0
//! Modes and file types in text.

use daxfs_image::format::FileType;

/// A mode as ls(1) prints it.
#[must_use]
pub fn mode(file_type: FileType, permissions: u16) -> String {
    let bit = |mask: u16, set: char| if permissions & mask != 0 { set } else { '-' };
    let execute = |mask: u16, special: u16, letter: char| match (
        permissions & special != 0,
        permissions & mask != 0,
    ) {
        (false, false) => '-',
        (false, true) => 'x',
        (true, true) => letter,
        (true, false) => letter.to_ascii_uppercase(),
    };
    [
        type_letter(file_type),
        bit(0o400, 'r'),
        bit(0o200, 'w'),
        execute(0o100, 0o4000, 's'),
        bit(0o040, 'r'),
        bit(0o020, 'w'),
        execute(0o010, 0o2000, 's'),
        bit(0o004, 'r'),
        bit(0o002, 'w'),
        execute(0o001, 0o1000, 't'),
    ]
    .iter()
    .collect()
}

/// The letter for a type that ls(1) prints.
#[must_use]
pub fn type_letter(file_type: FileType) -> char {
    match file_type {
        FileType::Fifo => 'p',
        FileType::CharDevice => 'c',
        FileType::Directory => 'd',
        FileType::BlockDevice => 'b',
        FileType::Regular => '-',
        FileType::Symlink => 'l',
        FileType::Socket => 's',
    }
}

/// The character that ls(1) appends to a name with -F.
#[must_use]
pub fn mark(file_type: FileType, permissions: u16) -> &'static str {
    match file_type {
        FileType::Directory => "/",
        FileType::Symlink => "@",
        FileType::Fifo => "|",
        FileType::Socket => "=",
        FileType::Regular if permissions & 0o111 != 0 => "*",
        FileType::Regular | FileType::CharDevice | FileType::BlockDevice => "",
    }
}

/// The name of a type.
#[must_use]
pub fn type_name(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Fifo => "fifo",
        FileType::CharDevice => "character device",
        FileType::Directory => "directory",
        FileType::BlockDevice => "block device",
        FileType::Regular => "regular file",
        FileType::Symlink => "symlink",
        FileType::Socket => "socket",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_look_as_in_ls() {
        assert_eq!(mode(FileType::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(mode(FileType::Regular, 0o4755), "-rwsr-xr-x");
        assert_eq!(mode(FileType::Regular, 0o6644), "-rwSr-Sr--");
        assert_eq!(mode(FileType::Socket, 0), "s---------");
    }
}
