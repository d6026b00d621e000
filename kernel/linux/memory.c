/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls about memory (mmap(2) and its family). Places, lengths and rights are checked by <mm/space.h>. */
#include <base/string.h>
#include <fs/block_cache.h>
#include <fs/memfs.h>
#include <fs/root.h>
#include <hal/memory.h>
#include <mm/alloc.h>

#include "calls.h"

enum {
	MAP_SHARED = 1,
	MAP_PRIVATE = 2,
	MAP_SHARED_VALIDATE = 3,
	MAP_TYPE = 0xf,
	MAP_FIXED = 0x10,
	MAP_ANONYMOUS = 0x20,
	MAP_32BIT = 0x40,
	MAP_GROWSDOWN = 0x100,
	MAP_NORESERVE = 0x4000,
	MAP_POPULATE = 0x8000,
	MAP_LOCKED = 0x2000,
	MAP_NONBLOCK = 0x10000,
	MAP_HUGETLB = 0x40000,
	MAP_SYNC = 0x80000,
	MAP_FIXED_NOREPLACE = 0x100000,
};
enum { PROT_ALL = SPACE_READ | SPACE_WRITE | SPACE_EXEC, PROT_SEM = 8 };
enum { PROT_GROWSDOWN = 0x01000000, PROT_GROWSUP = 0x02000000 };
enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MREMAP_DONTUNMAP = 4 };
enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };
enum { MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4, MLOCK_ONFAULT = 1 };

static struct space *current_space(void)
{
	return process_current()->space;
}

static unsigned area_flags(unsigned long flags)
{
	unsigned result = 0;

	if (flags & MAP_FIXED_NOREPLACE)
		result |= AREA_NO_REPLACE;
	else if (flags & MAP_FIXED)
		result |= AREA_FIXED;
	if (flags & MAP_32BIT)
		result |= AREA_LOW;
	if (flags & MAP_GROWSDOWN)
		result |= AREA_STACK;
	if (flags & MAP_NORESERVE)
		result |= AREA_NO_RESERVE;
	if (flags & (MAP_POPULATE | MAP_LOCKED) && !(flags & MAP_NONBLOCK))
		result |= AREA_POPULATE;
	return (flags & MAP_TYPE) == MAP_PRIVATE ? result : result | AREA_SHARED;
}

/* A file that nobody may write any more. */
static bool is_sealed(const struct file *file)
{
	int seals = file->inode ? memfs_get_seals(file->inode) : 0;

	return seals > 0 && seals & (SEAL_WRITE | SEAL_FUTURE_WRITE);
}

/* What is mapped: a reference, or NULL for memory of the area's own. */
static int prepare_object(unsigned long flags, long fd, struct space_map *request)
{
	bool shared = request->flags & AREA_SHARED;

	if (flags & MAP_ANONYMOUS) {
		struct inode *inode;

		request->object_page = 0;
		if (!shared)
			return 0;
		/* A file without a name, so that a child would see the same pages. */
		int err = root_create_file(align_up(request->bytes, PAGE_SIZE), &inode);
		if (!err)
			request->object = &inode->pages; /* its reference is the inode's */
		return err;
	}

	struct file *file = fd_file(fd);
	if (!file)
		return -EBADF;
	int err = file_map(file, request->prot, request->flags, &request->object);
	if (!err && request->object && request->flags & AREA_STACK)
		err = -EINVAL;
	if (shared && ((file->flags & O_ACCMODE) != O_RDWR || is_sealed(file)))
		request->max_prot &= ~(unsigned)SPACE_WRITE;
	if (!err && request->prot & ~request->max_prot)
		err = -EPERM;
	file_put(file);
	return err;
}

static int check_mmap(long fd, unsigned long bytes, unsigned long flags, uint64_t offset)
{
	unsigned long type = flags & MAP_TYPE;

	if (offset & (PAGE_SIZE - 1))
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS) && fd_flags(process_current()->files, (int)fd) < 0)
		return -EBADF;
	if (!bytes)
		return -EINVAL;
	if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (bytes > USER_MAX)
		return -ENOMEM;
	if (type == MAP_SHARED_VALIDATE && flags & MAP_SYNC)
		return -EOPNOTSUPP;
	/* There is no pool of huge pages, as on a Linux that was not given one. */
	return flags & MAP_HUGETLB ? -ENOMEM : 0;
}

long sys_mmap(long address, long bytes, long prot, long flags, long fd, long offset)
{
	uintptr_t at = 0;
	int err = check_mmap(fd, (unsigned long)bytes, (unsigned long)flags, (uint64_t)offset);
	struct space_map request = {
		.hint = (uintptr_t)address,
		.bytes = (size_t)bytes,
		.prot = (unsigned)prot & PROT_ALL,
		.max_prot = PROT_ALL,
		.flags = area_flags((unsigned long)flags),
		.object_page = (uint64_t)offset >> PAGE_SHIFT,
	};

	if (err)
		return err;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (address & (long)(PAGE_SIZE - 1))
			return -EINVAL;
	} else {
		request.hint = align_down(request.hint, PAGE_SIZE);
	}
	err = prepare_object((unsigned long)flags, fd, &request);
	if (!err)
		err = space_map(current_space(), &request, &at);
	if (request.object)
		request.object->ops->put(request.object);
	return err ? err : (long)at;
}

long sys_munmap(long address, long bytes)
{
	return space_unmap(current_space(), (uintptr_t)address, (size_t)bytes);
}

struct stack_search {
	uintptr_t address, start;
};

static bool find_stack(void *context, const struct area *area)
{
	struct stack_search *s = context;

	if (area->end <= s->address)
		return true;
	if (area->start <= s->address && area->flags & AREA_STACK)
		s->start = area->start;
	return false;
}

/* PROT_GROWSDOWN: all of the stack below as well, however far it has grown. */
static long protect_stack(long address, long bytes, unsigned prot)
{
	struct stack_search s = { .address = (uintptr_t)address };

	space_each(current_space(), find_stack, &s);
	if (!s.start || address & (long)(PAGE_SIZE - 1))
		return -EINVAL;
	return space_protect(current_space(), s.start, (size_t)(address + bytes) - s.start, prot);
}

long sys_mprotect(long address, long bytes, long prot)
{
	if (prot & ~(long)(PROT_ALL | PROT_SEM | PROT_GROWSDOWN))
		return -EINVAL;
	if (prot & PROT_GROWSDOWN)
		return protect_stack(address, bytes, (unsigned)prot & PROT_ALL);
	return space_protect(current_space(), (uintptr_t)address, (size_t)bytes,
			     (unsigned)prot & PROT_ALL);
}

long sys_mremap(long old, long old_bytes, long new_bytes, long flags, long new_address)
{
	unsigned remap = (flags & MREMAP_MAYMOVE ? SPACE_REMAP_MAYMOVE : 0) |
			 (flags & MREMAP_FIXED ? SPACE_REMAP_FIXED : 0) |
			 (flags & MREMAP_DONTUNMAP ? SPACE_REMAP_DONTUNMAP : 0);
	uintptr_t at;

	if (flags & ~(long)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	int err = space_remap(current_space(), (uintptr_t)old, (size_t)old_bytes, (size_t)new_bytes,
			      remap, (uintptr_t)new_address, &at);
	return err ? err : (long)at;
}

long sys_madvise(long address, long bytes, long advice)
{
	return space_advise(current_space(), (uintptr_t)address, (size_t)bytes, (int)advice);
}

long sys_brk(long end)
{
	return (long)space_brk(current_space(), (uintptr_t)end);
}

/* Rounds a range to pages; -EINVAL, -ENOMEM as mlock(2) and its like. */
static int page_range(long address, long bytes, uintptr_t *start, size_t *length)
{
	uint64_t end;

	*start = align_down((uintptr_t)address, PAGE_SIZE);
	if (add_overflows((uint64_t)address, (uint64_t)bytes, &end) || end > USER_MAX)
		return bytes ? -ENOMEM : 0;
	*length = align_up(end, PAGE_SIZE) - *start;
	return 0;
}

static long check_range(long address, long bytes)
{
	uintptr_t start;
	size_t length = 0;
	int err = page_range(address, bytes, &start, &length);

	return err || !length ? err : space_check(current_space(), start, length);
}

long sys_msync(long address, long bytes, long flags)
{
	flags = (int)flags;
	if (flags & ~(long)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC) ||
	    address & (long)(PAGE_SIZE - 1))
		return -EINVAL;
	/* A shared page is the file's own, which lies in memory, but for those of disks. */
	int err = check_range(address, bytes);
	if (!err && flags & MS_SYNC)
		block_cache_sync_all();
	return err;
}

/* Nothing is ever paged out, so what is mapped is locked as far as anyone can tell. */
long sys_mlock(long address, long bytes)
{
	return check_range(address, bytes);
}

long sys_mlock2(long address, long bytes, long flags)
{
	return (int)flags & ~MLOCK_ONFAULT ? -EINVAL : check_range(address, bytes);
}

long sys_munlock(long address, long bytes)
{
	return check_range(address, bytes);
}

long sys_mlockall(long flags)
{
	flags = (int)flags;
	if (!flags || flags & ~(long)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) ||
	    flags == MCL_ONFAULT)
		return -EINVAL;
	return 0;
}

long sys_munlockall(void)
{
	return 0;
}

enum { MINCORE_CHUNK = 256 };

/* A byte per page: whether it is mapped now. Which pages of a file are in memory without being mapped is not told. */
static void residency(struct space *space, uintptr_t start, size_t pages, uint8_t *out)
{
	phys_t frame;

	mutex_lock(&space->lock);
	for (size_t i = 0; i < pages; i++)
		out[i] = mmu_lookup(&space->mmu, start + i * PAGE_SIZE, &frame) != 0;
	mutex_unlock(&space->lock);
}

long sys_mincore(long address, long bytes, long vector)
{
	uint8_t chunk[MINCORE_CHUNK];
	uintptr_t start;
	size_t length = 0;

	if (address & (long)(PAGE_SIZE - 1))
		return -EINVAL;
	int err = page_range(address, bytes, &start, &length);
	if (!err && length)
		err = space_check(current_space(), start, length);
	for (size_t done = 0; !err && done < length >> PAGE_SHIFT; done += MINCORE_CHUNK) {
		size_t pages = min((length >> PAGE_SHIFT) - done, (size_t)MINCORE_CHUNK);

		residency(current_space(), start + done * PAGE_SIZE, pages, chunk);
		err = user_write((uintptr_t)vector + done, chunk, pages);
	}
	return err;
}
