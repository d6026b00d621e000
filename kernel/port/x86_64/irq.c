/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device interrupts: I/O APICs, and the vectors that their lines are given. Intel 82093AA data
 * sheet; ACPI 6.5, 5.2.12.
 */
#include "apic.h"
#include "asm_defs.h"
#include "cpu.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <hal/io.h>
#include <hal/irq.h>

enum {
	IOAPIC_MAX = 16,
	IOAPIC_SELECT = 0x00,
	IOAPIC_WINDOW = 0x10,
	IOAPIC_BYTES = 0x20,
	IOAPIC_VERSION = 1,
	IOAPIC_PINS_MAX = 240, /* architectural: the index register has 8 bits */
	PIN_MASKED = 0x10000,
	PIN_LEVEL = 0x8000,
	PIN_LOW = 0x2000,
	ISA_LINES = 16,
	VECTORS = VECTOR_TIMER - VECTOR_DEVICE,
};

struct ioapic {
	struct io_region registers;
	unsigned first_line, pins;
};

static struct {
	struct ioapic ioapics[IOAPIC_MAX];
	unsigned ioapic_count;
	void (*discover)(void);
	bool discovered;
	struct {
		unsigned line;
		enum irq_trigger trigger;
		bool set;
	} isa[ISA_LINES];
	struct {
		irq_handler *fn;
		void *context;
		unsigned line;
	} handlers[VECTORS];
} irq;

static uint32_t ioapic_read(const struct ioapic *io, uint32_t reg)
{
	io_write32(&io->registers, IOAPIC_SELECT, reg);
	return io_read32(&io->registers, IOAPIC_WINDOW);
}

static void ioapic_write(const struct ioapic *io, uint32_t reg, uint32_t value)
{
	io_write32(&io->registers, IOAPIC_SELECT, reg);
	io_write32(&io->registers, IOAPIC_WINDOW, value);
}

static void write_pin(const struct ioapic *io, unsigned pin, uint32_t low, uint32_t apic)
{
	ioapic_write(io, 0x10 + 2 * pin, PIN_MASKED);
	ioapic_write(io, 0x11 + 2 * pin, apic << 24);
	ioapic_write(io, 0x10 + 2 * pin, low);
}

void irq_set_discovery(void (*fn)(void))
{
	irq.discover = fn;
}

int irq_add_controller(phys_t base, unsigned first_line)
{
	struct ioapic *io = &irq.ioapics[irq.ioapic_count];
	uint32_t version;
	int error;

	if (irq.ioapic_count == IOAPIC_MAX)
		return -ENOSPC;
	error = io_map(&io->registers, base, IOAPIC_BYTES);
	if (error)
		return error;
	version = ioapic_read(io, IOAPIC_VERSION);
	io->pins = (version >> 16 & 0xff) + 1;
	io->first_line = first_line;
	if (!version || version == UINT32_MAX || io->pins > IOAPIC_PINS_MAX)
		return -ENODEV;
	irq.ioapic_count++;
	for (unsigned pin = 0; pin < io->pins; pin++)
		ioapic_write(io, 0x10 + 2 * pin, PIN_MASKED);
	return 0;
}

void irq_override_isa(unsigned isa, unsigned line, enum irq_trigger trigger)
{
	if (isa >= ISA_LINES)
		return;
	irq.isa[isa].line = line;
	irq.isa[isa].trigger = trigger;
	irq.isa[isa].set = true;
}

static void discover(void)
{
	const uint64_t usual_place = 0xfec00000;

	if (irq.discovered)
		return;
	irq.discovered = true;
	if (irq.discover)
		irq.discover();
	if (!irq.ioapic_count && irq_add_controller(phys(usual_place), 0))
		log_warning("no I/O APIC: no device interrupts");
}

unsigned irq_isa(unsigned isa, enum irq_trigger *trigger)
{
	discover();
	*trigger = IRQ_EDGE_HIGH;
	if (isa >= ISA_LINES || !irq.isa[isa].set)
		return isa;
	*trigger = irq.isa[isa].trigger;
	return irq.isa[isa].line;
}

static const struct ioapic *ioapic_of(unsigned line)
{
	for (unsigned i = 0; i < irq.ioapic_count; i++) {
		const struct ioapic *io = &irq.ioapics[i];

		if (line - io->first_line < io->pins)
			return io;
	}
	return NULL;
}

static uint32_t trigger_bits(enum irq_trigger trigger)
{
	if (trigger == IRQ_EDGE_HIGH)
		return 0;
	return PIN_LEVEL | (trigger == IRQ_LEVEL_LOW ? PIN_LOW : 0);
}

/** A vector without a handler; -EBUSY where the line has one already. */
static int free_vector(unsigned line, unsigned *out)
{
	int found = -ENOSPC;

	for (unsigned v = 0; v < VECTORS; v++) {
		if (irq.handlers[v].fn && irq.handlers[v].line == line)
			return -EBUSY;
		if (!irq.handlers[v].fn && found) {
			*out = v;
			found = 0;
		}
	}
	return found;
}

int irq_attach(unsigned line, enum irq_trigger trigger, irq_handler *fn, void *context)
{
	const struct ioapic *io;
	unsigned v = 0;
	bool were_on;
	int error;

	discover();
	io = ioapic_of(line);
	if (!io || !apic_start())
		return -ENODEV;
	error = free_vector(line, &v);
	if (error)
		return error;
	irq.handlers[v].context = context;
	irq.handlers[v].line = line;
	irq.handlers[v].fn = fn;
	were_on = cpu_irq_disable();
	write_pin(io, line - io->first_line, (VECTOR_DEVICE + v) | trigger_bits(trigger),
		  apic_id());
	if (were_on)
		cpu_irq_enable();
	return 0;
}

void irq_detach(unsigned line)
{
	const struct ioapic *io = ioapic_of(line);
	bool were_on = cpu_irq_disable();

	if (io)
		write_pin(io, line - io->first_line, PIN_MASKED, 0);
	for (unsigned v = 0; v < VECTORS; v++)
		if (irq.handlers[v].fn && irq.handlers[v].line == line)
			irq.handlers[v].fn = NULL;
	if (were_on)
		cpu_irq_enable();
}

void interrupt_handle(unsigned vector)
{
	if (vector == VECTOR_SPURIOUS || vector < VECTOR_DEVICE)
		return; /* neither wants an end of interrupt */
	if (vector == VECTOR_TIMER)
		apic_timer_interrupt();
	else if (irq.handlers[vector - VECTOR_DEVICE].fn)
		irq.handlers[vector - VECTOR_DEVICE].fn(
			irq.handlers[vector - VECTOR_DEVICE].context);
	apic_end_of_interrupt();
}
