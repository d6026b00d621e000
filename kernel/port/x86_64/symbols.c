/* SPDX-License-Identifier: BSD-3-Clause */
/* Names for addresses in the kernel, and the calls on a stack: for reports. The tables are made by
 * scripts/symbols.sh. */
#include "cpu.h"
#include "image.h"

#include <base/assert.h>
#include <base/log.h>
#include <base/string.h>
#include <hal/backtrace.h>

extern const uint32_t symbol_offsets[];
extern const char symbol_names[];
extern const uint32_t symbol_count;

enum { FRAMES_MAX = 24 };

static const char *symbol_at(uint32_t offset, uint32_t *from)
{
	const char *name = symbol_names;
	uint32_t i = 0;

	if (!symbol_count || offset < symbol_offsets[0])
		return NULL;
	while (i + 1 < symbol_count && symbol_offsets[i + 1] <= offset) {
		i++;
		name += strlen(name) + 1;
	}
	*from = symbol_offsets[i];
	return name;
}

static bool in_text(uintptr_t address)
{
	return address - (uintptr_t)image_start < (uintptr_t)text_end - (uintptr_t)image_start;
}

static void print_call(uintptr_t address)
{
	uint32_t from = 0;
	uint32_t offset = (uint32_t)(address - (uintptr_t)image_start);
	const char *name = in_text(address) ? symbol_at(offset, &from) : NULL;

	if (name)
		log_error("  %s+0x%x", name, offset - from);
	else
		log_error("  0x%lx", address);
}

void backtrace_print(uintptr_t rip, uintptr_t frame)
{
	log_error("calls, innermost first (image at 0x%lx):", (uintptr_t)image_start);
	print_call(rip);
	for (unsigned i = 0; i < FRAMES_MAX; i++) {
		const uintptr_t *pair = (const uintptr_t *)frame;

		/* Frames only ever lie further up, and within the kernel's half. */
		if (frame < 0xffff800000000000 || (frame & 7) || !in_text(pair[1]))
			return;
		print_call(pair[1] - 1);
		if (pair[0] <= frame)
			return;
		frame = pair[0];
	}
}

void cpu_backtrace(void)
{
	backtrace_print((uintptr_t)__builtin_return_address(0),
			(uintptr_t)__builtin_frame_address(0));
}

void __stack_chk_fail(void)
{
	panic("a kernel stack was overrun");
}
