/* SPDX-License-Identifier: BSD-3-Clause */
/* System V shared memory, semaphores and message queues. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif
#ifndef MSG_EXCEPT
#define MSG_EXCEPT 020000
#endif

enum { PAGE = 4096 };
#define KEY (0x47000000 ^ getpid()) /* nobody else's, where others run the same */

static void rest_ms(long ms)
{
	nanosleep(&(struct timespec){ 0, ms * 1000000 }, NULL);
}

static void on_signal(int signo)
{
	(void)signo;
}

/* --- shared memory --- */

static unsigned long attached(int id)
{
	struct shmid_ds status;
	CHECK_EQ(shmctl(id, IPC_STAT, &status), 0);
	return status.shm_nattch;
}

static void check_attaching(int id)
{
	char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
	REQUIRE(a != (void *)-1 && b != (void *)-1);
	CHECK(a != b);
	a[0] = 'x';
	a[9999] = 'y';
	CHECK_EQ(b[0], 'x');
	CHECK_EQ(b[9999], 'y');
	CHECK_EQ(attached(id), 2);
	CHECK_ERROR(mprotect(b, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK_ERROR(shmdt(a + PAGE), EINVAL);
	CHECK_ERROR(shmdt(a + 1), EINVAL);
	CHECK_EQ(shmdt(b), 0);
	CHECK_ERROR(shmdt(b), EINVAL);
	/* With a hole in it, and parts of other rights. */
	CHECK_EQ(munmap(a + PAGE, PAGE), 0);
	CHECK_EQ(mprotect(a, PAGE, PROT_READ), 0);
	CHECK_EQ(attached(id), 2);
	char *other = mmap(a + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			   0);
	CHECK(other == a + PAGE);
	CHECK_EQ(shmdt(a), 0);
	CHECK_EQ(other[0], 0);
	CHECK_EQ(attached(id), 0);
	CHECK(shmat(id, other, 0) == (void *)-1 && errno == EINVAL);
	CHECK(shmat(id, other + 1, 0) == (void *)-1 && errno == EINVAL);
	CHECK(shmat(id, NULL, SHM_REMAP) == (void *)-1 && errno == EINVAL);
	char *room = mmap(NULL, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(shmat(id, room + PAGE + 5, SHM_RND | SHM_REMAP) == room + PAGE);
	CHECK_EQ(room[PAGE], 'x');
	CHECK_EQ(room[4 * PAGE], 0);
	CHECK_EQ(shmdt(room + PAGE), 0);
	a = shmat(id, NULL, 0);
	CHECK_EQ(a[0], 'x');
	CHECK_EQ(a[9999], 'y');
	CHECK_EQ(shmdt(a), 0);
}

static void check_memory(void)
{
	struct shmid_ds status;
	int id = shmget(KEY, 10000, IPC_CREAT | IPC_EXCL | 0640);

	REQUIRE(id >= 0);
	CHECK_ERROR(shmget(KEY, 10000, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK_EQ(shmget(KEY, 10000, 0600), id);
	CHECK_EQ(shmget(KEY, 0, 0), id);
	CHECK_ERROR(shmget(KEY, 10001, IPC_CREAT | 0600), EINVAL);
	CHECK_ERROR(shmget(KEY + 1, 100, 0600), ENOENT);
	CHECK_ERROR(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	check_attaching(id);
	CHECK_EQ(shmctl(id, IPC_STAT, &status), 0);
	CHECK_EQ(status.shm_segsz, 10000);
	CHECK_EQ(status.shm_perm.mode, 0640);
	CHECK_EQ(status.shm_cpid, getpid());
	CHECK_EQ(status.shm_lpid, getpid());
	CHECK(status.shm_atime > 0 && status.shm_dtime > 0 && status.shm_ctime > 0);
	status.shm_perm.mode = 0600;
	CHECK_EQ(shmctl(id, IPC_SET, &status), 0);
	CHECK_EQ(shmctl(id, IPC_STAT, &status), 0);
	CHECK_EQ(status.shm_perm.mode, 0600);
	/* Removed, it stays as long as it is attached. */
	char *a = shmat(id, NULL, 0);
	a[1] = 'z';
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_ERROR(shmget(KEY, 0, 0), ENOENT);
	CHECK_EQ(shmctl(id, IPC_STAT, &status), 0);
	CHECK_EQ(status.shm_perm.mode, 0600 | SHM_DEST);
	char *b = shmat(id, NULL, 0);
	CHECK_EQ(b[1], 'z');
	CHECK_EQ(shmdt(a), 0);
	CHECK_EQ(b[1], 'z');
	CHECK_EQ(shmdt(b), 0);
	CHECK_ERROR(shmctl(id, IPC_STAT, &status), EINVAL);
	CHECK(shmat(id, NULL, 0) == (void *)-1 && errno == EINVAL);
	CHECK_ERROR(shmctl(-1, IPC_STAT, &status), EINVAL);
	CHECK_ERROR(shmctl(id, 99, &status), EINVAL);

	/* Large ones take memory where they are touched. */
	id = shmget(IPC_PRIVATE, (size_t)1 << 32, 0600);
	REQUIRE(id >= 0);
	a = shmat(id, NULL, 0);
	REQUIRE(a != (void *)-1);
	a[3000000000] = 1;
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(shmdt(a), 0);
}

/* --- semaphores --- */

static int sem_id;

static int operate(int number, int operation, int flags)
{
	struct sembuf op = { (unsigned short)number, (short)operation, (short)flags };
	return semop(sem_id, &op, 1);
}

/* Takes two at once, when there are two. */
static void *take_two(void *arg)
{
	struct sembuf ops[] = { { 0, -1, 0 }, { 1, -1, 0 } };
	(void)arg;
	return (void *)(long)(semop(sem_id, ops, 2) ? errno : 0);
}

static void *wait_zero(void *arg)
{
	(void)arg;
	return (void *)(long)(operate(2, 0, 0) ? errno : 0);
}

static void check_waiting(void)
{
	pthread_t threads[2];
	void *result;

	CHECK_EQ(semctl(sem_id, 2, SETVAL, 3), 0);
	REQUIRE(pthread_create(&threads[0], NULL, take_two, NULL) == 0);
	REQUIRE(pthread_create(&threads[1], NULL, wait_zero, NULL) == 0);
	rest_ms(20);
	CHECK_EQ(semctl(sem_id, 0, GETNCNT), 1);
	CHECK_EQ(semctl(sem_id, 1, GETNCNT), 0);
	CHECK_EQ(semctl(sem_id, 2, GETZCNT), 1);
	CHECK_EQ(operate(0, 1, 0), 0);
	rest_ms(20);
	CHECK_EQ(semctl(sem_id, 0, GETVAL), 1);
	CHECK_EQ(semctl(sem_id, 0, GETNCNT), 0);
	CHECK_EQ(semctl(sem_id, 1, GETNCNT), 1);
	CHECK_EQ(operate(1, 5, 0), 0);
	pthread_join(threads[0], &result);
	CHECK_EQ((long)result, 0);
	CHECK_EQ(semctl(sem_id, 0, GETVAL), 0);
	CHECK_EQ(semctl(sem_id, 1, GETVAL), 4);
	CHECK_EQ(operate(2, -3, 0), 0);
	pthread_join(threads[1], &result);
	CHECK_EQ((long)result, 0);
	/* Removing wakes. */
	REQUIRE(pthread_create(&threads[0], NULL, take_two, NULL) == 0);
	rest_ms(20);
	CHECK_EQ(semctl(sem_id, 0, IPC_RMID), 0);
	pthread_join(threads[0], &result);
	CHECK_EQ((long)result, EIDRM);
}

static void check_semaphores(void)
{
	unsigned short values[3] = { 1, 2, 3 };
	struct semid_ds status;

	sem_id = semget(KEY, 3, IPC_CREAT | 0600);
	REQUIRE(sem_id >= 0);
	CHECK_EQ(semget(KEY, 2, 0), sem_id);
	CHECK_ERROR(semget(KEY, 4, 0), EINVAL);
	CHECK_ERROR(semget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERROR(semget(IPC_PRIVATE, 32001, 0600), EINVAL);
	CHECK_EQ(semctl(sem_id, 1, GETVAL), 0);
	CHECK_EQ(semctl(sem_id, 0, SETALL, values), 0);
	memset(values, 0, sizeof values);
	CHECK_EQ(semctl(sem_id, 0, GETALL, values), 0);
	CHECK(values[0] == 1 && values[1] == 2 && values[2] == 3);
	CHECK_EQ(operate(0, -1, SEM_UNDO), 0);
	CHECK_ERROR(operate(0, -1, IPC_NOWAIT), EAGAIN);
	CHECK_ERROR(operate(1, 0, IPC_NOWAIT), EAGAIN);
	CHECK_EQ(operate(0, 0, IPC_NOWAIT), 0);
	/* All or nothing. */
	struct sembuf ops[] = { { 1, -2, 0 }, { 2, 10, 0 }, { 0, -1, IPC_NOWAIT } };
	CHECK_ERROR(semop(sem_id, ops, 3), EAGAIN);
	CHECK_EQ(semctl(sem_id, 1, GETVAL), 2);
	CHECK_EQ(semctl(sem_id, 2, GETVAL), 3);
	/* The same one twice. */
	struct sembuf twice[] = { { 1, 3, 0 }, { 1, -5, 0 }, { 1, 0, 0 } };
	CHECK_EQ(semop(sem_id, twice, 3), 0);
	CHECK_EQ(semctl(sem_id, 1, GETVAL), 0);
	CHECK_EQ(semctl(sem_id, 1, GETPID), getpid());
	CHECK_ERROR(operate(2, 32767, 0), ERANGE);
	CHECK_ERROR(operate(3, 1, 0), EFBIG);
	CHECK_ERROR(semop(sem_id, ops, 0), EINVAL);
	CHECK_ERROR(semop(sem_id, ops, 501), E2BIG);
	CHECK_ERROR(semctl(sem_id, 2, SETVAL, 32768), ERANGE);
	CHECK_ERROR(semctl(sem_id, 3, GETVAL), EINVAL);
	CHECK_ERROR(semctl(sem_id, -1, GETVAL), EINVAL);
	struct sembuf op = { 0, -1, 0 };
	CHECK_ERROR(semtimedop(sem_id, &op, 1, &(struct timespec){ 0, 10000000 }), EAGAIN);
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = SA_RESTART },
		  NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 10000 }, { 0, 10000 } }, NULL);
	CHECK_ERROR(operate(0, -1, 0), EINTR);
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	CHECK_EQ(semctl(sem_id, 0, IPC_STAT, &status), 0);
	CHECK_EQ(status.sem_nsems, 3);
	CHECK(status.sem_otime > 0);
	check_waiting();
	CHECK_ERROR(semctl(sem_id, 0, GETVAL), EINVAL);
}

/* --- messages --- */

struct text {
	long type;
	char bytes[8200];
};

static int queue_id;

static int put(long type, size_t size, int flags)
{
	static struct text text;
	text.type = type;
	text.bytes[0] = (char)('a' + type);
	return msgsnd(queue_id, &text, size, flags);
}

static long take(struct text *text, size_t size, long type, int flags)
{
	text->type = 0;
	return msgrcv(queue_id, text, size, type, flags | IPC_NOWAIT);
}

static void *receive_later(void *arg)
{
	static struct text text;
	(void)arg;
	rest_ms(20);
	return (void *)msgrcv(queue_id, &text, 8192, 0, 0);
}

static void check_messages(void)
{
	static struct text text;
	struct msqid_ds status;
	pthread_t thread;
	void *result;

	queue_id = msgget(KEY, IPC_CREAT | 0600);
	REQUIRE(queue_id >= 0);
	CHECK_EQ(msgget(KEY, 0), queue_id);
	CHECK_ERROR(take(&text, 10, 0, 0), ENOMSG);
	for (long type = 5; type > 0; type--)
		CHECK_EQ(put(type, 10 + (size_t)type, 0), 0);
	CHECK_EQ(put(3, 0, 0), 0);
	CHECK_EQ(take(&text, 100, 3, 0), 13);
	CHECK_EQ(text.type, 3);
	CHECK_EQ(text.bytes[0], 'd');
	CHECK_EQ(take(&text, 100, 0, 0), 15);
	CHECK_EQ(text.type, 5);
	CHECK_EQ(take(&text, 100, -3, 0), 11);
	CHECK_EQ(text.type, 1);
	CHECK_ERROR(take(&text, 5, 4, 0), E2BIG);
	CHECK_EQ(take(&text, 5, 4, MSG_NOERROR), 5);
	CHECK_EQ(take(&text, 100, 2, MSG_EXCEPT), 0);
	CHECK_EQ(text.type, 3);
	CHECK_ERROR(take(&text, 100, 7, 0), ENOMSG);
	CHECK_EQ(msgctl(queue_id, IPC_STAT, &status), 0);
	CHECK_EQ(status.msg_qnum, 1);
	CHECK_EQ(status.msg_qbytes, 16384);
	CHECK_EQ(status.msg_lspid, getpid());
	CHECK_EQ(take(&text, 100, 0, 0), 12);
	CHECK_EQ(put(1, 8192, 0), 0);
	CHECK_EQ(put(1, 8192, 0), 0);
	CHECK_ERROR(put(1, 1, IPC_NOWAIT), EAGAIN);
	CHECK_EQ(put(1, 0, IPC_NOWAIT), 0);
	REQUIRE(pthread_create(&thread, NULL, receive_later, NULL) == 0);
	CHECK_EQ(put(1, 1, 0), 0);
	pthread_join(thread, &result);
	CHECK_EQ((long)result, 8192);
	CHECK_ERROR(put(1, 8193, 0), EINVAL);
	CHECK_ERROR(put(0, 1, 0), EINVAL);
	CHECK_ERROR(syscall(SYS_msgrcv, queue_id, &text, -1L, 0, IPC_NOWAIT), EINVAL);
	CHECK_EQ(msgctl(queue_id, IPC_RMID, NULL), 0);
	CHECK_ERROR(put(1, 1, 0), EINVAL);
	CHECK_ERROR(msgget(KEY, 0), ENOENT);
}

int main(void)
{
	check_memory();
	check_semaphores();
	check_messages();
	return check_done("sysv");
}
