/* SPDX-License-Identifier: BSD-3-Clause */
/* The class of consoles: finding the one, and what all users of it share. See <class/console.h>. */
#include <class/console.h>

#include <base/errno.h>
#include <base/string.h>
#include <core/params.h>
#include <core/thread.h>
#include <core/time.h>
#include <core/timer.h>
#include <hal/cpu.h>

enum { POLL_INTERVAL_MS = 10, RETRY_INTERVAL_MS = 1 };

/* A minute or more. */
#define LAST_WORDS_CYCLES ((uint64_t)1 << 38)

/* Weak: on the host there may be no driver at all. */
extern const struct console_driver *const __start_drivers_console[] __attribute__((weak));
extern const struct console_driver *const __stop_drivers_console[] __attribute__((weak));

/** The machine has one console. Written at start only. */
static struct {
	struct console_device *device;
	bool pipe; /* stdout=pipe: no terminal at the other end */
	bool polled;
	void (*input_ready)(void *context);
	void *input_context;
	struct timer poll;
} console;

static struct console_device *probe_drivers(const char *spec)
{
	for (const struct console_driver *const *driver = __start_drivers_console;
	     driver < __stop_drivers_console; driver++) {
		struct console_device *device = (*driver)->probe(spec);

		if (device)
			return device;
	}
	return NULL;
}

/** For each `console=`; the last one that is there is the console, as in Linux. */
static void probe_spec(void *context, const char *spec)
{
	struct console_device **found = context;
	struct console_device *device = probe_drivers(spec);

	if (device)
		*found = device;
}

void console_probe(void)
{
	const char *stdout_kind = params_get("stdout");
	struct console_device *device = NULL;

	console.pipe = stdout_kind && !strcmp(stdout_kind, "pipe");
	params_each("console", probe_spec, &device);
	console.device = device ? device : probe_drivers(NULL);
}

void console_set_device(struct console_device *device)
{
	console.device = device;
}

bool console_present(void)
{
	return console.device;
}

bool console_is_terminal(void)
{
	return !console.pipe;
}

size_t console_write(const void *bytes, size_t count)
{
	struct console_device *device = console.device;

	return device ? device->ops->write(device, bytes, count) : count;
}

bool console_flush(void)
{
	struct console_device *device = console.device;

	return !device || device->ops->flush(device);
}

void console_log(const char *bytes, size_t count)
{
	const char *end = bytes + count;

	while (bytes < end && !console.pipe) {
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));

		if (!newline)
			break;
		console_write(bytes, (size_t)(newline - bytes));
		console_write("\r\n", 2);
		bytes = newline + 1;
	}
	console_write(bytes, (size_t)(end - bytes));
}

/** While the host takes nothing: sleeps where that is possible, which it is not after a panic or
 * before the boot's end. False: waited long enough, in a context in which nothing else goes on. */
static bool wait_for_host(uint64_t start_cycles)
{
	if (cpu_irq_enabled())
		return !thread_sleep_until(time_now() + RETRY_INTERVAL_MS * NS_PER_MS,
					   WAIT_UNINTERRUPTIBLE);
	cpu_relax();
	return cpu_cycles() - start_cycles < LAST_WORDS_CYCLES;
}

void console_write_last(const void *bytes, size_t count)
{
	uint64_t start_cycles = cpu_cycles();
	size_t done = console_write(bytes, count);

	/* A device that takes nothing is one that a paused reader holds back: the status must not
	 * get lost. One that never took anything claims to take everything (see the drivers). */
	while (done < count && wait_for_host(start_cycles))
		done += console_write((const char *)bytes + done, count - done);
	while (!console_flush() && wait_for_host(start_cycles))
		;
}

void console_input(struct console_device *device)
{
	if (device == console.device && console.input_ready)
		console.input_ready(console.input_context);
}

static void poll_input(struct timer *timer)
{
	console.input_ready(console.input_context);
	timer_arm(timer, time_now() + POLL_INTERVAL_MS * NS_PER_MS);
}

static void start_device_input(struct console_device *device)
{
	console.polled = device->ops->start_input(device) != 0;
	if (console.polled) {
		timer_init(&console.poll, poll_input);
		timer_arm(&console.poll, time_now() + POLL_INTERVAL_MS * NS_PER_MS);
	}
	/* What came before anybody listened. */
	console.input_ready(console.input_context);
}

int console_start_input(void (*ready)(void *context), void *context)
{
	struct console_device *device = console.device;

	if (!device)
		return -ENODEV;
	console.input_context = context;
	console.input_ready = ready;
	start_device_input(device);
	return 0;
}

void console_lose_device(struct console_device *device)
{
	if (device != console.device)
		return;
	console_probe();
	if (console.device && console.input_ready)
		start_device_input(console.device);
}

size_t console_read(void *bytes, size_t count)
{
	struct console_device *device = console.device;

	return device ? device->ops->read(device, bytes, count) : 0;
}

void console_pause_input(void)
{
	struct console_device *device = console.device;

	if (device && !console.polled)
		device->ops->pause_input(device);
}

void console_resume_input(void)
{
	struct console_device *device = console.device;

	if (device && !console.polled)
		device->ops->resume_input(device);
}
