/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Input of bindgen: the kernel's headers, static inlines and macros under names
 * that Rust can call, and constants that bindgen cannot evaluate.
 */
#ifndef DAXFS_HELPERS_H
#define DAXFS_HELPERS_H

/* Required options; without them a compiler would fail with many messages. */
#ifndef CONFIG_MODULES
#error "daxfs needs CONFIG_MODULES"
#endif
#ifndef CONFIG_FS_DAX
#error "daxfs needs CONFIG_FS_DAX"
#endif
#ifndef CONFIG_FS_POSIX_ACL
#error "daxfs needs CONFIG_FS_POSIX_ACL"
#endif
#ifndef CONFIG_MEMORY_HOTPLUG
#error "daxfs needs CONFIG_MEMORY_HOTPLUG"
#endif
#ifndef CONFIG_SPARSEMEM_VMEMMAP
#error "daxfs needs CONFIG_SPARSEMEM_VMEMMAP"
#endif
#ifndef CONFIG_TRANSPARENT_HUGEPAGE
#error "daxfs needs CONFIG_TRANSPARENT_HUGEPAGE"
#endif
#ifndef CONFIG_ZONE_DEVICE
#error "daxfs needs CONFIG_ZONE_DEVICE"
#endif
#if !IS_ENABLED(CONFIG_CRYPTO_LIB_SHA256)
#error "daxfs needs CONFIG_CRYPTO_LIB_SHA256"
#endif
#if !IS_ENABLED(CONFIG_EXPORTFS)
#error "daxfs needs CONFIG_EXPORTFS"
#endif
#if !IS_ENABLED(CONFIG_XXHASH)
#error "daxfs needs CONFIG_XXHASH"
#endif

#include <linux/hrtimer_types.h>

#include <crypto/sha2.h>
#include <linux/capability.h>
#include <linux/cpu.h>
#include <linux/dax.h>
#include <linux/exportfs.h>
#include <linux/fiemap.h>
#include <linux/filelock.h>
#include <linux/folio_batch.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/huge_mm.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/memory_hotplug.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/pagemap.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>
#include <linux/xattr.h>
#include <linux/xxhash.h>

static const gfp_t DAXFS_GFP_KERNEL = GFP_KERNEL;
static const gfp_t DAXFS_GFP_NOFS = GFP_NOFS;
static const fmode_t DAXFS_FMODE_CAN_ODIRECT = FMODE_CAN_ODIRECT;
static const fmode_t DAXFS_FMODE_NOWAIT = FMODE_NOWAIT;
static const unsigned long DAXFS_SYSTEM_RAM = IORESOURCE_SYSTEM_RAM;
static const loff_t DAXFS_MAX_LFS_FILESIZE = MAX_LFS_FILESIZE;
static const unsigned int DAXFS_IOC_GETFSLABEL = FS_IOC_GETFSLABEL;
static const unsigned int DAXFS_PAGE_SHIFT = PAGE_SHIFT;
static const unsigned int DAXFS_PMD_ORDER = PMD_SHIFT - PAGE_SHIFT;
static const unsigned long DAXFS_MEMREMAP_WB = MEMREMAP_WB;
static const long DAXFS_HZ = HZ;
static const unsigned long DAXFS_SB_RDONLY = SB_RDONLY;
static const unsigned long DAXFS_SB_POSIXACL = SB_POSIXACL;
static const unsigned long DAXFS_SB_ACTIVE = SB_ACTIVE;
static const unsigned long DAXFS_SB_I_IMA_UNVERIFIABLE_SIGNATURE = SB_I_IMA_UNVERIFIABLE_SIGNATURE;
static const unsigned long DAXFS_PAGE_RESERVED = 1UL << PG_reserved;
static const int DAXFS_ACL_TYPE_ACCESS = ACL_TYPE_ACCESS;

unsigned long daxfs_phys_limit(void);

struct kmem_cache *daxfs_inode_cache_create(const char *name, unsigned int size,
					    void (*ctor)(void *));
void *daxfs_inode_alloc(struct kmem_cache *cache, struct super_block *sb);
bool daxfs_inode_is_new(struct inode *inode);
void daxfs_inode_set_owner(struct inode *inode, uid_t uid, gid_t gid);
void daxfs_inode_set_times(struct inode *inode, time64_t seconds, u32 nanoseconds);
struct inode *daxfs_dentry_inode(const struct dentry *dentry);
const struct qstr *daxfs_dentry_name(const struct dentry *dentry);
unsigned int daxfs_qstr_length(const struct qstr *name);
void daxfs_inode_set_file_operations(struct inode *inode,
				     const struct file_operations *operations);
char *daxfs_inode_link(struct inode *inode);
char *daxfs_inode_publish_link(struct inode *inode, char *target);
void daxfs_inode_has_no_acl(struct inode *inode);
void daxfs_posix_acl_release(struct posix_acl *acl);
dev_t daxfs_mkdev(unsigned int major, unsigned int minor);
void daxfs_super_set_uuid(struct super_block *sb, const u8 *uuid);
__kernel_fsid_t daxfs_fsid(u8 *uuid);
struct dentry *daxfs_dget(struct dentry *dentry);
bool daxfs_may_report(void);
bool daxfs_may_refuse(void);
void daxfs_rcu_barrier(void);

bool daxfs_dir_emit_dots(struct file *file, struct dir_context *context);

loff_t daxfs_folio_pos(struct folio *folio);
size_t daxfs_folio_size(struct folio *folio);
struct inode *daxfs_folio_inode(struct folio *folio);
void *daxfs_kmap_local(struct folio *folio, size_t offset);
void daxfs_kunmap_local(void *address);
void daxfs_flush_dcache_folio(struct folio *folio);

struct page *daxfs_pfn_to_page(unsigned long pfn);
struct folio *daxfs_page_folio(struct page *page);
unsigned int daxfs_folio_order(struct folio *folio);
void daxfs_get_page(struct page *page);
int daxfs_page_ref_count(struct page *page);
void daxfs_folio_forget_mlocked(struct folio *folio);
void daxfs_drain_processors(void);
bool daxfs_page_is_poisoned(struct page *page);
void daxfs_page_set_poisoned(struct page *page);
void daxfs_folio_set_has_poisoned(struct folio *folio);
bool daxfs_inode_is_ready(struct inode *inode);
void daxfs_inodes_lock(struct super_block *sb);
void daxfs_inodes_unlock(struct super_block *sb);
void daxfs_set_page_count(struct page *page, int count);
bool daxfs_page_freeze(struct page *page, int count);
void daxfs_large_folio_init(struct page *head, struct dev_pagemap *map, unsigned int order);
void daxfs_folio_unlock(struct folio *folio);
void daxfs_pagemap_put(struct dev_pagemap *map, unsigned long count);
bool daxfs_is_mapped_cached(unsigned long address);

bool daxfs_vma_is_shared(struct vm_area_struct *vma);
bool daxfs_vma_is_writable(struct vm_area_struct *vma);
bool daxfs_pmd_is_huge(struct vm_fault *vmf);
void daxfs_semaphore_init(struct rw_semaphore *semaphore);
bool daxfs_fatal_signal_pending(void);
void daxfs_cond_resched(void);
bool daxfs_fault_entry_is_none(const struct vm_fault *vmf);
void daxfs_module_get(struct module *module);
struct resource *daxfs_request_mem_region(u64 start, u64 length, const char *name);
void daxfs_release_mem_region(u64 start, u64 length);
int daxfs_node_of(u64 address);
bool daxfs_recovers_from_poison(void);
size_t daxfs_copy_mc_to_kernel(void *to, const void *from, size_t length);
void daxfs_init_delayed_work(struct delayed_work *work, work_func_t function);
void daxfs_schedule_delayed_work(struct delayed_work *work, unsigned long ticks);

#endif
