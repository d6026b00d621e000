/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a program finds in its address space when it starts: its segments, its loader's, the stack, the vDSO and the break, each where
 * Linux's binfmt_elf.c puts it. Every page is filled on first touch, but for the stack's top and the page where a segment's file
 * part ends.
 */
#include "loader.h"

#include <base/bits.h>
#include <base/errno.h>
#include <core/params.h>
#include <core/random.h>
#include <hal/cpu.h>
#include <mm/alloc.h>

#include "program_stack.h"
#include "rseq.h"
#include "signal_frame.h"

#define PIE_BASE ((uintptr_t)0x555555554000) /* two thirds of the user half, as Linux */
#define BRK_RANDOM_BYTES ((uint64_t)0x02000000)
#define STACK_GUARD_BYTES ((uint64_t)256 * PAGE_SIZE)
#define STACK_START_BYTES ((size_t)132 * 1024)
#define TABLE_SPAN ((uintptr_t)2 << 20) /* what one page table covers */
enum { PIE_RANDOM_BITS = 28, MMAP_RANDOM_BITS = 28, STACK_RANDOM_BITS = 22 };
enum { CLOCK_TICKS = 100, SLACK_BYTES = 2048 };

static uint64_t random_pages(const struct loader *l, unsigned bits)
{
	return l->randomise ? (random_u64() & (BIT64(bits) - 1)) << PAGE_SHIFT : 0;
}

/* --- segments --- */

static void note_segment(struct program_layout *layout, const struct elf_phdr *p, uintptr_t bias)
{
	uintptr_t start = p->vaddr + bias;

	if (p->flags & ELF_EXECUTE) {
		if (!layout->code_start)
			layout->code_start = start;
		layout->code_end = start + p->file_bytes;
	} else if (p->flags & ELF_WRITE) {
		layout->data_start = start;
		layout->data_end = start + p->file_bytes;
	}
}

static int map_program(struct loader *l)
{
	struct exec_image *image = &l->image;
	struct space *space = l->out->space;

	if (image->header.position_independent) {
		uintptr_t base = PIE_BASE + random_pages(l, PIE_RANDOM_BITS);

		image->bias = align_down(base, image->elf.alignment) - image->elf.low;
	}
	int err = exec_image_map(image, space);
	for (unsigned i = 0; i < image->header.table_count; i++)
		if (image->table[i].type == ELF_LOAD && image->table[i].memory_bytes)
			note_segment(&l->out->layout, &image->table[i], image->bias);
	space->brk_start = image->elf.high + image->bias;
	if (l->randomise)
		space->brk_start += align_down(random_u64() % BRK_RANDOM_BYTES, PAGE_SIZE);
	space->brk_end = space->brk_start;
	return err;
}

static int map_segments(struct loader *l)
{
	int err = map_program(l);

	return err || !l->interpreter_path
		       ? err
		       : exec_image_map_anywhere(&l->interpreter, l->out->space);
}

/* --- vDSO --- */

/* Above the stack, in the reach of its page table where there is room, else below all: as Linux's vdso_addr(). */
static uintptr_t choose_vdso(const struct loader *l, size_t bytes)
{
	uintptr_t limit = min(align_up(l->stack_top, TABLE_SPAN), USER_MAX);
	size_t room = limit - l->stack_top;

	if (room < bytes)
		return 0;
	size_t places = (room - bytes) / PAGE_SIZE + 1;

	return l->stack_top + (l->randomise ? random_u64() % places : 0) * PAGE_SIZE;
}

static int map_vdso(struct loader *l)
{
	size_t bytes = VDSO_TIME_PAGES * PAGE_SIZE + vdso_image_bytes();
	struct space_map request = {
		.hint = choose_vdso(l, bytes),
		.bytes = bytes,
		.prot = SPACE_READ | SPACE_EXEC,
		.max_prot = SPACE_READ | SPACE_EXEC,
		.object = vdso_object(),
		.flags = AREA_LOCKED_LAYOUT,
		.label = "[vdso]",
	};
	uintptr_t at;
	int err;

	if (params_get("vdso") && !params_flag("vdso"))
		return 0;
	if (!request.hint) { /* anywhere: find the place with one map of the whole */
		err = space_map(l->out->space, &request, &at);
		if (err)
			return err;
		request.hint = at;
	}
	request.flags |= AREA_FIXED;
	request.bytes = VDSO_TIME_PAGES * PAGE_SIZE;
	request.prot = request.max_prot = SPACE_READ;
	request.label = "[vvar]";
	err = space_map(l->out->space, &request, &at);
	if (err)
		return err;
	request.hint += request.bytes;
	request.bytes = bytes - request.bytes;
	request.prot = request.max_prot = SPACE_READ | SPACE_EXEC;
	request.object_page = VDSO_TIME_PAGES;
	request.label = "[vdso]";
	l->vdso = request.hint;
	return space_map(l->out->space, &request, &at);
}

/* Where the stack ends and mappings begin to grow down from. */
static void place_stack(struct loader *l)
{
	struct space *space = l->out->space;
	uint64_t limit = l->process->limits[RLIMIT_STACK].current;
	uint64_t gap = min(max(limit, (uint64_t)128 << 20), USER_MAX / 6 * 5) + STACK_GUARD_BYTES;

	l->stack_top = USER_MAX - random_pages(l, STACK_RANDOM_BITS);
	/* The most the stack itself may have moved. */
	gap += (uint64_t)1 << (STACK_RANDOM_BITS + PAGE_SHIFT);
	space->mmap_top = USER_MAX - gap - random_pages(l, MMAP_RANDOM_BITS);
	space->stack_limit_bytes = limit;
	space->address_limit_bytes = l->process->limits[RLIMIT_AS].current;
	space->data_limit_bytes = l->process->limits[RLIMIT_DATA].current;
}

/* Whether the program has rights that its caller had not, and so must not trust its environment. */
static bool is_secure(const struct loader *l)
{
	const struct credentials *old = &l->process->credentials, *new = &l->out->credentials;

	return new->euid != old->uid || new->egid != old->gid;
}

static unsigned fill_auxv(const struct loader *l, struct auxv_entry *auxv)
{
	const struct credentials *c = &l->out->credentials;
	const struct elf_image *elf = &l->image.elf;
	unsigned n = 0;

	if (l->vdso)
		auxv[n++] = (struct auxv_entry){ AT_SYSINFO_EHDR, l->vdso };
	auxv[n++] = (struct auxv_entry){ AT_MINSIGSTKSZ, signal_frame_bytes_max() };
	auxv[n++] = (struct auxv_entry){ AT_HWCAP, cpu_id(1, 0).edx };
	auxv[n++] = (struct auxv_entry){ AT_PAGESZ, PAGE_SIZE };
	auxv[n++] = (struct auxv_entry){ AT_CLKTCK, CLOCK_TICKS };
	auxv[n++] = (struct auxv_entry){ AT_PHDR,
					 elf->table_vaddr ? elf->table_vaddr + l->image.bias : 0 };
	auxv[n++] = (struct auxv_entry){ AT_PHENT, sizeof(struct elf_phdr) };
	auxv[n++] = (struct auxv_entry){ AT_PHNUM, l->image.header.table_count };
	auxv[n++] = (struct auxv_entry){ AT_BASE, l->interpreter.bias };
	auxv[n++] = (struct auxv_entry){ AT_FLAGS, 0 };
	auxv[n++] = (struct auxv_entry){ AT_ENTRY, l->image.header.entry + l->image.bias };
	auxv[n++] = (struct auxv_entry){ AT_UID, c->uid };
	auxv[n++] = (struct auxv_entry){ AT_EUID, c->euid };
	auxv[n++] = (struct auxv_entry){ AT_GID, c->gid };
	auxv[n++] = (struct auxv_entry){ AT_EGID, c->egid };
	auxv[n++] = (struct auxv_entry){ AT_SECURE, is_secure(l) };
	auxv[n++] = (struct auxv_entry){ AT_HWCAP2, 0 };
	auxv[n++] = (struct auxv_entry){ AT_RSEQ_FEATURE_SIZE, RSEQ_FEATURE_BYTES };
	auxv[n++] = (struct auxv_entry){ AT_RSEQ_ALIGN, RSEQ_ALIGN };
	return n;
}

static int map_stack(const struct loader *l, size_t bytes)
{
	const struct space_map request = {
		.hint = l->stack_top - bytes,
		.bytes = bytes,
		.prot = SPACE_READ | SPACE_WRITE | (l->image.elf.executable_stack ? SPACE_EXEC : 0),
		.max_prot = SPACE_READ | SPACE_WRITE | SPACE_EXEC,
		.flags = AREA_FIXED | AREA_STACK,
		.label = "[stack]",
	};
	uintptr_t at;

	return space_map(l->out->space, &request, &at);
}

static void note_stack(struct program_layout *layout, const struct program_stack *s)
{
	layout->stack_start = s->pointer;
	layout->args_start = s->args_start;
	layout->args_end = s->args_end;
	layout->env_start = s->env_start;
	layout->env_end = s->env_end;
	layout->auxv_start = s->auxv_start;
	layout->auxv_end = s->auxv_end;
}

/* What of the stack's limit the arguments may take (fs/exec.c, bprm_stack_limits). */
static uint64_t clamp_strings(uint64_t bytes)
{
	return max(min(bytes, (uint64_t)6 << 20), (uint64_t)128 << 10);
}

static int make_stack(struct loader *l, uintptr_t *pointer)
{
	struct auxv_entry auxv[20];
	struct program_stack s = {
		.args = l->args,
		.env = l->program->env,
		.path = l->program->path,
		.platform = "x86_64",
		.auxv = auxv,
		.auxv_count = fill_auxv(l, auxv),
		.top = l->stack_top,
		.slack_bytes = l->randomise ? random_u64() % SLACK_BYTES : 0,
	};
	uint64_t limit = l->process->limits[RLIMIT_STACK].current;

	random_bytes(s.random, sizeof(s.random));
	int err = program_stack_measure(&s, (size_t)clamp_strings(limit / 4));
	if (err)
		return loader_refuse(l, err, "has too many arguments or too large an environment");

	void *image = mem_alloc(s.bytes);
	if (!image)
		return -ENOMEM;
	program_stack_fill(&s, image);
	err = map_stack(l, max(align_up(s.bytes, PAGE_SIZE), (uint64_t)STACK_START_BYTES));
	if (!err)
		err = space_write(l->out->space, s.pointer, image, s.bytes);
	mem_free(image);
	note_stack(&l->out->layout, &s);
	*pointer = s.pointer;
	return err;
}

int loader_fill_space(struct loader *l)
{
	const struct exec_image *first = l->interpreter_path ? &l->interpreter : &l->image;
	uintptr_t pointer = 0;

	place_stack(l);
	int err = map_segments(l);
	if (!err)
		err = map_vdso(l);
	if (!err)
		err = make_stack(l, &pointer);
	l->out->regs = (struct user_regs){
		.rip = first->header.entry + first->bias,
		.rsp = pointer,
		.rflags = 0x202, /* interrupts on, and the bit that is always set */
		.orig_rax = UINT64_MAX,
	};
	return err;
}
