/* SPDX-License-Identifier: BSD-3-Clause */
/* Mounting and unmounting, and what watchers of files are told. */
#define _GNU_SOURCE
#include "test_fs.h"

#include <fs/mounts.h>
#include <fs/notify.h>

static int setup(void **state)
{
	(void)state;
	mount(NULL, 0);
	assert_int_equal(make_dir("/m"), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	notify_set_listener(NULL);
	unmount();
	return 0;
}

static struct inode *inode_at(const char *path)
{
	struct inode *inode;

	assert_int_equal(path_lookup(&at, NULL, path, 0, &inode), 0);
	return inode;
}

static int mount_at(const char *path)
{
	struct inode *place = inode_at(path);
	int error = mounts_create_tmpfs(place, 0700);

	inode_put(place);
	return error;
}

static int unmount_at(const char *path)
{
	struct inode *root = inode_at(path);
	int error = mounts_remove(root);

	inode_put(root);
	return error;
}

/* The file system itself stays: what is open may refer to it for ever. */
static void forget(struct filesystem *fs)
{
	inode_put(fs->root->parent);
	fs->root->parent = NULL;
	memfs_destroy(container_of(fs, struct memfs, fs));
}

static void a_tmpfs_hides_what_is_below(void **state)
{
	struct inode *inside;
	struct inode_attr attr;

	(void)state;
	assert_int_equal(make_file("/m/below", "old"), 0);
	assert_int_equal(mount_at("/m"), 0);
	assert_int_equal(exists("/m/below"), -ENOENT);
	assert_int_equal(get_attr("/m", &attr), 0);
	assert_int_equal(attr.mode, S_IFDIR | 0700);
	assert_int_equal(make_file("/m/above", "new"), 0);
	assert_int_equal(rename_at("/m/above", "/above", 0), -EXDEV);
	assert_int_equal(rmdir_at("/m"), -EBUSY);
	inside = inode_at("/m");
	assert_int_equal(unmount_at("/m"), 0);
	assert_true(has_text("/m/below", "old"));
	assert_int_equal(exists("/m/above"), -ENOENT);
	assert_int_equal(mounts_remove(inside), -EINVAL);
	struct filesystem *fs = inside->fs;
	inode_put(inside);
	forget(fs);
}

static void what_is_open_outlives_its_mount(void **state)
{
	char text[8] = "";
	struct file *file;

	(void)state;
	assert_int_equal(mount_at("/m"), 0);
	assert_int_equal(make_dir("/m/d"), 0);
	assert_int_equal(make_file("/m/d/f", "kept"), 0);
	assert_int_equal(open_at("/m/d/f", O_RDONLY, &file), 0);
	assert_int_equal(unmount_at("/m"), 0);
	assert_int_equal(file_get_bytes(file, text, sizeof text), 4);
	assert_string_equal(text, "kept");
	assert_int_equal(inode_path(file->inode, NULL, text, sizeof text), -ENOENT);
	struct filesystem *fs = file->inode->fs;
	file_put(file);
	forget(fs);
}

static void mounts_that_carry_others_are_busy(void **state)
{
	struct inode *outer, *inner;
	struct filesystem *fs[2];

	(void)state;
	assert_int_equal(mount_at("/m"), 0);
	assert_int_equal(make_dir("/m/n"), 0);
	assert_int_equal(mount_at("/m/n"), 0);
	outer = inode_at("/m");
	inner = inode_at("/m/n");
	fs[0] = outer->fs;
	fs[1] = inner->fs;
	assert_int_equal(mounts_remove(outer), -EBUSY);
	assert_int_equal(unmount_at("/proc"), -EBUSY);
	assert_int_equal(unmount_at("/"), -EINVAL);
	assert_int_equal(mounts_remove(inner), 0);
	assert_int_equal(mounts_remove(outer), 0);
	inode_put(inner);
	inode_put(outer);
	forget(fs[1]);
	forget(fs[0]);
}

static void deep_trees_go_without_recursion(void **state)
{
	struct path_context inside = at;
	struct inode *next;

	(void)state;
	assert_int_equal(mount_at("/m"), 0);
	inside.cwd = inode_at("/m");
	struct filesystem *fs = inside.cwd->fs;
	for (int i = 0; i < 20000; i++) {
		assert_int_equal(path_mknod(&inside, NULL, "d", S_IFDIR | 0777, 0), 0);
		assert_int_equal(path_lookup(&inside, NULL, "d", 0, &next), 0);
		inode_put(inside.cwd);
		inside.cwd = next;
	}
	inode_put(inside.cwd);
	assert_int_equal(unmount_at("/m"), 0);
	forget(fs);
}

/* --- watchers --- */

static char told[512];

static void tell(struct inode *watched, const struct notify_event *event)
{
	size_t length = strlen(told);

	(void)watched;
	snprintf(told + length, sizeof told - length, "%x%s%.*s ", event->mask,
		 event->name ? ":" : "", (int)event->length, event->name ? event->name : "");
}

static const struct notify_listener listener = { tell };

static bool were_told(const char *want)
{
	bool same = !strcmp(told, want);

	if (!same)
		print_message("told: %s\n", told);
	told[0] = '\0';
	return same;
}

static void watchers_of_directories_are_told_of_names(void **state)
{
	struct inode *dir = inode_at("/m");

	(void)state;
	told[0] = '\0';
	notify_set_listener(&listener);
	dir->watches = &told;
	assert_int_equal(make_file("/m/f", "text"), 0);
	assert_true(were_told("100:f 20:f 2:f 8:f "));
	assert_true(has_text("/m/f", "text"));
	assert_true(were_told("20:f 1:f 10:f "));
	assert_int_equal(make_dir("/m/d"), 0);
	assert_true(were_told("40000100:d "));
	assert_int_equal(rename_at("/m/f", "/m/g", 0), 0);
	assert_true(were_told("40:f 80:g "));
	assert_int_equal(rename_at("/m/g", "/m/d/g", 0), 0);
	assert_true(were_told("40:g "));
	assert_int_equal(unlink_at("/m/d/g"), 0);
	assert_int_equal(rmdir_at("/m/d"), 0);
	assert_true(were_told("40000200:d "));
	dir->watches = NULL;
	assert_int_equal(make_file("/m/f", "text"), 0);
	assert_true(were_told(""));
	inode_put(dir);
}

static void watchers_of_files_are_told_of_their_end(void **state)
{
	const struct inode_attr attr = { .mode = 0600 };
	struct inode *file;

	(void)state;
	told[0] = '\0';
	assert_int_equal(make_file("/m/f", "text"), 0);
	notify_set_listener(&listener);
	file = inode_at("/m/f");
	file->watches = &told;
	assert_int_equal(inode_setattr(file, &attr, INODE_SET_MODE), 0);
	assert_true(were_told("4 "));
	assert_int_equal(link_at("/m/f", "/m/g"), 0);
	assert_true(were_told("4 "));
	assert_int_equal(unlink_at("/m/f"), 0);
	assert_true(were_told("4 "));
	assert_int_equal(rename_at("/m/g", "/m/h", 0), 0);
	assert_true(were_told("800 "));
	assert_int_equal(unlink_at("/m/h"), 0);
	assert_true(were_told("4 400 "));
	file->watches = NULL;
	inode_put(file);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_tmpfs_hides_what_is_below),
		TEST(what_is_open_outlives_its_mount),
		TEST(mounts_that_carry_others_are_busy),
		TEST(deep_trees_go_without_recursion),
		TEST(watchers_of_directories_are_told_of_names),
		TEST(watchers_of_files_are_told_of_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
