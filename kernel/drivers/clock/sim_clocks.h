/* SPDX-License-Identifier: BSD-3-Clause */
/* Clock chips of the simulated machine, which run by its cycle counter at 1 GHz; each access takes a microsecond. */
#pragma once

#include <base/types.h>

struct sim_pit {
	bool latched_status, latched_count, high_next;
	uint8_t mode, status, low;
	uint16_t count;
	uint64_t loaded_at; /* cycles */
	uint16_t load;
	unsigned stuck; /* 1: counts nothing */
};

struct sim_cmos {
	uint8_t registers[128];
	uint8_t index;
	unsigned
		tick_at_access; /* the seconds change in this access, as a real clock's may; 0: never */
};

/** A simulated chip is there from now on, until host_io_remove_all(). */
void sim_pit_attach(struct sim_pit *pit);
void sim_hpet_attach(uint64_t address, uint32_t period_fs);
void sim_pm_timer_attach(uint16_t port);
void sim_cmos_attach(struct sim_cmos *cmos);

/** Sets date and time in BCD, 24 hours. */
void sim_cmos_set(struct sim_cmos *cmos,
		  const uint8_t bcd[6]); /* year month day hours minutes seconds */
