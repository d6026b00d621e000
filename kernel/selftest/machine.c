/* SPDX-License-Identifier: BSD-3-Clause */
/* Who booted us, on what: boot protocol, hypervisor, processor (Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E). */
#include "checks.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <boot/info.h>
#include <bus/acpi.h>
#include <hal/cpu.h>
#include <hal/early.h>
#include <platform/platform.h>

#include "report.h"

enum {
	LEAF_VENDOR = 0,
	LEAF_FEATURES = 1,
	LEAF_MORE_FEATURES = 7,
	LEAF_HYPERVISOR = 0x40000000,
	FEATURES_HYPERVISOR = 31, /* bit of ECX */
	RANDOM_ROUNDS = 8,
};
#define LEAF_EXTENDED_FEATURES 0x80000001u

enum cpuid_register { EAX, EBX, ECX, EDX };

/* What the kernel, or a program's run-time library, makes use of. */
static const struct feature {
	const char *name;
	uint32_t leaf;
	uint8_t reg, bit;
} features[] = {
	{ "nx", LEAF_EXTENDED_FEATURES, EDX, 20 },
	{ "gib-pages", LEAF_EXTENDED_FEATURES, EDX, 26 },
	{ "syscall", LEAF_EXTENDED_FEATURES, EDX, 11 },
	{ "rdtscp", LEAF_EXTENDED_FEATURES, EDX, 27 },
	{ "x2apic", LEAF_FEATURES, ECX, 21 },
	{ "tsc-deadline", LEAF_FEATURES, ECX, 24 },
	{ "xsave", LEAF_FEATURES, ECX, 26 },
	{ "pcid", LEAF_FEATURES, ECX, 17 },
	{ "cx16", LEAF_FEATURES, ECX, 13 },
	{ "popcnt", LEAF_FEATURES, ECX, 23 },
	{ "sse4.2", LEAF_FEATURES, ECX, 20 },
	{ "avx", LEAF_FEATURES, ECX, 28 },
	{ "rdrand", LEAF_FEATURES, ECX, 30 },
	{ "rdseed", LEAF_MORE_FEATURES, EBX, 18 },
	{ "avx2", LEAF_MORE_FEATURES, EBX, 5 },
	{ "avx512f", LEAF_MORE_FEATURES, EBX, 16 },
	{ "fsgsbase", LEAF_MORE_FEATURES, EBX, 0 },
	{ "smep", LEAF_MORE_FEATURES, EBX, 7 },
	{ "smap", LEAF_MORE_FEATURES, EBX, 20 },
	{ "invpcid", LEAF_MORE_FEATURES, EBX, 10 },
	{ "erms", LEAF_MORE_FEATURES, EBX, 9 },
	{ "la57", LEAF_MORE_FEATURES, ECX, 16 },
};

/* What comes from CPUID may be any bytes. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void check_boot(void)
{
	report_value("boot", "%s", boot_info.protocol);
	report_ok("boot", "by %s, command line of %lu bytes, initrd of %lu bytes, RSDP %s",
		  boot_info.protocol, boot_info.cmdline_bytes, boot_info.initrd_bytes,
		  boot_info.rsdp ? "told" : "not told");
}

static void check_hypervisor(void)
{
	struct cpuid_regs regs = cpu_id(LEAF_HYPERVISOR, 0);
	char signature[13] = { 0 };

	if (!(cpu_id(LEAF_FEATURES, 0).ecx & BIT(FEATURES_HYPERVISOR))) {
		report_value("hypervisor", "none");
		report_ok("hypervisor", "none told; treated as %s", platform_name());
		return;
	}
	memcpy(signature, &regs.ebx, 4);
	memcpy(signature + 4, &regs.ecx, 4);
	memcpy(signature + 8, &regs.edx, 4);
	make_printable(signature);
	report_value("hypervisor", "%s", signature);
	report_ok("hypervisor", "%s, treated as %s", signature, platform_name());
}

static bool has_feature(const struct feature *feature)
{
	struct cpuid_regs regs = cpu_id(feature->leaf, 0);
	const uint32_t words[] = { regs.eax, regs.ebx, regs.ecx, regs.edx };

	return words[feature->reg] >> feature->bit & 1;
}

static void report_features(void)
{
	char text[200];
	size_t length = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < countof(features) && length < sizeof text; i++)
		if (has_feature(&features[i]))
			length += (size_t)format(text + length, sizeof text - length, "%s%s",
						 length ? "," : "", features[i].name);
	report_value("cpu.features", "%s", text);
}

/* There are processors whose generator gives the same number for ever. */
static void check_random_instruction(void)
{
	uint64_t first, next;
	bool changes = false;

	if (!cpu_random(&first)) {
		report_skip("cpu random", "the CPU has no random generator");
		return;
	}
	for (unsigned i = 0; i < RANDOM_ROUNDS && !changes; i++)
		changes = cpu_random(&next) && next != first;
	if (changes)
		report_ok("cpu random", "the CPU's generator works");
	else
		report_fail("cpu random", "the CPU's generator always gives %#lx", first);
}

static unsigned count_cpus(void)
{
	struct acpi_interrupts found;

	return acpi_read_interrupts(&found) ? 0 : found.cpu_count;
}

static void check_cpu(void)
{
	struct cpuid_regs regs = cpu_id(LEAF_VENDOR, 0);
	uint32_t signature = cpu_id(LEAF_FEATURES, 0).eax;
	unsigned cpus = count_cpus();
	char vendor[13] = { 0 };

	memcpy(vendor, &regs.ebx, 4);
	memcpy(vendor + 4, &regs.edx, 4);
	memcpy(vendor + 8, &regs.ecx, 4);
	make_printable(vendor);
	report_value("cpu", "%s %#x", vendor, signature);
	report_features();
	if (cpus)
		report_value("cpus", "%u", cpus);
	report_ok("cpu", "%s, signature %#x; %u CPUs told, %d used", vendor, signature, cpus,
		  CPU_MAX);
	check_random_instruction();
}

void check_machine(void)
{
	check_boot();
	check_hypervisor();
	check_cpu();
}
