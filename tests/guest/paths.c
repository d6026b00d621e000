/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths: dots, slashes, lengths, chdir, getcwd, access. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void check_forms(void)
{
	CHECK_EQ(access("./data//dir/.././//hello.txt", F_OK), 0);
	CHECK_EQ(access("/../../..", F_OK), 0);
	CHECK_EQ(access("/proc/../dev/./null", F_OK), 0);
	CHECK_ERROR(access("data/absent/../hello.txt", F_OK), ENOENT);
	CHECK_ERROR(access("data/hello.txt/..", F_OK), ENOTDIR);
	CHECK_ERROR(access("", F_OK), ENOENT);
	CHECK_ERROR(access("data/HELLO.TXT", F_OK), ENOENT);
	CHECK_ERROR(access("data/hello.tx", F_OK), ENOENT);
	CHECK_ERROR(access("data/hello.txt2", F_OK), ENOENT);
}

static void check_lengths(void)
{
	static char path[PATH_MAX + 10];
	memset(path, 'n', 255);
	memcpy(path, "data/", 5);
	memset(path + 5, 'n', 254);
	CHECK_EQ(access(path, F_OK), 0); /* this name is in the image */
	path[259] = 'n';
	CHECK_ERROR(access(path, F_OK), ENOENT);
	path[260] = 'n';
	CHECK_ERROR(access(path, F_OK), ENAMETOOLONG);
	memset(path, 'n', 256);
	path[256] = 0;
	CHECK_ERROR(mkdir(path, 0700), ENAMETOOLONG);
	path[255] = 0;
	CHECK_EQ(mkdir(path, 0700), 0);
	CHECK_EQ(rmdir(path), 0);
	for (size_t i = 0; i < PATH_MAX; i += 2)
		memcpy(path + i, "./", 2);
	path[PATH_MAX - 1] = 0;
	CHECK_EQ(access(path, F_OK), 0); /* 4095 bytes and the NUL */
	path[PATH_MAX - 1] = '/';
	path[PATH_MAX] = 0;
	CHECK_ERROR(access(path, F_OK), ENAMETOOLONG);
	CHECK_EQ(syscall(SYS_open, "data/\xff\xfe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0,
		 1); /* names are bytes */
	CHECK_EQ(unlink("data/\xff\xfe"), 0);
}

static void check_working_directory(void)
{
	char start[PATH_MAX], here[PATH_MAX], want[2 * PATH_MAX], small[2];
	REQUIRE(getcwd(start, sizeof(start)) != NULL);
	CHECK_EQ(start[0], '/');
	CHECK_EQ(chdir("data/dirlink/sub"), 0);
	CHECK_EQ(access("deep.txt", F_OK), 0);
	CHECK(getcwd(here, sizeof(here)) != NULL);
	snprintf(want, sizeof(want), "%s/data/dir/sub", strcmp(start, "/") == 0 ? "" : start);
	CHECK(strcmp(here, want) == 0);
	CHECK_EQ(syscall(SYS_getcwd, here, sizeof(here)), (long)strlen(want) + 1);
	CHECK(getcwd(small, sizeof(small)) == NULL && errno == ERANGE);
	CHECK_ERROR(chdir("deep.txt"), ENOTDIR);
	CHECK_ERROR(chdir("absent"), ENOENT);
	CHECK_ERROR(fchdir(999), EBADF);
	int fd = open(start, O_RDONLY | O_DIRECTORY);
	CHECK_EQ(fchdir(fd), 0);
	close(fd);
	CHECK(getcwd(here, sizeof(here)) != NULL && strcmp(here, start) == 0);
	fd = open("data/hello.txt", O_RDONLY);
	CHECK_ERROR(fchdir(fd), ENOTDIR);
	close(fd);
	CHECK_EQ(mkdir("gone", 0700), 0);
	CHECK_EQ(chdir("gone"), 0);
	CHECK_EQ(rmdir("../gone"), 0);
	CHECK(getcwd(here, sizeof(here)) == NULL && errno == ENOENT);
	CHECK_ERROR(open("x", O_WRONLY | O_CREAT, 0600), ENOENT);
	CHECK_EQ(chdir(start), 0);
	CHECK_EQ(chdir("/"), 0);
	CHECK(getcwd(here, sizeof(here)) != NULL && strcmp(here, "/") == 0);
	CHECK_EQ(chdir(start), 0);
}

static void check_access(void)
{
	CHECK_EQ(access("data/hello.txt", R_OK | W_OK), 0);
	CHECK_EQ(access("data/exec.sh", X_OK), 0);
	CHECK_ERROR(access("data/hello.txt", X_OK), EACCES); /* even for root */
	CHECK_EQ(access("data", X_OK), 0);
	CHECK_ERROR(access("data/hello.txt", 8), EINVAL);
	CHECK_EQ(faccessat(AT_FDCWD, "data/hello.txt", R_OK, 0), 0);
	CHECK_EQ(faccessat(AT_FDCWD, "data/hello.txt", R_OK, AT_EACCESS), 0);
	int fd = open("data", O_RDONLY | O_DIRECTORY);
	CHECK_EQ(faccessat(fd, "hello.txt", F_OK, 0), 0);
	CHECK_ERROR(faccessat(fd, "absent", F_OK, 0), ENOENT);
	close(fd);
}

/* A deep tree is walked, and taken down again. */
static void check_depth(void)
{
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(mkdir("deeper", 0700), 0);
		CHECK_EQ(chdir("deeper"), 0);
	}
	char *here = getcwd(NULL, 0);
	CHECK(here != NULL && strlen(here) >= 1400);
	free(here);
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(chdir(".."), 0);
		CHECK_EQ(rmdir("deeper"), 0);
	}
}

int main(void)
{
	check_forms();
	check_lengths();
	check_working_directory();
	check_access();
	check_depth();
	return check_done("paths");
}
