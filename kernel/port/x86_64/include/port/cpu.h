/* SPDX-License-Identifier: BSD-3-Clause */
/* The x86-64 part of <hal/cpu.h>, inline. A CPU's own data are reached through GS. */
#pragma once

#include <base/types.h>

struct thread;

/** Begins a CPU's own data; the rest is in the port's cpu.h, which pins these offsets. */
enum { PORT_CPU_THREAD = 24, PORT_RFLAGS_IF = 0x200 };

static inline unsigned cpu_index(void)
{
	return 0;
}

static inline struct thread *cpu_thread(void)
{
	struct thread *thread;

	asm volatile("movq %%gs:%c1, %0" : "=r"(thread) : "i"(PORT_CPU_THREAD));
	return thread;
}

static inline bool cpu_irq_enabled(void)
{
	uint64_t flags;

	asm volatile("pushfq; popq %0" : "=r"(flags));
	return flags & PORT_RFLAGS_IF;
}

static inline bool cpu_irq_disable(void)
{
	bool were_on = cpu_irq_enabled();

	asm volatile("cli" : : : "memory");
	return were_on;
}

static inline void cpu_irq_enable(void)
{
	asm volatile("sti" : : : "memory");
}

static inline void cpu_relax(void)
{
	asm volatile("pause");
}

static inline uint64_t cpu_cycles(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Device memory is coherent and stores are not reordered (Intel SDM vol. 3, 9.2.2): only the
 * compiler and the store buffer matter. */
static inline void dma_rmb(void)
{
	asm volatile("" : : : "memory");
}

static inline void dma_wmb(void)
{
	asm volatile("" : : : "memory");
}

/* QEMU's TCG with one CPU carries out neither MFENCE nor a locked instruction as a barrier, while its devices run in threads of
 * their own (QEMU 7.2; tcg_gen_mb() asks for CF_PARALLEL): a notification is lost now and then, and the queue stands still for ever.
 * Its RDTSC takes a lock, which is one. */
static inline void dma_mb(void)
{
	asm volatile("mfence; rdtsc" : : : "rax", "rdx", "memory");
}
