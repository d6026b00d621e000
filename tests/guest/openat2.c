/* SPDX-License-Identifier: BSD-3-Clause */
/* openat2: how a path may be walked, and what else is refused. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

struct how {
	uint64_t flags, mode, resolve, more;
};
enum { NO_XDEV = 1, NO_MAGICLINKS = 2, NO_SYMLINKS = 4, BENEATH = 8, IN_ROOT = 16 };

static int open_how(int dir, const char *path, struct how how, size_t bytes)
{
	return (int)syscall(SYS_openat2, dir, path, &how, bytes);
}

static int try(int dir, const char *path, uint64_t resolve)
{
	int fd = open_how(dir, path, (struct how){ .flags = O_RDONLY, .resolve = resolve }, 24);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

int main(void)
{
	int dir, fd;

	umask(0);
	REQUIRE(!mkdir("top", 0755) && !mkdir("top/sub", 0755));
	REQUIRE((fd = open("top/file", O_CREAT | O_WRONLY, 0644)) >= 0);
	CHECK(!symlink("file", "top/link") && !symlink("../top/file", "top/out") &&
	      !symlink("/file", "top/absolute") && !symlink("../file", "top/sub/up"));
	REQUIRE((dir = open("top", O_PATH | O_DIRECTORY)) >= 0);

	CHECK_EQ(try(dir, "link", 0), 0);
	CHECK_ERROR(try(dir, "link", NO_SYMLINKS), ELOOP);
	CHECK_EQ(try(dir, "file", NO_SYMLINKS), 0);
	CHECK_EQ(try(dir, "link", NO_MAGICLINKS), 0);
	CHECK_ERROR(try(dir, "/proc/self/exe", NO_MAGICLINKS), ELOOP);
	CHECK_ERROR(try(dir, "/proc/self/exe", NO_XDEV), EXDEV);
	CHECK_ERROR(try(dir, "/proc/self/cwd", BENEATH), EXDEV);

	CHECK_EQ(try(dir, "sub/../file", BENEATH), 0);
	CHECK_EQ(try(dir, "sub/up", BENEATH), 0);
	CHECK_ERROR(try(dir, "../top/file", BENEATH), EXDEV);
	CHECK_ERROR(try(dir, "out", BENEATH), EXDEV);
	CHECK_ERROR(try(dir, "absolute", BENEATH), EXDEV);
	CHECK_ERROR(try(dir, "/file", BENEATH), EXDEV);
	CHECK_ERROR(try(dir, "..", BENEATH), EXDEV);

	CHECK_EQ(try(dir, "/file", IN_ROOT), 0);
	CHECK_EQ(try(dir, "absolute", IN_ROOT), 0);
	CHECK_EQ(try(dir, "../../file", IN_ROOT), 0);
	CHECK_EQ(try(dir, "../sub/../../file", IN_ROOT), 0);
	CHECK_ERROR(try(dir, "out", IN_ROOT), ENOENT);

	CHECK_EQ(try(dir, "sub", NO_XDEV), 0);
	CHECK_ERROR(try(AT_FDCWD, "/proc/version", NO_XDEV), EXDEV);
	CHECK_ERROR(try(dir, "file", BENEATH | IN_ROOT), EINVAL);
	CHECK_ERROR(try(dir, "file", 64), EINVAL);
	CHECK_ERROR(try(-1, "file", BENEATH), EBADF);

	fd = open_how(dir, "made",
		      (struct how){ .flags = O_CREAT | O_RDWR | O_CLOEXEC,
				    .mode = 0640,
				    .resolve = BENEATH },
		      24);
	CHECK(fd >= 0);
	struct stat st;
	CHECK(!fstat(fd, &st) && (st.st_mode & 07777) == 0640);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERROR(open_how(dir, "file", (struct how){ .mode = 0644 }, 24), EINVAL);
	CHECK_ERROR(open_how(dir, "file", (struct how){ .flags = 1ull << 40 }, 24), EINVAL);
	CHECK_ERROR(open_how(dir, "file", (struct how){ 0 }, 16), EINVAL);
	CHECK(open_how(dir, "file", (struct how){ 0 }, 32) >= 0);
	CHECK_ERROR(open_how(dir, "file", (struct how){ .more = 1 }, 32), E2BIG);
	return check_done("openat2");
}
