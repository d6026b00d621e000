/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clock hardware of a PC: counters to measure the cycle counter by (the contract is struct clock_reference in <core/time.h>) and
 * the battery clock. Few, and their order matters, so they are named here and not registered. Each finds out by itself
 * whether it is there.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <core/time.h>

extern const struct clock_reference clock_pit;      /* needs nothing told: can start at boot */
extern const struct clock_reference clock_hpet;     /* asks ACPI where it is */
extern const struct clock_reference clock_pm_timer; /* asks ACPI where it is */

/** The battery clock's date and time, which are taken to be UTC, in nanoseconds since 1970. False: there is none, or what it
 * says is no date. `century_register` as the FADT tells it; 0: none. Does not wait. */
bool must_check clock_cmos_read(uint8_t century_register, uint64_t *wall_ns);
