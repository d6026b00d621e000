/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a random read of 4 KiB from a disk costs: a thousand of them between two marks, functions at whose first instructions the
 * counting plugin looks. As the first process of a Linux guest it first loads the modules in /modules, in the order of their names.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
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

static void load(const struct dirent *entry)
{
	char path[300];
	int fd;

	snprintf(path, sizeof path, "/modules/%s", entry->d_name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		perror(path);
	close(fd);
}

static int is_module(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void load_modules(void)
{
	struct dirent **entries;
	int count = scandir("/modules", &entries, is_module, alphasort);

	for (int i = 0; i < count; i++)
		load(entries[i]);
	if (count > 0 && mount("dev", "/dev", "devtmpfs", 0, NULL))
		perror("/dev");
}

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

	load_modules();
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
