/* SPDX-License-Identifier: BSD-3-Clause */
/* Detection, and what the platform tells the interrupt controllers' driver. */
#include "platform.h"

#include <base/bits.h>
#include <base/log.h>
#include <base/string.h>
#include <bus/acpi.h>
#include <hal/cpu.h>
#include <hal/irq.h>

/* First match wins: a hypervisor that offers another's interface as well stands before that one. */
static const struct platform *const platforms[] = { &platform_kvm };

static const struct platform *current;

enum { CPUID_FEATURES = 1, FEATURE_HTT = 1 << 28 /* EDX: EBX tells a number of processors */ };

const struct platform *platform_current(void)
{
	return current;
}

const char *platform_name(void)
{
	return current ? current->name : "pc";
}

static enum irq_trigger trigger_of(const struct acpi_isa_line *line)
{
	if (!line->level)
		return IRQ_EDGE_HIGH;
	return line->low ? IRQ_LEVEL_LOW : IRQ_LEVEL_HIGH;
}

/* Called when the first interrupt is attached: a program that never waits pays nothing for ACPI. */
static void find_controllers(void)
{
	struct acpi_interrupts found;

	if (acpi_read_interrupts(&found))
		return;
	for (unsigned i = 0; i < found.ioapic_count; i++) {
		const struct acpi_ioapic *ioapic = &found.ioapics[i];

		if (irq_add_controller(phys(ioapic->address), ioapic->gsi_base))
			log_warning("the I/O APIC at 0x%lx cannot be used", ioapic->address);
	}
	for (unsigned line = 0; line < ACPI_ISA_LINES; line++)
		irq_override_isa(line, found.isa[line].gsi, trigger_of(&found.isa[line]));
}

void platform_start(const struct boot_info *info)
{
	/* GRUB passes a copy of the RSDP where there is one, but not on every firmware; the other protocols' loaders know. */
	bool is_pc = !strcmp(info->protocol, "multiboot2");

	for (unsigned i = 0; i < countof(platforms) && !current; i++) {
		if (platforms[i]->detect())
			current = platforms[i];
	}
	time_set_machine(&platform_clock, info->entry_tsc);
	if (!platform_knows_rate())
		time_start_reference();
	acpi_init(info->rsdp, is_pc ? ACPI_SEARCH_ALL : ACPI_SEARCH_KNOWN);
	irq_set_discovery(find_controllers);
	if (current)
		irq_set_end_shortcut(current->end_shortcut);
	notice_start(info);
	log_debug("platform: %s", platform_name());
}

unsigned platform_processors(void)
{
	const struct cpuid_regs features = cpu_id(CPUID_FEATURES, 0);
	unsigned count = 0;
	uint32_t id;

	while (!acpi_read_cpu(count, &id))
		count++;
	if (count)
		return count;
	return features.edx & FEATURE_HTT ? features.ebx >> 16 & 0xff : 1;
}

void platform_program_starts(void)
{
	if (current && current->program_starts)
		current->program_starts();
}
