/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Program loading (execve(2)): goes from scripts to their interpreters, then places and maps the program, its loader if it wants
 * one, the stack, the vDSO and the break, as Linux's binfmt_elf.c does. Every page is filled on first touch, but for the
 * stack's top and the page where a segment's file part ends.
 */
#include "exec.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <core/params.h>
#include <core/random.h>
#include <hal/cpu.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include "calls.h"
#include "exec_image.h"
#include "exec_script.h"
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

struct loader {
	struct process *process;
	const struct program *program;
	struct loaded_program *out;
	struct exec_image image, interpreter;
	char *interpreter_path; /* [owned] NULL: a static program */
	struct script *scripts; /* [owned] the innermost first */
	char *const *args;      /* with what scripts add */
	uintptr_t stack_top, vdso;
	bool randomise;
};

/* A script that was gone through: its line, and the arguments that it gives its interpreter. */
struct script {
	struct script *next;
	char line[SCRIPT_LINE_BYTES];
	char *args[];
};

static uint64_t random_pages(const struct loader *l, unsigned bits)
{
	return l->randomise ? (random_u64() & (BIT64(bits) - 1)) << PAGE_SHIFT : 0;
}

static int refuse(const struct loader *l, int err, const char *why)
{
	if (l->program->at_start)
		log_error("cannot run %s: it %s", l->program->path, why);
	return err;
}

/* execve(2) tells a program only an error that looks as if the program itself were missing. */
static int refuse_interpreter(const struct loader *l, int err, const char *path, const char *why)
{
	log_error("cannot run %s: its interpreter %s %s", l->program->path, path, why);
	return err;
}

/* --- scripts --- */

static size_t count_of(char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

/* Goes from the script that l->image.file is to its interpreter. `name` is the script's. */
static int enter_script(struct loader *l, struct script *script, const char **name)
{
	const char *why;
	char *path, *argument;
	char *const *rest = l->args[0] ? l->args + 1 : l->args; /* the name it was called by goes */
	size_t n = 0;
	int err = script_parse(script->line, &path, &argument);

	if (err)
		return refuse(l, err, "is a script whose first line names no interpreter");
	if (l->program->path_closes)
		return -ENOENT;
	script->args[n++] = path;
	if (argument)
		script->args[n++] = argument;
	script->args[n++] = (char *)*name;
	memcpy(script->args + n, rest, (count_of(rest) + 1) * sizeof(*rest));
	l->args = script->args;
	*name = path;
	file_put(l->image.file);
	l->image.file = NULL;
	err = exec_open(&l->process->paths, NULL, path, 0, &l->image.file, &why);
	if (!err) {
		err = file_deny_write(l->image.file);
		why = "is open for writing";
	}
	return err ? refuse_interpreter(l, err, path, why) : 0;
}

/* Reads how the file begins; `*out` NULL: it is no script. */
static int read_script(struct loader *l, struct script **out)
{
	char magic[2] = { 0, 0 };
	struct inode_attr attr;
	int err = file_getattr(l->image.file, &attr);

	*out = NULL;
	if (!err && attr.size >= sizeof(magic))
		err = exec_read(l->image.file, 0, magic, sizeof(magic));
	if (err || !script_is(magic))
		return err;
	*out = mem_zalloc(sizeof(**out) + (count_of(l->args) + 4) * sizeof(char *));
	if (!*out)
		return -ENOMEM;
	(*out)->next = l->scripts;
	l->scripts = *out;
	return exec_read(l->image.file, 0, (*out)->line,
			 min(attr.size, (uint64_t)SCRIPT_LINE_BYTES));
}

static int follow_scripts(struct loader *l)
{
	const char *name = l->program->path;
	struct script *script;

	for (unsigned depth = 0;; depth++) {
		int err = read_script(l, &script);

		if (err)
			return refuse(l, err, "cannot be read");
		if (!script)
			return 0;
		if (depth == SCRIPT_DEPTH_MAX)
			return refuse(l, -ELOOP, "is a script of scripts without end");
		err = enter_script(l, script, &name);
		if (err)
			return err;
	}
}

/* --- files --- */

static int open_interpreter(struct loader *l)
{
	const struct elf_image *elf = &l->image.elf;
	const char *why;

	if (!elf->interpreter_bytes)
		return 0;
	l->interpreter_path = mem_alloc(elf->interpreter_bytes);
	if (!l->interpreter_path)
		return -ENOMEM;
	int err = exec_read(l->image.file, elf->interpreter_offset, l->interpreter_path,
			    elf->interpreter_bytes);
	if (err)
		return refuse(l, err, "cannot be read");
	if (l->interpreter_path[elf->interpreter_bytes - 1])
		return refuse(l, -ENOEXEC, elf_result_text(ELF_BAD_INTERPRETER));
	err = exec_open(&l->process->paths, NULL, l->interpreter_path, 0, &l->interpreter.file,
			&why);
	if (!err)
		err = exec_image_read(&l->interpreter, &why);
	if (err)
		return refuse_interpreter(l, err == -ENOEXEC ? -ELIBBAD : err, l->interpreter_path,
					  why);
	return 0;
}

static uint64_t writable_bytes(const struct exec_image *image)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < image->header.table_count; i++)
		if (image->table[i].type == ELF_LOAD && image->table[i].flags & ELF_WRITE)
			bytes += align_up(image->table[i].memory_bytes, PAGE_SIZE);
	return bytes;
}

/* What is only read stays in the image; what may be written needs memory of the machine. */
static int check_memory(const struct loader *l)
{
	uint64_t needed = writable_bytes(&l->image) + writable_bytes(&l->interpreter);
	uint64_t free = pages_stats().free_bytes;

	if (needed <= free)
		return 0;
	if (l->program->at_start)
		log_error("cannot run %s: its data needs %llu MiB of memory, %llu MiB are free; "
			  "give the machine more",
			  l->program->path, (unsigned long long)((needed + (1 << 20) - 1) >> 20),
			  (unsigned long long)(free >> 20));
	return -ENOMEM;
}

static int open_files(struct loader *l)
{
	const char *why;
	int err = follow_scripts(l);

	if (err)
		return err;
	err = exec_image_read(&l->image, &why);
	if (err)
		return refuse(l, err, why);
	err = open_interpreter(l);
	return err ? err : check_memory(l);
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
		return refuse(l, err, "has too many arguments or too large an environment");

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

static int fill_space(struct loader *l)
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

static int load(struct loader *l)
{
	int err = file_deny_write(l->image.file);

	if (err)
		return refuse(l, err, "is open for writing");
	err = open_files(l);
	if (err)
		return err;
	l->out->credentials = l->process->credentials;
	exec_credentials(&l->out->credentials, l->image.file);
	l->out->space = space_create();
	err = l->out->space ? fill_space(l) : -ENOMEM;
	if (err == -ENOMEM)
		return refuse(l, err, "does not fit into memory; give the machine more");
	if (err && err != -E2BIG && l->program->at_start)
		log_error("cannot run %s: error %d while it was mapped", l->program->path, -err);
	if (!err)
		l->out->exe = file_get(l->image.file);
	return err;
}

int program_load(struct process *process, const struct program *program, struct loaded_program *out)
{
	struct loader l = {
		.process = process,
		.program = program,
		.out = out,
		.image.file = file_get(program->file),
		.args = program->args,
		.randomise = !params_flag("norandmaps") && !params_flag("nokaslr"),
	};

	*out = (struct loaded_program){ .space = NULL };
	int err = load(&l);
	exec_image_fini(&l.image);
	exec_image_fini(&l.interpreter);
	mem_free(l.interpreter_path);
	for (struct script *next, *script = l.scripts; script; script = next) {
		next = script->next;
		mem_free(script);
	}
	if (err)
		space_put(out->space);
	return err;
}

void program_install(struct task *task, const char *path, const struct loaded_program *loaded)
{
	struct process *process = task->process;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	process->space = loaded->space;
	process->exe = loaded->exe;
	process->layout = loaded->layout;
	process->credentials = loaded->credentials;
	memset(task->name, 0, sizeof(task->name));
	memcpy(task->name, name, strnlen(name, TASK_NAME_BYTES - 1));
}
