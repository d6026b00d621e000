/* SPDX-License-Identifier: BSD-3-Clause */
/* Interval timers of a process: setitimer(2), alarm(2) and timer_create(2). */
#pragma once

struct process;

/** Stops and frees all of them. Thread context. */
void timers_destroy(struct process *process);
