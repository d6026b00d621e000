/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths become plain, and links in a root never lead out of it. */
#include "path.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void check(char *made, const char *expected)
{
	assert_non_null(made);
	assert_string_equal(made, expected);
	free(made);
}

static void normalised_paths_are_plain(void **state)
{
	(void)state;
	check(path_normalise("/a/b", "c"), "/a/b/c");
	check(path_normalise("/a/b", "../c/./d//"), "/a/c/d");
	check(path_normalise("/a/b", "/c"), "/c");
	check(path_normalise("/a", "../../.."), "/");
	check(path_normalise("/", ""), "/");
	check(path_normalise("/", "..a/...b"), "/..a/...b");
}

/* A root with links of every kind, removed again at the end. */
static char root[] = "/tmp/capuchin-test-path-XXXXXX";

static void link_in_root(const char *target, const char *at)
{
	char path[256];

	snprintf(path, sizeof path, "%s%s", root, at);
	assert_int_equal(symlink(target, path), 0);
}

static int make_root(void **state)
{
	char path[256];

	(void)state;
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof path, "%s/usr", root);
	return mkdir(path, 0755);
}

static int remove_root(void **state)
{
	static const char *const made[] = { "/bin", "/out", "/up", "/loop", "/two", "/usr", "" };
	char path[256];

	(void)state;
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		snprintf(path, sizeof path, "%s%s", root, made[i]);
		remove(path);
	}
	return 0;
}

static void links_stay_in_the_root(void **state)
{
	(void)state;
	link_in_root("usr", "/bin");
	link_in_root("/etc", "/out");
	link_in_root("../../../../etc", "/up");
	link_in_root("bin/x", "/two");
	check(path_in_root(root, "/bin/ls"), "/usr/ls");
	check(path_in_root(root, "/out/passwd"), "/etc/passwd");
	check(path_in_root(root, "/up/passwd"), "/etc/passwd");
	check(path_in_root(root, "/two/../y"), "/usr/y");
	check(path_in_root(root, "/bin/../../../.."), "/");
	check(path_in_root(root, "/new/file"), "/new/file");
	check(path_in_root(root, "/"), "/");
}

static void endless_links_are_refused(void **state)
{
	(void)state;
	link_in_root("loop", "/loop");
	assert_null(path_in_root(root, "/loop/x"));
	assert_int_equal(errno, ELOOP);
}

static void endless_paths_are_refused(void **state)
{
	char path[8192];

	(void)state;
	for (size_t i = 0; i < sizeof path - 1; i++)
		path[i] = i % 2 ? 'a' : '/';
	path[sizeof path - 1] = '\0';
	assert_null(path_in_root(root, path));
	assert_int_equal(errno, ENAMETOOLONG);
}

static void what_the_kernel_has_its_own_of_is_hidden(void **state)
{
	(void)state;
	assert_string_equal(path_hidden_by("/proc/1/exe"), "/proc");
	assert_string_equal(path_hidden_by("/dev"), "/dev");
	assert_string_equal(path_hidden_by("/sys/x"), "/sys");
	assert_null(path_hidden_by("/developer/x"));
	assert_null(path_hidden_by("/home/proc/x"));
	assert_null(path_hidden_by("/"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(normalised_paths_are_plain),
		cmocka_unit_test(links_stay_in_the_root),
		cmocka_unit_test(endless_links_are_refused),
		cmocka_unit_test(endless_paths_are_refused),
		cmocka_unit_test(what_the_kernel_has_its_own_of_is_hidden),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
