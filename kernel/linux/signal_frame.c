/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signal frames: what rt_sigreturn, and libraries that look into a handler's context, expect exactly as Linux lays it out
 * (asm/sigcontext.h, asm/ucontext.h, asm/sigframe.h). Everything read back is checked or forced into range.
 */
#include "signal_frame.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <linux/signal.h>
#include <mm/alloc.h>

#include "calls.h"

struct sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error_code, trap, old_mask, cr2;
	uint64_t fpu; /* address of the floating point state; 0: none */
	uint64_t reserved[8];
};
static_assert(sizeof(struct sigcontext) == 256, "asm/sigcontext.h");

struct ucontext {
	uint64_t flags, link;
	struct signal_stack stack;
	struct sigcontext machine;
	uint64_t mask;
};
static_assert(sizeof(struct ucontext) == 304, "asm/ucontext.h");

struct signal_frame {
	uint64_t return_address;
	struct ucontext context;
	struct signal_info info;
	uint8_t info_rest[SIGINFO_BYTES - sizeof(struct signal_info)];
};
static_assert(sizeof(struct signal_frame) == 440, "asm/sigframe.h: struct rt_sigframe");

/** In the 48 bytes that FXSAVE leaves to software. */
struct fpu_software {
	uint32_t magic, frame_bytes;
	uint64_t features;
	uint32_t state_bytes, padding[7];
};
static_assert(sizeof(struct fpu_software) == 48, "asm/sigcontext.h: struct _fpx_sw_bytes");

enum { UC_FP_XSTATE = 1, UC_SIGCONTEXT_SS = 2, UC_STRICT_RESTORE_SS = 4 };
enum {
	FX_BYTES = 512,
	FX_SOFTWARE = 464,
	FX_CONTROL = 0,
	FX_STATUS = 2,
	FX_MXCSR = 24,
	XSAVE_HEADER = 512,
	XSAVE_HEADER_BYTES = 64,
	XSAVE_FX_SSE = 3,
	FPU_ALIGN = 64,
	RED_ZONE = 128,
};
#define FPU_MAGIC_1 0x46505853u
#define FPU_MAGIC_2 0x46505845u
enum {
	FLAG_CF = 1,
	FLAG_PF = 4,
	FLAG_AF = 0x10,
	FLAG_ZF = 0x40,
	FLAG_SF = 0x80,
	FLAG_TF = 0x100,
	FLAG_DF = 0x400,
	FLAG_OF = 0x800,
	FLAG_RF = 0x10000,
	FLAG_AC = 0x40000,
	FLAGS_RESTORED = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_TF | FLAG_DF |
			 FLAG_OF | FLAG_RF | FLAG_AC,
};

/* With XSAVE a second magic number behind the state proves that the frame is whole. */
static size_t fpu_frame_bytes(void)
{
	return fpu_features() ? fpu_state_bytes() + sizeof(uint32_t) : FX_BYTES;
}

size_t signal_frame_bytes_max(void)
{
	return align_up(sizeof(struct signal_frame) + fpu_frame_bytes() + FPU_ALIGN + 32, 16);
}

bool signal_on_stack(uint64_t pointer)
{
	const struct signal_stack *stack = &task_current()->stack;

	if ((uint32_t)stack->flags & SS_AUTODISARM)
		return false; /* it is disarmed while a handler uses it */
	return pointer > stack->base && pointer - stack->base <= stack->bytes;
}

static int write_fpu(uintptr_t address)
{
	struct task *task = task_current();
	size_t bytes = fpu_features() ? fpu_state_bytes() : FX_BYTES;
	const struct fpu_software software = {
		.magic = FPU_MAGIC_1,
		.frame_bytes = (uint32_t)fpu_frame_bytes(),
		.features = fpu_features(),
		.state_bytes = (uint32_t)bytes,
	};
	const uint32_t magic_2 = FPU_MAGIC_2;

	/* The task's own area: if a page fault below makes it wait, the switch stores the same values there. */
	fpu_store(task->user.fpu);
	int err = user_write(address, task->user.fpu, bytes);
	if (err || !fpu_features())
		return err;

	/* What is in its initial state was not stored; a reader that knows only FXSAVE must find it. */
	uint64_t present;
	memcpy(&present, (char *)task->user.fpu + XSAVE_HEADER, sizeof(present));
	present |= XSAVE_FX_SSE;
	err = user_write(address + XSAVE_HEADER, &present, sizeof(present));
	if (!err)
		err = user_write(address + FX_SOFTWARE, &software, sizeof(software));
	return err ? err : user_write(address + bytes, &magic_2, sizeof(magic_2));
}

static void save_registers(const struct user_regs *r, struct sigcontext *c)
{
	const struct task *task = task_current();

	*c = (struct sigcontext){
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.rdi = r->rdi,
		.rsi = r->rsi,
		.rbp = r->rbp,
		.rbx = r->rbx,
		.rdx = r->rdx,
		.rax = r->rax,
		.rcx = r->rcx,
		.rsp = r->rsp,
		.rip = r->rip,
		.rflags = r->rflags,
		.cs = (uint16_t)r->cs,
		.ss = (uint16_t)r->ss,
		.error_code = task->fault_error_code,
		.trap = task->fault_trap,
		.old_mask = task->blocked,
		.cr2 = task->fault_address,
	};
}

static void restore_registers(struct user_regs *r, const struct sigcontext *c)
{
	r->r8 = c->r8, r->r9 = c->r9, r->r10 = c->r10, r->r11 = c->r11, r->r12 = c->r12;
	r->r13 = c->r13, r->r14 = c->r14, r->r15 = c->r15, r->rdi = c->rdi, r->rsi = c->rsi;
	r->rbp = c->rbp, r->rbx = c->rbx, r->rdx = c->rdx, r->rax = c->rax, r->rcx = c->rcx;
	r->rsp = c->rsp, r->rip = c->rip;
	r->rflags = (r->rflags & ~(uint64_t)FLAGS_RESTORED) | (c->rflags & FLAGS_RESTORED);
	r->orig_rax = UINT64_MAX; /* no system call to restart */
	user_regs_changed();
}

/* The stack the frame goes on, and whether it fits there when that is the alternate one. */
static int choose_stack(const struct user_regs *regs, const struct signal_action *action,
			uintptr_t *frame, uintptr_t *fpu)
{
	const struct signal_stack *stack = &task_current()->stack;
	bool on_it = signal_on_stack(regs->rsp);
	bool enters = action->flags & SA_ONSTACK && !on_it && stack->bytes &&
		      !(stack->flags & SS_DISABLE);
	uintptr_t top = enters ? stack->base + stack->bytes : regs->rsp - RED_ZONE;

	*fpu = align_down(top - fpu_frame_bytes(), FPU_ALIGN);
	/* As behind a call: 8 bytes off a multiple of 16. */
	*frame = align_down(*fpu - sizeof(struct signal_frame), 16) - 8;
	if ((enters || on_it) && (*frame <= stack->base || *frame - stack->base > stack->bytes))
		return -EFAULT;
	return 0;
}

int signal_frame_push(struct user_regs *regs, const struct signal_action *action,
		      const struct signal_info *info, uint64_t mask)
{
	struct task *task = task_current();
	struct signal_frame f = {
		.return_address = action->restorer,
		.context = {
			.flags = (fpu_features() ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS |
				 UC_STRICT_RESTORE_SS,
			.stack = task->stack,
			.mask = mask,
		},
		.info = *info,
	};
	uintptr_t frame, fpu;
	int err = choose_stack(regs, action, &frame, &fpu);

	if (!err && !(action->flags & SA_RESTORER))
		err = -EFAULT; /* x86-64 has no other way back */
	if (!err)
		err = write_fpu(fpu);
	if (err)
		return err;
	save_registers(regs, &f.context.machine);
	f.context.machine.fpu = fpu;
	if (signal_on_stack(regs->rsp))
		f.context.stack.flags |= SS_ONSTACK;
	err = user_write(frame, &f, sizeof(f));
	if (err)
		return err;

	if ((uint32_t)task->stack.flags & SS_AUTODISARM)
		task->stack = (struct signal_stack){ .flags = SS_DISABLE };
	regs->rdi = (uint64_t)info->signo;
	regs->rsi = frame + offsetof(struct signal_frame, info);
	regs->rdx = frame + offsetof(struct signal_frame, context);
	regs->rax = 0;
	regs->rip = action->handler;
	regs->rsp = frame;
	regs->rflags &= ~(uint64_t)(FLAG_DF | FLAG_RF | FLAG_TF);
	user_regs_changed();
	fpu_reset();
	return 0;
}

/* How much of the frame's state is to be taken: all of it where both magic numbers and the sizes fit, else what FXSAVE knows. */
static bool has_extended_state(uintptr_t address, const void *fx)
{
	struct fpu_software software;
	uint32_t magic_2;

	memcpy(&software, (const char *)fx + FX_SOFTWARE, sizeof(software));
	if (!fpu_features() || software.magic != FPU_MAGIC_1 ||
	    software.state_bytes != fpu_state_bytes() ||
	    software.frame_bytes < software.state_bytes + sizeof(magic_2))
		return false;
	return !user_read(&magic_2, address + software.state_bytes, sizeof(magic_2)) &&
	       magic_2 == FPU_MAGIC_2;
}

static int load_fpu(uintptr_t address, char *area)
{
	int err = user_read(area, address, FX_BYTES);

	if (err)
		return err;
	if (has_extended_state(address, area)) {
		err = user_read(area + FX_BYTES, address + FX_BYTES, fpu_state_bytes() - FX_BYTES);
	} else if (fpu_features()) {
		const uint64_t present = XSAVE_FX_SSE;

		memset(area + XSAVE_HEADER, 0, fpu_state_bytes() - XSAVE_HEADER);
		memcpy(area + XSAVE_HEADER, &present, sizeof(present));
	}
	return err ? err : fpu_load(area);
}

static int restore_fpu(uintptr_t address)
{
	if (!address) {
		fpu_reset();
		return 0;
	}

	char *memory = mem_alloc(fpu_state_bytes() + FPU_ALIGN);
	if (!memory)
		return -ENOMEM;
	int err = load_fpu(address, (char *)align_up((uintptr_t)memory, FPU_ALIGN));
	mem_free(memory);
	return err;
}

int signal_fpe_code(unsigned trap)
{
	char *area = task_current()->user.fpu;
	uint32_t mxcsr;
	uint16_t control, status;
	unsigned errors;

	fpu_store(area);
	memcpy(&control, area + FX_CONTROL, sizeof(control));
	memcpy(&status, area + FX_STATUS, sizeof(status));
	memcpy(&mxcsr, area + FX_MXCSR, sizeof(mxcsr));
	errors = trap == 16 ? status & ~control : mxcsr & ~(mxcsr >> 7);
	if (errors & 1)
		return FPE_FLTINV;
	if (errors & 4)
		return FPE_FLTDIV;
	if (errors & 8)
		return FPE_FLTOVF;
	if (errors & 0x12) /* underflow or denormal */
		return FPE_FLTUND;
	return errors & 0x20 ? FPE_FLTRES : 0;
}

long sys_rt_sigreturn(void)
{
	static const struct signal_info bad_frame = { .signo = SIGSEGV, .code = SI_KERNEL };
	struct user_regs *regs = user_regs();
	struct ucontext context;
	uintptr_t frame = regs->rsp - 8; /* the handler's return took the restorer's address */

	if (user_read(&context, frame + offsetof(struct signal_frame, context), sizeof(context)) ||
	    restore_fpu(context.machine.fpu)) {
		signal_force(&bad_frame);
		return 0;
	}
	restore_registers(regs, &context.machine);
	context.stack.flags &= ~SS_ONSTACK;
	int err = signal_stack_set(&context.stack, regs->rsp);
	(void)err; /* as Linux: the frame's stack is taken where it can be */
	signal_set_blocked(context.mask);
	return (long)regs->rax;
}
