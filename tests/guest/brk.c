/* SPDX-License-Identifier: BSD-3-Clause */
/* The program break: grows zeroed, shrinks, refuses to meet what is mapped. */
#include "check.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static uintptr_t set_break(uintptr_t to)
{
	return (uintptr_t)syscall(SYS_brk, to);
}

int main(void)
{
	uintptr_t start = set_break(0);
	CHECK(start != 0);
	uintptr_t base = (start + 4095) & ~(uintptr_t)4095;
	CHECK_EQ(set_break(base + 100000) - base, 100000);
	char *heap = (char *)base;
	unsigned wrong = 0;
	for (int i = 0; i < 100000; i++)
		wrong += heap[i] != 0;
	CHECK_EQ(wrong, 0);
	memset(heap, 6, 100000);
	CHECK_EQ(set_break(base + 4096) - base, 4096);
	CHECK_EQ(heap[4095], 6);
	CHECK_EQ(set_break(base + 100000) - base, 100000);
	CHECK_EQ(heap[4096 * 2], 0); /* what was given back comes back zeroed */
	CHECK_EQ(heap[0], 6);
	CHECK_EQ(set_break(4096) - base, 100000);               /* below the start: as it was */
	CHECK_EQ(set_break((uintptr_t)1 << 46) - base, 100000); /* absurd: as it was */
	void *wall = mmap((void *)(base + 4096 * 100), 4096, PROT_READ,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(wall != MAP_FAILED);
	CHECK_EQ(set_break(base + 4096 * 200) - base, 100000); /* something in the way */
	munmap(wall, 4096);
	CHECK_EQ(set_break(base + 4096 * 200) - base, 4096 * 200);
	heap[4096 * 199] = 1;
	struct rlimit limit;
	getrlimit(RLIMIT_DATA, &limit);
	limit.rlim_cur = 4096 * 400;
	CHECK_EQ(setrlimit(RLIMIT_DATA, &limit), 0);
	CHECK_EQ(set_break(base + ((uintptr_t)64 << 20)) - base, 4096 * 200);
	CHECK_EQ(set_break(start) - start, 0);
	return check_done("brk");
}
