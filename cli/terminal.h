/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user's terminal. It is raw only while both standard input and output are it, so that the machine's
 * own terminal does echo and line editing; it is put back at exit, whatever the way there.
 */
#pragma once

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
