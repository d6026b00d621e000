/* SPDX-License-Identifier: BSD-3-Clause */
/* Control data, read and written. The layout is that of the host's <sys/socket.h>. */
#include "../fs/test_fs.h"

#include <net/socket.h>

/* A message with `bytes` of data at `at`; returns where the next one starts. */
static size_t put(uint8_t *at, size_t bytes, uint8_t fill)
{
	struct control_header header = { sizeof header + bytes, 1, fill };

	memcpy(at, &header, sizeof header);
	memset(at + sizeof header, fill, bytes);
	return sizeof header + ((bytes + 7) & ~(size_t)7);
}

static void messages_are_found_one_after_the_other(void **state)
{
	uint8_t data[128];
	struct control_item item;
	size_t offset = 0, bytes = put(data, 5, 1);

	(void)state;
	bytes += put(data + bytes, 8, 2);
	assert_int_equal(control_next(data, bytes, &offset, &item), 1);
	assert_int_equal(item.bytes == 5 && item.type == 1, 1);
	assert_int_equal(control_next(data, bytes, &offset, &item), 1);
	assert_int_equal(item.bytes == 8 && item.type == 2, 1);
	assert_int_equal(((const uint8_t *)item.data)[7], 2);
	assert_int_equal(control_next(data, bytes, &offset, &item), 0);
}

static void bad_lengths_are_refused(void **state)
{
	const uint64_t bad[] = { 0, 15, 33, UINT64_MAX, UINT64_MAX - 15 };
	uint8_t data[32] = { 0 };
	struct control_item item;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t offset = 0;

		memcpy(data, &bad[i], sizeof bad[i]);
		assert_int_equal(control_next(data, sizeof data, &offset, &item), -EINVAL);
	}
	size_t offset = 0;
	assert_int_equal(control_next(data, 15, &offset, &item), 0);
}

static void last_message_needs_no_padding(void **state)
{
	uint8_t data[64];
	struct control_item item;
	size_t offset = 0;

	(void)state;
	(void)put(data, 5, 1);
	assert_int_equal(control_next(data, 21, &offset, &item), 1);
	assert_int_equal(control_next(data, 21, &offset, &item), 0);
}

static void list_is_read_back(void **state)
{
	struct control_list list = { .room = 100 };
	struct control_item item;
	size_t offset = 0, blocks = host_allocations();

	(void)state;
	assert_int_equal(control_add(&list, 1, 2, "abcde", 5), 0);
	assert_int_equal(control_add(&list, 3, 4, "12345678", 8), 0);
	assert_int_equal(list.bytes, 48);
	assert_false(list.truncated);
	assert_int_equal(control_next(list.data, list.bytes, &offset, &item), 1);
	assert_int_equal(item.bytes, 5);
	assert_memory_equal(item.data, "abcde", 5);
	assert_int_equal(control_next(list.data, list.bytes, &offset, &item), 1);
	assert_int_equal(item.level == 3 && item.type == 4, 1);
	control_fini(&list);
	assert_int_equal(host_allocations(), blocks);
}

static void what_has_no_room_is_cut_off(void **state)
{
	struct control_header header;
	struct control_list list = { .room = 20 };

	(void)state;
	assert_int_equal(control_add(&list, 1, 2, "12345678", 8), 0);
	assert_true(list.truncated);
	assert_int_equal(list.bytes, 20);
	memcpy(&header, list.data, sizeof header);
	assert_int_equal(header.bytes, 20);
	control_fini(&list);

	list = (struct control_list){ .room = 15 };
	assert_int_equal(control_add(&list, 1, 2, "1234", 4), 0);
	assert_true(list.truncated);
	assert_int_equal(list.bytes, 0);
	control_fini(&list);
}

static void padding_is_cut_at_the_end_of_the_room(void **state)
{
	struct control_list list = { .room = 20 };

	(void)state;
	assert_int_equal(control_add(&list, 1, 2, "1234", 4), 0);
	assert_false(list.truncated);
	assert_int_equal(list.bytes, 20);
	control_fini(&list);
}

static void files_are_put_with_the_list(void **state)
{
	struct control_list list = { 0 };
	size_t blocks = host_allocations();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct file **files = mem_alloc(sizeof *files);

		files[0] = file_create(&(struct file_ops){ 0 }, 0, NULL);
		control_add_files(&list, files, 1);
	}
	control_fini(&list);
	assert_int_equal(host_allocations(), blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_found_one_after_the_other),
		cmocka_unit_test(bad_lengths_are_refused),
		cmocka_unit_test(last_message_needs_no_padding),
		cmocka_unit_test(list_is_read_back),
		cmocka_unit_test(what_has_no_room_is_cut_off),
		cmocka_unit_test(padding_is_cut_at_the_end_of_the_room),
		cmocka_unit_test(files_are_put_with_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
