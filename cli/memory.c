/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's memory. */
#include "memory.h"

#include "report.h"

#include <base/bits.h>

#include <errno.h>

/* The first MiB, and what the kernel and a program take at their start besides what is counted. */
#define MEMORY_FIXED_BYTES ((uint64_t)1664 << 10)
/* It has to lie below 4 GiB, where a machine has 3 GiB of memory, or 2 (q35). */
#define IMAGE_BYTES_MAX ((uint64_t)1900 << 20)

int memory_check(const struct options *o, const struct program *p, uint64_t kernel_bytes,
		 uint64_t image_bytes)
{
	uint64_t needed;

	if (image_bytes > IMAGE_BYTES_MAX) {
		report("%s: its root directory of %llu MiB is too large to be kept in memory (see "
		       "--root-on-disk)",
		       o->args[0], (unsigned long long)(image_bytes >> 20));
		return -EFBIG;
	}
	if (add_overflows(p->writable_bytes, image_bytes, &needed) ||
	    add_overflows(needed, kernel_bytes + MEMORY_FIXED_BYTES, &needed))
		needed = UINT64_MAX;
	if (needed <= o->memory_bytes)
		return 0;
	report("%s: needs at least %llu MiB of memory, and the machine has %llu MiB (see -m)",
	       options_have_program(o) ? o->args[0] : "the kernel alone",
	       (unsigned long long)(needed / BIT64(20) + !!(needed % BIT64(20))),
	       (unsigned long long)(o->memory_bytes >> 20));
	return -ENOMEM;
}

void memory_choose(struct options *o, uint64_t image_bytes)
{
	if (o->memory_bytes)
		return;
	o->memory_bytes = MEMORY_DEFAULT;
	if (image_bytes > MEMORY_DEFAULT / 8)
		o->memory_bytes += align_up(image_bytes, BIT64(20));
}
