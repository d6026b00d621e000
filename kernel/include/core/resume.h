/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine may be stopped and go on later; from a snapshot also elsewhere, and more than once. Before programs run again the
 * random generator is renewed, and clocks and timers are set right.
 *
 * What tells of it is looked for late: when the machine has nothing to do for the first time, or a program asks for random bytes or
 * the wall clock. It is looked at when it interrupts; once a second while programs run that know the wall clock; and at the end of
 * an idle time that was as long. Nothing wakes an idle machine.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

/** In the order of what follows from it. */
enum resume_change {
	RESUME_NONE,
	RESUME_UNKNOWN,  /* nothing here tells: the clocks will be compared */
	RESUME_PAUSED,   /* it stood still, and programs may have run since */
	RESUME_RESTORED, /* from a snapshot, perhaps one of several */
};

struct resume_machine {
	/** Finds what tells, and has it call resume_check() by interrupt. Once, in a thread, perhaps the idle one. */
	void (*find)(void);
	/** What has happened since the last call. After find(); any context, under a spinlock. */
	enum resume_change (*look)(void);
};

/** Once, at start. `machine` lives for ever. */
void resume_set_machine(const struct resume_machine *machine);

/** Begins to watch; next to nothing from the second time on. Called by whoever comes to depend on it. Thread context, perhaps the
 * idle thread's. */
void resume_watch(void);

/** Looks, and does what is to be done. Any context, but with no spinlock held. */
void resume_check(void);

/** The idle thread's, after each wait. */
void resume_idle_ended(void);
