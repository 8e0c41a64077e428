// SPDX-License-Identifier: GPL-2.0-only
/*
 * Static inlines and macros of the kernel as functions. Logic is in Rust, except
 * where one function in Rust would need several here: features of a configuration
 * or processor (daxfs_phys_limit, daxfs_recovers_from_poison,
 * daxfs_is_mapped_cached), flags of a page (daxfs_huge_folio_init), a value read under
 * a spinlock (daxfs_inode_is_ready), a counter that goes with a flag
 * (daxfs_folio_forget_mlocked), a loop over the processors
 * (daxfs_drain_processors).
 */
#include "helpers.h"

unsigned long daxfs_phys_limit(void)
{
	unsigned long limit = mhp_get_pluggable_range(true).end;

#ifdef CONFIG_X86
	limit = min(limit, (1UL << boot_cpu_data.x86_phys_bits) - 1);
#endif
	return limit;
}

struct kmem_cache *daxfs_inode_cache_create(const char *name, unsigned int size,
					    void (*ctor)(void *))
{
	return kmem_cache_create(name, size, 0, SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, ctor);
}

void *daxfs_inode_alloc(struct kmem_cache *cache, struct super_block *sb)
{
	return alloc_inode_sb(sb, cache, GFP_KERNEL);
}

bool daxfs_inode_is_new(struct inode *inode)
{
	return inode_state_read_once(inode) & I_NEW;
}

void daxfs_inode_set_owner(struct inode *inode, uid_t uid, gid_t gid)
{
	i_uid_write(inode, uid);
	i_gid_write(inode, gid);
}

void daxfs_inode_set_times(struct inode *inode, time64_t seconds, u32 nanoseconds)
{
	inode_set_mtime(inode, seconds, nanoseconds);
	inode_set_ctime(inode, seconds, nanoseconds);
	inode_set_atime(inode, seconds, nanoseconds);
}

struct inode *daxfs_dentry_inode(const struct dentry *dentry)
{
	return d_inode(dentry);
}

const struct qstr *daxfs_dentry_name(const struct dentry *dentry)
{
	return &dentry->d_name;
}

unsigned int daxfs_qstr_length(const struct qstr *name)
{
	return name->len;
}

void daxfs_inode_set_file_operations(struct inode *inode,
				     const struct file_operations *operations)
{
	inode->i_fop = operations;
}

char *daxfs_inode_link(struct inode *inode)
{
	return inode->i_link;
}

char *daxfs_inode_publish_link(struct inode *inode, char *target)
{
	return cmpxchg_release(&inode->i_link, NULL, target);
}

void daxfs_inode_has_no_acl(struct inode *inode)
{
	cache_no_acl(inode);
}

void daxfs_posix_acl_release(struct posix_acl *acl)
{
	posix_acl_release(acl);
}

dev_t daxfs_mkdev(unsigned int major, unsigned int minor)
{
	return MKDEV(major, minor);
}

void daxfs_super_set_uuid(struct super_block *sb, const u8 *uuid)
{
	super_set_uuid(sb, uuid, UUID_SIZE);
}

__kernel_fsid_t daxfs_fsid(u8 *uuid)
{
	return uuid_to_fsid(uuid);
}

struct dentry *daxfs_dget(struct dentry *dentry)
{
	return dget(dentry);
}

static DEFINE_RATELIMIT_STATE(daxfs_reports, DEFAULT_RATELIMIT_INTERVAL,
			      DEFAULT_RATELIMIT_BURST);

bool daxfs_may_report(void)
{
	return __ratelimit(&daxfs_reports);
}

/* Apart from the above: a user who may only try to mount must not use that up. */
static DEFINE_RATELIMIT_STATE(daxfs_refusals, DEFAULT_RATELIMIT_INTERVAL,
			      DEFAULT_RATELIMIT_BURST);

bool daxfs_may_refuse(void)
{
	return __ratelimit(&daxfs_refusals);
}

void daxfs_rcu_barrier(void)
{
	rcu_barrier();
}

bool daxfs_dir_emit_dots(struct file *file, struct dir_context *context)
{
	return dir_emit_dots(file, context);
}

loff_t daxfs_folio_pos(struct folio *folio)
{
	return folio_pos(folio);
}

size_t daxfs_folio_size(struct folio *folio)
{
	return folio_size(folio);
}

struct inode *daxfs_folio_inode(struct folio *folio)
{
	return folio->mapping->host;
}

void *daxfs_kmap_local(struct folio *folio, size_t offset)
{
	return kmap_local_folio(folio, offset);
}

void daxfs_kunmap_local(void *address)
{
	kunmap_local(address);
}

void daxfs_flush_dcache_folio(struct folio *folio)
{
	flush_dcache_folio(folio);
}

struct page *daxfs_pfn_to_page(unsigned long pfn)
{
	return pfn_to_page(pfn);
}

struct folio *daxfs_page_folio(struct page *page)
{
	return page_folio(page);
}

unsigned int daxfs_folio_order(struct folio *folio)
{
	return folio_order(folio);
}

void daxfs_get_page(struct page *page)
{
	get_page(page);
}

int daxfs_page_ref_count(struct page *page)
{
	return page_ref_count(page);
}

bool daxfs_page_freeze(struct page *page, int count)
{
	return page_ref_freeze(page, count);
}

void daxfs_folio_forget_mlocked(struct folio *folio)
{
	if (folio_test_mlocked(folio) && folio_test_clear_mlocked(folio))
		zone_stat_mod_folio(folio, NR_MLOCK, -folio_nr_pages(folio));
}

bool daxfs_page_is_poisoned(struct page *page)
{
	return PageHWPoison(page);
}

void daxfs_page_set_poisoned(struct page *page)
{
	SetPageHWPoison(page);
}

void daxfs_folio_set_has_poisoned(struct folio *folio)
{
	folio_set_has_hwpoisoned(folio);
}

bool daxfs_inode_is_ready(struct inode *inode)
{
	bool ready;

	spin_lock(&inode->i_lock);
	ready = !(inode_state_read(inode) & I_NEW);
	spin_unlock(&inode->i_lock);
	return ready;
}

void daxfs_inodes_lock(struct super_block *sb)
{
	spin_lock(&sb->s_inode_list_lock);
}

void daxfs_inodes_unlock(struct super_block *sb)
{
	spin_unlock(&sb->s_inode_list_lock);
}

static long daxfs_drain_this_processor(void *unused)
{
	struct folio_batch none;

	folio_batch_init(&none);
	/* There is nothing to release; what counts is that this drains first. */
	__folio_batch_release(&none);
	return 0;
}

void daxfs_drain_processors(void)
{
	int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		work_on_cpu(cpu, daxfs_drain_this_processor, NULL);
	cpus_read_unlock();
}

void daxfs_set_page_count(struct page *page, int count)
{
	set_page_count(page, count);
}

void daxfs_large_folio_init(struct page *head, struct dev_pagemap *map, unsigned int order)
{
	/*
	 * The first tail has flags of the folio. Some were flags of its own:
	 * CONFIG_LRU_GEN sets PG_workingset, which is PG_large_rmappable there.
	 */
	head[1].flags.f &= ~PAGE_FLAGS_SECOND;
	zone_device_page_init(head, map, order);
}

void daxfs_folio_unlock(struct folio *folio)
{
	folio_unlock(folio);
}

void daxfs_pagemap_put(struct dev_pagemap *map, unsigned long count)
{
	percpu_ref_put_many(&map->ref, count);
}

/*
 * Returns false if the kernel maps an address in another mode than write-back,
 * which is the mode without any of its bits. Other architectures map as asked.
 */
bool daxfs_is_mapped_cached(unsigned long address)
{
#ifdef CONFIG_X86
	unsigned int level;
	pte_t *entry = lookup_address(address, &level);
	pteval_t mode = level == PG_LEVEL_4K ? _PAGE_CACHE_MASK : _PAGE_LARGE_CACHE_MASK;

	return entry && !(pte_val(*entry) & mode);
#else
	return true;
#endif
}

bool daxfs_vma_is_shared(struct vm_area_struct *vma)
{
	/* A shared mapping of a file opened for reading has no VM_SHARED. */
	return vma->vm_flags & VM_MAYSHARE;
}

bool daxfs_vma_is_writable(struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_WRITE;
}

bool daxfs_pmd_is_huge(struct vm_fault *vmf)
{
	return pmd_trans_huge(pmdp_get_lockless(vmf->pmd));
}

void daxfs_semaphore_init(struct rw_semaphore *semaphore)
{
	init_rwsem(semaphore);
}

bool daxfs_fault_entry_is_none(const struct vm_fault *vmf)
{
	return pte_none(vmf->orig_pte);
}

bool daxfs_fatal_signal_pending(void)
{
	return fatal_signal_pending(current);
}

void daxfs_cond_resched(void)
{
	cond_resched();
}

void daxfs_module_get(struct module *module)
{
	__module_get(module);
}

struct resource *daxfs_request_mem_region(u64 start, u64 length, const char *name)
{
	return request_mem_region(start, length, name);
}

void daxfs_release_mem_region(u64 start, u64 length)
{
	release_mem_region(start, length);
}

int daxfs_node_of(u64 address)
{
	return numa_map_to_online_node(phys_to_target_node(address));
}

/*
 * Returns true if copy_mc_to_kernel() recovers where memcpy() does not: it does
 * on processors with fast strings, and on some that lack nothing else for it.
 */
bool daxfs_recovers_from_poison(void)
{
#if defined(CONFIG_ARCH_HAS_COPY_MC) && defined(CONFIG_X86)
	return boot_cpu_has(X86_FEATURE_ERMS);
#else
	return IS_ENABLED(CONFIG_ARCH_HAS_COPY_MC);
#endif
}

size_t daxfs_copy_mc_to_kernel(void *to, const void *from, size_t length)
{
	return copy_mc_to_kernel(to, from, length);
}

void daxfs_init_delayed_work(struct delayed_work *work, work_func_t function)
{
	INIT_DELAYED_WORK(work, function);
}

void daxfs_schedule_delayed_work(struct delayed_work *work, unsigned long ticks)
{
	mod_delayed_work(system_dfl_long_wq, work, ticks);
}
