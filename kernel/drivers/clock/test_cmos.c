/* SPDX-License-Identifier: BSD-3-Clause */
#include <class/clock.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../port/host/io.h"
#include "sim_clocks.h"

static struct sim_cmos cmos;

static int setup(void **state)
{
	(void)state;
	host_io_remove_all();
	sim_cmos_attach(&cmos);
	sim_cmos_set(&cmos, (const uint8_t[]){ 0x26, 0x11, 0x21, 0x08, 0x17, 0x59 });
	return 0;
}

static uint64_t seconds_of(int year, int month, int day, int hours, int minutes, int seconds)
{
	struct tm tm = { .tm_year = year - 1900,
			 .tm_mon = month - 1,
			 .tm_mday = day,
			 .tm_hour = hours,
			 .tm_min = minutes,
			 .tm_sec = seconds };

	return (uint64_t)timegm(&tm);
}

static void expect_wall(uint8_t century_register, uint64_t seconds)
{
	uint64_t ns;

	assert_true(clock_cmos_read(century_register, &ns));
	assert_int_equal(ns, seconds * NS_PER_S);
}

static void cmos_reads_bcd_and_24_hours(void **state)
{
	(void)state;
	expect_wall(0, seconds_of(2026, 11, 21, 8, 17, 59));
}

static void cmos_reads_binary(void **state)
{
	static const uint8_t binary[] = { 31, 12, 30, 23, 45, 58 };

	(void)state;
	sim_cmos_set(&cmos, binary);
	cmos.registers[11] = 6;
	expect_wall(0, seconds_of(2031, 12, 30, 23, 45, 58));
}

static void cmos_reads_12_hours(void **state)
{
	(void)state;
	cmos.registers[11] = 0;
	cmos.registers[4] = 0x12; /* midnight */
	expect_wall(0, seconds_of(2026, 11, 21, 0, 17, 59));
	cmos.registers[4] = 0x92; /* noon */
	expect_wall(0, seconds_of(2026, 11, 21, 12, 17, 59));
	cmos.registers[4] = 0x91; /* 11 in the evening */
	expect_wall(0, seconds_of(2026, 11, 21, 23, 17, 59));
}

static void cmos_takes_the_century_where_there_is_one(void **state)
{
	(void)state;
	cmos.registers[0x32] = 0x21;
	expect_wall(0x32, seconds_of(2126, 11, 21, 8, 17, 59));
	cmos.registers[0x32] = 0xff;
	expect_wall(0x32, seconds_of(2026, 11, 21, 8, 17, 59));
	cmos.registers[9] = 0x99;
	expect_wall(0, seconds_of(1999, 11, 21, 8, 17, 59));
}

static void cmos_days_are_those_of_the_calendar(void **state)
{
	static const uint8_t last[] = { 0x31, 0x28, 0x31, 0x30, 0x31, 0x30,
					0x31, 0x31, 0x30, 0x31, 0x30, 0x31 };
	static const uint8_t months[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12 };

	(void)state;
	for (unsigned year = 0; year < 60; year++) {
		cmos.registers[9] = (uint8_t)(year / 10 << 4 | year % 10);
		for (unsigned m = 0; m < 12; m++) {
			uint8_t day = m == 1 && year % 4 == 0 ? 0x29 : last[m];

			cmos.registers[8] = months[m];
			cmos.registers[7] = day;
			expect_wall(0, seconds_of(2000 + (int)year, (int)m + 1,
						  (day >> 4) * 10 + (day & 15), 8, 17, 59));
		}
	}
}

static void cmos_reading_is_never_torn(void **state)
{
	(void)state;
	for (unsigned access = 1; access < 40; access++) {
		uint64_t ns;

		setup(state);
		cmos.tick_at_access = access;
		assert_true(clock_cmos_read(0, &ns));
		ns /= NS_PER_S;
		assert_true(ns == seconds_of(2026, 11, 21, 8, 17, 59) ||
			    ns == seconds_of(2026, 11, 21, 8, 18, 0));
	}
}

static void cmos_that_is_always_updating_is_read_all_the_same(void **state)
{
	(void)state;
	cmos.registers[10] = 0x80;
	expect_wall(0, seconds_of(2026, 11, 21, 8, 17, 59));
}

static void cmos_that_is_absent_is_noticed(void **state)
{
	uint64_t ns;

	(void)state;
	host_io_remove_all();
	assert_false(clock_cmos_read(0x32, &ns));
}

static void cmos_with_no_date_in_it_is_not_believed(void **state)
{
	static const struct {
		uint8_t reg, value;
	} wrong[] = { { 8, 0 },    { 8, 0x13 }, { 7, 0 },   { 7, 0x31 },
		      { 4, 0x24 }, { 2, 0x60 }, { 0, 0x61 } };
	uint64_t ns;

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		setup(state);
		cmos.registers[wrong[i].reg] = wrong[i].value;
		assert_false(clock_cmos_read(0, &ns));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(cmos_reads_bcd_and_24_hours, setup),
		cmocka_unit_test_setup(cmos_reads_binary, setup),
		cmocka_unit_test_setup(cmos_reads_12_hours, setup),
		cmocka_unit_test_setup(cmos_takes_the_century_where_there_is_one, setup),
		cmocka_unit_test_setup(cmos_days_are_those_of_the_calendar, setup),
		cmocka_unit_test_setup(cmos_reading_is_never_torn, setup),
		cmocka_unit_test_setup(cmos_that_is_always_updating_is_read_all_the_same, setup),
		cmocka_unit_test_setup(cmos_that_is_absent_is_noticed, setup),
		cmocka_unit_test_setup(cmos_with_no_date_in_it_is_not_believed, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
