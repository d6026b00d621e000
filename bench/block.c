/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a random read of 4 KiB from a disk costs: a thousand of them between two marks, functions at whose first instructions the
 * counting plugin looks.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK_BYTES = 4096, READS = 1000, WARM_UP = 100, WAIT_MS = 5000 };

/* Not inlined, and different from each other, so that each has an address of its own. */
#define MARK(name)                                                              \
	__attribute__((noinline, noclone, aligned(64))) void mark_##name(void); \
	void mark_##name(void)                                                  \
	{                                                                       \
		__asm__ volatile("# " #name);                                   \
	}
MARK(read_begin)
MARK(read_end)

static int open_disk(void)
{
	int fd = -1;

	for (int i = 0; i < WAIT_MS && fd < 0; i++) {
		fd = open("/dev/vda", O_RDONLY);
		if (fd < 0)
			usleep(1000);
	}
	return fd;
}

/* Each place once: what was read stays in memory. */
static void read_blocks(int fd, uint64_t blocks, unsigned first, unsigned count)
{
	static char block[BLOCK_BYTES];

	for (unsigned i = first; i < first + count; i++) {
		uint64_t at = (uint64_t)i * 7919 * 31 % blocks;

		if (pread(fd, block, BLOCK_BYTES, (off_t)(at * BLOCK_BYTES)) != BLOCK_BYTES) {
			perror("pread");
			exit(1);
		}
	}
}

int main(void)
{
	uint64_t blocks;
	int fd;

	fd = open_disk();
	if (fd < 0) {
		perror("/dev/vda");
		return 1;
	}
	blocks = (uint64_t)lseek(fd, 0, SEEK_END) / BLOCK_BYTES;
	read_blocks(fd, blocks, 0, WARM_UP);
	mark_read_begin();
	read_blocks(fd, blocks, WARM_UP, READS);
	mark_read_end();
	puts("done");
	return 0;
}
