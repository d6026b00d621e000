/* SPDX-License-Identifier: BSD-3-Clause */
/* How functions interrupt: messages (MSI-X: PCI Local Bus 3.0, 6.8.2), or their line as firmware routed it. */
#include "pci.h"

#include <base/assert.h>
#include <base/errno.h>

enum {
	MSIX_BYTES = 12,
	MSIX_CONTROL = 2,
	MSIX_TABLE = 4,
	CONTROL_SIZE = 0x7ff,
	CONTROL_MASK = 1 << 14,
	CONTROL_ENABLE = 1 << 15,
	ENTRY_BYTES = 16,
	ENTRY_ADDRESS = 0,
	ENTRY_ADDRESS_HIGH = 4,
	ENTRY_DATA = 8,
	ENTRY_CONTROL = 12,
	ENTRY_MASKED = 1,
	ISA_LINES = 16,
	NO_LINE = 0xff,
};

static void set_line(struct pci_dev *dev, uint16_t no_intx)
{
	uint16_t command = pci_read16(dev, PCI_COMMAND);

	pci_write16(dev, PCI_COMMAND, (uint16_t)((command & ~PCI_COMMAND_NO_INTX) | no_intx));
}

static void write_entry(struct pci_dev *dev, unsigned index, uint32_t field, uint32_t value)
{
	io_write32(&dev->msix_table, index * ENTRY_BYTES + field, value);
}

unsigned pci_messages_start(struct pci_dev *dev)
{
	uint32_t at = pci_find_capability(dev, PCI_CAP_MSIX, 0, MSIX_BYTES), table;
	unsigned entries;
	uint16_t control;

	if (!at)
		return 0;
	control = pci_read16(dev, at + MSIX_CONTROL);
	entries = (control & CONTROL_SIZE) + 1u;
	table = pci_read32(dev, at + MSIX_TABLE);
	if (pci_map_bar(dev, table & 7, table & ~7u, entries * ENTRY_BYTES, &dev->msix_table) ||
	    !dev->msix_table.is_memory)
		return 0;
	dev->msix_capability = at;
	dev->msix_entries = entries;
	control &= CONTROL_SIZE;
	pci_write16(dev, at + MSIX_CONTROL, (uint16_t)(control | CONTROL_ENABLE | CONTROL_MASK));
	for (unsigned i = 0; i < entries; i++)
		write_entry(dev, i, ENTRY_CONTROL, ENTRY_MASKED);
	set_line(dev, PCI_COMMAND_NO_INTX);
	pci_write16(dev, at + MSIX_CONTROL, (uint16_t)(control | CONTROL_ENABLE));
	return entries;
}

int pci_message_attach(struct pci_dev *dev, unsigned index, irq_handler *fn, void *context,
		       struct irq_message *out)
{
	int error;

	assert(index < dev->msix_entries);
	error = irq_attach_message(fn, context, out);
	if (error)
		return error;
	write_entry(dev, index, ENTRY_ADDRESS, (uint32_t)out->address);
	write_entry(dev, index, ENTRY_ADDRESS_HIGH, (uint32_t)(out->address >> 32));
	write_entry(dev, index, ENTRY_DATA, out->data);
	write_entry(dev, index, ENTRY_CONTROL, 0);
	return 0;
}

void pci_message_detach(struct pci_dev *dev, unsigned index, const struct irq_message *message)
{
	write_entry(dev, index, ENTRY_CONTROL, ENTRY_MASKED);
	irq_detach_message(message);
}

void pci_messages_stop(struct pci_dev *dev)
{
	pci_write16(dev, dev->msix_capability + MSIX_CONTROL, 0);
	dev->msix_entries = 0;
}

/** The PC's interrupt that firmware has routed the pin to; its trigger is level, and low unless the tables say otherwise. */
static int find_line(const struct pci_dev *dev, unsigned *line, enum irq_trigger *trigger)
{
	unsigned told = pci_read8(dev, PCI_INTERRUPT_LINE);

	if (!pci_read8(dev, PCI_INTERRUPT_PIN) || !told || told == NO_LINE)
		return -ENODEV;
	*line = told;
	*trigger = IRQ_LEVEL_LOW;
	if (told < ISA_LINES)
		*line = irq_isa(told, trigger);
	if (*trigger == IRQ_EDGE_HIGH)
		*trigger = IRQ_LEVEL_LOW;
	return 0;
}

int pci_line_attach(struct pci_dev *dev, irq_handler *fn, void *context)
{
	enum irq_trigger trigger;
	unsigned line;
	int error = find_line(dev, &line, &trigger);

	if (error)
		return error;
	error = irq_attach(line, trigger, fn, context);
	if (!error)
		set_line(dev, 0);
	return error;
}

void pci_line_detach(struct pci_dev *dev, irq_handler *fn, void *context)
{
	enum irq_trigger trigger;
	unsigned line;

	set_line(dev, PCI_COMMAND_NO_INTX);
	if (!find_line(dev, &line, &trigger))
		irq_detach(line, fn, context);
}
