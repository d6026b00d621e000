/* SPDX-License-Identifier: BSD-3-Clause */
/* Signals on their way to a task, which is this test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <core/thread.h>

/* The calls sleep in, and are woken by, this test. */
static void clear_interrupt(void);
static int sleep_until(uint64_t deadline_ns, enum wait_flags flags);
#define thread_clear_interrupt clear_interrupt
#define thread_sleep_until sleep_until
#include "signal_calls.c"
#undef thread_clear_interrupt
#undef thread_sleep_until

#include <string.h>

#include "../port/host/host.h"

static struct signal_handlers handlers;
static struct process process;
static struct task task;
static unsigned slept;
static int late_signal; /* comes just before an interrupt is cleared; 0: none */

/* What else the calls ask for. */

struct process *process_find(int pid)
{
	return pid == 0 || pid == process.pid ? &process : NULL;
}

void process_each(void (*fn)(void *context, struct process *each), void *context)
{
	fn(context, &process);
}

struct task *task_find(struct process *of, int tid)
{
	(void)of;
	return tid == task.tid ? &task : NULL;
}

void task_put(struct task *of)
{
	(void)of;
}

bool signal_on_stack(uint64_t pointer)
{
	(void)pointer;
	return false;
}

struct user_regs *user_regs(void)
{
	return &task.start_regs;
}

uint64_t deadline_after(uint64_t ns)
{
	return time_now() + ns;
}

int user_read_timespec(uintptr_t address, uint64_t *ns)
{
	(void)address;
	*ns = 0;
	return 0;
}

static int start(void **state)
{
	(void)state;
	memset(&handlers, 0, sizeof(handlers));
	memset(&process, 0, sizeof(process));
	memset(&task, 0, sizeof(task));
	spin_init(&handlers.lock);
	waitq_init(&handlers.readers);
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
	slept = 0;
	late_signal = 0;
	return 0;
}

static void clear_interrupt(void)
{
	if (late_signal)
		signal_post_process(&process, late_signal);
	late_signal = 0;
	task.thread.interrupted = false;
}

/* Nothing comes any more: a thread that is not interrupted would sleep to its deadline. */
static int sleep_until(uint64_t deadline_ns, enum wait_flags flags)
{
	(void)flags;
	if (task.thread.interrupted)
		return -EINTR;
	slept++;
	host_set_time(deadline_ns);
	return 0;
}

static void awaited_signal_is_not_lost_behind_an_interrupt(void **state)
{
	struct signal_info info = { 0 };
	uint64_t deadline = time_now() + NS_PER_S;

	(void)state;
	task.blocked = signal_bit(SIGUSR1);
	task.thread.interrupted = true; /* for something that is gone */
	late_signal = SIGUSR1;
	assert_int_equal(await_signal(signal_bit(SIGUSR1), deadline, &info), 0);
	assert_int_equal(info.signo, SIGUSR1);
	assert_int_equal(slept, 0);
}

static void awaiting_ends_with_another_signal(void **state)
{
	struct signal_info info = { 0 };

	(void)state;
	signal_post_process(&process, SIGUSR2);
	assert_int_equal(await_signal(signal_bit(SIGUSR1), TIME_NEVER, &info), -EINTR);
	assert_int_equal(slept, 0);
}

static void awaiting_ends_at_the_deadline_whatever_interrupts(void **state)
{
	struct signal_info info = { 0 };

	(void)state;
	task.thread.interrupted = true;
	assert_int_equal(await_signal(signal_bit(SIGUSR1), time_now() + 5, &info), -EAGAIN);
	assert_int_equal(slept, 1);
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
		TEST(awaited_signal_is_not_lost_behind_an_interrupt),
		TEST(awaiting_ends_with_another_signal),
		TEST(awaiting_ends_at_the_deadline_whatever_interrupts),
		TEST(posted_signal_needs_no_memory),
		TEST(posted_signal_is_not_the_kernels_where_it_was_sent_first),
		TEST(posted_signal_stays_when_a_timers_entry_goes),
		TEST(forgotten_signal_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
