/* SPDX-License-Identifier: BSD-3-Clause */
/* Random insertions and removals, each followed by a check of every rule of a red-black tree. */
#include <base/rbtree.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NODES = 200, STEPS = 20000 };

struct item {
	struct rb_node node;
	unsigned key;
	bool in_tree;
};

static struct item *item_of(const struct rb_node *node)
{
	return container_of(node, struct item, node);
}

static void insert(struct rb_tree *tree, struct item *item)
{
	struct rb_node **at = &tree->root, *parent = NULL;

	while (*at) {
		parent = *at;
		at = item->key < item_of(parent)->key ? &parent->left : &parent->right;
	}
	rb_insert(tree, &item->node, parent, at);
	item->in_tree = true;
}

/* Returns the number of black nodes to a leaf. */
static unsigned check_below(const struct rb_node *node, const struct rb_node *parent)
{
	unsigned left, right;

	if (!node)
		return 1;
	assert_ptr_equal(node->parent, parent);
	if (node->red)
		assert_false(!parent || parent->red);
	left = check_below(node->left, node);
	right = check_below(node->right, node);
	assert_int_equal(left, right);
	return left + !node->red;
}

static void check(const struct rb_tree *tree, const struct item *items, unsigned count)
{
	unsigned seen = 0, in_tree = 0;
	const struct rb_node *last = NULL;

	check_below(tree->root, NULL);
	for (const struct rb_node *n = rb_first(tree); n; n = rb_next(n)) {
		assert_true(item_of(n)->in_tree);
		assert_ptr_equal(rb_prev(n), last);
		if (last)
			assert_true(item_of(last)->key <= item_of(n)->key);
		last = n;
		seen++;
	}
	assert_ptr_equal(rb_last(tree), last);
	for (unsigned i = 0; i < count; i++)
		in_tree += items[i].in_tree;
	assert_int_equal(seen, in_tree);
}

static void rbtree_keeps_its_rules_under_random_changes(void **state)
{
	static struct item items[NODES];
	struct rb_tree tree = { 0 };
	unsigned random = 1;

	(void)state;
	for (unsigned i = 0; i < STEPS; i++) {
		random = random * 1103515245 + 12345;
		struct item *item = &items[(random >> 8) % NODES];

		if (item->in_tree) {
			rb_remove(&tree, &item->node);
			item->in_tree = false;
		} else {
			item->key = (random >> 16) % 100; /* equal keys occur */
			insert(&tree, item);
		}
		check(&tree, items, NODES);
	}
}

static void rbtree_is_balanced_when_filled_in_order(void **state)
{
	static struct item items[1023];
	struct rb_tree tree = { 0 };
	unsigned depth = 0;

	(void)state;
	for (unsigned i = 0; i < countof(items); i++) {
		items[i].key = i;
		insert(&tree, &items[i]);
	}
	for (const struct rb_node *n = tree.root; n; n = n->right)
		depth++;
	assert_true(depth <= 20); /* 2 log2(n + 1) */
	check(&tree, items, countof(items));
	while (tree.root) {
		item_of(tree.root)->in_tree = false;
		rb_remove(&tree, tree.root);
		check(&tree, items, countof(items));
	}
}

static void rbtree_of_nothing_has_no_ends(void **state)
{
	struct rb_tree tree = { 0 };

	(void)state;
	assert_null(rb_first(&tree));
	assert_null(rb_last(&tree));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rbtree_keeps_its_rules_under_random_changes),
		cmocka_unit_test(rbtree_is_balanced_when_filled_in_order),
		cmocka_unit_test(rbtree_of_nothing_has_no_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
