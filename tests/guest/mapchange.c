/* SPDX-License-Identifier: BSD-3-Clause */
/* A mapping shows what its file is now: files of the image that are written or cut later, holes, a file that is read or
 * written with its own mapping as the buffer. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096
#define BIG (1 << 20)

static char *map(int fd, int prot, int flags, size_t bytes)
{
	char *at = mmap(NULL, bytes, prot, flags, fd, 0);
	REQUIRE(at != MAP_FAILED);
	return at;
}

/* Line n of big.bin is the number n in seven digits. */
static void check_image_file(void)
{
	int reader = open("data/big.bin", O_RDONLY);
	REQUIRE(reader >= 0);
	char *shared = map(reader, PROT_READ, MAP_SHARED, BIG);
	char *private = map(reader, PROT_READ | PROT_WRITE, MAP_PRIVATE, BIG);
	CHECK(memcmp(shared + 8 * 8000, "0008000\n", 8) == 0);
	CHECK(memcmp(private + 8 * 8000, "0008000\n", 8) == 0);
	CHECK(memcmp(shared + 8 * 9000, "0009000\n", 8) == 0);
	private[8 * 9000] = 'p';
	int writer = open("data/big.bin", O_RDWR);
	CHECK_EQ(pwrite(writer, "CHANGED\n", 8, 8 * 8000), 8);
	CHECK(memcmp(shared + 8 * 8000, "CHANGED\n", 8) == 0);
	CHECK(memcmp(private + 8 * 8000, "CHANGED\n", 8) == 0);
	char *writable = map(writer, PROT_READ | PROT_WRITE, MAP_SHARED, BIG);
	memcpy(writable + 8 * 9000, "STORED.\n", 8);
	CHECK(memcmp(shared + 8 * 9000, "STORED.\n", 8) == 0);
	CHECK(memcmp(private + 8 * 9000, "p009000\n", 8) == 0);
	CHECK(memcmp(shared + 8 * 100000, "0100000\n", 8) == 0);
	close(writer);
	close(reader);
}

/* By path, so that nobody has it open for writing. */
static void check_cut_by_path(void)
{
	int fd = open("data/numbers.txt", O_RDONLY);
	REQUIRE(fd >= 0);
	char *shared = map(fd, PROT_READ, MAP_SHARED, 16 * PAGE);
	char *private = map(fd, PROT_READ, MAP_PRIVATE, 16 * PAGE);
	CHECK(shared[PAGE + 200] && private[PAGE + 200]);
	CHECK(shared[9 * PAGE] && private[9 * PAGE]);
	CHECK_EQ(truncate("data/numbers.txt", PAGE + 100), 0);
	CHECK(shared[PAGE + 99] && private[PAGE + 99]);
	CHECK(!shared[PAGE + 200] && !private[PAGE + 200]);
	CHECK_EQ(truncate("data/numbers.txt", 16 * PAGE), 0);
	CHECK(!shared[9 * PAGE] && !private[9 * PAGE]);
	close(fd);
}

static void check_hole(int fd)
{
	CHECK_EQ(ftruncate(fd, 4 * PAGE), 0);
	char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, 4 * PAGE);
	char *private = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, 4 * PAGE);
	memset(shared, 'x', 4 * PAGE);
	CHECK_EQ(private[PAGE], 'x');
	private[2 * PAGE] = 'y';
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, 3 * PAGE))
		return; /* not every file system can */
	CHECK_EQ(shared[PAGE - 1], 'x');
	CHECK_EQ(shared[PAGE], 0);
	CHECK_EQ(shared[2 * PAGE], 0);
	CHECK_EQ(private[PAGE], 0);
	CHECK_EQ(private[2 * PAGE], 'y');
	shared[PAGE] = 'z';
	CHECK_EQ(private[PAGE], 'z');
}

static void check_own_buffer(int fd)
{
	CHECK_EQ(ftruncate(fd, 4 * PAGE), 0);
	char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, 4 * PAGE);
	memset(shared, 'a', PAGE);
	CHECK_EQ(pwrite(fd, shared, PAGE, 2 * PAGE), PAGE);
	CHECK_EQ(shared[3 * PAGE - 1], 'a');
	CHECK_EQ(pread(fd, shared + PAGE, PAGE, 0), PAGE);
	CHECK_EQ(shared[PAGE], 'a');
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_ERROR(pwrite(fd, shared, 1, 0), EFAULT);
}

int main(void)
{
	int fd = open("mapchange.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0);
	check_image_file();
	check_cut_by_path();
	check_hole(fd);
	check_own_buffer(fd);
	unlink("mapchange.tmp");
	return check_done("mapchange");
}
