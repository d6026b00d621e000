/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device interrupts: I/O APICs, the vectors that their lines are given, and messages. Intel 82093AA
 * data sheet; ACPI 6.5, 5.2.12; Intel SDM vol. 3, 11.11.
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
	MESSAGE_APIC_SHIFT = 12,
	MESSAGE_APIC_MAX = 254, /* what fits a message without interrupt remapping */
};

#define MESSAGE_ADDRESS 0xfee00000

/** Who is called for a vector: one, or several that share a line. */
struct handler {
	irq_handler *fn; /* NULL: not in use */
	void *context;
	struct handler *next;
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
	struct handler handlers[VECTORS];
	struct {
		struct handler *first;
		unsigned line;
		enum irq_trigger trigger;
		bool is_message;
	} vectors[VECTORS];
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

static struct handler *free_handler(void)
{
	for (unsigned i = 0; i < VECTORS; i++)
		if (!irq.handlers[i].fn)
			return &irq.handlers[i];
	return NULL;
}

/** VECTORS where there is none. */
static unsigned vector_of_line(unsigned line)
{
	unsigned v = 0;

	while (v < VECTORS &&
	       !(irq.vectors[v].first && !irq.vectors[v].is_message && irq.vectors[v].line == line))
		v++;
	return v;
}

static unsigned free_vector(void)
{
	unsigned v = 0;

	while (v < VECTORS && irq.vectors[v].first)
		v++;
	return v;
}

/** Interrupts are off: a handler's list is walked by interrupts. */
static void add_handler(unsigned v, struct handler *handler, irq_handler *fn, void *context)
{
	handler->fn = fn;
	handler->context = context;
	handler->next = irq.vectors[v].first;
	irq.vectors[v].first = handler;
}

static void remove_handler(unsigned v, irq_handler *fn, void *context)
{
	struct handler **at = &irq.vectors[v].first;

	while (*at && ((*at)->fn != fn || (*at)->context != context))
		at = &(*at)->next;
	if (!*at)
		return;
	(*at)->fn = NULL;
	*at = (*at)->next;
}

static void route(const struct ioapic *io, unsigned v)
{
	write_pin(io, irq.vectors[v].line - io->first_line,
		  (VECTOR_DEVICE + v) | trigger_bits(irq.vectors[v].trigger), apic_id());
}

int irq_attach(unsigned line, enum irq_trigger trigger, irq_handler *fn, void *context)
{
	const struct ioapic *io;
	struct handler *handler;
	bool were_on;
	unsigned v;

	discover();
	io = ioapic_of(line);
	if (!io || !apic_start())
		return -ENODEV;
	v = vector_of_line(line);
	if (v < VECTORS && irq.vectors[v].trigger != trigger)
		return -EBUSY;
	if (v == VECTORS)
		v = free_vector();
	handler = free_handler();
	if (v == VECTORS || !handler)
		return -ENOSPC;
	were_on = cpu_irq_disable();
	add_handler(v, handler, fn, context);
	if (!handler->next) {
		irq.vectors[v].line = line;
		irq.vectors[v].trigger = trigger;
		irq.vectors[v].is_message = false;
		route(io, v);
	}
	if (were_on)
		cpu_irq_enable();
	return 0;
}

void irq_detach(unsigned line, irq_handler *fn, void *context)
{
	const struct ioapic *io = ioapic_of(line);
	unsigned v = vector_of_line(line);
	bool were_on;

	if (!io || v == VECTORS)
		return;
	were_on = cpu_irq_disable();
	remove_handler(v, fn, context);
	if (!irq.vectors[v].first)
		write_pin(io, line - io->first_line, PIN_MASKED, 0);
	if (were_on)
		cpu_irq_enable();
}

int irq_attach_message(irq_handler *fn, void *context, struct irq_message *out)
{
	struct handler *handler;
	bool were_on;
	unsigned v;

	if (!apic_start() || apic_id() > MESSAGE_APIC_MAX)
		return -ENODEV;
	v = free_vector();
	handler = free_handler();
	if (v == VECTORS || !handler)
		return -ENOSPC;
	were_on = cpu_irq_disable();
	add_handler(v, handler, fn, context);
	irq.vectors[v].is_message = true;
	if (were_on)
		cpu_irq_enable();
	out->address = MESSAGE_ADDRESS | apic_id() << MESSAGE_APIC_SHIFT;
	out->data = VECTOR_DEVICE + v;
	return 0;
}

void irq_detach_message(const struct irq_message *message)
{
	unsigned v = message->data - VECTOR_DEVICE;
	bool were_on = cpu_irq_disable();

	if (v < VECTORS && irq.vectors[v].first && irq.vectors[v].is_message)
		remove_handler(v, irq.vectors[v].first->fn, irq.vectors[v].first->context);
	if (were_on)
		cpu_irq_enable();
}

static void call_handlers(unsigned v)
{
	for (const struct handler *h = irq.vectors[v].first; h; h = h->next)
		h->fn(h->context);
}

void interrupt_handle(unsigned vector)
{
	if (vector == VECTOR_SPURIOUS || vector < VECTOR_DEVICE)
		return; /* neither wants an end of interrupt */
	if (vector == VECTOR_TIMER)
		apic_timer_interrupt();
	else
		call_handlers(vector - VECTOR_DEVICE);
	apic_end_of_interrupt();
}
