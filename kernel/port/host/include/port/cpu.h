/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulated machine's part of <hal/cpu.h>. */
#pragma once

#include <base/types.h>

struct thread;

unsigned cpu_index(void);
struct thread *cpu_thread(void);
bool cpu_irq_disable(void);
void cpu_irq_enable(void);
bool cpu_irq_enabled(void);
void cpu_relax(void);
uint64_t cpu_cycles(void);
void dma_rmb(void);
void dma_wmb(void);
void dma_mb(void);
