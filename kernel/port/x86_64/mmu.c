/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Four-level page tables (Intel SDM vol. 3, 4.5). A table's entry in its parent counts, in bits
 * that the CPU ignores, how many entries the table holds, so that a table is freed with its last
 * entry without a scan.
 *
 * The kernel's upper half is one set of tables that all user halves refer to from their top level;
 * a new top-level entry reaches them when they are activated. Context: <hal/memory.h>; the first
 * calls come identity mapped, so no static pointers before frames are set.
 */
#include "mmu.h"

#include "asm_defs.h"
#include "image.h"
#include "instructions.h"

#include <base/assert.h>
#include <base/errno.h>
#include <base/string.h>
#include <hal/memory.h>

enum {
	LEVELS = 4,
	INDEX_BITS = 9,
	ENTRIES = 1 << INDEX_BITS,
	KERNEL_FIRST = ENTRIES / 2, /* of the top level: the upper half */
	EARLY_FRAMES = 16,
};

static uint8_t early_frames[EARLY_FRAMES][PAGE_SIZE] aligned(4096)
	__attribute__((section(".noinit")));

static struct {
	const struct mmu_frames *frames; /* NULL: the early pool */
	unsigned early_used;
	bool no_exec, global, gib_pages;
	uint64_t physical_limit;    /* addresses stay below */
	unsigned kernel_generation; /* changes with the kernel's part of the top level */
	const struct mmu *active;
} mmu;

static bool in_image(uint64_t physical)
{
	uint64_t start = (uintptr_t)image_start - image_delta;

	return physical - start < (uintptr_t)image_end - (uintptr_t)image_start;
}

phys_t image_phys(const void *p)
{
	return phys((uintptr_t)p - image_delta);
}

/** A table by its physical address, wherever it came from. */
static uint64_t *table_at(uint64_t physical)
{
	if (in_image(physical))
		return (uint64_t *)(physical + image_delta);
	return phys_to_virt(phys(physical));
}

static uint64_t *table_below(uint64_t entry)
{
	return table_at(entry & PTE_FRAME);
}

static unsigned index_of(uintptr_t va, unsigned level)
{
	return va >> (PAGE_SHIFT + level * INDEX_BITS) & (ENTRIES - 1);
}

static uint64_t span_of(unsigned level)
{
	return (uint64_t)PAGE_SIZE << (level * INDEX_BITS);
}

void mmu_set_frames(const struct mmu_frames *frames)
{
	mmu.frames = frames;
}

static bool frame_get(uint64_t *out)
{
	phys_t frame;

	if (mmu.frames) {
		if (!mmu.frames->get(&frame))
			return false;
		*out = frame.raw;
	} else {
		if (mmu.early_used == EARLY_FRAMES)
			return false;
		*out = image_phys(early_frames[mmu.early_used++]).raw;
	}
	memset(table_at(*out), 0, PAGE_SIZE);
	return true;
}

static void frame_put(uint64_t physical)
{
	if (!in_image(physical))
		mmu.frames->put(phys(physical));
}

void mmu_start(void)
{
	uint32_t extended = cpuid_raw(0x80000000, 0).eax;
	uint32_t features = extended >= 0x80000001 ? cpuid_raw(0x80000001, 0).edx : 0;

	mmu.no_exec = features & BIT(20);
	mmu.gib_pages = features & BIT(26);
	mmu.global = cpuid_raw(1, 0).edx & BIT(13);
	mmu.physical_limit = (uint64_t)1 << 36; /* without the leaf: Intel SDM vol. 3, 4.1.4 */
	if (extended >= 0x80000008)
		mmu.physical_limit = (uint64_t)1 << min(cpuid_raw(0x80000008, 0).eax & 0xff, 46u);
	if (mmu.no_exec)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
}

void mmu_flush_all(void)
{
	uint64_t cr4 = read_cr4();

	if (mmu.global) {
		write_cr4(cr4 & ~(uint64_t)CR4_PGE);
		write_cr4(cr4 | CR4_PGE);
	} else {
		write_cr3(read_cr3());
	}
}

/** A leaf's bits. Accessed and dirty are set at once: nobody reads them, and the CPU then has
 * nothing to write. */
static uint64_t leaf_bits(unsigned flags)
{
	uint64_t bits = PTE_ACCESSED | PTE_DIRTY;

	bits |= flags & (MMU_READ | MMU_WRITE | MMU_EXEC) ? PTE_PRESENT : PTE_NONE;
	bits |= flags & MMU_WRITE ? PTE_WRITE : 0;
	bits |= flags & MMU_USER ? PTE_USER : 0;
	bits |= flags & MMU_UNCACHED ? PTE_UNCACHED | PTE_WRITE_THROUGH : 0;
	bits |= flags & MMU_BORROWED ? PTE_BORROWED : 0;
	if (!(flags & MMU_EXEC) && mmu.no_exec)
		bits |= PTE_NO_EXEC;
	if (!(flags & MMU_USER) && mmu.global)
		bits |= PTE_GLOBAL;
	return bits;
}

static unsigned leaf_flags(uint64_t entry)
{
	unsigned flags = entry & PTE_USER ? MMU_USER : 0;

	flags |= entry & PTE_BORROWED ? MMU_BORROWED : 0;
	if (!(entry & PTE_PRESENT))
		return flags;
	flags |= MMU_READ | (entry & PTE_WRITE ? MMU_WRITE : 0);
	flags |= entry & PTE_UNCACHED ? MMU_UNCACHED : 0;
	return flags | (entry & PTE_NO_EXEC ? 0 : MMU_EXEC);
}

/** The table below an entry, made if need be; the count in the parent's own entry is the caller's.
 * NULL: no frame. */
static uint64_t *descend(uint64_t *parent_entry, uint64_t *entry, uint64_t bits)
{
	uint64_t frame;

	if (!*entry) {
		if (!frame_get(&frame))
			return NULL;
		/* To have a frame, the allocator may have mapped more RAM, and so made this very
		 * table. */
		if (*entry) {
			frame_put(frame);
			return table_below(*entry);
		}
		*entry = frame | bits;
		if (parent_entry)
			*parent_entry += PTE_COUNT;
	}
	return table_below(*entry);
}

enum { LARGE_LEVEL = 1 };

/** The way down to one entry: path[level] is the entry at that level. */
struct walk {
	uint64_t *path[LEVELS];
	unsigned leaf; /* the level that next_mapped() found a page at */
};

static void count_up(struct walk *walk, unsigned level)
{
	if (level + 1 < LEVELS)
		*walk->path[level + 1] += PTE_COUNT;
}

/** Takes out the tables above an entry that has become empty, as far as they hold nothing else. */
static unsigned detach_upwards(struct walk *walk, unsigned level, unsigned top_kept,
			       uint64_t tables[LEVELS])
{
	unsigned count = 0;

	for (unsigned l = level + 1; l < LEVELS; l++) {
		uint64_t *entry = walk->path[l];

		*entry -= PTE_COUNT;
		if ((*entry & (ENTRIES * 2 - 1) * PTE_COUNT) || l >= top_kept)
			break;
		tables[count++] = *entry & PTE_FRAME;
		*entry = 0;
	}
	return count;
}

/** Clears a page's entry, whose way down `walk` has. The CPU forgets it, and tables that are empty
 * now, before their frames are anybody else's. */
static void clear_leaf(struct walk *walk, unsigned level, uintptr_t va, unsigned top_kept)
{
	uint64_t tables[LEVELS];
	unsigned count;

	*walk->path[level] = 0;
	count = detach_upwards(walk, level, top_kept, tables);
	invlpg(va);
	while (count)
		frame_put(tables[--count]);
}

/** Frees the tables on the way down to an entry at `level` that was never filled. */
static void drop_empty(struct walk *walk, unsigned level, unsigned top_kept)
{
	uint64_t tables[LEVELS];
	unsigned count;

	count_up(walk, level);
	count = detach_upwards(walk, level, top_kept, tables);
	while (count)
		frame_put(tables[--count]);
}

/** Down to `level`, making tables. Large pages on the way end it with -EEXIST; -ENOMEM. */
static int walk_make(uint64_t *top, uintptr_t va, unsigned level, uint64_t bits, struct walk *walk)
{
	uint64_t *table = top;
	uint64_t *parent = NULL;

	for (unsigned l = LEVELS - 1;; l--) {
		uint64_t *entry = &table[index_of(va, l)];

		walk->path[l] = entry;
		if (l == level)
			return 0;
		if (*entry & PTE_LARGE)
			return -EEXIST;
		table = descend(parent, entry, bits);
		if (!table) {
			/* What was made on the way holds nothing: it goes again. */
			drop_empty(walk, l, bits & PTE_USER ? LEVELS : LEVELS - 1);
			return -ENOMEM;
		}
		parent = entry;
	}
}

/** The leaf entry of a page, NULL where a table is missing. Fills `walk` from the top down to it, or as
 * far as there are tables: to walk->leaf. */
static uint64_t *walk_find(uint64_t *top, uintptr_t va, struct walk *walk)
{
	uint64_t *table = top;

	for (unsigned l = LEVELS - 1;; l--) {
		uint64_t *entry = &table[index_of(va, l)];

		walk->path[l] = entry;
		walk->leaf = l;
		if (l == 0)
			return entry;
		if (!*entry || (*entry & PTE_LARGE))
			return NULL;
		table = table_below(*entry);
	}
}

/* The kernel's half */

enum { TABLE_BITS = PTE_PRESENT | PTE_WRITE | PTE_ACCESSED };

static uint64_t *kernel_top(void)
{
	return table_at(image_phys(kernel_pml4).raw);
}

/** A new entry of the kernel's top level must also be seen by the user half that is active now. */
static void kernel_top_changed(uintptr_t va)
{
	unsigned index = index_of(va, LEVELS - 1);

	mmu.kernel_generation++;
	if (mmu.active)
		table_at(mmu.active->root.raw)[index] = kernel_top()[index];
}

/**
 * Maps up to `limit` pages of one size that follow each other, as far as one table reaches. Stops
 * before an entry in use; -EEXIST where that is the first. Returns how many were mapped.
 */
static int map_kernel_run(uintptr_t va, uint64_t physical, unsigned level, uint64_t limit,
			  uint64_t bits)
{
	uint64_t before = kernel_top()[index_of(va, LEVELS - 1)];
	uint64_t span = span_of(level);
	unsigned room = ENTRIES - index_of(va, level);
	struct walk walk;
	int error = walk_make(kernel_top(), va, level, TABLE_BITS, &walk);
	unsigned count = 0;

	if (!before && kernel_top()[index_of(va, LEVELS - 1)])
		kernel_top_changed(va);
	if (error)
		return error;
	room = limit < room ? (unsigned)limit : room;
	physical |= bits | (level ? PTE_LARGE : 0);
	for (uint64_t *entry = walk.path[level]; count < room && !entry[count]; count++) {
		entry[count] = physical;
		physical += span;
	}
	*walk.path[level + 1] += count * PTE_COUNT;
	return count ? (int)count : -EEXIST;
}

/** The highest level whose pages fit at `physical` with `bytes` left. */
static unsigned largest_level(uint64_t physical, uint64_t bytes)
{
	unsigned level = mmu.gib_pages ? 2 : 1;

	while (level > 0 && (!is_aligned(physical, span_of(level)) || bytes < span_of(level)))
		level--;
	return level;
}

/** How much the entry that maps `va` spans; it exists. */
static uint64_t span_mapped(uintptr_t va)
{
	const uint64_t *table = kernel_top();
	unsigned l = LEVELS - 1;

	for (;; l--) {
		uint64_t entry = table[index_of(va, l)];

		if (l == 0 || (entry & PTE_LARGE))
			return span_of(l);
		table = table_below(entry);
	}
}

/** Maps as much of [at, end) as one table and page size allows, or passes over what is there; how
 * far it came. */
static int64_t map_direct_step(uint64_t at, uint64_t end, uint64_t bits)
{
	unsigned level = largest_level(at, end - at);
	uintptr_t va = direct_map_base + at;
	int done = map_kernel_run(va, at, level, (end - at) / span_of(level), bits);

	/* Something finer is there already: smaller pieces fit around it. */
	while (done == -EEXIST && level > 0)
		done = map_kernel_run(va, at, --level, 1, bits);
	if (done == -EEXIST)
		return (int64_t)(span_mapped(va) - (at & (span_mapped(va) - 1)));
	return done < 0 ? done : (int64_t)((uint64_t)done * span_of(level));
}

int mmu_map_direct(phys_t start, uint64_t bytes, unsigned flags)
{
	uint64_t bits = leaf_bits(flags);
	uint64_t at = start.raw;
	uint64_t end = at + bytes;
	bool irqs_were_on;
	int64_t step = 0;

	if (!range_fits(at, bytes, mmu.physical_limit))
		return -EINVAL;
	/* An interrupt may want memory, and with it more of the direct map. */
	irqs_were_on = cpu_irq_disable();
	while (at < end && step >= 0) {
		step = map_direct_step(at, end, bits);
		at += step > 0 ? (uint64_t)step : 0;
	}
	if (irqs_were_on)
		cpu_irq_enable();
	return step < 0 ? (int)step : 0;
}

int mmu_map_kernel(uintptr_t va, phys_t start, size_t bytes, unsigned flags)
{
	uint64_t bits = leaf_bits(flags);
	size_t mapped = 0;

	while (mapped < bytes) {
		int done = map_kernel_run(va + mapped, start.raw + mapped, 0,
					  (bytes - mapped) >> PAGE_SHIFT, bits);

		if (done < 0) {
			mmu_unmap_kernel(va, mapped);
			return done;
		}
		mapped += (size_t)done << PAGE_SHIFT;
	}
	return 0;
}

void mmu_unmap_kernel(uintptr_t va, size_t bytes)
{
	for (size_t done = 0; done < bytes; done += PAGE_SIZE) {
		struct walk walk;
		uint64_t *entry = walk_find(kernel_top(), va + done, &walk);

		if (!entry || !*entry)
			continue;
		clear_leaf(&walk, 0, va + done, LEVELS - 1);
	}
}

/* User halves */

enum { USER_TABLE_BITS = TABLE_BITS | PTE_USER };

static uint64_t *user_top(const struct mmu *user)
{
	return table_at(user->root.raw);
}

static void copy_kernel_half(struct mmu *user)
{
	memcpy(user_top(user) + KERNEL_FIRST, kernel_top() + KERNEL_FIRST,
	       KERNEL_FIRST * sizeof(uint64_t));
	user->kernel_generation = mmu.kernel_generation;
}

int mmu_create(struct mmu *user)
{
	uint64_t frame;

	if (!frame_get(&frame))
		return -ENOMEM;
	user->root = phys(frame);
	copy_kernel_half(user);
	return 0;
}

void mmu_destroy(struct mmu *user)
{
	const uint64_t *top = user_top(user);

	assert(mmu.active != user);
	for (unsigned i = 0; i < KERNEL_FIRST; i++)
		assert(!top[i]);
	frame_put(user->root.raw);
}

void mmu_activate(struct mmu *user)
{
	if (mmu.active == user)
		return;
	mmu.active = user;
	if (user && user->kernel_generation != mmu.kernel_generation)
		copy_kernel_half(user);
	write_cr3(user ? user->root.raw : image_phys(kernel_pml4).raw);
}

static void flush_page(const struct mmu *user, uintptr_t va)
{
	if (mmu.active == user)
		invlpg(va);
}

int mmu_map(struct mmu *user, uintptr_t va, phys_t frame, unsigned flags)
{
	struct walk walk;
	int error = walk_make(user_top(user), va, 0, USER_TABLE_BITS, &walk);
	uint64_t old;

	assert(error != -EEXIST);
	if (error)
		return error;
	old = *walk.path[0];
	*walk.path[0] = frame.raw | leaf_bits(flags | MMU_USER);
	if (old)
		flush_page(user, va);
	else
		count_up(&walk, 0);
	return 0;
}

size_t mmu_map_run(struct mmu *user, uintptr_t va, phys_t frame, size_t count, unsigned flags)
{
	uint64_t bits = leaf_bits(flags | MMU_USER);
	size_t mapped = 0;
	struct walk walk;
	uint64_t *entry = walk_find(user_top(user), va, &walk);

	if (!entry)
		return 0;
	count = min(count, (size_t)(ENTRIES - index_of(va, 0)));
	for (size_t i = 0; i < count; i++) {
		if (entry[i])
			continue;
		entry[i] = (frame.raw + i * PAGE_SIZE) | bits;
		mapped++;
	}
	*walk.path[1] += mapped * PTE_COUNT;
	return mapped;
}

int mmu_map_large(struct mmu *user, uintptr_t va, phys_t frame, unsigned flags)
{
	struct walk walk;
	int error = walk_make(user_top(user), va, LARGE_LEVEL, USER_TABLE_BITS, &walk);

	if (error)
		return error;
	if (*walk.path[LARGE_LEVEL])
		return -EEXIST;
	*walk.path[LARGE_LEVEL] = frame.raw | leaf_bits(flags | MMU_USER) | PTE_LARGE;
	count_up(&walk, LARGE_LEVEL);
	return 0;
}

/** The entry of the page at `va`, large or not; NULL where a table is missing. */
static const uint64_t *find_leaf(const struct mmu *user, uintptr_t va, bool *large)
{
	struct walk walk;
	const uint64_t *entry = walk_find(user_top(user), va, &walk);

	*large = !entry && walk.leaf == LARGE_LEVEL && *walk.path[LARGE_LEVEL] & PTE_LARGE;
	return *large ? walk.path[LARGE_LEVEL] : entry;
}

unsigned mmu_lookup(const struct mmu *user, uintptr_t va, phys_t *frame)
{
	bool large;
	const uint64_t *entry = find_leaf(user, va, &large);

	if (!entry || !*entry)
		return 0;
	*frame = phys(*entry & PTE_FRAME);
	if (!large)
		return leaf_flags(*entry);
	*frame = phys_add(*frame, align_down(va & (MMU_LARGE_BYTES - 1), PAGE_SIZE));
	return leaf_flags(*entry) | MMU_LARGE;
}

void mmu_split(struct mmu *user, uintptr_t va, phys_t table)
{
	bool large;
	uint64_t *entry = (uint64_t *)find_leaf(user, va, &large);
	uint64_t *small = table_at(table.raw);
	uint64_t first;

	assert(large);
	first = (*entry & PTE_FRAME) | leaf_bits(leaf_flags(*entry));
	for (unsigned i = 0; i < ENTRIES; i++)
		small[i] = first + i * PAGE_SIZE;
	*entry = (table.raw | USER_TABLE_BITS) + ENTRIES * PTE_COUNT;
	flush_page(user, va);
}

/** The next page at or after `va` that may be mapped: skips what missing tables span. */
static uintptr_t next_mapped(uint64_t *top, uintptr_t va, uintptr_t end, struct walk *walk)
{
	while (va < end) {
		uint64_t *table = top;
		unsigned l = LEVELS - 1;

		for (; l; l--) {
			walk->path[l] = &table[index_of(va, l)];
			if (!*walk->path[l] || *walk->path[l] & PTE_LARGE)
				break;
			table = table_below(*walk->path[l]);
		}
		walk->leaf = l;
		if (l && *walk->path[l])
			return va;
		if (l) {
			va = align_down(va, span_of(l)) + span_of(l);
			continue;
		}
		/* Within a table without walking again. */
		for (unsigned i = index_of(va, 0); i < ENTRIES && va < end; i++, va += PAGE_SIZE) {
			walk->path[0] = &table[i];
			if (table[i])
				return va;
		}
	}
	return end;
}

uintptr_t mmu_next(const struct mmu *user, uintptr_t va, uintptr_t end)
{
	struct walk walk;

	return next_mapped(user_top(user), va, end, &walk);
}

/** The page that next_mapped() found lies wholly within the range. */
static void check_span(const struct walk *walk, uintptr_t va, uintptr_t end)
{
	uint64_t span = span_of(walk->leaf);

	assert(is_aligned(va, span) && end - va >= span);
}

void mmu_unmap(struct mmu *user, uintptr_t start, uintptr_t end, mmu_unmapped_fn *fn, void *context)
{
	uint64_t *top = user_top(user);
	struct walk walk;

	for (uintptr_t va = next_mapped(top, start, end, &walk); va < end;
	     va = next_mapped(top, va + span_of(walk.leaf), end, &walk)) {
		uint64_t entry = *walk.path[walk.leaf];

		check_span(&walk, va, end);
		clear_leaf(&walk, walk.leaf, va, LEVELS);
		if (fn)
			fn(context, va, phys(entry & PTE_FRAME),
			   leaf_flags(entry) | (walk.leaf ? MMU_LARGE : 0));
	}
}

void mmu_protect(struct mmu *user, uintptr_t start, uintptr_t end, unsigned flags)
{
	uint64_t *top = user_top(user);
	struct walk walk;

	for (uintptr_t va = next_mapped(top, start, end, &walk); va < end;
	     va = next_mapped(top, va + span_of(walk.leaf), end, &walk)) {
		uint64_t entry = *walk.path[walk.leaf];
		unsigned kept = leaf_flags(entry) & ~(MMU_READ | MMU_WRITE | MMU_EXEC);
		unsigned rights = flags & (MMU_READ | MMU_EXEC);

		check_span(&walk, va, end);
		if (entry & PTE_WRITE)
			rights |= flags & MMU_WRITE;
		*walk.path[walk.leaf] = (entry & PTE_FRAME) | leaf_bits(kept | rights) |
					(walk.leaf ? PTE_LARGE : 0);
		flush_page(user, va);
	}
}
