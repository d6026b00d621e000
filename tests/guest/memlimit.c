/* SPDX-License-Identifier: BSD-3-Clause */
/* With a small RLIMIT_AS, malloc and mmap fail with ENOMEM, and what was there stays usable. */
#include "check.h"

#include <sys/mman.h>
#include <sys/resource.h>

#define MIB ((size_t)1 << 20)

int main(void)
{
	struct rlimit limit;
	CHECK_EQ(getrlimit(RLIMIT_AS, &limit), 0);
	CHECK(limit.rlim_cur == RLIM_INFINITY);
	limit.rlim_cur = 40 * MIB;
	CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
	static char *blocks[256];
	int count = 0;
	while (count < 256 && (blocks[count] = malloc(MIB)) != NULL) {
		memset(blocks[count], count, MIB);
		count++;
	}
	CHECK(count >= 20 && count < 40);
	CHECK_EQ(errno, ENOMEM);
	CHECK(mmap(NULL, 40 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
	      errno == ENOMEM);
	unsigned wrong = 0;
	for (int i = 0; i < count; i++)
		wrong += blocks[i][0] != (char)i || blocks[i][MIB - 1] != (char)i;
	CHECK_EQ(wrong, 0);
	for (int i = 0; i < count; i++)
		free(blocks[i]);
	char *again = malloc(10 * MIB);
	CHECK(again != NULL);
	free(again);
	limit.rlim_cur = RLIM_INFINITY;
	CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
	again = mmap(NULL, 100 * MIB, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(again != MAP_FAILED);
	return check_done("memlimit");
}
