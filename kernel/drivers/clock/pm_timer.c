/* SPDX-License-Identifier: BSD-3-Clause */
/* ACPI's power management timer as a reference counter (ACPI 6.5, 4.8.3.3): 24 or 32 bits at 3.579545 MHz. */
#include <class/clock.h>

#include <base/bits.h>
#include <bus/acpi.h>
#include <hal/cpu.h>
#include <hal/io.h>

enum { PM_TIMER_HZ = 3579545, PM_TIMER_BYTES = 4 };

static struct {
	struct io_region io;
	uint64_t period_ticks; /* 0: not found yet */
} timer;

static bool pm_timer_read(struct clock_sample *out)
{
	uint64_t before = cpu_cycles();

	out->ticks = io_read32(&timer.io, 0) & (timer.period_ticks - 1);
	out->window = cpu_cycles() - before;
	out->cycles = before + out->window / 2;
	out->wrapped = false;
	return true;
}

static bool pm_timer_find(void)
{
	struct acpi_fixed fixed;

	if (acpi_read_fixed(&fixed) || !fixed.pm_timer.address)
		return false;
	if (fixed.pm_timer.space == ACPI_SPACE_PORTS &&
	    fixed.pm_timer.address <= UINT16_MAX - PM_TIMER_BYTES)
		timer.io = io_ports((uint16_t)fixed.pm_timer.address, PM_TIMER_BYTES);
	else if (fixed.pm_timer.space != ACPI_SPACE_MEMORY ||
		 io_map(&timer.io, phys(fixed.pm_timer.address), PM_TIMER_BYTES))
		return false;
	timer.period_ticks = fixed.timer_32bit ? BIT64(32) : BIT64(24);
	return true;
}

static bool pm_timer_start(struct clock_sample *out)
{
	if (!timer.period_ticks && !pm_timer_find())
		return false;
	return pm_timer_read(out);
}

static uint64_t pm_timer_hz(void)
{
	return PM_TIMER_HZ;
}

static uint64_t pm_timer_period_ticks(void)
{
	return timer.period_ticks;
}

const struct clock_reference clock_pm_timer = {
	.name = "pm timer",
	.start = pm_timer_start,
	.read = pm_timer_read,
	.hz = pm_timer_hz,
	.period_ticks = pm_timer_period_ticks,
};
