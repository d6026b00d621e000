/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of kernel/platform. */
#pragma once

#include <platform/platform.h>

/** The detected platform; NULL: none, or not looked yet. */
const struct platform *platform_current(void);

/** What the clock needs: see <core/time.h>. */
extern const struct time_machine platform_clock;

/** Whether the rate will be told, so that no reference counter has to be started. */
bool platform_knows_rate(void);
