/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Terminals, with the behaviour of Linux's (termios(3), n_tty): canonical editing, echo, signals
 * from the keyboard, output processing, window size. There is one, over the console.
 *
 * Its two directions need not have a terminal on the host's side. The host command says what they
 * have with `stdin=tty|pipe`, `stdout=tty|pipe` and `winsize=ROWSxCOLUMNS`; who boots without it
 * gets a terminal both ways.
 *
 * With stdin=pipe, input is a transparent stream of bytes in which DLE (0x10) is an escape: DLE DLE
 * is the byte 0x10, DLE EOT (0x10 0x04) the end of the stream; after that reads return 0 for ever.
 * There is no echo, editing or signals. With stdout=pipe, bytes go out as they are, and there is no
 * echo.
 *
 * Input is started by whoever first reads, polls or counts it; with `stdin=tty` together with the
 * signal hook, as keys that send signals must work for a program that never reads. A host that has
 * told `stdin=` is then asked for the input by INPUT_RECORD (<core/status.h>) on the console: it leaves what
 * nobody reads to who comes next. While nobody takes the input, the host holds it back.
 *
 * Thread context, no spinlock held, unless a function says otherwise.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <core/thread.h>

struct tty;

/** Reads the parameters. Once, after console_probe(); interrupts need not work yet. */
void tty_init(void);

/** The terminal over the console; there is always one. Any context. */
struct tty *tty_console(void);

/** Whether the descriptors 0, and 1 and 2, are a terminal to the program. Where not, isatty() must
 * fail: of tty_ioctl() only FIONREAD counts for that descriptor, everything else is ENOTTY. Any
 * context. */
bool tty_stdin_is_terminal(void);
bool tty_stdout_is_terminal(void);

/** Bytes read, 0 at the end of input; -EAGAIN, -EINTR (nothing was read), -ENOMEM. Without a
 * console: 0. */
ssize_t must_check tty_read(struct tty *tty, void *kernel_buffer, size_t count, bool nonblocking);

/** Bytes written, all of them unless interrupted or nonblocking; -EAGAIN, -EINTR. Without a
 * console: count. */
ssize_t must_check tty_write(struct tty *tty, const void *kernel_buffer, size_t count,
			     bool nonblocking);

/** `arg` is the program's. -ENOTTY: no request of terminals; -EFAULT, -EINVAL, -EINTR. */
long must_check tty_ioctl(struct tty *tty, unsigned request, uintptr_t arg);

/** Events that are ready, as poll(2) numbers them: POLLIN, POLLRDNORM, POLLOUT, POLLWRNORM,
 * POLLHUP; *queue is woken when they may have changed. */
unsigned tty_poll(struct tty *tty, struct waitq **queue);

/** Called, in any context, with SIGINT, SIGQUIT, SIGTSTP or SIGWINCH for the foreground processes.
 * Setting it starts input if `stdin=tty` says so: when interrupts can be attached. */
void tty_set_signal_hook(void (*fn)(int signal));

/** The foreground process group and the session, as TIOCGPGRP and TIOCGSID tell them; at first
 * both 1. */
void tty_set_group(struct tty *tty, int group, int session);
