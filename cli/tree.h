/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A directory tree in memory: what a machine's root directory will hold. Nodes have all that an inode has; the content of
 * a file is named, not held: a file of the host, a place in the spool (what came out of an archive), or some bytes. All
 * nodes belong to the tree and live until tree_fini(). Nothing is reported; where there is no memory the command ends.
 */
#pragma once

#include <base/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum source { SOURCE_NONE, SOURCE_MEMORY, SOURCE_HOST, SOURCE_SPOOL };

struct entry {
	char *name;
	struct node *node;
};

struct node {
	mode_t mode; /* with its type */
	uid_t uid;
	gid_t gid;
	dev_t device;
	struct timespec mtime;
	uint32_t nlink;
	uint64_t size;      /* bytes of a file, or of a link's target */
	enum source source; /* where they are */
	bool optional;      /* SOURCE_HOST: empty where it cannot be read, which is no error */
	union {
		char *bytes;           /* SOURCE_MEMORY, and a link's target: ends in NUL besides */
		char *host_path;       /* SOURCE_HOST */
		uint64_t spool_offset; /* SOURCE_SPOOL */
	};
	struct node *parent;   /* of a directory; the root's is itself */
	struct entry *entries; /* of a directory, sorted as bytes */
	size_t count, room;
	uint64_t place, block; /* for who writes the tree */
	struct node *next;     /* [tree] all nodes */
};

struct tree {
	struct node *root;
	struct node *nodes;
	int spool; /* what SOURCE_SPOOL lies in; -1: none */
};

void tree_init(struct tree *t);
/** Closes the spool too. */
void tree_fini(struct tree *t);

/** A node that no directory has yet, owned by root. */
struct node *tree_new(struct tree *t, mode_t mode);
struct node *tree_new_link(struct tree *t, const char *target);
struct node *tree_new_bytes(struct tree *t, mode_t mode, const void *data, size_t bytes);

/** The entry of that name, or NULL. */
struct node *tree_child(const struct node *dir, const char *name, size_t bytes);

/** Makes `node` (or one more link to it) the entry of that name, in the place of what has the name. */
void tree_enter(struct node *dir, const char *name, size_t bytes, struct node *node);

/** A file's content, to be unmapped by tree_unmap(); 0 or a negative errno. Empty files give no address. */
struct mapping {
	const void *data;
	size_t bytes;
	void *base; /* NULL: nothing to unmap */
	size_t base_bytes;
};
must_check int tree_map(const struct tree *t, const struct node *file, struct mapping *out);
/** The same for a file of the host. */
must_check int file_map(const char *path, struct mapping *out);
void tree_unmap(struct mapping *m);
