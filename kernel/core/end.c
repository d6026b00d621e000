/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's end, in order or not. */
#include <core/end.h>

#include <base/assert.h>
#include <base/format.h>
#include <core/log.h>
#include <core/status.h>
#include <hal/backtrace.h>
#include <hal/cpu.h>

static void (*end_machine)(unsigned status);

void core_set_end(void (*fn)(unsigned status))
{
	end_machine = fn;
}

void core_end(unsigned status)
{
	if (end_machine)
		end_machine(status);
	cpu_reset();
}

void core_panic_begin(void)
{
	static unsigned panics; /* more than one: the report itself fails */

	cpu_irq_disable();
	panics++;
	if (panics == 2)
		core_end(STATUS_PANIC);
	if (panics > 2)
		cpu_reset();
	log_break_lock();
}

static _Noreturn void panic_va(const char *fmt, va_list args)
{
	char text[200];

	core_panic_begin();
	format_va(text, sizeof text, fmt, args);
	log_error("kernel panic: %s", text);
	cpu_backtrace();
	core_end(STATUS_PANIC);
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	panic_va(fmt, args);
}

void assert_failed(const char *condition, const char *file, int line)
{
	panic("assertion failed at %s:%d: %s", file, line, condition);
}
