/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing to a file of the image changes what everybody sees of it, and nothing else of the file. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void check_middle(void)
{
	char buffer[24] = "";
	struct stat before, after;
	CHECK_EQ(stat("data/big.bin", &before), 0);
	int reader = open("data/big.bin", O_RDONLY);
	int fd = open("data/big.bin", O_RDWR);
	REQUIRE(fd >= 0 && reader >= 0);
	CHECK_EQ(pwrite(fd, "CHANGED\n", 8, 8000 * 8), 8);
	CHECK_EQ(pread(fd, buffer, 24, 7999 * 8), 24);
	CHECK(memcmp(buffer, "0007999\nCHANGED\n0008001\n", 24) == 0);
	CHECK_EQ(fstat(fd, &after), 0);
	CHECK_EQ(after.st_size, 1 << 20);
	CHECK_EQ(after.st_mode, before.st_mode);
	close(fd);
	fd = open("data/big.bin", O_RDONLY);
	CHECK_EQ(pread(fd, buffer, 24, 7999 * 8), 24);
	CHECK(memcmp(buffer, "0007999\nCHANGED\n0008001\n", 24) == 0);
	CHECK_EQ(pread(fd, buffer, 8, (1 << 20) - 8), 8);
	CHECK(memcmp(buffer, "0131071\n", 8) == 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 1 << 20);
	close(fd);
	close(reader);
}

static void check_append(void)
{
	char buffer[64] = "";
	int fd = open("data/hello.txt", O_WRONLY | O_APPEND);
	CHECK_EQ(write(fd, "and more\n", 9), 9);
	close(fd);
	fd = open("data/link", O_RDONLY);
	CHECK_EQ(read(fd, buffer, 64), 30);
	CHECK(strcmp(buffer, "Hello from the image\nand more\n") == 0);
	close(fd);
	fd = open("data/empty", O_WRONLY);
	CHECK_EQ(write(fd, "full", 4), 4);
	close(fd);
	fd = open("data/dir/sub/deep.txt", O_WRONLY | O_TRUNC);
	CHECK_EQ(write(fd, "D", 1), 1);
	close(fd);
	fd = open("data/dirlink/sub/deep.txt", O_RDONLY);
	CHECK_EQ(read(fd, buffer, 64), 1);
	CHECK_EQ(buffer[0], 'D');
	close(fd);
}

static void check_shared_mapping(void)
{
	char buffer[8] = "";
	int fd = open("data/numbers.txt", O_RDWR);
	REQUIRE(fd >= 0);
	char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(map != MAP_FAILED);
	CHECK(memcmp(map, "1\n2\n3\n", 6) == 0);
	map[0] = 'X';
	CHECK_EQ(pread(fd, buffer, 3, 0), 3);
	CHECK(memcmp(buffer, "X\n2", 3) == 0);
	CHECK_EQ(pwrite(fd, "Y", 1, 4096), 1);
	CHECK_EQ(map[4096], 'Y');
	munmap(map, 8192);
	close(fd);
	fd = open("data/numbers.txt", O_RDONLY);
	CHECK_EQ(read(fd, buffer, 1), 1);
	CHECK_EQ(buffer[0], 'X');
	close(fd);
}

int main(void)
{
	check_middle();
	check_append();
	check_shared_mapping();
	return check_done("copyup");
}
