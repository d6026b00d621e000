/* SPDX-License-Identifier: BSD-3-Clause */
/* Big anonymous areas, where large pages may be used: whatever is done to parts of them, each page keeps what it had. */
#include "check.h"
#include "random.h"

#include <sys/mman.h>

enum { PAGE = 4096, PAGES = 4096, LARGE = 2 << 20 }; /* 16 MiB */

static char *area;
static unsigned expected[PAGES];   /* the first word of each page */
static unsigned char state[PAGES]; /* PROT_ of each; 0xff: not mapped */

static unsigned *word(unsigned page)
{
	return (unsigned *)(area + (size_t)page * PAGE);
}

static void check_all(const char *when)
{
	for (unsigned i = 0; i < PAGES; i++) {
		if (state[i] == 0xff || !(state[i] & PROT_READ) || *word(i) == expected[i])
			continue;
		printf("page %u has %u, not %u, after %s\n", i, *word(i), expected[i], when);
		exit(1);
	}
}

static void write_some(unsigned from, unsigned count, unsigned value)
{
	for (unsigned i = from; i < from + count; i++) {
		if (state[i] != (PROT_READ | PROT_WRITE))
			continue;
		*word(i) = expected[i] = value;
	}
}

static void map_again(unsigned from, unsigned count)
{
	CHECK(mmap(word(from), (size_t)count * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == word(from));
	for (unsigned i = from; i < from + count; i++) {
		expected[i] = 0;
		state[i] = PROT_READ | PROT_WRITE;
	}
}

static void protect(unsigned from, unsigned count, int prot)
{
	if (mprotect(word(from), (size_t)count * PAGE, prot))
		return; /* a hole: the part before it has changed */
	for (unsigned i = from; i < from + count; i++)
		state[i] = (unsigned char)prot;
}

static bool whole(unsigned from, unsigned count)
{
	for (unsigned i = from; i < from + count; i++)
		if (state[i] == 0xff)
			return false;
	return true;
}

static void step(unsigned seed)
{
	unsigned from = random_below(PAGES), count = 1 + random_below(700);
	size_t bytes;

	count = count < PAGES - from ? count : PAGES - from;
	bytes = (size_t)count * PAGE;
	switch (random_below(8)) {
	case 0:
		CHECK_EQ(munmap(word(from), bytes), 0);
		memset(state + from, 0xff, count);
		break;
	case 1:
		map_again(from, count);
		break;
	case 2:
		if (whole(from, count))
			protect(from, count, PROT_READ);
		break;
	case 3:
		if (whole(from, count))
			protect(from, count, PROT_READ | PROT_WRITE);
		break;
	case 4:
		if (!whole(from, count))
			break;
		CHECK_EQ(madvise(word(from), bytes, MADV_DONTNEED), 0);
		memset(expected + from, 0, count * sizeof *expected);
		break;
	case 5: /* away and back */
		if (!whole(from, count))
			break;
		protect(from, count, PROT_READ | PROT_WRITE);
		char *away = mremap(word(from), bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
				    area + (size_t)2 * PAGES * PAGE);
		if (away == MAP_FAILED) /* several areas */
			break;
		CHECK(away == area + (size_t)2 * PAGES * PAGE);
		CHECK(mremap(away, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, word(from)) ==
		      word(from));
		break;
	default:
		write_some(from, count, seed);
	}
}

int main(int argc, char **argv)
{
	unsigned seed = argc > 1 ? (unsigned)atoi(argv[1]) : 1;

	area = mmap(NULL, (size_t)4 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(area != MAP_FAILED);
	area = (char *)(((uintptr_t)area + LARGE - 1) & ~(uintptr_t)(LARGE - 1));
	map_again(0, PAGES);
	madvise(area, (size_t)PAGES * PAGE / 2, MADV_HUGEPAGE); /* the other half, as it comes */
	random_seed(seed);
	for (unsigned i = 0; i < PAGES; i++)
		*word(i) = expected[i] = i;
	check_all("filling");
	for (unsigned i = 1; i <= 300; i++) {
		step(i * 10000);
		check_all("a step");
	}
	munmap(area, (size_t)PAGES * PAGE);
	return check_done("largepages");
}
