/* SPDX-License-Identifier: BSD-3-Clause */
/* Wait queues: who is woken by what. Waiting itself is tried where something waits (pipes, terminals). */
#include <core/thread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { IN = 1, OUT = 4 };

struct counting {
	struct waiter waiter;
	unsigned wakes;
	bool refuses;
};

static struct waitq queue;
static struct counting a, b, c;

static bool count(struct waiter *waiter)
{
	struct counting *counting = container_of(waiter, struct counting, waiter);

	counting->wakes++;
	return !counting->refuses;
}

static void add(struct counting *counting, uint32_t events, bool exclusive)
{
	*counting = (struct counting){ .refuses = false };
	waiter_init(&counting->waiter);
	counting->waiter.wake = count;
	counting->waiter.events = events;
	counting->waiter.exclusive = exclusive;
	waitq_add(&queue, &counting->waiter);
}

static void expect(unsigned of_a, unsigned of_b, unsigned of_c)
{
	assert_int_equal(a.wakes, of_a);
	assert_int_equal(b.wakes, of_b);
	assert_int_equal(c.wakes, of_c);
	a.wakes = b.wakes = c.wakes = 0;
}

static int setup(void **state)
{
	(void)state;
	waitq_init(&queue);
	return 0;
}

static void event_wakes_those_who_wait_for_it(void **state)
{
	(void)state;
	waitq_wake_events(&queue, WAKE_ANY);
	add(&a, IN, false);
	add(&b, OUT, false);
	add(&c, IN | OUT, false);
	waitq_wake_events(&queue, IN);
	expect(1, 0, 1);
	waitq_wake_events(&queue, IN | OUT);
	expect(1, 1, 1);
	waitq_wake_events(&queue, 16);
	expect(0, 0, 0);
	waitq_remove(&queue, &a.waiter);
	waitq_wake_events(&queue, WAKE_ANY);
	expect(0, 1, 1);
	waitq_wake_all(&queue);
	expect(0, 1, 1);
}

static void event_wakes_one_exclusive_waiter(void **state)
{
	(void)state;
	add(&a, IN, true);
	add(&b, IN, true);
	add(&c, IN, false);
	waitq_wake_events(&queue, IN);
	expect(1, 0, 1);
	waitq_wake_all(&queue);
	expect(1, 1, 1);
}

static void exclusive_waiter_that_refuses_lets_the_next_have_it(void **state)
{
	(void)state;
	add(&a, IN, true);
	add(&b, OUT, true);
	add(&c, IN, true);
	a.refuses = true;
	waitq_wake_events(&queue, IN);
	expect(1, 0, 1);
}

static void waiter_that_is_woken_is_not_counted_again(void **state)
{
	(void)state;
	add(&a, IN, true);
	add(&b, IN, true);
	add(&c, IN, true);
	a.waiter.woken = true;
	waitq_wake_events(&queue, IN);
	expect(0, 1, 0);
	waitq_wake_all(&queue);
	expect(0, 1, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(event_wakes_those_who_wait_for_it),
		TEST(event_wakes_one_exclusive_waiter),
		TEST(exclusive_waiter_that_refuses_lets_the_next_have_it),
		TEST(waiter_that_is_woken_is_not_counted_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
