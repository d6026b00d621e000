/* SPDX-License-Identifier: BSD-3-Clause */
/* The clocks over a simulated reference counter. Cycles are those of the host's virtual clock; what
 * their frequency is said to be, and how the reference behaves, is each test's. */
#include "time.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

#include "../port/host/host.h"

enum { PIT_HZ = 1193182, PIT_PERIOD = 65536, ACCESS_CYCLES = 2000 };

static struct {
	uint64_t tsc_hz;
	uint64_t started_at; /* cycles */
	bool absent, stuck, vanished;
	uint64_t access_cycles;
	unsigned reads, starts;
	unsigned preempt_every; /* the CPU is taken away in each n-th access; 0: never */
	uint64_t preempt_cycles;
	struct time_rate told;
	uint64_t machine_ns; /* what the machine's own clock says; 0: it has none */
	uint64_t wall_ns;
} sim;

static uint64_t ticks_at(uint64_t cycles)
{
	return mul_div(cycles - sim.started_at, PIT_HZ, sim.tsc_hz);
}

static void access(struct clock_sample *out)
{
	uint64_t before = cpu_cycles();

	host_advance_time(sim.access_cycles / 2);
	out->cycles = cpu_cycles();
	host_advance_time(sim.access_cycles / 2);
	sim.reads++;
	if (sim.preempt_every && sim.reads % sim.preempt_every == 0)
		host_advance_time(sim.preempt_cycles);
	out->window = cpu_cycles() - before;
	out->ticks = 0;
	out->wrapped = false;
}

static bool sim_start(struct clock_sample *out)
{
	sim.starts++;
	if (sim.absent)
		return false;
	access(out);
	sim.started_at = out->cycles;
	/* What was seen in the middle is told as of the middle of the window. */
	out->cycles += (out->window - sim.access_cycles) / 2;
	return true;
}

static bool sim_read(struct clock_sample *out)
{
	access(out);
	if (!sim.stuck) {
		uint64_t ticks = ticks_at(out->cycles);

		out->ticks = ticks % PIT_PERIOD;
		out->wrapped = ticks >= PIT_PERIOD;
	}
	out->cycles += (out->window - sim.access_cycles) / 2;
	return !sim.vanished;
}

static uint64_t sim_hz(void)
{
	return PIT_HZ;
}

static uint64_t sim_period(void)
{
	return PIT_PERIOD;
}

static const struct clock_reference sim_reference = {
	.name = "simulated",
	.start = sim_start,
	.read = sim_read,
	.hz = sim_hz,
	.period_ticks = sim_period,
};

static const struct clock_reference *reference(unsigned index)
{
	return index ? NULL : &sim_reference;
}

static uint64_t machine_now(void)
{
	return sim.machine_ns;
}

static void machine_start(struct time_rate *rate, uint64_t (**now)(void))
{
	*rate = sim.told;
	if (sim.machine_ns)
		*now = machine_now;
}

static bool machine_wall(uint64_t *ns)
{
	*ns = sim.wall_ns;
	return sim.wall_ns != 0;
}

static const struct time_machine machine = {
	.start = machine_start,
	.wall = machine_wall,
	.reference = reference,
};

static int setup(void **state)
{
	static char *memory[32];

	(void)state;
	memset(&the_clock, 0, sizeof(the_clock));
	memset(&clock_page, 0, sizeof(clock_page));
	memset(&sim, 0, sizeof(sim));
	sim.tsc_hz = 2800000000;
	sim.access_cycles = ACCESS_CYCLES;
	sim.preempt_cycles = sim.tsc_hz / 100;
	sim.wall_ns = 1700000000 * NS_PER_S;
	host_set_time(1000000);
	time_set_machine(&machine, cpu_cycles());
	params_parse("", 0, memory);
	return 0;
}

static void advance_us(uint64_t us)
{
	host_advance_time(mul_div(us, sim.tsc_hz, 1000000));
}

static uint64_t true_ns(void)
{
	return mul_div(cpu_cycles() - 1000000, NS_PER_S, sim.tsc_hz);
}

static uint64_t ppm_off(void)
{
	uint64_t hz = mul_div(NS_PER_S, BIT64(clock_page.time.shift), clock_page.time.mult);
	uint64_t off = hz > sim.tsc_hz ? hz - sim.tsc_hz : sim.tsc_hz - hz;

	return off * 1000000 / sim.tsc_hz;
}

static void expect_near(uint64_t a, uint64_t b, uint64_t tolerance)
{
	assert_in_range(a, b > tolerance ? b - tolerance : 0, b + tolerance);
}

static void time_rate_holds_for_all_frequencies(void **state)
{
	(void)state;
	for (uint64_t hz = 1000000; hz < BIT64(36); hz += hz / 3 + 1) {
		struct time_rate rate = time_rate_from_hz(hz);

		assert_true(rate.mult >> 31);
		expect_near(time_rate_ns(rate, hz * 100), 100 * NS_PER_S, 100);
	}
	assert_int_equal(time_rate_from_hz(0).mult, 0);
	assert_int_equal(time_rate_from_hz(999999).mult, 0);
	assert_int_equal(time_rate_from_hz(BIT64(36)).mult, 0);
}

static void time_takes_the_rate_that_the_machine_tells(void **state)
{
	(void)state;
	sim.told = time_rate_from_hz(sim.tsc_hz);
	advance_us(123456);
	assert_int_equal(sim.starts, 0);
	expect_near(time_now(), 123456000, 2);
	assert_int_equal(sim.starts, 0);
	assert_int_equal(clock_page.time.usable, 1);
}

static void time_takes_the_users_rate_first(void **state)
{
	static char *memory[32];

	(void)state;
	sim.told = time_rate_from_hz(1000000000);
	params_parse("tsc=2800000", 11, memory);
	advance_us(500);
	expect_near(time_now(), 500000, 2);
}

static void time_does_not_wait_when_the_reference_ran_since_boot(void **state)
{
	uint64_t before;

	(void)state;
	time_start_reference();
	advance_us(5000);
	before = cpu_cycles();
	expect_near(time_now(), 5000 * NS_PER_US, 5000 * NS_PER_US / 100);
	assert_true(cpu_cycles() - before < 20 * ACCESS_CYCLES);
	assert_in_range(ppm_off(), 0, 400);
	assert_int_equal(clock_page.time.usable, 0);
}

static void time_waits_no_longer_than_two_milliseconds(void **state)
{
	uint64_t before = cpu_cycles();

	(void)state;
	time_now();
	assert_true(cpu_cycles() - before < sim.tsc_hz / 500);
	assert_in_range(ppm_off(), 0, 1500);
}

static void time_measures_anew_when_the_reference_has_wrapped(void **state)
{
	(void)state;
	time_start_reference();
	advance_us(200000);
	expect_near(time_now(), true_ns(), true_ns() / 500);
	assert_int_equal(sim.starts, 2);
	assert_in_range(ppm_off(), 0, 1500);
}

static void time_refines_the_rate_without_a_jump(void **state)
{
	uint64_t last = 0;

	(void)state;
	time_start_reference();
	advance_us(2000);
	for (unsigned i = 0; i < 4000; i++) {
		uint64_t now = time_now();

		assert_true(now >= last);
		if (last)
			assert_true(now - last < 600 * NS_PER_US);
		last = now;
		advance_us(500);
	}
	assert_in_range(ppm_off(), 0, 2);
	assert_int_equal(clock_page.time.usable, 1);
	assert_null(the_clock.calibration.reference);
	assert_int_equal(the_clock.recheck_at, UINT64_MAX);
}

static void time_is_refined_after_a_long_silence(void **state)
{
	(void)state;
	time_start_reference();
	advance_us(2000);
	time_now();
	advance_us(30000000); /* the rough rate cannot tell how often the reference has wrapped */
	time_now();
	assert_int_equal(clock_page.time.usable, 0);
	advance_us(300000);
	time_now();
	assert_int_equal(clock_page.time.usable, 1);
	assert_in_range(ppm_off(), 0, 20);
}

static void time_survives_a_cpu_that_loses_its_place(void **state)
{
	(void)state;
	for (unsigned every = 2; every < 6; every++) {
		setup(state);
		sim.preempt_every = every;
		time_start_reference();
		advance_us(3000);
		time_now();
		assert_in_range(ppm_off(), 0, 10000);
	}
}

static void time_is_not_guessed_where_the_cpu_is_lost_for_long(void **state)
{
	(void)state;
	for (unsigned every = 2; every < 6; every++) {
		setup(state);
		sim.preempt_every = every;
		sim.preempt_cycles = sim.tsc_hz / 50;
		time_now();
		assert_in_range(ppm_off(), 0, 10000);
	}
}

static void time_survives_a_reference_that_stands_still(void **state)
{
	(void)state;
	sim.stuck = true;
	time_start_reference();
	advance_us(3000);
	time_now();
	assert_int_equal(clock_page.time.usable, 1);
	assert_int_equal(clock_page.time.mult, time_rate_from_hz(GUESSED_HZ).mult);
}

static void time_takes_a_slow_reference_rather_than_a_guess(void **state)
{
	(void)state;
	sim.access_cycles = 1000000;
	time_start_reference();
	time_now();
	assert_in_range(ppm_off(), 0, 1500);
	assert_in_range(the_clock.calibration.error_ppm, 1500, 500000);
	for (unsigned i = 0; i < 100; i++) {
		advance_us(20000);
		time_now();
	}
	assert_in_range(ppm_off(), 0, 20);
}

static void time_survives_a_reference_that_vanishes(void **state)
{
	(void)state;
	time_start_reference();
	advance_us(3000);
	time_now();
	sim.vanished = sim.absent = true;
	advance_us(100000);
	expect_near(time_now(), 103000 * NS_PER_US, 200 * NS_PER_US);
	assert_int_equal(clock_page.time.usable, 1);
	assert_int_equal(the_clock.recheck_at, UINT64_MAX);
}

static void time_survives_a_machine_without_a_reference(void **state)
{
	(void)state;
	sim.absent = true;
	time_start_reference();
	assert_in_range(host_logged(LOG_WARNING), 0, 1000);
	unsigned warnings = host_logged(LOG_WARNING);

	host_advance_time(12345);
	assert_int_equal(time_now(), 12345);
	assert_int_equal(host_logged(LOG_WARNING), warnings + 1);
	time_set_machine(NULL, 0);
}

static void time_asks_the_machine_each_time_where_it_has_to(void **state)
{
	(void)state;
	sim.told = time_rate_from_hz(sim.tsc_hz);
	sim.machine_ns = 5000;
	assert_int_equal(time_now(), 5000);
	sim.machine_ns = 4000;
	assert_int_equal(time_now(), 5000);
	sim.machine_ns = 6000;
	assert_int_equal(time_now(), 6000);
	assert_int_equal(clock_page.time.usable, 0);
	expect_near(time_wall(), sim.wall_ns, 0);
}

static void wall_clock_is_read_when_asked_and_can_be_set(void **state)
{
	(void)state;
	sim.told = time_rate_from_hz(sim.tsc_hz);
	expect_near(time_wall(), 1700000000 * NS_PER_S, 1000);
	time_set_wall(5 * NS_PER_S);
	advance_us(1000000);
	expect_near(time_wall(), 6 * NS_PER_S, 1000);
}

static void wall_clock_starts_in_1970_where_there_is_none(void **state)
{
	(void)state;
	sim.wall_ns = 0;
	expect_near(time_wall(), 0, 1000);
}

static void parse(const char *line)
{
	static max_align_t memory[16];

	assert_true(params_memory_bytes(line, strlen(line)) <= sizeof memory);
	params_parse(line, strlen(line), memory);
}

static void wall_clock_of_whole_seconds_is_refined_by_what_is_told(void **state)
{
	(void)state;
	sim.told = time_rate_from_hz(sim.tsc_hz);
	parse("wall=1700000000400000000");
	advance_us(100000);
	expect_near(time_wall(), 1700000000 * NS_PER_S + 500000000, 1000);
}

static void wall_clock_that_contradicts_what_is_told_wins(void **state)
{
	(void)state;
	sim.told = time_rate_from_hz(sim.tsc_hz);
	parse("wall=1699999999999999999");
	expect_near(time_wall(), 1700000000 * NS_PER_S, 1000);
	setup(state);
	sim.told = time_rate_from_hz(sim.tsc_hz);
	parse("wall=1700000001000000000");
	expect_near(time_wall(), 1700000000 * NS_PER_S, 1000);
}

static void time_that_is_told_serves_where_there_is_no_wall_clock(void **state)
{
	(void)state;
	sim.wall_ns = 0;
	sim.told = time_rate_from_hz(sim.tsc_hz);
	parse("wall=1700000000400000000");
	expect_near(time_wall(), 1700000000 * NS_PER_S + 400000000, 1000);
}

static void time_to_cycles_is_the_inverse_of_time_now(void **state)
{
	(void)state;
	sim.told = time_rate_from_hz(sim.tsc_hz);
	uint64_t now = time_now();

	expect_near(time_to_cycles(now + NS_PER_S), cpu_cycles() + sim.tsc_hz,
		    sim.tsc_hz / 1000000);
	host_set_time(time_to_cycles(now + 777));
	expect_near(time_now(), now + 777, 2);
	assert_true(time_now() >= now + 776);
	assert_int_equal(time_to_cycles(0), cpu_cycles());
	assert_true(time_to_cycles(UINT64_MAX) > cpu_cycles() + 1000000 * sim.tsc_hz);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(time_rate_holds_for_all_frequencies, setup),
		cmocka_unit_test_setup(time_takes_the_rate_that_the_machine_tells, setup),
		cmocka_unit_test_setup(time_takes_the_users_rate_first, setup),
		cmocka_unit_test_setup(time_does_not_wait_when_the_reference_ran_since_boot, setup),
		cmocka_unit_test_setup(time_waits_no_longer_than_two_milliseconds, setup),
		cmocka_unit_test_setup(time_measures_anew_when_the_reference_has_wrapped, setup),
		cmocka_unit_test_setup(time_refines_the_rate_without_a_jump, setup),
		cmocka_unit_test_setup(time_is_refined_after_a_long_silence, setup),
		cmocka_unit_test_setup(time_survives_a_cpu_that_loses_its_place, setup),
		cmocka_unit_test_setup(time_is_not_guessed_where_the_cpu_is_lost_for_long, setup),
		cmocka_unit_test_setup(time_survives_a_reference_that_stands_still, setup),
		cmocka_unit_test_setup(time_takes_a_slow_reference_rather_than_a_guess, setup),
		cmocka_unit_test_setup(time_survives_a_reference_that_vanishes, setup),
		cmocka_unit_test_setup(time_survives_a_machine_without_a_reference, setup),
		cmocka_unit_test_setup(time_asks_the_machine_each_time_where_it_has_to, setup),
		cmocka_unit_test_setup(wall_clock_is_read_when_asked_and_can_be_set, setup),
		cmocka_unit_test_setup(wall_clock_starts_in_1970_where_there_is_none, setup),
		cmocka_unit_test_setup(wall_clock_of_whole_seconds_is_refined_by_what_is_told,
				       setup),
		cmocka_unit_test_setup(wall_clock_that_contradicts_what_is_told_wins, setup),
		cmocka_unit_test_setup(time_that_is_told_serves_where_there_is_no_wall_clock,
				       setup),
		cmocka_unit_test_setup(time_to_cycles_is_the_inverse_of_time_now, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
