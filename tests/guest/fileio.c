/* SPDX-License-Identifier: BSD-3-Clause */
/* open, read, write, lseek, pread, pwrite on new files and on files of the image. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>

static void check_image_file(void)
{
	char buffer[64];
	int fd = open("data/hello.txt", O_RDONLY);
	REQUIRE(fd >= 0);
	CHECK_EQ(read(fd, buffer, 5), 5);
	CHECK(memcmp(buffer, "Hello", 5) == 0);
	CHECK_EQ(read(fd, buffer, sizeof(buffer)), 16);
	CHECK(memcmp(buffer, " from the image\n", 16) == 0);
	CHECK_EQ(read(fd, buffer, sizeof(buffer)), 0);
	CHECK_EQ(lseek(fd, 6, SEEK_SET), 6);
	CHECK_EQ(read(fd, buffer, 4), 4);
	CHECK(memcmp(buffer, "from", 4) == 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQ(lseek(fd, -6, SEEK_END), 15);
	CHECK_EQ(pread(fd, buffer, 5, 0), 5);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 15);
	CHECK_EQ(pread(fd, buffer, 5, 21), 0);
	CHECK_EQ(pread(fd, buffer, 5, 1000000), 0);
	CHECK_ERROR(write(fd, "x", 1), EBADF);
	CHECK_EQ(read(fd, buffer, 0), 0);
	CHECK_EQ(close(fd), 0);
	CHECK_ERROR(read(fd, buffer, 1), EBADF);
	CHECK_ERROR(close(fd), EBADF);
	fd = open("data/empty", O_RDONLY);
	CHECK_EQ(read(fd, buffer, 10), 0);
	close(fd);
}

static void check_whole_image_file(void)
{
	char buffer[5000], line[16];
	int fd = open("data/big.bin", O_RDONLY);
	size_t total = 0, wrong = 0;
	for (ssize_t got; (got = read(fd, buffer, sizeof(buffer))) > 0; total += (size_t)got)
		for (size_t i = 0; i < (size_t)got; i++) {
			size_t at = total + i;
			if (at % 8 == 0 || i == 0)
				snprintf(line, sizeof(line), "%07u\n",
					 (unsigned)(at / 8) & 0xfffff);
			wrong += buffer[i] != line[at % 8];
		}
	CHECK_EQ(total, 1 << 20);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(pread(fd, buffer, 8, (1 << 20) - 8), 8);
	CHECK(memcmp(buffer, "0131071\n", 8) == 0);
	CHECK_EQ(pread(fd, buffer, 100, (1 << 20) - 8), 8);
	close(fd);
	fd = open("data/sparse", O_RDONLY);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 300000);
	CHECK_EQ(pread(fd, buffer, 10, 199995), 10);
	CHECK(memcmp(buffer, "\0\0\0\0\0end\0\0", 10) == 0);
	close(fd);
}

static void check_new_file(void)
{
	char buffer[64];
	int fd = open("fileio.tmp", O_RDWR | O_CREAT | O_EXCL, 0644);
	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
	CHECK_EQ(write(fd, "xy", 2), 2);
	CHECK_EQ(pwrite(fd, "Z", 1, 9), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_EQ(pread(fd, buffer, 64, 0), 10);
	CHECK(memcmp(buffer, "01xy45678Z", 10) == 0);
	CHECK_EQ(lseek(fd, 10000, SEEK_SET), 10000); /* a hole */
	CHECK_EQ(write(fd, "end", 3), 3);
	CHECK_EQ(pread(fd, buffer, 4, 9998), 4);
	CHECK(memcmp(buffer, "\0\0en", 4) == 0);
	CHECK_EQ(pread(fd, buffer, 4, 5000), 4);
	CHECK(memcmp(buffer, "\0\0\0\0", 4) == 0);
	struct stat status;
	CHECK_EQ(fstat(fd, &status), 0);
	CHECK_EQ(status.st_size, 10003);
	CHECK_EQ(write(fd, "", 0), 0);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(fdatasync(fd), 0);
	close(fd);
	fd = open("fileio.tmp", O_WRONLY);
	CHECK_ERROR(read(fd, buffer, 1), EBADF);
	close(fd);
	CHECK_EQ(unlink("fileio.tmp"), 0);
}

static void check_seek_errors(void)
{
	int fd = open("fileio2.tmp", O_RDWR | O_CREAT, 0600);
	CHECK_ERROR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERROR(lseek(fd, -1, SEEK_END), EINVAL);
	CHECK_ERROR(lseek(fd, 0, 99), EINVAL);
	CHECK_ERROR(lseek(999, 0, SEEK_SET), EBADF);
	CHECK_ERROR(pread(fd, &fd, 1, -1), EINVAL);
	CHECK_ERROR(pwrite(fd, &fd, 1, -5), EINVAL);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 0);
	CHECK_ERROR(lseek(fd, 5, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 3);
	close(fd);
	unlink("fileio2.tmp");
}

/* An open file outlives its name. */
static void check_unlinked(void)
{
	char buffer[8];
	struct stat status;
	int fd = open("fileio3.tmp", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(write(fd, "kept", 4), 4);
	CHECK_EQ(unlink("fileio3.tmp"), 0);
	CHECK_ERROR(open("fileio3.tmp", O_RDONLY), ENOENT);
	CHECK_EQ(pread(fd, buffer, 8, 0), 4);
	CHECK_EQ(pwrite(fd, "more", 4, 4), 4);
	CHECK_EQ(fstat(fd, &status), 0);
	CHECK_EQ(status.st_nlink, 0);
	CHECK_EQ(status.st_size, 8);
	close(fd);
}

int main(void)
{
	check_image_file();
	check_whole_image_file();
	check_new_file();
	check_seek_errors();
	check_unlinked();
	return check_done("fileio");
}
