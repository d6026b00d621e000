/* SPDX-License-Identifier: BSD-3-Clause */
/* The HPET's main counter as a reference counter (IA-PC HPET 1.0a, 2.3). Only its low half is read: in one access. */
#include <class/clock.h>

#include <base/bits.h>
#include <bus/acpi.h>
#include <hal/cpu.h>
#include <hal/io.h>

enum {
	HPET_PERIOD_FS = 0x004, /* high half of the capabilities register */
	HPET_CONFIG = 0x010,
	HPET_COUNTER = 0x0f0,
	HPET_BYTES = 0x400,

	CONFIG_ENABLE = 1,
	PERIOD_FS_MAX = 100000000, /* HPET 2.3.4 */
	PERIOD_FS_MIN = 100000,    /* 10 GHz: nothing real */
};

#define FS_PER_S ((uint64_t)1000000000000000)

static struct {
	struct io_region io;
	uint64_t hz;
} hpet;

static bool hpet_read(struct clock_sample *out)
{
	uint64_t before = cpu_cycles();

	out->ticks = io_read32(&hpet.io, HPET_COUNTER);
	out->window = cpu_cycles() - before;
	out->cycles = before + out->window / 2;
	out->wrapped =
		false; /* 43 s and more: nobody waits that long between two reads of an unknown clock */
	return true;
}

static bool hpet_find(void)
{
	uint64_t address;
	uint32_t period_fs;

	if (acpi_read_hpet(&address) || io_map(&hpet.io, phys(address), HPET_BYTES))
		return false;
	period_fs = io_read32(&hpet.io, HPET_PERIOD_FS);
	if (period_fs < PERIOD_FS_MIN || period_fs > PERIOD_FS_MAX)
		return false;
	hpet.hz = FS_PER_S / period_fs;
	return true;
}

static bool hpet_start(struct clock_sample *out)
{
	uint32_t config;

	if (!hpet.hz && !hpet_find())
		return false;
	config = io_read32(&hpet.io, HPET_CONFIG);
	if (!(config & CONFIG_ENABLE))
		io_write32(&hpet.io, HPET_CONFIG, config | CONFIG_ENABLE);
	return hpet_read(out);
}

static uint64_t hpet_hz(void)
{
	return hpet.hz;
}

static uint64_t hpet_period_ticks(void)
{
	return BIT64(32);
}

const struct clock_reference clock_hpet = {
	.name = "hpet",
	.start = hpet_start,
	.read = hpet_read,
	.hz = hpet_hz,
	.period_ticks = hpet_period_ticks,
};
