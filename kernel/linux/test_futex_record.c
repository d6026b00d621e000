/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is lent which priority, and who gets a lock next. */
#include "futex_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scheduling.h"

enum { TASKS = 6, LOCKS = 4 };

static struct task tasks[TASKS];
static struct futex_waiter waiters[TASKS];
static struct futex_lock *locks[LOCKS];
static int woken;

/* What the records ask of others. */

void scheduling_lend(struct task *task, int priority)
{
	task->scheduling.lent = priority;
}

int scheduling_priority(const struct task *task)
{
	return task->scheduling.priority > task->scheduling.lent ? task->scheduling.priority
								 : task->scheduling.lent;
}

struct task *task_get(struct task *task)
{
	task->refs++;
	return task;
}

void task_put(struct task *task)
{
	if (task)
		task->refs--;
}

void futex_key_put(const struct futex_key *key)
{
	(void)key;
}

static bool wake(struct waiter *waiter)
{
	(void)waiter;
	woken++;
	return true;
}

static int setup(void **state)
{
	(void)state;
	memset(tasks, 0, sizeof(tasks));
	for (int i = 0; i < TASKS; i++)
		list_init(&tasks[i].locks);
	woken = 0;
	spin_lock(&futex_records_lock);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	spin_unlock(&futex_records_lock);
	for (int i = 0; i < TASKS; i++)
		assert_int_equal(tasks[i].refs, 0);
	return 0;
}

static struct futex_key key_of(int lock)
{
	return (struct futex_key){ .owner = tasks, .at = (uint64_t)lock * 4 };
}

static void priorities(int a, int b, int c, int d)
{
	const int all[] = { a, b, c, d };

	for (int i = 0; i < 4; i++)
		tasks[i].scheduling.priority = all[i];
}

/* `task` waits for a lock that `owner` has. */
static void wait_for(int task, int lock, int owner)
{
	struct futex_key key = key_of(lock);
	struct futex_lock *record = futex_record_find(&key);
	struct futex_waiter *w = &waiters[task];

	*w = (struct futex_waiter){ .task = &tasks[task], .waiter.wake = wake };
	if (!record) {
		record = locks[lock] = futex_record_create();
		futex_record_begin(record, &key, 0, &tasks[owner]);
	}
	futex_record_add(record, w);
}

static void withdraw(int task)
{
	futex_record_destroy(futex_record_remove(&waiters[task]));
}

/* Gives the lock to who is to have it; that one's number. */
static int hand_over(int lock)
{
	struct futex_waiter *w = futex_record_first(locks[lock]);
	struct task *before;

	futex_record_destroy(futex_record_grant(locks[lock], w, &before));
	task_put(before);
	assert_true(w->granted);
	return (int)(w->task - tasks);
}

static void owner_is_lent_the_highest_priority_that_waits(void **state)
{
	(void)state;
	priorities(1, 5, 9, 3);
	wait_for(1, 0, 0);
	assert_int_equal(tasks[0].scheduling.lent, 5);
	wait_for(2, 1, 0);
	wait_for(3, 0, 0);
	assert_int_equal(tasks[0].scheduling.lent, 9);
	withdraw(2);
	assert_int_equal(tasks[0].scheduling.lent, 5);
	withdraw(1);
	assert_int_equal(tasks[0].scheduling.lent, 3);
	withdraw(3);
	assert_int_equal(tasks[0].scheduling.lent, 0);
}

static void lending_goes_along_a_chain(void **state)
{
	(void)state;
	priorities(0, 0, 0, 7);
	wait_for(1, 0, 0);
	wait_for(2, 1, 1);
	wait_for(3, 2, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(tasks[i].scheduling.lent, 7);
	withdraw(3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(tasks[i].scheduling.lent, 0);
	withdraw(2);
	withdraw(1);
}

static void lock_goes_to_the_highest_then_to_the_oldest(void **state)
{
	struct futex_key key = key_of(0);

	(void)state;
	priorities(0, 2, 8, 2);
	wait_for(1, 0, 0);
	wait_for(3, 0, 0);
	wait_for(2, 0, 0);
	assert_int_equal(hand_over(0), 2);
	assert_int_equal(tasks[0].scheduling.lent, 0);
	assert_int_equal(tasks[2].scheduling.lent, 2);
	assert_int_equal(hand_over(0), 1);
	assert_int_equal(tasks[2].scheduling.lent, 0);
	assert_int_equal(hand_over(0), 3);
	assert_int_equal(woken, 3);
	assert_int_equal(tasks[3].scheduling.lent, 0);
	assert_null(futex_record_find(&key));
}

static void circle_is_found_however_long(void **state)
{
	(void)state;
	wait_for(1, 0, 0);
	wait_for(2, 1, 1);
	wait_for(3, 2, 2);
	assert_true(futex_record_closes_circle(&tasks[3], &tasks[0]));
	assert_true(futex_record_closes_circle(&tasks[0], &tasks[0]));
	assert_false(futex_record_closes_circle(&tasks[4], &tasks[0]));
	assert_false(futex_record_closes_circle(&tasks[2], &tasks[4]));
	withdraw(3);
	withdraw(2);
	withdraw(1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(owner_is_lent_the_highest_priority_that_waits),
		T(lending_goes_along_a_chain),
		T(lock_goes_to_the_highest_then_to_the_oldest),
		T(circle_is_found_however_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
