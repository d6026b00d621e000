/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of kernel/platform. */
#pragma once

#include <bus/acpi.h>
#include <hal/io.h>
#include <platform/platform.h>

/** The detected platform; NULL: none, or not looked yet. */
const struct platform *platform_current(void);

/** A register as ACPI names it, of so many bytes. False: there is none, or it cannot be reached. */
bool platform_map_register(struct io_region *io, const struct acpi_register *reg, uint32_t bytes);

/** Has the power management registers handed over by firmware that has them. */
void platform_enable_acpi(const struct acpi_fixed *fixed);

/** Tells core/resume.h how to look for what tells of a resume. `boot` lives for ever. */
void notice_start(const struct boot_info *boot);

/** What the clock needs: see <core/time.h>. */
extern const struct time_machine platform_clock;

/** Whether the rate will be told, so that no reference counter has to be started. */
bool platform_knows_rate(void);
