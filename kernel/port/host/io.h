/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers of the simulated machine: a test routes ranges of ports or physical addresses to functions. Where nothing is
 * routed, reads give all ones and writes vanish, as on a bus. Also: CPUID, MSRs and the CPU's timer as a test sets them.
 */
#pragma once

#include <base/types.h>
#include <hal/cpu.h>
#include <hal/irq.h>

struct host_device {
	uint64_t base; /* port or physical address */
	uint32_t bytes;
	bool is_memory;
	/** One access of `bytes` at `offset` from the base. NULL: all ones; nothing happens. */
	uint64_t (*read)(void *context, uint32_t offset, unsigned bytes);
	void (*write)(void *context, uint32_t offset, unsigned bytes, uint64_t value);
	void *context;
	struct host_device *next; /* io.c's */
};

/** Routes the device's range, before those routed earlier. The device stays the caller's. */
void host_io_add(struct host_device *device);
void host_io_remove(struct host_device *device);
void host_io_remove_all(void);

/** Accesses so far, of all devices and of none. */
uint64_t host_io_accesses(void);

/** What cpu_id() returns for a leaf, any subleaf; zeros where nothing was set. */
void host_set_cpuid(uint32_t leaf, struct cpuid_regs regs);

/** MSRs: cpu_msr_read() and cpu_msr_write() of any other fail. */
void host_set_msr(uint32_t msr, uint64_t value);
bool host_msr(uint32_t msr, uint64_t *value);
void host_forget_cpu(void);

/** Where cpu_timer_arm() set the timer; UINT64_MAX: it is not armed. */
uint64_t host_timer_deadline(void);

/** Interrupts by the timer, whose handler runs. */
void host_timer_fire(void);

/** Whether somebody has attached this line; calls its handler, with interrupts off, if so. */
bool host_irq_attached(unsigned line);
void host_irq_raise(unsigned line);

/** Messages: how many are attached, at most can be; sends one. */
#define HOST_MESSAGE_ADDRESS ((uint64_t)0xfee01000)
unsigned host_irq_messages(void);
void host_irq_limit_messages(unsigned most);
void host_irq_send(uint64_t address, uint32_t data);

/** Nobody is attached to anything any more. */
void host_irq_forget(void);

/** Calls what was given to irq_set_discovery(). Returns how many controllers it told, and how it routed ISA lines. */
struct host_isa_line {
	unsigned line;
	enum irq_trigger trigger;
};
unsigned host_irq_discover(struct host_isa_line isa[16]);
