/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The console: one character device, found at start, or none (then output is dropped and nothing
 * ever arrives). What is above it: kernel messages, the terminal (<class/tty.h>), and the last
 * words of a machine.
 *
 * A driver registers with CONSOLE_DRIVER and finds its device in probe(), before there is memory to
 * allocate, so the one device a machine has as its console is the driver's own static variable.
 * Output is polled and bounded: write() gives up after some milliseconds in which the device takes
 * nothing, and says how much it took; whoever may sleep tries again later, whoever may not drops
 * the rest. Input is pulled: the device tells that there is some, the reader takes what it has room
 * for, and pauses the device while it has none, so that the host holds back and nothing is lost.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

struct console_device;

struct console_ops {
	/** Bytes taken, which may be none. Any context. */
	size_t (*write)(struct console_device *device, const void *bytes, size_t count);

	/** Waits, some milliseconds at most, until what write() took has left the machine; false:
	 * not yet. Any context. */
	bool (*flush)(struct console_device *device);

	/** Of what has arrived, at most `count` bytes. This and the next three are serialised by
	 * the caller. Any context. */
	size_t (*read)(struct console_device *device, void *bytes, size_t count);

	/** From now on console_input() is called when something arrives. An error: read() has to be
	 * polled. Thread context. */
	int (*start_input)(struct console_device *device);

	/** No more calls of console_input() until resume_input(), after which read() is to be tried
	 * once. Any context. */
	void (*pause_input)(struct console_device *device);
	void (*resume_input)(struct console_device *device);
};

struct console_device {
	const struct console_ops *ops;
};

struct console_driver {
	const char *name;

	/** The device that `spec`, a value of `console=`, means, ready for write(); NULL `spec`: at
	 * the usual places. NULL: not there, or not this driver's. */
	struct console_device *(*probe)(const char *spec);
};

/** Registers a `const struct console_driver`. */
#define CONSOLE_DRIVER(driver)                                          \
	static const struct console_driver *const driver##_registration \
		__attribute__((section("drivers_console"), used)) = &(driver)

/** Tries the drivers: the last `console=` that is there, else the usual places. Once, after
 * params_parse(); any context. */
void console_probe(void);

/** Uses this device; NULL: none. For tests, and for a driver of a bus that is found later. */
void console_set_device(struct console_device *device);

/** This device works no more: where it was the console, one that console_probe() finds takes its place. Thread context. */
void console_lose_device(struct console_device *device);

/** Whether there is a console, and whether on the host's side of it is a terminal (`stdout=tty`, or
 * not told). */
bool console_present(void);
bool console_is_terminal(void);

/** Writes bytes as they are; returns how many the device took. Any context, a panic's included:
 * takes no lock. */
size_t console_write(const void *bytes, size_t count);

/** Kernel messages: whole lines, with CR LF where a terminal shows them (a log_sink of
 * <core/log.h>). Any context. */
void console_log(const char *bytes, size_t count);

/** Whether all that was written has left the machine; waits some milliseconds for it. Any context.
 */
bool console_flush(void);

/** The last words before power-off: writes all and waits until it has left the machine, as long as
 * a slow reader on the host takes; gives up on a device that never took anything and, where it
 * cannot sleep (interrupts are off: a panic), after a minute or so. Any context that holds no
 * spinlock, a panic's included. */
void console_write_last(const void *bytes, size_t count);

/** Input. `ready` is called, in any context, when console_read() may have something. -ENODEV: no
 * console; 0 otherwise: a device without an interrupt is polled. Thread context, once. */
int must_check console_start_input(void (*ready)(void *context), void *context);
size_t console_read(void *bytes, size_t count);
void console_pause_input(void);
void console_resume_input(void);

/** For drivers: something has arrived at the console. Any context. */
void console_input(struct console_device *device);
