/* SPDX-License-Identifier: BSD-3-Clause */
/* What open's flags do, and the errors they bring. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool holds(const char *path, const char *text)
{
	char buffer[128] = "";
	int fd = open(path, O_RDONLY);
	ssize_t got = read(fd, buffer, sizeof(buffer) - 1);
	close(fd);
	return got == (ssize_t)strlen(text) && strcmp(buffer, text) == 0;
}

static void check_append(void)
{
	put("append.tmp", "one");
	int fd = open("append.tmp", O_WRONLY | O_APPEND);
	CHECK_EQ(write(fd, "two", 3), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(write(fd, "three", 5), 5);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
	CHECK_EQ(pwrite(fd, "four", 4, 0), 4); /* Linux appends here too */
	CHECK(holds("append.tmp", "onetwothreefour"));
	CHECK_EQ(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
	CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
	CHECK_EQ(pwrite(fd, "O", 1, 0), 1);
	CHECK(holds("append.tmp", "Onetwothreefour"));
	close(fd);
	unlink("append.tmp");
}

static void check_creation(void)
{
	put("create.tmp", "text");
	CHECK_ERROR(open("create.tmp", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERROR(open("data/hello.txt", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERROR(open("data/dangling", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERROR(open("absent.tmp", O_WRONLY), ENOENT);
	CHECK_ERROR(open("absent/x", O_WRONLY | O_CREAT, 0644), ENOENT);
	CHECK_ERROR(open("create.tmp/x", O_WRONLY | O_CREAT, 0644), ENOTDIR);
	int fd = open("create.tmp", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0);
	close(fd);
	CHECK(holds("create.tmp", "text"));
	fd = open("create.tmp", O_RDWR | O_TRUNC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	CHECK(holds("create.tmp", ""));
	unlink("create.tmp");
	fd = open("data/dangling", O_WRONLY | O_CREAT, 0644); /* creates what the link names */
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(access("data/nowhere", F_OK), 0);
	CHECK_EQ(unlink("data/nowhere"), 0);
}

static void check_directories(void)
{
	CHECK_ERROR(open("data/hello.txt", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERROR(open("data", O_WRONLY), EISDIR);
	CHECK_ERROR(open("data", O_RDWR), EISDIR);
	CHECK_ERROR(open("data", O_RDONLY | O_CREAT, 0644), EISDIR);
	CHECK_ERROR(open("data/hello.txt/", O_RDONLY), ENOTDIR);
	CHECK_ERROR(open("new.tmp/", O_WRONLY | O_CREAT, 0644), EISDIR);
	int fd = open("data/", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	char byte;
	CHECK_ERROR(read(fd, &byte, 1), EISDIR);
	int inside = openat(fd, "hello.txt", O_RDONLY);
	CHECK(inside >= 0);
	CHECK_ERROR(openat(inside, "x", O_RDONLY), ENOTDIR);
	CHECK_ERROR(openat(999, "x", O_RDONLY), EBADF);
	int absolute = openat(999, "/", O_RDONLY); /* the descriptor is not looked at */
	CHECK(absolute >= 0);
	close(absolute);
	close(inside);
	close(fd);
}

static void check_links(void)
{
	CHECK_ERROR(open("data/link", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERROR(open("data/loop1", O_RDONLY), ELOOP);
	CHECK_ERROR(open("data/dangling", O_RDONLY), ENOENT);
	CHECK_ERROR(open("data/dirlink", O_RDONLY | O_DIRECTORY | O_NOFOLLOW), ENOTDIR);
	int fd = open("data/link", O_PATH | O_NOFOLLOW);
	CHECK(fd >= 0);
	struct stat status;
	CHECK_EQ(fstat(fd, &status), 0);
	CHECK(S_ISLNK(status.st_mode));
	char byte;
	CHECK_ERROR(read(fd, &byte, 1), EBADF);
	close(fd);
	CHECK(holds("data/link", "Hello from the image\n"));
	CHECK(holds("data/crooked", "bb\n"));
	CHECK(holds("data/dirlink/sub/deep.txt", "deep\n"));
}

static void check_descriptor_flags(void)
{
	int fd = open("data/hello.txt", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
	fd = open("data/hello.txt", O_RDONLY | O_NONBLOCK);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	close(fd);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	if (fd >= 0) { /* not every file system of the host has it */
		CHECK_EQ(write(fd, "x", 1), 1);
		close(fd);
	}
	CHECK_ERROR(open("", O_RDONLY), ENOENT);
}

int main(void)
{
	check_append();
	check_creation();
	check_directories();
	check_links();
	check_descriptor_flags();
	return check_done("openflags");
}
