/* SPDX-License-Identifier: BSD-3-Clause */
/* CPUID, MSRs and the one-shot timer of the simulated CPU. See io.h. */
#include <base/assert.h>
#include <base/bits.h>
#include <hal/cpu.h>
#include <hal/memory.h>

#include "io.h"

enum { ENTRIES = 32 };

static struct {
	struct {
		uint32_t leaf;
		struct cpuid_regs regs;
	} leaves[ENTRIES];
	struct {
		uint32_t number;
		uint64_t value;
	} msrs[ENTRIES];
	unsigned leaf_count, msr_count;
	uint64_t timer_deadline;
	void (*timer_handler)(void);
} cpu = { .timer_deadline = UINT64_MAX };

void host_forget_cpu(void)
{
	cpu.leaf_count = cpu.msr_count = 0;
}

void host_set_cpuid(uint32_t leaf, struct cpuid_regs regs)
{
	unsigned i = 0;

	while (i < cpu.leaf_count && cpu.leaves[i].leaf != leaf)
		i++;
	assert(i < ENTRIES);
	cpu.leaves[i].leaf = leaf;
	cpu.leaves[i].regs = regs;
	cpu.leaf_count = max(cpu.leaf_count, i + 1);
}

struct cpuid_regs cpu_id(uint32_t leaf, uint32_t subleaf)
{
	(void)subleaf;
	for (unsigned i = 0; i < cpu.leaf_count; i++) {
		if (cpu.leaves[i].leaf == leaf)
			return cpu.leaves[i].regs;
	}
	return (struct cpuid_regs){ 0, 0, 0, 0 };
}

void host_set_msr(uint32_t msr, uint64_t value)
{
	unsigned i = 0;

	while (i < cpu.msr_count && cpu.msrs[i].number != msr)
		i++;
	assert(i < ENTRIES);
	cpu.msrs[i].number = msr;
	cpu.msrs[i].value = value;
	cpu.msr_count = max(cpu.msr_count, i + 1);
}

bool host_msr(uint32_t msr, uint64_t *value)
{
	for (unsigned i = 0; i < cpu.msr_count; i++) {
		if (cpu.msrs[i].number == msr) {
			*value = cpu.msrs[i].value;
			return true;
		}
	}
	return false;
}

bool cpu_msr_read(uint32_t msr, uint64_t *value)
{
	return host_msr(msr, value);
}

bool cpu_msr_write(uint32_t msr, uint64_t value)
{
	uint64_t old;

	if (!host_msr(msr, &old))
		return false;
	host_set_msr(msr, value);
	return true;
}

void cpu_timer_arm(uint64_t deadline_cycles)
{
	cpu.timer_deadline = deadline_cycles;
}

void cpu_timer_set_handler(void (*fn)(void))
{
	cpu.timer_handler = fn;
}

uint64_t host_timer_deadline(void)
{
	return cpu.timer_deadline;
}

void host_timer_fire(void)
{
	bool irqs_on = cpu_irq_disable();

	cpu.timer_deadline = UINT64_MAX;
	if (cpu.timer_handler)
		cpu.timer_handler();
	if (irqs_on)
		cpu_irq_enable();
}

/* The image lies at its own address. */
__attribute__((weak)) phys_t image_phys(const void *p)
{
	return phys((uintptr_t)p);
}
