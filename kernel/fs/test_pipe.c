/* SPDX-License-Identifier: BSD-3-Clause */
/* Pipes and FIFOs; what blocks runs in threads of the simulated machine. */
#define _GNU_SOURCE
#include "test_fs.h"

#include <sys/mman.h>

static struct file *reader, *writer;

static int setup(void **state)
{
	(void)state;
	mount(NULL, 0);
	assert_int_equal(pipe_create(O_NONBLOCK, &reader, &writer), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	file_put(reader);
	file_put(writer);
	unmount();
	return 0;
}

static void close_reader(void)
{
	file_put(reader);
	reader = NULL;
}

static void close_writer(void)
{
	file_put(writer);
	writer = NULL;
}

static unsigned poll_events(struct file *file)
{
	struct waitq *queue;
	unsigned events = file_poll(file, &queue);

	assert_non_null(queue);
	return events;
}

static void bytes_come_out_in_order(void **state)
{
	uint8_t in[3000], out[3000], next_in = 0, next_out = 0;

	(void)state;
	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < sizeof in; i++)
			in[i] = next_in++;
		assert_int_equal(file_put_bytes(writer, in, sizeof in), sizeof in);
		if (round % 10 < 9)
			continue;
		for (int i = 0; i < 10; i++) {
			assert_int_equal(file_get_bytes(reader, out, sizeof out), sizeof out);
			for (size_t k = 0; k < sizeof out; k++)
				assert_int_equal(out[k], next_out++);
		}
	}
	assert_int_equal(file_get_bytes(reader, out, 1), -EAGAIN);
}

static void small_writes_are_whole_or_not_at_all(void **state)
{
	static uint8_t bytes[PIPE_PAGES * 4096];

	(void)state;
	assert_int_equal(file_put_bytes(writer, bytes, sizeof bytes - 4000), sizeof bytes - 4000);
	assert_int_equal(poll_events(writer), 0);
	assert_int_equal(file_put_bytes(writer, bytes, PIPE_BUF), -EAGAIN);
	assert_int_equal(file_put_bytes(writer, bytes, PIPE_BUF + 1), 1);
	assert_int_equal(file_put_bytes(writer, bytes, 4000), -EAGAIN);
	assert_int_equal(file_put_bytes(writer, bytes, 3999), 3999);
	assert_int_equal(file_put_bytes(writer, bytes, 1), -EAGAIN);
	assert_int_equal(file_put_bytes(writer, bytes, 0), 0);
	assert_int_equal(file_get_bytes(reader, bytes, 4096), 4096);
	assert_int_equal(poll_events(writer), POLLOUT | POLLWRNORM);
}

static void ends_notice_each_other(void **state)
{
	char byte;

	(void)state;
	assert_int_equal(poll_events(reader), 0);
	assert_int_equal(file_put_bytes(writer, "ab", 2), 2);
	assert_int_equal(poll_events(reader), POLLIN | POLLRDNORM);
	close_writer();
	assert_int_equal(poll_events(reader), POLLIN | POLLRDNORM | POLLHUP);
	assert_int_equal(file_get_bytes(reader, &byte, 1), 1);
	assert_int_equal(file_get_bytes(reader, &byte, 1), 1);
	assert_int_equal(file_get_bytes(reader, &byte, 1), 0);
	assert_int_equal(poll_events(reader), POLLHUP);
}

static void writing_without_reader_fails(void **state)
{
	(void)state;
	close_reader();
	assert_int_equal(file_put_bytes(writer, "a", 1), -EPIPE);
	assert_true(poll_events(writer) & POLLERR);
}

static void misuse_gives_linux_errors(void **state)
{
	struct inode_attr attr;
	char byte = 0;
	int count = 0;

	(void)state;
	assert_int_equal(file_get_bytes(writer, &byte, 1), -EBADF);
	assert_int_equal(file_put_bytes(reader, &byte, 1), -EBADF);
	assert_int_equal(file_seek(reader, 0, FILE_SEEK_SET), -ESPIPE);
	assert_int_equal(get_at(reader, &byte, 1, 0), -ESPIPE);
	assert_int_equal(file_truncate(writer, 0), -EINVAL);
	assert_int_equal(file_fallocate(writer, 0, 0, 1), -ESPIPE);
	assert_int_equal(file_sync(writer, false), -EINVAL);
	assert_int_equal(file_getattr(reader, &attr), 0);
	assert_int_equal(attr.mode, S_IFIFO | 0600);
	assert_int_equal(file_put_bytes(writer, "abc", 3), 3);
	assert_int_equal(file_ioctl(reader, 0x541b, (uintptr_t)&count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(file_ioctl(reader, 0x541b, 1), -EFAULT);
	assert_int_equal(file_ioctl(reader, 0x5401, 0), -ENOTTY);
}

static void capacity_can_change(void **state)
{
	uint8_t bytes[9000], out[9000];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 31);
	assert_int_equal(pipe_capacity(reader), 65536);
	assert_int_equal(file_put_bytes(writer, bytes, 9000), 9000);
	assert_int_equal(file_get_bytes(reader, out, 1000), 1000);
	assert_int_equal(pipe_set_capacity(writer, 4096), -EBUSY);
	assert_int_equal(pipe_set_capacity(writer, 8000), -EBUSY);
	assert_int_equal(pipe_set_capacity(writer, 12000), 16384);
	assert_int_equal(file_get_bytes(reader, out, 9000), 8000);
	assert_memory_equal(out, bytes + 1000, 8000);
	assert_int_equal(pipe_set_capacity(writer, 1), 4096);
	assert_int_equal(pipe_set_capacity(writer, 1 << 20), 1 << 20);
	assert_int_equal(pipe_set_capacity(writer, 0x80000001), -EINVAL);
}

static void packets_are_read_one_by_one(void **state)
{
	struct file *a, *b;
	char out[16];

	(void)state;
	assert_int_equal(pipe_create(O_NONBLOCK | O_DIRECT, &a, &b), 0);
	assert_int_equal(file_put_bytes(b, "abcd", 4), 4);
	assert_int_equal(file_put_bytes(b, "ef", 2), 2);
	assert_int_equal(file_put_bytes(b, "gh", 2), 2);
	assert_int_equal(file_get_bytes(a, out, 3), 3);
	assert_int_equal(file_get_bytes(a, out, 16), 2);
	assert_memory_equal(out, "ef", 2);
	assert_int_equal(file_get_bytes(a, out, 16), 2);
	assert_int_equal(file_get_bytes(a, out, 16), -EAGAIN);
	file_put(a);
	file_put(b);
}

static void want_of_memory_is_reported(void **state)
{
	struct file *a, *b;
	char byte;

	(void)state;
	for (uint32_t n = 0;; n++) {
		host_fail_allocation_after(n);
		int error = pipe_create(0, &a, &b);

		if (!error)
			break;
		assert_int_equal(error, -ENOMEM);
	}
	file_put(a);
	file_put(b);
	host_fail_allocation_after(0);
	assert_int_equal(file_put_bytes(writer, "x", 1), -ENOMEM);
	assert_int_equal(file_put_bytes(writer, "x", 1), 1);
	host_fail_allocation_after(0);
	assert_int_equal(pipe_set_capacity(writer, 4096), -ENOMEM);
	host_fail_allocation_after(HOST_NEVER);
	assert_int_equal(file_get_bytes(reader, &byte, 1), 1);
}

static void faults_lose_nothing(void **state)
{
	struct uio_segment segment = { 16, 3 };
	struct uio uio;
	char out[3];

	(void)state;
	assert_int_equal(file_put_bytes(writer, "abc", 3), 3);
	uio_init_user(&uio, &segment, 1, 3);
	assert_int_equal(file_read(reader, &uio), -EFAULT);
	uio_init_user(&uio, &segment, 1, 3);
	assert_int_equal(file_write(writer, &uio), -EFAULT);
	assert_int_equal(file_get_bytes(reader, out, 3), 3);
	assert_memory_equal(out, "abc", 3);
}

/* Blocking: one thread works, the test's own looks on. */

struct worker {
	struct thread thread;
	void *stack;
	void (*fn)(struct worker *worker);
	struct file *file;
	uint8_t *bytes;
	size_t count;
	ssize_t result;
	bool done, ended;
};

static void work(void *arg)
{
	struct worker *worker = arg;

	worker->fn(worker);
	worker->done = true;
}

static void ended(struct thread *thread)
{
	container_of(thread, struct worker, thread)->ended = true;
}

static void start(struct worker *worker)
{
	worker->stack = mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);
	thread_init(&worker->thread, "worker", worker->stack, 1 << 18, work, worker, ended);
	thread_start(&worker->thread);
	thread_yield();
}

static void finish(struct worker *worker)
{
	for (int i = 0; i < 100 && !worker->ended; i++)
		thread_yield();
	assert_true(worker->ended);
	munmap(worker->stack, 1 << 18);
}

static void read_some(struct worker *worker)
{
	worker->result = file_get_bytes(worker->file, worker->bytes, worker->count);
}

static void write_some(struct worker *worker)
{
	worker->result = file_put_bytes(worker->file, worker->bytes, worker->count);
}

static void empty_pipe_blocks_the_reader(void **state)
{
	uint8_t bytes[8];
	struct worker worker = { .fn = read_some, .file = reader, .bytes = bytes, .count = 8 };

	(void)state;
	reader->flags &= ~(unsigned)O_NONBLOCK;
	start(&worker);
	assert_false(worker.done);
	assert_int_equal(file_put_bytes(writer, "hey", 3), 3);
	finish(&worker);
	assert_int_equal(worker.result, 3);
	worker.done = worker.ended = false;
	start(&worker);
	close_writer();
	finish(&worker);
	assert_int_equal(worker.result, 0);
}

static void full_pipe_blocks_the_writer(void **state)
{
	static uint8_t bytes[200000], out[5000];
	struct worker worker = {
		.fn = write_some, .file = writer, .bytes = bytes, .count = sizeof bytes
	};
	size_t total = 0;
	ssize_t count;

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i / 7);
	writer->flags &= ~(unsigned)O_NONBLOCK;
	start(&worker);
	assert_false(worker.done);
	while (total < sizeof bytes) {
		count = file_get_bytes(reader, out, sizeof out);
		if (count == -EAGAIN) {
			thread_yield();
			continue;
		}
		assert_true(count > 0);
		assert_memory_equal(out, bytes + total, (size_t)count);
		total += (size_t)count;
	}
	finish(&worker);
	assert_int_equal(worker.result, sizeof bytes);
}

static void interrupt_ends_a_wait(void **state)
{
	uint8_t bytes[8];
	struct worker worker = { .fn = read_some, .file = reader, .bytes = bytes, .count = 8 };

	(void)state;
	reader->flags &= ~(unsigned)O_NONBLOCK;
	start(&worker);
	thread_interrupt(&worker.thread);
	finish(&worker);
	assert_int_equal(worker.result, -EINTR);
}

static void losing_the_reader_ends_a_write(void **state)
{
	static uint8_t bytes[100000];
	struct worker worker = {
		.fn = write_some, .file = writer, .bytes = bytes, .count = sizeof bytes
	};

	(void)state;
	writer->flags &= ~(unsigned)O_NONBLOCK;
	start(&worker);
	close_reader();
	finish(&worker);
	assert_int_equal(worker.result, 65536);
	assert_int_equal(file_put_bytes(writer, bytes, 1), -EPIPE);
}

static void open_fifo(struct worker *worker)
{
	worker->result = open_at("/fifo", (unsigned)worker->count, &worker->file);
}

static void fifo_open_waits_for_the_other_end(void **state)
{
	struct worker worker = { .fn = open_fifo, .count = O_RDONLY };
	struct file *file;
	char byte;

	(void)state;
	assert_int_equal(path_mknod(&at, NULL, "/fifo", S_IFIFO | 0600, 0), 0);
	assert_int_equal(try_open("/fifo", O_WRONLY | O_NONBLOCK), -ENXIO);
	start(&worker);
	assert_false(worker.done);
	assert_int_equal(open_at("/fifo", O_WRONLY, &file), 0);
	finish(&worker);
	assert_int_equal(worker.result, 0);
	assert_int_equal(file_put_bytes(file, "x", 1), 1);
	assert_int_equal(file_get_bytes(worker.file, &byte, 1), 1);
	file_put(file);
	assert_int_equal(file_get_bytes(worker.file, &byte, 1), 0);
	file_put(worker.file);
	assert_int_equal(try_open("/fifo", O_RDONLY | O_NONBLOCK), 0);
	assert_int_equal(try_open("/fifo", O_RDWR), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(bytes_come_out_in_order),
		TEST(small_writes_are_whole_or_not_at_all),
		TEST(ends_notice_each_other),
		TEST(writing_without_reader_fails),
		TEST(misuse_gives_linux_errors),
		TEST(capacity_can_change),
		TEST(packets_are_read_one_by_one),
		TEST(want_of_memory_is_reported),
		TEST(faults_lose_nothing),
		TEST(empty_pipe_blocks_the_reader),
		TEST(full_pipe_blocks_the_writer),
		TEST(interrupt_ends_a_wait),
		TEST(losing_the_reader_ends_a_write),
		TEST(fifo_open_waits_for_the_other_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
