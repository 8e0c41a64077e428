// SPDX-License-Identifier: GPL-2.0-only
//! The memory that holds images.
//!
//! | module | owns |
//! |---|---|
//! | [`backing`] | the memory of one image, of whatever kind |
//! | [`claimed`] | a range of physical addresses as a backing |
//! | [`peek`] | the beginning of a range, mapped to read how long its image is |
//! | [`deferred`] | ranges whose pages are in use after the unmount |
//! | [`insert`] | inserting pages during a fault |
//! | [`folio`] | pages as folios of 2 MiB |
//! | [`pages`] | a claimed range, with a kernel mapping and struct pages |
//! | [`chunks`] | struct pages of a range, made as they are needed |
//! | [`view`] | the kernel's mapping of a claimed range |
//! | [`failure`] | failures of the memory that the hardware reports |
//! | [`marks`] | marks of poisoned pages |
//! | [`page`] | one page |
//! | [`claim`] | ranges of physical addresses, and claims on them |
//! | [`refusal`] | reasons to refuse a range |
//! | [`service`] | statics and work that the memory of mounts needs |
//! | [`interruptible`] | a backing as long checks read it |

pub(crate) mod backing;
mod chunks;
mod claim;
mod claimed;
mod deferred;
pub(crate) mod failure;
mod folio;
pub(crate) mod insert;
pub(crate) mod interruptible;
mod marks;
mod page;
mod pages;
mod peek;
mod refusal;
mod service;
mod view;

pub(crate) use claim::PhysicalRange;
pub(crate) use claimed::ClaimedRange;
pub(crate) use peek::Peek;
pub(crate) use refusal::Refusal;
pub(crate) use service::Service;
