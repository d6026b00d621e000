/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CPU's features, as CPUID tells them less what the command line switches off, and <hal/cpu.h>.
 */
#include "cpu.h"

#include "asm_defs.h"
#include "instructions.h"
#include "mmu.h"

#include <base/bits.h>
#include <base/log.h>
#include <core/params.h>
#include <core/thread.h>
#include <hal/early.h>
#include <hal/user.h>

struct cpu boot_cpu;

/* Words of CPUID as Linux numbers them for clearcpuid= (arch/x86/include/asm/cpufeatures.h), as far
 * as this kernel looks at them. */
enum feature_word {
	WORD_1_EDX = 0,
	WORD_EXT1_EDX = 1,
	WORD_1_ECX = 4,
	WORD_7_EBX = 9,
	WORD_7_ECX = 16,
	WORDS = 17
};

enum {
	FEATURE_X2APIC = WORD_1_ECX * 32 + 21,
	FEATURE_XSAVE = WORD_1_ECX * 32 + 26,
	FEATURE_SMEP = WORD_7_EBX * 32 + 7,
	FEATURE_SMAP = WORD_7_EBX * 32 + 20,
};

static struct {
	uint32_t cleared[WORDS];
	uint32_t basic_max, extended_max, hypervisor_max;
	bool rdrand, rdseed; /* kept: CPUID is an exit to the hypervisor */
} features;

static void clear_feature(unsigned number)
{
	if (number / 32 < WORDS)
		features.cleared[number / 32] |= BIT(number % 32);
}

/** One value of clearcpuid=: numbers separated by commas. */
static void clear_listed(void *context, const char *value)
{
	uint64_t number;

	(void)context;
	while (params_read_number(&value, &number)) {
		if (number >= (uint64_t)WORDS * 32)
			log_warning("clearcpuid: feature %lu is not looked at", number);
		else
			clear_feature(number);
		if (*value == ',')
			value++;
	}
	if (*value)
		log_warning("clearcpuid: cannot read '%s': feature numbers are wanted", value);
}

static void read_parameters(void)
{
	static const struct {
		const char *name;
		unsigned feature;
	} switches[] = {
		{ "noxsave", FEATURE_XSAVE },
		{ "nosmap", FEATURE_SMAP },
		{ "nosmep", FEATURE_SMEP },
		{ "nox2apic", FEATURE_X2APIC },
	};

	for (unsigned i = 0; i < countof(switches); i++)
		if (params_flag(switches[i].name))
			clear_feature(switches[i].feature);
	params_each("clearcpuid", clear_listed, NULL);
}

static bool leaf_exists(uint32_t leaf)
{
	if (leaf >= 0x80000000)
		return leaf <= features.extended_max;
	if (leaf >= 0x40000000)
		return leaf <= features.hypervisor_max;
	return leaf <= features.basic_max;
}

struct cpuid_regs cpu_id(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r = { 0 };

	if (!leaf_exists(leaf))
		return r;
	r = cpuid_raw(leaf, subleaf);
	if (leaf == 1) {
		r.edx &= ~features.cleared[WORD_1_EDX];
		r.ecx &= ~features.cleared[WORD_1_ECX];
	} else if (leaf == 7 && subleaf == 0) {
		r.ebx &= ~features.cleared[WORD_7_EBX];
		r.ecx &= ~features.cleared[WORD_7_ECX];
	} else if (leaf == 0x80000001) {
		r.edx &= ~features.cleared[WORD_EXT1_EDX];
	}
	return r;
}

void cpu_start(void)
{
	struct cpu *cpu = &boot_cpu;
	const uint32_t hypervisor = BIT(31);

	cpu->self = cpu;
	wrmsr(MSR_GS_BASE, (uintptr_t)cpu);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	features.basic_max = cpuid_raw(0, 0).eax;
	features.extended_max = cpuid_raw(0x80000000, 0).eax;
	if (cpuid_raw(1, 0).ecx & hypervisor)
		/* Old versions of KVM say 0 and mean the first leaf (Linux
		 * Documentation/virt/kvm/x86/cpuid.rst). */
		features.hypervisor_max = max(cpuid_raw(0x40000000, 0).eax, 0x40000001u);
	traps_start();
	pic_start();
}

void cpu_start_features(void)
{
	uint64_t cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
	struct cpuid_regs structured;

	read_parameters();
	structured = cpu_id(7, 0);
	if (cpu_id(1, 0).edx & BIT(13))
		cr4 |= CR4_PGE;
	if (cpu_id(1, 0).edx & BIT(7))
		cr4 |= CR4_MCE;
	if (structured.ebx & BIT(7))
		cr4 |= CR4_SMEP;
	if (structured.ebx & BIT(20))
		cr4 |= CR4_SMAP;
	if (structured.ecx & BIT(2))
		cr4 |= CR4_UMIP;
	write_cr4(cr4);
	cpu_this()->smap = (cr4 & CR4_SMAP) != 0;
	features.rdseed = structured.ebx & BIT(18);
	features.rdrand = cpu_id(1, 0).ecx & BIT(30);
	fpu_start();
	wrmsr(MSR_STAR, (uint64_t)USER32_CS << 48 | (uint64_t)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (uintptr_t)syscall_entry);
	wrmsr(MSR_CSTAR, (uintptr_t)syscall_entry32);
	wrmsr(MSR_SFMASK, 0x47700); /* AC NT IOPL DF IF TF off in the kernel */
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
}

void cpu_set_thread(struct thread *thread)
{
	struct cpu *cpu = cpu_this();

	cpu->thread = thread;
	cpu->stack_top = thread->stack_top;
	traps_set_kernel_stack(thread->stack_top);
}

void cpu_wait_for_interrupt(void)
{
	/* STI takes effect after the next instruction, so no interrupt is lost between the two. */
	asm volatile("sti; hlt" : : : "memory");
}

bool cpu_random(uint64_t *out)
{
	enum { TRIES = 10 }; /* Intel's guide to RDRAND, 5.2.1 */

	for (unsigned i = 0; i < TRIES && features.rdseed; i++)
		if (rdseed(out))
			return true;
	for (unsigned i = 0; i < TRIES && features.rdrand; i++)
		if (rdrand(out))
			return true;
	return false;
}

void cpu_reset(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} packed none = { 0, 0 };

	asm volatile("cli; lidt %0; ud2" : : "m"(none));
	for (;;)
		asm volatile("hlt");
}

bool cpu_msr_read(uint32_t msr, uint64_t *value)
{
	uint32_t low, high, failed = 0;

	asm volatile("1: rdmsr\n"
		     "2:\n"
		     ".pushsection .extable, \"a\"\n"
		     ".long 1b - ., 3f - .\n"
		     ".popsection\n"
		     ".pushsection .text.unlikely, \"ax\"\n"
		     "3: movl $1, %2\n"
		     "xorl %0, %0\n"
		     "xorl %1, %1\n"
		     "jmp 2b\n"
		     ".popsection"
		     : "=&a"(low), "=&d"(high), "+&r"(failed)
		     : "c"(msr));
	*value = (uint64_t)high << 32 | low;
	return !failed;
}

bool cpu_msr_write(uint32_t msr, uint64_t value)
{
	uint32_t failed = 0;

	asm volatile("1: wrmsr\n"
		     "2:\n"
		     ".pushsection .extable, \"a\"\n"
		     ".long 1b - ., 3f - .\n"
		     ".popsection\n"
		     ".pushsection .text.unlikely, \"ax\"\n"
		     "3: movl $1, %0\n"
		     "jmp 2b\n"
		     ".popsection"
		     : "+&r"(failed)
		     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		     : "memory");
	return !failed;
}
