/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a machine's end is told to the host: one record on the console, just before power-off:
 *
 *	ESC _ capuchin;exit=N ESC \
 *
 * ESC _ ... ESC \ is an application program command (ECMA-48, 8.3.2), which terminals do not show.
 *N is a decimal number from 0 to 255. Shared with the CLI.
 */
#pragma once

#define STATUS_RECORD_BEGIN "\033_capuchin;exit="
#define STATUS_RECORD_END "\033\\"

enum {
	STATUS_SIGNAL_BASE = 128, /* killed by signal n: 128 + n */
	STATUS_PANIC = 125,       /* the kernel found itself broken */
	STATUS_BOOT_FAILED = 124, /* the machine, image or command line cannot run the program */
};
