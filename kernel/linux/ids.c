/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who a process is: its ids, users, groups, capabilities (credentials(7), capabilities(7)). A program starts as root; what
 * it gives up it does not get back, as on Linux, though nothing here asks for a right yet.
 */
#include <mm/alloc.h>

#include "calls.h"
#include "pidfd.h"

enum { GROUPS_MAX = 65536 };
enum { CAP_SETGID = 6, CAP_SETUID = 7 };
#define CAPABILITY_VERSION_1 0x19980330u
#define CAPABILITY_VERSION_2 0x20071026u
#define CAPABILITY_VERSION_3 0x20080522u

static struct credentials *mine(void)
{
	return &process_current()->credentials;
}

static bool capable(int capability)
{
	return mine()->effective & BIT64(capability);
}

long sys_getpid(void)
{
	return process_current()->pid;
}

long sys_gettid(void)
{
	return task_current()->tid;
}

long sys_getppid(void)
{
	return process_current()->parent_pid;
}

long sys_getpgrp(void)
{
	return process_current()->group;
}

long sys_getpgid(long pid)
{
	const struct process *process = process_find((int)pid);

	return process ? process->group : -ESRCH;
}

long sys_getsid(long pid)
{
	const struct process *process = process_find((int)pid);

	return process ? process->session : -ESRCH;
}

long sys_setpgid(long pid, long group)
{
	struct process *process = process_find((int)pid);

	group = (int)group;
	if (group < 0)
		return -EINVAL;
	if (!process)
		return -ESRCH;
	if (process->pid == process->session)
		return -EPERM; /* a session's leader */
	if (!group)
		group = process->pid;
	if (group != process->pid && group != process->group)
		return -EPERM;
	process->group = (int)group;
	return 0;
}

long sys_setsid(void)
{
	struct process *process = process_current();

	if (process->group == process->pid)
		return -EPERM;
	process->group = process->session = process->pid;
	return process->pid;
}

long sys_getuid(void)
{
	return mine()->uid;
}

long sys_geteuid(void)
{
	return mine()->euid;
}

long sys_getgid(void)
{
	return mine()->gid;
}

long sys_getegid(void)
{
	return mine()->egid;
}

/* capabilities(7), "Effect of user ID changes on capabilities". */
static void adjust_capabilities(struct credentials *c, const struct credentials *old)
{
	bool was_root = !old->uid || !old->euid || !old->suid;
	bool is_root = !c->uid || !c->euid || !c->suid;

	if (was_root && !is_root && !process_current()->keep_capabilities)
		c->permitted = c->effective = c->ambient = 0;
	if (!old->euid && c->euid)
		c->effective = 0;
	else if (old->euid && !c->euid)
		c->effective = c->permitted;
}

static bool may_become(uint32_t id, uint32_t real, uint32_t effective, uint32_t saved)
{
	return id == UINT32_MAX || id == real || id == effective || id == saved;
}

static void set_uids(uint32_t uid, uint32_t euid, uint32_t suid)
{
	struct credentials *c = mine(), old = *c;

	c->uid = uid == UINT32_MAX ? c->uid : uid;
	c->euid = euid == UINT32_MAX ? c->euid : euid;
	c->suid = suid == UINT32_MAX ? c->suid : suid;
	c->fsuid = c->euid;
	adjust_capabilities(c, &old);
}

static void set_gids(uint32_t gid, uint32_t egid, uint32_t sgid)
{
	struct credentials *c = mine();

	c->gid = gid == UINT32_MAX ? c->gid : gid;
	c->egid = egid == UINT32_MAX ? c->egid : egid;
	c->sgid = sgid == UINT32_MAX ? c->sgid : sgid;
	c->fsgid = c->egid;
}

long sys_setuid(long id)
{
	uint32_t uid = (uint32_t)id;

	if (uid == UINT32_MAX)
		return -EINVAL;
	if (capable(CAP_SETUID))
		set_uids(uid, uid, uid);
	else if (uid == mine()->uid || uid == mine()->suid)
		set_uids(UINT32_MAX, uid, UINT32_MAX);
	else
		return -EPERM;
	return 0;
}

long sys_setgid(long id)
{
	uint32_t gid = (uint32_t)id;

	if (gid == UINT32_MAX)
		return -EINVAL;
	if (capable(CAP_SETGID))
		set_gids(gid, gid, gid);
	else if (gid == mine()->gid || gid == mine()->sgid)
		set_gids(UINT32_MAX, gid, UINT32_MAX);
	else
		return -EPERM;
	return 0;
}

long sys_setreuid(long real, long effective)
{
	const struct credentials *c = mine();
	uint32_t ruid = (uint32_t)real, euid = (uint32_t)effective;

	if (!capable(CAP_SETUID) && (!may_become(ruid, c->uid, c->euid, c->euid) ||
				     !may_become(euid, c->uid, c->euid, c->suid)))
		return -EPERM;
	bool saves = ruid != UINT32_MAX || (euid != UINT32_MAX && euid != c->uid);
	uint32_t new_euid = euid == UINT32_MAX ? c->euid : euid;
	set_uids(ruid, euid, saves ? new_euid : UINT32_MAX);
	return 0;
}

long sys_setregid(long real, long effective)
{
	const struct credentials *c = mine();
	uint32_t rgid = (uint32_t)real, egid = (uint32_t)effective;

	if (!capable(CAP_SETGID) && (!may_become(rgid, c->gid, c->egid, c->egid) ||
				     !may_become(egid, c->gid, c->egid, c->sgid)))
		return -EPERM;
	bool saves = rgid != UINT32_MAX || (egid != UINT32_MAX && egid != c->gid);
	uint32_t new_egid = egid == UINT32_MAX ? c->egid : egid;
	set_gids(rgid, egid, saves ? new_egid : UINT32_MAX);
	return 0;
}

long sys_setresuid(long real, long effective, long saved)
{
	const struct credentials *c = mine();

	if (!capable(CAP_SETUID) && (!may_become((uint32_t)real, c->uid, c->euid, c->suid) ||
				     !may_become((uint32_t)effective, c->uid, c->euid, c->suid) ||
				     !may_become((uint32_t)saved, c->uid, c->euid, c->suid)))
		return -EPERM;
	set_uids((uint32_t)real, (uint32_t)effective, (uint32_t)saved);
	return 0;
}

long sys_setresgid(long real, long effective, long saved)
{
	const struct credentials *c = mine();

	if (!capable(CAP_SETGID) && (!may_become((uint32_t)real, c->gid, c->egid, c->sgid) ||
				     !may_become((uint32_t)effective, c->gid, c->egid, c->sgid) ||
				     !may_become((uint32_t)saved, c->gid, c->egid, c->sgid)))
		return -EPERM;
	set_gids((uint32_t)real, (uint32_t)effective, (uint32_t)saved);
	return 0;
}

static long write_three(const uint32_t ids[3], long a, long b, long c)
{
	if (user_write((uintptr_t)a, &ids[0], sizeof(*ids)) ||
	    user_write((uintptr_t)b, &ids[1], sizeof(*ids)) ||
	    user_write((uintptr_t)c, &ids[2], sizeof(*ids)))
		return -EFAULT;
	return 0;
}

long sys_getresuid(long real, long effective, long saved)
{
	const uint32_t ids[3] = { mine()->uid, mine()->euid, mine()->suid };

	return write_three(ids, real, effective, saved);
}

long sys_getresgid(long real, long effective, long saved)
{
	const uint32_t ids[3] = { mine()->gid, mine()->egid, mine()->sgid };

	return write_three(ids, real, effective, saved);
}

/* These two return the value before, and no error. */
long sys_setfsuid(long id)
{
	struct credentials *c = mine();
	uint32_t old = c->fsuid;

	if (capable(CAP_SETUID) || may_become((uint32_t)id, c->uid, c->euid, c->suid))
		c->fsuid = (uint32_t)id == UINT32_MAX ? old : (uint32_t)id;
	return old;
}

long sys_setfsgid(long id)
{
	struct credentials *c = mine();
	uint32_t old = c->fsgid;

	if (capable(CAP_SETGID) || may_become((uint32_t)id, c->gid, c->egid, c->sgid))
		c->fsgid = (uint32_t)id == UINT32_MAX ? old : (uint32_t)id;
	return old;
}

long sys_getgroups(long size, long address)
{
	struct process *process = process_current();
	const struct credentials *c = &process->credentials;

	size = (int)size;
	if (size < 0)
		return -EINVAL;
	/* Another thread may want to free the list meanwhile. */
	mutex_lock(&process->groups_lock);
	long result = c->group_count;
	if (size && size < result)
		result = -EINVAL;
	else if (size &&
		 user_write((uintptr_t)address, c->groups, c->group_count * sizeof(*c->groups)))
		result = -EFAULT;
	mutex_unlock(&process->groups_lock);
	return result;
}

long sys_setgroups(long size, long address)
{
	struct credentials *c = mine();
	uint32_t count = (uint32_t)size;
	uint32_t *groups = NULL;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if (count > GROUPS_MAX)
		return -EINVAL;
	if (count) {
		groups = mem_alloc(count * sizeof(*groups));
		if (!groups)
			return -ENOMEM;
		if (user_read(groups, (uintptr_t)address, count * sizeof(*groups))) {
			mem_free(groups);
			return -EFAULT;
		}
	}
	mutex_lock(&process_current()->groups_lock);
	uint32_t *old = c->groups;
	c->groups = groups;
	c->group_count = count;
	mutex_unlock(&process_current()->groups_lock);
	mem_free(old);
	return 0;
}

/* --- capabilities: version 1 has one triple of words, the later ones two --- */

struct capability_header {
	uint32_t version;
	int32_t pid;
};

struct capability_words {
	uint32_t effective, permitted, inheritable;
};

static int read_capability_header(long address, struct capability_header *header, unsigned *words)
{
	if (user_read(header, (uintptr_t)address, sizeof(*header)))
		return -EFAULT;
	*words = header->version == CAPABILITY_VERSION_1 ? 1 : 2;
	if (header->version == CAPABILITY_VERSION_1 || header->version == CAPABILITY_VERSION_2 ||
	    header->version == CAPABILITY_VERSION_3)
		return 0;
	header->version = CAPABILITY_VERSION_3;
	return user_write((uintptr_t)address, header, sizeof(*header)) ? -EFAULT : 1;
}

long sys_capget(long header_address, long data_address)
{
	struct capability_header header;
	struct capability_words data[2];
	unsigned words;
	int err = read_capability_header(header_address, &header, &words);

	if (err)
		return err < 0 ? err : data_address ? -EINVAL : 0;
	if (header.pid < 0)
		return -EINVAL;
	const struct process *process = process_find(header.pid);
	if (!process && header.pid != task_current()->tid)
		return -ESRCH;
	const struct credentials *c = process ? &process->credentials : mine();
	for (unsigned i = 0; i < 2; i++)
		data[i] = (struct capability_words){
			.effective = (uint32_t)(c->effective >> 32 * i),
			.permitted = (uint32_t)(c->permitted >> 32 * i),
			.inheritable = (uint32_t)(c->inheritable >> 32 * i),
		};
	return data_address ? user_write((uintptr_t)data_address, data, words * sizeof(*data)) : 0;
}

long sys_capset(long header_address, long data_address)
{
	struct capability_header header;
	struct capability_words data[2] = { { 0 } };
	struct credentials *c = mine();
	unsigned words;
	int err = read_capability_header(header_address, &header, &words);

	if (err)
		return err < 0 ? err : -EINVAL;
	if (header.pid && header.pid != process_current()->pid)
		return -EPERM;
	if (user_read(data, (uintptr_t)data_address, words * sizeof(*data)))
		return -EFAULT;

	uint64_t effective = data[0].effective | (uint64_t)data[1].effective << 32;
	uint64_t permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	uint64_t inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;

	if (permitted & ~c->permitted || effective & ~permitted ||
	    inheritable & ~(c->inheritable | c->bounding | c->permitted))
		return -EPERM;
	c->effective = effective;
	c->permitted = permitted;
	c->inheritable = inheritable;
	c->ambient &= permitted & inheritable;
	return 0;
}

/* --- threads --- */

long sys_set_tid_address(long address)
{
	task_current()->clear_child_tid = (uintptr_t)address;
	return task_current()->tid;
}

long sys_exit(long code)
{
	task_exit(((unsigned)code & 0xff) << 8);
}

long sys_exit_group(long code)
{
	process_exit(((unsigned)code & 0xff) << 8);
}

/* No process has children yet. */
long sys_wait4(long pid, long status, long options, long usage)
{
	(void)pid, (void)status, (void)usage;
	return (uint32_t)options & ~0xe000000bu ? -EINVAL : -ECHILD;
}

enum { P_ALL, P_PID, P_PGID, P_PIDFD };

/* Whether waitid(2) could wait for that. */
static int check_waited(int type, int id)
{
	if (type == P_ALL)
		return 0;
	if (type < P_ALL || type > P_PIDFD || id < 0 || (type == P_PID && !id))
		return -EINVAL;
	if (type != P_PIDFD)
		return 0;
	struct file *file = fd_file(id);
	bool good = pidfd_process(file);

	file_put(file);
	return good ? 0 : -EBADF;
}

long sys_waitid(long type, long id, long info, long options, long usage)
{
	(void)info, (void)usage;
	if (!(options & 0xe) || (uint32_t)options & ~0xe100000fu)
		return -EINVAL;
	int err = check_waited((int)type, (int)id);
	return err ? err : -ECHILD;
}
