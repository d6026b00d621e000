/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts. A line is a global system interrupt (ACPI 6.5, 5.2.13): for a line of the ISA bus use
 * irq_isa(). Handlers run with interrupts off, on the interrupted thread's kernel stack, after
 * which the interrupt is acknowledged at the controller; they acknowledge at the device and
 * schedule, no more. An interrupt may be spurious.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

typedef void irq_handler(void *context);

enum irq_trigger { IRQ_EDGE_HIGH, IRQ_LEVEL_LOW, IRQ_LEVEL_HIGH };

/** The global line and trigger of ISA interrupt 0-15 (MADT source overrides; else identity, edge).
 */
unsigned irq_isa(unsigned isa, enum irq_trigger *trigger);

/** Routes a line to this kernel and unmasks it. Several may share a line: all are called. -ENODEV:
 * no controller has this line; -EBUSY: it is in use with another trigger; -ENOSPC: no vector left.
 * Thread context. */
int must_check irq_attach(unsigned line, enum irq_trigger trigger, irq_handler *fn, void *context);
void irq_detach(unsigned line, irq_handler *fn, void *context);

/** A message-signalled interrupt: what a device writes where, so that `fn` is called. Edge; unmasked at once. -ENODEV: no local
 * APIC; -ENOSPC: no vector left. Thread context. */
struct irq_message {
	uint64_t address;
	uint32_t data;
};
int must_check irq_attach_message(irq_handler *fn, void *context, struct irq_message *out);
void irq_detach_message(const struct irq_message *message);

/* Told by whoever reads the firmware's tables, from the function given to irq_set_discovery(),
 * which is called once, before the first line is routed. Without any controller told, one at the
 * PC's usual place is looked for. */
void irq_set_discovery(void (*fn)(void));

/** `fn` is called once, when the first interrupt is wanted. It returns a word of which the hypervisor sets bit 0 when it delivers
 * an interrupt that needs no end: then clearing the bit takes the place of the write to the local APIC. NULL: there is none. */
void irq_set_end_shortcut(uint32_t *(*fn)(void));

/** An I/O APIC at `base`, whose first pin is global line `first_line`. -ENOMEM, -ENODEV: nothing
 * answers there. */
int must_check irq_add_controller(phys_t base, unsigned first_line);

/** ISA interrupt `isa` comes on another line, or with another trigger, than the PC's. */
void irq_override_isa(unsigned isa, unsigned line, enum irq_trigger trigger);
