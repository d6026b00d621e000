/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel tells the host command by records in the console's output. ESC _ ... ESC \ is an
 * application program command (ECMA-48, 8.3.2), which terminals do not show.
 *
 *	ESC _ capuchin;input ESC \     send the input from now on
 *	ESC _ capuchin;exit=N ESC \    the end, just before power-off; N is 0 to 255 in decimal
 */
#pragma once

#define INPUT_RECORD "\033_capuchin;input\033\\"
#define STATUS_RECORD_BEGIN "\033_capuchin;exit="
#define STATUS_RECORD_END "\033\\"

enum {
	STATUS_SIGNAL_BASE = 128,   /* killed by signal n: 128 + n */
	STATUS_PANIC = 125,         /* the kernel found itself broken */
	STATUS_BOOT_FAILED = 124,   /* the machine, image or command line cannot run the program */
	STATUS_SELFTEST_FAILED = 1, /* init=selftest: at least one check failed */
};
