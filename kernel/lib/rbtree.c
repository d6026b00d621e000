/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Red-black tree: every path from the root to a leaf has the same number of black nodes, and no red node has a red child. The
 * mirrored cases are one: a side is chosen by an index. Source: Cormen et al., chapter 13.
 */
#include <base/assert.h>
#include <base/rbtree.h>

enum side { LEFT, RIGHT };

static enum side other(enum side side)
{
	return side == LEFT ? RIGHT : LEFT;
}

static struct rb_node **child(struct rb_node *node, enum side side)
{
	return side == LEFT ? &node->left : &node->right;
}

static enum side side_of(const struct rb_node *node)
{
	return node->parent->left == node ? LEFT : RIGHT;
}

static bool is_red(const struct rb_node *node)
{
	return node && node->red;
}

/* What points down to `node`. */
static struct rb_node **link_to(struct rb_tree *tree, struct rb_node *node)
{
	return node->parent ? child(node->parent, side_of(node)) : &tree->root;
}

/* Puts `node` on `side` of its own child on the other side. */
static void rotate(struct rb_tree *tree, struct rb_node *node, enum side side)
{
	struct rb_node *up = *child(node, other(side));
	struct rb_node *moved = *child(up, side);

	*link_to(tree, node) = up;
	up->parent = node->parent;
	*child(up, side) = node;
	node->parent = up;
	*child(node, other(side)) = moved;
	if (moved)
		moved->parent = node;
}

void rb_insert(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent,
	       struct rb_node **at)
{
	*node = (struct rb_node){ .parent = parent, .red = true };
	*at = node;

	while (is_red(node->parent)) {
		struct rb_node *up = node->parent, *top = up->parent;
		enum side side = side_of(up);
		struct rb_node *uncle = *child(top, other(side));

		if (is_red(uncle)) {
			up->red = uncle->red = false;
			top->red = true;
			node = top;
			continue;
		}
		if (side_of(node) != side) {
			rotate(tree, up, side);
			up = node;
		}
		up->red = false;
		top->red = true;
		rotate(tree, top, other(side));
		break;
	}
	tree->root->red = false;
}

/* The paths through `side` of `parent` lack a black node. */
static void rebalance(struct rb_tree *tree, struct rb_node *parent, enum side side)
{
	while (parent && !is_red(*child(parent, side))) {
		struct rb_node *sibling = *child(parent, other(side));

		if (sibling->red) {
			sibling->red = false;
			parent->red = true;
			rotate(tree, parent, side);
			sibling = *child(parent, other(side));
		}
		if (!is_red(sibling->left) && !is_red(sibling->right)) {
			sibling->red = true;
			if (parent->red || !parent->parent) {
				parent->red = false;
				return;
			}
			side = side_of(parent);
			parent = parent->parent;
			continue;
		}
		if (!is_red(*child(sibling, other(side)))) {
			(*child(sibling, side))->red = false;
			sibling->red = true;
			rotate(tree, sibling, other(side));
			sibling = sibling->parent;
		}
		sibling->red = parent->red;
		parent->red = false;
		(*child(sibling, other(side)))->red = false;
		rotate(tree, parent, side);
		return;
	}
	if (parent)
		(*child(parent, side))->red = false;
}

/* Puts `next`, the leftmost node below node->right, in the place of `node`. */
static void exchange_with_next(struct rb_tree *tree, struct rb_node *node, struct rb_node *next)
{
	struct rb_node old = *next;

	*link_to(tree, node) = next;
	next->parent = node->parent;
	next->red = node->red;
	next->left = node->left;
	next->left->parent = next;
	if (old.parent == node) {
		next->right = node;
		node->parent = next;
	} else {
		next->right = node->right;
		next->right->parent = next;
		old.parent->left = node;
		node->parent = old.parent;
	}
	node->left = NULL;
	node->right = old.right;
	if (node->right)
		node->right->parent = node;
	node->red = old.red;
}

void rb_remove(struct rb_tree *tree, struct rb_node *node)
{
	struct rb_node *parent, *below;
	enum side side = LEFT;

	assert(tree->root);
	if (node->left && node->right)
		exchange_with_next(tree, node, rb_next(node));
	parent = node->parent;
	below = node->left ? node->left : node->right;
	if (parent)
		side = side_of(node);
	*link_to(tree, node) = below;
	if (below) {
		below->parent = parent;
		below->red = false; /* an only child is red, and its parent black */
	} else if (!node->red) {
		rebalance(tree, parent, side);
	}
	*node = (struct rb_node){ 0 };
}

static struct rb_node *end_of(struct rb_node *node, enum side side)
{
	struct rb_node *last = NULL;

	for (; node; node = *child(node, side))
		last = node;
	return last;
}

struct rb_node *rb_first(const struct rb_tree *tree)
{
	return end_of(tree->root, LEFT);
}

struct rb_node *rb_last(const struct rb_tree *tree)
{
	return end_of(tree->root, RIGHT);
}

static struct rb_node *step(const struct rb_node *node, enum side side)
{
	struct rb_node *below = side == LEFT ? node->left : node->right;

	if (below)
		return end_of(below, other(side));
	while (node->parent && side_of(node) == side)
		node = node->parent;
	return node->parent;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	return step(node, RIGHT);
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	return step(node, LEFT);
}
