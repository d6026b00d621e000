/* SPDX-License-Identifier: BSD-3-Clause */
/* A file of 20 MiB is written, read back through read and mmap, and its memory is given back. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define BYTES ((size_t)20 << 20)
#define BLOCK 65536

static void fill(uint32_t *words, size_t from)
{
	for (size_t i = 0; i < BLOCK / 4; i++)
		words[i] = (uint32_t)(from / 4 + i) * 2654435761u;
}

static void run(unsigned round)
{
	static uint32_t block[BLOCK / 4], want[BLOCK / 4];
	int fd = open("bigfile.tmp", O_RDWR | O_CREAT | O_EXCL, 0600);
	REQUIRE(fd >= 0);
	for (size_t at = 0; at < BYTES; at += BLOCK) {
		fill(block, at + round);
		CHECK_EQ(write(fd, block, BLOCK), BLOCK);
	}
	struct stat status;
	CHECK_EQ(fstat(fd, &status), 0);
	CHECK_EQ(status.st_size, (long)BYTES);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	unsigned wrong = 0;
	for (size_t at = 0; at < BYTES; at += BLOCK) {
		fill(want, at + round);
		CHECK_EQ(read(fd, block, BLOCK), BLOCK);
		wrong += memcmp(block, want, BLOCK) != 0;
	}
	CHECK_EQ(wrong, 0);
	char *map = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);
	REQUIRE(map != MAP_FAILED);
	for (size_t at = 0; at < BYTES; at += 16 * BLOCK) {
		fill(want, at + round);
		wrong += memcmp(map + at, want, BLOCK) != 0;
	}
	CHECK_EQ(wrong, 0);
	munmap(map, BYTES);
	close(fd);
	CHECK_EQ(unlink("bigfile.tmp"), 0);
}

int main(void)
{
	for (unsigned round = 0; round < 8; round++) /* 160 MiB in all: more than the machine has */
		run(round);
	return check_done("bigfile");
}
