/* SPDX-License-Identifier: BSD-3-Clause */
/* For reports of a broken kernel. */
#pragma once

/** Logs the calls that led here, by name. Any context. */
void cpu_backtrace(void);
