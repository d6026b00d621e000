/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver over the bus's own rings and a simulated device: the contract of block devices on each kind of device, and lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <base/bits.h>
#include <bus/virtio.h>
#include <bus/virtio_mmio.h>
#include <core/thread.h>

#include "../../../port/host/host.h"
#include "../../../port/host/virtio.h"
#include "regs.h"

#include "../../../class/block/test_contract.h"

extern const struct virtio_driver virtio_blk_driver;

static char boot_stack[1];
static struct host_virtio sim;
static unsigned char memory[CONTRACT_BYTES];
static int answer; /* status of all requests; < 0: what was asked for */
static uint32_t written_change;
static unsigned data_segments_max, buffers_seen;

/* Lets the bus's thread run, which handles failures. */
static void run_worker(void)
{
	thread_yield();
}

/* The device. */

static uint32_t move(const struct host_virtio_buffer *buffer, uint64_t at, bool to_driver)
{
	unsigned first = to_driver ? buffer->readable : 1;
	unsigned end = to_driver ? buffer->readable + buffer->writable - 1 : buffer->readable;
	uint32_t done = 0;

	for (unsigned i = first; i < end; i++) {
		assert_true(range_fits(at + done, buffer->segments[i].bytes, CONTRACT_BYTES));
		if (to_driver)
			memcpy(buffer->segments[i].data, memory + at + done,
			       buffer->segments[i].bytes);
		else
			memcpy(memory + at + done, buffer->segments[i].data,
			       buffer->segments[i].bytes);
		done += buffer->segments[i].bytes;
	}
	return done;
}

static uint32_t carry_out(const struct host_virtio_buffer *buffer)
{
	unsigned last = buffer->readable + buffer->writable - 1;
	struct virtio_blk_header header;
	uint32_t done = 0;

	assert_true(buffer->readable >= 1 && buffer->writable >= 1);
	assert_int_equal(buffer->segments[0].bytes, sizeof(header));
	assert_int_equal(buffer->segments[last].bytes, 1);
	memcpy(&header, buffer->segments[0].data, sizeof(header));
	buffers_seen++;
	if (last - 1 > data_segments_max)
		data_segments_max = last - 1;
	*buffer->segments[last].data = answer < 0 ? VIRTIO_BLK_OK : (uint8_t)answer;
	switch (le32_get(header.type)) {
	case VIRTIO_BLK_IN:
		done = move(buffer, le64_get(header.sector) * 512, true);
		break;
	case VIRTIO_BLK_OUT:
		move(buffer, le64_get(header.sector) * 512, false);
		break;
	case VIRTIO_BLK_FLUSH:
		assert_int_equal(last, 1);
		break;
	default:
		fail_msg("type %u", le32_get(header.type));
	}
	return done + 1 + written_change;
}

void contract_settle(void)
{
	struct host_virtio_buffer buffer;

	while (host_virtio_pop(&sim, 0, &buffer)) {
		host_virtio_push(&sim, 0, &buffer, carry_out(&buffer));
		host_virtio_interrupt_if_wanted(&sim, 0);
	}
}

static void put32(unsigned offset, uint32_t value)
{
	memcpy(sim.config + offset, &value, sizeof(value));
}

static void make(uint32_t version, uint64_t features)
{
	host_io_remove_all();
	host_irq_forget();
	memset(&sim, 0, sizeof(sim));
	sim.version = version;
	sim.type = VIRTIO_BLOCK;
	sim.features = features;
	sim.queue_count = 1;
	put32(VIRTIO_BLK_CAPACITY, CONTRACT_BYTES / 512);
	answer = -1;
	written_change = 0;
	data_segments_max = buffers_seen = 0;
}

static struct block_dev *last_disk(void)
{
	struct block_dev *last = NULL;

	for (struct block_dev *dev = block_next(NULL); dev; dev = block_next(dev))
		last = dev;
	return last;
}

static int probe(void)
{
	struct virtio_mmio_place place;

	host_virtio_add(&sim);
	place = (struct virtio_mmio_place){ phys(sim.base), HOST_VIRTIO_BYTES, sim.line,
					    IRQ_EDGE_HIGH };
	return virtio_mmio_probe(&place);
}

static int set_up(void **state)
{
	(void)state;
	make(2, VIRTIO_BLK_F_FLUSH);
	return 0;
}

static void every_kind_of_device_keeps_the_contract(void **state)
{
	static const struct {
		uint32_t version;
		uint64_t features;
		uint32_t segments, segment_bytes, block;
	} kinds[] = {
		{ 1, 0, 0, 0, 512 },
		{ 1, VIRTIO_BLK_F_SEG_MAX, 126, 0, 512 },
		{ 2, 0, 0, 0, 512 },
		{ 2, VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_FLUSH, 0, 0, 512 },
		{ 2, VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_SEG_MAX, 254, 0, 512 },
		{ 2, VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_SEG_MAX, 5, 0, 512 },
		{ 2,
		  VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_SEG_MAX |
			  VIRTIO_BLK_F_SIZE_MAX,
		  8, 4096, 512 },
		{ 2, VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_SEG_MAX, 7, 0, 4096 },
	};

	(void)state;
	for (unsigned i = 0; i < countof(kinds); i++) {
		make(kinds[i].version, kinds[i].features);
		put32(VIRTIO_BLK_SEG_MAX, kinds[i].segments);
		put32(VIRTIO_BLK_SIZE_MAX, kinds[i].segment_bytes);
		put32(VIRTIO_BLK_BLK_SIZE, kinds[i].block);
		assert_int_equal(probe(), 0);
		assert_int_equal(last_disk()->block_bytes, kinds[i].block);
		contract_check(last_disk());
		assert_true(data_segments_max <= (kinds[i].segments ? kinds[i].segments : 1));
	}
}

static void a_ring_too_small_for_all_requests_is_waited_for(void **state)
{
	static unsigned char data[16][4096];
	struct block_request requests[16];
	struct block_segment segments[16];

	(void)state;
	sim.queues[0].entries_max = 8;
	assert_int_equal(probe(), 0);
	contract_done = 0;
	for (unsigned i = 0; i < 16; i++) {
		segments[i] = (struct block_segment){ data[i], 4096 };
		requests[i] = (struct block_request){ .op = BLOCK_READ,
						      .offset = i * 4096,
						      .bytes = 4096,
						      .segments = &segments[i],
						      .segment_count = 1,
						      .complete = contract_complete };
		block_submit(last_disk(), &requests[i]);
	}
	assert_int_equal(contract_done, 0);
	contract_settle();
	assert_int_equal(contract_done, 16);
}

static void a_request_of_more_pieces_than_the_ring_has_is_cut(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		make(2, VIRTIO_BLK_F_SEG_MAX | (i & 1 ? VIRTIO_F_INDIRECT_DESC : 0) |
				(i & 2 ? VIRTIO_F_RING_PACKED : 0));
		put32(VIRTIO_BLK_SEG_MAX, 126);
		sim.queues[0].entries_max = 8;
		assert_int_equal(probe(), 0);
		contract_check(last_disk());
		assert_in_range(data_segments_max, 1, 6);
	}
}

static void errors_are_told(void **state)
{
	unsigned char data[512];

	(void)state;
	assert_int_equal(probe(), 0);
	answer = VIRTIO_BLK_IOERR;
	assert_int_equal(contract_one(last_disk(), BLOCK_READ, 0, data, 512), -EIO);
	answer = VIRTIO_BLK_UNSUPP;
	assert_int_equal(contract_one(last_disk(), BLOCK_READ, 0, data, 512), -EOPNOTSUPP);
	answer = 77;
	assert_int_equal(contract_one(last_disk(), BLOCK_WRITE, 0, data, 512), -EIO);
	answer = -1;
	assert_int_equal(contract_one(last_disk(), BLOCK_WRITE, 0, data, 512), 0);
}

static void a_read_that_wrote_too_little_is_an_error(void **state)
{
	unsigned char data[512];

	(void)state;
	assert_int_equal(probe(), 0);
	written_change = (uint32_t)-2;
	assert_int_equal(contract_one(last_disk(), BLOCK_READ, 0, data, 512), -EIO);
	written_change = (uint32_t)-1; /* without the status, as libkrun counts */
	assert_int_equal(contract_one(last_disk(), BLOCK_READ, 0, data, 512), 0);
	make(1, 0); /* old devices did not count well */
	assert_int_equal(probe(), 0);
	written_change = (uint32_t)-2;
	assert_int_equal(contract_one(last_disk(), BLOCK_READ, 0, data, 512), 0);
}

static void a_write_that_counts_what_was_read_is_done(void **state)
{
	unsigned char data[512];

	(void)state;
	assert_int_equal(probe(), 0);
	written_change = sizeof data; /* as libkrun */
	assert_int_equal(contract_one(last_disk(), BLOCK_WRITE, 0, data, 512), 0);
	assert_int_equal(contract_one(last_disk(), BLOCK_READ, 0, data, 512), 0);
}

static void a_device_that_breaks_the_contract_ends_all_requests(void **state)
{
	static unsigned char data[3][512];
	struct block_segment segments[3];
	struct block_request requests[3];
	struct host_virtio_buffer buffer;
	unsigned lies;

	(void)state;
	for (lies = 0; lies < 2; lies++) {
		make(2, lies == 1 ? VIRTIO_F_RING_PACKED : 0);
		assert_int_equal(probe(), 0);
		contract_done = 0;
		for (unsigned i = 0; i < 3; i++) {
			segments[i] = (struct block_segment){ data[i], 512 };
			requests[i] = (struct block_request){ .op = BLOCK_READ,
							      .bytes = 512,
							      .segments = &segments[i],
							      .segment_count = 1,
							      .complete = contract_complete };
			block_submit(last_disk(), &requests[i]);
		}
		assert_true(host_virtio_pop(&sim, 0, &buffer));
		buffer.id = 999;
		host_virtio_push(&sim, 0, &buffer, 1);
		host_virtio_interrupt(&sim, HOST_VIRTIO_RING);
		assert_int_equal(contract_done, 0);
		run_worker();
		assert_int_equal(contract_done, 3);
		assert_int_equal(contract_status, -EIO);
		assert_int_equal(contract_one(last_disk(), BLOCK_READ, 0, data[0], 512), -EIO);
	}
}

static void a_change_of_size_is_seen(void **state)
{
	(void)state;
	assert_int_equal(probe(), 0);
	put32(VIRTIO_BLK_CAPACITY, 100);
	host_virtio_interrupt(&sim, HOST_VIRTIO_CONFIG);
	assert_int_equal(last_disk()->bytes, 100 * 512);
}

static void a_configuration_without_sense_is_refused(void **state)
{
	unsigned before = 0;

	(void)state;
	put32(VIRTIO_BLK_CAPACITY + 4, UINT32_MAX);
	assert_int_equal(probe(), -EINVAL);
	make(2, VIRTIO_BLK_F_BLK_SIZE);
	put32(VIRTIO_BLK_BLK_SIZE, 3);
	assert_int_equal(probe(), -EINVAL);
	make(2, VIRTIO_BLK_F_SEG_MAX);
	assert_int_equal(probe(), -EINVAL);
	make(2, 0);
	sim.queues[0].entries_max = 2;
	assert_int_equal(probe(), -EINVAL);
	assert_int_equal(before, 0);
}

static void attaching_survives_each_failing_allocation(void **state)
{
	unsigned n = 0;

	(void)state;
	do {
		size_t before;
		int error;

		make(2, VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_SEG_MAX);
		put32(VIRTIO_BLK_SEG_MAX, 16);
		before = host_allocations();
		host_fail_allocation_after(n++);
		error = probe();
		if (!host_allocation_failed())
			break;
		assert_true(!error || host_allocations() <= before + 1); /* in the tree */
	} while (n < 100);
	host_fail_allocation_after(HOST_NEVER);
	assert_in_range(n, 7, 50);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_kind_of_device_keeps_the_contract, set_up),
		cmocka_unit_test_setup(a_ring_too_small_for_all_requests_is_waited_for, set_up),
		cmocka_unit_test_setup(a_request_of_more_pieces_than_the_ring_has_is_cut, set_up),
		cmocka_unit_test_setup(errors_are_told, set_up),
		cmocka_unit_test_setup(a_read_that_wrote_too_little_is_an_error, set_up),
		cmocka_unit_test_setup(a_write_that_counts_what_was_read_is_done, set_up),
		cmocka_unit_test_setup(a_device_that_breaks_the_contract_ends_all_requests, set_up),
		cmocka_unit_test_setup(a_change_of_size_is_seen, set_up),
		cmocka_unit_test_setup(a_configuration_without_sense_is_refused, set_up),
		cmocka_unit_test_setup(attaching_survives_each_failing_allocation, set_up),
	};

	assert_non_null(virtio_blk_driver.name); /* links the driver */
	host_machine_set_low();
	threads_start(boot_stack, sizeof(boot_stack));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
