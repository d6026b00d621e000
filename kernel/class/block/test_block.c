/* SPDX-License-Identifier: BSD-3-Clause */
/* The class over a device in memory with limits of all kinds: names, checks, splitting, joining. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../port/host/host.h"
#include "internal.h"
#include "test_contract.h"

/* A device that keeps requests until it is told to do them. */
static struct memory_disk {
	struct block_dev block;
	struct list_node held;
	unsigned char *memory;
	unsigned requests;
	int status; /* what the next requests end with */
} disk;

static void check_limits(const struct block_dev *dev, const struct block_request *request)
{
	uint64_t sum = 0;

	if (request->op != BLOCK_READ && request->op != BLOCK_WRITE) {
		assert_true(request->op == BLOCK_FLUSH || request->bytes <= dev->discard_bytes_max);
		return;
	}
	assert_true(request->segment_count && request->segment_count <= dev->segments_max);
	for (unsigned i = 0; i < request->segment_count; i++) {
		assert_true(request->segments[i].bytes <= dev->segment_bytes_max);
		assert_int_equal(request->segments[i].bytes % dev->block_bytes, 0);
		sum += request->segments[i].bytes;
	}
	assert_int_equal(sum, request->bytes);
	assert_true(sum <= dev->request_bytes_max);
}

static void submit(struct block_dev *dev, struct block_request *request)
{
	check_limits(dev, request);
	disk.requests++;
	list_insert_after(&disk.held, &request->link); /* the newest is done first */
}

static void move(const struct block_request *request)
{
	unsigned char *at = disk.memory + request->device_offset;

	if (request->op == BLOCK_WRITE_ZEROES)
		memset(at, 0, request->bytes);
	for (unsigned i = 0; i < request->segment_count; i++) {
		const struct block_segment *s = &request->segments[i];

		if (request->op == BLOCK_READ)
			memcpy(s->data, at, s->bytes);
		else
			memcpy(at, s->data, s->bytes);
		at += s->bytes;
	}
}

void contract_settle(void)
{
	struct list_node *node;

	while ((node = list_pop_front(&disk.held)) != NULL) {
		struct block_request *request = list_entry(node, struct block_request, link);

		if (!disk.status)
			move(request);
		request->complete(request, disk.status);
	}
}

static const struct block_ops ops = { .submit = submit };

static struct block_dev *create(uint32_t block_bytes, uint32_t segments, uint32_t segment_bytes,
				uint64_t request_bytes)
{
	struct block_dev *dev = malloc(sizeof(*dev));

	free(disk.memory);
	disk = (struct memory_disk){ .memory = calloc(1, CONTRACT_BYTES) };
	list_init(&disk.held);
	*dev = (struct block_dev){ .ops = &ops,
				   .prefix = "vd",
				   .bytes = CONTRACT_BYTES,
				   .block_bytes = block_bytes,
				   .segments_max = segments,
				   .segment_bytes_max = segment_bytes,
				   .request_bytes_max = request_bytes,
				   .discard_bytes_max = 64 << 10,
				   .flags = BLOCK_CAN_FLUSH | BLOCK_CAN_ZERO | BLOCK_CAN_DISCARD };
	return dev;
}

static void any_limits_are_kept(void **state)
{
	static const struct {
		uint32_t block, segments, segment_bytes, request;
	} limits[] = {
		{ 512, 1, UINT32_MAX, 1 << 20 },
		{ 512, 126, UINT32_MAX, 1 << 20 },
		{ 512, 1, 512, 512 },
		{ 4096, 3, 8192, 16384 },
		{ 512, 8, 1000, 5000 },
		{ 512, 32, 65536, 1 << 17 },
	};

	(void)state;
	for (unsigned i = 0; i < countof(limits); i++) {
		struct block_dev *dev = create(limits[i].block, limits[i].segments,
					       limits[i].segment_bytes, limits[i].request);

		assert_int_equal(block_register(dev), 0);
		contract_check(dev);
	}
}

static void names_go_on_behind_z(void **state)
{
	struct block_dev *dev = NULL;

	(void)state;
	for (unsigned i = 0; i < 800; i++) {
		dev = create(512, 1, 4096, 4096);
		dev->prefix = "x";
		assert_int_equal(block_register(dev), 0);
		if (i == 25)
			assert_string_equal(dev->name, "xz");
		if (i == 26)
			assert_string_equal(dev->name, "xaa");
		if (i == 701)
			assert_string_equal(dev->name, "xzz");
	}
	assert_string_equal(dev->name, "xadt");
	assert_ptr_equal(block_find("/dev/xadt"), dev);
	assert_null(block_find("/dev/y"));
}

static void pieces_that_lie_together_are_joined(void **state)
{
	struct block_dev *dev = create(512, 1, UINT32_MAX, 1 << 20);
	static unsigned char memory[32 << 10];
	struct block_segment segments[8];
	struct block_request request = {
		.op = BLOCK_READ, .bytes = sizeof(memory), .segments = segments, .segment_count = 8
	};

	(void)state;
	assert_int_equal(block_register(dev), 0);
	for (unsigned i = 0; i < 8; i++)
		segments[i] = (struct block_segment){ memory + 4096 * i, 4096 };
	assert_int_equal(contract_submit(dev, &request), 0);
	assert_int_equal(disk.requests, 1);
}

static void one_failing_part_fails_the_whole(void **state)
{
	struct block_dev *dev = create(512, 1, 4096, 4096);
	static unsigned char memory[32 << 10];

	(void)state;
	assert_int_equal(block_register(dev), 0);
	disk.status = -EIO;
	assert_int_equal(contract_one(dev, BLOCK_READ, 0, memory, sizeof(memory)), -EIO);
	assert_int_equal(disk.requests, 8);
}

static void without_memory_a_large_request_fails(void **state)
{
	struct block_dev *dev = create(512, 1, 4096, 4096);
	static unsigned char memory[32 << 10];

	(void)state;
	assert_int_equal(block_register(dev), 0);
	for (unsigned n = 0; n < 2; n++) {
		host_fail_allocation_after(n);
		assert_int_equal(contract_one(dev, BLOCK_READ, 0, memory, sizeof(memory)), -ENOMEM);
	}
	host_fail_allocation_after(HOST_NEVER);
	assert_int_equal(contract_one(dev, BLOCK_READ, 0, memory, sizeof(memory)), 0);
}

static void what_a_device_cannot_is_refused(void **state)
{
	struct block_dev *dev = create(512, 1, 4096, 4096);
	unsigned char data[512] = { 0 };

	(void)state;
	dev->flags = BLOCK_READ_ONLY;
	assert_int_equal(block_register(dev), 0);
	assert_int_equal(contract_one(dev, BLOCK_WRITE, 0, data, 512), -EROFS);
	assert_int_equal(contract_one(dev, BLOCK_FLUSH, 0, NULL, 0), 0);
	dev->flags = 0;
	assert_int_equal(contract_one(dev, BLOCK_DISCARD, 0, NULL, 512), -EOPNOTSUPP);
	assert_int_equal(contract_one(dev, BLOCK_WRITE_ZEROES, 0, NULL, 512), -EOPNOTSUPP);
	assert_int_equal(disk.requests, 0);
}

static void ranges_are_cut_to_what_a_device_zeroes(void **state)
{
	struct block_dev *dev = create(512, 1, 4096, 4096);

	(void)state;
	assert_int_equal(block_register(dev), 0);
	memset(disk.memory, 1, CONTRACT_BYTES);
	assert_int_equal(contract_one(dev, BLOCK_WRITE_ZEROES, 512, NULL, 300 << 10), 0);
	assert_int_equal(disk.requests, 5);
	assert_int_equal(disk.memory[511], 1);
	assert_int_equal(disk.memory[512], 0);
	assert_int_equal(disk.memory[511 + (300 << 10)], 0);
	assert_int_equal(disk.memory[512 + (300 << 10)], 1);
}

static void limits_without_sense_are_refused(void **state)
{
	struct block_dev *const devices[] = {
		create(256, 1, 4096, 4096),  create(8192, 1, 8192, 8192),
		create(1000, 1, 4096, 4096), create(512, 0, 4096, 4096),
		create(4096, 1, 512, 4096),
	};

	(void)state;
	for (unsigned i = 0; i < countof(devices); i++) {
		assert_int_equal(block_register(devices[i]), -EINVAL);
		free(devices[i]);
	}
}

static void a_partition_ends_where_its_disk_does(void **state)
{
	struct block_dev *dev = create(512, 4, 4096, 4096);
	struct block_dev *part = malloc(sizeof(*part));
	unsigned char data[512] = { 7 };

	(void)state;
	assert_int_equal(block_register(dev), 0);
	*part = (struct block_dev){
		.bytes = 8192, .block_bytes = 512, .whole = dev, .start = 4096, .partition = 1
	};
	assert_int_equal(contract_one(part, BLOCK_WRITE, 512, data, 512), 0);
	assert_int_equal(disk.memory[4096 + 512], 7);
	assert_int_equal(contract_one(part, BLOCK_WRITE, 8192, data, 512), -EIO);
	block_resized(dev, 8192);
	assert_int_equal(contract_one(part, BLOCK_READ, 4096, data, 512), -EIO);
	assert_int_equal(contract_one(part, BLOCK_READ, 0, data, 512), 0);
	free(part);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_limits_are_kept),
		cmocka_unit_test(names_go_on_behind_z),
		cmocka_unit_test(pieces_that_lie_together_are_joined),
		cmocka_unit_test(one_failing_part_fails_the_whole),
		cmocka_unit_test(without_memory_a_large_request_fails),
		cmocka_unit_test(what_a_device_cannot_is_refused),
		cmocka_unit_test(ranges_are_cut_to_what_a_device_zeroes),
		cmocka_unit_test(limits_without_sense_are_refused),
		cmocka_unit_test(a_partition_ends_where_its_disk_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
