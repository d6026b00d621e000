/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The 8254's channel 0 as a reference counter (Intel 8254 data sheet). Mode 0 counts once from the top, then goes on through
 * zero with its output high: no periodic interrupt that a host would have to make, and the output tells that a period (55 ms)
 * has passed. Channel 2 would need the gate in port 0x61, which small VMMs do not have.
 */
#include <class/clock.h>

#include <hal/cpu.h>
#include <hal/io.h>

enum {
	PIT_BASE = 0x40,
	PIT_CHANNEL0 = 0,
	PIT_CONTROL = 3,
	PIT_BYTES = 4,
	PIT_HZ = 1193182,
	PIT_PERIOD = 65536,
	PIT_TOP = 0xffff,

	SET_CHANNEL0_MODE0 = 0x30, /* low byte, then high byte; binary */
	READ_BACK_CHANNEL0 = 0xc2, /* latches status and count together */
	STATUS_OUT = 0x80,
	STATUS_MODE = 0x3f, /* access, mode, BCD as they were set */
};

static bool pit_start(struct clock_sample *out)
{
	const struct io_region io = io_ports(PIT_BASE, PIT_BYTES);
	uint64_t before;

	io_write8(&io, PIT_CONTROL, SET_CHANNEL0_MODE0);
	io_write8(&io, PIT_CHANNEL0, PIT_TOP & 0xff);
	before = cpu_cycles();
	io_write8(&io, PIT_CHANNEL0, PIT_TOP >> 8);
	out->window = cpu_cycles() - before;
	out->cycles = before + out->window / 2;
	out->ticks = 0;
	out->wrapped = false;
	return true; /* whether it is there, the first read tells: starting is all that boot pays for */
}

static bool pit_read(struct clock_sample *out)
{
	const struct io_region io = io_ports(PIT_BASE, PIT_BYTES);
	uint64_t before = cpu_cycles();
	uint8_t status, low, high;

	io_write8(&io, PIT_CONTROL, READ_BACK_CHANNEL0);
	out->window = cpu_cycles() - before;
	out->cycles = before + out->window / 2;
	status = io_read8(&io, PIT_CHANNEL0);
	low = io_read8(&io, PIT_CHANNEL0);
	high = io_read8(&io, PIT_CHANNEL0);
	out->ticks = PIT_TOP - (low | (uint64_t)high << 8);
	out->wrapped = status & STATUS_OUT;
	return (status & STATUS_MODE) == SET_CHANNEL0_MODE0;
}

static uint64_t pit_hz(void)
{
	return PIT_HZ;
}

static uint64_t pit_period_ticks(void)
{
	return PIT_PERIOD;
}

const struct clock_reference clock_pit = {
	.name = "pit",
	.start = pit_start,
	.read = pit_read,
	.hz = pit_hz,
	.period_ticks = pit_period_ticks,
};
