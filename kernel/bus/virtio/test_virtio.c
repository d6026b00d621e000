/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a device and its queues, over the simulated device: split and packed, with and without events, honest or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <base/errno.h>
#include <bus/virtio.h>
#include <bus/virtio_mmio.h>
#include <core/thread.h>
#include <mm/alloc.h>

#include "../../port/host/host.h"
#include "../../port/host/virtio.h"
#include "transport.h"

#include <stdlib.h>
#include <string.h>

enum { TYPE = 99, ENTRIES = 16, SEGMENTS = 4, ROUNDS = 1000 };

static struct host_virtio sim;

/* A driver of nothing in particular. */
static struct {
	struct virtio_dev *dev;
	struct virtio_queue *queue;
	uint64_t wanted, features;
	unsigned arrived, failed, config_changed;
	int attach_error;
} test;

static void arrived(void *context)
{
	assert_ptr_equal(context, &test);
	test.arrived++;
}

static int attach(struct virtio_dev *dev)
{
	struct virtio_queue_request request = { .index = 0,
						.entries = ENTRIES,
						.segments = SEGMENTS,
						.arrived = arrived,
						.context = &test };
	int error;

	test.dev = dev;
	virtio_set_driver_data(dev, &test);
	error = virtio_negotiate(dev, test.wanted, &test.features);
	if (!error)
		error = virtio_queue_open(dev, &request, &test.queue);
	if (!error)
		error = test.attach_error;
	return error ? error : virtio_start(dev);
}

static void failed(struct virtio_dev *dev)
{
	assert_ptr_equal(virtio_driver_data(dev), &test);
	test.failed++;
}

static void config_changed(struct virtio_dev *dev)
{
	assert_ptr_equal(dev, test.dev);
	test.config_changed++;
}

static const struct virtio_driver driver = {
	.name = "test",
	.type = TYPE,
	.attach = attach,
	.failed = failed,
	.config_changed = config_changed,
};
VIRTIO_DRIVER(driver);

/* What the worker thread would do. */
void thread_init(struct thread *thread, const char *name, void *stack_base, size_t stack_bytes,
		 void (*entry)(void *arg), void *arg, void (*ended)(struct thread *thread))
{
	(void)stack_bytes;
	*thread = (struct thread){
		.name = name, .stack_base = stack_base, .entry = entry, .ended = ended, .arg = arg
	};
}

static struct thread *started;

void thread_start(struct thread *thread)
{
	started = thread;
}

static void run_worker(void)
{
	struct thread *thread = started;

	assert_non_null(thread);
	started = NULL;
	thread->entry(thread->arg);
	thread->ended(thread);
}

static struct virtio_mmio_place place(void)
{
	return (struct virtio_mmio_place){ phys(sim.base), HOST_VIRTIO_BYTES, sim.line,
					   IRQ_EDGE_HIGH };
}

static int probe(void)
{
	struct virtio_mmio_place where;

	host_virtio_add(&sim);
	where = place();
	return virtio_mmio_probe(&where);
}

static int set_up(void **state)
{
	(void)state;
	memset(&sim, 0, sizeof(sim));
	memset(&test, 0, sizeof(test));
	sim.type = TYPE;
	sim.queue_count = 2;
	host_io_remove_all();
	host_irq_forget();
	return 0;
}

/* What a transport and ring there are: all tests of traffic run on each. */
static const struct variant {
	uint32_t version;
	uint64_t features;
} variants[] = {
	{ 1, 0 },
	{ 1, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC },
	{ 2, 0 },
	{ 2, VIRTIO_F_EVENT_IDX },
	{ 2, VIRTIO_F_INDIRECT_DESC },
	{ 2, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC },
	{ 2, VIRTIO_F_RING_PACKED },
	{ 2, VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX },
	{ 2, VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC },
};

static void for_each_variant(void (*check)(void))
{
	for (unsigned i = 0; i < countof(variants); i++) {
		set_up(NULL);
		sim.version = variants[i].version;
		sim.features = variants[i].features;
		assert_int_equal(probe(), 0);
		check();
	}
}

/* Memory of a buffer is told from others by its number. */
static char memory[ENTRIES][SEGMENTS][64];
static int tokens[ENTRIES];

static int add(unsigned n, unsigned readable, unsigned writable)
{
	struct virtio_segment segments[SEGMENTS];

	for (unsigned i = 0; i < readable + writable; i++)
		segments[i] = (struct virtio_segment){ memory[n][i], sizeof(memory[n][i]) };
	return virtio_queue_add(test.queue, segments, readable, writable, &tokens[n]);
}

static struct host_virtio_buffer pop(void)
{
	struct host_virtio_buffer buffer;

	assert_true(host_virtio_pop(&sim, 0, &buffer));
	return buffer;
}

static void expect_broken(void)
{
	uint32_t written;
	unsigned resets = sim.resets, errors = host_logged(LOG_ERROR);

	assert_null(virtio_queue_take(test.queue, &written));
	assert_true(virtio_has_failed(test.dev));
	assert_int_equal(add(0, 1, 0), -EIO);
	assert_null(virtio_queue_take(test.queue, &written));
	assert_int_equal(host_logged(LOG_ERROR), errors + 1);
	assert_int_equal(test.failed, 0);
	run_worker();
	assert_int_equal(test.failed, 1);
	assert_int_equal(sim.resets, resets + 1);
	assert_int_equal(sim.status, 0);
	assert_false(host_irq_attached(5));
}

/* Life */

static void a_device_is_started_by_single_steps(void **state)
{
	static const uint8_t steps[] = { 1, 3, 0xb, 0xf };

	(void)state;
	assert_int_equal(probe(), 0);
	assert_int_equal(sim.resets, 1);
	assert_int_equal(sim.status_count, sizeof(steps));
	assert_memory_equal(sim.statuses, steps, sizeof(steps));
}

static void a_legacy_device_has_no_features_ok(void **state)
{
	static const uint8_t steps[] = { 1, 3, 7 };

	(void)state;
	sim.version = 1;
	assert_int_equal(probe(), 0);
	assert_true(virtio_is_legacy(test.dev));
	assert_int_equal(sim.status_count, sizeof(steps));
	assert_memory_equal(sim.statuses, steps, sizeof(steps));
}

static void only_wanted_and_offered_features_are_accepted(void **state)
{
	(void)state;
	sim.features = BIT64(0) | BIT64(1) | BIT64(51) | VIRTIO_F_IN_ORDER | VIRTIO_F_RING_RESET |
		       VIRTIO_F_EVENT_IDX;
	test.wanted = BIT64(1) | BIT64(2) | BIT64(51);
	assert_int_equal(probe(), 0);
	assert_int_equal(sim.accepted,
			 BIT64(1) | BIT64(51) | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1);
	assert_int_equal(test.features, sim.accepted);
}

static void a_device_that_refuses_its_features_is_not_used(void **state)
{
	size_t before = host_allocations();

	(void)state;
	sim.refuses_features = true;
	assert_int_equal(probe(), -ENODEV);
	assert_int_equal(sim.status, 0);
	assert_false(host_irq_attached(5));
	assert_true(host_allocations() <= before + 1); /* it stays in the tree */
}

static void a_device_that_never_resets_is_not_used(void **state)
{
	(void)state;
	sim.never_resets = true;
	sim.status = 0xf;
	assert_int_equal(probe(), -EIO);
}

static void a_driver_that_cannot_leaves_the_device_reset(void **state)
{
	size_t before = host_allocations();

	(void)state;
	test.attach_error = -EINVAL;
	assert_int_equal(probe(), -EINVAL);
	assert_int_equal(sim.status, 0);
	assert_false(host_irq_attached(5));
	assert_true(host_allocations() <= before + 1);
}

static void attaching_survives_each_failing_allocation(void **state)
{
	unsigned n = 0;

	(void)state;
	do {
		size_t before;
		int error;

		set_up(NULL);
		sim.features = VIRTIO_F_INDIRECT_DESC;
		before = host_allocations();
		host_fail_allocation_after(n++);
		error = probe();
		if (!host_allocation_failed())
			break;
		/* Without an interrupt it is polled. */
		assert_true(error == -ENOMEM || (!error && test.dev->polled));
		assert_true(!error || host_allocations() <= before + 1);
	} while (n < 100);
	host_fail_allocation_after(HOST_NEVER);
	assert_in_range(n, 5, 50);
}

static void an_empty_slot_is_no_device(void **state)
{
	(void)state;
	sim.type = 0;
	assert_int_equal(probe(), -ENODEV);
	sim.type = TYPE;
	sim.version = 3;
	assert_int_equal(probe(), -ENODEV);
}

static void queues_that_are_not_there_are_not_opened(void **state)
{
	struct virtio_queue_request request = { .index = 2, .entries = 8, .segments = 1 };
	struct virtio_queue *queue;

	(void)state;
	assert_int_equal(probe(), 0);
	assert_int_equal(virtio_queue_open(test.dev, &request, &queue), -ENOENT);
}

static void configuration_is_read_in_one_generation(void **state)
{
	uint8_t bytes[6];
	uint32_t value;

	(void)state;
	for (unsigned i = 0; i < sizeof(sim.config); i++)
		sim.config[i] = (uint8_t)i;
	assert_int_equal(probe(), 0);
	assert_true(virtio_config_read(test.dev, 4, &value, 4));
	assert_int_equal(value, 0x07060504);
	assert_true(virtio_config_read(test.dev, 1, bytes, 6));
	assert_memory_equal(bytes, sim.config + 1, 6);
	assert_false(virtio_config_read(test.dev, 254, &value, 4));
	assert_false(virtio_config_read(test.dev, UINT32_MAX, &value, 4));
	sim.generation_step = 1;
	assert_false(virtio_config_read(test.dev, 4, &value, 4));
	assert_true(virtio_has_failed(test.dev));
	run_worker();
}

static void a_change_of_configuration_is_told(void **state)
{
	(void)state;
	assert_int_equal(probe(), 0);
	host_virtio_interrupt(&sim, HOST_VIRTIO_CONFIG);
	assert_int_equal(test.config_changed, 1);
	assert_int_equal(sim.interrupt_status, 0);
	sim.status |= VIRTIO_NEEDS_RESET;
	host_virtio_interrupt(&sim, HOST_VIRTIO_CONFIG);
	assert_true(virtio_has_failed(test.dev));
	run_worker();
	assert_int_equal(test.failed, 1);
}

/* Traffic */

static void check_buffer(void)
{
	struct host_virtio_buffer buffer;
	uint32_t written;

	strcpy(memory[3][0], "to the device");
	assert_int_equal(add(3, 2, 1), 0);
	assert_false(host_virtio_pop(&sim, 0, &buffer)); /* not before the kick */
	virtio_queue_kick(test.queue);
	assert_int_equal(sim.queues[0].notified, 1);
	buffer = pop();
	assert_int_equal(buffer.readable, 2);
	assert_int_equal(buffer.writable, 1);
	assert_ptr_equal(buffer.segments[0].data, memory[3][0]);
	assert_int_equal(buffer.segments[0].bytes, 64);
	assert_null(virtio_queue_take(test.queue, &written));
	host_virtio_push(&sim, 0, &buffer, 17);
	assert_ptr_equal(virtio_queue_take(test.queue, &written), &tokens[3]);
	assert_int_equal(written, 17);
	assert_null(virtio_queue_take(test.queue, &written));
	assert_int_equal(virtio_queue_room(test.queue), ENTRIES);
}

static void a_buffer_goes_there_and_back(void **state)
{
	(void)state;
	for_each_variant(check_buffer);
}

/* Any order, any shape, until rings have wrapped many times. */
static void check_random(void)
{
	struct host_virtio_buffer held[ENTRIES];
	bool out[ENTRIES] = { false };
	unsigned held_count = 0;
	uint32_t written;
	int *token;

	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned n = (unsigned)rand() % ENTRIES;

		if (!out[n]) {
			unsigned readable = (unsigned)rand() % 3;
			int error = add(n, readable, readable ? (unsigned)rand() % 3 : 1);

			assert_true(!error || error == -ENOSPC);
			out[n] = !error;
		}
		if (rand() % 3)
			virtio_queue_kick(test.queue);
		while (held_count < ENTRIES && host_virtio_pop(&sim, 0, &held[held_count]))
			held_count++;
		if (held_count && rand() % 2) {
			unsigned i = (unsigned)rand() % held_count;

			host_virtio_push(&sim, 0, &held[i], held[i].writable ? 5 : 0);
			held[i] = held[--held_count];
		}
		while ((token = virtio_queue_take(test.queue, &written)) != NULL) {
			assert_true(out[token - tokens]);
			out[token - tokens] = false;
		}
		assert_false(virtio_has_failed(test.dev));
	}
}

static void buffers_come_back_in_any_order_and_once(void **state)
{
	(void)state;
	srand(1);
	for_each_variant(check_random);
}

static void check_full(void)
{
	unsigned count = 0;
	uint32_t written;
	bool seen[ENTRIES] = { false };
	int *token;

	while (count < ENTRIES && !add(count, 1, 0))
		count++;
	assert_int_equal(count, ENTRIES);
	assert_int_equal(virtio_queue_room(test.queue), 0);
	assert_int_equal(add(0, 1, 0), -ENOSPC);
	virtio_queue_kick(test.queue);
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct host_virtio_buffer buffer = pop();

		host_virtio_push(&sim, 0, &buffer, 0);
	}
	while ((token = virtio_queue_take(test.queue, &written)) != NULL)
		seen[token - tokens] = true;
	for (unsigned i = 0; i < ENTRIES; i++)
		assert_true(seen[i]);
}

static void a_full_ring_refuses_more(void **state)
{
	(void)state;
	for_each_variant(check_full);
}

static void check_tables(void)
{
	bool indirect = sim.accepted & VIRTIO_F_INDIRECT_DESC;
	unsigned count = 0;

	while (count < ENTRIES && !add(count, 2, 2))
		count++;
	assert_int_equal(count, indirect ? 3 + 4 : ENTRIES / 4);
	virtio_queue_kick(test.queue);
	for (unsigned i = 0; i < count; i++) {
		struct host_virtio_buffer buffer = pop();

		assert_int_equal(buffer.readable, 2);
		assert_int_equal(buffer.writable, 2);
		assert_ptr_equal(buffer.segments[3].data, memory[i][3]);
	}
}

static void a_ring_that_fills_goes_over_to_tables(void **state)
{
	(void)state;
	for_each_variant(check_tables);
}

static void check_events(void)
{
	bool events = sim.accepted & VIRTIO_F_EVENT_IDX;
	struct host_virtio_buffer buffers[4];
	uint32_t written;

	virtio_queue_disable(test.queue);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(add(i, 1, 1), 0);
	virtio_queue_kick(test.queue);
	for (unsigned i = 0; i < 4; i++)
		buffers[i] = pop();
	assert_true(virtio_queue_enable(test.queue));
	host_virtio_push(&sim, 0, &buffers[0], 0);
	assert_true(host_virtio_interrupt_if_wanted(&sim, 0));
	assert_int_equal(test.arrived, 1);
	virtio_queue_disable(test.queue);
	assert_false(virtio_queue_enable(test.queue)); /* something was used before */
	assert_non_null(virtio_queue_take(test.queue, &written));
	virtio_queue_disable(test.queue);
	host_virtio_push(&sim, 0, &buffers[1], 0);
	if (!events || (sim.accepted & VIRTIO_F_RING_PACKED))
		assert_false(host_virtio_interrupt_if_wanted(&sim, 0));
	assert_non_null(virtio_queue_take(test.queue, &written));
	assert_true(virtio_queue_enable_late(test.queue));
	sim.queues[0].pushed = 0;
	host_virtio_push(&sim, 0, &buffers[2], 0);
	assert_int_equal(host_virtio_interrupt_if_wanted(&sim, 0), !events);
	host_virtio_push(&sim, 0, &buffers[3], 0);
	assert_true(host_virtio_interrupt_if_wanted(&sim, 0));
}

static void interrupts_come_when_they_are_wanted(void **state)
{
	(void)state;
	for_each_variant(check_events);
}

/* An interrupt for each buffer that is used after the driver has seen all, for ever: no wake-up is lost when indexes wrap. */
static void check_no_stall(void)
{
	uint32_t written;

	for (unsigned i = 0; i < 70000; i++) {
		struct host_virtio_buffer buffer;

		if (add(0, 1, 1))
			fail_msg("no room in round %u", i);
		sim.queues[0].notified = 0;
		virtio_queue_kick(test.queue);
		if (sim.queues[0].notified != 1)
			fail_msg("no notification in round %u", i);
		buffer = pop();
		host_virtio_push(&sim, 0, &buffer, 0);
		if (!host_virtio_interrupt_if_wanted(&sim, 0))
			fail_msg("no interrupt in round %u", i);
		if (!virtio_queue_take(test.queue, &written))
			fail_msg("nothing used in round %u", i);
	}
}

static void neither_side_waits_for_ever(void **state)
{
	(void)state;
	for_each_variant(check_no_stall);
}

static void check_quiet_device(void)
{
	struct host_virtio_buffer buffer;
	uint32_t written;

	sim.queues[0].notify_wanted = false;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(add(i, 1, 1), 0);
		virtio_queue_kick(test.queue);
		buffer = pop();
		host_virtio_push(&sim, 0, &buffer, 0);
		assert_non_null(virtio_queue_take(test.queue, &written));
	}
	assert_int_equal(sim.queues[0].notified, 1); /* the first, before it could say so */
}

static void a_device_that_polls_is_not_notified(void **state)
{
	(void)state;
	for_each_variant(check_quiet_device);
}

static void check_spurious(void)
{
	for (unsigned i = 0; i < 5; i++)
		host_virtio_interrupt(&sim, i % 2);
	assert_int_equal(test.arrived, 0);
	assert_int_equal(sim.interrupt_status, 0);
}

static void spurious_interrupts_are_nothing(void **state)
{
	(void)state;
	for_each_variant(check_spurious);
}

/* Lies */

static void check_bad_id(void)
{
	struct host_virtio_buffer buffer;

	assert_int_equal(add(0, 1, 1), 0);
	virtio_queue_kick(test.queue);
	buffer = pop();
	buffer.id = 5000;
	host_virtio_push(&sim, 0, &buffer, 0);
	expect_broken();
	assert_ptr_equal(virtio_queue_detach(test.queue), &tokens[0]);
	assert_null(virtio_queue_detach(test.queue));
}

static void an_id_out_of_range_ends_the_device(void **state)
{
	(void)state;
	for_each_variant(check_bad_id);
}

static void check_never_posted(void)
{
	struct host_virtio_buffer buffer;

	assert_int_equal(add(0, 1, 1), 0);
	virtio_queue_kick(test.queue);
	buffer = pop();
	buffer.id = ENTRIES - 1;
	host_virtio_push(&sim, 0, &buffer, 0);
	expect_broken();
}

static void a_buffer_never_posted_ends_the_device(void **state)
{
	(void)state;
	for_each_variant(check_never_posted);
}

static void check_twice(void)
{
	struct host_virtio_buffer buffer;
	uint32_t written;

	assert_int_equal(add(0, 1, 0), 0);
	assert_int_equal(add(1, 1, 0), 0);
	virtio_queue_kick(test.queue);
	buffer = pop();
	host_virtio_push(&sim, 0, &buffer, 0);
	host_virtio_push(&sim, 0, &buffer, 0);
	assert_ptr_equal(virtio_queue_take(test.queue, &written), &tokens[0]);
	expect_broken();
	assert_ptr_equal(virtio_queue_detach(test.queue), &tokens[1]);
}

static void a_buffer_used_twice_ends_the_device(void **state)
{
	(void)state;
	for_each_variant(check_twice);
}

static void check_too_long(void)
{
	struct host_virtio_buffer buffer;
	uint32_t written;

	assert_int_equal(add(0, 1, 1), 0);
	virtio_queue_kick(test.queue);
	buffer = pop();
	host_virtio_push(&sim, 0, &buffer, 65);
	if (sim.version == 2) {
		expect_broken();
		return;
	}
	/* Old devices counted as they liked (2.7.8.1). */
	assert_ptr_equal(virtio_queue_take(test.queue, &written), &tokens[0]);
	assert_int_equal(written, 64);
}

/* A buffer with nothing to write. */
static void check_read_length(void)
{
	struct host_virtio_buffer buffer;
	uint32_t written;

	assert_int_equal(add(0, 1, 0), 0);
	virtio_queue_kick(test.queue);
	buffer = pop();
	host_virtio_push(&sim, 0, &buffer, 64);
	assert_ptr_equal(virtio_queue_take(test.queue, &written), &tokens[0]);
	assert_int_equal(written, 0);
}

static void a_length_of_what_was_only_read_says_nothing(void **state)
{
	(void)state;
	for_each_variant(check_read_length);
}

static void a_length_beyond_the_buffer_ends_the_device(void **state)
{
	(void)state;
	for_each_variant(check_too_long);
}

static void a_used_index_that_jumps_ends_the_device(void **state)
{
	(void)state;
	assert_int_equal(probe(), 0);
	assert_int_equal(add(0, 1, 1), 0);
	virtio_queue_kick(test.queue);
	((uint16_t *)phys_to_virt(phys(sim.queues[0].device_area)))[1] = 40000;
	expect_broken();
}

static void a_device_without_interrupts_is_polled(void **state)
{
	struct host_virtio_buffer buffer;

	(void)state;
	host_virtio_add(&sim);
	{
		struct virtio_mmio_place where = place();

		where.line = 100000;
		assert_int_equal(virtio_mmio_probe(&where), 0);
	}
	assert_true(test.dev->polled);
	assert_int_equal(add(0, 1, 1), 0);
	virtio_queue_kick(test.queue);
	buffer = pop();
	host_virtio_push(&sim, 0, &buffer, 0);
	host_advance_time(2000000);
	test.dev->poll_timer.fn(&test.dev->poll_timer);
	assert_int_equal(test.arrived, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_device_is_started_by_single_steps, set_up),
		cmocka_unit_test_setup(a_legacy_device_has_no_features_ok, set_up),
		cmocka_unit_test_setup(only_wanted_and_offered_features_are_accepted, set_up),
		cmocka_unit_test_setup(a_device_that_refuses_its_features_is_not_used, set_up),
		cmocka_unit_test_setup(a_device_that_never_resets_is_not_used, set_up),
		cmocka_unit_test_setup(a_driver_that_cannot_leaves_the_device_reset, set_up),
		cmocka_unit_test_setup(attaching_survives_each_failing_allocation, set_up),
		cmocka_unit_test_setup(an_empty_slot_is_no_device, set_up),
		cmocka_unit_test_setup(queues_that_are_not_there_are_not_opened, set_up),
		cmocka_unit_test_setup(configuration_is_read_in_one_generation, set_up),
		cmocka_unit_test_setup(a_change_of_configuration_is_told, set_up),
		cmocka_unit_test_setup(a_buffer_goes_there_and_back, set_up),
		cmocka_unit_test_setup(buffers_come_back_in_any_order_and_once, set_up),
		cmocka_unit_test_setup(a_full_ring_refuses_more, set_up),
		cmocka_unit_test_setup(a_ring_that_fills_goes_over_to_tables, set_up),
		cmocka_unit_test_setup(interrupts_come_when_they_are_wanted, set_up),
		cmocka_unit_test_setup(neither_side_waits_for_ever, set_up),
		cmocka_unit_test_setup(a_device_that_polls_is_not_notified, set_up),
		cmocka_unit_test_setup(spurious_interrupts_are_nothing, set_up),
		cmocka_unit_test_setup(an_id_out_of_range_ends_the_device, set_up),
		cmocka_unit_test_setup(a_buffer_never_posted_ends_the_device, set_up),
		cmocka_unit_test_setup(a_buffer_used_twice_ends_the_device, set_up),
		cmocka_unit_test_setup(a_length_beyond_the_buffer_ends_the_device, set_up),
		cmocka_unit_test_setup(a_length_of_what_was_only_read_says_nothing, set_up),
		cmocka_unit_test_setup(a_used_index_that_jumps_ends_the_device, set_up),
		cmocka_unit_test_setup(a_device_without_interrupts_is_polled, set_up),
	};

	host_machine_set_low();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
