/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tells that the machine was stopped or resumed: VMGenID, 128 bits that change with each resume from a snapshot (Microsoft,
 * "Virtual Machine Generation ID"); VMClock, a page with markers (Linux, include/uapi/linux/vmclock-abi.h); the platform's own
 * clock. Both devices announce a change through a line of the generic event device (ACPI 6.5, 5.6.9), or, on a PC, through a
 * general-purpose event and the SCI (4.8.4). Memory that they say is theirs is believed only where nothing else can be.
 */
#include "platform.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <bus/acpi.h>
#include <core/random.h>
#include <core/resume.h>
#include <hal/cpu.h>
#include <hal/io.h>
#include <hal/irq.h>
#include <hal/memory.h>

enum {
	VMGENID_BYTES = 16,
	VMCLOCK_MAGIC = 0x4b4c4356, /* "VCLK" */
	VMCLOCK_READS_MAX = 100,
	EVENTS_PER_BYTE = 8,
	EVENTS_MAX = 2,
};

/* RAM that firmware keeps lies next to what it gives away. */
#define FIRMWARE_RAM_BYTES ((uint64_t)64 << 20)

/* The part that is looked at. */
struct vmclock {
	uint32_t magic, size;
	uint16_t version;
	uint8_t counter_id, time_type;
	uint32_t sequence; /* odd: being written */
	uint64_t disruption_marker, flags;
	uint8_t clock_parameters[72];
	uint64_t generation;
};
static_assert(__builtin_offsetof(struct vmclock, generation) == 104, "vmclock-abi.h");

struct vmclock_marks {
	uint64_t disruption, generation;
};

/* A general-purpose event: where its bit is. */
struct event {
	uint32_t byte;
	uint8_t bit;
};

/* One machine. */
static struct {
	const struct boot_info *boot;
	const uint64_t *id;
	uint64_t id_seen[2];
	const struct vmclock *clock;
	struct vmclock_marks marks_seen;
	struct io_region gpe; /* general-purpose events: status, then as many bytes of enables */
	struct event events[EVENTS_MAX];
	unsigned event_count;
} notices;

static bool is_usable_ram(uint64_t address)
{
	const struct boot_info *boot = notices.boot;

	for (uint32_t i = 0; i < boot->range_count; i++) {
		if (address >= boot->ranges[i].start && address < boot->ranges[i].end)
			return true;
	}
	return false;
}

static uint64_t end_of_low_ram(void)
{
	const struct boot_info *boot = notices.boot;
	uint64_t end = 0;

	for (uint32_t i = 0; i < boot->range_count; i++) {
		if (boot->ranges[i].end <= BIT64(32))
			end = max(end, boot->ranges[i].end);
	}
	return end;
}

/* Within one page, and none that was given to the kernel. */
static bool is_plausible(uint64_t address, uint64_t bytes)
{
	uint64_t start = align_down(address, PAGE_SIZE);

	return start && start < BOOT_ADDRESS_MAX && is_aligned(address, sizeof(uint64_t)) &&
	       address - start + bytes <= PAGE_SIZE && !is_usable_ram(start);
}

/* Memory that the hypervisor writes. NULL: it cannot be that. */
static const void *map_shared(uint64_t address, uint64_t bytes)
{
	if (!is_plausible(address, bytes) ||
	    mmu_map_direct(phys(align_down(address, PAGE_SIZE)), PAGE_SIZE, MMU_READ | MMU_WRITE))
		return NULL;
	return phys_to_virt(phys(address));
}

static void read_id(uint64_t out[2])
{
	for (unsigned i = 0; i < 2; i++)
		out[i] = __atomic_load_n(&notices.id[i], __ATOMIC_RELAXED);
}

static bool find_vmgenid(struct acpi_notice *notice)
{
	/* Anything can be an id: so it must be RAM. */
	if (acpi_read_vmgenid(notice) || notice->address >= end_of_low_ram() + FIRMWARE_RAM_BYTES)
		return false;
	notices.id = map_shared(notice->address, VMGENID_BYTES);
	if (!notices.id)
		return false;
	read_id(notices.id_seen);
	random_set_generation(notices.id);
	log_debug("VMGenID at 0x%lx", notice->address);
	return true;
}

/* False: it is being written for ever. */
static bool read_marks(struct vmclock_marks *out)
{
	const struct vmclock *clock = notices.clock;

	for (unsigned i = 0; i < VMCLOCK_READS_MAX; i++) {
		uint32_t sequence = __atomic_load_n(&clock->sequence, __ATOMIC_ACQUIRE);

		out->disruption = __atomic_load_n(&clock->disruption_marker, __ATOMIC_RELAXED);
		out->generation = __atomic_load_n(&clock->generation, __ATOMIC_RELAXED);
		dma_rmb(); /* the marks are read before the sequence is looked at again */
		if (!(sequence & 1) &&
		    sequence == __atomic_load_n(&clock->sequence, __ATOMIC_RELAXED))
			return true;
		cpu_relax();
	}
	return false;
}

static bool find_vmclock(struct acpi_notice *notice)
{
	const struct vmclock *clock;

	if (acpi_read_vmclock(notice) || !is_aligned(notice->address, PAGE_SIZE))
		return false;
	clock = map_shared(notice->address, sizeof(*clock));
	if (!clock || clock->magic != VMCLOCK_MAGIC || clock->version != 1 ||
	    clock->size < sizeof(*clock))
		return false;
	notices.clock = clock;
	if (!read_marks(&notices.marks_seen)) {
		notices.clock = NULL;
		return false;
	}
	log_debug("VMClock at 0x%lx", notice->address);
	return true;
}

static bool id_changed(void)
{
	uint64_t now[2];

	if (!notices.id)
		return false;
	read_id(now);
	if (now[0] == notices.id_seen[0] && now[1] == notices.id_seen[1])
		return false;
	notices.id_seen[0] = now[0];
	notices.id_seen[1] = now[1];
	return true;
}

/* Also without a generation counter: a machine that has moved loses nothing by new random numbers. */
static bool marks_changed(void)
{
	struct vmclock_marks now;

	if (!notices.clock || !read_marks(&now) ||
	    (now.disruption == notices.marks_seen.disruption &&
	     now.generation == notices.marks_seen.generation))
		return false;
	notices.marks_seen = now;
	return true;
}

/* All are looked at, so that none tells of the same resume again. */
static enum resume_change look(void)
{
	const struct platform *platform = platform_current();
	bool by_id = id_changed(), by_marks = marks_changed();
	enum resume_change by_platform = platform && platform->look ? platform->look()
								    : RESUME_UNKNOWN;

	return by_id || by_marks ? RESUME_RESTORED : by_platform;
}

static void announced(void *context)
{
	(void)context;
	resume_check();
}

/* QEMU may restore the status register after it has raised the interrupt: so that does not decide. */
static void event_interrupt(void *context)
{
	for (unsigned i = 0; i < notices.event_count; i++)
		io_write8(&notices.gpe, notices.events[i].byte,
			  notices.events[i].bit); /* write 1 to clear */
	announced(context);
}

/* Takes the general-purpose events over, none of them enabled. */
static bool start_events(const struct acpi_fixed *fixed)
{
	enum irq_trigger trigger;
	unsigned line;

	if (fixed->hw_reduced ||
	    !platform_map_register(&notices.gpe, &fixed->gpe0, 2u * fixed->gpe0_bytes))
		return false;
	platform_enable_acpi(fixed);
	for (uint32_t i = 0; i < fixed->gpe0_bytes; i++)
		io_write8(&notices.gpe, fixed->gpe0_bytes + i, 0);
	line = irq_isa(fixed->sci_interrupt, &trigger);
	return !irq_attach(line, trigger, event_interrupt, NULL);
}

static void attach_event(uint32_t number)
{
	const struct event event = { number / EVENTS_PER_BYTE,
				     (uint8_t)BIT(number % EVENTS_PER_BYTE) };
	struct acpi_fixed fixed;

	if (acpi_read_fixed(&fixed) || event.byte >= fixed.gpe0_bytes ||
	    notices.event_count == EVENTS_MAX)
		return;
	if (!notices.event_count && !start_events(&fixed)) {
		log_warning("no interrupt will tell of a resume");
		return;
	}
	notices.events[notices.event_count++] = event;
	io_write8(&notices.gpe, event.byte, event.bit);
	io_write8(&notices.gpe, fixed.gpe0_bytes + event.byte,
		  io_read8(&notices.gpe, fixed.gpe0_bytes + event.byte) | event.bit);
}

static void attach_lines(void)
{
	struct acpi_line lines[ACPI_EVENT_LINES_MAX];
	unsigned count = acpi_read_event_lines(lines, ACPI_EVENT_LINES_MAX);

	for (unsigned i = 0; i < count; i++) {
		enum irq_trigger level = lines[i].low ? IRQ_LEVEL_LOW : IRQ_LEVEL_HIGH;

		if (irq_attach(lines[i].gsi, lines[i].level ? level : IRQ_EDGE_HIGH, announced,
			       NULL))
			log_warning("interrupt %u cannot tell of a resume", lines[i].gsi);
	}
}

static void find(void)
{
	struct acpi_notice id, clock;
	bool has_id = find_vmgenid(&id), has_clock = find_vmclock(&clock);

	if (!has_id && !has_clock)
		return;
	if (has_id && id.event != ACPI_NO_EVENT)
		attach_event(id.event);
	if (has_clock && clock.event != ACPI_NO_EVENT)
		attach_event(clock.event);
	attach_lines();
}

void notice_start(const struct boot_info *boot)
{
	static const struct resume_machine machine = { .find = find, .look = look };

	notices.boot = boot;
	resume_set_machine(&machine);
}
