/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The signals that end the command, and those of job control. Handlers only take a note; whoever waits
 * polls signals_fd() beside what it waits for, and asks here. One of its kind in a process.
 */
#pragma once

#include <base/compiler.h>

#include <stdbool.h>
#include <stdint.h>

/** Takes SIGINT, SIGTERM, SIGHUP and SIGALRM; ignores SIGPIPE. 0 or a negative errno. */
must_check int signals_init(void);

/** Readable once a signal arrived. Any number of waiters. */
int signals_fd(void);
/** Takes the notes off signals_fd(), so that it is readable again only for new ones. */
void signals_drain(void);

/** The signal that wants the command ended (SIGALRM: the time is up), or 0. It stays. */
int signals_ending(void);

/** SIGALRM after this time. */
must_check int signals_set_alarm(uint64_t ms);

/** From here on SIGTSTP and SIGCONT are noted as well; signals_take_*() says so once each. */
must_check int signals_watch_jobs(void);
bool signals_take_stop(void);
bool signals_take_continue(void);
/** Stops the command as SIGTSTP would have; returns when it goes on. */
void signals_stop_self(void);
