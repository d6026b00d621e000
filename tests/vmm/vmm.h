/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small KVM host that starts a kernel as Firecracker and libkrun do, for the entry that no VMM of the distribution has: Linux's 64-bit
 * protocol. Addresses and values are Firecracker 1.x's (src/vmm/src/arch/x86_64). One machine with one CPU; nothing here is
 * meant to run untrusted guests. Functions end the process with a message where the host fails them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GDT_GPA = 0x500,
	IDT_GPA = 0x520,
	START_INFO_GPA = 0x6000,
	MODULE_LIST_GPA = 0x6040,
	ZERO_PAGE_GPA = 0x7000, /* with PVH: the memory map */
	BOOT_STACK_GPA = 0x8ff0,
	PML4_GPA = 0x9000,
	PDPT_GPA = 0xa000,
	PD_GPA = 0xb000,
	CMDLINE_GPA = 0x20000,
	CMDLINE_MAX = 2048,
	SYSTEM_DATA_GPA = 0x9fc00, /* ACPI tables, reserved in the memory map */
	RSDP_GPA = 0xe0000,
	HIGH_RAM_GPA = 0x100000,
	SERIAL_GSI = 4,
};
#define MMIO_GAP_GPA ((uint64_t)0xc0000000)
#define FOUR_GIB ((uint64_t)1 << 32)
#define ECAM_GPA ((uint64_t)0xeec00000)
#define ECAM_BYTES ((uint64_t)256 << 20)

struct ram {
	uint8_t *low; /* [0, low_bytes) */
	uint64_t low_bytes;
	uint8_t *high; /* [4 GiB, 4 GiB + high_bytes) */
	uint64_t high_bytes;
};

struct memory_range {
	uint64_t start, bytes;
	uint32_t type; /* of e820 */
};

/** A file in memory. */
struct blob {
	uint8_t *bytes;
	size_t length;
};

/* boot.c: what a boot loader puts into memory */

enum monitor {
	MONITOR_FIRECRACKER,
	MONITOR_LIBKRUN, /* the same, but no ACPI, no reserved ranges, and a last byte of RAM too many */
};

struct boot_plan {
	struct blob kernel, initrd; /* initrd.length 0: none */
	const char *cmdline;
	enum monitor monitor;
	bool pvh;
	unsigned virtio_devices;
};

/** Memory full of rubbish, as a machine that does not promise zeroes has it. */
struct ram ram_create(uint64_t bytes);

/** Loads the kernel's segments (and clears nothing beyond them), the initrd and the boot structures. Returns where the CPU
 * starts. */
uint64_t boot_load(struct ram *ram, const struct boot_plan *plan);

/** Host address of guest memory, or NULL. */
void *ram_at(struct ram *ram, uint64_t gpa, uint64_t bytes);

/* acpi.c */

/** RSDP, XSDT, FADT (hardware reduced, no sleep or reset register), MADT and a DSDT that tells of the virtio devices in the first
 * `devices` slots, packed without alignment. */
void acpi_write(struct ram *ram, unsigned devices);

/* serial.c: a 16550 at port 0x3f8 */

struct serial {
	uint8_t ier, lcr, mcr, scratch, divisor[2];
	bool transmit_pending; /* the interrupt "transmitter empty" was not read yet */
	const char *input;     /* what is typed */
	void (*set_line)(void *context, bool level);
	void (*output)(void *context, uint8_t byte);
	void *context;
};

uint8_t serial_read(struct serial *serial, unsigned offset);
void serial_write(struct serial *serial, unsigned offset, uint8_t value);

/* machine.c: KVM */

struct machine {
	int kvm, vm, cpu;
	struct kvm_run *run;
};

/** False, with the reason in *why, where this host has no usable /dev/kvm. */
bool machine_open(struct machine *machine, const char **why);
/** `alias`: the last quarter of the low memory is the third quarter once more, which no machine should be. */
void machine_create(struct machine *machine, struct ram *ram, bool alias);
void machine_set_entry(struct machine *machine, uint64_t entry, bool pvh);
void machine_set_line(struct machine *machine, unsigned gsi, bool level);

_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
