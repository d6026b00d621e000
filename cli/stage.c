/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts a root directory together in a temporary one. */
#include "stage.h"

#include "path.h"
#include "report.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_DIRECTORY "/dev/shm"

enum { COPY_BYTES = 8 << 20 };

static int refuse(const char *path, int err)
{
	report("%s: %s", path, strerror(err));
	return -err;
}

static const char *choose_base(enum stage_size size)
{
	const char *told = getenv("TMPDIR");

	if (told && told[0])
		return told;
	return size == STAGE_SMALL && !access(MEMORY_DIRECTORY, W_OK | X_OK) ? MEMORY_DIRECTORY
									     : "/tmp";
}

int stage_create(struct stage *s, enum stage_size size)
{
	s->top = format_string("%s/capuchin-XXXXXX", choose_base(size));
	s->root = NULL;
	if (!mkdtemp(s->top)) {
		int err = refuse(s->top, errno);
		free(s->top);
		s->top = NULL;
		return err;
	}
	s->root = format_string("%s/root", s->top);
	if (!mkdir(s->root, 0755) && !chmod(s->root, 0755))
		return 0;
	int err = refuse(s->root, errno);
	stage_remove(s);
	return err;
}

static void remove_entry(const FTSENT *entry)
{
	switch (entry->fts_info) {
	case FTS_D:
		chmod(entry->fts_accpath, 0700); /* a copied directory may forbid what follows */
		break;
	case FTS_DP:
		rmdir(entry->fts_accpath);
		break;
	default:
		unlink(entry->fts_accpath);
	}
}

void stage_remove(struct stage *s)
{
	char *paths[] = { s->top, NULL };
	FTS *tree = s->top ? fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;

	for (FTSENT *entry = tree ? fts_read(tree) : NULL; entry; entry = fts_read(tree))
		remove_entry(entry);
	if (tree)
		fts_close(tree);
	free(s->top);
	free(s->root);
	*s = (struct stage){ 0 };
}

/* Makes the directories of `path` behind its first `from` bytes, all but the last component. */
static int make_parents(char *path, size_t from)
{
	for (char *slash = strchr(path + from + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int err = mkdir(path, 0755) && errno != EEXIST ? refuse(path, errno) : 0;
		*slash = '/';
		if (err)
			return err;
	}
	return 0;
}

/* The host's path for `guest`, whose parents exist then. */
static int locate(struct stage *s, const char *guest, char **host)
{
	char *resolved = path_in_root(s->root, guest);

	if (!resolved)
		return refuse(guest, errno);
	*host = format_string("%s%s", s->root, resolved);
	free(resolved);
	int err = make_parents(*host, strlen(s->root));
	if (err)
		free(*host);
	return err;
}

static int copy_by_hand(int in, int out)
{
	char bytes[64 * 1024];
	ssize_t got;

	while ((got = read(in, bytes, sizeof bytes)) > 0) {
		if (write(out, bytes, (size_t)got) != got)
			return errno ? -errno : -ENOSPC;
		if (signals_ending())
			return -EINTR;
	}
	return got < 0 ? -errno : 0;
}

static int copy_bytes(int in, int out)
{
	ssize_t got;

	errno = 0;
	while ((got = copy_file_range(in, NULL, out, NULL, COPY_BYTES, 0)) > 0) {
		if (signals_ending())
			return -EINTR;
	}
	/* It cannot serve every pair of file systems, and sees nothing in files that have no size. */
	return got == 0 || errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
			       errno == EOPNOTSUPP
		       ? copy_by_hand(in, out)
		       : -errno;
}

static int copy_file(const char *from, const char *to, const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (in < 0)
		return refuse(from, errno);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err = out < 0 ? -errno : copy_bytes(in, out);
	if (!err && (fchmod(out, st->st_mode & 07777) || futimens(out, times)))
		err = -errno;
	close(in);
	if (out >= 0 && close(out) && !err)
		err = -errno;
	if (err && err != -EINTR)
		report("%s: cannot be copied: %s", from, strerror(-err));
	return err;
}

static int link_or_copy(const char *from, const char *to, const struct stat *st)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0) ? copy_file(from, to, st) : 0;
}

static int copy_link(const char *from, const char *to, const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };
	char target[4096];
	ssize_t bytes = readlink(from, target, sizeof target - 1);

	if (bytes < 0)
		return refuse(from, errno);
	target[bytes] = '\0';
	if (symlink(target, to) || utimensat(AT_FDCWD, to, times, AT_SYMLINK_NOFOLLOW))
		return refuse(to, errno);
	return 0;
}

static int copy_special(const char *from, const char *to, const struct stat *st)
{
	if (!S_ISSOCK(st->st_mode) && mknod(to, st->st_mode, st->st_rdev))
		report("%s: left out: a special file cannot be copied: %s", from, strerror(errno));
	return 0;
}

/* Anything but a directory. Unlinked first: what is there may be a hard link to a file of the host. */
static int add_leaf(const char *from, const char *to, const struct stat *st)
{
	if (unlink(to) && errno != ENOENT)
		return refuse(to, errno);
	if (S_ISREG(st->st_mode))
		return link_or_copy(from, to, st);
	if (S_ISLNK(st->st_mode))
		return copy_link(from, to, st);
	return copy_special(from, to, st);
}

static int add_directory(const char *to)
{
	struct stat st;

	if (!mkdir(to, 0700))
		return 0;
	if (errno == EEXIST && !lstat(to, &st) && S_ISDIR(st.st_mode))
		return 0;
	return refuse(to, errno);
}

/* Modes and times of directories come last: entries are still to be made in them before. */
static int finish_directory(const char *to, const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };

	if (chmod(to, st->st_mode & 07777) || utimensat(AT_FDCWD, to, times, 0))
		return refuse(to, errno);
	return 0;
}

static int add_entry(const FTSENT *entry, const char *to)
{
	switch (entry->fts_info) {
	case FTS_D:
		return add_directory(to);
	case FTS_DP:
		return finish_directory(to, entry->fts_statp);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return refuse(entry->fts_accpath, entry->fts_errno);
	case FTS_DC:
		return refuse(entry->fts_accpath, ELOOP);
	default:
		return add_leaf(entry->fts_accpath, to, entry->fts_statp);
	}
}

/* The tree `from` as `to`, entry by entry, merged into what is there. */
static int add_tree(char *from, const char *to)
{
	char *paths[] = { from, NULL };
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, NULL);
	int err = 0;

	if (!tree)
		return refuse(from, errno);
	while (!err) {
		errno = 0;
		FTSENT *entry = fts_read(tree);
		if (!entry) {
			err = errno ? refuse(from, errno) : 0;
			break;
		}
		char *target = format_string("%s%s", to, entry->fts_path + strlen(from));
		err = signals_ending() ? -EINTR : add_entry(entry, target);
		free(target);
	}
	fts_close(tree);
	return err;
}

int stage_add(struct stage *s, const char *host, const char *guest)
{
	char *to;
	char *from = realpath(host, NULL);

	if (!from)
		return refuse(host, errno);
	int err = locate(s, guest, &to);
	if (!err) {
		err = add_tree(from, to);
		free(to);
	}
	free(from);
	return err;
}

int stage_write(struct stage *s, const char *guest, const struct text *content)
{
	char *to;
	int err = locate(s, guest, &to);

	if (err)
		return err;
	unlink(to);
	FILE *file = fopen(to, "wex");
	bool written = file && fwrite(content->data, 1, content->bytes, file) == content->bytes;
	if ((file && fclose(file)) || !written)
		err = refuse(to, errno ? errno : EIO);
	free(to);
	return err;
}

int stage_link(struct stage *s, const char *guest, const char *target)
{
	char *to;
	int err = locate(s, guest, &to);

	if (err)
		return err;
	unlink(to);
	if (symlink(target, to))
		err = refuse(to, errno);
	free(to);
	return err;
}

int stage_directory(struct stage *s, const char *guest, unsigned mode)
{
	char *to;
	int err = locate(s, guest, &to);

	if (err)
		return err;
	if (!mkdir(to, mode))
		chmod(to, mode); /* whatever the umask; it is ours */
	else if (errno != EEXIST)
		err = refuse(to, errno);
	free(to);
	return err;
}
