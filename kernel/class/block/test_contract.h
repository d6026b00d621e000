/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every block device must do, whatever its driver: run on each by its own test, which plays the device with a memory of
 * CONTRACT_BYTES, all requests of which the test carries out when contract_settle() is called.
 */
#pragma once

#include <base/errno.h>
#include <class/block.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CONTRACT_BYTES = 1 << 20 };

/** The test's: has the device do all that it was asked for. */
void contract_settle(void);

static unsigned contract_done;
static int contract_status;

static void contract_complete(struct block_request *request, int status)
{
	(void)request;
	contract_done++;
	contract_status = status;
}

static int contract_submit(struct block_dev *dev, struct block_request *request)
{
	contract_done = 0;
	contract_status = 1;
	request->complete = contract_complete;
	block_submit(dev, request);
	contract_settle();
	assert_int_equal(contract_done, 1); /* exactly once */
	return contract_status;
}

static int contract_one(struct block_dev *dev, enum block_op op, uint64_t offset, void *data,
			uint32_t bytes)
{
	struct block_segment segment = { data, bytes };
	struct block_request request = { .op = op,
					 .offset = offset,
					 .bytes = bytes,
					 .segments = &segment,
					 .segment_count = data ? 1 : 0 };

	return contract_submit(dev, &request);
}

static void contract_moves_data(struct block_dev *dev)
{
	unsigned char *a = malloc(256 << 10), *b = malloc(256 << 10);

	for (unsigned i = 0; i < 256 << 10; i++)
		a[i] = (unsigned char)(i * 7 + (i >> 8));
	assert_int_equal(contract_one(dev, BLOCK_WRITE, 8192, a, 256 << 10), 0);
	memset(b, 0, 256 << 10);
	assert_int_equal(contract_one(dev, BLOCK_READ, 8192, b, 256 << 10), 0);
	assert_memory_equal(a, b, 256 << 10);
	assert_int_equal(
		contract_one(dev, BLOCK_READ, 8192 + dev->block_bytes, b, dev->block_bytes), 0);
	assert_memory_equal(a + dev->block_bytes, b, dev->block_bytes);
	free(a);
	free(b);
}

/* More pieces than any device takes at once, in memory that does not lie together, and some that does. */
static void contract_scatters(struct block_dev *dev)
{
	enum { PIECES = 100 };
	struct block_segment segments[PIECES];
	struct block_request request = {
		.op = BLOCK_WRITE, .offset = 4096, .segments = segments, .segment_count = PIECES
	};
	unsigned char *memory = calloc(2 * PIECES, dev->block_bytes), *back;
	unsigned char *at = memory;

	for (unsigned i = 0; i < PIECES; i++) {
		segments[i] = (struct block_segment){ at, dev->block_bytes };
		memset(at, (int)i + 1, dev->block_bytes);
		at += dev->block_bytes * (i % 3 ? 1 : 2);
		request.bytes += dev->block_bytes;
	}
	assert_int_equal(contract_submit(dev, &request), 0);
	back = malloc(request.bytes);
	assert_int_equal(contract_one(dev, BLOCK_READ, 4096, back, (uint32_t)request.bytes), 0);
	for (unsigned i = 0; i < PIECES; i++)
		assert_int_equal(back[i * dev->block_bytes], i + 1);
	free(back);
	free(memory);
}

static void contract_checks_ranges(struct block_dev *dev)
{
	void *data = calloc(1, 8192);

	assert_int_equal(contract_one(dev, BLOCK_READ, dev->bytes, data, 4096), -EIO);
	assert_int_equal(contract_one(dev, BLOCK_READ, dev->bytes - 4096, data, 8192), -EIO);
	assert_int_equal(contract_one(dev, BLOCK_READ, UINT64_MAX - 4095, data, 8192), -EIO);
	assert_int_equal(contract_one(dev, BLOCK_READ, 1, data, 4096), -EINVAL);
	assert_int_equal(contract_one(dev, BLOCK_READ, 0, data, 100), -EINVAL);
	assert_int_equal(contract_one(dev, BLOCK_READ, dev->bytes - 4096, data, 4096), 0);
	free(data);
}

/* Once it has failed nothing hangs. */
static void contract_fails(struct block_dev *dev)
{
	void *data = calloc(1, 4096);

	block_failed(dev);
	assert_int_equal(contract_one(dev, BLOCK_READ, 0, data, 4096), -EIO);
	assert_int_equal(contract_one(dev, BLOCK_FLUSH, 0, NULL, 0), -EIO);
	free(data);
}

static void contract_check(struct block_dev *dev)
{
	assert_int_equal(dev->bytes, CONTRACT_BYTES);
	contract_moves_data(dev);
	contract_scatters(dev);
	contract_checks_ranges(dev);
	assert_int_equal(contract_one(dev, BLOCK_FLUSH, 0, NULL, 0), 0);
	contract_fails(dev);
}
