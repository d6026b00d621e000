/* SPDX-License-Identifier: BSD-3-Clause */
/* Interrupt lines of the simulated machine. See io.h. All weak, so that a test may have its own. */
#include <base/assert.h>
#include <base/errno.h>
#include <hal/cpu.h>
#include <hal/irq.h>

#include "host.h"
#include "io.h"

#include <string.h>

#define weak __attribute__((weak))

enum { LINES = 256, ISA_LINES = 16, SHARED_MAX = 4, MESSAGES = 256 };

struct handler {
	irq_handler *fn;
	void *context;
};

static struct handler lines[LINES][SHARED_MAX], messages[MESSAGES];

static unsigned messages_max = MESSAGES;
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
	if (host_allocation_must_fail())
		return -ENOSPC;
	for (unsigned i = 0; i < SHARED_MAX; i++) {
		if (lines[line][i].fn)
			continue;
		lines[line][i] = (struct handler){ fn, context };
		return 0;
	}
	return -ENOSPC;
}

weak void irq_detach(unsigned line, irq_handler *fn, void *context)
{
	unsigned i = 0;

	assert(line < LINES);
	while (i < SHARED_MAX && (lines[line][i].fn != fn || lines[line][i].context != context))
		i++;
	assert(i < SHARED_MAX);
	lines[line][i].fn = NULL;
}

weak int irq_attach_message(irq_handler *fn, void *context, struct irq_message *out)
{
	unsigned i = 0;

	while (i < messages_max && messages[i].fn)
		i++;
	if (i >= messages_max || host_allocation_must_fail())
		return -ENOSPC;
	messages[i] = (struct handler){ fn, context };
	*out = (struct irq_message){ HOST_MESSAGE_ADDRESS, i };
	return 0;
}

weak void irq_detach_message(const struct irq_message *message)
{
	assert(message->address == HOST_MESSAGE_ADDRESS && messages[message->data].fn);
	messages[message->data].fn = NULL;
}

void host_irq_limit_messages(unsigned most)
{
	messages_max = most;
}

unsigned host_irq_messages(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < MESSAGES; i++)
		count += !!messages[i].fn;
	return count;
}

void host_irq_send(uint64_t address, uint32_t data)
{
	bool irqs_on = cpu_irq_disable();

	assert(address == HOST_MESSAGE_ADDRESS && data < MESSAGES);
	if (messages[data].fn)
		messages[data].fn(messages[data].context);
	if (irqs_on)
		cpu_irq_enable();
}

void host_irq_forget(void)
{
	memset(lines, 0, sizeof(lines));
	memset(messages, 0, sizeof(messages));
	messages_max = MESSAGES;
}

weak void irq_set_discovery(void (*fn)(void))
{
	discovery = fn;
}

weak void irq_set_end_shortcut(uint32_t *(*fn)(void))
{
	(void)fn;
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
	for (unsigned i = 0; line < LINES && i < SHARED_MAX; i++)
		if (lines[line][i].fn)
			return true;
	return false;
}

void host_irq_raise(unsigned line)
{
	bool irqs_on = cpu_irq_disable();

	assert(line < LINES);
	for (unsigned i = 0; i < SHARED_MAX; i++)
		if (lines[line][i].fn)
			lines[line][i].fn(lines[line][i].context);
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
