/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables as QEMU, Firecracker and Cloud Hypervisor make them, and as nobody should. */
#include "parse.h"

#include <base/bits.h>
#include <base/errno.h>
#include <core/params.h>
#include <hal/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim_tables.h"

static struct sim_memory sim;
static struct acpi_memory memory;

/* What acpi.c maps is the simulated block. */
uintptr_t direct_map_base;
static bool out_of_memory;

int mmu_map_direct(phys_t start, uint64_t bytes, unsigned flags)
{
	(void)flags;
	return out_of_memory || !range_fits(start.raw, bytes, SIM_BYTES) ? -ENOMEM : 0;
}

static int setup(void **state)
{
	(void)state;
	sim_memory_init(&sim);
	memory = sim_memory(&sim);
	direct_map_base = (uintptr_t)sim.bytes;
	out_of_memory = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim_memory_fini(&sim);
	return 0;
}

static struct acpi_table table(const char signature[4], const void *body, uint32_t bytes)
{
	struct acpi_table out;

	sim_table(&sim, 0x8001, signature, body, bytes);
	assert_int_equal(acpi_table_at(&memory, 0x8001, &out), 0);
	return out;
}

static void root_is_found_where_it_was_told(void **state)
{
	uint64_t entries[] = { 0x3000 };
	struct acpi_root root;

	(void)state;
	sim_table(&sim, 0x2003, "XSDT", entries, sizeof(entries));
	sim_rsdp(&sim, 0x1230, 2, 0x2003);
	assert_int_equal(acpi_find_root(&memory, 0x1230, ACPI_SEARCH_KNOWN, &root), 0);
	assert_int_equal(root.entry_bytes, 8);
	assert_int_equal(root.table.length, 44);
}

static void root_is_found_where_vmms_and_bios_put_it(void **state)
{
	static const uint64_t places[] = { 0xe0000, 0xa0000, 0xf41a0, 0xfffc0, 0x9fc20 };
	struct acpi_root root;

	(void)state;
	for (unsigned i = 0; i < countof(places); i++) {
		memset(sim.bytes, 0, SIM_BYTES);
		memcpy(sim.bytes + 0x40e, "\xc0\x9f", 2);
		sim_table(&sim, 0x2000, "RSDT", NULL, 0);
		sim_rsdp(&sim, places[i], 0, 0x2000);
		assert_int_equal(acpi_find_root(&memory, 0, ACPI_SEARCH_ALL, &root), 0);
		assert_int_equal(root.entry_bytes, 4);
		assert_int_equal(acpi_find_root(&memory, 0, ACPI_SEARCH_KNOWN, &root),
				 i < 2 ? 0 : -ENOENT);
	}
}

static void root_with_a_wrong_checksum_is_not_taken(void **state)
{
	struct acpi_root root;

	(void)state;
	sim_table(&sim, 0x2000, "RSDT", NULL, 0);
	sim_rsdp(&sim, 0xe0000, 0, 0x2000);
	sim.bytes[0xe0000 + 9]++;
	assert_int_equal(acpi_find_root(&memory, 0, ACPI_SEARCH_ALL, &root), -ENOENT);
	sim_rsdp(&sim, 0xe0000, 0, 0x2000);
	sim.bytes[0x2000 + 10]++;
	assert_int_equal(acpi_find_root(&memory, 0, ACPI_SEARCH_ALL, &root), -ENOENT);
	sim.bytes[0x2000 + 10]--;
	assert_int_equal(acpi_find_root(&memory, 0, ACPI_SEARCH_ALL, &root), 0);
}

static void rsdp_at_the_end_of_memory_is_not_read_past_it(void **state)
{
	struct acpi_root root;

	(void)state;
	sim_table(&sim, 0x2000, "RSDT", NULL, 0);
	sim_rsdp(&sim, 0x5000, 0, 0x2000);
	sim.end = 0x5000 + 20;
	assert_int_equal(acpi_find_root(&memory, 0x5000, ACPI_SEARCH_KNOWN, &root), 0);
	sim.end = 0x5000 + 19;
	assert_int_equal(acpi_find_root(&memory, 0x5000, ACPI_SEARCH_KNOWN, &root), -ENOENT);
	assert_int_equal(acpi_find_root(&memory, UINT64_MAX - 7, ACPI_SEARCH_KNOWN, &root),
			 -ENOENT);
}

static void tables_are_found_by_signature_and_index(void **state)
{
	uint64_t entries[] = { 0, 0x3001, UINT64_MAX, 0x3101, 0x3201, 0x3301 };
	struct acpi_table out;
	struct acpi_root root;

	(void)state;
	sim_table(&sim, 0x3001, "SSDT", "a", 1);
	sim_table(&sim, 0x3101, "APIC", "b", 1);
	sim_table(&sim, 0x3201, "SSDT", "c", 1);
	sim_table(&sim, 0x3301, "SSDT", "d", 1);
	sim.bytes[0x3201 + 36]++; /* checksum is wrong now */
	sim_table(&sim, 0x2000, "XSDT", entries, sizeof(entries));
	sim_rsdp(&sim, 0xe0000, 2, 0x2000);
	assert_int_equal(acpi_find_root(&memory, 0, ACPI_SEARCH_KNOWN, &root), 0);
	assert_int_equal(acpi_find_in_root(&memory, &root, "SSDT", 0, &out), 0);
	assert_int_equal(out.bytes[36], 'a');
	assert_int_equal(acpi_find_in_root(&memory, &root, "SSDT", 1, &out), 0);
	assert_int_equal(out.bytes[36], 'd');
	assert_int_equal(acpi_find_in_root(&memory, &root, "SSDT", 2, &out), -ENOENT);
	assert_int_equal(acpi_find_in_root(&memory, &root, "HPET", 0, &out), -ENOENT);
}

static void tables_of_absurd_length_are_not_taken(void **state)
{
	static const uint32_t lengths[] = { 0, 35, 0x10000000, UINT32_MAX };
	struct acpi_table out;

	(void)state;
	for (unsigned i = 0; i < countof(lengths); i++) {
		memcpy(sim.bytes + 0x1004, &lengths[i], 4);
		assert_true(acpi_table_at(&memory, 0x1000, &out) < 0);
	}
	assert_true(acpi_table_at(&memory, SIM_BYTES - 35, &out) < 0);
}

/* The body of a MADT: local APIC address, flags, entries. */
static const uint8_t qemu_madt[] = {
	0x00, 0x00, 0xe0, 0xfe, 1,    0,    0,    0, /* fee00000, 8259s */
	0,    8,    0,    0,    1,    0,    0,    0, /* CPU 0 */
	0,    8,    1,    1,    0,    0,    0,    0, /* CPU 1, not enabled */
	9,    16,   0,    0,    0x34, 0x12, 0,    0,    1,    0, 0, 0,
	2,    0,    0,    0,                                           /* x2APIC 0x1234 */
	1,    12,   0,    0,    0,    0,    0xc0, 0xfe, 0,    0, 0, 0, /* I/O APIC fec00000, 0 */
	1,    12,   1,    0,    0,    0,    0xc1, 0xfe, 24,   0, 0, 0, /* I/O APIC fec10000, 24 */
	2,    10,   0,    0,    2,    0,    0,    0,    0,    0,       /* 0 is 2 */
	2,    10,   0,    9,    9,    0,    0,    0,    0x0d, 0,       /* 9: high, level */
	2,    10,   0,    11,   21,   0,    0,    0,    0x0f, 0,       /* 11 is 21: low, level */
	2,    10,   0,    99,   9,    0,    0,    0,    0x0d, 0,       /* no such line */
};

static void madt_tells_controllers_lines_and_cpus(void **state)
{
	struct acpi_interrupts out;
	uint32_t id;

	(void)state;
	struct acpi_table madt = table("APIC", qemu_madt, sizeof(qemu_madt));

	acpi_parse_madt(&madt, &out);
	assert_int_equal(out.lapic_address, 0xfee00000);
	assert_true(out.has_8259);
	assert_int_equal(out.ioapic_count, 2);
	assert_int_equal(out.ioapics[1].address, 0xfec10000);
	assert_int_equal(out.ioapics[1].gsi_base, 24);
	assert_int_equal(out.isa[0].gsi, 2);
	assert_int_equal(out.isa[4].gsi, 4);
	assert_true(!out.isa[4].level && !out.isa[4].low);
	assert_true(out.isa[9].level && !out.isa[9].low);
	assert_true(out.isa[11].level && out.isa[11].low);
	assert_int_equal(out.isa[11].gsi, 21);
	assert_int_equal(out.cpu_count, 2);
	assert_true(acpi_madt_cpu(&madt, 1, &id));
	assert_int_equal(id, 0x1234);
	assert_false(acpi_madt_cpu(&madt, 2, &id));
}

static void madt_ends_at_an_entry_that_makes_no_sense(void **state)
{
	uint8_t body[sizeof(qemu_madt)];
	struct acpi_interrupts out;

	(void)state;
	memcpy(body, qemu_madt, sizeof(body));
	body[8 + 1] = 0; /* an entry without length would never end */
	struct acpi_table madt = table("APIC", body, sizeof(body));

	acpi_parse_madt(&madt, &out);
	assert_int_equal(out.cpu_count, 0);
	for (uint32_t cut = 0; cut < sizeof(qemu_madt); cut++) {
		madt = table("APIC", qemu_madt, cut);
		acpi_parse_madt(&madt, &out);
		assert_in_range(out.ioapic_count, 0, 2);
	}
}

static void madt_holds_as_many_ioapics_as_we_do(void **state)
{
	uint8_t body[8 + 12 * 40] = { 0 };
	struct acpi_interrupts out;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		memcpy(body + 8 + 12 * i, "\1\14\0\0\1\0\0\0\0\0\0\0", 12);
	struct acpi_table madt = table("APIC", body, sizeof(body));

	acpi_parse_madt(&madt, &out);
	assert_int_equal(out.ioapic_count, ACPI_IOAPICS_MAX);
	assert_int_equal(out.lapic_address, 0xfee00000);
}

static void put32(uint8_t *body, unsigned table_offset, uint32_t value)
{
	memcpy(body + table_offset - ACPI_HEADER_BYTES, &value, sizeof(value));
}

static void fadt_of_qemu_pc_has_ports_and_no_reset(void **state)
{
	uint8_t body[116 - 36] = { 0 };
	struct acpi_fixed out;

	(void)state;
	put32(body, 40, 0x7fe0040);
	put32(body, 46, 9);
	put32(body, 48, 0xb2);
	put32(body, 52, 0xf1);
	put32(body, 64, 0x604);
	put32(body, 76, 0x608);
	put32(body, 112, BIT(10)); /* says that there is a reset register, but ends before it */
	struct acpi_table fadt = table("FACP", body, sizeof(body));

	acpi_parse_fadt(&fadt, &out);
	assert_int_equal(out.dsdt, 0x7fe0040);
	assert_int_equal(out.smi_command, 0xb2);
	assert_int_equal(out.acpi_enable, 0xf1);
	assert_int_equal(out.pm1a_control.address, 0x604);
	assert_int_equal(out.pm1a_control.space, ACPI_SPACE_PORTS);
	assert_int_equal(out.pm1b_control.address, 0);
	assert_int_equal(out.pm_timer.address, 0x608);
	assert_int_equal(out.reset.address, 0);
	assert_false(out.hw_reduced);
}

static void fadt_of_microvm_is_hardware_reduced(void **state)
{
	uint8_t body[268 - 36] = { 0 };
	struct acpi_fixed out;

	(void)state;
	put32(body, 64, 0x604);
	put32(body, 112, BIT(20) | BIT(10));
	put32(body, 116, 8 << 8);
	put32(body, 120, 0xfea00202);
	put32(body, 128, 0x42);
	put32(body, 244, 8 << 8);
	put32(body, 248, 0xfea00200);
	struct acpi_table fadt = table("FACP", body, sizeof(body));

	acpi_parse_fadt(&fadt, &out);
	assert_true(out.hw_reduced);
	assert_int_equal(out.sleep_control.address, 0xfea00200);
	assert_int_equal(out.sleep_control.space, ACPI_SPACE_MEMORY);
	assert_int_equal(out.reset.address, 0xfea00202);
	assert_int_equal(out.reset_value, 0x42);
	assert_int_equal(out.pm1a_control.address, 0);
}

/* A device as QEMU's tables have it: _HID, _UID, _CRS with memory and an interrupt. */
#define VIRTIO(uid, address, flags, gsi)                                                       \
	"\x5b\x82\x42\x04VR0" uid "\x08_HID\x0dLNRO0005\0\x08_UID\x00\x08_CRS\x11\x1a\x0a\x17" \
	"\x86\x09\x00\x01" address "\x00\x02\x00\x00\x89\x06\x00" flags "\x01" gsi             \
	"\x00\x00\x00\x79\x00"

static void devices_of_virtio_are_found_one_after_the_other(void **state)
{
	static const char body[] = VIRTIO("0", "\x00\x00\xb0\xfe", "\x01", "\x18") VIRTIO(
		"1", "\x00\x02\xb0\xfe", "\x03", "\x19") "LNRO0005" /* and nothing behind it */
		VIRTIO("2", "\x00\x04\xb0\xfe", "\x05", "\x1a") "LNRO000";
	struct acpi_virtio found;
	uint32_t position = 0;

	(void)state;
	for (uint32_t shift = 0; shift < 4; shift++) {
		struct acpi_table dsdt = table("DSDT", body + shift,
					       (uint32_t)(sizeof(body) - shift));

		position = 0;
		assert_true(acpi_parse_virtio(&dsdt, &position, &found));
		assert_int_equal(found.address, 0xfeb00000);
		assert_int_equal(found.bytes, 0x200);
		assert_int_equal(found.gsi, 24);
		assert_true(found.level && !found.low);
		assert_true(acpi_parse_virtio(&dsdt, &position, &found));
		assert_true(found.gsi == 25 && !found.level && found.address == 0xfeb00200);
		assert_true(acpi_parse_virtio(&dsdt, &position, &found));
		assert_true(found.gsi == 26 && found.level && found.low);
		while (acpi_parse_virtio(&dsdt, &position, &found))
			assert_int_equal(found.gsi, 26);
	}
}

static void a_table_that_ends_within_a_device_has_none(void **state)
{
	static const char body[] = VIRTIO("0", "\x00\x00\xb0\xfe", "\x01", "\x18");

	(void)state;
	for (uint32_t bytes = 0; bytes < sizeof(body) - 8; bytes++) {
		struct acpi_table dsdt = table("DSDT", body, bytes);
		struct acpi_virtio found;
		uint32_t position = 0;

		if (acpi_parse_virtio(&dsdt, &position, &found))
			assert_int_equal(found.address, 0xfeb00000);
	}
}

static void cba_is_found_in_its_forms(void **state)
{
	static const char method[] = "xx_CBA\x08\xa4\x0c\x00\x00\x00\xe0________";
	static const char name[] = "\x08_CBA\x0e\x00\x00\x00\xb0\x01\x00\x00\x00_______";
	static const char other[] = "_CBA\x08\xa4\x0d____________";
	struct acpi_table dsdt = table("DSDT", method, sizeof(method));
	uint64_t address;

	(void)state;
	assert_true(acpi_parse_cba(&dsdt, &address));
	assert_int_equal(address, 0xe0000000);
	dsdt = table("DSDT", name, sizeof(name));
	assert_true(acpi_parse_cba(&dsdt, &address));
	assert_int_equal(address, 0x1b0000000);
	dsdt = table("DSDT", other, sizeof(other));
	assert_false(acpi_parse_cba(&dsdt, &address));
}

/* QEMU's table, behind its header: the address is that in VGIA and 40. */
static const char qemu_generation[] =
	"\x08VGIA\x0c\x00\xf0\xff\x07\x10\x41\x08\\_SB_\x5b\x82\x48\x07VGEN\x08_HID\x0dQEMUVGID\0"
	"\x08_CID\x0dVM_Gen_Counter\0\x08_DDN\x0dVM_Gen_Counter\0\x14\x17_"
	"STA\0\x70\x0a\x0f\x60\xa0\x0a"
	"\x93VGIA\0\x70\0\x60\xa4\x60\x14\x20"
	"ADDR\0\x70\x12\x02\x02\x60\x70\x72VGIA\x0a\x28\0\x88\x60\0\0\x70\0\x88\x60\x01\0\xa4\x60"
	"\x14\x19\\._GPE_E05\0\x86\\._SB_VGEN\x0a\x80";

/* Firecracker's: two devices, and the generic event device with both their lines. */
static const char firecracker_generation[] =
	"\x5b\x82\x45\x06._SB_VGEN\x08_HID\x0dVMGENCTR\0\x08_CID\x0dVM_Gen_Counter\0"
	"\x08_DDN\x0dVM_Gen_Counter\0\x08"
	"ADDR\x12\x08\x02\x0c\xf0\xff\x0d\0\x00"
	"\x14\x0a_STA\0\xa4\x0a\x0f\x01\x01"
	"\x5b\x82\x4a\x06._SB_VCLK\x08_HID\x0d"
	"AMZNC10C\0\x08_CID\x0dVMCLOCK\0"
	"\x08_CRS\x11\x33\x0a\x30\x8a\x2b\0\0\x0c\x03\0\0\0\0\0\0\0\0"
	"\x00\xe0\x0d\0\0\0\0\0\xff\xef\x0d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\x79\0"
	"\x5b\x82\x3f._SB_GED_\x08_HID\x0d"
	"ACPI0013\0\x08_CRS\x11\x17\x0a\x14"
	"\x89\x06\0\x03\x01\x06\0\0\0\x89\x06\0\x03\x01\x07\0\0\0\x79\0"
	"\x14\x0b_EVT\x09\xa3\xa3\xa3\xa3\xa3";

static void vmgenid_of_qemu_is_found_with_its_event(void **state)
{
	struct acpi_table ssdt = table("SSDT", qemu_generation, sizeof(qemu_generation) - 1);
	struct acpi_line lines[2];
	struct acpi_notice found;

	(void)state;
	assert_true(acpi_parse_vmgenid(&ssdt, &found));
	assert_int_equal(found.address, 0x07fff028);
	assert_int_equal(found.event, 5);
	assert_false(acpi_parse_vmclock(&ssdt, &found));
	assert_int_equal(acpi_parse_event_lines(&ssdt, lines, 2), 0);
}

static void vmgenid_and_vmclock_of_firecracker_are_found_with_their_lines(void **state)
{
	struct acpi_table dsdt = table("DSDT", firecracker_generation,
				       sizeof(firecracker_generation) - 1);
	struct acpi_line lines[3];
	struct acpi_notice found;

	(void)state;
	assert_true(acpi_parse_vmgenid(&dsdt, &found));
	assert_int_equal(found.address, 0xdfff0);
	assert_int_equal(found.event, ACPI_NO_EVENT);
	assert_true(acpi_parse_vmclock(&dsdt, &found));
	assert_int_equal(found.address, 0xde000);
	assert_int_equal(found.event, ACPI_NO_EVENT);
	assert_int_equal(acpi_parse_event_lines(&dsdt, lines, 3), 2);
	assert_int_equal(lines[0].gsi, 6);
	assert_int_equal(lines[1].gsi, 7);
	assert_false(lines[0].level);
	assert_int_equal(acpi_parse_event_lines(&dsdt, lines, 1), 1);
}

/* ASan watches the table's end; whatever is found lies in what was there. */
static void devices_of_a_table_that_was_cut_or_damaged_are_not_made_up(void **state)
{
	static const struct {
		const char *body;
		uint32_t bytes;
	} tables[] = { { qemu_generation, sizeof(qemu_generation) - 1 },
		       { firecracker_generation, sizeof(firecracker_generation) - 1 } };
	struct acpi_line lines[4];
	struct acpi_notice found;

	(void)state;
	for (unsigned t = 0; t < countof(tables); t++) {
		uint32_t whole = ACPI_HEADER_BYTES + tables[t].bytes;

		for (uint32_t bytes = ACPI_HEADER_BYTES; bytes < whole; bytes++) {
			uint8_t *copy = malloc(bytes);
			struct acpi_table cut = { copy, bytes };

			assert_non_null(copy);
			memset(copy, 0, ACPI_HEADER_BYTES);
			memcpy(copy + ACPI_HEADER_BYTES, tables[t].body, bytes - ACPI_HEADER_BYTES);
			if (acpi_parse_vmgenid(&cut, &found))
				assert_true(found.address == 0x07fff028 ||
					    found.address == 0xdfff0);
			if (acpi_parse_vmclock(&cut, &found))
				assert_int_equal(found.address, 0xde000);
			assert_true(acpi_parse_event_lines(&cut, lines, 4) <= 2);
			free(copy);
		}
	}
}

static void a_generation_device_in_a_form_that_is_not_known_is_not_found(void **state)
{
	/* An address that a method computes otherwise; no address; not a device. */
	static const char *const bodies[] = {
		"\x5b\x82\x2aVGEN\x08_CID\x0dVM_Gen_Counter\0\x14\x0c"
		"ADDR\0\xa4\x0c\x10\x20\0\0.....",
		"\x5b\x82\x1dVGEN\x08_CID\x0dVM_Gen_Counter\0...............",
		"\x08_CID\x0dVM_Gen_Counter\0\x08"
		"ADDR\x12\x08\x02\x0c\xf0\xff\x0d\0\0...........",
	};
	struct acpi_notice found;

	(void)state;
	for (unsigned i = 0; i < countof(bodies); i++) {
		struct acpi_table aml = table("SSDT", bodies[i], 44);

		assert_false(acpi_parse_vmgenid(&aml, &found));
	}
}

static bool s5_of(const char *aml, size_t bytes, uint8_t types[2])
{
	struct acpi_table dsdt = table("DSDT", aml, (uint32_t)bytes);

	return acpi_parse_s5(&dsdt, types);
}

#define S5(text) s5_of(text, sizeof(text) - 1, types)

static void s5_is_found_at_any_offset(void **state)
{
	static const char qemu[] = "\x08_S5_\x12\x06\x04\x00\x00\x00\x00";
	static const char microvm[] = "\x08_S5_\x12\x07\x04\x0a\x05\x00\x00\x00";
	char body[64];
	uint8_t types[2];

	(void)state;
	for (size_t shift = 0; shift < 16; shift++) {
		memset(body, 0x55, sizeof(body));
		memcpy(body + shift, qemu, sizeof(qemu) - 1);
		types[0] = types[1] = 9;
		assert_true(s5_of(body, sizeof(body), types));
		assert_int_equal(types[0], 0);
		assert_int_equal(types[1], 0);
		memcpy(body + shift, microvm, sizeof(microvm) - 1);
		assert_true(s5_of(body, sizeof(body), types));
		assert_int_equal(types[0], 5);
		assert_int_equal(types[1], 0);
	}
}

static void s5_takes_all_forms_of_integers(void **state)
{
	uint8_t types[2];

	(void)state;
	assert_true(S5("\x08\\_S5_\x12\x07\x02\x0a\x03\x01"));
	assert_int_equal(types[0], 3);
	assert_int_equal(types[1], 1);
	assert_true(S5("\x08_S5_\x12\x47\x01\x02\x0b\x06\x00\x0c\x02\x00\x00\x00"));
	assert_int_equal(types[0], 6);
	assert_int_equal(types[1], 2);
	assert_true(S5("\x08_S5_\x12\x04\x01\x0a\x07"));
	assert_int_equal(types[1], 7);
}

static void s5_is_not_taken_from_what_only_looks_like_it(void **state)
{
	uint8_t types[2];

	(void)state;
	assert_false(S5(""));
	assert_false(S5("\x07_S5_\x12\x06\x04\x00\x00\x00\x00"));
	assert_false(S5("\x08_S5_\x11\x06\x04\x00\x00\x00\x00"));
	assert_false(S5("\x08_S5_\x12\x06\x00\x00\x00\x00\x00"));
	assert_false(S5("\x08_S5_\x12\x06\x04\x0a\x08\x00"));
	assert_false(S5("\x08_S5_\x12\x06\x04\xff\x00"));
	assert_false(S5("\x08_S5_\x12\x06\x04\x0a"));
	assert_false(S5("\x08_S5_"));
	/* The right one behind a wrong one. */
	assert_true(S5("\x08_S5_\x99_S5_\x08_S5_\x12\x06\x04\x00\x00\x00\x00"));
}

static void mcfg_and_hpet_tell_their_addresses(void **state)
{
	static const uint8_t mcfg_body[] = { 0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0, 0xb0,
					     0, 0, 0, 0, 1, 0, 0, 0xff, 0, 0, 0, 0 };
	static const uint8_t hpet_body[] = { 1,    0xa2, 0x86, 0x80, 0, 0, 0, 0, 0, 0,
					     0xd0, 0xfe, 0,    0,    0, 0, 0, 0, 0, 0 };
	struct acpi_ecam ecam;
	uint64_t address;

	(void)state;
	struct acpi_table mcfg = table("MCFG", mcfg_body, sizeof(mcfg_body));

	assert_true(acpi_parse_mcfg(&mcfg, 0, &ecam));
	assert_int_equal(ecam.address, 0xb0000000);
	assert_int_equal(ecam.segment, 1);
	assert_int_equal(ecam.end_bus, 255);
	assert_false(acpi_parse_mcfg(&mcfg, 1, &ecam));
	assert_false(acpi_parse_mcfg(&mcfg, UINT32_MAX, &ecam));
	struct acpi_table hpet = table("HPET", hpet_body, sizeof(hpet_body));

	assert_true(acpi_parse_hpet(&hpet, &address));
	assert_int_equal(address, 0xfed00000);
	hpet.length = 40;
	assert_false(acpi_parse_hpet(&hpet, &address));
}

static void build_machine(void)
{
	static const char dsdt[] = "\x08_S5_\x12\x06\x04\x0a\x05\x00\x00\x00";
	uint8_t fadt[116 - 36] = { 0 };
	uint64_t entries[] = { 0x3000, 0x4000 };

	put32(fadt, 40, 0x5000);
	sim_table(&sim, 0x3000, "APIC", qemu_madt, sizeof(qemu_madt));
	sim_table(&sim, 0x4000, "FACP", fadt, sizeof(fadt));
	sim_table(&sim, 0x5000, "DSDT", dsdt, sizeof(dsdt) - 1);
	sim_table(&sim, 0x2000, "XSDT", entries, sizeof(entries));
	sim_rsdp(&sim, 0xe0000, 2, 0x2000);
}

static void set_params(const char *line)
{
	static char *params[32];

	params_parse(line, strlen(line), params);
}

static void machine_tables_are_read_when_asked_for(void **state)
{
	struct acpi_interrupts interrupts;
	struct acpi_ecam ecam;
	uint8_t types[2];
	uint64_t hpet;
	uint32_t id;

	(void)state;
	set_params("");
	build_machine();
	acpi_init(0, ACPI_SEARCH_KNOWN);
	assert_int_equal(acpi_read_interrupts(&interrupts), 0);
	assert_int_equal(interrupts.ioapic_count, 2);
	assert_int_equal(acpi_read_cpu(0, &id), 0);
	assert_int_equal(acpi_read_cpu(7, &id), -ENOENT);
	assert_int_equal(acpi_read_s5(types), 0);
	assert_int_equal(types[0], 5);
	assert_int_equal(acpi_read_hpet(&hpet), -ENOENT);
	assert_int_equal(acpi_read_ecam(0, &ecam), -ENOENT);
}

static void machine_tables_can_be_switched_off(void **state)
{
	struct acpi_interrupts interrupts;

	(void)state;
	build_machine();
	set_params("acpi=off");
	acpi_init(0xe0000, ACPI_SEARCH_ALL);
	assert_int_equal(acpi_read_interrupts(&interrupts), -ENOENT);
	set_params("");
}

static void machine_tables_are_absent_when_they_cannot_be_mapped(void **state)
{
	struct acpi_fixed fixed;

	(void)state;
	set_params("");
	build_machine();
	out_of_memory = true;
	acpi_init(0xe0000, ACPI_SEARCH_ALL);
	assert_int_equal(acpi_read_fixed(&fixed), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_is_found_where_it_was_told),
		cmocka_unit_test(root_is_found_where_vmms_and_bios_put_it),
		cmocka_unit_test(root_with_a_wrong_checksum_is_not_taken),
		cmocka_unit_test(rsdp_at_the_end_of_memory_is_not_read_past_it),
		cmocka_unit_test(tables_are_found_by_signature_and_index),
		cmocka_unit_test(tables_of_absurd_length_are_not_taken),
		cmocka_unit_test(madt_tells_controllers_lines_and_cpus),
		cmocka_unit_test(madt_ends_at_an_entry_that_makes_no_sense),
		cmocka_unit_test(madt_holds_as_many_ioapics_as_we_do),
		cmocka_unit_test(fadt_of_qemu_pc_has_ports_and_no_reset),
		cmocka_unit_test(fadt_of_microvm_is_hardware_reduced),
		cmocka_unit_test(devices_of_virtio_are_found_one_after_the_other),
		cmocka_unit_test(a_table_that_ends_within_a_device_has_none),
		cmocka_unit_test(cba_is_found_in_its_forms),
		cmocka_unit_test(vmgenid_of_qemu_is_found_with_its_event),
		cmocka_unit_test(vmgenid_and_vmclock_of_firecracker_are_found_with_their_lines),
		cmocka_unit_test(devices_of_a_table_that_was_cut_or_damaged_are_not_made_up),
		cmocka_unit_test(a_generation_device_in_a_form_that_is_not_known_is_not_found),
		cmocka_unit_test(s5_is_found_at_any_offset),
		cmocka_unit_test(s5_takes_all_forms_of_integers),
		cmocka_unit_test(s5_is_not_taken_from_what_only_looks_like_it),
		cmocka_unit_test(mcfg_and_hpet_tell_their_addresses),
		cmocka_unit_test(machine_tables_are_read_when_asked_for),
		cmocka_unit_test(machine_tables_can_be_switched_off),
		cmocka_unit_test(machine_tables_are_absent_when_they_cannot_be_mapped),
	};
	struct CMUnitTest each[countof(tests)];

	for (unsigned i = 0; i < countof(tests); i++) {
		each[i] = tests[i];
		each[i].setup_func = setup;
		each[i].teardown_func = teardown;
	}
	return cmocka_run_group_tests(each, NULL, NULL);
}
