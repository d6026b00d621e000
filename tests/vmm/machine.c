/* SPDX-License-Identifier: BSD-3-Clause */
/* One virtual CPU with KVM's own interrupt controllers and PIT, and its registers at the two entries. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

enum { CR0_PE = 1, CR0_ET = 1 << 4, CR4_PAE = 1 << 5 };
enum { EFER_LME = 1 << 8, EFER_LMA = 1 << 10 };
#define CR0_RESET 0x60000010u /* CD | NW | ET: what KVM starts with */
#define CR0_PG 0x80000000u
enum { MSR_MISC_ENABLE = 0x1a0, MSR_MTRR_DEF_TYPE = 0x2ff };
enum { LAPIC_LVT0 = 0x350, LAPIC_LVT1 = 0x360 };
enum { CPUID_ENTRIES_MAX = 128 };

static int kvm_call(int fd, unsigned long request, unsigned long argument, const char *what)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		die("KVM refuses %s: %s", what, strerror(errno));
	return result;
}
#define KVM_CALL(fd, request, argument) kvm_call(fd, request, (unsigned long)(argument), #request)

bool machine_open(struct machine *machine, const char **why)
{
	machine->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (machine->kvm < 0) {
		*why = errno == ENOENT ? "no /dev/kvm" : "/dev/kvm cannot be opened";
		return false;
	}
	if (ioctl(machine->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		*why = "/dev/kvm has another API version";
		return false;
	}
	machine->vm = ioctl(machine->kvm, KVM_CREATE_VM, 0);
	if (machine->vm < 0) {
		*why = "KVM cannot create a machine";
		return false;
	}
	return true;
}

static void add_memory(struct machine *machine, unsigned slot, uint64_t gpa, void *at,
		       uint64_t bytes)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)at,
	};

	if (bytes)
		KVM_CALL(machine->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static void set_cpuid(struct machine *machine)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
						     CPUID_ENTRIES_MAX * sizeof(cpuid->entries[0]));

	if (!cpuid)
		die("no memory");
	cpuid->nent = CPUID_ENTRIES_MAX;
	KVM_CALL(machine->kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
	KVM_CALL(machine->cpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

static void set_msrs(struct machine *machine)
{
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entries[2];
	} msrs = {
		.header.nmsrs = 2,
		.entries = { { .index = MSR_MISC_ENABLE, .data = 1 },
			     { .index = MSR_MTRR_DEF_TYPE, .data = 0x806 } },
	};

	KVM_CALL(machine->cpu, KVM_SET_MSRS, &msrs);
}

/* LINT0 is an external interrupt controller, LINT1 the NMI. */
static void set_lapic(struct machine *machine)
{
	struct kvm_lapic_state lapic;

	KVM_CALL(machine->cpu, KVM_GET_LAPIC, &lapic);
	memcpy(lapic.regs + LAPIC_LVT0, &(uint32_t){ 0x700 }, 4);
	memcpy(lapic.regs + LAPIC_LVT1, &(uint32_t){ 0x400 }, 4);
	KVM_CALL(machine->cpu, KVM_SET_LAPIC, &lapic);
}

void machine_create(struct machine *machine, struct ram *ram, bool alias)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	uint64_t identity_map = 0xfffbc000, low_bytes = ram->low_bytes;

	KVM_CALL(machine->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	KVM_CALL(machine->vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	KVM_CALL(machine->vm, KVM_CREATE_IRQCHIP, 0);
	KVM_CALL(machine->vm, KVM_CREATE_PIT2, &pit);
	if (alias)
		low_bytes -= low_bytes / 4;
	add_memory(machine, 0, 0, ram->low, low_bytes);
	if (alias)
		add_memory(machine, 2, low_bytes, ram->low + ram->low_bytes / 2,
			   ram->low_bytes / 4);
	add_memory(machine, 1, FOUR_GIB, ram->high, ram->high_bytes);
	machine->cpu = KVM_CALL(machine->vm, KVM_CREATE_VCPU, 0);

	int bytes = KVM_CALL(machine->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	machine->run = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, machine->cpu, 0);
	if (machine->run == MAP_FAILED)
		die("KVM's run structure cannot be mapped");
	set_cpuid(machine);
	set_msrs(machine);
	set_lapic(machine);
}

static void set_fpu(struct machine *machine)
{
	struct kvm_fpu fpu = { .fcw = 0x37f, .mxcsr = 0x1f80 };

	KVM_CALL(machine->cpu, KVM_SET_FPU, &fpu);
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, bool long_mode)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = long_mode,
		.db = !long_mode,
	};
}

static void set_segments(struct kvm_sregs *sregs, bool pvh)
{
	sregs->gdt = (struct kvm_dtable){ .base = GDT_GPA, .limit = 0x1f };
	sregs->idt = (struct kvm_dtable){ .base = IDT_GPA, .limit = 7 };
	sregs->cs = flat_segment(0x08, 11, !pvh);
	sregs->ds = flat_segment(0x10, 3, false);
	sregs->es = sregs->fs = sregs->gs = sregs->ss = sregs->ds;
	sregs->tr = (struct kvm_segment){
		.limit = pvh ? 0x67 : 0xfffff,
		.selector = 0x18,
		.type = 11,
		.present = 1,
		.g = !pvh,
	};
}

void machine_set_entry(struct machine *machine, uint64_t entry, bool pvh)
{
	struct kvm_regs regs = { .rip = entry, .rflags = 2 };
	struct kvm_sregs sregs;

	KVM_CALL(machine->cpu, KVM_GET_SREGS, &sregs);
	set_segments(&sregs, pvh);
	if (pvh) {
		regs.rbx = START_INFO_GPA;
		sregs.cr0 = CR0_PE | CR0_ET;
		sregs.cr4 = 0;
	} else {
		regs.rsi = ZERO_PAGE_GPA;
		regs.rsp = regs.rbp = BOOT_STACK_GPA;
		sregs.cr0 = CR0_RESET | CR0_PE | CR0_PG;
		sregs.cr3 = PML4_GPA;
		sregs.cr4 = CR4_PAE;
		sregs.efer = EFER_LME | EFER_LMA;
	}
	KVM_CALL(machine->cpu, KVM_SET_SREGS, &sregs);
	KVM_CALL(machine->cpu, KVM_SET_REGS, &regs);
	set_fpu(machine);
}

void machine_set_line(struct machine *machine, unsigned gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	KVM_CALL(machine->vm, KVM_IRQ_LINE, &line);
}
