/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptor tables, and what happens on an exception: a page fault is offered to the program's
 * space, a fault of the kernel's own copying is fixed up, a program's fault is its signal, anything
 * else is a panic with a report. Intel SDM vol. 3, chapter 6 and 7.7.
 */
#include "asm_defs.h"
#include "cpu.h"
#include "image.h"
#include "instructions.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <core/end.h>
#include <core/status.h>
#include <core/thread.h>
#include <hal/memory.h>
#include <hal/user.h>

enum {
	TRAP_NMI = 2,
	TRAP_DOUBLE_FAULT = 8,
	TRAP_PAGE_FAULT = 14,
	TRAP_MACHINE_CHECK = 18,
	TRAP_EXCEPTIONS = 32,
	PF_PRESENT = 1,
	PF_WRITE = 2,
	PF_EXEC = 16,
	IST_STACK_BYTES = 8192,
	IST_COUNT = 3,
	GATE_INTERRUPT = 0x8e,
	GATE_USER = 0x60, /* privilege level 3: INT3 and INTO */
};

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};
static_assert(sizeof(struct gate) == 16, "Intel SDM vol. 3, figure 6-8");

struct task_state {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} packed;
static_assert(sizeof(struct task_state) == 104, "Intel SDM vol. 3, figure 7-11");

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} packed;

enum { VECTORS_ALL = 256 };

static struct gate idt[VECTORS_ALL] aligned(16) __attribute__((section(".noinit")));
static struct task_state tss aligned(16);
static uint8_t ist_stacks[IST_COUNT][IST_STACK_BYTES] aligned(16)
	__attribute__((section(".noinit")));

extern uint64_t gdt[], gdt_tss[];
extern struct table_pointer gdt_pointer;

/** traps.S */
_Noreturn void user_leave(struct user_regs *regs);

/** Places that may fault and where they then go on, each as a distance from its own word. */
struct fixup {
	int32_t from, to;
};
extern const struct fixup extable_start[], extable_end[];

static void set_gate(unsigned vector)
{
	uint64_t entry = (uintptr_t)trap_stubs + (uint64_t)vector * TRAP_STUB_BYTES;

	idt[vector] = (struct gate){ .offset_low = (uint16_t)entry,
				     .selector = KERNEL_CS,
				     .type = GATE_INTERRUPT,
				     .offset_middle = (uint16_t)(entry >> 16),
				     .offset_high = (uint32_t)(entry >> 32) };
}

void traps_start(void)
{
	struct table_pointer idt_pointer = { .limit = sizeof idt - 1 };
	uint64_t base = (uintptr_t)&tss;

	for (unsigned v = 0; v < VECTOR_COUNT; v++)
		set_gate(v);
	/* What firmware may have left on comes to nothing. */
	for (unsigned v = VECTOR_COUNT; v < VECTORS_ALL; v++)
		idt[v] = idt[VECTOR_SPURIOUS];
	idt[3].type |= GATE_USER;
	idt[4].type |= GATE_USER;
	idt[TRAP_NMI].ist = 1;
	idt[TRAP_DOUBLE_FAULT].ist = 2;
	idt[TRAP_MACHINE_CHECK].ist = 3;
	for (unsigned i = 0; i < IST_COUNT; i++)
		tss.ist[i] = (uintptr_t)ist_stacks[i + 1];
	tss.io_map = sizeof tss;
	gdt_tss[0] = (sizeof tss - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
		     (base >> 24 & 0xff) << 56;
	gdt_tss[1] = base >> 32;
	gdt_pointer.base = (uintptr_t)gdt;
	/* Not a constant initialiser: clang would make it one, with an unaligned relocation, which
	 * RELR has no form for. */
	idt_pointer.base = (uintptr_t)idt;
	asm volatile("lgdt %0" : : "m"(gdt_pointer));
	asm volatile("lidt %0" : : "m"(idt_pointer));
	asm volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}

void traps_set_kernel_stack(uintptr_t top)
{
	tss.rsp[0] = top;
}

static unsigned nmi_count;

static bool fix_up(struct user_regs *regs)
{
	for (const struct fixup *f = extable_start; f < extable_end; f++) {
		if ((uintptr_t)&f->from + (uintptr_t)(intptr_t)f->from != regs->rip)
			continue;
		regs->rip = (uintptr_t)&f->to + (uintptr_t)(intptr_t)f->to;
		return true;
	}
	return false;
}

static bool may_fault(const struct user_regs *regs)
{
	struct user_regs copy = *regs;

	return fix_up(&copy);
}

static void report(const struct user_regs *r, unsigned vector, uint64_t error_code, uint64_t cr2)
{
	static const char *const names[] = {
		"divide error",
		"debug",
		"NMI",
		"breakpoint",
		"overflow",
		"bound",
		"invalid opcode",
		"no FPU",
		"double fault",
		"",
		"invalid TSS",
		"segment not present",
		"stack fault",
		"general protection",
		"page fault",
		"",
		"x87 error",
		"alignment check",
		"machine check",
		"SIMD error",
		"virtualization",
		"control protection",
	};

	log_error("%s (vector %u, error 0x%lx) at 0x%lx, address 0x%lx",
		  vector < countof(names) ? names[vector] : "exception", vector, error_code, r->rip,
		  cr2);
	log_error("rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
	log_error("rsi %016lx rdi %016lx rbp %016lx rsp %016lx", r->rsi, r->rdi, r->rbp, r->rsp);
	log_error("r8  %016lx r9  %016lx r10 %016lx r11 %016lx", r->r8, r->r9, r->r10, r->r11);
	log_error("r12 %016lx r13 %016lx r14 %016lx r15 %016lx", r->r12, r->r13, r->r14, r->r15);
	log_error("cs %lx ss %lx flags %lx cr0 %lx cr3 %lx cr4 %lx", r->cs, r->ss, r->rflags,
		  read_cr0(), read_cr3(), read_cr4());
	backtrace_print(r->rip, r->rbp);
}

_Noreturn static void die(const struct user_regs *regs, unsigned vector, uint64_t error_code,
			  uint64_t cr2)
{
	core_panic_begin();
	report(regs, vector, error_code, cr2);
	if (nmi_count)
		log_error("%u non-maskable interrupts were ignored", nmi_count);
	log_error("kernel panic: the kernel faulted");
	core_end(STATUS_PANIC);
}

static enum user_access access_of(uint64_t error_code)
{
	if (error_code & PF_EXEC)
		return USER_ACCESS_EXEC;
	return error_code & PF_WRITE ? USER_ACCESS_WRITE : USER_ACCESS_READ;
}

/** A page fault at a user address, with interrupts on from here. */
static void user_address_fault(struct user_regs *regs, uint64_t error_code, uintptr_t address)
{
	bool from_user = regs->cs & 3;
	struct user_fault fault = { TRAP_PAGE_FAULT, error_code, address };
	int error = -EFAULT;

	/* What of the kernel's half is mapped is none of the program's business. */
	if (address >= USER_MAX)
		fault.error_code |= PF_PRESENT;
	cpu_irq_enable();
	if (address < USER_MAX)
		error = user_page_fault(address, access_of(error_code));
	if (error && from_user)
		user_fault(&fault);
	else if (error)
		fix_up(regs);
	cpu_irq_disable();
}

static void page_fault(struct user_regs *regs, uint64_t error_code)
{
	uintptr_t address = read_cr2();

	if ((regs->cs & 3) || (address < USER_MAX && (regs->rflags & RFLAGS_IF) && may_fault(regs)))
		user_address_fault(regs, error_code, address);
	else if (!fix_up(regs))
		die(regs, TRAP_PAGE_FAULT, error_code, address);
}

static void exception(struct user_regs *regs, unsigned vector, uint64_t error_code)
{
	struct user_fault fault = { vector, error_code, regs->rip };

	if (!(regs->cs & 3)) {
		if (!fix_up(regs))
			die(regs, vector, error_code, 0);
		return;
	}
	cpu_irq_enable();
	user_fault(&fault);
	cpu_irq_disable();
}

void trap_handle(struct user_regs *regs, unsigned vector, uint64_t error_code)
{
	if (vector >= TRAP_EXCEPTIONS) {
		interrupt_handle(vector);
		return;
	}
	switch (vector) {
	case TRAP_PAGE_FAULT:
		page_fault(regs, error_code);
		break;
	case TRAP_NMI:
		/* It may have come anywhere, with any lock held: counted, and told with a report.
		 */
		nmi_count++;
		break;
	case TRAP_DOUBLE_FAULT:
	case TRAP_MACHINE_CHECK:
		die(regs, vector, error_code, read_cr2());
	default:
		exception(regs, vector, error_code);
	}
}

struct user_regs *user_regs(void)
{
	return (struct user_regs *)thread_current()->stack_top - 1;
}

void user_regs_changed(void)
{
	__atomic_fetch_or(&thread_current()->port_work, THREAD_RESTORE_ALL, __ATOMIC_RELAXED);
}

/** Makes registers that came from a program's hands fit for IRETQ: what would fault there is the
 * program's fault. */
static void make_safe(struct user_regs *regs)
{
	const uint64_t changeable = 0x240dd5; /* ID AC OF DF TF SF ZF AF PF CF */

	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->rflags = (regs->rflags & changeable) | RFLAGS_IF | 2;
	if (regs->rip >= (uintptr_t)1 << 47) {
		struct user_fault fault = { 13, 0, regs->rip };

		regs->rip = 0;
		user_fault(&fault);
	}
}

void user_return(struct user_regs *regs)
{
	struct thread *thread = thread_current();

	cpu_irq_enable();
	do {
		if (thread->port_work & THREAD_RESCHEDULE)
			thread_yield();
		if (thread->user_work)
			user_work(regs);
		__atomic_fetch_and(&thread->port_work, ~(uint32_t)THREAD_RESTORE_ALL,
				   __ATOMIC_RELAXED);
		make_safe(regs);
		cpu_irq_disable();
		if (!thread->user_work && !thread->port_work)
			return;
		cpu_irq_enable();
	} while (true);
}

void user_enter(const struct user_regs *regs)
{
	struct user_regs *frame = user_regs();

	memcpy(frame, regs, sizeof *frame);
	user_return(frame);
	user_leave(frame);
}
