/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program's address space: areas over a user page table, filled page by page on first touch. An area is anonymous
 * memory or a window on a `struct vm_object` (a file, a device, shared memory), private (copy on write) or shared.
 *
 * Life cycle: space_create(), use, space_put() by the last user. Thread context, takes the space's mutex; addresses and
 * lengths come from the program and are checked here. Errors are those that Linux gives for the call of the same name.
 */
#pragma once

#include <base/compiler.h>
#include <base/list.h>
#include <base/rbtree.h>
#include <base/types.h>
#include <core/lock.h>
#include <hal/memory.h>
#include <hal/user.h>
#include <mm/vm_object.h>

enum space_prot { SPACE_READ = 1, SPACE_WRITE = 2, SPACE_EXEC = 4 }; /* = PROT_* */

enum area_flags {
	AREA_SHARED = BIT(0),
	AREA_STACK = BIT(
		1), /* grows down, to the stack limit, keeping a gap of 256 pages below (as Linux) */
	AREA_FIXED = BIT(2),      /* exactly at the hint, replacing what is there */
	AREA_NO_REPLACE = BIT(3), /* exactly at the hint, -EEXIST if something is there */
	AREA_LOW = BIT(4),        /* below 2 GiB (MAP_32BIT) */
	AREA_NO_RESERVE = BIT(5),
	AREA_POPULATE = BIT(6),
	AREA_LOCKED_LAYOUT = BIT(7), /* vDSO and the like: mremap and mprotect refuse it */
	AREA_DONT_FORK = BIT(8),     /* set by madvise: a child does not get it, or gets it empty */
	AREA_WIPE_ON_FORK = BIT(9),
	AREA_LARGE = BIT(10), /* set by madvise: large pages, or none at all */
	AREA_SMALL = BIT(11),
};

struct area {
	struct rb_node node;
	uintptr_t start, end;     /* page aligned */
	unsigned prot;            /* enum space_prot */
	unsigned max_prot;        /* what mprotect may grant (a shared map of a read-only file) */
	unsigned flags;           /* those of enum area_flags that outlast the call */
	struct vm_object *object; /* [reference] NULL: anonymous */
	uint64_t object_page;     /* page of the object at `start` */
	const char *label;        /* "[heap]", "[stack]", "[vdso]"; NULL: the object's name */
	struct space *space;      /* it is linked in; while it is on the object's list */
	struct list_node object_link; /* [object->lock] object->areas */
};

struct space {
	struct mutex lock;
	struct mmu mmu;
	struct rb_tree areas;         /* [lock] by start */
	uint32_t refs;                /* atomic */
	uintptr_t brk_start, brk_end; /* [lock] */
	uintptr_t mmap_top; /* new areas are placed below, downwards; randomised by the creator */
	uint64_t mapped_bytes, resident_pages; /* [lock] */
	uint64_t
		data_bytes; /* [lock] private and writable, stacks apart: what RLIMIT_DATA limits */
	unsigned area_count;  /* [lock] */
	uintptr_t search_top; /* [lock] between it and mmap_top no gap is larger than largest_gap */
	size_t largest_gap;   /* [lock] */
	uint64_t address_limit_bytes, data_limit_bytes,
		stack_limit_bytes; /* RLIMIT_AS, _DATA, _STACK */
};

/** An empty space with one reference; NULL: no memory. */
struct space *space_create(void);
void space_get(struct space *space);
void space_put(struct space *space);

/** Maps `bytes` (rounded up) at or near `hint`. object NULL: anonymous memory. `*out` is the address chosen. The space takes
 * its own reference to the object. -EINVAL, -ENOMEM, -EEXIST; -EPERM: fixed below USER_MIN; -EOVERFLOW: past the
 * last page an object can have. Errors of AREA_POPULATE do not show. */
struct space_map {
	uintptr_t hint;
	size_t bytes;
	unsigned prot, max_prot, flags;
	struct vm_object *object;
	uint64_t object_page;
	const char *label;
};
int must_check space_map(struct space *space, const struct space_map *request, uintptr_t *out);
int must_check space_unmap(struct space *space, uintptr_t start, size_t bytes);
int must_check space_protect(struct space *space, uintptr_t start, size_t bytes, unsigned prot);

enum space_remap_flags {
	SPACE_REMAP_MAYMOVE = 1,
	SPACE_REMAP_FIXED = 2,
	SPACE_REMAP_DONTUNMAP = 4
};
int must_check space_remap(struct space *space, uintptr_t old, size_t old_bytes, size_t new_bytes,
			   unsigned flags, uintptr_t new_hint, uintptr_t *out);

/** `advice` as Linux numbers it (MADV_*): DONTNEED and FREE really drop pages; hints succeed; unknown -EINVAL. */
int must_check space_advise(struct space *space, uintptr_t start, size_t bytes, int advice);

/** Sets the break (AREA "[heap]"); returns the break now in force, the old one where it cannot be moved. */
uintptr_t space_brk(struct space *space, uintptr_t end);

/** Resolves a fault, or says why not: -EFAULT no area or not grown to (SEGV_MAPERR), -EACCES rights (SEGV_ACCERR), -ENOMEM,
 * -EIO/-ENXIO beyond the object's end (SIGBUS). */
int must_check space_fault(struct space *space, uintptr_t address, enum user_access access);

/** What a shared area shows at `address`: the object, with a reference for the caller, and the page of it; NULL where the
 * memory is private. -EFAULT: no area, one that cannot be read, or anonymous memory that cannot change (futex(2)). */
int must_check space_shared_object(struct space *space, uintptr_t address,
				   struct vm_object **object, uint64_t *page);

/** Copies from kernel memory to a space that need not be current (program loading). -EFAULT, -ENOMEM, -EIO. */
int must_check space_write(struct space *space, uintptr_t dst, const void *src, size_t bytes);

/** 0 where every page of the range lies in an area; else -ENOMEM (msync, mlock, mincore). */
int must_check space_check(struct space *space, uintptr_t start, size_t bytes);

/** For /proc/self/statm, status and getrusage. */
struct space_stats {
	uint64_t mapped_bytes, resident_bytes, data_bytes, stack_bytes, exec_bytes;
};
struct space_stats space_stats(struct space *space);

/** Calls fn for each area in order, under the lock (for /proc/self/maps), so fn must not touch user memory. fn returns
 * false to stop. */
void space_each(struct space *space, bool (*fn)(void *context, const struct area *area),
		void *context);
