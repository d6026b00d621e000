/* SPDX-License-Identifier: BSD-3-Clause */
/* Extended attributes: set, told, listed, taken away, and refused. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

static char buffer[70000];

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Prints the names in order: file systems differ in that. */
static void print_names(ssize_t bytes)
{
	char *names[16];
	size_t count = 0;

	for (char *at = buffer; at < buffer + bytes && count < 16; at += strlen(at) + 1)
		names[count++] = at;
	qsort(names, count, sizeof *names, compare_names);
	for (size_t i = 0; i < count; i++)
		printf("%s ", names[i]);
	printf("\n");
}

static void values(void)
{
	CHECK_EQ(listxattr("file", buffer, 0), 0);
	CHECK_EQ(setxattr("file", "user.a", "1234", 4, 0), 0);
	CHECK_EQ(getxattr("file", "user.a", buffer, 0), 4);
	CHECK_ERROR(getxattr("file", "user.a", buffer, 3), ERANGE);
	CHECK_EQ(getxattr("file", "user.a", buffer, 9), 4);
	CHECK(!memcmp(buffer, "1234", 4));
	CHECK_EQ(setxattr("file", "user.a", "longer than before", 18, XATTR_REPLACE), 0);
	CHECK_EQ(getxattr("file", "user.a", buffer, 100), 18);
	CHECK(!memcmp(buffer, "longer than before", 18));
	CHECK_EQ(setxattr("file", "user.empty", "", 0, XATTR_CREATE), 0);
	CHECK_EQ(getxattr("file", "user.empty", buffer, 9), 0);
	CHECK_ERROR(setxattr("file", "user.a", "x", 1, XATTR_CREATE), EEXIST);
	CHECK_ERROR(setxattr("file", "user.b", "x", 1, XATTR_REPLACE), ENODATA);
	CHECK_ERROR(getxattr("file", "user.b", buffer, 9), ENODATA);
	CHECK_EQ(setxattr("file", "trusted.t", "x", 1, 0), 0);
	CHECK_EQ(setxattr("file", "security.s", "x", 1, 0), 0);
	CHECK_EQ(listxattr("file", buffer, 0), 39);
	CHECK_ERROR(listxattr("file", buffer, 20), ERANGE);
	CHECK_EQ(listxattr("file", buffer, 100), 39);
	print_names(39);
	CHECK_EQ(removexattr("file", "user.a"), 0);
	CHECK_ERROR(removexattr("file", "user.a"), ENODATA);
	CHECK_ERROR(getxattr("file", "user.a", buffer, 9), ENODATA);
	print_names(listxattr("file", buffer, 100));
}

static void files(void)
{
	int fd = open("file", O_RDONLY), path_only = open("file", O_PATH), ends[2];

	CHECK_EQ(fsetxattr(fd, "user.fd", "y", 1, 0), 0);
	CHECK_EQ(getxattr("link", "user.fd", buffer, 9), 1);
	CHECK_ERROR(lgetxattr("link", "user.fd", buffer, 9), ENODATA);
	CHECK_ERROR(lsetxattr("link", "user.a", "x", 1, 0), EPERM);
	CHECK_EQ(llistxattr("link", buffer, 100), 0);
	CHECK_ERROR(fgetxattr(path_only, "user.fd", buffer, 9), EBADF);
	CHECK_EQ(fremovexattr(fd, "user.fd"), 0);
	CHECK_ERROR(fgetxattr(fd, "user.fd", buffer, 9), ENODATA);
	CHECK_EQ(setxattr(".", "user.of.directory", "x", 1, 0), 0);
	CHECK_EQ(getxattr(".", "user.of.directory", buffer, 9), 1);
	CHECK_ERROR(setxattr("fifo", "user.a", "x", 1, 0), EPERM);
	CHECK_ERROR(getxattr("fifo", "user.a", buffer, 9), ENODATA);
	close(fd);
	close(path_only);
	REQUIRE(!pipe(ends));
	CHECK_ERROR(fsetxattr(ends[0], "user.a", "x", 1, 0), EPERM);
	CHECK_ERROR(fgetxattr(ends[0], "user.a", buffer, 1), ENODATA);
	CHECK_EQ(flistxattr(ends[0], buffer, 1), 0);
	CHECK_ERROR(fsetxattr(-1, "user.a", "x", 1, 0), EBADF);
}

static void refused(void)
{
	CHECK_ERROR(setxattr("file", "user.", "x", 1, 0), EINVAL);
	CHECK_ERROR(getxattr("file", "user.", buffer, 9), EINVAL);
	CHECK_ERROR(setxattr("file", "foo", "x", 1, 0), EOPNOTSUPP);
	CHECK_ERROR(getxattr("file", "foo.bar", buffer, 9), EOPNOTSUPP);
	CHECK_ERROR(setxattr("file", "", "x", 1, 0), ERANGE);
	CHECK_ERROR(setxattr("file", "user.x", "x", 1, 4), EINVAL);
	CHECK_ERROR(setxattr("file", "user.x", buffer, 65537, 0), E2BIG);
	CHECK_ERROR(setxattr("file", "user.x", check_bad_pointer(), 1, 0), EFAULT);
	CHECK_ERROR(setxattr("file", check_bad_pointer(), "x", 1, 0), EFAULT);
	CHECK_ERROR(setxattr("absent", "user.x", "x", 1, 0), ENOENT);
	CHECK_EQ(setxattr("file", "user.x", "x", 1, 0), 0);
	CHECK_ERROR(getxattr("file", "user.x", check_bad_pointer(), 9), EFAULT);
	CHECK_ERROR(getxattr("file", "system.posix_acl_access", buffer, 9), ENODATA);
	CHECK_ERROR(getxattr("/proc/self/stat", "user.x", buffer, 1), EOPNOTSUPP);
	CHECK_ERROR(setxattr("/proc/self/stat", "user.x", "x", 1, 0), EOPNOTSUPP);
	memset(buffer, 'n', 300);
	memcpy(buffer, "user.", 5);
	buffer[255] = 0;
	CHECK_EQ(setxattr("file", buffer, "x", 1, 0), 0);
	buffer[255] = 'n';
	buffer[256] = 0;
	CHECK_ERROR(setxattr("file", buffer, "x", 1, 0), ERANGE);
}

/* What is in the image can be given some, and keeps them though nobody has it open. */
static void of_the_image(const char *path)
{
	struct stat before, after;

	REQUIRE(!stat(path, &before));
	CHECK_EQ(setxattr(path, "user.image", "abc", 3, 0), 0);
	for (int i = 0; i < 100; i++)
		close(open("file", O_RDONLY));
	CHECK_EQ(getxattr(path, "user.image", buffer, 9), 3);
	REQUIRE(!stat(path, &after));
	CHECK_EQ(after.st_mtime, before.st_mtime);
	CHECK_EQ(after.st_ino, before.st_ino);
	CHECK_EQ(removexattr(path, "user.image"), 0);
}

int main(void)
{
	REQUIRE(!mkdir("xattr", 0755));
	of_the_image("data/hello.txt");
	REQUIRE(!chdir("xattr"));
	close(creat("file", 0644));
	REQUIRE(!symlink("file", "link"));
	REQUIRE(!mkfifo("fifo", 0600));
	values();
	files();
	refused();
	return check_done("xattr");
}
