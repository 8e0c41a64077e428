// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plan of an image: everything that is decided before bytes are written.
//!
//! A plan follows from the tree, the options and, where files are compared, from contents. It knows
//! neither the output nor the kind of source.
//!
//! | module | owns |
//! |---|---|
//! | `inputs` | options, source and tree, as every step of a build receives them |
//! | `ordered` | the tree in the order of the image, and the lengths of its metadata sections |
//! | `sections` | the section table |
//! | `classes` | regular files by how they are stored and copied |
//! | `holes` | the holes of files, decided by contents |
//! | `extents` | the extents of sparse files |
//! | `contents` | contents, their locations, and the files that share them |
//! | `compare` | equal large files |
//! | `large` | large files: their lengths, alignment and offsets |
//! | `placement` | the order in which large contents are placed |
//! | `area` | the data section with its gaps |
//! | `huge` | the bytes that huge pages map |
//! | `offset` | offsets in the image |

pub(crate) mod area;
pub(crate) mod classes;
pub(crate) mod compare;
pub(crate) mod contents;
pub(crate) mod extents;
pub(crate) mod holes;
pub(crate) mod huge;
pub(crate) mod inputs;
pub(crate) mod large;
pub(crate) mod offset;
pub(crate) mod ordered;
mod placement;
pub(crate) mod sections;
