/* SPDX-License-Identifier: BSD-3-Clause */
/* readv, writev, preadv, pwritev, with empty pieces, too many pieces and bad ones. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static int fd;

static void check_transfer(void)
{
	char a[4] = "", b[8] = "", c[16] = "";
	struct iovec out[] = { { "abc", 3 }, { NULL, 0 }, { "defgh", 5 }, { "ij", 2 } };
	CHECK_EQ(writev(fd, out, 4), 10);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	struct iovec in[] = { { a, 2 }, { b, 5 }, { c, 15 } };
	CHECK_EQ(readv(fd, in, 3), 10);
	CHECK(strncmp(a, "ab", 3) == 0);
	CHECK(strcmp(b, "cdefg") == 0);
	CHECK(strcmp(c, "hij") == 0);
	CHECK_EQ(readv(fd, in, 3), 0);
	CHECK_EQ(preadv(fd, in, 2, 3), 7);
	CHECK(memcmp(a, "de", 2) == 0 && memcmp(b, "fghij", 5) == 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQ(pwritev(fd, out, 1, 4), 3);
	CHECK_EQ(preadv(fd, in, 3, 0), 10);
	CHECK(memcmp(a, "ab", 2) == 0 && memcmp(b, "cdabc", 5) == 0 && memcmp(c, "hij", 3) == 0);
	CHECK_EQ(writev(fd, out, 0), 0);
	CHECK_EQ(readv(fd, in, 0), 0);
}

static void check_errors(void)
{
	static char byte;
	static struct iovec many[IOV_MAX + 1];
	for (int i = 0; i <= IOV_MAX; i++)
		many[i] = (struct iovec){ &byte, 1 };
	CHECK_EQ(pwritev(fd, many, IOV_MAX, 0), IOV_MAX);
	CHECK_ERROR(writev(fd, many, IOV_MAX + 1), EINVAL);
	CHECK_ERROR(syscall(SYS_writev, fd, many, -1), EINVAL);
	CHECK_ERROR(writev(999, many, 1), EBADF);
	struct iovec huge[] = { { &byte, 1 }, { &byte, (size_t)-1 } };
	CHECK_ERROR(writev(fd, huge, 2), EINVAL);
	CHECK_ERROR(preadv(fd, many, 1, -1), EINVAL);
	CHECK_ERROR(syscall(SYS_writev, fd, 16, 1), EFAULT);
	struct iovec bad[] = { { "good", 4 }, { (void *)(uintptr_t)16, 4 } };
	ssize_t got = pwritev(fd, bad, 2, 0);
	CHECK(got == 4 || (got == -1 && errno == EFAULT));
	bad[0] = bad[1];
	CHECK_ERROR(pwritev(fd, bad, 1, 0), EFAULT);
	CHECK_ERROR(preadv(fd, bad, 1, 0), EFAULT);
}

/* A buffer that ends at an unmapped page: what fits is transferred. */
static void check_short_transfer(void)
{
	char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(map + 4096, 4096);
	memset(map, 'm', 4096);
	CHECK_EQ(pwrite(fd, map, 4096, 0), 4096);
	ssize_t got = pread(fd, map + 4096 - 10, 20, 0);
	CHECK(got == 10 || (got == -1 && errno == EFAULT));
	CHECK_EQ(pread(fd, map + 4096 - 10, 10, 0), 10);
	CHECK_ERROR(pread(fd, map + 4096, 10, 0), EFAULT);
}

int main(void)
{
	fd = open("vectorio.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0);
	check_transfer();
	check_errors();
	check_short_transfer();
	unlink("vectorio.tmp");
	return check_done("vectorio");
}
