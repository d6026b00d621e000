/* SPDX-License-Identifier: BSD-3-Clause */
/* The walk over a host's directory. Contents are not copied, only named: who writes the tree reads them. */
#include "copy.h"

#include "report.h"
#include "signals.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that has several links: its second one is to be another name of the same node. */
struct linked {
	dev_t device;
	ino_t inode;
	struct node *node; /* NULL: a free slot */
};

struct copy {
	struct root *root;
	bool missing_only;       /* see copy_missing() */
	const char *leave_out;   /* NULL: nothing */
	struct text host, guest; /* where the walk is */
	struct linked *linked;   /* open addressing, a power of two */
	size_t linked_count, linked_room;
};

static int refuse(const char *path, int err)
{
	report("%s: %s", path, strerror(err));
	return -err;
}

/* What cannot be read is no error where it was not asked for by name. */
static int refuse_unread(const struct copy *c, int err)
{
	return c->missing_only ? 0 : refuse(text_get(&c->host), err);
}

char *copy_read_link(const char *path)
{
	char target[PATH_MAX];
	ssize_t bytes = readlink(path, target, sizeof target - 1);

	if (bytes < 0)
		return NULL;
	target[bytes] = '\0';
	return format_string("%s", target);
}

struct node *copy_node(struct tree *t, const char *path, const struct stat *st)
{
	char *target = S_ISLNK(st->st_mode) ? copy_read_link(path) : NULL;

	if (S_ISLNK(st->st_mode) && !target)
		return NULL;
	struct node *node = target ? tree_new_link(t, target) : tree_new(t, st->st_mode);
	free(target);
	node->mtime = st->st_mtim;
	node->device = st->st_rdev;
	if (S_ISREG(st->st_mode)) {
		node->size = (uint64_t)st->st_size;
		node->source = SOURCE_HOST;
		node->host_path = format_string("%s", path);
	}
	return node;
}

static struct linked *find_linked(const struct copy *c, dev_t device, ino_t inode)
{
	size_t at = (inode * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (c->linked_room - 1);

	while (c->linked[at].node &&
	       (c->linked[at].inode != inode || c->linked[at].device != device))
		at = (at + 1) & (c->linked_room - 1);
	return &c->linked[at];
}

static void grow_linked(struct copy *c)
{
	struct linked *old = c->linked;
	size_t old_room = c->linked_room;

	c->linked_room = old_room ? 2 * old_room : 64;
	c->linked = calloc(c->linked_room, sizeof *c->linked);
	if (!c->linked)
		report_out_of_memory();
	for (size_t i = 0; i < old_room; i++) {
		if (old[i].node)
			*find_linked(c, old[i].device, old[i].inode) = old[i];
	}
	free(old);
}

/* The node that stands for this file already, or a new one; NULL with errno set. */
static struct node *get_node(struct copy *c, const struct stat *st)
{
	const char *path = text_get(&c->host);

	if (st->st_nlink < 2)
		return copy_node(&c->root->tree, path, st);
	if (2 * (c->linked_count + 1) > c->linked_room)
		grow_linked(c);
	struct linked *linked = find_linked(c, st->st_dev, st->st_ino);
	if (linked->node)
		return linked->node;
	struct node *node = copy_node(&c->root->tree, path, st);
	if (!node)
		return NULL;
	*linked = (struct linked){ st->st_dev, st->st_ino, node };
	c->linked_count++;
	return node;
}

static int copy_content(struct copy *c, struct node *dir);

/* The directory that is to take up this one: there already, also through a link, or new. */
static int copy_subdirectory(struct copy *c, struct node *dir, const char *name,
			     const struct stat *st)
{
	struct place place;
	struct node *sub = tree_child(dir, name, strlen(name));

	if (sub && S_ISLNK(sub->mode)) {
		int err = root_locate(c->root, text_get(&c->guest), FOLLOW_LAST, &place);
		if (err)
			return refuse(text_get(&c->guest), -err);
		free(place.name);
		sub = place.present;
	}
	if (sub && !S_ISDIR(sub->mode))
		return c->missing_only ? 0 : refuse(text_get(&c->guest), ENOTDIR);
	if (!sub) {
		sub = tree_new(&c->root->tree, st->st_mode);
		tree_enter(dir, name, strlen(name), sub);
	}
	sub->mode = st->st_mode;
	sub->mtime = st->st_mtim;
	return copy_content(c, sub);
}

static int copy_leaf(struct copy *c, struct node *dir, const char *name, const struct stat *st)
{
	struct node *present = tree_child(dir, name, strlen(name));

	if (S_ISSOCK(st->st_mode) || (present && c->missing_only))
		return 0;
	if (present && S_ISDIR(present->mode))
		return refuse(text_get(&c->guest), EISDIR);
	/* What only some may read is looked at closer: the list of a directory does not tell. */
	if (c->missing_only && S_ISREG(st->st_mode) && !(st->st_mode & S_IROTH) &&
	    access(text_get(&c->host), R_OK))
		return 0;
	struct node *node = get_node(c, st);
	if (!node)
		return refuse_unread(c, errno);
	node->optional = c->missing_only;
	tree_enter(dir, name, strlen(name), node);
	return 0;
}

static int copy_entry(struct copy *c, int fd, struct node *dir, const char *name)
{
	size_t host_bytes = c->host.bytes, guest_bytes = c->guest.bytes;
	struct stat st;
	int err;

	text_printf(&c->host, "/%s", name);
	text_printf(&c->guest, "/%s", name);
	if (c->host.bytes >= PATH_MAX)
		err = refuse_unread(c, ENAMETOOLONG);
	else if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW))
		err = refuse_unread(c, errno);
	else if (S_ISDIR(st.st_mode))
		err = copy_subdirectory(c, dir, name, &st);
	else
		err = copy_leaf(c, dir, name, &st);
	text_cut(&c->host, host_bytes);
	text_cut(&c->guest, guest_bytes);
	return err;
}

static int copy_content(struct copy *c, struct node *dir)
{
	int fd = open(text_get(&c->host), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	int err = 0;

	if (!stream) {
		err = refuse_unread(c, errno);
		if (fd >= 0)
			close(fd);
		return err;
	}
	for (struct dirent *entry; !err && (entry = readdir(stream));) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (c->leave_out && !fnmatch(c->leave_out, entry->d_name, FNM_EXTMATCH))
			continue;
		err = signals_ending() ? -EINTR : copy_entry(c, fd, dir, entry->d_name);
	}
	closedir(stream);
	return err;
}

static int copy(struct copy *c, const char *host, const char *guest)
{
	struct place place;
	int err = root_locate(c->root, guest, FOLLOW_LAST, &place);

	if (err)
		return refuse(guest, -err);
	free(place.name);
	text_printf(&c->host, "%s", host);
	text_printf(&c->guest, "%s", guest);
	err = place.present && S_ISDIR(place.present->mode) ? copy_content(c, place.present)
							    : refuse(guest, ENOTDIR);
	text_free(&c->host);
	text_free(&c->guest);
	free(c->linked);
	return err;
}

int copy_directory(struct root *r, const char *host, const char *guest)
{
	struct copy c = { .root = r };

	return copy(&c, host, guest);
}

int copy_missing(struct root *r, const char *path, const char *leave_out)
{
	struct copy c = { .root = r, .missing_only = true, .leave_out = leave_out };

	return copy(&c, path, path);
}
