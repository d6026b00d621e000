/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The walk along a path through a tree with the host's root directory below, and what is built on it. A directory that is
 * in the tree has the same path on the host, if it is there at all: so a path without links says both.
 */
#include "root.h"

#include "copy.h"
#include "report.h"
#include "signals.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

/* What the walk does where it meets something that is not in the tree. */
enum walk_mode {
	WALK_LOOK,   /* goes on by the host */
	WALK_IMPORT, /* brings it from the host */
	WALK_CREATE, /* the same, and makes a directory of what is nowhere; the last component may be missing */
};

struct walk {
	struct root *root;
	enum walk_mode mode;
	enum follow follow;
	struct text at;    /* the path so far, links resolved; "" is the root */
	struct node *node; /* what is there, or NULL: on the host only */
	struct node *dir;  /* the directory that `node` is in, or will be */
	struct stat st;    /* where `node` is NULL */
	char *rest;        /* still to go */
	unsigned links;
};

void root_init(struct root *r, bool host_below)
{
	tree_init(&r->tree);
	r->host_below = host_below;
}

void root_fini(struct root *r)
{
	tree_fini(&r->tree);
}

/* --- the walk ------------------------------------------------------------------------------------ */

static bool walk_is_at_root(const struct walk *w)
{
	return w->at.bytes == 0;
}

static mode_t walk_mode_of(const struct walk *w)
{
	return w->node ? w->node->mode : w->st.st_mode;
}

/* The node of the path so far, which is one of directories without links; NULL: not in the tree. */
static struct node *node_at(struct root *r, const char *path)
{
	struct node *node = r->tree.root;

	while (node && *path == '/') {
		size_t bytes = strcspn(path + 1, "/");

		node = S_ISDIR(node->mode) ? tree_child(node, path + 1, bytes) : NULL;
		path += 1 + bytes;
	}
	return node;
}

static void walk_to(struct walk *w, size_t bytes)
{
	text_cut(&w->at, bytes);
	w->node = node_at(w->root, text_get(&w->at));
	w->st.st_mode = S_IFDIR;
}

static void walk_up(struct walk *w)
{
	const char *slash = w->at.bytes ? strrchr(w->at.data, '/') : NULL;

	walk_to(w, slash ? (size_t)(slash - w->at.data) : 0);
}

/* The last component as it is on the host; brought into the tree if that is wanted. */
static int enter_from_host(struct walk *w, const char *name, size_t bytes)
{
	const char *path = text_get(&w->at);

	if (!w->root->host_below || lstat(path, &w->st)) {
		int err = w->root->host_below ? errno : ENOENT;

		w->st = (struct stat){ 0 };
		if (w->mode == WALK_CREATE)
			return 0; /* whatever the host has there, it is not for this user */
		return err == ENOTDIR ? -ENOENT : -err; /* it is a directory, if only in the tree */
	}
	if (w->mode == WALK_LOOK)
		return 0;
	w->node = copy_node(&w->root->tree, path, &w->st);
	if (!w->node)
		return -errno;
	tree_enter(w->dir, name, bytes, w->node);
	return 0;
}

/* Nothing is at the component: a directory is made, unless it is the last one. */
static void make_missing(struct walk *w, const char *name, size_t bytes, bool last)
{
	if (last)
		return;
	w->node = tree_new(&w->root->tree, S_IFDIR | 0755);
	tree_enter(w->dir, name, bytes, w->node);
}

static int follow_link(struct walk *w, size_t parent_bytes, const char *behind)
{
	char *target = w->node ? format_string("%s", w->node->bytes)
			       : copy_read_link(text_get(&w->at));

	if (!target)
		return -errno;
	char *rest = format_string("%s/%s", target, behind);
	bool absolute = target[0] == '/';
	free(target);
	free(w->rest);
	w->rest = rest;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	walk_to(w, absolute ? 0 : parent_bytes);
	return 0;
}

/* Takes the first component off the rest. */
static int walk_component(struct walk *w)
{
	char *name = w->rest;
	size_t bytes = strcspn(name, "/"), parent_bytes = w->at.bytes;
	char *behind = name + bytes + strspn(name + bytes, "/");
	bool last = !*behind;

	if (!S_ISDIR(walk_mode_of(w)))
		return -ENOTDIR;
	if (bytes > NAME_MAX || w->at.bytes + bytes >= PATH_MAX)
		return -ENAMETOOLONG;
	if (bytes == 2 && !memcmp(name, "..", 2))
		walk_up(w);
	else if (bytes && !(bytes == 1 && *name == '.')) {
		w->dir = w->node;
		text_append(&w->at, "/", 1);
		text_append(&w->at, name, bytes);
		w->node = w->dir ? tree_child(w->dir, name, bytes) : NULL;
		w->st = (struct stat){ 0 };
		int err = w->node ? 0 : enter_from_host(w, name, bytes);
		if (err)
			return err;
		if (!w->node && !w->st.st_mode)
			make_missing(w, name, bytes, last);
		if (S_ISLNK(walk_mode_of(w)) && (!last || w->follow == FOLLOW_LAST))
			return follow_link(w, parent_bytes, behind);
	}
	memmove(w->rest, behind, strlen(behind) + 1);
	return 0;
}

static int walk(struct walk *w, const char *path)
{
	int err = 0;

	w->rest = format_string("%s", path);
	w->node = w->root->tree.root;
	while (!err && *w->rest)
		err = walk_component(w);
	free(w->rest);
	w->rest = NULL;
	if (err)
		text_free(&w->at);
	else if (walk_is_at_root(w))
		text_append(&w->at, "/", 1);
	return err;
}

int root_find(struct root *r, const char *path, struct found *out)
{
	struct walk w = { .root = r };
	size_t bytes = strlen(path);
	int err = walk(&w, path);

	if (err)
		return err;
	if (bytes && path[bytes - 1] == '/' && !S_ISDIR(walk_mode_of(&w))) {
		text_free(&w.at);
		return -ENOTDIR;
	}
	*out = (struct found){
		.path = w.at.data,
		.node = w.node,
		.mode = walk_mode_of(&w),
	};
	return 0;
}

int root_map(struct root *r, const char *path, struct mapping *out)
{
	struct found found;
	int err = root_find(r, path, &found);

	if (err)
		return err;
	err = found.node ? tree_map(&r->tree, found.node, out) : file_map(found.path, out);
	free(found.path);
	return err;
}

int root_locate(struct root *r, const char *guest, enum follow follow, struct place *out)
{
	struct walk w = { .root = r, .mode = WALK_CREATE, .follow = follow };
	int err = walk(&w, guest);

	if (err)
		return err;
	const char *slash = strrchr(w.at.data, '/');
	*out = (struct place){
		.name = format_string("%s", slash ? slash + 1 : ""),
		.present = w.node,
	};
	text_cut(&w.at, slash ? (size_t)(slash - w.at.data) : 0);
	out->dir = node_at(r, text_get(&w.at));
	text_free(&w.at);
	return 0;
}

/* --- single entries ------------------------------------------------------------------------------ */

static int refuse(const char *path, int err)
{
	report("%s: %s", path, strerror(err));
	return -err;
}

static int locate_or_report(struct root *r, const char *guest, enum follow follow,
			    struct place *out)
{
	int err = root_locate(r, guest, follow, out);

	return err ? refuse(guest, -err) : 0;
}

/* Puts the node at its place, unless a directory is there. */
static int enter_at(struct root *r, const char *guest, enum follow follow, struct node *node)
{
	struct place place;
	int err = locate_or_report(r, guest, follow, &place);

	if (err)
		return err;
	if (place.present && S_ISDIR(place.present->mode))
		err = refuse(guest, EISDIR);
	else
		tree_enter(place.dir, place.name, strlen(place.name), node);
	free(place.name);
	return err;
}

int root_write(struct root *r, const char *guest, const void *data, size_t bytes)
{
	return enter_at(r, guest, FOLLOW_LAST,
			tree_new_bytes(&r->tree, S_IFREG | 0644, data, bytes));
}

int root_link(struct root *r, const char *guest, const char *target)
{
	return enter_at(r, guest, FOLLOW_BUT_LAST, tree_new_link(&r->tree, target));
}

int root_directory(struct root *r, const char *guest, mode_t mode)
{
	struct place place;
	int err = locate_or_report(r, guest, FOLLOW_LAST, &place);

	if (err)
		return err;
	if (!place.present)
		tree_enter(place.dir, place.name, strlen(place.name),
			   tree_new(&r->tree, S_IFDIR | mode));
	else if (!S_ISDIR(place.present->mode))
		err = refuse(guest, ENOTDIR);
	free(place.name);
	return err;
}

int root_import_alone(struct root *r, const char *path, struct node **out)
{
	struct walk w = { .root = r, .mode = WALK_IMPORT };
	struct found found;
	int err = root_find(r, path, &found); /* not to leave half of a way in the tree */

	if (err)
		return err;
	free(found.path);
	err = walk(&w, path);
	if (err)
		return err;
	*out = w.node;
	text_free(&w.at);
	return 0;
}

int root_import(struct root *r, const char *path, const char *leave_out)
{
	struct node *node;
	struct found found;
	int err = root_import_alone(r, path, &node);

	if (err || !S_ISDIR(node->mode) || !r->host_below)
		return err;
	err = root_find(r, path, &found);
	if (err)
		return err;
	err = copy_missing(r, found.path, leave_out);
	free(found.path);
	return err;
}

/* Whether a file is to go into a directory of that path. */
static bool means_directory(struct root *r, const char *guest)
{
	struct found found;

	if (root_find(r, guest, &found))
		return false;
	free(found.path);
	return S_ISDIR(found.mode);
}

/* What a file without a size gives: a pipe from another command, a file of /proc. NULL with errno set. */
static struct node *read_node(struct tree *t, const char *host)
{
	char bytes[64 * 1024];
	struct text content = { 0 };
	int fd = open(host, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : 0;

	while (fd >= 0 && !signals_ending() && (got = read(fd, bytes, sizeof bytes)) > 0)
		text_append(&content, bytes, (size_t)got);
	int err = signals_ending() ? EINTR : errno;
	struct node *node = NULL;
	if (!got && !signals_ending())
		node = tree_new_bytes(t, S_IFREG | 0644, text_get(&content), content.bytes);
	text_free(&content);
	if (fd >= 0)
		close(fd);
	errno = err;
	return node;
}

static struct node *make_node(struct root *r, const char *host, const struct stat *st)
{
	if (S_ISFIFO(st->st_mode) || (S_ISREG(st->st_mode) && !st->st_size))
		return read_node(&r->tree, host);
	char *real = realpath(host, NULL);
	struct node *node = real ? copy_node(&r->tree, real, st) : NULL;
	free(real);
	return node;
}

static int add_file(struct root *r, const char *host, const char *guest, const struct stat *st)
{
	const char *name = strrchr(host, '/');
	struct node *node = make_node(r, host, st);
	char *target = NULL;

	if (!node)
		return errno == EINTR ? -EINTR : refuse(host, errno);
	if (guest[strlen(guest) - 1] == '/' || means_directory(r, guest))
		target = format_string("%s/%s", guest, name ? name + 1 : host);
	int err = enter_at(r, target ? target : guest, FOLLOW_LAST, node);
	free(target);
	return err;
}

int root_add(struct root *r, const char *host, const char *guest)
{
	struct stat st;

	if (stat(host, &st))
		return refuse(host, errno);
	if (!S_ISDIR(st.st_mode))
		return add_file(r, host, guest, &st);
	int err = root_directory(r, guest, st.st_mode & 07777);
	return err ? err : copy_directory(r, host, guest);
}
