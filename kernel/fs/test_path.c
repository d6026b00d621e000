/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths in a tree in memory: what each call does, and the errors Linux gives. */
#define _GNU_SOURCE
#include "test_fs.h"

static int setup(void **state)
{
	(void)state;
	mount(NULL, 0);
	assert_int_equal(make_dir("/d"), 0);
	assert_int_equal(make_dir("/d/e"), 0);
	assert_int_equal(make_file("/d/f", "text"), 0);
	assert_int_equal(symlink_at("d", "/dirlink"), 0);
	assert_int_equal(symlink_at("/d/f", "/filelink"), 0);
	assert_int_equal(symlink_at("nowhere", "/dangling"), 0);
	assert_int_equal(symlink_at("loop", "/loop"), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unmount();
	return 0;
}

static int lookup(const char *path, unsigned flags)
{
	struct inode *inode;
	int error = path_lookup(&at, NULL, path, flags, &inode);

	if (!error)
		inode_put(inode);
	return error;
}

static void lookup_walks_dots_slashes_and_links(void **state)
{
	static const char *const found[] = { "/",
					     "//",
					     "/d",
					     "/d/",
					     "/d//e/",
					     ".",
					     "..",
					     "/../d/e/..",
					     "d/./f",
					     "/dirlink/f",
					     "/dirlink/",
					     "/d/e/../../filelink",
					     "dirlink/../d/f" };

	(void)state;
	for (size_t i = 0; i < countof(found); i++)
		assert_int_equal(lookup(found[i], 0), 0);
	assert_int_equal(lookup("", 0), -ENOENT);
	assert_int_equal(lookup("", PATH_EMPTY), 0);
	assert_int_equal(lookup("/x", 0), -ENOENT);
	assert_int_equal(lookup("/x/y", 0), -ENOENT);
	assert_int_equal(lookup("/d/f/", 0), -ENOTDIR);
	assert_int_equal(lookup("/d/f/x", 0), -ENOTDIR);
	assert_int_equal(lookup("/d/f/..", 0), -ENOTDIR);
	assert_int_equal(lookup("/d/f/.", 0), -ENOTDIR);
	assert_int_equal(lookup("/d/f", PATH_DIRECTORY), -ENOTDIR);
	assert_int_equal(lookup("/dangling", 0), -ENOENT);
	assert_int_equal(lookup("/dangling", PATH_NOFOLLOW), 0);
	assert_int_equal(lookup("/dangling/", PATH_NOFOLLOW), -ENOENT);
	assert_int_equal(lookup("/filelink/", PATH_NOFOLLOW), -ENOTDIR);
	assert_int_equal(lookup("/loop", 0), -ELOOP);
	assert_int_equal(lookup("/loop/x", 0), -ELOOP);
	assert_int_equal(lookup("/loop", PATH_NOFOLLOW), 0);
}

static void lookup_limits_names_and_links(void **state)
{
	char name[300], path[400], target[16];

	(void)state;
	memset(name, 'n', sizeof name);
	name[255] = '\0';
	assert_int_equal(lookup(name, 0), -ENOENT);
	assert_int_equal(make_file(name, ""), 0);
	assert_int_equal(lookup(name, 0), 0);
	name[255] = 'n';
	name[256] = '\0';
	assert_int_equal(lookup(name, 0), -ENAMETOOLONG);
	assert_int_equal(make_file(name, ""), -ENAMETOOLONG);
	strcpy(target, "/d/f");
	for (int i = 1; i <= PATH_LINKS_MAX + 1; i++) {
		snprintf(path, sizeof path, "/link%d", i);
		assert_int_equal(symlink_at(target, path), 0);
		strcpy(target, path);
	}
	assert_int_equal(lookup("/link40", 0), 0);
	assert_int_equal(lookup("/link41", 0), -ELOOP);
}

static void lookup_expands_links_within_path_max(void **state)
{
	char target[PATH_MAX], path[200];

	(void)state;
	for (size_t i = 0; i < sizeof target - 1; i++)
		target[i] = i % 2 ? '/' : '.';
	target[sizeof target - 2] = '\0';
	assert_int_equal(symlink_at(target, "/long"), 0);
	assert_int_equal(lookup("/long", 0), 0);
	memset(path, 'p', sizeof path);
	memcpy(path, "/long/", 6);
	path[sizeof path - 1] = '\0';
	assert_int_equal(lookup(path, 0), -ENAMETOOLONG);
}

static void open_flags_give_linux_errors(void **state)
{
	(void)state;
	assert_int_equal(try_open("/d", O_RDONLY), 0);
	assert_int_equal(try_open("/d", O_WRONLY), -EISDIR);
	assert_int_equal(try_open("/d", O_RDWR), -EISDIR);
	assert_int_equal(try_open("/d", O_RDONLY | O_CREAT), -EISDIR);
	assert_int_equal(try_open("/d", O_RDONLY | O_TRUNC), -EISDIR);
	assert_int_equal(try_open("/d/f", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	assert_int_equal(try_open("/d/f/", O_RDONLY), -ENOTDIR);
	assert_int_equal(try_open("/d/f", O_CREAT | O_EXCL | O_RDWR), -EEXIST);
	assert_int_equal(try_open("/dangling", O_CREAT | O_EXCL | O_RDWR), -EEXIST);
	assert_int_equal(try_open(".", O_CREAT | O_EXCL | O_RDWR), -EEXIST);
	assert_int_equal(try_open("/", O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(try_open("/d/..", O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(try_open("/d/..", O_CREAT), -EISDIR);
	assert_int_equal(try_open("/d/", O_CREAT | O_EXCL), -EISDIR);
	assert_int_equal(try_open("/d/f", O_CREAT | O_DIRECTORY), -EINVAL);
	assert_int_equal(try_open("/new/", O_CREAT | O_RDWR), -EISDIR);
	assert_int_equal(try_open("/", O_CREAT | O_RDWR), -EISDIR);
	assert_int_equal(try_open("/d/..", O_CREAT | O_RDWR), -EISDIR);
	assert_int_equal(try_open("/filelink", O_RDONLY | O_NOFOLLOW), -ELOOP);
	assert_int_equal(try_open("/dirlink", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), -ENOTDIR);
	assert_int_equal(try_open("/dirlink/", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), 0);
	assert_int_equal(try_open("/dirlink/f", O_RDONLY | O_NOFOLLOW), 0);
	assert_int_equal(try_open("/filelink", O_PATH | O_NOFOLLOW), 0);
	assert_int_equal(try_open("/loop", O_RDONLY), -ELOOP);
	assert_int_equal(try_open("/loop", O_CREAT | O_RDWR), -ELOOP);
	assert_int_equal(try_open("/none/x", O_CREAT | O_RDWR), -ENOENT);
	assert_int_equal(try_open("/d/f/x", O_CREAT | O_RDWR), -ENOTDIR);
	assert_int_equal(try_open("", O_CREAT | O_RDWR), -ENOENT);
}

static void open_creates_with_umask_and_through_dangling_links(void **state)
{
	struct inode_attr attr;

	(void)state;
	assert_int_equal(try_open("/new", O_CREAT | O_RDWR), 0);
	assert_int_equal(get_attr("/new", &attr), 0);
	assert_int_equal(attr.mode, S_IFREG | 0644);
	assert_int_equal(attr.nlink, 1);
	assert_int_equal(try_open("/dangling", O_CREAT | O_RDWR), 0);
	assert_int_equal(get_attr("/nowhere", &attr), 0);
	assert_int_equal(try_open("/d/f", O_CREAT | O_RDWR), 0);
	assert_true(has_text("/d/f", "text"));
	assert_int_equal(try_open("/filelink", O_WRONLY | O_TRUNC), 0);
	assert_true(has_text("/d/f", ""));
}

static void open_path_only_allows_no_input_or_output(void **state)
{
	struct inode_attr attr;
	struct vm_object *object;
	struct file *file;
	char byte;

	(void)state;
	assert_int_equal(open_at("/filelink", O_PATH | O_NOFOLLOW, &file), 0);
	assert_int_equal(file_getattr(file, &attr), 0);
	assert_int_equal(attr.mode & S_IFMT, S_IFLNK);
	file_put(file);
	assert_int_equal(open_at("/d/f", O_PATH | O_RDWR, &file), 0);
	assert_int_equal(file_get_bytes(file, &byte, 1), -EBADF);
	assert_int_equal(file_put_bytes(file, "x", 1), -EBADF);
	assert_int_equal(file_seek(file, 0, FILE_SEEK_SET), -EBADF);
	assert_int_equal(file_truncate(file, 0), -EBADF);
	assert_int_equal(file_map(file, SPACE_READ, 0, &object), -EBADF);
	assert_int_equal(file_ioctl(file, 1, 0), -EBADF);
	file_put(file);
}

static void open_unnamed_file_can_be_linked(void **state)
{
	struct file *file;

	(void)state;
	assert_int_equal(open_at("/d", O_TMPFILE | O_RDWR, &file), 0);
	assert_int_equal(file_put_bytes(file, "hidden", 6), 6);
	assert_true(lists("/d", "e f"));
	assert_int_equal(path_link(&at, file->inode, NULL, "/d/found"), 0);
	file_put(file);
	assert_true(has_text("/d/found", "hidden"));
	assert_int_equal(nlink("/d/found"), 1);
	assert_int_equal(try_open("/d", O_TMPFILE | O_RDONLY), -EINVAL);
	assert_int_equal(try_open("/d/f", O_TMPFILE | O_RDWR), -ENOTDIR);
	assert_int_equal(try_open("/proc", O_TMPFILE | O_RDWR), -EOPNOTSUPP);
}

static void open_file_knows_its_path(void **state)
{
	static const char *const cases[][2] = {
		{ "/d/f", "/d/f" },
		{ "d/../dirlink/f", "/d/f" },
		{ "/filelink", "/d/f" },
		{ "/dirlink", "/d" },
		{ "/", "/" },
		{ "/d/e/..", "/d" },
		{ "dev/null", "/dev/null" },
	};
	struct file *file;

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		assert_int_equal(open_at(cases[i][0], O_RDONLY, &file), 0);
		assert_string_equal(file->path, cases[i][1]);
		file_put(file);
	}
	assert_int_equal(open_at("/top", O_CREAT | O_WRONLY, &file), 0);
	assert_string_equal(file->path, "/top");
	file_put(file);
}

static void make_gives_linux_errors(void **state)
{
	(void)state;
	assert_int_equal(make_dir("/d"), -EEXIST);
	assert_int_equal(make_dir("/d/"), -EEXIST);
	assert_int_equal(make_dir("/"), -EEXIST);
	assert_int_equal(make_dir("."), -EEXIST);
	assert_int_equal(make_dir("/d/.."), -EEXIST);
	assert_int_equal(make_dir("/x/y"), -ENOENT);
	assert_int_equal(make_dir("/d/f/x"), -ENOTDIR);
	assert_int_equal(make_dir("/dangling"), -EEXIST);
	assert_int_equal(make_dir("/slash/"), 0);
	assert_int_equal(path_mknod(&at, NULL, "/n/", S_IFREG | 0600, 0), -ENOENT);
	assert_int_equal(path_mknod(&at, NULL, "/n", S_IFLNK | 0600, 0), -EINVAL);
	assert_int_equal(path_mknod(&at, NULL, "/n", S_IFIFO | 0600, 0), 0);
	assert_int_equal(symlink_at("", "/s"), -ENOENT);
	assert_int_equal(symlink_at("x", "/s/"), -ENOENT);
	assert_int_equal(symlink_at("x", "/d"), -EEXIST);
	assert_int_equal(link_at("/d", "/hard"), -EPERM);
	assert_int_equal(link_at("/d", "/d/f"), -EEXIST); /* the new path's error is first */
	assert_int_equal(link_at("/d", "/x/y"), -ENOENT);
	assert_int_equal(link_at("/d", "/x/"), -ENOENT);
	assert_int_equal(link_at("/d", "/d/f/y"), -ENOTDIR);
	assert_int_equal(link_at("/d", "/loop/y"), -ELOOP);
	assert_int_equal(link_at("/d/f", "/d/f"), -EEXIST);
	assert_int_equal(link_at("/d/f", "/dev/f"), -EXDEV);
	assert_int_equal(link_at("/d/f", "/proc/f"), -EXDEV);
	assert_int_equal(make_dir("/proc/x"), -ENOENT);
	assert_int_equal(try_open("/proc/x", O_CREAT | O_RDWR), -ENOENT);
	assert_int_equal(symlink_at("x", "/proc/x"), -ENOENT);
}

static void links_share_one_file(void **state)
{
	(void)state;
	assert_int_equal(link_at("/d/f", "/hard"), 0);
	assert_int_equal(nlink("/d/f"), 2);
	assert_int_equal(make_file("/hard", "other"), 0);
	assert_true(has_text("/d/f", "other"));
	assert_int_equal(unlink_at("/d/f"), 0);
	assert_int_equal(nlink("/hard"), 1);
	assert_true(has_text("/hard", "other"));
	assert_int_equal(link_at("/loop", "/loop2"), 0); /* the link itself */
	assert_int_equal(nlink("/loop"), 2);
}

static void remove_gives_linux_errors(void **state)
{
	(void)state;
	assert_int_equal(unlink_at("/d"), -EISDIR);
	assert_int_equal(unlink_at("/d/"), -EISDIR);
	assert_int_equal(unlink_at("/"), -EISDIR);
	assert_int_equal(unlink_at("/d/f/"), -ENOTDIR);
	assert_int_equal(unlink_at("/x/"), -ENOENT);
	assert_int_equal(unlink_at("/x"), -ENOENT);
	assert_int_equal(rmdir_at("/d"), -ENOTEMPTY);
	assert_int_equal(rmdir_at("/d/f"), -ENOTDIR);
	assert_int_equal(rmdir_at("/d/."), -EINVAL);
	assert_int_equal(rmdir_at("/d/.."), -ENOTEMPTY);
	assert_int_equal(rmdir_at("/"), -EBUSY);
	assert_int_equal(rmdir_at("/dev"), -EBUSY);
	assert_int_equal(unlink_at("/dev"), -EISDIR);
	assert_int_equal(rmdir_at("/dirlink"), -ENOTDIR);
	assert_int_equal(rmdir_at("/proc/x"), -ENOENT);
	assert_int_equal(unlink_at("/filelink"), 0);
	assert_int_equal(exists("/d/f"), 0);
	assert_int_equal(nlink("/d"), 3);
	assert_int_equal(rmdir_at("/d/e/"), 0);
	assert_int_equal(nlink("/d"), 2);
	assert_int_equal(exists("/d/e"), -ENOENT);
}

static void removed_directory_takes_no_names(void **state)
{
	struct inode *dir, *found;
	struct path_context inside;
	struct file *file;
	char buffer[100];

	(void)state;
	assert_int_equal(path_lookup(&at, NULL, "/d/e", 0, &dir), 0);
	assert_int_equal(path_of_directory(&at, dir, buffer, sizeof buffer), 5);
	assert_string_equal(buffer, "/d/e");
	inside = (struct path_context){ .root = at.root, .cwd = dir, .umask = 0 };
	assert_int_equal(open_at("/d/e", O_RDONLY, &file), 0);
	assert_int_equal(rmdir_at("/d/e"), 0);
	assert_int_equal(file_iterate(file, NULL), -ENOENT);
	file_put(file);
	assert_int_equal(path_mknod(&inside, NULL, "x", S_IFREG, 0), -ENOENT);
	assert_int_equal(path_symlink(&inside, NULL, "x", "y"), -ENOENT);
	assert_int_equal(path_rename(&inside, NULL, "/d/f", NULL, "f", 0), -ENOENT);
	assert_int_equal(path_lookup(&inside, NULL, "x", 0, &found), -ENOENT);
	assert_int_equal(path_lookup(&inside, NULL, "../f", 0, &found), 0);
	inode_put(found);
	assert_int_equal(path_of_directory(&at, dir, buffer, sizeof buffer), -ENOENT);
	inode_put(dir);
}

static void rename_moves_and_replaces(void **state)
{
	(void)state;
	assert_int_equal(make_file("/a", "a"), 0);
	assert_int_equal(make_file("/b", "b"), 0);
	assert_int_equal(rename_at("/a", "/b", 0), 0);
	assert_true(has_text("/b", "a"));
	assert_int_equal(exists("/a"), -ENOENT);
	assert_int_equal(rename_at("/b", "/d/b", 0), 0);
	assert_true(lists("/d", "b e f"));
	assert_int_equal(rename_at("/d", "/moved", 0), 0);
	assert_true(has_text("/moved/b", "a"));
	assert_int_equal(exists("/d"), -ENOENT);
	assert_int_equal(make_dir("/empty"), 0);
	assert_int_equal(rename_at("/moved", "/empty", 0), 0);
	assert_true(lists("/empty", "b e f"));
	assert_int_equal(rename_at("/empty/e", "/e/", 0), 0);
	assert_int_equal(nlink("/empty"), 2);
	assert_int_equal(rename_at("/empty/f", "/empty/f", 0), 0);
}

static void rename_gives_linux_errors(void **state)
{
	(void)state;
	assert_int_equal(rename_at("/x", "/y", 0), -ENOENT);
	assert_int_equal(rename_at("/d", "/d/e/x", 0), -EINVAL);
	assert_int_equal(rename_at("/d", "/d/x", 0), -EINVAL);
	assert_int_equal(rename_at("/d/e", "/d", 0), -ENOTEMPTY);
	assert_int_equal(rename_at("/d/f", "/d/e", 0), -EISDIR);
	assert_int_equal(rename_at("/d/e", "/d/f", 0), -ENOTDIR);
	assert_int_equal(rename_at("/d/f/", "/x", 0), -ENOTDIR);
	assert_int_equal(rename_at("/d/f", "/x/", 0), -ENOTDIR);
	assert_int_equal(rename_at("/d/.", "/x", 0), -EBUSY);
	assert_int_equal(rename_at("/d", "/", 0), -EBUSY);
	assert_int_equal(rename_at("/dev", "/x", 0), -EBUSY);
	assert_int_equal(rename_at("/d", "/dev", 0), -EBUSY);
	assert_int_equal(rename_at("/d/f", "/dev/f", 0), -EXDEV);
	assert_int_equal(rename_at("/d/f", "/dangling", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rename_at("/d/f", "/d/f", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rename_at("/d/f", "/d/e/", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rename_at("/d/f/", "/d/e", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rename_at("/d/f", "/x/", RENAME_NOREPLACE), -ENOTDIR);
	assert_int_equal(rename_at("/d/e", "/d/f/", RENAME_EXCHANGE), -ENOTDIR);
	assert_int_equal(rename_at("/d/f/", "/x", RENAME_EXCHANGE), -ENOENT);
	assert_int_equal(rename_at("/d/f", "/x", RENAME_EXCHANGE), -ENOENT);
	assert_int_equal(rename_at("/d", "/d/e", RENAME_EXCHANGE), -EINVAL);
	assert_int_equal(rename_at("/d/e", "/d", RENAME_EXCHANGE), -EINVAL);
	assert_int_equal(rename_at("/d/f", "/x", 8), -EINVAL);
	assert_int_equal(rename_at("/d/f", "/x", 3), -EINVAL);
	assert_true(has_text("/d/f", "text"));
}

static void rename_exchanges(void **state)
{
	struct file *file;

	(void)state;
	assert_int_equal(make_file("/a", "a"), 0);
	assert_int_equal(rename_at("/a", "/d/e", RENAME_EXCHANGE), 0);
	assert_true(has_text("/d/e", "a"));
	assert_true(lists("/a", ""));
	assert_int_equal(nlink("/d"), 2);
	assert_int_equal(open_at("/a/..", O_RDONLY, &file), 0);
	assert_string_equal(file->path, "/");
	file_put(file);
	assert_int_equal(rename_at("/a", "/d/e", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rename_at("/a", "/free", RENAME_NOREPLACE), 0);
}

static void changed_root_is_not_left(void **state)
{
	struct path_context inside;
	struct inode *dir, *found;
	char buffer[16];

	(void)state;
	assert_int_equal(path_lookup(&at, NULL, "/d", 0, &dir), 0);
	inside = (struct path_context){ .root = dir, .cwd = dir, .umask = 0 };
	assert_int_equal(path_lookup(&inside, NULL, "/../../e", 0, &found), 0);
	assert_int_equal(path_of_directory(&inside, found, buffer, sizeof buffer), 3);
	assert_string_equal(buffer, "/e");
	assert_int_equal(path_of_directory(&inside, dir, buffer, sizeof buffer), 2);
	assert_int_equal(path_of_directory(&inside, at.root, buffer, sizeof buffer), -ENOENT);
	assert_int_equal(path_of_directory(&inside, found, buffer, 2), -ERANGE);
	assert_int_equal(path_of_directory(&inside, found, buffer, 0), -ERANGE);
	inode_put(found);
	inode_put(dir);
}

static void mounts_are_crossed_both_ways(void **state)
{
	struct inode *inode;
	char buffer[32];

	(void)state;
	assert_int_equal(lookup("/dev/null", 0), 0);
	assert_int_equal(lookup("/dev/shm/../../d/f", 0), 0);
	assert_int_equal(lookup("/dev/..", 0), 0);
	assert_int_equal(path_lookup(&at, NULL, "/dev/shm", 0, &inode), 0);
	assert_int_equal(path_of_directory(&at, inode, buffer, sizeof buffer), 9);
	assert_string_equal(buffer, "/dev/shm");
	inode_put(inode);
	assert_true(lists("/", "d dangling dev dirlink filelink loop proc sys"));
	assert_int_equal(make_file("/dev/shm/x", "shared"), 0);
	assert_int_equal(path_mknod(&at, NULL, "/dev/mine", S_IFCHR | 0600, (uint64_t)1 << 32 | 3),
			 0);
	assert_true(has_text("/dev/mine", ""));
	assert_int_equal(unlink_at("/dev/full"), 0);
	assert_true(lists(
		"/dev",
		"console fd mine null random shm stderr stdin stdout tty urandom vsock zero"));
}

static void long_removed_chain_is_freed_without_recursion(void **state)
{
	struct path_context deep = { .root = at.root, .cwd = at.root, .umask = 0 };
	struct inode *dir = inode_get(at.root), *below;
	enum { DEPTH = 20000 };

	(void)state;
	for (int i = 0; i < DEPTH; i++) {
		deep.cwd = dir;
		assert_int_equal(path_mknod(&deep, NULL, "x", S_IFDIR | 0700, 0), 0);
		assert_int_equal(path_lookup(&deep, NULL, "x", 0, &below), 0);
		inode_put(dir);
		dir = below;
	}
	for (int i = 0; i < DEPTH; i++) {
		deep.cwd = i ? below : dir;
		assert_int_equal(path_lookup(&deep, NULL, "..", 0, &deep.cwd), 0);
		assert_int_equal(path_rmdir(&deep, NULL, "x"), 0);
		if (i)
			inode_put(below);
		below = deep.cwd;
	}
	inode_put(below);
	inode_put(dir); /* held its parent, that its own, ... */
}

static void each_want_of_memory_is_reported_and_undone(void **state)
{
	int error;

	(void)state;
	for (uint32_t n = 0;; n++) {
		host_fail_allocation_after(n);
		error = make_file("/d/fresh", "content");
		if (!error)
			error = rename_at("/d/fresh", "/dirlink/e/fresher", 0);
		if (!error)
			error = link_at("/d/e/fresher", "/hard");
		if (!host_allocation_failed())
			break;
		/* Opening without memory for the path alone succeeds. */
		assert_true(!error || error == -ENOMEM || error == -ENOSPC);
		host_fail_allocation_after(HOST_NEVER);
		unlink_at("/d/fresh");
		unlink_at("/d/e/fresher");
		unlink_at("/hard");
		assert_true(lists("/d", "e f"));
	}
	host_fail_allocation_after(HOST_NEVER);
	assert_int_equal(error, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(lookup_walks_dots_slashes_and_links),
		TEST(lookup_limits_names_and_links),
		TEST(lookup_expands_links_within_path_max),
		TEST(open_flags_give_linux_errors),
		TEST(open_creates_with_umask_and_through_dangling_links),
		TEST(open_path_only_allows_no_input_or_output),
		TEST(open_unnamed_file_can_be_linked),
		TEST(open_file_knows_its_path),
		TEST(make_gives_linux_errors),
		TEST(links_share_one_file),
		TEST(remove_gives_linux_errors),
		TEST(removed_directory_takes_no_names),
		TEST(rename_moves_and_replaces),
		TEST(rename_gives_linux_errors),
		TEST(rename_exchanges),
		TEST(changed_root_is_not_left),
		TEST(mounts_are_crossed_both_ways),
		TEST(long_removed_chain_is_freed_without_recursion),
		TEST(each_want_of_memory_is_reported_and_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
