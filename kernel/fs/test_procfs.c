/* SPDX-License-Identifier: BSD-3-Clause */
/* /proc from registered entries. */
#define _GNU_SOURCE
#include "test_fs.h"

static char written[16];
static struct inode *exe;
static int shown;

static int show_long(struct procfs_buffer *buffer)
{
	int error = 0;

	shown++;
	for (int i = 0; i < 1000 && !error; i++)
		error = procfs_print(buffer, "line %d\n", i);
	return error;
}

static int show_one(struct procfs_buffer *buffer)
{
	return procfs_print(buffer, "%s", "one");
}

static int write_one(struct procfs_buffer *buffer, const char *text, size_t bytes)
{
	(void)buffer;
	if (bytes >= sizeof written)
		return -EINVAL;
	memcpy(written, text, bytes + 1);
	return 0;
}

static ssize_t readlink_exe(char *buffer, size_t size)
{
	size_t length = min(size, (size_t)8);

	memcpy(buffer, "/bin/exe", length);
	return (ssize_t)length;
}

static int lookup_exe(const char *name, size_t length, struct inode **out)
{
	assert_int_equal(length, 3);
	assert_memory_equal(name, "exe", 3);
	*out = inode_get(exe);
	return 0;
}

static ssize_t readlink_plain(char *buffer, size_t size)
{
	assert_true(size > 5);
	memcpy(buffer, "/file", 5);
	return 5;
}

/* Descriptors 0, 1, 2 exist. */
static int list_fd(uint64_t cookie, struct dir_sink *sink)
{
	for (; cookie < 3; cookie++) {
		char name = (char)('0' + cookie);

		if (!sink->entry(sink, &name, 1, 99, S_IFLNK, cookie + 1))
			break;
	}
	return 0;
}

static ssize_t readlink_fd(const char *name, size_t length, char *buffer, size_t size)
{
	if (length != 1 || name[0] < '0' || name[0] > '2' || size < 5)
		return -ENOENT;
	memcpy(buffer, "/fd/", 4);
	buffer[4] = name[0];
	return 5;
}

static int lookup_fd(const char *name, size_t length, struct inode **out)
{
	if (length != 1 || name[0] != '0')
		return -ENOENT;
	*out = inode_get(exe);
	return 0;
}

/* 3, 7 and 12 exist. */
static int next_number(int after)
{
	return after < 3 ? 3 : after < 7 ? 7 : after < 12 ? 12 : -1;
}

static int show_number(struct procfs_buffer *buffer)
{
	return procfs_print(buffer, "number %d", procfs_number(buffer));
}

static const struct procfs_entry first[] = {
	{ .path = "numbers/*/text", .show = show_number, .next = next_number },
	{ .path = "numbers/*/deep/text", .show = show_number, .next = next_number },
	{ .path = "numbers/fixed", .show = show_number },
	{ .path = "several/*", .show = show_number, .next = next_number },
	{ .path = "meminfo", .show = show_long },
	{ .path = "self/exe", .readlink = readlink_exe, .lookup = lookup_exe },
	{ .path = "self/fd", .list = list_fd, .readlink_child = readlink_fd, .lookup = lookup_fd },
	{ .path = "sys/kernel/one", .show = show_one, .write = write_one },
};
static const struct procfs_entry second[] = {
	{ .path = "self/comm", .show = show_one, .write = write_one },
	{ .path = "sys/kernel/two", .show = show_one },
	{ .path = "sys/vm/drop", .write = write_one },
	{ .path = "plain", .readlink = readlink_plain },
};

static int setup(void **state)
{
	(void)state;
	blocks_before = host_allocations();
	assert_int_equal(procfs_add(first, countof(first)), 0);
	size_t before = blocks_before;

	mount(NULL, 0);
	blocks_before = before;
	assert_int_equal(procfs_add(second, countof(second)), 0);
	assert_int_equal(make_file("/file", "content"), 0);
	assert_int_equal(path_lookup(&at, NULL, "/file", 0, &exe), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	inode_put(exe);
	unmount();
	return 0;
}

static ssize_t link_text(const char *path, char *buffer, size_t size)
{
	struct inode *inode;
	ssize_t length = path_lookup(&at, NULL, path, PATH_NOFOLLOW, &inode);

	if (length < 0)
		return length;
	length = inode_readlink(inode, buffer, size);
	inode_put(inode);
	return length;
}

static void directories_follow_from_paths(void **state)
{
	(void)state;
	assert_true(lists("/proc", "meminfo numbers plain self several sys"));
	assert_true(lists("/proc/sys", "kernel vm"));
	assert_true(lists("/proc/sys/kernel", "one two"));
	assert_true(lists("/proc/self", "comm exe fd"));
	assert_true(lists("/proc/self/fd", "0 1 2"));
	assert_true(has_text("/proc/sys/kernel/../kernel/one", "one"));
	assert_int_equal(exists("/proc/sys/kern"), -ENOENT);
	assert_int_equal(exists("/proc/sys/kernel/one/x"), -ENOTDIR);
	assert_int_equal(exists("/proc/self/fd/3"), -ENOENT);
	assert_int_equal(exists("/proc/self/fdx"), -ENOENT);
}

static void text_is_made_at_open(void **state)
{
	struct file *file;
	char bytes[20];

	(void)state;
	shown = 0;
	assert_int_equal(open_at("/proc/meminfo", O_RDONLY, &file), 0);
	assert_int_equal(file_get_bytes(file, bytes, 7), 7);
	assert_memory_equal(bytes, "line 0\n", 7);
	assert_int_equal(file_get_bytes(file, bytes, 7), 7);
	assert_memory_equal(bytes, "line 1\n", 7);
	assert_int_equal(file_seek(file, -9, FILE_SEEK_END), 8890 - 9);
	assert_int_equal(file_get_bytes(file, bytes, 20), 9);
	assert_memory_equal(bytes, "line 999\n", 9);
	assert_int_equal(file_get_bytes(file, bytes, 20), 0);
	assert_int_equal(shown, 1);
	file_put(file);
}

static void writes_reach_the_entry(void **state)
{
	struct file *file;

	(void)state;
	assert_int_equal(open_at("/proc/self/comm", O_WRONLY | O_TRUNC, &file), 0);
	assert_int_equal(file_put_bytes(file, "name\n", 5), 5);
	assert_string_equal(written, "name\n");
	assert_int_equal(file_put_bytes(file, "a name that is too long", 23), -EINVAL);
	file_put(file);
	assert_int_equal(try_open("/proc/meminfo", O_WRONLY), -EACCES);
	assert_int_equal(try_open("/proc/sys/vm/drop", O_RDONLY), -EACCES);
	assert_int_equal(try_open("/proc/sys/vm/drop", O_WRONLY), 0);
}

static void links_lead_to_paths_or_inodes(void **state)
{
	struct file *file;
	char text[32];

	(void)state;
	assert_true(has_text("/proc/plain", "content"));
	assert_int_equal(link_text("/proc/self/exe", text, sizeof text), 8);
	assert_memory_equal(text, "/bin/exe", 8);
	assert_true(has_text("/proc/self/exe", "content"));
	assert_int_equal(link_text("/dev/fd/1", text, sizeof text), 5);
	assert_memory_equal(text, "/fd/1", 5);
	assert_true(has_text("/dev/stdin", "content"));
	assert_int_equal(try_open("/dev/stdout", O_WRONLY), -ENOENT);
	assert_int_equal(try_open("/proc/self/exe", O_RDONLY | O_NOFOLLOW), -ELOOP);
	assert_int_equal(open_at("/proc/self/exe", O_RDONLY, &file), 0);
	assert_string_equal(file->path, "/file");
	file_put(file);
	assert_int_equal(exists("/proc/self/exe/x"), -ENOTDIR);
}

static void self_becomes_a_link_to_the_number(void **state)
{
	struct inode *cwd;
	char text[32];

	(void)state;
	procfs_set_pid("42");
	assert_true(lists("/proc", "42 meminfo numbers plain self several sys"));
	assert_int_equal(link_text("/proc/self", text, sizeof text), 2);
	assert_memory_equal(text, "42", 2);
	assert_true(has_text("/proc/42/comm", "one"));
	assert_true(has_text("/proc/self/exe", "content"));
	assert_true(lists("/proc/self", "comm exe fd"));
	assert_int_equal(path_lookup(&at, NULL, "/proc/self/fd", 0, &cwd), 0);
	assert_int_equal(path_of_directory(&at, cwd, text, sizeof text), 12);
	assert_string_equal(text, "/proc/42/fd");
	inode_put(cwd);
	assert_int_equal(exists("/proc/43"), -ENOENT);
}

static void want_of_memory_is_reported(void **state)
{
	struct file *file;
	int error;

	(void)state;
	for (uint32_t n = 0;; n++) {
		host_fail_allocation_after(n);
		error = open_at("/proc/meminfo", O_RDONLY, &file);
		if (!error)
			file_put(file);
		if (!host_allocation_failed())
			break;
		assert_true(!error || error == -ENOMEM);
	}
	host_fail_allocation_after(0);
	assert_int_equal(procfs_add(second, 1), -ENOMEM);
	host_fail_allocation_after(HOST_NEVER);
}

static void stars_stand_for_numbers(void **state)
{
	(void)state;
	assert_true(lists("/proc/numbers", "12 3 7 fixed"));
	assert_true(lists("/proc/numbers/7", "deep text"));
	assert_true(lists("/proc/several", "12 3 7"));
	assert_true(has_text("/proc/numbers/7/text", "number 7"));
	assert_true(has_text("/proc/numbers/12/deep/text", "number 12"));
	assert_true(has_text("/proc/numbers/fixed", "number -1"));
	assert_true(has_text("/proc/several/3", "number 3"));
	assert_int_equal(exists("/proc/numbers/4"), -ENOENT);
	assert_int_equal(exists("/proc/numbers/07"), -ENOENT);
	assert_int_equal(exists("/proc/numbers/*"), -ENOENT);
	assert_int_equal(exists("/proc/numbers/*/text"), -ENOENT);
	assert_int_equal(exists("/proc/several/99999999999"), -ENOENT);
}

static void sysfs_is_a_file_system_of_its_own(void **state)
{
	static const struct procfs_entry entries[] = {
		{ .path = "devices/cpu/online", .show = show_one },
	};

	(void)state;
	assert_int_equal(sysfs_add(entries, countof(entries)), 0);
	assert_true(has_text("/sys/devices/cpu/online", "one"));
	assert_true(lists("/sys/devices", "cpu"));
	assert_int_equal(exists("/sys/self"), -ENOENT);
	assert_int_equal(exists("/sys/meminfo"), -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(directories_follow_from_paths),
		TEST(text_is_made_at_open),
		TEST(writes_reach_the_entry),
		TEST(links_lead_to_paths_or_inodes),
		TEST(self_becomes_a_link_to_the_number),
		TEST(stars_stand_for_numbers),
		TEST(sysfs_is_a_file_system_of_its_own),
		TEST(want_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
