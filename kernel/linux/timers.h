/* SPDX-License-Identifier: BSD-3-Clause */
/* Interval timers of a process: setitimer(2), alarm(2) and timer_create(2). */
#pragma once

struct process;

/** Stops and frees those of timer_create(2), which do not outlive the program that made them. Thread context. */
void timers_delete_created(struct process *process);

/** Stops and frees all of them. Thread context. */
void timers_destroy(struct process *process);
