/* SPDX-License-Identifier: BSD-3-Clause */
/* A CPU's own data, reached through GS, and what the parts of the port say to each other. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <hal/cpu.h>

struct thread;

/* Offsets are in asm_defs.h. */
struct cpu {
	struct cpu *self;
	uint64_t user_rsp;     /* scratch of the system call entry */
	uintptr_t stack_top;   /* the running thread's kernel stack */
	struct thread *thread; /* the running thread */
	uint32_t smap;         /* user memory needs STAC */
};

extern struct cpu boot_cpu;
_Static_assert(CPU_MAX == 1, "the NMI's entry and cpu_index() know only one CPU");

static inline struct cpu *cpu_this(void)
{
	struct cpu *cpu;

	asm("movq %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

struct user_regs;

/** Interrupt and exception entries, VECTOR_COUNT stubs of TRAP_STUB_BYTES each (traps.S). */
extern char trap_stubs[];
enum { TRAP_STUB_BYTES = 16 };
void syscall_entry(void);
void syscall_entry32(void);

/** Installs descriptor tables: global, interrupts, task state with stacks for NMI, double fault,
 * machine check. */
void traps_start(void);
void traps_set_kernel_stack(uintptr_t top);

/** Handlers the entries call (traps.c, apic.c). */
void trap_handle(struct user_regs *regs, unsigned vector, uint64_t error_code);
void interrupt_handle(unsigned vector);
void user_return(struct user_regs *regs);

/** Silences the 8259 pair, so that nothing comes through it. */
void pic_start(void);

void fpu_start(void);

/** Prints name+offset of the calls on a stack, innermost first; `frame` is a saved RBP. */
void backtrace_print(uintptr_t rip, uintptr_t frame);
