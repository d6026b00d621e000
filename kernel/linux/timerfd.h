/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

/** The wall clock was set: timers of that clock follow it. Any context. */
void timerfd_clock_was_set(void);
