/* SPDX-License-Identifier: BSD-3-Clause */
/* A console device for tests: what is typed at it waits until it is read, what is written is kept.
 */
#pragma once

#include <class/console.h>

enum { SIM_CONSOLE_BYTES = 65536 };

struct sim_console {
	struct console_device device;
	uint8_t input[SIM_CONSOLE_BYTES];
	size_t input_head, input_tail;
	char output[SIM_CONSOLE_BYTES]; /* always NUL-terminated; what does not fit is dropped */
	size_t output_bytes;
	size_t accepts;        /* bytes that it takes until it is stuck; SIZE_MAX: any number */
	void (*refused)(void); /* called when it takes nothing; may be NULL */
	bool started, paused, no_interrupt;
};

/** Makes it the machine's console. */
void sim_console_install(struct sim_console *sim);

/** Types bytes, and interrupts. */
void sim_console_type(struct sim_console *sim, const void *bytes, size_t count);

/** Forgets the output so far. */
void sim_console_clear(struct sim_console *sim);
