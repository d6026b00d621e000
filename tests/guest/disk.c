/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A disk or partition as a file, for devices.sh: disk NAME writable|read-only|broken. What it leaves behind is 14 bytes at 5000.
 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* linux/fs.h, which musl's compiler does not find. */
#define BLKFLSBUF 0x1261
#define BLKSSZGET 0x1268
#define BLKDISCARD 0x1277
#define BLKZEROOUT 0x127f
#define BLKGETSIZE64 0x80081272u

enum { MIB = 1 << 20 };

static unsigned char data[MIB], back[MIB];
static uint64_t bytes;

static void check_node(int fd, const char *path)
{
	bool listed = false;
	struct dirent *entry;
	struct stat st;
	DIR *dir = opendir("/dev");

	while (dir && (entry = readdir(dir)) != NULL)
		listed |= !strcmp(entry->d_name, path + strlen("/dev/")) && entry->d_type == DT_BLK;
	CHECK(listed);
	CHECK(!fstat(fd, &st) && S_ISBLK(st.st_mode) && st.st_size == 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), (long)bytes);
	CHECK_EQ(pread(fd, back, 100, (off_t)bytes), 0);
	CHECK_EQ(pread(fd, back, 4096, (off_t)bytes - 100), 100);
	CHECK_ERROR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERROR(ioctl(fd, 0x5401, data), ENOTTY);
}

/* Odd offsets, through the cache and, after it is emptied, from the disk. */
static void check_writing(int fd)
{
	for (unsigned i = 0; i < MIB; i++)
		data[i] = (unsigned char)(i * 7 + (i >> 12));
	CHECK_EQ(pwrite(fd, data, MIB, 8192 + 100), MIB);
	CHECK_EQ(pread(fd, back, MIB, 8192 + 100), MIB);
	CHECK(!memcmp(data, back, MIB));
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(ioctl(fd, BLKFLSBUF, 0), 0);
	memset(back, 0, MIB);
	CHECK_EQ(pread(fd, back, MIB, 8192 + 100), MIB);
	CHECK(!memcmp(data, back, MIB));
	CHECK_ERROR(pwrite(fd, data, 1, (off_t)bytes), ENOSPC);
	CHECK_EQ(pwrite(fd, data, 200, (off_t)bytes - 100), 100);
	CHECK_EQ(fdatasync(fd), 0);
}

static void check_mapping(int fd)
{
	char *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *copy = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	REQUIRE(map != MAP_FAILED && copy != MAP_FAILED);
	CHECK(!memcmp(map + 8192 + 100, data, MIB - 8192 - 100));
	copy[8192 + 100] = ~copy[8192 + 100];
	CHECK(map[8192 + 100] == (char)data[0]);
	strcpy(map + 4090, "across a page");
	CHECK_EQ(msync(map, MIB, MS_SYNC), 0);
	CHECK_EQ(ioctl(fd, BLKFLSBUF, 0), 0);
	CHECK_EQ(pread(fd, back, 100, 4090), 100);
	CHECK(!strcmp((char *)back, "across a page"));
	map[4090] = 'A'; /* after it was clean */
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(ioctl(fd, BLKFLSBUF, 0), 0);
	CHECK_EQ(pread(fd, back, 100, 4090), 100);
	CHECK(!strcmp((char *)back, "Across a page"));
	munmap(map, MIB);
	munmap(copy, MIB);
}

static void check_ranges(int fd, int block)
{
	uint64_t range[2] = { MIB, 256 << 10 };

	memset(back, 1, MIB);
	CHECK_EQ(pread(fd, back, 4096, MIB + 4096), 4096);
	CHECK(back[0] | back[100]);
	CHECK_EQ(ioctl(fd, BLKZEROOUT, range), 0);
	CHECK_EQ(pread(fd, back, 256 << 10, MIB), 256 << 10);
	CHECK(!back[0] && !memcmp(back, back + 1, (256 << 10) - 1));
	CHECK_EQ(pread(fd, back, 4096, MIB - 4096), 4096);
	CHECK(!memcmp(back, data + MIB - 4096 - 8192 - 100, 4096));
	/* Not every disk can discard. */
	CHECK(!ioctl(fd, BLKDISCARD, range) || errno == EOPNOTSUPP);
	range[0] = bytes;
	CHECK_ERROR(ioctl(fd, BLKZEROOUT, range), EINVAL);
	range[0] = (uint64_t)block / 2;
	CHECK_ERROR(ioctl(fd, BLKZEROOUT, range), EINVAL);
}

static void check_streams(int fd)
{
	uint64_t total = 0;
	ssize_t count;

	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	while ((count = read(fd, back, 65536)) > 0)
		total += (uint64_t)count;
	CHECK_EQ((long)total, (long)bytes);
}

static void check_writable(const char *path, int block)
{
	int fd = open(path, O_RDWR);

	REQUIRE(fd >= 0);
	check_writing(fd);
	check_mapping(fd);
	check_ranges(fd, block);
	check_streams(fd);
	close(fd);
	fd = open(path, O_RDWR | O_DIRECT | O_SYNC);
	CHECK(fd >= 0);
	CHECK_EQ(pwrite(fd, "end of program", 14, 5000), 14);
}

static void check_broken(int fd)
{
	CHECK_EQ(pread(fd, back, 4096, 0), 4096);
	CHECK_ERROR(pread(fd, back, 4096, 64 << 10), EIO);
	CHECK_ERROR(pread(fd, back, 4096, 64 << 10), EIO);
	CHECK_EQ(pread(fd, back, 8192, 2 * MIB), 8192);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "/dev/vda";
	const char *kind = argc > 2 ? argv[2] : "writable";
	int fd = open(path, O_RDONLY), block = 0;

	REQUIRE(fd >= 0);
	CHECK_EQ(ioctl(fd, BLKGETSIZE64, &bytes), 0);
	CHECK_EQ(ioctl(fd, BLKSSZGET, &block), 0);
	CHECK(bytes && (block == 512 || block == 4096));
	if (!strcmp(kind, "broken")) {
		check_broken(fd);
		return check_done("disk");
	}
	check_node(fd, path);
	check_streams(fd);
	if (!strcmp(kind, "read-only"))
		CHECK_ERROR(open(path, O_RDWR), EROFS);
	else
		check_writable(path, block);
	return check_done("disk");
}
