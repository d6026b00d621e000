/* SPDX-License-Identifier: BSD-3-Clause */
/* link, symlink, readlink, unlink and their errors. */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static ino_t inode(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0 ? status.st_ino : 0;
}

static long count(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0 ? (long)status.st_nlink : -1;
}

static void check_hard_links(void)
{
	char buffer[16] = "";
	int fd = open("l1", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(write(fd, "one", 3), 3);
	CHECK_EQ(link("l1", "l2"), 0);
	CHECK(inode("l1") == inode("l2"));
	CHECK_EQ(count("l1"), 2);
	int other = open("l2", O_WRONLY | O_APPEND);
	CHECK_EQ(write(other, "two", 3), 3);
	close(other);
	CHECK_EQ(pread(fd, buffer, 16, 0), 6);
	CHECK_EQ(unlink("l1"), 0);
	CHECK_EQ(count("l2"), 1);
	CHECK_EQ(linkat(AT_FDCWD, "l2", AT_FDCWD, "l3", 0), 0);
	CHECK_ERROR(link("l2", "l3"), EEXIST);
	CHECK_ERROR(link("absent", "l4"), ENOENT);
	CHECK_ERROR(link("data", "l4"), EPERM);
	CHECK_ERROR(linkat(AT_FDCWD, "l2", AT_FDCWD, "l5", 0x80), EINVAL);
	close(fd);
	unlink("l2");
	unlink("l3");
}

static void check_symbolic_links(void)
{
	char target[PATH_MAX] = "";
	CHECK_EQ(symlink("some/where", "s1"), 0);
	CHECK_EQ(readlink("s1", target, sizeof(target)), 10);
	CHECK(memcmp(target, "some/where", 10) == 0);
	memset(target, '#', 10);
	CHECK_EQ(readlink("s1", target, 4), 4);
	CHECK(memcmp(target, "some###", 7) == 0);
	CHECK_ERROR(syscall(SYS_readlink, "s1", target, 0), EINVAL);
	CHECK_ERROR(readlink("data/hello.txt", target, 10), EINVAL);
	CHECK_ERROR(readlink("absent", target, 10), ENOENT);
	CHECK_ERROR(symlink("x", "s1"), EEXIST);
	CHECK_ERROR(symlink("", "s2"), ENOENT);
	CHECK_EQ(readlink("data/link", target, sizeof(target)), 9);
	CHECK(memcmp(target, "hello.txt", 9) == 0);
	CHECK_EQ(unlink("s1"), 0);
	CHECK_EQ(symlink("data/dir", "s3"), 0);
	CHECK_EQ(access("s3/sub/deep.txt", F_OK), 0);
	CHECK_ERROR(rmdir("s3"), ENOTDIR);
	CHECK_EQ(unlink("s3"), 0);
	CHECK_EQ(access("data/dir", F_OK), 0);
	memset(target, 'd', 4095);
	target[4095] = 0;
	CHECK_EQ(symlink(target, "s4"), 0);
	CHECK_EQ(readlink("s4", target, sizeof(target)), 4095);
	unlink("s4");
}

static void check_chain(void)
{
	char from[16], to[16];
	for (int i = 0; i < 41; i++) {
		snprintf(from, sizeof(from), "c%d", i + 1);
		snprintf(to, sizeof(to), "c%d", i);
		CHECK_EQ(symlink(to, from), 0);
	}
	close(open("c0", O_WRONLY | O_CREAT, 0600));
	CHECK_EQ(access("c40", F_OK), 0); /* forty links are followed, no more */
	CHECK_ERROR(access("c41", F_OK), ELOOP);
	for (int i = 0; i < 42; i++) {
		snprintf(from, sizeof(from), "c%d", i);
		unlink(from);
	}
}

static void check_unlinking(void)
{
	CHECK_ERROR(unlink("absent"), ENOENT);
	CHECK_ERROR(unlink("data"), EISDIR);
	CHECK_ERROR(unlink("data/hello.txt/"), ENOTDIR);
	CHECK_ERROR(rmdir("data/hello.txt"), ENOTDIR);
	CHECK_ERROR(rmdir("data"), ENOTEMPTY);
	CHECK_ERROR(rmdir("data/."), EINVAL);
	CHECK_ERROR(rmdir("data/.."), ENOTEMPTY);
	CHECK_ERROR(unlinkat(AT_FDCWD, "data", 0x1), EINVAL);
	CHECK_EQ(mkdir("u1", 0700), 0);
	CHECK_ERROR(mkdir("u1", 0700), EEXIST);
	CHECK_ERROR(mkdir("absent/u1", 0700), ENOENT);
	CHECK_ERROR(mkdir("data/hello.txt/u1", 0700), ENOTDIR);
	CHECK_EQ(unlinkat(AT_FDCWD, "u1", AT_REMOVEDIR), 0);
	CHECK_EQ(mkdir("u2/", 0700), 0);
	CHECK_EQ(rmdir("u2/"), 0);
}

/* Two names of one file in the image stay one file when it is written to; or, as overlayfs, part. Never is data lost. */
static void check_image_links(void)
{
	char buffer[16] = "";
	int fd = open("data/hard1", O_RDWR);
	REQUIRE(fd >= 0);
	CHECK_EQ(pwrite(fd, "HARD", 4, 0), 4);
	CHECK_EQ(pread(fd, buffer, 16, 0), 5);
	CHECK(strcmp(buffer, "HARD\n") == 0);
	close(fd);
	CHECK_EQ(unlink("data/hard1"), 0);
	fd = open("data/hard2", O_RDONLY);
	REQUIRE(fd >= 0);
	CHECK_EQ(read(fd, buffer, 16), 5);
	CHECK(strcmp(buffer, "HARD\n") == 0 || strcmp(buffer, "hard\n") == 0);
	close(fd);
	CHECK_EQ(link("data/readonly.txt", "data/linked"), 0);
	CHECK(inode("data/readonly.txt") == inode("data/linked"));
	CHECK_EQ(unlink("data/readonly.txt"), 0);
	fd = open("data/linked", O_RDONLY);
	CHECK_EQ(read(fd, buffer, 16), 10);
	close(fd);
}

int main(void)
{
	check_hard_links();
	check_symbolic_links();
	check_chain();
	check_unlinking();
	check_image_links();
	return check_done("links");
}
