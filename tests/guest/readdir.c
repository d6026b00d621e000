/* SPDX-License-Identifier: BSD-3-Clause */
/* getdents64 and readdir: every name once, with its type, over image directories, new ones, and ones where both meet. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Prints the names of a directory in order, each with its type. */
static void list(const char *path)
{
	char *names[64];
	size_t count = 0;
	DIR *directory = opendir(path);
	REQUIRE(directory != NULL);
	for (struct dirent *entry; count < 64 && (entry = readdir(directory)) != NULL;) {
		struct stat status;
		CHECK_EQ(fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW), 0);
		if (entry->d_type != DT_UNKNOWN)
			CHECK_EQ(entry->d_type, IFTODT(status.st_mode));
		if (strcmp(entry->d_name, "..") != 0)
			CHECK_EQ(entry->d_ino, status.st_ino);
		names[count] = NULL;
		if (asprintf(&names[count], "%.40s %o", entry->d_name, status.st_mode & S_IFMT) > 0)
			count++;
	}
	closedir(directory);
	qsort(names, count, sizeof(*names), by_name);
	printf("%s:\n", path);
	for (size_t i = 0; i < count; i++) {
		printf("  %s\n", names[i]);
		free(names[i]);
	}
}

static unsigned count_many(DIR *directory, unsigned char seen[500])
{
	unsigned count = 0;
	int number;
	memset(seen, 0, 500);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		if (sscanf(entry->d_name, "file%d", &number) == 1 && number >= 100 &&
		    number < 600) {
			seen[number - 100]++;
			count++;
		}
	return count;
}

static void check_many(void)
{
	static unsigned char seen[500];
	DIR *directory = opendir("data/many");
	REQUIRE(directory != NULL);
	CHECK_EQ(count_many(directory, seen), 500);
	for (int i = 0; i < 500; i++)
		CHECK_EQ(seen[i], 1);
	rewinddir(directory);
	CHECK_EQ(count_many(directory, seen), 500);
	rewinddir(directory);
	for (int i = 0; i < 100; i++)
		readdir(directory);
	long here = telldir(directory);
	struct dirent *entry = readdir(directory);
	REQUIRE(entry != NULL);
	char name[256];
	strcpy(name, entry->d_name);
	for (int i = 0; i < 50; i++)
		readdir(directory);
	seekdir(directory, here);
	entry = readdir(directory);
	CHECK(entry != NULL && strcmp(entry->d_name, name) == 0);
	closedir(directory);
}

static void check_small_buffers(void)
{
	char buffer[1024];
	int fd = open("data/many", O_RDONLY | O_DIRECTORY);
	unsigned records = 0, wrong = 0;
	for (long got; (got = syscall(SYS_getdents64, fd, buffer, 100)) > 0;)
		for (long at = 0; at < got;) {
			uint16_t length;
			memcpy(&length, buffer + at + 16, 2);
			wrong += length % 8 != 0 || length < 24 || at + length > got;
			records++;
			at += length ? length : got;
		}
	CHECK_EQ(records, 502);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_ERROR(syscall(SYS_getdents64, fd, buffer, 10), EINVAL);
	CHECK_ERROR(syscall(SYS_getdents64, fd, 16, 1024), EFAULT);
	close(fd);
	fd = open("data/hello.txt", O_RDONLY);
	CHECK_ERROR(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)), ENOTDIR);
	close(fd);
	CHECK_ERROR(syscall(SYS_getdents64, 999, buffer, sizeof(buffer)), EBADF);
}

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0);
	close(fd);
}

static void check_merged(void)
{
	touch("data/dir/new");
	CHECK_EQ(mkdir("data/dir/made", 0755), 0);
	CHECK_EQ(symlink("a", "data/dir/pointer"), 0);
	list("data/dir");
	CHECK_EQ(unlink("data/dir/a"), 0);
	CHECK_EQ(unlink("data/dir/new"), 0);
	CHECK_EQ(rename("data/dir/b", "data/dir/renamed"), 0);
	CHECK_EQ(rmdir("data/dir/made"), 0);
	list("data/dir");
	CHECK_ERROR(open("data/dir/a", O_RDONLY), ENOENT);
	CHECK_ERROR(open("data/dir/b", O_RDONLY), ENOENT);
	touch("data/dir/a"); /* a new file where one of the image was */
	struct stat status;
	CHECK_EQ(stat("data/dir/a", &status), 0);
	CHECK_EQ(status.st_size, 0);
	CHECK_EQ(stat("data/dir/renamed", &status), 0);
	CHECK_EQ(status.st_size, 3);
	list("data/dir");
	for (int i = 100; i < 600; i += 2) {
		char path[64];
		snprintf(path, sizeof(path), "data/many/file%d", i);
		CHECK_EQ(unlink(path), 0);
	}
	static unsigned char seen[500];
	DIR *directory = opendir("data/many");
	CHECK_EQ(count_many(directory, seen), 250);
	closedir(directory);
}

int main(void)
{
	list("data/dir");
	check_many();
	check_small_buffers();
	check_merged();
	CHECK_EQ(mkdir("readdir.tmp", 0755), 0);
	touch("readdir.tmp/one");
	touch("readdir.tmp/two");
	list("readdir.tmp");
	CHECK_ERROR(rmdir("readdir.tmp"), ENOTEMPTY);
	CHECK_EQ(unlink("readdir.tmp/one"), 0);
	CHECK_EQ(unlink("readdir.tmp/two"), 0);
	list("readdir.tmp");
	CHECK_EQ(rmdir("readdir.tmp"), 0);
	return check_done("readdir");
}
