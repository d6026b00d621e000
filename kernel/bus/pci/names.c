/* SPDX-License-Identifier: BSD-3-Clause */
/* What classes of functions are called (PCI Code and ID Assignment 1.11). */
#include "pci.h"

#include <base/compiler.h>

static const struct {
	uint16_t class; /* with its subclass */
	char name[26];
} names[] = {
	{ 0x0100, "SCSI controller" },
	{ 0x0101, "IDE controller" },
	{ 0x0106, "SATA controller" },
	{ 0x0107, "SAS controller" },
	{ 0x0108, "NVMe controller" },
	{ 0x0180, "mass storage controller" },
	{ 0x0200, "Ethernet controller" },
	{ 0x0280, "network controller" },
	{ 0x0300, "VGA controller" },
	{ 0x0380, "display controller" },
	{ 0x0500, "memory" },
	{ 0x0600, "host bridge" },
	{ 0x0601, "ISA bridge" },
	{ 0x0604, "PCI bridge" },
	{ 0x0680, "bridge" },
	{ 0x0780, "communication controller" },
	{ 0x0880, "system peripheral" },
	{ 0x0c03, "USB controller" },
	{ 0x0c05, "SMBus" },
};

const char *pci_class_name(uint32_t class)
{
	for (unsigned i = 0; i < countof(names); i++) {
		if (names[i].class == class >> 8)
			return names[i].name;
	}
	return "device";
}
