/* SPDX-License-Identifier: BSD-3-Clause */
/* The local APIC: between its own file and the I/O APIC's. */
#pragma once

#include <base/types.h>

/** Enables this CPU's APIC at its first use; false: the machine has none. */
bool apic_start(void);
uint32_t apic_id(void);
void apic_end_of_interrupt(void);
void apic_timer_interrupt(void);
