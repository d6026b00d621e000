/* SPDX-License-Identifier: BSD-3-Clause */
/* File mappings: private ones copy on write, shared ones are the file; what a file's mode allows. Files of the image and of
 * the writable layer. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)

static void check_private(const char *path)
{
	int fd = open(path, O_RDONLY);
	REQUIRE(fd >= 0);
	char want[64], now[64];
	CHECK_EQ(pread(fd, want, 64, PAGE), 64);
	char *map = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
	REQUIRE(map != MAP_FAILED);
	char *second = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
	REQUIRE(second != MAP_FAILED);
	close(fd);
	CHECK(memcmp(map + PAGE, want, 64) == 0);
	CHECK(memcmp(second, want, 64) == 0);
	memset(map + PAGE, 'x', 64);
	CHECK(map[PAGE] == 'x' && map[PAGE + 63] == 'x' && map[PAGE + 64] != 0);
	CHECK(memcmp(second, want, 64) == 0);
	fd = open(path, O_RDONLY);
	CHECK_EQ(pread(fd, now, 64, PAGE), 64);
	CHECK(memcmp(now, want, 64) == 0);
	close(fd);
	munmap(map, 3 * PAGE);
	munmap(second, 2 * PAGE);
}

static void check_tail(void)
{
	int fd = open("data/hello.txt", O_RDONLY);
	REQUIRE(fd >= 0);
	char *map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	REQUIRE(map != MAP_FAILED);
	CHECK(memcmp(map, "Hello from the image\n", 21) == 0);
	unsigned other = 0;
	for (size_t i = 21; i < PAGE; i++)
		other += map[i] != 0;
	CHECK_EQ(other, 0); /* nothing of the file after it */
	munmap(map, PAGE);
	close(fd);
}

static void check_shared(void)
{
	char buffer[8] = "";
	int fd = open("mmapfile.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0);
	CHECK_EQ(ftruncate(fd, 3 * PAGE), 0);
	char *map = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
	char *view = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);
	char *copy = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 2 * PAGE);
	REQUIRE(map != MAP_FAILED && view != MAP_FAILED && copy != MAP_FAILED);
	memcpy(map + 2 * PAGE, "shared", 7);
	CHECK(strcmp(view, "shared") == 0);
	CHECK_EQ(pread(fd, buffer, 7, 2 * PAGE), 7);
	CHECK(strcmp(buffer, "shared") == 0);
	CHECK_EQ(pwrite(fd, "written", 8, 2 * PAGE), 8);
	CHECK(strcmp(view, "written") == 0);
	CHECK(strcmp(map + 2 * PAGE, "written") == 0);
	copy[0] = 'W';
	CHECK(strcmp(copy, "Written") == 0);
	CHECK(strcmp(view, "written") == 0);
	CHECK_EQ(pwrite(fd, "again!!", 8, 2 * PAGE), 8);
	CHECK(strcmp(copy, "Written") == 0);
	CHECK_EQ(msync(map, 3 * PAGE, MS_SYNC), 0);
	CHECK_ERROR(msync(map, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	close(fd);
	unlink("mmapfile.tmp"); /* the mapping keeps the file */
	CHECK(strcmp(map + 2 * PAGE, "again!!") == 0);
	munmap(map, 3 * PAGE);
	CHECK(strcmp(view, "again!!") == 0);
	munmap(view, PAGE);
	munmap(copy, PAGE);
}

static void check_rights(void)
{
	int fd = open("mmapfile2.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	int read_only = open("mmapfile2.tmp", O_RDONLY),
	    write_only = open("mmapfile2.tmp", O_WRONLY);
	CHECK(mmap(NULL, PAGE, RW, MAP_SHARED, read_only, 0) == MAP_FAILED && errno == EACCES);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, write_only, 0) == MAP_FAILED &&
	      errno == EACCES);
	CHECK(mmap(NULL, PAGE, PROT_WRITE, MAP_PRIVATE, write_only, 0) == MAP_FAILED &&
	      errno == EACCES);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 100) == MAP_FAILED && errno == EINVAL);
	char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, read_only, 0);
	REQUIRE(map != MAP_FAILED);
	CHECK_ERROR(mprotect(map, PAGE, RW), EACCES);
	munmap(map, PAGE);
	map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, read_only, 0);
	CHECK_EQ(mprotect(map, PAGE, RW), 0);
	map[0] = 1;
	munmap(map, PAGE);
	int directory = open(".", O_RDONLY);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, directory, 0) == MAP_FAILED &&
	      errno == ENODEV);
	close(directory);
	close(fd);
	close(read_only);
	close(write_only);
	unlink("mmapfile2.tmp");
}

static void check_devices(void)
{
	int fd = open("/dev/zero", O_RDWR);
	REQUIRE(fd >= 0);
	char *map = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	REQUIRE(map != MAP_FAILED);
	CHECK_EQ(map[PAGE], 0);
	map[PAGE] = 9;
	CHECK_EQ(map[PAGE], 9);
	munmap(map, 2 * PAGE);
	close(fd);
	fd = open("/dev/null", O_RDWR);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == ENODEV);
	close(fd);
}

int main(void)
{
	check_private("data/big.bin");
	check_tail();
	check_shared();
	check_rights();
	check_devices();
	return check_done("mmapfile");
}
