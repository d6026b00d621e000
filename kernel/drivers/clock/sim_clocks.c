/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim_clocks.h"

#include <hal/cpu.h>

#include <string.h>

#include "../../port/host/host.h"
#include "../../port/host/io.h"

enum { ACCESS_NS = 1000, HZ = 1000000000 };

/* 8254, channel 0 in mode 0; as QEMU's. */

static uint64_t pit_ticks(const struct sim_pit *pit)
{
	return pit->stuck ? 0 : (cpu_cycles() - pit->loaded_at) * 1193182 / HZ;
}

static uint64_t pit_read(void *context, uint32_t offset, unsigned bytes)
{
	struct sim_pit *pit = context;

	(void)bytes;
	host_advance_time(ACCESS_NS);
	if (offset != 0)
		return 0xff;
	if (pit->latched_status) {
		pit->latched_status = false;
		return pit->status;
	}
	pit->high_next = !pit->high_next;
	return pit->high_next ? pit->count & 0xff : pit->count >> 8;
}

static void pit_control(struct sim_pit *pit, uint8_t value)
{
	uint64_t ticks = pit_ticks(pit);

	if (value == 0xc2) {
		pit->status = (uint8_t)((ticks >= pit->load ? 0x80 : 0) | pit->mode);
		pit->count = (uint16_t)(pit->load - ticks);
		pit->latched_status = true;
		pit->high_next = false;
	} else if (!(value & 0xc0)) {
		pit->mode = value & 0x3f;
		pit->high_next = false;
	}
}

static void pit_write(void *context, uint32_t offset, unsigned bytes, uint64_t value)
{
	struct sim_pit *pit = context;

	(void)bytes;
	host_advance_time(ACCESS_NS / 2);
	if (offset == 3) {
		pit_control(pit, (uint8_t)value);
	} else if (offset == 0 && !pit->high_next) {
		pit->low = (uint8_t)value;
		pit->high_next = true;
	} else if (offset == 0) {
		pit->load = (uint16_t)(pit->low | value << 8);
		pit->loaded_at = cpu_cycles();
		pit->high_next = false;
	}
	host_advance_time(ACCESS_NS / 2);
}

void sim_pit_attach(struct sim_pit *pit)
{
	static struct host_device device;

	device = (struct host_device){
		.base = 0x40, .bytes = 4, .read = pit_read, .write = pit_write, .context = pit
	};
	host_io_add(&device);
}

/* HPET */

static struct {
	uint32_t period_fs;
	bool enabled;
} hpet;

static uint64_t hpet_read(void *context, uint32_t offset, unsigned bytes)
{
	(void)context;
	(void)bytes;
	host_advance_time(ACCESS_NS);
	if (offset == 4)
		return hpet.period_fs;
	if (offset == 0xf0 && hpet.enabled)
		return (uint32_t)(cpu_cycles() * 1000000 / hpet.period_fs);
	return 0;
}

static void hpet_write(void *context, uint32_t offset, unsigned bytes, uint64_t value)
{
	(void)context;
	(void)bytes;
	if (offset == 0x10)
		hpet.enabled = value & 1;
}

void sim_hpet_attach(uint64_t address, uint32_t period_fs)
{
	static struct host_device device;

	hpet.period_fs = period_fs;
	hpet.enabled = false;
	device = (struct host_device){ .base = address,
				       .bytes = 0x400,
				       .is_memory = true,
				       .read = hpet_read,
				       .write = hpet_write };
	host_io_add(&device);
}

/* PM timer */

static uint64_t pm_timer_read(void *context, uint32_t offset, unsigned bytes)
{
	(void)context;
	(void)offset;
	(void)bytes;
	host_advance_time(ACCESS_NS);
	/* The upper byte of a 24-bit timer is anything. */
	return (cpu_cycles() * 3579545 / HZ & 0xffffff) | 0xab000000;
}

void sim_pm_timer_attach(uint16_t port)
{
	static struct host_device device;

	device = (struct host_device){ .base = port, .bytes = 4, .read = pm_timer_read };
	host_io_add(&device);
}

/* MC146818 */

static uint64_t cmos_read(void *context, uint32_t offset, unsigned bytes)
{
	struct sim_cmos *cmos = context;

	(void)bytes;
	if (offset != 1)
		return 0xff;
	if (cmos->tick_at_access && !--cmos->tick_at_access) {
		cmos->registers[0] = 0; /* from :59 to :00 of the next minute */
		cmos->registers[2]++;
	}
	return cmos->registers[cmos->index & 127];
}

static void cmos_write(void *context, uint32_t offset, unsigned bytes, uint64_t value)
{
	struct sim_cmos *cmos = context;

	(void)bytes;
	if (offset == 0)
		cmos->index = (uint8_t)value;
}

void sim_cmos_attach(struct sim_cmos *cmos)
{
	static struct host_device device;

	device = (struct host_device){
		.base = 0x70, .bytes = 2, .read = cmos_read, .write = cmos_write, .context = cmos
	};
	host_io_add(&device);
}

void sim_cmos_set(struct sim_cmos *cmos, const uint8_t bcd[6])
{
	static const uint8_t at[] = { 9, 8, 7, 4, 2, 0 };

	memset(cmos, 0, sizeof(*cmos));
	for (unsigned i = 0; i < sizeof(at); i++)
		cmos->registers[at[i]] = bcd[i];
	cmos->registers[11] = 2;
}
