/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths are walked within the root, whatever the links in it say; what the host has is seen only where it may be. */
#include "root.h"

#include "copy.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void check_leads(struct root *r, const char *path, const char *to)
{
	struct found found;

	assert_int_equal(root_find(r, path, &found), 0);
	assert_string_equal(found.path, to);
	free(found.path);
}

static void check_fails(struct root *r, const char *path, int err)
{
	struct found found;

	assert_int_equal(root_find(r, path, &found), err);
}

static void links_stay_in_the_root(void **state)
{
	struct root r;

	(void)state;
	root_init(&r, false);
	assert_int_equal(root_write(&r, "/usr/lib/file", "x", 1), 0);
	assert_int_equal(root_link(&r, "/lib", "usr/lib"), 0);
	assert_int_equal(root_link(&r, "/up", "../../../.."), 0);
	assert_int_equal(root_link(&r, "/abs", "/usr/lib"), 0);
	assert_int_equal(root_link(&r, "/usr/here", "./../lib/../lib/file"), 0);
	check_leads(&r, "/lib/file", "/usr/lib/file");
	check_leads(&r, "/up/abs/file", "/usr/lib/file");
	check_leads(&r, "/../..//usr/./here", "/usr/lib/file");
	check_leads(&r, "/up", "/");
	check_leads(&r, "/lib/../../usr", "/usr");
	root_fini(&r);
}

static void ways_that_lead_nowhere_are_errors(void **state)
{
	struct root r;
	char name[300];

	(void)state;
	root_init(&r, false);
	assert_int_equal(root_write(&r, "/file", "x", 1), 0);
	check_fails(&r, "/file/", -ENOTDIR);
	check_fails(&r, "/file/.", -ENOTDIR);
	assert_int_equal(root_link(&r, "/loop", "loop"), 0);
	assert_int_equal(root_link(&r, "/dangling", "nowhere"), 0);
	memset(name, 'n', sizeof name);
	name[0] = '/';
	name[sizeof name - 1] = '\0';
	check_fails(&r, "/none", -ENOENT);
	check_fails(&r, "/dangling", -ENOENT);
	check_fails(&r, "/file/x", -ENOTDIR);
	check_fails(&r, "/loop", -ELOOP);
	check_fails(&r, name, -ENAMETOOLONG);
	check_fails(&r, "/etc/passwd", -ENOENT);
	root_fini(&r);
}

static void what_is_written_through_a_link_is_at_its_target(void **state)
{
	struct root r;

	(void)state;
	root_init(&r, false);
	assert_int_equal(root_link(&r, "/etc", "/private/etc"), 0);
	assert_int_equal(root_write(&r, "/etc/conf", "x", 1), 0);
	check_leads(&r, "/private/etc/conf", "/private/etc/conf");
	assert_int_equal(root_directory(&r, "/etc", 0700), 0);
	assert_int_equal(root_directory(&r, "/etc/conf", 0700), -ENOTDIR);
	assert_int_equal(root_write(&r, "/etc", "x", 1), -EISDIR);
	root_fini(&r);
}

static void host_shows_where_the_tree_has_nothing(void **state)
{
	struct root r;
	struct mapping mapping;
	struct node *node;

	(void)state;
	root_init(&r, true);
	assert_int_equal(root_write(&r, "/etc/passwd", "mine", 4), 0);
	assert_int_equal(root_map(&r, "/etc/passwd", &mapping), 0);
	assert_int_equal(mapping.bytes, 4);
	tree_unmap(&mapping);
	check_leads(&r, "/etc/group", "/etc/group");
	assert_null(tree_child(tree_child(r.tree.root, "etc", 3), "group", 5));
	assert_int_equal(root_import_alone(&r, "/etc/group", &node), 0);
	assert_ptr_equal(tree_child(tree_child(r.tree.root, "etc", 3), "group", 5), node);
	assert_int_equal(root_import_alone(&r, "/etc/none-such", &node), -ENOENT);
	root_fini(&r);
}

static char directory[] = "/tmp/capuchin-test-XXXXXX";

static char *below(const char *name)
{
	return format_string("%s/%s", directory, name);
}

static void put(const char *name, const char *content)
{
	char *path = below(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
	free(path);
}

static void make_directory(const char *name)
{
	char *path = below(name);

	assert_int_equal(mkdir(path, 0750), 0);
	free(path);
}

static void directories_merge_and_hard_links_stay_one(void **state)
{
	struct root r;
	struct found first, second;

	(void)state;
	assert_non_null(mkdtemp(directory));
	make_directory("sub");
	put("sub/one", "1");
	char *one = below("sub/one"), *two = below("two"), *out = below("out");
	assert_int_equal(link(one, two), 0);
	assert_int_equal(symlink("/etc", out), 0);
	root_init(&r, false);
	assert_int_equal(root_write(&r, "/data/sub/kept", "k", 1), 0);
	assert_int_equal(root_write(&r, "/data/two", "old", 3), 0);
	assert_int_equal(root_add(&r, directory, "/data"), 0);
	check_leads(&r, "/data/sub/kept", "/data/sub/kept");
	assert_int_equal(root_find(&r, "/data/sub/one", &first), 0);
	assert_int_equal(root_find(&r, "/data/two", &second), 0);
	assert_ptr_equal(first.node, second.node);
	assert_int_equal(first.node->nlink, 2);
	assert_int_equal(first.mode & 07777, 0640);
	free(first.path);
	free(second.path);
	check_fails(&r, "/data/out/passwd", -ENOENT);
	assert_int_equal(root_add(&r, one, "/data/sub/"), 0);
	assert_int_equal(root_add(&r, one, "/data/sub/one/"), -ENOTDIR);
	root_fini(&r);
	unlink(one);
	unlink(two);
	unlink(out);
	char *sub = below("sub");
	rmdir(sub);
	rmdir(directory);
	free(sub);
	free(one);
	free(two);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_stay_in_the_root),
		cmocka_unit_test(ways_that_lead_nowhere_are_errors),
		cmocka_unit_test(what_is_written_through_a_link_is_at_its_target),
		cmocka_unit_test(host_shows_where_the_tree_has_nothing),
		cmocka_unit_test(directories_merge_and_hard_links_stay_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
