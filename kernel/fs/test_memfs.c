/* SPDX-License-Identifier: BSD-3-Clause */
/* Files and directories in memory above images that mkfs.erofs made. */
#define _GNU_SOURCE
#include "test_fs.h"

#include "../lib/erofs/test_image.h"

enum { BIG = 300000 };

static char tree[] = "/tmp/capuchin-tree-XXXXXX";
static struct image image;
static const char *options = "";

static int setup(void **state)
{
	(void)state;
	image = image_make(tree, options);
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

static struct file *opened(const char *path, unsigned flags)
{
	struct file *file;

	assert_int_equal(open_at(path, flags, &file), 0);
	return file;
}

static uint64_t size_of(const char *path)
{
	struct inode_attr attr;

	assert_int_equal(get_attr(path, &attr), 0);
	return attr.size;
}

/* Content that image_byte() gives, but for [start, end), which is `other`. */
static void check_bytes(struct file *file, size_t size, size_t start, size_t end, int other)
{
	uint8_t *bytes = malloc(size + 1);

	assert_int_equal(get_at(file, bytes, size + 1, 0), size);
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != (i >= start && i < end ? other : image_byte(i)))
			fail_msg("byte %zu is 0x%x", i, bytes[i]);
	free(bytes);
}

static void lower_files_are_read(void **state)
{
	static const struct {
		const char *path;
		size_t bytes;
	} files[] = { { "/empty", 0 },    { "/small", 11 },      { "/tail", 5000 },
		      { "/big", BIG },    { "/link", 123 },      { "/dirlink/more", 4097 },
		      { "/block", 4096 }, { "/sub/hard", 5000 }, { "/many/entry-number-36", 3 } };

	(void)state;
	for (size_t i = 0; i < countof(files); i++) {
		struct file *file = opened(files[i].path, O_RDONLY);

		check_bytes(file, files[i].bytes, 0, 0, 0);
		file_put(file);
	}
	assert_int_equal(try_open("/loop", O_RDONLY), -ELOOP);
	assert_int_equal(try_open("/longlink", O_RDONLY), -ENAMETOOLONG);
	assert_int_equal(nlink("/tail"), 2);
	assert_int_equal(nlink("/sub"), 3);
	assert_int_equal(size_of("/longlink"), IMAGE_LONG_LINK);
	assert_true(lists("/sub", "hard inner more two-blocks"));
}

static void lower_nodes_live_only_while_used(void **state)
{
	size_t blocks = host_allocations();
	char(*names)[256] = malloc(LIST_MAX * 256);

	(void)state;
	assert_int_equal(list("/many", 50, names), IMAGE_MANY + 2);
	free(names);
	lower_files_are_read(NULL);
	assert_int_equal(host_allocations(), blocks);
}

static void write_copies_up_the_touched_page_only(void **state)
{
	struct file *file = opened("/big", O_RDWR);
	size_t blocks;

	(void)state;
	blocks = host_allocations();
	assert_int_equal(put_at(file, "ZZZZ", 4, 4094), 4);
	check_bytes(file, BIG, 4094, 4098, 'Z');
	/* Two pages, and one or two levels of the tree. */
	assert_in_range(host_allocations() - blocks, 3, 4);
	file_put(file);
	file = opened("/big", O_RDONLY);
	check_bytes(file, BIG, 4094, 4098, 'Z');
	assert_int_equal(file_put_bytes(file, "x", 1), -EBADF);
	file_put(file);
}

static void write_shows_through_all_names(void **state)
{
	struct file *file = opened("/tail", O_RDWR), *other = opened("/sub/hard", O_RDONLY);

	(void)state;
	assert_ptr_equal(file->inode, other->inode);
	assert_int_equal(put_at(file, "ZZZZ", 4, 4998), 4);
	assert_int_equal(size_of("/sub/hard"), 5002);
	file_put(file);
	check_bytes(other, 5002, 4998, 5002, 'Z');
	file_put(other);
	assert_int_equal(size_of("/tail"), 5002);
}

static void write_past_the_end_leaves_a_hole(void **state)
{
	uint8_t bytes[100];
	struct file *file = opened("/tail", O_RDWR);

	(void)state;
	assert_int_equal(put_at(file, "end", 3, (uint64_t)1 << 40), 3);
	assert_int_equal(size_of("/tail"), ((uint64_t)1 << 40) + 3);
	assert_int_equal(get_at(file, bytes, 100, 5000), 100);
	for (size_t i = 0; i < sizeof bytes; i++)
		assert_int_equal(bytes[i], 0);
	assert_int_equal(get_at(file, bytes, 100, ((uint64_t)1 << 40) - 10), 13);
	assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0\0\0end", 13);
	assert_int_equal(file_seek(file, 0, FILE_SEEK_HOLE), 8192);
	assert_int_equal(file_seek(file, 8192, FILE_SEEK_DATA), (int64_t)1 << 40);
	assert_int_equal(file_seek(file, (int64_t)1 << 41, FILE_SEEK_DATA), -ENXIO);
	assert_int_equal(put_at(file, "x", 1, INT64_MAX), -EINVAL);
	assert_int_equal(file_truncate(file, 10), 0);
	check_bytes(file, 10, 0, 0, 0);
	file_put(file);
}

static void append_writes_at_the_end_always(void **state)
{
	struct file *file = opened("/small", O_RDWR | O_APPEND),
		    *other = opened("/small", O_WRONLY);

	(void)state;
	assert_int_equal(file_put_bytes(file, "one", 3), 3);
	assert_int_equal(put_at(other, "two", 3, 14), 3);
	assert_int_equal(put_at(file, "three", 5, 0), 5);
	assert_int_equal(file_seek(file, 0, FILE_SEEK_SET), 0);
	assert_int_equal(file_put_bytes(file, "!", 1), 1);
	assert_int_equal(file_seek(file, 0, FILE_SEEK_CUR), 23);
	assert_int_equal(size_of("/small"), 23);
	file_put(file);
	file_put(other);
}

static void truncate_hides_lower_bytes_for_ever(void **state)
{
	struct file *file = opened("/big", O_RDWR);
	uint8_t bytes[8192];

	(void)state;
	assert_int_equal(file_truncate(file, 5000), 0);
	assert_int_equal(file_truncate(file, 20000), 0);
	assert_int_equal(get_at(file, bytes, sizeof bytes, 0), sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		assert_int_equal(bytes[i], i < 5000 ? image_byte(i) : 0);
	assert_int_equal(put_at(file, "Z", 1, 5001), 1);
	assert_int_equal(get_at(file, bytes, 3, 5000), 3);
	assert_memory_equal(bytes, "\0Z\0", 3);
	assert_int_equal(file_truncate(file, 5001), 0);
	assert_int_equal(file_truncate(file, 6000), 0);
	assert_int_equal(get_at(file, bytes, 3, 5000), 3);
	assert_memory_equal(bytes, "\0\0\0", 3);
	assert_int_equal(file_truncate(file, (uint64_t)1 << 63), -EINVAL);
	file_put(file);
	assert_int_equal(try_open("/big", O_RDONLY | O_TRUNC), 0);
	assert_int_equal(size_of("/big"), 0);
}

static void fallocate_punches_and_reserves(void **state)
{
	struct file *file = opened("/big", O_RDWR);
	struct inode_attr attr;

	(void)state;
	assert_int_equal(file_fallocate(file, FALLOCATE_PUNCH_HOLE, 0, 10), -EOPNOTSUPP);
	assert_int_equal(file_fallocate(file, 3, 100, 50), 0);
	check_bytes(file, BIG, 100, 150, 0);
	assert_int_equal(file_fallocate(file, 3, 150, 20000), 0);
	check_bytes(file, BIG, 100, 20150, 0);
	assert_int_equal(file_fallocate(file, 3, BIG - 10, 20000), 0);
	assert_int_equal(size_of("/big"), BIG);
	file_put(file);
	file = opened("/new", O_RDWR | O_CREAT);
	assert_int_equal(file_fallocate(file, FALLOCATE_KEEP_SIZE, 0, 10000), 0);
	assert_int_equal(size_of("/new"), 0);
	assert_int_equal(file_fallocate(file, 0, 0, 10000), 0);
	assert_int_equal(get_attr("/new", &attr), 0);
	assert_int_equal(attr.size, 10000);
	assert_int_equal(attr.blocks_512, 24);
	assert_int_equal(file_fallocate(file, 0, 0, (uint64_t)1 << 40), -ENOSPC);
	assert_int_equal(file_fallocate(file, 0, 0, 0), -EINVAL);
	assert_int_equal(file_fallocate(file, 0, INT64_MAX, 1), -EFBIG);
	assert_int_equal(file_fallocate(file, 8, 0, 1), -EOPNOTSUPP);
	file_put(file);
}

static struct vm_object *object_of(const char *path, unsigned flags)
{
	struct file *file = opened(path, flags);
	struct vm_object *object;

	assert_int_equal(file_map(file, SPACE_READ, 0, &object), 0);
	file_put(file);
	return object;
}

/* Whole pages inside the image, of a file that lies on page borders there, are lent. */
static void mapping_borrows_image_pages(void **state)
{
	struct vm_object *object = object_of("/big", O_RDONLY);
	struct vm_page page;

	(void)state;
	assert_int_equal(object->ops->page(object, 1, false, &page), 0);
	assert_true(page.borrowed);
	assert_in_range(page.frame.raw - (uintptr_t)image.data, 0, image.bytes);
	assert_int_equal(*(uint8_t *)phys_to_virt(page.frame), image_byte(4096));
	assert_int_equal(object->ops->page(object, 1, true, &page), 0);
	assert_false(page.borrowed);
	assert_int_equal(*(uint8_t *)phys_to_virt(page.frame), image_byte(4096));
	page_put(page_of(page.frame));
	/* The last page is not whole. */
	assert_int_equal(object->ops->page(object, BIG / 4096, false, &page), 0);
	assert_false(page.borrowed);
	assert_int_equal(((uint8_t *)phys_to_virt(page.frame))[BIG % 4096], 0);
	page_put(page_of(page.frame));
	assert_int_equal(object->ops->page(object, BIG / 4096 + 1, false, &page), -ENXIO);
	assert_int_equal(object->ops->page(object, UINT64_MAX, false, &page), -ENXIO);
	object->ops->put(object);
}

static void mapping_sees_later_writes(void **state)
{
	struct file *file = opened("/big", O_RDWR);
	struct vm_object *object = object_of("/big", O_RDONLY);
	uint64_t device, ino;
	struct vm_page page;
	char name[32];
	uint8_t byte;

	(void)state;
	assert_int_equal(object->ops->page(object, 0, false, &page), 0);
	assert_false(page.borrowed);
	assert_int_equal(put_at(file, "Z", 1, 7), 1);
	assert_int_equal(((uint8_t *)phys_to_virt(page.frame))[7], 'Z');
	((uint8_t *)phys_to_virt(page.frame))[8] = 'Y';
	assert_int_equal(get_at(file, &byte, 1, 8), 1);
	assert_int_equal(byte, 'Y');
	assert_int_equal(object->ops->name(object, name, sizeof name), 4);
	assert_string_equal(name, "/big");
	object->ops->identity(object, &device, &ino);
	assert_int_equal(ino, file->inode->ino);
	file_put(file);
	assert_int_equal(unlink_at("/big"), 0);
	object->ops->name(object, name, sizeof name);
	assert_string_equal(name, "/ (deleted)");
	page_put(page_of(page.frame));
	object->ops->put(object);
}

static void file_map_checks_rights(void **state)
{
	struct vm_object *object;
	struct file *file = opened("/big", O_RDONLY);

	(void)state;
	assert_int_equal(file_map(file, SPACE_READ | SPACE_WRITE, AREA_SHARED, &object), -EACCES);
	assert_int_equal(file_map(file, SPACE_READ | SPACE_WRITE, 0, &object), 0);
	object->ops->put(object);
	file_put(file);
	file = opened("/big", O_WRONLY);
	assert_int_equal(file_map(file, SPACE_READ, 0, &object), -EACCES);
	file_put(file);
	file = opened("/sub", O_RDONLY);
	assert_int_equal(file_map(file, SPACE_READ, 0, &object), -ENODEV);
	file_put(file);
}

static void remove_hides_lower_names(void **state)
{
	struct file *file = opened("/tail", O_RDONLY);

	(void)state;
	assert_int_equal(unlink_at("/tail"), 0);
	assert_int_equal(unlink_at("/tail"), -ENOENT);
	assert_int_equal(try_open("/tail", O_RDONLY), -ENOENT);
	assert_int_equal(nlink("/sub/hard"), 1);
	check_bytes(file, 5000, 0, 0, 0);
	file_put(file);
	assert_int_equal(nlink("/sub/hard"), 1);
	assert_int_equal(make_file("/tail", "new"), 0);
	assert_true(has_text("/tail", "new"));
	assert_int_equal(size_of("/sub/hard"), 5000);
	assert_int_equal(unlink_at("/tail"), 0);
	assert_int_equal(try_open("/tail", O_RDONLY), -ENOENT);
	assert_int_equal(unlink_at("/sub/hard"), 0);
	assert_true(lists("/sub", "inner more two-blocks"));
}

static void remade_directory_is_empty(void **state)
{
	(void)state;
	assert_int_equal(rmdir_at("/sub"), -ENOTEMPTY);
	assert_int_equal(rmdir_at("/emptydir"), 0);
	assert_int_equal(unlink_at("/sub/inner/file"), 0);
	assert_int_equal(rmdir_at("/sub/inner"), 0);
	assert_int_equal(exists("/sub/inner"), -ENOENT);
	assert_int_equal(nlink("/sub"), 2);
	assert_int_equal(make_dir("/sub/inner"), 0);
	assert_true(lists("/sub/inner", ""));
	assert_int_equal(exists("/sub/inner/file"), -ENOENT);
	assert_int_equal(make_file("/sub/inner/file", "mine"), 0);
	assert_true(has_text("/link", "mine"));
	assert_int_equal(nlink("/sub"), 3);
}

static void rename_takes_lower_directories_along(void **state)
{
	struct file *file;

	(void)state;
	assert_int_equal(rename_at("/sub", "/emptydir/moved", 0), 0);
	assert_int_equal(exists("/sub"), -ENOENT);
	assert_int_equal(size_of("/emptydir/moved/inner/file"), 123);
	assert_int_equal(make_file("/emptydir/moved/inner/more", "x"), 0);
	assert_true(lists("/emptydir/moved/inner", "file more"));
	file = opened("/emptydir/moved/inner", O_RDONLY);
	assert_string_equal(file->path, "/emptydir/moved/inner");
	file_put(file);
	assert_int_equal(rename_at("/emptydir/moved/inner/file", "/file", 0), 0);
	assert_int_equal(size_of("/file"), 123);
	assert_int_equal(rename_at("/emptydir/moved", "/sub", 0), 0);
	assert_true(lists("/sub", "hard inner more two-blocks"));
	assert_true(lists("/sub/inner", "more"));
	assert_int_equal(rename_at("/big", "/small", 0), 0);
	assert_int_equal(size_of("/small"), BIG);
	assert_int_equal(rename_at("/sub", "/small", RENAME_EXCHANGE), 0);
	assert_int_equal(size_of("/sub"), BIG);
	assert_true(lists("/small/inner", "more"));
}

static void attributes_change_without_copying(void **state)
{
	struct inode_attr attr = { .mode = 0600, .uid = 5, .gid = 6, .mtime = { 77, 8 } };
	struct inode *inode;

	(void)state;
	assert_int_equal(path_lookup(&at, NULL, "/small", 0, &inode), 0);
	assert_int_equal(inode->mode, S_IFREG | 04755);
	assert_int_equal(inode_access(inode, 1), 0);
	assert_int_equal(
		inode_setattr(inode, &attr, INODE_SET_MODE | INODE_SET_UID | INODE_SET_MTIME), 0);
	assert_int_equal(inode_access(inode, 1), -EACCES);
	assert_int_equal(inode_access(inode, 6), 0);
	inode_put(inode);
	assert_int_equal(get_attr("/small", &attr), 0);
	assert_int_equal(attr.mode, S_IFREG | 0600);
	assert_int_equal(attr.uid, 5);
	assert_int_equal(attr.mtime.seconds, 77);
	assert_int_equal(attr.size, 11);
	assert_int_equal(path_lookup(&at, NULL, "/sub", 0, &inode), 0);
	assert_int_equal(inode_setattr(inode, &attr, INODE_SET_SIZE), -EISDIR);
	inode_put(inode);
}

/* Entries that exist all the time are seen once, whatever comes and goes meanwhile. */
static void readdir_is_stable_under_changes(void **state)
{
	static char names[LIST_MAX][256];
	struct lister l = { .sink.entry = list_one, .names = names };
	struct file *file = opened("/many", O_RDONLY);
	unsigned before, original = 0;
	char path[64];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof path, "/many/first%d", i);
		assert_int_equal(make_file(path, ""), 0);
	}
	for (int round = 0;; round++) {
		before = l.count;
		l.left = 7;
		assert_int_equal(file_iterate(file, &l.sink), 0);
		if (l.count == before)
			break;
		snprintf(path, sizeof path, "/many/new%d", round);
		assert_int_equal(make_file(path, ""), 0);
		if (round > 1 && round % 2) {
			snprintf(path, sizeof path, "/many/new%d", round - 1);
			assert_int_equal(unlink_at(path), 0);
		}
	}
	qsort(names, l.count, 256, compare_names);
	for (unsigned i = 0; i < l.count; i++) {
		assert_true(!i || strcmp(names[i - 1], names[i]));
		original += !strncmp(names[i], "entry-", 6) || !strncmp(names[i], "first", 5);
	}
	assert_int_equal(original, IMAGE_MANY + 100);
	file_put(file);
}

static void directory_position_can_be_restored(void **state)
{
	static char names[LIST_MAX][256], again[LIST_MAX][256];
	struct lister l = { .sink.entry = list_one, .names = names, .left = 300 };
	struct file *file = opened("/many", O_RDONLY);
	int64_t position;

	(void)state;
	assert_int_equal(file_iterate(file, &l.sink), 0);
	position = file_seek(file, 0, FILE_SEEK_CUR);
	l.left = 10;
	assert_int_equal(file_iterate(file, &l.sink), 0);
	assert_int_equal(file_seek(file, position, FILE_SEEK_SET), position);
	l.names = again;
	l.left = 10;
	assert_int_equal(file_iterate(file, &l.sink), 0);
	for (int i = 0; i < 10; i++)
		assert_string_equal(names[300 + i], again[310 + i]);
	file_put(file);
}

static void want_of_memory_is_reported_and_undone(void **state)
{
	struct file *file;
	int error = 0;

	(void)state;
	for (uint32_t n = 0;; n++) {
		ssize_t count = 0;

		host_fail_allocation_after(n);
		error = open_at("/big", O_RDWR, &file);
		if (!error) {
			count = put_at(file, "ZZZZ", 4, 70000);
			assert_true(count == 4 || count == -ENOSPC);
			file_put(file);
		}
		if (!error)
			error = rename_at("/sub/more", "/emptydir/more", 0);
		if (!error)
			error = unlink_at("/block");
		if (!error)
			error = rename_at("/nearly", "/tail", RENAME_EXCHANGE);
		if (!host_allocation_failed())
			break;
		assert_true(!error || error == -ENOMEM || error == -ENOSPC);
		host_fail_allocation_after(HOST_NEVER);
		/* Either all of it happened or nothing. */
		assert_int_equal(!exists("/sub/more") + !exists("/emptydir/more"), 1);
		if (!exists("/emptydir/more"))
			assert_int_equal(rename_at("/emptydir/more", "/sub/more", 0), 0);
		if (!exists("/block"))
			assert_int_equal(size_of("/block"), 4096);
		else
			assert_int_equal(make_file("/block", ""), 0);
	}
	host_fail_allocation_after(HOST_NEVER);
	assert_int_equal(error, 0);
	file = opened("/big", O_RDONLY);
	check_bytes(file, BIG, 70000, 70004, 'Z');
	file_put(file);
}

static void write_without_memory_is_short(void **state)
{
	struct file *file = opened("/new", O_CREAT | O_RDWR);
	uint8_t bytes[10000];

	(void)state;
	memset(bytes, 'a', sizeof bytes);
	host_fail_allocation_after(2);
	assert_int_equal(put_at(file, bytes, sizeof bytes, 0), 4096);
	host_fail_allocation_after(0);
	assert_int_equal(put_at(file, bytes, sizeof bytes, 8192), -ENOSPC);
	host_fail_allocation_after(HOST_NEVER);
	assert_int_equal(size_of("/new"), 4096);
	assert_int_equal(put_at(file, bytes, sizeof bytes, 0), sizeof bytes);
	file_put(file);
}

/* A write from memory that ends in the middle leaves zeros, not what the page held before. */
static void faulting_write_leaves_nothing_behind(void **state)
{
	struct file *file = opened("/new", O_CREAT | O_RDWR);
	char text[] = "good", rest[6];
	struct uio_segment segments[] = { { (uintptr_t)text, 4 }, { 16, 100 } };
	struct uio uio;

	(void)state;
	uio_init_user(&uio, segments, 2, 104);
	assert_int_equal(file_write(file, &uio), 4);
	assert_int_equal(size_of("/new"), 4);
	uio_init_user(&uio, segments + 1, 1, 100);
	assert_int_equal(file_write(file, &uio), -EFAULT);
	assert_int_equal(file_truncate(file, 10), 0);
	assert_int_equal(get_at(file, rest, 6, 4), 6);
	assert_memory_equal(rest, "\0\0\0\0\0\0", 6);
	file_put(file);
}

static void damaged_image_fails_to_mount(void **state)
{
	uint8_t *bytes = image.data;

	(void)state;
	host_set_log_level(0);
	unmount();
	assert_int_equal(root_mount(image.data, 100), -EUCLEAN);
	assert_null(root_directory());
	bytes[1024 + 80] = 2;
	assert_int_equal(root_mount(image.data, image.bytes), -EOPNOTSUPP);
	bytes[1024 + 80] = 0;
	bytes[1024 + 48] ^= 1;
	assert_int_equal(root_mount(image.data, image.bytes), -EUCLEAN);
	bytes[1024 + 48] ^= 1;
	for (uint32_t n = 0;; n++) {
		int error;

		host_fail_allocation_after(n);
		error = root_mount(image.data, image.bytes);
		if (!host_allocation_failed())
			break;
		assert_true(error == -ENOMEM || error == -ENOSPC);
		assert_int_equal(host_allocations(), blocks_before);
	}
	host_fail_allocation_after(HOST_NEVER);
	host_set_log_level(LOG_ERROR);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const char *const variants[] = { "", "-Enoinline_data", "--chunksize=4096",
						"--chunksize=65536 -Eforce-inode-extended" };
	const struct CMUnitTest tests[] = {
		TEST(lower_files_are_read),
		TEST(lower_nodes_live_only_while_used),
		TEST(write_copies_up_the_touched_page_only),
		TEST(write_shows_through_all_names),
		TEST(write_past_the_end_leaves_a_hole),
		TEST(append_writes_at_the_end_always),
		TEST(truncate_hides_lower_bytes_for_ever),
		TEST(fallocate_punches_and_reserves),
		TEST(mapping_borrows_image_pages),
		TEST(mapping_sees_later_writes),
		TEST(file_map_checks_rights),
		TEST(remove_hides_lower_names),
		TEST(remade_directory_is_empty),
		TEST(rename_takes_lower_directories_along),
		TEST(attributes_change_without_copying),
		TEST(readdir_is_stable_under_changes),
		TEST(directory_position_can_be_restored),
		TEST(want_of_memory_is_reported_and_undone),
		TEST(write_without_memory_is_short),
		TEST(faulting_write_leaves_nothing_behind),
		TEST(damaged_image_fails_to_mount),
	};
	int failed = 0;

	image_tree(tree);
	for (size_t i = 0; i < countof(variants); i++) {
		options = variants[i];
		failed += cmocka_run_group_tests_name(options, tests, NULL, NULL);
	}
	image_remove_tree(tree);
	return failed;
}
