/* SPDX-License-Identifier: BSD-3-Clause */
/* The log of system calls: thread.trace lets the port call syscall_traced() instead of the table. */
#include "trace.h"

#include <base/log.h>
#include <linux/signal.h>

#include "calls.h"
#include "trace_format.h"

enum { LINE_BYTES = 240 };
enum { NR_RT_SIGRETURN = 15, NR_EXIT = 60, NR_EXIT_GROUP = 231 };

/* On the console whatever the level: it was asked for. */
static void print(const struct trace_call *call)
{
	char line[LINE_BYTES];

	trace_format(call, line, sizeof(line));
	log_error("%s", line);
}

long syscall_traced(struct user_regs *regs)
{
	uint64_t nr = regs->orig_rax;
	const long args[6] = { (long)regs->rdi, (long)regs->rsi, (long)regs->rdx,
			       (long)regs->r10, (long)regs->r8,  (long)regs->r9 };
	bool known = nr < syscall_count;
	struct trace_call call = {
		.name = known ? syscall_name((unsigned)nr) : "",
		.format = known ? syscall_format((unsigned)nr) : "",
		.args = args,
		.returned = nr != NR_EXIT && nr != NR_EXIT_GROUP && nr != NR_RT_SIGRETURN,
		.read = user_read,
	};

	if (!call.name[0])
		call.name = "unknown";
	if (!call.returned)
		print(&call);
	call.result = known ? syscall_table[nr](args[0], args[1], args[2], args[3], args[4],
						args[5])
			    : syscall_unknown(regs);
	if (call.returned)
		print(&call);
	return call.result;
}

void trace_signal(const struct signal_info *info)
{
	char buffer[12];
	const char *name = signal_name(info->signo, buffer);

	if (info->code > 0 && info->code != SI_KERNEL)
		log_error("--- %s {si_signo=%s, si_code=%d, si_addr=0x%llx} ---", name, name,
			  info->code, (unsigned long long)info->fault.address);
	else
		log_error("--- %s {si_signo=%s, si_code=%d, si_pid=%d, si_uid=%u} ---", name, name,
			  info->code, info->sent.pid, info->sent.uid);
}

void trace_exit(unsigned status)
{
	char buffer[12];

	if (status & 0x7f)
		log_error("+++ killed by %s +++", signal_name((int)(status & 0x7f), buffer));
	else
		log_error("+++ exited with %u +++", status >> 8 & 0xff);
}
