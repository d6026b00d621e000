/* SPDX-License-Identifier: BSD-3-Clause */
/* Locks on files: see <fs/lock.h>. An inode's list of them is made with its first one. */
#include <fs/lock.h>

#include <base/bits.h>
#include <base/errno.h>
#include <mm/alloc.h>

struct held {
	struct list_node link;
	struct file_lock lock;
};

/* A request that waits. */
struct waiting {
	struct list_node link;
	const void *owner, *blocker;
};

struct file_locks {
	struct list_node records, whole; /* struct held.link; of fcntl(2) by start, of flock(2) */
	struct waitq changed;
};

/* Of all files, as who waits for whom goes across them. Nothing under it sleeps. */
static struct spinlock locks_lock = SPINLOCK_INIT;
static struct list_node waiting = { &waiting, &waiting }; /* [locks_lock] struct waiting.link */

static struct held *held_of(struct list_node *node)
{
	return list_entry(node, struct held, link);
}

static struct file_locks *get_locks(struct inode *inode)
{
	struct file_locks *locks = __atomic_load_n(&inode->locks, __ATOMIC_ACQUIRE), *none = NULL;

	if (locks)
		return locks;
	locks = mem_alloc(sizeof *locks);
	if (!locks)
		return NULL;
	list_init(&locks->records);
	list_init(&locks->whole);
	waitq_init(&locks->changed);
	if (__atomic_compare_exchange_n(&inode->locks, &none, locks, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return locks;
	mem_free(locks);
	return none;
}

void file_locks_free(struct inode *inode)
{
	mem_free(inode->locks);
}

static bool overlaps(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->last && b->start <= a->last;
}

static const struct file_lock *find_conflict(struct list_node *list, const struct file_lock *lock)
{
	list_for_each(node, list) {
		const struct file_lock *other = &held_of(node)->lock;

		if (other->owner != lock->owner && overlaps(other, lock) &&
		    (other->type == FILE_LOCK_WRITE || lock->type == FILE_LOCK_WRITE))
			return other;
	}
	return NULL;
}

/* Whether `blocker` waits, perhaps by way of others, for `owner`. As on Linux, only processes are looked at. */
static bool would_deadlock(const void *owner, const void *blocker)
{
	enum { CHAIN_MAX = 10 };

	for (unsigned i = 0; i < CHAIN_MAX && blocker; i++) {
		const void *next = NULL;

		if (blocker == owner)
			return true;
		list_for_each(node, &waiting) {
			const struct waiting *w = list_entry(node, struct waiting, link);

			if (w->owner == blocker)
				next = w->blocker;
		}
		blocker = next;
	}
	return false;
}

/* Waits once for a change. */
static int wait_for(struct file_locks *locks, const struct file_lock *lock,
		    const struct file_lock *conflict) REQUIRES(locks_lock)
{
	struct waiting w = { .owner = lock->owner, .blocker = conflict->owner };
	bool counts = lock->pid >= 0 && conflict->pid >= 0;
	int error;

	if (counts && would_deadlock(lock->owner, conflict->owner))
		return -EDEADLK;
	if (counts)
		list_insert_before(&waiting, &w.link);
	error = waitq_wait(&locks->changed, &locks_lock, TIME_NEVER, WAIT_INTERRUPTIBLE);
	if (counts)
		list_remove(&w.link);
	return error;
}

static void insert(struct list_node *list, struct held *held) REQUIRES(locks_lock)
{
	list_for_each(node, list) {
		if (held_of(node)->lock.start > held->lock.start) {
			list_insert_before(node, &held->link);
			return;
		}
	}
	list_insert_before(list, &held->link);
}

/* Takes [lock->start, lock->last] out of the owner's lock `old`. What is left of it above needs an entry from *spare. */
static void cut(struct list_node *list, struct held *old, const struct file_lock *lock,
		struct held **spare) REQUIRES(locks_lock)
{
	if (old->lock.last > lock->last) {
		struct held *upper = *spare;

		if (old->lock.start >= lock->start) { /* nothing is left below: the entry moves */
			list_remove(&old->link);
			old->lock.start = lock->last + 1;
			insert(list, old);
			return;
		}
		*spare = NULL;
		upper->lock = old->lock;
		upper->lock.start = lock->last + 1;
		old->lock.last = lock->start - 1;
		insert(list, upper);
	} else if (old->lock.start < lock->start) {
		old->lock.last = lock->start - 1;
	} else {
		list_remove(&old->link);
		mem_free(old);
	}
}

/* Whether the two are alike and touch or overlap, so that they are one. */
static bool joins(const struct file_lock *a, const struct file_lock *b)
{
	return a->type == b->type && a->start <= b->last + 1 && b->start <= a->last + 1;
}

/* Gives the range to its owner; `fresh` becomes the lock unless it is taken back. Entries that are not needed are freed. */
static void apply(struct list_node *list, const struct file_lock *lock, struct held *fresh,
		  struct held *spare) REQUIRES(locks_lock)
{
	struct file_lock whole = *lock;

	list_for_each(node, list) {
		struct held *old = held_of(node);

		if (old->lock.owner != lock->owner)
			continue;
		if (joins(&old->lock, &whole)) {
			whole.start = min(whole.start, old->lock.start);
			whole.last = max(whole.last, old->lock.last);
			list_remove(&old->link);
			mem_free(old);
		} else if (overlaps(&old->lock, &whole)) {
			cut(list, old, &whole, &spare);
		}
	}
	if (lock->type != FILE_LOCK_NONE) {
		fresh->lock = whole;
		insert(list, fresh);
		fresh = NULL;
	}
	mem_free(fresh);
	mem_free(spare);
}

static int set_locked(struct file_locks *locks, struct list_node *list,
		      const struct file_lock *lock, bool wait) REQUIRES(locks_lock)
{
	const struct file_lock *conflict;
	int error = 0;

	while (!error && lock->type != FILE_LOCK_NONE && (conflict = find_conflict(list, lock)))
		error = wait ? wait_for(locks, lock, conflict) : -EAGAIN;
	return error;
}

static int set(struct inode *inode, const struct file_lock *lock, bool whole, bool wait)
{
	struct file_locks *locks = get_locks(inode);
	struct held *fresh = mem_alloc(sizeof *fresh), *spare = mem_alloc(sizeof *spare);
	int error = -ENOLCK;

	if (locks && fresh && spare) {
		struct list_node *list = whole ? &locks->whole : &locks->records;

		spin_lock(&locks_lock);
		error = set_locked(locks, list, lock, wait);
		if (!error) {
			apply(list, lock, fresh, spare);
			waitq_wake_all(&locks->changed);
			fresh = spare = NULL;
		}
		spin_unlock(&locks_lock);
	}
	mem_free(fresh);
	mem_free(spare);
	return error;
}

int file_lock_set(struct file *file, const struct file_lock *lock, bool wait)
{
	return file->inode ? set(file->inode, lock, false, wait) : 0;
}

void file_lock_query(struct file *file, struct file_lock *lock)
{
	const struct file_lock *conflict = NULL;
	struct file_locks *locks = file->inode ? file->inode->locks : NULL;

	spin_lock(&locks_lock);
	if (locks)
		conflict = find_conflict(&locks->records, lock);
	if (conflict)
		*lock = *conflict;
	else
		lock->type = FILE_LOCK_NONE;
	spin_unlock(&locks_lock);
}

int file_flock(struct file *file, enum file_lock_type type, bool wait)
{
	const struct file_lock none = {
		.type = FILE_LOCK_NONE, .last = FILE_LOCK_END, .owner = file, .pid = -1
	};
	struct file_lock lock = none;
	int error;

	if (!file->inode)
		return 0;
	/* A lock that is changed is given up first, as flock(2) says. */
	error = set(file->inode, &none, true, false);
	lock.type = type;
	return error || type == FILE_LOCK_NONE ? error : set(file->inode, &lock, true, wait);
}

static void drop(struct list_node *list, const void *owner) REQUIRES(locks_lock)
{
	list_for_each(node, list) {
		struct held *held = held_of(node);

		if (held->lock.owner != owner)
			continue;
		list_remove(&held->link);
		mem_free(held);
	}
}

void file_locks_drop(struct inode *inode, const void *owner)
{
	struct file_locks *locks = inode->locks;

	spin_lock(&locks_lock);
	drop(&locks->records, owner);
	drop(&locks->whole, owner);
	waitq_wake_all(&locks->changed);
	spin_unlock(&locks_lock);
}
