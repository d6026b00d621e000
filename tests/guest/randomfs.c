/* SPDX-License-Identifier: BSD-3-Clause */
/* randomfs SEED STEPS: random calls on files, new ones and the image's; prints the result of each. */
#include "check.h"
#include "random.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { SLOTS = 6, PATH_BYTES = 128 };

static int slots[SLOTS];
static char buffer[16384];
static unsigned step;

static unsigned hash_of(const void *data, size_t bytes)
{
	const unsigned char *at = data;
	unsigned hash = 2166136261;
	while (bytes--)
		hash = (hash ^ *at++) * 16777619;
	return hash;
}

static void say(const char *what, const char *path, long result)
{
	int error = errno;
	if (result == -1)
		printf("%u %s %s: errno %d\n", step, what, path, error);
	else
		printf("%u %s %s: %ld\n", step, what, path, result);
}

/* A path that does not leave the directory. */
static const char *random_path(char path[PATH_BYTES], bool dots)
{
	static const char *const names[] = { "a",         "b",     "c",       "d",       "e",
					     "dir",       "sub",   "link",    "dirlink", "hard1",
					     "hello.txt", "empty", "crooked", "deep.txt" };
	unsigned depth = 0, parts = random_below(3) ? 1 : 2 + random_below(2);
	path[0] = 0;
	for (unsigned i = 0; i < parts; i++) {
		const char *name = names[random_below(sizeof(names) / sizeof(*names))];
		unsigned kind = random_below(12);
		if (dots && kind == 0 && depth > 0) {
			name = "..";
			depth--;
		} else if (dots && kind == 1) {
			name = ".";
		} else {
			depth++;
		}
		strcat(path, i ? "/" : "");
		strcat(path, name);
	}
	if (dots && random_below(20) == 0)
		strcat(path, "/");
	return path;
}

static int *random_slot(void)
{
	return &slots[random_below(SLOTS)];
}

static void do_open(void)
{
	static const int flags[] = { O_RDONLY,
				     O_RDWR,
				     O_WRONLY,
				     O_RDWR | O_CREAT,
				     O_WRONLY | O_CREAT | O_TRUNC,
				     O_RDWR | O_TRUNC,
				     O_RDWR | O_CREAT | O_EXCL,
				     O_WRONLY | O_APPEND | O_CREAT,
				     O_RDONLY | O_DIRECTORY,
				     O_RDONLY | O_NOFOLLOW,
				     O_RDWR | O_CREAT | O_APPEND };
	char path[PATH_BYTES];
	int *slot = random_slot();
	if (*slot >= 0)
		close(*slot);
	unsigned which = random_below(sizeof(flags) / sizeof(*flags));
	*slot = open(random_path(path, true), flags[which], 0644);
	printf("(%u) ", which);
	say("open", path, *slot);
}

static void do_transfer(void)
{
	unsigned kind = random_below(5), bytes = random_below(random_below(8) ? 300 : 9000);
	off_t at = random_below(random_below(8) ? 1000 : 100000);
	int fd = *random_slot();
	static const char *const names[] = { "read", "pread", "write", "pwrite", "write" };
	memset(buffer, 'A' + (int)(step % 26), bytes);
	long got = kind == 0   ? read(fd, buffer, bytes)
		   : kind == 1 ? pread(fd, buffer, bytes, at)
		   : kind == 3 ? pwrite(fd, buffer, bytes, at)
			       : write(fd, buffer, bytes);
	say(names[kind], "", got);
	if (kind < 2 && got > 0)
		printf("   %08x\n", hash_of(buffer, (size_t)got));
	off_t end = lseek(fd, 0, SEEK_CUR);
	struct stat status;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		say("at", "", end);
}

static void do_seek_or_truncate(void)
{
	char path[PATH_BYTES];
	int fd = *random_slot();
	struct stat status;
	off_t at = random_below(20000);
	switch (random_below(3)) {
	case 0: /* positions in directories are the file system's own */
		if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
			say("seek", "", lseek(fd, at - 5000, (int)random_below(3)));
		break;
	case 1:
		say("ftruncate", "", ftruncate(fd, at));
		break;
	default:
		say("truncate", random_path(path, true), truncate(path, at));
	}
}

static void do_stat(void)
{
	char path[PATH_BYTES];
	struct stat status;
	unsigned follow = random_below(2);
	int result = follow ? stat(random_path(path, true), &status)
			    : lstat(random_path(path, true), &status);
	say(follow ? "stat" : "lstat", path, result);
	if (result != 0)
		return;
	printf("   %o", status.st_mode);
	if (!S_ISDIR(status.st_mode))
		printf(" %ld bytes, %ld links", (long)status.st_size, (long)status.st_nlink);
	printf("\n");
}

static void do_names(void)
{
	char from[PATH_BYTES], to[PATH_BYTES], both[2 * PATH_BYTES + 4];
	random_path(from, true);
	random_path(to, true);
	snprintf(both, sizeof(both), "%s > %s", from, to);
	switch (random_below(7)) {
	case 0:
	case 1:
		say("rename", both, rename(from, to));
		break;
	case 2:
		say("link", both, link(from, to));
		break;
	case 3:
		say("renameat2", both, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1));
		break;
	case 4:
		random_path(from, false);
		snprintf(both, sizeof(both), "%s > %s", from, to);
		say("symlink", both, symlink(from, to));
		break;
	case 5:
		say("linkat", both, linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW));
		break;
	default:
		say("exchange", both, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
	}
}

static void do_name(void)
{
	char path[PATH_BYTES], target[PATH_BYTES] = "";
	random_path(path, true);
	switch (random_below(6)) {
	case 0:
		say("unlink", path, unlink(path));
		break;
	case 1:
	case 2:
		say("mkdir", path, mkdir(path, 0755));
		break;
	case 3:
		say("rmdir", path, rmdir(path));
		break;
	case 4:
		say("readlink", path, readlink(path, target, sizeof(target) - 1));
		if (target[0])
			printf("   %s\n", target);
		break;
	default:
		say("access", path, access(path, (int)random_below(8)));
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void do_list(void)
{
	char path[PATH_BYTES], *names[64];
	size_t count = 0;
	DIR *directory = opendir(random_path(path, true));
	say("list", path, directory ? 0 : -1);
	if (!directory)
		return;
	for (struct dirent *entry; count < 64 && (entry = readdir(directory)) != NULL;)
		names[count++] = strdup(entry->d_name);
	closedir(directory);
	qsort(names, count, sizeof(*names), by_name);
	printf("  ");
	for (size_t i = 0; i < count; i++) {
		printf(" %s", names[i]);
		free(names[i]);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	static void (*const actions[])(void) = { do_open,     do_open,     do_transfer,
						 do_transfer, do_transfer, do_seek_or_truncate,
						 do_stat,     do_names,    do_name,
						 do_name,     do_list };
	unsigned steps = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
	random_seed(argc > 1 ? (uint64_t)atoi(argv[1]) : 1);
	REQUIRE(chdir("data") == 0);
	syscall(SYS_close_range, 3, ~0u, 0);
	umask(022);
	for (int i = 0; i < SLOTS; i++)
		slots[i] = -1;
	for (step = 0; step < steps; step++)
		actions[random_below(sizeof(actions) / sizeof(*actions))]();
	return check_done("randomfs");
}
