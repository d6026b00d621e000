/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptor tables, scatter lists and what all open files share. */
#define _GNU_SOURCE
#include "test_fs.h"

#include "pagetree.h"

static struct fd_table *table;

static int setup(void **state)
{
	(void)state;
	mount(NULL, 0);
	table = fd_table_create(1000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fd_table_put(table);
	unmount();
	return 0;
}

static struct file *null_file(void)
{
	struct file *file;

	assert_int_equal(open_at("/dev/null", O_RDWR, &file), 0);
	return file;
}

static void install_takes_the_lowest_free(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++)
		assert_int_equal(fd_install(table, null_file(), 0, false), i);
	assert_int_equal(fd_close(table, 7), 0);
	assert_int_equal(fd_close(table, 3), 0);
	assert_int_equal(fd_close(table, 3), -EBADF);
	assert_int_equal(fd_install(table, null_file(), 5, false), 7);
	assert_int_equal(fd_install(table, null_file(), 0, false), 3);
	assert_int_equal(fd_install(table, null_file(), 0, false), 40);
	assert_int_equal(fd_install(table, null_file(), 500, false), 500);
	assert_int_equal(fd_install(table, null_file(), 0, false), 41);
	assert_int_equal(fd_next(table, 42), 500);
	assert_int_equal(fd_next(table, 501), -1);
	assert_null(fd_get(table, -1));
	assert_null(fd_get(table, 42));
	assert_null(fd_get(table, 100000));
}

static void limit_is_kept(void **state)
{
	struct file *file = null_file();

	(void)state;
	assert_int_equal(fd_install(table, file, 1000, false), -EMFILE);
	assert_int_equal(fd_install(table, file, UINT32_MAX, false), -EMFILE);
	assert_int_equal(fd_install_at(table, 1000, file, false), -EBADF);
	assert_int_equal(fd_install_at(table, -1, file, false), -EBADF);
	assert_int_equal(fd_install_at(table, 999, file, false), 999);
	table->limit = 1;
	assert_int_equal(fd_install(table, file_get(file), 0, false), 0);
	assert_int_equal(fd_install(table, file, 0, false), -EMFILE);
}

static void install_at_closes_what_was_there(void **state)
{
	struct file *file = null_file();

	(void)state;
	assert_int_equal(fd_install(table, null_file(), 0, false), 0);
	assert_int_equal(fd_install_at(table, 0, file, true), 0);
	assert_int_equal(fd_flags(table, 0), 1);
	assert_int_equal(fd_set_flags(table, 0, false), 0);
	assert_int_equal(fd_flags(table, 0), 0);
	assert_int_equal(fd_flags(table, 1), -EBADF);
	assert_int_equal(fd_set_flags(table, 1, true), -EBADF);
}

static void copy_shares_files_and_exec_closes(void **state)
{
	struct fd_table *copy;

	(void)state;
	assert_int_equal(fd_install(table, null_file(), 0, true), 0);
	assert_int_equal(fd_install(table, null_file(), 100, false), 100);
	copy = fd_table_copy(table);
	assert_int_equal(fd_flags(copy, 0), 1);
	assert_ptr_equal(copy->entries[100].file, table->entries[100].file);
	assert_int_equal(copy->entries[100].file->refs, 2);
	fd_close_on_exec(copy);
	assert_int_equal(fd_flags(copy, 0), -EBADF);
	assert_int_equal(fd_flags(copy, 100), 0);
	assert_int_equal(fd_flags(table, 0), 1);
	assert_int_equal(fd_install(copy, null_file(), 0, false), 0);
	fd_table_put(copy);
}

static void want_of_memory_leaves_the_table_whole(void **state)
{
	struct file *file = null_file();

	(void)state;
	host_fail_allocation_after(0);
	assert_int_equal(fd_install(table, file, 0, false), -ENOMEM);
	assert_int_equal(fd_install(table, file, 0, false), 0);
	host_fail_allocation_after(0);
	assert_int_equal(fd_install(table, file, 100, false), -ENOMEM);
	for (uint32_t n = 0; n < 2; n++) {
		host_fail_allocation_after(n);
		assert_null(fd_table_copy(table));
	}
	host_fail_allocation_after(HOST_NEVER);
	assert_int_equal(file->refs, 1);
}

static void scatter_lists_span_segments(void **state)
{
	char a[3], b[5], out[8];
	struct uio_segment segments[] = {
		{ 0, 0 }, { (uintptr_t)a, 3 }, { 0, 0 }, { (uintptr_t)b, 5 }
	};
	struct uio uio;

	(void)state;
	uio_init_user(&uio, segments, 4, 8);
	uio.user = false;
	assert_int_equal(uio_put(&uio, "12", 2), 2);
	assert_int_equal(uio_put(&uio, "3456", 4), 4);
	assert_int_equal(uio_put_zeros(&uio, 100), 2);
	assert_int_equal(uio_put(&uio, "x", 1), 0);
	assert_memory_equal(a, "123", 3);
	assert_memory_equal(b, "456\0\0", 5);
	uio_init_user(&uio, segments, 4, 8);
	assert_int_equal(uio_get(&uio, out, 100), 8);
	assert_memory_equal(out, "123456\0\0", 8);
	uio_init_user(&uio, segments, 4, 1000); /* a total that lies ends with the segments */
	assert_int_equal(uio_get(&uio, out, 8), 8);
	assert_int_equal(uio_get(&uio, out, 8), 0);
}

static void faults_count_what_was_copied(void **state)
{
	char a[4] = "abc", out[8];
	struct uio_segment segments[] = { { (uintptr_t)a, 4 }, { 8, 4 } };
	struct uio uio;

	(void)state;
	uio_init_user(&uio, segments, 2, 8);
	assert_int_equal(uio_get(&uio, out, 8), 4);
	assert_int_equal(uio_get(&uio, out, 4), -EFAULT);
	uio_init_user(&uio, segments + 1, 1, 4);
	assert_int_equal(uio_put(&uio, "x", 1), -EFAULT);
	assert_int_equal(uio_put_zeros(&uio, 1), -EFAULT);
}

static void seek_gives_linux_errors(void **state)
{
	struct file *file;

	(void)state;
	assert_int_equal(make_file("/f", "0123456789"), 0);
	assert_int_equal(open_at("/f", O_RDONLY, &file), 0);
	assert_int_equal(file_seek(file, 4, FILE_SEEK_SET), 4);
	assert_int_equal(file_seek(file, 4, FILE_SEEK_CUR), 8);
	assert_int_equal(file_seek(file, -3, FILE_SEEK_END), 7);
	assert_int_equal(file_seek(file, -1, FILE_SEEK_SET), -EINVAL);
	assert_int_equal(file_seek(file, -8, FILE_SEEK_CUR), -EINVAL);
	assert_int_equal(file_seek(file, -11, FILE_SEEK_END), -EINVAL);
	assert_int_equal(file_seek(file, INT64_MAX, FILE_SEEK_CUR), -EOVERFLOW);
	assert_int_equal(file_seek(file, 10, FILE_SEEK_DATA), -ENXIO);
	assert_int_equal(file_seek(file, 3, FILE_SEEK_HOLE), 10);
	assert_int_equal(file_seek(file, 0, 5), -EINVAL);
	assert_int_equal(file_seek(file, 0, FILE_SEEK_CUR), 3 + 7);
	file_put(file);
	assert_int_equal(open_at("/", O_RDONLY, &file), 0);
	assert_int_equal(file_seek(file, 0, FILE_SEEK_END), -EINVAL);
	file_put(file);
}

static void devices_do_what_they_are_for(void **state)
{
	char bytes[600] = "x", other[600];
	struct vm_object *object;
	struct file *file = null_file();
	struct vm_page page;

	(void)state;
	assert_int_equal(file_get_bytes(file, bytes, 1), 0);
	assert_int_equal(file_put_bytes(file, bytes, 600), 600);
	assert_int_equal(file_map(file, SPACE_READ, 0, &object), -ENODEV);
	file_put(file);
	assert_int_equal(open_at("/dev/zero", O_RDWR, &file), 0);
	assert_int_equal(file_get_bytes(file, bytes, 600), 600);
	assert_int_equal(bytes[0], 0);
	assert_int_equal(file_map(file, SPACE_READ, 0, &object), 0);
	assert_null(object);
	assert_int_equal(file_map(file, SPACE_READ | SPACE_WRITE, AREA_SHARED, &object), 0);
	assert_int_equal(object->ops->page(object, 12345, true, &page), 0);
	page_put(page_of(page.frame));
	object->ops->put(object);
	file_put(file);
	assert_int_equal(open_at("/dev/full", O_RDWR, &file), 0);
	assert_int_equal(file_put_bytes(file, "x", 1), -ENOSPC);
	assert_int_equal(file_get_bytes(file, bytes, 10), 10);
	file_put(file);
	assert_int_equal(open_at("/dev/urandom", O_RDWR, &file), 0);
	assert_int_equal(file_get_bytes(file, bytes, 600), 600);
	assert_int_equal(file_get_bytes(file, other, 600), 600);
	assert_memory_not_equal(bytes, other, 600);
	assert_int_equal(file_put_bytes(file, other, 600), 600);
	file_put(file);
	assert_int_equal(path_mknod(&at, NULL, "/odd", S_IFCHR | 0600, (uint64_t)200 << 32), 0);
	assert_int_equal(try_open("/odd", O_RDWR), -ENXIO);
	assert_int_equal(path_mknod(&at, NULL, "/sock", S_IFSOCK | 0600, 0), 0);
	assert_int_equal(try_open("/sock", O_RDWR), -ENXIO);
}

/* The tree against an array. */
static void pagetree_keeps_sparse_pages(void **state)
{
	static const uint64_t places[] = { 0, 1, 63, 64, 4095, 4096, 1 << 20, (uint64_t)1 << 51 };
	struct pagetree tree = { NULL, 0, 0 };
	uint64_t index = 0;

	(void)state;
	for (size_t i = 0; i < countof(places); i++)
		assert_int_equal(pagetree_add(&tree, places[i], page_alloc(0, PAGE_PLAIN)), 0);
	for (size_t i = 0; i < countof(places); i++, index++) {
		assert_non_null(pagetree_get(&tree, places[i]));
		assert_null(pagetree_get(&tree, places[i] + 2));
		assert_null(pagetree_next(&tree, &index, places[i]));
		assert_non_null(pagetree_next(&tree, &index, places[i] + 1));
		assert_int_equal(index, places[i]);
	}
	assert_null(pagetree_next(&tree, &index, UINT64_MAX));
	pagetree_remove(&tree, 1, 4096);
	assert_int_equal(tree.count, 4);
	assert_non_null(pagetree_get(&tree, 0));
	assert_non_null(pagetree_get(&tree, 4096));
	assert_null(pagetree_get(&tree, 4095));
	pagetree_remove(&tree, 0, UINT64_MAX);
	assert_null(tree.root);
	assert_int_equal(tree.height, 0);
	for (uint32_t n = 0; n < 4; n++) { /* each leaves its levels: 0 + 1 + 2 + 3 of 9 */
		struct page *page = page_alloc(0, PAGE_PLAIN);

		host_fail_allocation_after(n);
		assert_int_equal(pagetree_add(&tree, (uint64_t)1 << 51, page), -ENOMEM);
		page_put(page);
		assert_null(pagetree_get(&tree, (uint64_t)1 << 51));
	}
	host_fail_allocation_after(HOST_NEVER);
	pagetree_remove(&tree, 0, UINT64_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(install_takes_the_lowest_free),
		TEST(limit_is_kept),
		TEST(install_at_closes_what_was_there),
		TEST(copy_shares_files_and_exec_closes),
		TEST(want_of_memory_leaves_the_table_whole),
		TEST(scatter_lists_span_segments),
		TEST(faults_count_what_was_copied),
		TEST(seek_gives_linux_errors),
		TEST(devices_do_what_they_are_for),
		TEST(pagetree_keeps_sparse_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
