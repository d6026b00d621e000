/* SPDX-License-Identifier: BSD-3-Clause */
/* What this machine offers for a clock: its platform's means, then CPUID, then the PC's clock chips. */
#include "platform.h"

#include <bus/acpi.h>
#include <class/clock.h>
#include <core/params.h>
#include <hal/cpu.h>

enum {
	CPUID_FREQUENCY = 0x15,
	CPUID_HYPERVISOR_FREQUENCY = 0x40000010, /* EAX: kHz; VMware's, offered by others too */
};

/* The cycle counter's frequency as the CPU or hypervisor says; 0: it does not. */
static uint64_t cpuid_hz(void)
{
	struct cpuid_regs regs = cpu_id(CPUID_HYPERVISOR_FREQUENCY, 0);

	if (regs.eax)
		return (uint64_t)regs.eax * 1000;
	/* EBX/EAX is the ratio to the crystal, ECX the crystal's frequency: 0 where the model number would tell it. */
	regs = cpu_id(CPUID_FREQUENCY, 0);
	if (!regs.eax || !regs.ebx || !regs.ecx)
		return 0;
	return (uint64_t)regs.ecx * regs.ebx / regs.eax;
}

bool platform_knows_rate(void)
{
	const struct platform *platform = platform_current();

	if (params_get("tsc"))
		return false; /* it may be none, then the counter will be needed: look when the time is asked for */
	return (platform && platform->has_clock && platform->has_clock()) || cpuid_hz();
}

static void clock_start(struct time_rate *rate, uint64_t (**now)(void))
{
	const struct platform *platform = platform_current();

	if (platform && platform->clock_start)
		platform->clock_start(rate, now);
	if (!rate->mult)
		*rate = time_rate_from_hz(cpuid_hz());
}

static bool wall(uint64_t *ns)
{
	const struct platform *platform = platform_current();
	struct acpi_fixed fixed = { 0 };

	if (platform && platform->wall && platform->wall(ns))
		return true;
	if (!acpi_read_fixed(&fixed) && fixed.revision > 1 && fixed.boot_flags & ACPI_BOOT_NO_RTC)
		return false;
	return clock_cmos_read(fixed.century, ns);
}

/* The battery clock counts seconds. */
static uint64_t wall_grain_ns(void)
{
	const struct platform *platform = platform_current();
	uint64_t ns;

	return platform && platform->wall && platform->wall(&ns) ? 0 : NS_PER_S;
}

static bool told_ns(uint64_t *ns)
{
	const struct platform *platform = platform_current();

	return platform && platform->told_ns && platform->told_ns(ns);
}

static const struct clock_reference *reference(unsigned index)
{
	switch (index) {
	case 0:
		return &clock_pit;
	case 1:
		return &clock_hpet;
	case 2:
		return &clock_pm_timer;
	default:
		return NULL;
	}
}

const struct time_machine platform_clock = {
	.start = clock_start,
	.wall = wall,
	.wall_grain_ns = wall_grain_ns,
	.told_ns = told_ns,
	.reference = reference,
};
