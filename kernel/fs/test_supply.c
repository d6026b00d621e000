/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of /etc that the image lacks. */
#define _GNU_SOURCE
#include "test_fs.h"

#include "../lib/erofs/test_image.h"

static char tree[] = "/tmp/capuchin-tree-XXXXXX";
static struct image image;

static int setup_empty(void **state)
{
	(void)state;
	mount(NULL, 0);
	return 0;
}

static int teardown_empty(void **state)
{
	(void)state;
	unmount();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	image = image_make(tree, "");
	mount(image.data, image.bytes);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unmount();
	free(image.data);
	return 0;
}

static bool begins(const char *path, const char *text)
{
	char buffer[16] = "";
	struct file *file;

	assert_int_equal(open_at(path, O_RDONLY, &file), 0);
	assert_true(file_get_bytes(file, buffer, sizeof buffer - 1) >= 0);
	file_put(file);
	return !strncmp(buffer, text, strlen(text));
}

static void missing_files_are_there_when_looked_for(void **state)
{
	(void)state;
	assert_true(begins("/etc/passwd", "root:x:0:0:"));
	assert_true(begins("/etc/hosts", "127.0.0.1\t"));
	assert_true(has_text("/etc/resolv.conf", ""));
	assert_int_equal(try_open("/etc/shadow", O_RDONLY), -ENOENT);
	assert_int_equal(try_open("/passwd", O_RDONLY), -ENOENT);
}

static void missing_files_are_listed(void **state)
{
	(void)state;
	assert_int_equal(exists("/etc"), 0);
	assert_true(lists("/etc", "group hosts nsswitch.conf passwd resolv.conf"));
}

static void supplied_files_can_be_removed_and_written(void **state)
{
	(void)state;
	assert_int_equal(unlink_at("/etc/passwd"), 0);
	assert_int_equal(exists("/etc/passwd"), -ENOENT);
	assert_int_equal(make_file("/etc/passwd", "mine"), 0);
	assert_int_equal(make_file("/etc/hosts", "1.2.3.4 x"), 0);
	assert_true(has_text("/etc/hosts", "1.2.3.4 x"));
	assert_true(has_text("/etc/passwd", "mine"));
	assert_int_equal(unlink_at("/etc/passwd"), 0);
	assert_int_equal(exists("/etc/passwd"), -ENOENT);
}

static void a_supplied_text_can_change_before_and_after(void **state)
{
	(void)state;
	assert_int_equal(root_supply_file("/etc/resolv.conf", "nameserver 1\n", 13), 0);
	assert_true(has_text("/etc/resolv.conf", "nameserver 1\n"));
	assert_int_equal(root_supply_file("/etc/resolv.conf", "new\n", 4), 0);
	assert_true(has_text("/etc/resolv.conf", "new\n"));
	assert_int_equal(unlink_at("/etc/resolv.conf"), 0);
	assert_int_equal(root_supply_file("/etc/resolv.conf", "again\n", 6), 0);
	assert_int_equal(exists("/etc/resolv.conf"), -ENOENT);
	assert_int_equal(root_supply_file("/etc/motd", "x", 1), -EINVAL);
	assert_int_equal(root_supply_file("/var/hosts", "x", 1), -EINVAL);
}

static void other_directories_get_nothing(void **state)
{
	(void)state;
	assert_int_equal(make_dir("/var"), 0);
	assert_int_equal(make_dir("/var/etc"), 0);
	assert_int_equal(exists("/var/passwd"), -ENOENT);
	assert_int_equal(exists("/var/etc/passwd"), -ENOENT);
	assert_true(lists("/var/etc", ""));
	assert_int_equal(exists("/dev/etc"), -ENOENT);
}

static void an_image_without_etc_gets_one(void **state)
{
	(void)state;
	assert_true(begins("/etc/group", "root:x:0:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(missing_files_are_there_when_looked_for,
						setup_empty, teardown_empty),
		cmocka_unit_test_setup_teardown(missing_files_are_listed, setup_empty,
						teardown_empty),
		cmocka_unit_test_setup_teardown(supplied_files_can_be_removed_and_written,
						setup_empty, teardown_empty),
		cmocka_unit_test_setup_teardown(a_supplied_text_can_change_before_and_after,
						setup_empty, teardown_empty),
		cmocka_unit_test_setup_teardown(other_directories_get_nothing, setup_empty,
						teardown_empty),
		cmocka_unit_test_setup_teardown(an_image_without_etc_gets_one, setup, teardown),
	};

	int failed;

	image_tree(tree);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	image_remove_tree(tree);
	return failed;
}
