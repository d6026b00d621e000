/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An intrusive red-black tree (Cormen et al., Introduction to Algorithms, chapter 13). The owner
 *walks down with its own comparison and links the new node where the walk ended; the tree
 *rebalances. No allocation, no locking. Usable on the host.
 *
 *	struct rb_node **at = &tree->root, *parent = NULL;
 *	while (*at) {
 *		parent = *at;
 *		at = key < key_of(parent) ? &parent->left : &parent->right;
 *	}
 *	rb_insert(tree, node, parent, at);
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

struct rb_node {
	struct rb_node *parent, *left, *right;
	bool red;
};

struct rb_tree {
	struct rb_node *root;
};

/** Links `node` at `*at`, below `parent` (NULL for an empty tree). */
void rb_insert(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent,
	       struct rb_node **at);
void rb_remove(struct rb_tree *tree, struct rb_node *node);

/** First, last, next, previous in order; NULL where there is none. */
struct rb_node *rb_first(const struct rb_tree *tree);
struct rb_node *rb_last(const struct rb_tree *tree);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);
