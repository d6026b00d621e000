/* SPDX-License-Identifier: BSD-3-Clause */
/* Temporary directories for ISO images. */
#include "stage.h"

#include "report.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 8 << 20 };

static int refuse(const char *path, int err)
{
	report("%s: %s", path, strerror(err));
	return -err;
}

int stage_create(struct stage *s)
{
	const char *told = getenv("TMPDIR");

	s->top = format_string("%s/capuchin-XXXXXX", told && told[0] ? told : "/tmp");
	s->root = NULL;
	if (!mkdtemp(s->top)) {
		int err = refuse(s->top, errno);
		free(s->top);
		s->top = NULL;
		return err;
	}
	s->root = format_string("%s/root", s->top);
	if (!mkdir(s->root, 0755))
		return 0;
	int err = refuse(s->root, errno);
	stage_remove(s);
	return err;
}

void stage_remove(struct stage *s)
{
	char *paths[] = { s->top, NULL };
	FTS *tree = s->top ? fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;

	for (FTSENT *entry = tree ? fts_read(tree) : NULL; entry; entry = fts_read(tree)) {
		if (entry->fts_info == FTS_DP)
			rmdir(entry->fts_accpath);
		else if (entry->fts_info != FTS_D)
			unlink(entry->fts_accpath);
	}
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

int stage_open(struct stage *s, const char *path)
{
	char *to = format_string("%s%s", s->root, path);
	int fd = make_parents(to, strlen(s->root));

	if (!fd)
		fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1)
		fd = refuse(to, errno);
	free(to);
	return fd;
}

static int copy_bytes(int in, int out)
{
	ssize_t sent = 1;

	while (sent > 0) {
		sent = sendfile(out, in, NULL, COPY_BYTES);
		if (signals_ending())
			return -EINTR;
	}
	return sent ? -errno : 0;
}

int stage_add(struct stage *s, const char *host, const char *path)
{
	int in = open(host, O_RDONLY | O_CLOEXEC);

	if (in < 0)
		return refuse(host, errno);
	int out = stage_open(s, path);
	int err = out < 0 ? out : copy_bytes(in, out);
	close(in);
	if (out >= 0)
		close(out);
	if (out >= 0 && err && err != -EINTR)
		report("%s: cannot be copied: %s", host, strerror(-err));
	return err;
}

int stage_write(struct stage *s, const char *path, const struct text *content)
{
	int fd = stage_open(s, path);

	if (fd < 0)
		return fd;
	errno = ENOSPC;
	bool written = write(fd, content->data, content->bytes) == (ssize_t)content->bytes;
	int err = written ? 0 : refuse(path, errno);
	close(fd);
	return err;
}
