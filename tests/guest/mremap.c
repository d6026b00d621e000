/* SPDX-License-Identifier: BSD-3-Clause */
/* mremap grows, shrinks and moves mappings with their contents. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)

static char *map_anonymous(size_t pages)
{
	char *map = mmap(NULL, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(map != MAP_FAILED);
	return map;
}

static bool is_mapped(void *page)
{
	unsigned char vector;
	return mincore(page, PAGE, &vector) == 0;
}

static void check_growth(void)
{
	char *map = map_anonymous(10);
	munmap(map + 4 * PAGE, 6 * PAGE); /* room behind */
	for (int i = 0; i < 4; i++)
		map[i * PAGE] = (char)(i + 1);
	CHECK(mremap(map, 4 * PAGE, 8 * PAGE, 0) == map);
	CHECK(map[0] == 1 && map[3 * PAGE] == 4 && map[7 * PAGE] == 0);
	map[7 * PAGE] = 9;
	char *wall = mmap(map + 8 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			  -1, 0);
	CHECK(mremap(map, 8 * PAGE, 9 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
	char *moved = mremap(map, 8 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	REQUIRE(moved != MAP_FAILED);
	CHECK(moved != map);
	CHECK(!is_mapped(map));
	CHECK(moved[0] == 1 && moved[3 * PAGE] == 4 && moved[7 * PAGE] == 9 &&
	      moved[63 * PAGE] == 0);
	CHECK(mremap(moved, 64 * PAGE, 2 * PAGE, 0) == moved);
	CHECK(is_mapped(moved + PAGE));
	CHECK(!is_mapped(moved + 2 * PAGE));
	munmap(moved, 2 * PAGE);
	munmap(wall, PAGE);
}

static void check_fixed(void)
{
	char *map = map_anonymous(2), *target = map_anonymous(4);
	map[0] = 1;
	map[PAGE] = 2;
	target[2 * PAGE] = 77;
	CHECK(mremap(map, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE) ==
	      target + PAGE);
	CHECK(target[0] == 0 && target[PAGE] == 1 && target[2 * PAGE] == 2 &&
	      target[3 * PAGE] == 0);
	CHECK(!is_mapped(map));
	CHECK(mremap(target, PAGE, PAGE, MREMAP_FIXED, map) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap(target, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE) ==
		      MAP_FAILED &&
	      errno == EINVAL); /* overlap */
	munmap(target, 4 * PAGE);
}

static void check_errors(void)
{
	char *map = map_anonymous(2);
	CHECK(mremap(map + 1, PAGE, PAGE, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap(map, PAGE, 0, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap(map, PAGE, PAGE, 0x80) == MAP_FAILED && errno == EINVAL);
	munmap(map, 2 * PAGE);
	CHECK(mremap(map, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
}

static void check_file(void)
{
	int fd = open("mremap.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK_EQ(ftruncate(fd, 8 * PAGE), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(pwrite(fd, &(char){ (char)('a' + i) }, 1, i * PAGE), 1);
	char *map = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 2 * PAGE);
	REQUIRE(map != MAP_FAILED);
	CHECK(map[0] == 'c' && map[PAGE] == 'd');
	map = mremap(map, 2 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
	REQUIRE(map != MAP_FAILED);
	CHECK(map[0] == 'c' && map[5 * PAGE] == 'h');
	map[5 * PAGE] = 'H';
	char byte;
	CHECK_EQ(pread(fd, &byte, 1, 7 * PAGE), 1);
	CHECK_EQ(byte, 'H');
	munmap(map, 6 * PAGE);
	close(fd);
	unlink("mremap.tmp");
}

/* What realloc of large blocks does all the time. */
static void check_realloc(void)
{
	unsigned char *block = NULL;
	size_t old = 0, wrong = 0;
	for (size_t size = 200000; size < 8000000; size += size / 2) {
		block = realloc(block, size);
		REQUIRE(block != NULL);
		for (size_t i = 0; i < old; i += 501)
			wrong += block[i] != (unsigned char)(i / 501);
		for (size_t i = 0; i < size; i += 501)
			block[i] = (unsigned char)(i / 501);
		old = size;
	}
	CHECK_EQ(wrong, 0);
	free(block);
}

int main(void)
{
	check_growth();
	check_fixed();
	check_errors();
	check_file();
	check_realloc();
	return check_done("mremap");
}
