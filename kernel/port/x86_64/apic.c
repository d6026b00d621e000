/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The local APIC (as x2APIC where there is one), its timer, and the silencing of the 8259 pair.
 * Started by the first who wants an interrupt: a program that never waits costs nothing here. Intel
 * SDM vol. 3, chapter 11.
 */
#include "apic.h"

#include "asm_defs.h"
#include "cpu.h"
#include "instructions.h"

#include <base/bits.h>
#include <base/log.h>
#include <hal/io.h>
#include <hal/irq.h>

enum {
	REG_ID = 0x20,
	REG_TPR = 0x80,
	REG_EOI = 0xb0,
	REG_SVR = 0xf0,
	REG_ISR = 0x100,
	REG_STEP = 0x10,
	REG_LVT_TIMER = 0x320,
	REG_LVT_LINT0 = 0x350,
	REG_LVT_LINT1 = 0x360,
	REG_LVT_ERROR = 0x370,
	REG_INITIAL = 0x380,
	REG_CURRENT = 0x390,
	REG_DIVIDE = 0x3e0,
	REGS_SPAN = 0x400,
	SVR_ENABLE = 0x100,
	LVT_MASKED = 0x10000,
	LVT_NMI = 0x400,
	LVT_DEADLINE = 0x40000,
	DIVIDE_BY_1 = 0xb,
	BASE_ENABLE = 0x800,
	BASE_X2APIC = 0x400,
	PIC1_COMMAND = 0x20,
	PIC1_DATA = 0x21,
	PIC2_COMMAND = 0xa0,
	PIC2_DATA = 0xa1,
};

/* Cycles to measure the count-down timer's rate over, where there has not been as much time since
 * its start. */
enum { RATE_CYCLES_MIN = 1000000 };

/** Both counters at one moment, which lies somewhere in the window around `cycles`. */
struct timer_sample {
	uint64_t cycles, window;
	uint32_t count;
};

static struct {
	struct io_region registers;
	void (*timer_handler)(void);
	bool tried, present, x2apic, deadline;
	/* Count-down mode: the timer's rate is counts per 2^32 cycles, measured against the cycle
	 * counter. */
	uint64_t rate;
	struct timer_sample start;
	uint32_t armed_count; /* 0: not armed */
	uint64_t armed_at;
	uint32_t *(*find_shortcut)(void);
	uint32_t *shortcut; /* see irq_set_end_shortcut(); NULL */
} apic;

static uint32_t apic_read(uint32_t reg)
{
	if (apic.x2apic)
		return (uint32_t)rdmsr(MSR_X2APIC + (reg >> 4));
	return io_read32(&apic.registers, reg);
}

static void apic_write(uint32_t reg, uint32_t value)
{
	if (apic.x2apic)
		wrmsr(MSR_X2APIC + (reg >> 4), value);
	else
		io_write32(&apic.registers, reg, value);
}

static bool enable(void)
{
	uint64_t base;

	if (!(cpu_id(1, 0).edx & BIT(9)) || !cpu_msr_read(MSR_APIC_BASE, &base))
		return false;
	/* Firmware may have left x2APIC mode on; there is no way back but through off. */
	apic.x2apic = (cpu_id(1, 0).ecx & BIT(21)) || (base & BASE_X2APIC);
	/* There is no way from off to x2APIC but by way of xAPIC. */
	if (!cpu_msr_write(MSR_APIC_BASE, base | BASE_ENABLE))
		return false;
	if (apic.x2apic)
		return cpu_msr_write(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2APIC);
	return !io_map(&apic.registers, phys(base & 0x000ffffffffff000), REGS_SPAN);
}

/** Of several readings the one that took least, since a virtual CPU may lose its place (or an emulator translate code)
 * within one. */
static struct timer_sample take_sample(void)
{
	struct timer_sample best = { .window = UINT64_MAX };

	for (unsigned i = 0; i < 3; i++) {
		uint64_t before = cpu_cycles();
		uint32_t count = apic_read(REG_CURRENT);
		uint64_t window = cpu_cycles() - before;

		if (window < best.window)
			best = (struct timer_sample){ before + window / 2, window, count };
	}
	return best;
}

/** An interrupt of the firmware's that was never ended would hold back all of lower priority. */
static void finish_what_is_in_service(void)
{
	for (uint32_t reg = REG_ISR; reg < REG_ISR + 8 * REG_STEP; reg += REG_STEP)
		for (uint32_t bits = apic_read(reg); bits; bits &= bits - 1)
			apic_write(REG_EOI, 0);
}

bool apic_start(void)
{
	if (apic.tried)
		return apic.present;
	apic.tried = true;
	apic.present = enable();
	if (!apic.present) {
		log_warning("no local APIC: no interrupts");
		return false;
	}
	apic.deadline = cpu_id(1, 0).ecx & BIT(24);
	apic_write(REG_TPR, 0);
	/* First, since LVT entries cannot be unmasked before (Intel SDM vol. 3, 11.4.7.2). */
	apic_write(REG_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	finish_what_is_in_service();
	apic_write(REG_LVT_LINT0, LVT_MASKED);
	apic_write(REG_LVT_LINT1, LVT_NMI);
	apic_write(REG_LVT_ERROR, LVT_MASKED);
	if (apic.deadline) {
		apic_write(REG_LVT_TIMER, LVT_DEADLINE | VECTOR_TIMER);
		dma_mb(); /* the mode is in force before the first deadline (Intel SDM vol.
			     3, 11.5.4.1) */
	} else {
		apic_write(REG_DIVIDE, DIVIDE_BY_1);
		apic_write(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
		apic_write(REG_INITIAL, UINT32_MAX);
		apic.start = take_sample();
	}
	if (apic.find_shortcut)
		apic.shortcut = apic.find_shortcut();
	return true;
}

void irq_set_end_shortcut(uint32_t *(*fn)(void))
{
	apic.find_shortcut = fn;
}

/* In one instruction: an interruption between two would lose an end. */
static bool take_shortcut(void)
{
	bool was_set;

	asm volatile("btrl $0, %0" : "+m"(*apic.shortcut), "=@ccc"(was_set) : : "memory");
	return was_set;
}

uint32_t apic_id(void)
{
	uint32_t id = apic_read(REG_ID);

	return apic.x2apic ? id : id >> 24;
}

void apic_end_of_interrupt(void)
{
	/* Firmware may have left something on that comes before anybody here wants an interrupt. */
	if (!apic.present || (apic.shortcut && take_shortcut()))
		return;
	apic_write(REG_EOI, 0);
}

static void set_rate(uint32_t counts, uint64_t cycles)
{
	if (counts && cycles)
		apic.rate = ((uint64_t)counts << 32) / cycles;
}

/** Whether an interval tells the rate within an eighth or so. */
static bool is_good(const struct timer_sample *start, const struct timer_sample *end)
{
	uint64_t passed = end->cycles - start->cycles;

	return passed >> 63 ? false : (start->window + end->window) * 4 <= passed;
}

/** The count-down rate, from the time since the timer was started; waits a little where that is too
 * short, or where the CPU was away while it looked. */
static void measure_rate(void)
{
	enum { TRIES = 20 };
	struct timer_sample end;

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t from = max(apic.start.cycles, cpu_cycles() - RATE_CYCLES_MIN);

		while (cpu_cycles() - from < RATE_CYCLES_MIN)
			cpu_relax();
		end = take_sample();
		if (is_good(&apic.start, &end)) {
			set_rate(apic.start.count - end.count, end.cycles - apic.start.cycles);
			break;
		}
		if (end.window < apic.start.window)
			apic.start = end;
	}
	if (!apic.rate)
		apic.rate = (uint64_t)1 << 32;
	apic_write(REG_INITIAL, 0);
	apic_write(REG_LVT_TIMER, VECTOR_TIMER);
}

static uint32_t counts_for(uint64_t cycles)
{
	unsigned __int128 counts = (unsigned __int128)cycles * apic.rate >> 32;

	if (counts > UINT32_MAX)
		return UINT32_MAX; /* early: who armed it looks at the clock and arms it again */
	return counts ? (uint32_t)counts : 1;
}

void cpu_timer_arm(uint64_t deadline_cycles)
{
	uint64_t now;

	if (!apic_start())
		return;
	if (apic.deadline) {
		wrmsr(MSR_TSC_DEADLINE, deadline_cycles ? deadline_cycles : 1);
		return;
	}
	if (!apic.rate)
		measure_rate();
	now = cpu_cycles();
	apic.armed_count = counts_for(deadline_cycles > now ? deadline_cycles - now : 0);
	apic.armed_at = now;
	apic_write(REG_INITIAL, apic.armed_count);
}

void cpu_timer_set_handler(void (*fn)(void))
{
	apic.timer_handler = fn;
}

void apic_timer_interrupt(void)
{
	enum { REFINE_CYCLES_MIN = 10000000 };
	uint64_t cycles = cpu_cycles() - apic.armed_at;

	/* A long countdown tells the rate better; an interrupt is never early by the timer's own
	 * count, so the estimate errs towards slow counting and thus early deadlines. */
	if (apic.armed_count && cycles > REFINE_CYCLES_MIN)
		set_rate(apic.armed_count, cycles);
	apic.armed_count = 0;
	if (apic.timer_handler)
		apic.timer_handler();
}

void pic_start(void)
{
	/* ICW1 to ICW4, vectors away from the exceptions (a spurious interrupt may come all the
	 * same), all masked. */
	out8(PIC1_COMMAND, 0x11);
	out8(PIC2_COMMAND, 0x11);
	out8(PIC1_DATA, VECTOR_PIC);
	out8(PIC2_DATA, VECTOR_PIC + 8);
	out8(PIC1_DATA, 4);
	out8(PIC2_DATA, 2);
	out8(PIC1_DATA, 1);
	out8(PIC2_DATA, 1);
	out8(PIC1_DATA, 0xff);
	out8(PIC2_DATA, 0xff);
}
