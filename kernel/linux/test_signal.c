/* SPDX-License-Identifier: BSD-3-Clause */
/* Signals on their way to a task, which is this test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <core/thread.h>

#include <core/time.h>
#include <linux/signal.h>

#include <string.h>

#include "../port/host/host.h"

static struct signal_handlers handlers;
static struct process process;
static struct task task;

static int start(void **state)
{
	(void)state;
	memset(&handlers, 0, sizeof(handlers));
	memset(&process, 0, sizeof(process));
	memset(&task, 0, sizeof(task));
	spin_init(&handlers.lock);
	process.handlers = &handlers;
	process.pid = 1;
	process.limits[RLIMIT_SIGPENDING].current = 10;
	list_init(&process.tasks);
	signal_pending_init(&process.pending);
	signal_pending_init(&task.pending);
	list_init(&task.link);
	list_insert_before(&process.tasks, &task.link);
	task.process = &process;
	task.tid = 1;
	cpu_set_thread(&task.thread);
	return 0;
}

static void posted_signal_needs_no_memory(void **state)
{
	struct signal_info info;

	(void)state;
	task.blocked = signal_bit(SIGINT);
	host_fail_allocation_after(0);
	signal_post_process(&process, SIGINT);
	signal_post_process(&process, SIGINT);
	assert_false(host_allocation_failed());
	host_fail_allocation_after(HOST_NEVER);
	assert_true(list_empty(&process.pending.queue));
	assert_true(signal_take(signal_bit(SIGINT), &info));
	assert_int_equal(info.signo, SIGINT);
	assert_int_equal(info.code, SI_KERNEL);
	assert_false(signal_take(signal_bit(SIGINT), &info));
}

static void posted_signal_is_not_the_kernels_where_it_was_sent_first(void **state)
{
	const struct signal_info sent = { .signo = SIGINT, .code = SI_QUEUE };
	struct signal_info info;

	(void)state;
	task.blocked = signal_bit(SIGINT);
	assert_int_equal(signal_send_process(&process, &sent), 0);
	signal_post_process(&process, SIGINT);
	assert_true(signal_take(signal_bit(SIGINT), &info));
	assert_int_equal(info.code, SI_QUEUE);
	assert_false(signal_take(signal_bit(SIGINT), &info));
	assert_int_equal(host_allocations(), 0);
}

static void posted_signal_stays_when_a_timers_entry_goes(void **state)
{
	struct queued_signal entry = { .info = { .signo = SIGALRM, .code = SI_TIMER } };
	struct signal_info info;

	(void)state;
	task.blocked = signal_bit(SIGALRM);
	list_init(&entry.link);
	signal_post_process(&process, SIGALRM);
	assert_true(signal_send_entry(&process, NULL, &entry));
	signal_remove_entry(&process, &entry);
	assert_true(signal_take(signal_bit(SIGALRM), &info));
	assert_int_equal(info.code, SI_KERNEL);
	assert_false(signal_take(signal_bit(SIGALRM), &info));
}

static void forgotten_signal_leaves_nothing(void **state)
{
	struct signal_info info;

	(void)state;
	task.blocked = signal_bit(SIGINT);
	signal_post_process(&process, SIGINT);
	signal_forget(&process, SIGINT);
	assert_false(signal_take(signal_bit(SIGINT), &info));
	assert_int_equal(process.pending.of_kernel, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(posted_signal_needs_no_memory),
		TEST(posted_signal_is_not_the_kernels_where_it_was_sent_first),
		TEST(posted_signal_stays_when_a_timers_entry_goes),
		TEST(forgotten_signal_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
