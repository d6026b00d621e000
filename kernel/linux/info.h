/* SPDX-License-Identifier: BSD-3-Clause */
/* What uname(2) tells, for /proc as well. */
#pragma once

#define INFO_SYSTEM "Linux"
#define INFO_RELEASE "6.1.0-capuchin"
#define INFO_VERSION "#1 SMP PREEMPT_DYNAMIC Capuchin"

const char *info_host_name(void);
