/* SPDX-License-Identifier: BSD-3-Clause */
/* Interrupt lines of the simulated machine. See io.h. All weak, so that a test may have its own. */
#include <base/assert.h>
#include <base/errno.h>
#include <hal/cpu.h>
#include <hal/irq.h>

#include "host.h"
#include "io.h"

#define weak __attribute__((weak))

enum { LINES = 256, ISA_LINES = 16 };

static struct {
	irq_handler *fn;
	void *context;
} lines[LINES];

static struct host_isa_line isa_lines[ISA_LINES];
static void (*discovery)(void);
static unsigned controllers;

weak unsigned irq_isa(unsigned isa, enum irq_trigger *trigger)
{
	*trigger = IRQ_EDGE_HIGH;
	return isa;
}

weak int irq_attach(unsigned line, enum irq_trigger trigger, irq_handler *fn, void *context)
{
	(void)trigger;
	if (line >= LINES)
		return -ENODEV;
	if (lines[line].fn)
		return -EBUSY;
	if (host_allocation_must_fail())
		return -ENOSPC;
	lines[line].fn = fn;
	lines[line].context = context;
	return 0;
}

weak void irq_detach(unsigned line)
{
	assert(line < LINES && lines[line].fn);
	lines[line].fn = NULL;
}

weak void irq_set_discovery(void (*fn)(void))
{
	discovery = fn;
}

weak int irq_add_controller(phys_t base, unsigned first_line)
{
	(void)base;
	(void)first_line;
	controllers++;
	return 0;
}

weak void irq_override_isa(unsigned isa, unsigned line, enum irq_trigger trigger)
{
	assert(isa < ISA_LINES);
	isa_lines[isa] = (struct host_isa_line){ line, trigger };
}

bool host_irq_attached(unsigned line)
{
	return line < LINES && lines[line].fn;
}

void host_irq_raise(unsigned line)
{
	bool irqs_on = cpu_irq_disable();

	assert(line < LINES);
	if (lines[line].fn)
		lines[line].fn(lines[line].context);
	if (irqs_on)
		cpu_irq_enable();
}

unsigned host_irq_discover(struct host_isa_line isa[16])
{
	controllers = 0;
	if (discovery)
		discovery();
	for (unsigned i = 0; i < ISA_LINES; i++)
		isa[i] = isa_lines[i];
	return controllers;
}
