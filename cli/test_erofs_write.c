/* SPDX-License-Identifier: BSD-3-Clause */
/* Images are read back by the kernel's reader, and hold what the tree holds. */
#include "erofs_write.h"

#include "copy.h"
#include "root.h"
#include "text.h"

#include <lib/erofs.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

struct image {
	struct tree tree;
	struct erofs fs;
	void *data;
	uint64_t bytes;
	int fd;
};

static int set_up(void **state)
{
	struct image *i = calloc(1, sizeof *i);

	tree_init(&i->tree);
	i->fd = memfd_create("image", MFD_CLOEXEC);
	*state = i;
	return 0;
}

static int tear_down(void **state)
{
	struct image *i = *state;

	tree_fini(&i->tree);
	if (i->data)
		munmap(i->data, i->bytes);
	close(i->fd);
	free(i);
	return 0;
}

static void make(struct image *i)
{
	uint64_t estimate = erofs_write_estimate(&i->tree);

	assert_int_equal(erofs_write(i->fd, &i->tree, &i->bytes), 0);
	assert_int_equal(estimate, i->bytes);
	i->data = mmap(NULL, i->bytes, PROT_READ, MAP_SHARED, i->fd, 0);
	assert_ptr_not_equal(i->data, MAP_FAILED);
	assert_int_equal(erofs_open(&i->fs, i->data, i->bytes), 0);
}

static void enter(struct node *dir, const char *name, struct node *node)
{
	tree_enter(dir, name, strlen(name), node);
}

static struct erofs_inode look(const struct image *i, uint64_t dir, const char *name)
{
	struct erofs_inode inode;
	struct erofs_dirent entry;

	assert_int_equal(erofs_load(&i->fs, dir, &inode), 0);
	assert_int_equal(erofs_lookup(&i->fs, &inode, name, strlen(name), &entry), 0);
	assert_int_equal(erofs_load(&i->fs, entry.nid, &inode), 0);
	return inode;
}

static void files_of_all_sizes_come_back(void **state)
{
	static const size_t sizes[] = { 0,    1,    1023, 1024, 1025, 4032,
					4095, 4096, 4097, 5120, 5121, 70000 };
	struct image *i = *state;
	char content[70000], back[70000];

	for (size_t at = 0; at < sizeof content; at++)
		content[at] = (char)(at * 31 + at / 4096);
	for (size_t n = 0; n < countof(sizes); n++) {
		char *name = format_string("%zu", sizes[n]);

		enter(i->tree.root, name,
		      tree_new_bytes(&i->tree, S_IFREG | 0640, content, sizes[n]));
		free(name);
	}
	make(i);
	for (size_t n = 0; n < countof(sizes); n++) {
		char *name = format_string("%zu", sizes[n]);
		struct erofs_inode inode = look(i, i->fs.root_nid, name);

		free(name);
		assert_int_equal(inode.mode, S_IFREG | 0640);
		assert_int_equal(inode.size, sizes[n]);
		assert_int_equal(erofs_read(&i->fs, &inode, 0, back, sizeof back), sizes[n]);
		assert_memory_equal(back, content, sizes[n]);
	}
}

static void whole_pages_of_files_can_be_mapped(void **state)
{
	struct image *i = *state;
	char *content = calloc(5 * 4096 + 3000, 1);
	struct erofs_run run;

	enter(i->tree.root, "f",
	      tree_new_bytes(&i->tree, S_IFREG | 0644, content, 5 * 4096 + 3000));
	free(content);
	make(i);
	struct erofs_inode inode = look(i, i->fs.root_nid, "f");
	assert_int_equal(erofs_map(&i->fs, &inode, 0, &run), 0);
	assert_int_equal(run.bytes, 5 * 4096 + 3000);
	assert_int_equal(((const char *)run.data - (const char *)i->data) % 4096, 0);
}

static void large_directories_are_sorted(void **state)
{
	enum { COUNT = 3000 };
	struct image *i = *state;
	struct node *dir = tree_new(&i->tree, S_IFDIR | 0700);
	struct erofs_inode inode;
	struct erofs_dirent entry;
	uint64_t position = 0;
	unsigned count = 0;

	enter(i->tree.root, "d", dir);
	for (unsigned n = 0; n < COUNT; n++) {
		char *name = format_string("%c%u", "-.a\xff"[n % 4], n * 7919 % COUNT);

		enter(dir, name, tree_new_link(&i->tree, name));
		free(name);
	}
	make(i);
	inode = look(i, i->fs.root_nid, "d");
	assert_int_equal(inode.nlink, 2);
	while (!erofs_entry(&i->fs, &inode, &position, &entry))
		count++;
	assert_int_equal(count, COUNT + 2);
	for (unsigned n = 0; n < COUNT; n++) {
		char *name = format_string("%c%u", "-.a\xff"[n % 4], n * 7919 % COUNT);
		char back[32];
		struct erofs_inode link = look(i, inode.nid, name);

		assert_int_equal(link.mode, S_IFLNK | 0777);
		assert_int_equal(erofs_read(&i->fs, &link, 0, back, sizeof back), strlen(name));
		assert_memory_equal(back, name, strlen(name));
		free(name);
	}
	assert_int_equal(look(i, inode.nid, "..").nid, i->fs.root_nid);
}

static void names_owners_times_and_devices_are_kept(void **state)
{
	struct image *i = *state;
	struct node *node = tree_new(&i->tree, S_IFCHR | 0620);
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	node->device = makedev(0x123, 0x45678);
	node->uid = 100000;
	node->gid = 5;
	node->mtime = (struct timespec){ -5, 999 };
	enter(i->tree.root, name, node);
	enter(i->tree.root, "second", node);
	make(i);
	struct erofs_inode inode = look(i, i->fs.root_nid, name);
	assert_int_equal(inode.mode, S_IFCHR | 0620);
	assert_int_equal(inode.major, 0x123);
	assert_int_equal(inode.minor, 0x45678);
	assert_int_equal(inode.uid, 100000);
	assert_int_equal(inode.gid, 5);
	assert_int_equal(inode.mtime_seconds, -5);
	assert_int_equal(inode.mtime_nanoseconds, 999);
	assert_int_equal(inode.nlink, 2);
	assert_int_equal(look(i, i->fs.root_nid, "second").nid, inode.nid);
}

static void files_of_the_host_are_read(void **state)
{
	struct image *i = *state;
	struct stat st;
	struct mapping file;
	char *back;

	assert_int_equal(stat("/proc/self/exe", &st), 0);
	char *path = realpath("/proc/self/exe", NULL);
	enter(i->tree.root, "self", copy_node(&i->tree, path, &st));
	make(i);
	struct erofs_inode inode = look(i, i->fs.root_nid, "self");
	assert_int_equal(file_map(path, &file), 0);
	assert_int_equal(inode.size, file.bytes);
	back = malloc(file.bytes);
	assert_int_equal(erofs_read(&i->fs, &inode, 0, back, file.bytes), file.bytes);
	assert_memory_equal(back, file.data, file.bytes);
	tree_unmap(&file);
	free(back);
	free(path);
}

static void file_that_became_shorter_is_an_error(void **state)
{
	struct image *i = *state;
	char path[] = "/tmp/capuchin-test-XXXXXX";
	int fd = mkstemp(path);
	struct stat st;

	assert_int_equal(ftruncate(fd, 10000), 0);
	assert_int_equal(fstat(fd, &st), 0);
	enter(i->tree.root, "f", copy_node(&i->tree, path, &st));
	assert_int_equal(ftruncate(fd, 9000), 0);
	assert_int_equal(erofs_write(i->fd, &i->tree, &i->bytes), -ENODATA);
	close(fd);
	unlink(path);
}

static void optional_file_that_is_gone_is_empty(void **state)
{
	struct image *i = *state;
	const struct stat st = { .st_mode = S_IFREG | 0644, .st_size = 9000, .st_nlink = 1 };
	struct node *node = copy_node(&i->tree, "/tmp/capuchin-test-gone", &st);

	node->optional = true;
	enter(i->tree.root, "f", node);
	make(i);
	assert_int_equal(look(i, i->fs.root_nid, "f").size, 0);
}

static void holes_of_a_file_are_zeroes(void **state)
{
	enum { BYTES = 8 << 20 };
	struct image *i = *state;
	char path[] = "/tmp/capuchin-test-XXXXXX";
	int fd = mkstemp(path);
	struct stat st;
	struct erofs_run run;

	assert_int_equal(pwrite(fd, "begin", 5, 3 << 20), 5);
	assert_int_equal(pwrite(fd, "end", 3, BYTES - 3), 3);
	assert_int_equal(fstat(fd, &st), 0);
	enter(i->tree.root, "f", copy_node(&i->tree, path, &st));
	make(i);
	struct erofs_inode inode = look(i, i->fs.root_nid, "f");
	assert_int_equal(erofs_map(&i->fs, &inode, 0, &run), 0);
	assert_int_equal(run.bytes, BYTES);
	char *want = calloc(BYTES, 1);
	assert_int_equal(pread(fd, want, BYTES, 0), BYTES);
	assert_memory_equal(run.data, want, BYTES);
	free(want);
	close(fd);
	unlink(path);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(files_of_all_sizes_come_back),
		test(whole_pages_of_files_can_be_mapped),
		test(large_directories_are_sorted),
		test(names_owners_times_and_devices_are_kept),
		test(files_of_the_host_are_read),
		test(file_that_became_shorter_is_an_error),
		test(optional_file_that_is_gone_is_empty),
		test(holes_of_a_file_are_zeroes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
