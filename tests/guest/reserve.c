/* SPDX-License-Identifier: BSD-3-Clause */
/* Address space costs nothing until it is touched: 64 GiB reserved, parts of it used. */
#include "check.h"

#include <sys/mman.h>

#define GIB ((size_t)1 << 30)

int main(void)
{
	char *map = mmap(NULL, 64 * GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			 0);
	REQUIRE(map != MAP_FAILED);
	for (int i = 0; i < 64; i += 9) {
		char *part = map + (size_t)i * GIB + 4096;
		CHECK_EQ(mprotect(part, 65536, PROT_READ | PROT_WRITE), 0);
		part[0] = (char)i;
		part[65535] = (char)(i + 1);
	}
	for (int i = 0; i < 64; i += 9) {
		char *part = map + (size_t)i * GIB + 4096;
		CHECK(part[0] == (char)i && part[65535] == (char)(i + 1) && part[4096] == 0);
	}
	char *other = mmap(NULL, 16 * GIB, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(other != MAP_FAILED);
	for (size_t i = 0; i < 16; i++)
		other[i * GIB] = 1;
	for (size_t i = 0; i < 16; i++)
		CHECK_EQ(other[i * GIB + GIB - 1], 0);
	CHECK_EQ(munmap(other, 16 * GIB), 0);
	CHECK_EQ(madvise(map, 64 * GIB, MADV_DONTNEED), 0);
	CHECK_EQ(map[4096], 0);
	CHECK_EQ(munmap(map + GIB, 62 * GIB), 0);
	CHECK_EQ(munmap(map, 64 * GIB), 0);
	return check_done("reserve");
}
