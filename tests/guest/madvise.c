/* SPDX-License-Identifier: BSD-3-Clause */
/* madvise: DONTNEED really drops pages, hints succeed, what is unknown is EINVAL. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)

static void check_anonymous(void)
{
	char *map = mmap(NULL, 8 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(map, 3, 8 * PAGE);
	CHECK_EQ(madvise(map + 2 * PAGE, 3 * PAGE, MADV_DONTNEED), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(map[i * PAGE + 17], i >= 2 && i < 5 ? 0 : 3);
	map[2 * PAGE] = 1;
	CHECK_EQ(map[2 * PAGE], 1);
	CHECK_EQ(mprotect(map, PAGE, PROT_NONE), 0);
	CHECK_EQ(madvise(map, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(mprotect(map, PAGE, RW), 0);
	CHECK_EQ(map[0], 0);
	CHECK_EQ(madvise(map, 8 * PAGE, MADV_FREE), 0);
	map[0] = 4;
	CHECK_EQ(map[0], 4);
	munmap(map, 8 * PAGE);
}

static void check_file(void)
{
	int fd = open("data/big.bin", O_RDONLY);
	REQUIRE(fd >= 0);
	char *map = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	REQUIRE(map != MAP_FAILED);
	char first = map[0];
	map[0] = (char)(first + 1);
	CHECK_EQ(madvise(map, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(map[0], first); /* the file's again */
	CHECK_EQ(madvise(map, PAGE, MADV_WILLNEED), 0);
	munmap(map, 2 * PAGE);
	close(fd);
}

static void check_shared(void)
{
	char *map = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	map[0] = 5;
	CHECK_EQ(madvise(map, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(map[0], 5); /* shared memory keeps its contents */
	munmap(map, 2 * PAGE);
}

static void check_hints_and_errors(void)
{
	static const int hints[] = { MADV_NORMAL,   MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
				     MADV_DONTFORK, MADV_DOFORK, MADV_DONTDUMP,   MADV_DODUMP };
	char *map = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	map[0] = 1;
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
		CHECK_EQ(madvise(map, 4 * PAGE, hints[i]), 0);
	CHECK_EQ(map[0], 1);
	CHECK_ERROR(madvise(map, PAGE, 9999), EINVAL);
	CHECK_ERROR(madvise(map + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_EQ(madvise(map, 0, MADV_DONTNEED), 0);
	CHECK_EQ(map[0], 1);
	munmap(map + PAGE, PAGE);
	CHECK_ERROR(madvise(map, 4 * PAGE, MADV_DONTNEED), ENOMEM); /* but the rest is done */
	CHECK_EQ(map[0], 0);
	CHECK_EQ(mlock(map, PAGE), 0);
	CHECK_EQ(munlock(map, PAGE), 0);
	CHECK_ERROR(mlock(map + PAGE, PAGE), ENOMEM);
	munmap(map, 4 * PAGE);
}

int main(void)
{
	check_anonymous();
	check_file();
	check_shared();
	check_hints_and_errors();
	return check_done("madvise");
}
