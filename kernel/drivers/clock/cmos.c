/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The battery clock (Motorola MC146818A). While it updates itself its registers may be torn; instead of waiting until that is
 * over (2 ms) they are read until two readings agree.
 */
#include <class/clock.h>

#include <base/string.h>
#include <hal/io.h>

enum {
	CMOS_BASE = 0x70,
	CMOS_INDEX = 0,
	CMOS_DATA = 1,
	CMOS_BYTES = 2,

	REG_SECONDS = 0,
	REG_MINUTES = 2,
	REG_HOURS = 4,
	REG_DAY = 7,
	REG_MONTH = 8,
	REG_YEAR = 9,
	REG_A = 10,
	REG_B = 11,
	REG_COUNT = 128,

	A_UPDATING = 0x80,
	B_24_HOURS = 0x02,
	B_BINARY = 0x04,
	HOURS_PM = 0x80,
	ABSENT = 0xff,
	ATTEMPTS = 8,
};

struct reading {
	uint8_t seconds, minutes, hours, day, month, year, century, b;
};

static uint8_t read_register(const struct io_region *io, uint8_t index)
{
	io_write8(io, CMOS_INDEX, index);
	return io_read8(io, CMOS_DATA);
}

static void read_all(const struct io_region *io, uint8_t century_register, struct reading *out)
{
	out->seconds = read_register(io, REG_SECONDS);
	out->minutes = read_register(io, REG_MINUTES);
	out->hours = read_register(io, REG_HOURS);
	out->day = read_register(io, REG_DAY);
	out->month = read_register(io, REG_MONTH);
	out->year = read_register(io, REG_YEAR);
	out->century = century_register ? read_register(io, century_register) : 0;
	out->b = read_register(io, REG_B);
}

/* False: no clock, or one that never comes to rest. */
static bool read_steady(const struct io_region *io, uint8_t century_register, struct reading *out)
{
	struct reading again;

	for (unsigned i = 0; i < ATTEMPTS; i++) {
		bool updating = read_register(io, REG_A) & A_UPDATING;

		read_all(io, century_register, out);
		if (out->b == ABSENT && out->seconds == ABSENT)
			return false;
		read_all(io, century_register, &again);
		/* The update's warning lasts long, and a simulated clock is never torn: the last attempt takes it as it is. */
		if (!memcmp(out, &again, sizeof(again)) && (!updating || i == ATTEMPTS - 1))
			return true;
	}
	return false;
}

static unsigned decode(uint8_t value, const struct reading *reading)
{
	return reading->b & B_BINARY ? value : (value >> 4) * 10u + (value & 15);
}

static unsigned decode_hours(const struct reading *reading)
{
	unsigned hours;

	if (reading->b & B_24_HOURS)
		return decode(reading->hours, reading);
	hours = decode(reading->hours & ~HOURS_PM, reading) % 12;
	return hours + (reading->hours & HOURS_PM ? 12 : 0);
}

static unsigned decode_year(const struct reading *reading)
{
	unsigned year = decode(reading->year, reading), century = decode(reading->century, reading);

	if (century >= 19 && century <= 99)
		return century * 100 + year;
	return year + (year < 70 ? 2000 : 1900);
}

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	if (month == 2)
		return is_leap(year) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Leap days of all years before `year`, counted from year 1. */
static unsigned leap_days_before(unsigned year)
{
	year--;
	return year / 4 - year / 100 + year / 400;
}

static uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
	uint64_t days = (year - 1970) * 365u + leap_days_before(year) - leap_days_before(1970);

	for (unsigned m = 1; m < month; m++)
		days += days_in_month(year, m);
	return days + day - 1;
}

bool clock_cmos_read(uint8_t century_register, uint64_t *wall_ns)
{
	const struct io_region io = io_ports(CMOS_BASE, CMOS_BYTES);
	struct reading reading;
	unsigned year, month, day, hours, minutes, seconds;

	if (century_register <= REG_B || century_register >= REG_COUNT)
		century_register = 0;
	if (!read_steady(&io, century_register, &reading))
		return false;
	year = decode_year(&reading);
	month = decode(reading.month, &reading);
	day = decode(reading.day, &reading);
	hours = decode_hours(&reading);
	minutes = decode(reading.minutes, &reading);
	seconds = decode(reading.seconds, &reading);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
	    hours > 23 || minutes > 59 || seconds > 60)
		return false;
	*wall_ns = (((days_since_1970(year, month, day) * 24 + hours) * 60 + minutes) * 60 +
		    seconds) *
		   NS_PER_S;
	return true;
}
