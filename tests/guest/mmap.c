/* SPDX-License-Identifier: BSD-3-Clause */
/* Anonymous mappings: zeroed, placed where asked, refused where Linux refuses, given back by munmap in parts. */
#include "check.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PAGE 4096ul
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

static bool is_mapped(const void *page)
{
	unsigned char vector;
	return mincore((void *)(uintptr_t)page, PAGE, &vector) == 0;
}

static void check_zeroed(void)
{
	char *map = mmap(NULL, 100 * PAGE, RW, ANON, -1, 0);
	REQUIRE(map != MAP_FAILED);
	CHECK_EQ((uintptr_t)map % PAGE, 0);
	unsigned wrong = 0;
	for (size_t i = 0; i < 100 * PAGE; i++)
		wrong += map[i] != 0;
	CHECK_EQ(wrong, 0);
	memset(map, 0xff, 100 * PAGE);
	CHECK_EQ(munmap(map, 100 * PAGE), 0);
	CHECK(!is_mapped(map));
	map = mmap(NULL, 100 * PAGE, RW, ANON, -1, 0);
	for (size_t i = 0; i < 100 * PAGE; i++)
		wrong += map[i] != 0;
	CHECK_EQ(wrong, 0); /* pages given out again carry nothing over */
	CHECK_EQ(munmap(map, 100 * PAGE), 0);
}

static void check_partial_unmap(void)
{
	char *map = mmap(NULL, 9 * PAGE, RW, ANON, -1, 0);
	memset(map, 7, 9 * PAGE);
	CHECK_EQ(munmap(map + 3 * PAGE, 3 * PAGE), 0);
	CHECK(is_mapped(map + 2 * PAGE));
	CHECK(!is_mapped(map + 3 * PAGE));
	CHECK(!is_mapped(map + 5 * PAGE));
	CHECK(is_mapped(map + 6 * PAGE));
	CHECK(map[3 * PAGE - 1] == 7 && map[6 * PAGE] == 7);
	CHECK_EQ(munmap(map, 9 * PAGE), 0); /* holes do not matter */
	CHECK(!is_mapped(map + 6 * PAGE));
	CHECK_EQ(munmap(map, 9 * PAGE), 0);
	CHECK_ERROR(munmap(map + 1, PAGE), EINVAL);
	CHECK_ERROR(munmap(map, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_munmap, 0x7ffffffff000, 2 * PAGE), EINVAL);
}

static void check_fixed(void)
{
	char *map = mmap(NULL, 5 * PAGE, RW, ANON, -1, 0);
	memset(map, 1, 5 * PAGE);
	char *middle = mmap(map + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	CHECK(middle == map + 2 * PAGE);
	CHECK_EQ(middle[0], 0);
	CHECK_EQ(middle[PAGE], 1);
	CHECK_EQ(middle[-1], 1);
	void *taken = mmap(map + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	CHECK(taken == MAP_FAILED && errno == EEXIST);
	munmap(map + 4 * PAGE, PAGE);
	CHECK(mmap(map + 4 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == map + 4 * PAGE);
	CHECK(mmap(map + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED && errno == EINVAL);
	munmap(map + PAGE, PAGE);
	CHECK(mmap(map + PAGE, PAGE, RW, ANON, -1, 0) == map + PAGE); /* a free hint is taken */
	void *other = mmap(map, PAGE, RW, ANON, -1, 0);
	CHECK(other != MAP_FAILED && other != map); /* a taken one is not */
	munmap(other, PAGE);
	munmap(map, 5 * PAGE);
	void *far = (void *)(uintptr_t)0x7ffffffff000;
	CHECK(mmap(far, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED && errno == ENOMEM);
	far = (void *)(uintptr_t)0xffffffff80000000;
	CHECK(mmap(far, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED && errno == ENOMEM);
	void *somewhere = mmap(far, PAGE, RW, ANON, -1, 0);
	CHECK(somewhere != MAP_FAILED);
	munmap(somewhere, PAGE);
}

static void check_refused(void)
{
	CHECK(mmap(NULL, 0, RW, ANON, -1, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, (size_t)1 << 48, RW, ANON | MAP_NORESERVE, -1, 0) == MAP_FAILED &&
	      errno == ENOMEM);
	CHECK((void *)syscall(SYS_mmap, 0, -PAGE, RW, ANON, -1, 0) == MAP_FAILED &&
	      errno == ENOMEM);
	CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, 99, 0) == MAP_FAILED && errno == EBADF);
	CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0) == MAP_FAILED && errno == EBADF);
	CHECK((void *)syscall(SYS_mmap, 0, PAGE, RW, ANON, -1, 17) == MAP_FAILED &&
	      errno == EINVAL);
}

static void check_low(void)
{
	char *low = mmap(NULL, 16 * PAGE, RW, ANON | MAP_32BIT, -1, 0);
	REQUIRE(low != MAP_FAILED);
	CHECK((uintptr_t)low + 16 * PAGE <= 0x80000000ul);
	low[0] = 1;
	char *second = mmap(NULL, PAGE, RW, ANON | MAP_32BIT, -1, 0);
	CHECK(second != MAP_FAILED && second != low && (uintptr_t)second < 0x80000000ul);
	CHECK(mmap(NULL, (size_t)2 << 30, PROT_NONE, ANON | MAP_32BIT | MAP_NORESERVE, -1, 0) ==
	      MAP_FAILED);
	munmap(low, 16 * PAGE);
	munmap(second, PAGE);
}

static void check_shared_and_populated(void)
{
	char *map = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(map != MAP_FAILED);
	CHECK_EQ(map[2 * PAGE], 0);
	map[2 * PAGE] = 3;
	CHECK_EQ(map[2 * PAGE], 3);
	CHECK_EQ(munmap(map, 4 * PAGE), 0);
	map = mmap(NULL, 4 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
	unsigned char vector[4] = { 0 };
	CHECK_EQ(mincore(map, 4 * PAGE, vector), 0);
	CHECK((vector[0] & vector[1] & vector[2] & vector[3] & 1) == 1);
	munmap(map, 4 * PAGE);
	CHECK_ERROR(mincore(map, PAGE, vector), ENOMEM);
	CHECK_ERROR(mincore(map + 1, PAGE, vector), EINVAL);
}

static void check_many(void)
{
	static char *maps[1000];
	for (int i = 0; i < 1000; i++) {
		maps[i] = mmap(NULL, PAGE, i & 1 ? RW : PROT_READ, ANON, -1, 0);
		CHECK(maps[i] != MAP_FAILED);
	}
	for (int i = 1; i < 1000; i += 2)
		maps[i][5] = (char)i;
	unsigned wrong = 0;
	for (int i = 1; i < 1000; i += 2)
		wrong += maps[i][5] != (char)i;
	CHECK_EQ(wrong, 0);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(munmap(maps[(i * 7) % 1000], PAGE), 0);
}

int main(void)
{
	check_zeroed();
	check_partial_unmap();
	check_fixed();
	check_refused();
	check_low();
	check_shared_and_populated();
	check_many();
	return check_done("mmap");
}
