/* SPDX-License-Identifier: BSD-3-Clause */
/* /proc/self: what is about the process's memory (proc(5)): maps, smaps, statm, and what lies in it. */
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <fs/path.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include "proc.h"

typedef unsigned long long ull;
enum { MAPS_NAME_COLUMN = 73 };

static struct process *me(void)
{
	return process_current();
}

/* --- areas --- */

static int print_area(struct procfs_buffer *b, const struct area *area)
{
	uint64_t device = 0, inode = 0;
	char line[128];
	const struct vm_object_ops *ops = area->object ? area->object->ops : NULL;

	if (ops && ops->identity)
		ops->identity(area->object, &device, &inode);
	int n = format(line, sizeof(line), "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
		       (ull)area->start, (ull)area->end, area->prot & SPACE_READ ? 'r' : '-',
		       area->prot & SPACE_WRITE ? 'w' : '-', area->prot & SPACE_EXEC ? 'x' : '-',
		       area->flags & AREA_SHARED ? 's' : 'p',
		       ops ? (ull)(area->object_page << PAGE_SHIFT) : 0,
		       (unsigned)(device >> 8 & 0xfff), (unsigned)(device & 0xff), (ull)inode);
	char *name = NULL;
	if (!area->label && ops && ops->name) {
		name = mem_alloc(PATH_MAX);
		if (!name)
			return -ENOMEM;
		name[0] = 0;
		ops->name(area->object, name, PATH_MAX);
	}
	const char *label = area->label ? area->label : name ? name : "";
	int pad = *label && n < MAPS_NAME_COLUMN ? MAPS_NAME_COLUMN - n : 0;
	int err = procfs_print(b, "%s%*s%s\n", line, pad, "", label);
	mem_free(name);
	return err;
}

/* What of an area is in memory. A page that others show as well counts as shared, and in parts. */
struct usage {
	uint64_t bytes, resident, proportional, shared_clean, shared_dirty, private_clean,
		private_dirty, anonymous, large;
};

static void count_page(struct usage *u, phys_t frame, unsigned flags)
{
	bool borrowed = flags & MMU_BORROWED, large = flags & MMU_LARGE;
	uint32_t refs = borrowed || large
				? 1
				: __atomic_load_n(&page_of(frame)->refs, __ATOMIC_RELAXED);

	u->resident += PAGE_SIZE;
	u->proportional += PAGE_SIZE / max(refs, 1u);
	if (borrowed) /* the image's own: clean, and nobody else's */
		u->private_clean += PAGE_SIZE;
	else if (refs > 1)
		*(flags & MMU_WRITE ? &u->shared_dirty : &u->shared_clean) += PAGE_SIZE;
	else
		u->private_dirty += PAGE_SIZE;
	if (!borrowed && refs == 1)
		u->anonymous += PAGE_SIZE;
	u->large += large ? PAGE_SIZE : 0;
}

static void add_usage(struct usage *sum, const struct mmu *mmu, const struct area *area)
{
	phys_t frame = phys(0);

	sum->bytes += area->end - area->start;
	for (uintptr_t va = mmu_next(mmu, area->start, area->end); va < area->end;
	     va = mmu_next(mmu, va + PAGE_SIZE, area->end)) {
		unsigned flags = mmu_lookup(mmu, va, &frame);

		count_page(sum, frame, flags);
	}
}

static int print_usage(struct procfs_buffer *b, const struct usage *u)
{
	return procfs_print(
		b,
		"Rss:            %8llu kB\nPss:            %8llu kB\nPss_Dirty:      %8llu kB\n"
		"Shared_Clean:   %8llu kB\nShared_Dirty:   %8llu kB\n"
		"Private_Clean:  %8llu kB\nPrivate_Dirty:  %8llu kB\n"
		"Referenced:     %8llu kB\nAnonymous:      %8llu kB\n"
		"LazyFree:              0 kB\nAnonHugePages:  %8llu kB\n"
		"ShmemPmdMapped:        0 kB\nFilePmdMapped:         0 kB\n"
		"Shared_Hugetlb:        0 kB\nPrivate_Hugetlb:       0 kB\n"
		"Swap:                  0 kB\nSwapPss:               0 kB\n"
		"Locked:                0 kB\n",
		(ull)(u->resident >> 10), (ull)(u->proportional >> 10),
		(ull)((u->private_dirty + u->shared_dirty) >> 10), (ull)(u->shared_clean >> 10),
		(ull)(u->shared_dirty >> 10), (ull)(u->private_clean >> 10),
		(ull)(u->private_dirty >> 10), (ull)(u->resident >> 10), (ull)(u->anonymous >> 10),
		(ull)(u->large >> 10));
}

/* The letters of proc(5), "VmFlags". */
static int print_flags(struct procfs_buffer *b, const struct area *area)
{
	return procfs_print(
		b, "VmFlags:%s%s%s%s mr%s%s%s%s%s sd \n", area->prot & SPACE_READ ? " rd" : "",
		area->prot & SPACE_WRITE ? " wr" : "", area->prot & SPACE_EXEC ? " ex" : "",
		area->flags & AREA_SHARED ? " sh" : "", area->max_prot & SPACE_WRITE ? " mw" : "",
		area->max_prot & SPACE_EXEC ? " me" : "", area->flags & AREA_STACK ? " gd" : "",
		area->flags & AREA_NO_RESERVE ? " nr" : "",
		area->flags & AREA_DONT_FORK ? " dc" : "");
}

struct maps_walk {
	struct procfs_buffer *buffer;
	const struct mmu *mmu;
	struct usage sum;
	uintptr_t start, end;
	int err;
};

static bool show_area(void *context, const struct area *area)
{
	struct maps_walk *walk = context;

	walk->err = print_area(walk->buffer, area);
	return walk->err >= 0;
}

static bool show_area_usage(void *context, const struct area *area)
{
	struct maps_walk *walk = context;
	struct usage usage = { 0 };

	walk->err = print_area(walk->buffer, area);
	add_usage(&usage, walk->mmu, area);
	if (walk->err >= 0)
		walk->err = procfs_print(walk->buffer,
					 "Size:           %8llu kB\nKernelPageSize:        4 kB\n"
					 "MMUPageSize:           4 kB\n",
					 (ull)(usage.bytes >> 10));
	if (walk->err >= 0)
		walk->err = print_usage(walk->buffer, &usage);
	if (walk->err >= 0)
		walk->err = procfs_print(walk->buffer, "THPeligible:           0\n");
	if (walk->err >= 0)
		walk->err = print_flags(walk->buffer, area);
	return walk->err >= 0;
}

static bool sum_area(void *context, const struct area *area)
{
	struct maps_walk *walk = context;

	if (!walk->start)
		walk->start = area->start;
	walk->end = area->end;
	add_usage(&walk->sum, walk->mmu, area);
	return true;
}

static int each_area(struct procfs_buffer *b, bool (*fn)(void *context, const struct area *area))
{
	struct maps_walk walk = { .buffer = b, .mmu = &me()->space->mmu };

	space_each(me()->space, fn, &walk);
	return walk.err < 0 ? walk.err : 0;
}

static int show_maps(struct procfs_buffer *b)
{
	return each_area(b, show_area);
}

static int show_smaps(struct procfs_buffer *b)
{
	return each_area(b, show_area_usage);
}

static int show_rollup(struct procfs_buffer *b)
{
	struct maps_walk walk = { .buffer = b, .mmu = &me()->space->mmu };

	space_each(me()->space, sum_area, &walk);
	int err = procfs_print(b, "%08llx-%08llx ---p 00000000 00:00 0%*s[rollup]\n",
			       (ull)walk.start, (ull)walk.end, 26, "");
	return err < 0 ? err : print_usage(b, &walk.sum);
}

static int show_statm(struct procfs_buffer *b)
{
	struct space_stats s = space_stats(me()->space);

	return procfs_print(b, "%llu %llu 0 %llu 0 %llu 0\n", (ull)(s.mapped_bytes >> PAGE_SHIFT),
			    (ull)(s.resident_bytes >> PAGE_SHIFT),
			    (ull)(s.exec_bytes >> PAGE_SHIFT),
			    (ull)((s.data_bytes + s.stack_bytes) >> PAGE_SHIFT));
}

/* --- what lies in it --- */

static int show_memory(struct procfs_buffer *b, uintptr_t start, uintptr_t end)
{
	char chunk[64];

	while (start < end) {
		size_t n = min(sizeof(chunk), end - start);

		if (user_read(chunk, start, n))
			return 0; /* the program has unmapped it: nothing to show */
		for (size_t i = 0; i < n; i++) {
			int err = procfs_print(b, "%c", chunk[i]);

			if (err < 0)
				return err;
		}
		start += n;
	}
	return 0;
}

static int show_cmdline(struct procfs_buffer *b)
{
	return show_memory(b, me()->layout.args_start, me()->layout.args_end);
}

static int show_environ(struct procfs_buffer *b)
{
	return show_memory(b, me()->layout.env_start, me()->layout.env_end);
}

static int show_auxv(struct procfs_buffer *b)
{
	return show_memory(b, me()->layout.auxv_start, me()->layout.auxv_end);
}

/* A process's memory is its tasks' as well. */
#define BOTH(name, fn)                                                           \
	{ .path = "self/" name, .show = fn },                                    \
	{                                                                        \
		.path = "self/task/*/" name, .show = fn, .next = proc_next_task, \
	}

static const struct procfs_entry entries[] = {
	BOTH("maps", show_maps),       BOTH("smaps", show_smaps),
	BOTH("statm", show_statm),     BOTH("smaps_rollup", show_rollup),
	BOTH("cmdline", show_cmdline), BOTH("environ", show_environ),
	BOTH("auxv", show_auxv),
};

int proc_register_memory(void)
{
	return procfs_add(entries, countof(entries));
}
