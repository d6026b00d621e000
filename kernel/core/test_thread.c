/* SPDX-License-Identifier: BSD-3-Clause */
/* Which thread runs next. */
#include <core/thread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hal/user.h>

#include "../port/host/host.h"
#include "../port/host/io.h"

enum { THREADS = 4, STACK_BYTES = 1 << 18 };

static struct worker {
	struct thread thread;
	struct user_context user;
	char fpu[4096];
	char name;
	void (*act)(struct worker *self);
} workers[THREADS];

static void *stacks[THREADS];
static char order[32];
static unsigned running;

static void note(char what)
{
	order[strlen(order)] = what;
}

static void run(void *arg)
{
	struct worker *self = arg;

	note(self->name);
	if (self->act)
		self->act(self);
}

static void ended(struct thread *thread)
{
	(void)thread;
	running--;
}

static struct worker *make(unsigned i, unsigned priority, void (*act)(struct worker *self))
{
	struct worker *w = &workers[i];

	w->name = (char)('a' + i);
	w->act = act;
	thread_init(&w->thread, "worker", stacks[i], STACK_BYTES, run, w, ended);
	thread_set_scheduling(&w->thread, priority, THREAD_SLICE_NS);
	running++;
	return w;
}

static void start(unsigned i, unsigned priority, void (*act)(struct worker *self))
{
	thread_start(&make(i, priority, act)->thread);
}

/* This thread is the idle one: it goes on when nobody else can. */
static void finish(const char *expected)
{
	while (running)
		thread_yield();
	assert_string_equal(order, expected);
}

static int setup(void **state)
{
	static char boot_stack[64];
	static bool started;

	(void)state;
	if (!started) {
		threads_start(boot_stack, sizeof(boot_stack));
		for (unsigned i = 0; i < THREADS; i++)
			stacks[i] = malloc(STACK_BYTES);
	}
	started = true;
	memset(order, 0, sizeof(order));
	return 0;
}

static void equals_run_in_the_order_in_which_they_came(void **state)
{
	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		start(i, 0, NULL);
	finish("abcd");
}

static void higher_priority_runs_first(void **state)
{
	(void)state;
	start(0, 0, NULL);
	start(1, 7, NULL);
	start(2, 99, NULL);
	start(3, 7, NULL);
	finish("cbda");
}

static void yield_and_note(struct worker *self)
{
	thread_yield();
	note((char)(self->name - 'a' + 'A'));
}

static void thread_that_yields_goes_behind_its_equals(void **state)
{
	(void)state;
	start(0, 0, yield_and_note);
	start(1, 0, NULL);
	start(2, 0, yield_and_note);
	finish("abcAC");
}

static void thread_that_yields_does_not_let_lower_ones_run(void **state)
{
	(void)state;
	start(0, 0, NULL);
	start(1, 5, yield_and_note);
	finish("bBa");
}

static void start_its_better(struct worker *self)
{
	start(3, 9, NULL);
	assert_true(self->thread.port_work & THREAD_RESCHEDULE);
	yield_and_note(self); /* as on the way to user mode */
}

static void preempted_thread_comes_before_its_equals(void **state)
{
	(void)state;
	start(0, 4, start_its_better);
	start(1, 4, NULL);
	finish("adAb");
}

static void start_its_equal(struct worker *self)
{
	start(3, 4, NULL);
	assert_false(self->thread.port_work & THREAD_RESCHEDULE);
}

static void waking_an_equal_does_not_preempt(void **state)
{
	(void)state;
	start(0, 4, start_its_equal);
	finish("ad");
}

static void raise_the_last(struct worker *self)
{
	thread_set_scheduling(&workers[2].thread, 8, THREAD_SLICE_NS);
	assert_true(self->thread.port_work & THREAD_RESCHEDULE);
	thread_yield();
	note('A');
}

static void raised_thread_overtakes_those_that_are_ready(void **state)
{
	(void)state;
	start(0, 4, raise_the_last);
	start(1, 4, NULL);
	start(2, 4, NULL);
	finish("acbA");
}

/* Lets the slice's timer fire `ns` from now. */
static bool is_preempted_after(struct worker *self, uint64_t ns)
{
	host_set_time(time_now() + ns);
	if (host_timer_deadline() <= time_now())
		host_timer_fire();
	return self->thread.port_work & THREAD_RESCHEDULE;
}

static void use_up_slice(struct worker *self)
{
	assert_false(is_preempted_after(self, THREAD_SLICE_NS - 1000));
	assert_true(is_preempted_after(self, 2000));
	yield_and_note(self);
}

static void start_user(unsigned i, void (*act)(struct worker *self))
{
	struct worker *w = make(i, 0, act);

	w->user = (struct user_context){ .fpu = w->fpu };
	w->thread.user = &w->user;
	thread_start(&w->thread);
}

static void slice_ends_when_an_equal_waits(void **state)
{
	(void)state;
	start_user(0, use_up_slice);
	start_user(1, NULL);
	finish("abA");
}

static void run_long(struct worker *self)
{
	assert_false(is_preempted_after(self, 100 * THREAD_SLICE_NS));
}

static void slice_does_not_end_when_nobody_waits(void **state)
{
	(void)state;
	start_user(0, run_long);
	finish("a");
}

static void use_some(struct worker *self)
{
	assert_false(is_preempted_after(self, THREAD_SLICE_NS / 2));
}

static void thread_after_one_that_ended_early_gets_a_whole_slice(void **state)
{
	(void)state;
	start_user(0, use_some);
	start_user(1, use_up_slice);
	start_user(2, NULL);
	finish("abcB");
}

static void displaced_thread_gets_work_if_it_asked_for_it(void **state)
{
	(void)state;
	start_user(0, yield_and_note);
	start_user(1, yield_and_note);
	for (int i = 0; i < 2; i++)
		((struct user_regs *)workers[i].thread.stack_top - 1)->orig_rax = UINT64_MAX;
	workers[0].thread.work_when_displaced = true;
	thread_yield();
	finish("abAB");
	assert_true(workers[0].thread.user_work);
	assert_false(workers[1].thread.user_work);
}

static void displaced_thread_in_a_system_call_gets_no_work(void **state)
{
	(void)state;
	start_user(0, yield_and_note);
	start_user(1, NULL);
	((struct user_regs *)workers[0].thread.stack_top - 1)->orig_rax = 1;
	workers[0].thread.work_when_displaced = true;
	finish("abA");
	assert_false(workers[0].thread.user_work);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(equals_run_in_the_order_in_which_they_came, setup),
		cmocka_unit_test_setup(higher_priority_runs_first, setup),
		cmocka_unit_test_setup(thread_that_yields_goes_behind_its_equals, setup),
		cmocka_unit_test_setup(thread_that_yields_does_not_let_lower_ones_run, setup),
		cmocka_unit_test_setup(preempted_thread_comes_before_its_equals, setup),
		cmocka_unit_test_setup(waking_an_equal_does_not_preempt, setup),
		cmocka_unit_test_setup(raised_thread_overtakes_those_that_are_ready, setup),
		cmocka_unit_test_setup(slice_ends_when_an_equal_waits, setup),
		cmocka_unit_test_setup(slice_does_not_end_when_nobody_waits, setup),
		cmocka_unit_test_setup(thread_after_one_that_ended_early_gets_a_whole_slice, setup),
		cmocka_unit_test_setup(displaced_thread_gets_work_if_it_asked_for_it, setup),
		cmocka_unit_test_setup(displaced_thread_in_a_system_call_gets_no_work, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
