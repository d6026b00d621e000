/* SPDX-License-Identifier: BSD-3-Clause */
/* truncate and ftruncate, of new files and of the image's; fallocate. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static long size_of(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 ? (long)status.st_size : -1;
}

static void check_new_file(void)
{
	char buffer[16] = "";
	int fd = open("t1", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(ftruncate(fd, 4), 0);
	CHECK_EQ(size_of("t1"), 4);
	CHECK_EQ(ftruncate(fd, 12), 0);
	CHECK_EQ(pread(fd, buffer, 16, 0), 12);
	CHECK(memcmp(buffer, "0123\0\0\0\0\0\0\0\0", 12) ==
	      0); /* what was cut off does not come back */
	CHECK_EQ(truncate("t1", 100000), 0);
	CHECK_EQ(pwrite(fd, "x", 1, 99999), 1);
	CHECK_EQ(ftruncate(fd, 50000), 0);
	CHECK_EQ(ftruncate(fd, 100000), 0);
	CHECK_EQ(pread(fd, buffer, 1, 99999), 1);
	CHECK_EQ(buffer[0], 0);
	CHECK_EQ(posix_fallocate(fd, 0, 200000), 0);
	CHECK_EQ(size_of("t1"), 200000);
	CHECK_ERROR(ftruncate(fd, -1), EINVAL);
	CHECK_ERROR(ftruncate(999, 0), EBADF);
	close(fd);
	fd = open("t1", O_RDONLY);
	CHECK_ERROR(ftruncate(fd, 0), EINVAL);
	close(fd);
	unlink("t1");
}

static void check_image_file(void)
{
	char buffer[16] = "";
	CHECK_EQ(truncate("data/big.bin", 10), 0);
	CHECK_EQ(size_of("data/big.bin"), 10);
	int fd = open("data/big.bin", O_RDWR);
	CHECK_EQ(read(fd, buffer, 16), 10);
	CHECK(memcmp(buffer, "0000000\n00", 10) == 0);
	CHECK_EQ(ftruncate(fd, 5000), 0);
	CHECK_EQ(pread(fd, buffer, 4, 4500), 4);
	CHECK(memcmp(buffer, "\0\0\0\0", 4) == 0);
	close(fd);
	fd = open("data/numbers.txt", O_WRONLY | O_TRUNC);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(size_of("data/numbers.txt"), 0);
}

static void check_errors(void)
{
	CHECK_ERROR(truncate("absent", 0), ENOENT);
	CHECK_ERROR(truncate("data", 0), EISDIR);
	CHECK_ERROR(truncate("data/hello.txt", -1), EINVAL);
	int fd = open("/dev/null", O_RDWR);
	CHECK_ERROR(ftruncate(fd, 0), EINVAL);
	close(fd);
}

static void check_size_limit(void)
{
	struct rlimit limit = { 1000, RLIM_INFINITY };
	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int fd = open("t2", O_RDWR | O_CREAT, 0600);
	static char block[800];
	CHECK_EQ(write(fd, block, 800), 800);
	CHECK_EQ(write(fd, block, 800), 200);
	CHECK_ERROR(write(fd, block, 800), EFBIG);
	CHECK_ERROR(ftruncate(fd, 2000), EFBIG);
	close(fd);
	unlink("t2");
}

int main(void)
{
	check_new_file();
	check_image_file();
	check_errors();
	check_size_limit();
	return check_done("truncate");
}
