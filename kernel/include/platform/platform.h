/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the machine runs on, found out at run time. A platform is a folder with one `const struct platform`; the table in
 * platform.c tries them in order. What no platform offers is done by the means of any PC: CPUID, the clock chips, ACPI.
 */
#pragma once

#include <base/compiler.h>
#include <boot/info.h>
#include <core/resume.h>
#include <core/time.h>

struct platform {
	const char *name;
	bool (*detect)(void);
	/* The rest may be NULL. */
	/** Whether clock_start() will tell the rate; cheap. */
	bool (*has_clock)(void);
	/** As struct time_machine.start and .wall. */
	void (*clock_start)(struct time_rate *rate, uint64_t (**now)(void));
	bool (*wall)(uint64_t *ns);
	/** Tells the hypervisor that the program is about to run, where it counts the time until then. */
	void (*program_starts)(void);
	/** As struct time_machine.told_ns. */
	bool (*told_ns)(uint64_t *ns);
	/** Whether its clock tells that the machine stood still since the last call: RESUME_PAUSED, RESUME_NONE; RESUME_UNKNOWN: it
	 * does not tell. Any context. */
	enum resume_change (*look)(void);
	/** As irq_set_end_shortcut()'s. */
	uint32_t *(*end_shortcut)(void);
	/** Ends the machine by the platform's own means; returns when that does not work. Interrupts are off. */
	void (*power_off)(unsigned status);
};

extern const struct platform platform_kvm;

/** Finds out where we are, gives the clock what it needs, and says where interrupt controllers are looked for. Once, as early as
 * parameters and memory allow: the reference counter starts here. */
void platform_start(const struct boot_info *info);

/** The detected one's name; "pc" where none was. */
const char *platform_name(void);

/** The processors that the machine has, by ACPI or else by CPUID. For the log: it may take a while. */
unsigned platform_processors(void);

/** Says so to the hypervisor if it wants to know: everything is ready for the program's first instruction. */
void platform_program_starts(void);

/** Ends the machine. Tries everything there is; any context. */
_Noreturn void platform_power_off(unsigned status);
