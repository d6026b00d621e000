/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the address space share. All are called with the space's lock held. */
#pragma once

#include <base/compiler.h>
#include <mm/space.h>

enum {
	AREAS_MAX = 65530, /* vm.max_map_count of Linux */
	STACK_GAP_PAGES = 256,
};

/* What of the flags an area keeps. */
enum {
	AREA_KEPT = AREA_SHARED | AREA_STACK | AREA_NO_RESERVE | AREA_LOCKED_LAYOUT |
		    AREA_DONT_FORK | AREA_WIPE_ON_FORK | AREA_LARGE | AREA_SMALL,
};

static inline size_t area_bytes(const struct area *area)
{
	return area->end - area->start;
}

static inline uint64_t area_page(const struct area *area, uintptr_t va)
{
	return area->object_page + ((va - area->start) >> PAGE_SHIFT);
}

/** The first area that ends above `va`; NULL: none. */
struct area *area_find(const struct space *space, uintptr_t va);
struct area *area_next(const struct area *area);
struct area *area_prev(const struct area *area);

/** Where others may begin to lie below: a stack keeps a gap. */
uintptr_t area_start_with_gap(const struct area *area);

/** Links an area whose place is free, joins it with its neighbours where they are alike, and returns the area it is now part of. */
struct area *area_insert(struct space *space, struct area *area);

/** Undoes area_insert(), but for the joining. */
void area_unlink(struct space *space, struct area *area);

/** Joins an area with its neighbours where they are alike; returns the area it is now part of. */
struct area *area_join(struct space *space, struct area *area);

/** Makes `at` a border between areas, where it lies inside one. -ENOMEM. */
int must_check area_split(struct space *space, uintptr_t at);

/** Takes a reference unless the last one is gone already. */
bool space_get_alive(struct space *space);

/** A copy of an area, not linked, with a reference to its object; NULL: no memory. area_free() undoes it. */
struct area *area_copy(const struct area *area);
void area_free(struct area *area);

/** Counts `bytes` more, or fewer, of memory with an area's kind. */
void area_account(struct space *space, const struct area *area, int64_t bytes);

/** Whether `bytes` more of such an area are within the limits of the space and of the machine. */
bool space_may_grow(const struct space *space, const struct area *like, size_t bytes);

/** The same for `bytes` that are mapped already, and become such an area. */
bool space_may_become(const struct space *space, const struct area *like, size_t bytes);

/** Unmaps [start, end), page aligned. -ENOMEM: an area could not be split; then nothing is unmapped. */
int must_check space_unmap_range(struct space *space, uintptr_t start, uintptr_t end);

/** Drops the pages of [start, end); areas stay. */
void space_drop_pages(struct space *space, uintptr_t start, uintptr_t end);

/** A free place for `bytes` at the hint or where there is one; 0: none. `flags` of enum area_flags. */
uintptr_t space_find_place(struct space *space, uintptr_t hint, size_t bytes, unsigned flags);

/** Rights for the page tables: the CPU can refuse writing and executing alone. */
unsigned space_mmu_rights(unsigned prot);

/** A large page of zeros at `va` of an anonymous area, where one is worth while. False: a small one must do. */
bool space_map_large(struct space *space, const struct area *area, uintptr_t va);

/** Makes the large page that `va` lies within, but not at its start, small ones. */
void space_split_at(struct space *space, uintptr_t va);

/** The same with all large pages of a range. */
void space_split_range(struct space *space, uintptr_t start, uintptr_t end);

/** Gives a large page back that is mapped no more. */
void space_put_large(struct space *space, phys_t frame);

/** space_fault() under the lock. */
int must_check space_fault_locked(struct space *space, uintptr_t address, enum user_access access);

/** Faults in [start, end) as far as it goes. */
int space_populate(struct space *space, uintptr_t start, uintptr_t end, enum user_access access);

/** A new object of zero pages, for shared anonymous memory, with one reference; NULL: no memory. */
struct vm_object *shared_object_create(void);
