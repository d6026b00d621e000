/* SPDX-License-Identifier: BSD-3-Clause */
/* The CPU as everyone above sees it: interrupts, waiting, cycle counter, entropy, barriers. Any
 * context. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

enum { CPU_MAX = 1 }; /* CPUs in use; all per-CPU state is an array of this */

struct thread;

/*
 * Defined by the port, inline where they are a few instructions:
 *
 * unsigned cpu_index(void)           this CPU, from 0; stable only while interrupts are off
 * struct thread *cpu_thread(void)    the running thread; NULL before the scheduler has started
 * bool cpu_irq_disable(void)         interrupts on this CPU; returns whether they were on
 * void cpu_irq_enable(void)
 * bool cpu_irq_enabled(void)
 * void cpu_relax(void)               a pause in a spin loop
 * uint64_t cpu_cycles(void)          time stamp counter: its frequency is found out by core/time
 * void dma_rmb(void), dma_wmb(void), dma_mb(void)
 *                                    order of accesses to memory shared with a device
 */
#include <port/cpu.h>

void cpu_set_thread(struct thread *thread);

/** Sleeps until an interrupt; called with interrupts off, returns with them on. */
void cpu_wait_for_interrupt(void);

/** 64 bits from the CPU's random generator (RDSEED, RDRAND); false where it has none or it fails.
 */
bool cpu_random(uint64_t *out);

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

/** CPUID, with the bits that `clearcpuid=` and friends switched off taken out. A leaf beyond the
 * maximum (basic, extended or hypervisor's) yields zeros, not what the CPU makes up. */
struct cpuid_regs cpu_id(uint32_t leaf, uint32_t subleaf);

/** Model-specific registers; false where the CPU refuses (#GP). */
bool cpu_msr_read(uint32_t msr, uint64_t *value);
bool cpu_msr_write(uint32_t msr, uint64_t value);

/** This CPU's one-shot timer. The deadline is a value of cpu_cycles(); the handler runs in
 * interrupt context, perhaps early. */
void cpu_timer_arm(uint64_t deadline_cycles);
void cpu_timer_set_handler(void (*fn)(void));

/** Ends everything when nothing else works: a triple fault. */
_Noreturn void cpu_reset(void);
