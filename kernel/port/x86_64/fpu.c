/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program's x87, SSE, AVX, ... state. The kernel itself never touches it, so it stays in the CPU
 * until another program thread runs or a signal frame wants it. XSAVE in the standard form where
 * the CPU has it, else FXSAVE. Intel SDM vol. 1, chapter 13 and 10.5.
 */
#include "cpu.h"

#include "asm_defs.h"
#include "instructions.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <hal/user.h>

enum {
	FXSAVE_BYTES = 512,
	XCR0_X87 = 1,
	XCR0_SSE = 2,
	XCR0_AVX = 4,
	XCR0_AVX512 = 0xe0,
	LEAF_XSTATE = 0xd,
};

/** FXSAVE's layout as far as the start state needs it, with XSAVE's header, all of it "initial". */
static const struct {
	uint16_t control_word;
	uint8_t unused1[22];
	uint32_t mxcsr;
	uint8_t unused2[548];
} start_state aligned(64) = { .control_word = 0x37f, .mxcsr = 0x1f80 };
static_assert(sizeof start_state == 576, "Intel SDM vol. 1, 13.4.2");
static_assert(offsetof(__typeof__(start_state), mxcsr) == 24, "Intel SDM vol. 1, table 10-2");

static struct {
	uint64_t enabled; /* XCR0; 0: FXSAVE */
	size_t bytes;
} fpu;

void fpu_start(void)
{
	uint64_t supported;

	fpu.bytes = FXSAVE_BYTES;
	if (!(cpu_id(1, 0).ecx & BIT(26)))
		return;
	supported = cpu_id(LEAF_XSTATE, 0).eax;
	fpu.enabled = supported & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
	if ((fpu.enabled & XCR0_AVX) && (supported & XCR0_AVX512) == XCR0_AVX512)
		fpu.enabled |= XCR0_AVX512;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	asm volatile("xsetbv" : : "c"(0), "a"((uint32_t)fpu.enabled), "d"(0));
	/* EBX: for what XCR0 enables now. */
	fpu.bytes = cpuid_raw(LEAF_XSTATE, 0).ebx;
}

size_t fpu_state_bytes(void)
{
	return fpu.bytes;
}

uint64_t fpu_features(void)
{
	return fpu.enabled;
}

void fpu_store(void *area)
{
	if (fpu.enabled)
		asm volatile("xsave64 (%0)"
			     :
			     : "r"(area), "a"(UINT32_MAX), "d"(UINT32_MAX)
			     : "memory");
	else
		asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

#define FPU_LOAD(instruction)                                      \
	asm volatile("1: " instruction "\n"                        \
		     "2:\n"                                        \
		     ".pushsection .extable, \"a\"\n"              \
		     ".long 1b - ., 3f - .\n"                      \
		     ".popsection\n"                               \
		     ".pushsection .text.unlikely, \"ax\"\n"       \
		     "3: movl $1, %0\n"                            \
		     "jmp 2b\n"                                    \
		     ".popsection"                                 \
		     : "+&r"(failed)                               \
		     : "r"(area), "a"(UINT32_MAX), "d"(UINT32_MAX) \
		     : "memory")

static bool load(const void *area)
{
	uint32_t failed = 0;

	if (fpu.enabled)
		FPU_LOAD("xrstor64 (%1)");
	else
		FPU_LOAD("fxrstor64 (%1)");
	return !failed;
}

void fpu_reset(void)
{
	bool loaded = load(&start_state);

	assert(loaded);
}

int fpu_load(const void *area)
{
	if (load(area))
		return 0;
	fpu_reset();
	return -EINVAL;
}
