/* SPDX-License-Identifier: BSD-3-Clause */
/* randomfs SEED STEPS: random calls on files, new ones and the image's; prints the result of each. */
#include "check.h"
#include "random.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/sendfile.h>
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

/* What a file holds, its size first. */
static void show_content(int fd)
{
	struct stat status;
	ssize_t n;
	unsigned hash = 0;
	off_t at = 0;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return;
	while ((n = pread(fd, buffer, sizeof(buffer), at)) > 0) {
		hash = hash * 31 + hash_of(buffer, (size_t)n);
		at += n;
	}
	printf("   %ld bytes, %08x\n", (long)status.st_size, hash);
}

/* Data from one file to another, without this program's memory. */
static void do_copy(void)
{
	int from = *random_slot(), to = *random_slot(), pipes[2];
	loff_t in = random_below(3000), out = random_below(3000);
	size_t bytes = random_below(random_below(4) ? 500 : 20000);
	struct stat a, b;

	if (fstat(from, &a) || fstat(to, &b) || a.st_ino == b.st_ino || !S_ISREG(b.st_mode))
		return;
	switch (random_below(3)) {
	case 0:
		say("copy_file_range", "", copy_file_range(from, &in, to, &out, bytes, 0));
		break;
	case 1:
		say("sendfile", "", sendfile(to, from, &in, bytes));
		break;
	default:
		if (pipe(pipes))
			return;
		say("splice in", "", splice(from, &in, pipes[1], NULL, bytes, SPLICE_F_NONBLOCK));
		say("splice out", "", splice(pipes[0], NULL, to, &out, bytes, SPLICE_F_NONBLOCK));
		close(pipes[0]);
		close(pipes[1]);
	}
	printf("   %ld %ld\n", (long)in, (long)out);
	show_content(to);
}

static void do_allocate(void)
{
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_PUNCH_HOLE };
	int fd = *random_slot(), mode = modes[random_below(4)];
	off_t at = random_below(30000), bytes = random_below(20000);
	struct stat status;

	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		return;
	printf("(%d) ", mode);
	say("fallocate", "", fallocate(fd, mode, at, bytes));
	show_content(fd);
}

/* A file without a name, which gets one. */
static void do_unnamed(void)
{
	char path[PATH_BYTES], link[64];
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);

	random_path(path, true);
	if (fd < 0)
		return; /* the host's file system has none */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	CHECK_EQ(write(fd, path, strlen(path)), strlen(path));
	say("name a file", path, linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW));
	close(fd);
}

static void do_times(void)
{
	struct timespec times[2] = {
		{ random_below(100000), random_below(2) ? UTIME_OMIT : (long)random_below(999) },
		{ random_below(100000), random_below(3) ? (long)random_below(999) : UTIME_OMIT },
	};
	char path[PATH_BYTES];
	struct stat status;
	int flags = random_below(2) ? AT_SYMLINK_NOFOLLOW : 0;

	random_path(path, true);
	say("utimensat", path, utimensat(AT_FDCWD, path, times, flags));
	if (times[1].tv_nsec != UTIME_OMIT && !fstatat(AT_FDCWD, path, &status, flags))
		printf("   %ld.%ld\n", (long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

static void do_lock(void)
{
	static const short types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	struct flock lock = { .l_type = types[random_below(3)],
			      .l_whence = (short)random_below(2),
			      .l_start = random_below(100),
			      .l_len = (off_t)random_below(60) - 20 };
	int fd = *random_slot();
	struct stat status;

	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		return;
	switch (random_below(3)) {
	case 0:
		say("lock", "", fcntl(fd, F_OFD_SETLK, &lock));
		break;
	case 1:
		lock.l_type = F_WRLCK;
		say("query", "", fcntl(fd, F_OFD_GETLK, &lock));
		printf("   %d %ld+%ld\n", lock.l_type, (long)lock.l_start, (long)lock.l_len);
		break;
	default:
		say("flock", "", flock(fd, (int)(1u << random_below(2) | LOCK_NB)));
	}
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
		say("exchange", both, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 2));
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
	static void (*const actions[])(void) = {
		do_open, do_open,     do_transfer, do_transfer, do_transfer, do_seek_or_truncate,
		do_stat, do_names,    do_name,     do_name,     do_list,     do_copy,
		do_copy, do_allocate, do_unnamed,  do_times,    do_lock,     do_lock
	};
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
