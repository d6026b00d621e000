/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user's terminal. It is raw only while both standard input and output are it, so that the machine's
 * own terminal does echo and line editing; it is put back at exit, whatever the way there.
 */
#pragma once

#include <base/compiler.h>

#include <stdbool.h>

/** Whether standard input and output both are terminals, so that the program can have one. */
bool terminal_present(void);

/** Raw, if the command is in the terminal's foreground; returns whether that is so. */
bool terminal_enter_raw(void);
void terminal_restore(void);

/** Whether reading it would not stop the command as a background job. */
bool terminal_in_foreground(void);

/** Its size; false where it has none. */
bool terminal_size(unsigned *rows, unsigned *columns);

/** A pseudo-terminal that changes nothing of what passes: fds[0] is the terminal, fds[1] what is typed. 0 or a negative errno,
 * reported; then both are -1. */
must_check int terminal_make(int fds[2]);
