/* SPDX-License-Identifier: BSD-3-Clause */
/* exhaust WAY: uses up all memory. It either sees ENOMEM, and ends with "ok", or is killed; the machine's kernel lives. Not
 * run on the host. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MIB ((size_t)1 << 20)

static void touch(void)
{
	for (size_t mib = 0; mib < 64 * 1024; mib++) {
		char *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				 0);
		if (map == MAP_FAILED)
			return;
		memset(map, 1, MIB);
	}
}

static void reserve_first(void)
{
	char *map = mmap(NULL, 16384 * MIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (size_t at = 0; map != MAP_FAILED && at < 16384 * MIB; at += 4096)
		map[at] = 1;
}

static void areas(void)
{
	for (int i = 0; i < 10000000; i++)
		if (mmap(NULL, 4096, i & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0) == MAP_FAILED)
			return;
}

static void file(void)
{
	static char block[65536];
	int fd = open("exhaust.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	memset(block, 1, sizeof(block));
	while (write(fd, block, sizeof(block)) > 0)
		;
	CHECK(errno == ENOSPC || errno == ENOMEM);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(write(fd, block, sizeof(block)), (long)sizeof(block));
}

static void names(void)
{
	char name[64];
	for (int i = 0; i < 10000000; i++) {
		snprintf(name, sizeof(name), "exhaust.%d", i);
		if (mkdirat(AT_FDCWD, name, 0700) != 0)
			break;
	}
	CHECK(errno == ENOSPC || errno == ENOMEM);
}

static void by_read(void)
{
	size_t bytes = 8192 * MIB;
	char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd = open("/dev/zero", O_RDONLY);
	REQUIRE(map != MAP_FAILED && fd >= 0);
	for (size_t at = 0; at < bytes; at += MIB)
		if (read(fd, map + at, MIB) <= 0)
			return;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} ways[] = { { "touch", touch }, { "reserve", reserve_first }, { "areas", areas },
		     { "file", file },   { "names", names },           { "read", by_read } };
	const char *way = argc > 1 ? argv[1] : "";
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (strcmp(way, ways[i].name) == 0)
			ways[i].fn();
	return check_done("exhaust");
}
