/* SPDX-License-Identifier: BSD-3-Clause */
/* What a space that maps a file sees when the file changes: cut, opened for writing, punched. */
#define _GNU_SOURCE
#include "test_fs.h"

#include "../lib/erofs/test_image.h"

#define AT ((uintptr_t)0x10000000)
#define P PAGE_SIZE

enum { BIG = 300000 };

static char tree[] = "/tmp/capuchin-tree-XXXXXX";
static struct image image;
static struct space *space;

static int setup(void **state)
{
	(void)state;
	image = image_make(tree, "");
	mount(image.data, image.bytes);
	space = space_create();
	assert_non_null(space);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	space_put(space);
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

static void map_file(struct file *file, uintptr_t at_va, size_t pages, unsigned prot,
		     unsigned flags)
{
	struct space_map request = {
		.hint = at_va, .bytes = pages * P, .prot = prot, .flags = flags | AREA_FIXED
	};
	uintptr_t out;

	request.max_prot = file->flags & O_RDWR ? SPACE_READ | SPACE_WRITE : SPACE_READ;
	assert_int_equal(file_map(file, prot, flags, &request.object), 0);
	assert_int_equal(space_map(space, &request, &out), 0);
	request.object->ops->put(request.object);
}

/* The byte there, or minus an errno. */
static int touch(uintptr_t va, enum user_access access, uint8_t **byte)
{
	unsigned need = access == USER_ACCESS_WRITE ? MMU_WRITE : MMU_READ;
	phys_t frame;

	if (!(mmu_lookup(&space->mmu, va, &frame) & need)) {
		int error = space_fault(space, va, access);

		if (error)
			return error;
		assert_true(mmu_lookup(&space->mmu, va, &frame) & need);
	}
	*byte = (uint8_t *)phys_to_virt(frame) + va % P;
	return 0;
}

static int peek(uintptr_t va)
{
	uint8_t *byte;
	int error = touch(va, USER_ACCESS_READ, &byte);

	return error ? error : *byte;
}

static void poke(uintptr_t va, uint8_t value)
{
	uint8_t *byte;

	assert_int_equal(touch(va, USER_ACCESS_WRITE, &byte), 0);
	*byte = value;
}

static void a_cut_takes_pages_out_of_mappings(void **state)
{
	struct file *file = opened("/new", O_RDWR | O_CREAT);
	uintptr_t shared = AT, private = AT + 16 * P;

	(void)state;
	assert_int_equal(file_truncate(file, 4 * P), 0);
	map_file(file, shared, 4, SPACE_READ | SPACE_WRITE, AREA_SHARED);
	map_file(file, private, 4, SPACE_READ | SPACE_WRITE, 0);
	for (unsigned i = 0; i < 4; i++)
		poke(shared + i * P + 200, 'x');
	poke(private + P + 200, 'y');
	poke(private + 2 * P + 200, 'y');
	assert_int_equal(peek(private + 3 * P + 200), 'x');
	assert_int_equal(file_truncate(file, P + 100), 0);
	assert_int_equal(peek(shared + 200), 'x');
	assert_int_equal(peek(shared + P + 200), 0);
	assert_int_equal(peek(private + P + 200), 'y'); /* a copy of what is left stays */
	for (unsigned i = 2; i < 4; i++) {
		assert_int_equal(peek(shared + i * P), -ENXIO);
		assert_int_equal(peek(private + i * P), -ENXIO);
	}
	assert_int_equal(file_truncate(file, 4 * P), 0);
	for (unsigned i = 2; i < 4; i++) {
		assert_int_equal(peek(shared + i * P + 200), 0);
		assert_int_equal(peek(private + i * P + 200), 0);
	}
	poke(shared + 3 * P + 200, 'z');
	assert_int_equal(peek(private + 3 * P + 200), 'z');
	file_put(file);
}

/* Without anybody opening it for writing: frames of the image are mapped. */
static void a_cut_by_path_takes_back_image_pages(void **state)
{
	struct file *file = opened("/big", O_RDONLY);
	struct inode_attr attr = { .size = P + 100 };

	(void)state;
	map_file(file, AT, BIG / P, SPACE_READ, AREA_SHARED);
	map_file(file, AT + 256 * P, BIG / P, SPACE_READ, 0);
	for (uintptr_t va = AT; va <= AT + 256 * P; va += 256 * P) {
		assert_int_equal(peek(va + 50), image_byte(50));
		assert_int_equal(peek(va + P + 200), image_byte(P + 200));
		assert_int_equal(peek(va + 9 * P), image_byte(9 * P));
	}
	assert_int_equal(inode_setattr(file->inode, &attr, INODE_SET_SIZE), 0);
	for (uintptr_t va = AT; va <= AT + 256 * P; va += 256 * P) {
		assert_int_equal(peek(va + 50), image_byte(50));
		assert_int_equal(peek(va + P + 99), image_byte(P + 99));
		assert_int_equal(peek(va + P + 200), 0);
		assert_int_equal(peek(va + 9 * P), -ENXIO);
	}
	file_put(file);
}

static void opening_for_writing_takes_back_image_pages(void **state)
{
	struct file *reader = opened("/big", O_RDONLY), *writer;

	(void)state;
	map_file(reader, AT, 16, SPACE_READ, AREA_SHARED);
	map_file(reader, AT + 16 * P, 16, SPACE_READ | SPACE_WRITE, 0);
	assert_int_equal(peek(AT + 5 * P), image_byte(5 * P));
	assert_int_equal(peek(AT + 6 * P), image_byte(6 * P));
	assert_int_equal(peek(AT + 21 * P), image_byte(5 * P));
	poke(AT + 22 * P, 'y');
	writer = opened("/big", O_RDWR);
	assert_int_equal(put_at(writer, "Z", 1, 5 * P), 1);
	assert_int_equal(peek(AT + 5 * P), 'Z');
	assert_int_equal(peek(AT + 21 * P), 'Z');
	map_file(writer, AT + 32 * P, 16, SPACE_READ | SPACE_WRITE, AREA_SHARED);
	poke(AT + 38 * P, 'X');
	assert_int_equal(peek(AT + 6 * P), 'X');
	assert_int_equal(peek(AT + 22 * P), 'y');
	file_put(writer);
	file_put(reader);
}

static void a_hole_shows_in_mappings(void **state)
{
	struct file *file = opened("/new", O_RDWR | O_CREAT);
	struct inode_attr attr;

	(void)state;
	assert_int_equal(file_truncate(file, 4 * P), 0);
	map_file(file, AT, 4, SPACE_READ | SPACE_WRITE, AREA_SHARED);
	map_file(file, AT + 16 * P, 4, SPACE_READ | SPACE_WRITE, 0);
	for (unsigned i = 0; i < 4; i++)
		poke(AT + i * P, 'x');
	assert_int_equal(peek(AT + 17 * P), 'x');
	poke(AT + 18 * P, 'y');
	assert_int_equal(file_fallocate(file, FALLOCATE_PUNCH_HOLE | FALLOCATE_KEEP_SIZE, P, 3 * P),
			 0);
	/* What nobody maps any more is given back. */
	assert_int_equal(get_attr("/new", &attr), 0);
	assert_int_equal(attr.blocks_512, 2 * 8);
	assert_int_equal(peek(AT), 'x');
	assert_int_equal(peek(AT + P), 0);
	assert_int_equal(peek(AT + 2 * P), 0);
	assert_int_equal(peek(AT + 17 * P), 0);
	assert_int_equal(peek(AT + 18 * P), 'y');
	poke(AT + P, 'z');
	assert_int_equal(peek(AT + 17 * P), 'z');
	poke(AT + 3 * P, 'w');
	assert_int_equal(peek(AT + 19 * P), 'w');
	file_put(file);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_cut_takes_pages_out_of_mappings),
		T(a_cut_by_path_takes_back_image_pages),
		T(opening_for_writing_takes_back_image_pages),
		T(a_hole_shows_in_mappings),
	};
#undef T
	int failed;

	image_tree(tree);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	image_remove_tree(tree);
	return failed;
}
