/* SPDX-License-Identifier: BSD-3-Clause */
/* rename within, over, across directories; of image files and directories; and what it refuses. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool holds(const char *path, const char *text)
{
	char buffer[128] = "";
	int fd = open(path, O_RDONLY);
	ssize_t got = read(fd, buffer, sizeof(buffer) - 1);
	close(fd);
	return got == (ssize_t)strlen(text) && strcmp(buffer, text) == 0;
}

static bool absent(const char *path)
{
	return access(path, F_OK) == -1 && errno == ENOENT;
}

static void check_files(void)
{
	put("r1", "one");
	put("r2", "two");
	CHECK_EQ(rename("r1", "r3"), 0);
	CHECK(absent("r1") && holds("r3", "one"));
	int fd = open("r2", O_RDONLY);
	CHECK_EQ(rename("r3", "r2"), 0); /* over another */
	CHECK(absent("r3") && holds("r2", "one"));
	char buffer[8] = "";
	CHECK_EQ(read(fd, buffer, 8), 3); /* which whoever has it open still reads */
	CHECK(strcmp(buffer, "two") == 0);
	close(fd);
	CHECK_EQ(rename("r2", "r2"), 0);
	CHECK_EQ(mkdir("rd", 0755), 0);
	CHECK_EQ(rename("r2", "rd/in"), 0);
	CHECK(holds("rd/in", "one"));
	CHECK_EQ(rename("rd/in", "./rd/../rd/out"), 0);
	CHECK(holds("rd/out", "one"));
}

static void check_directories(void)
{
	CHECK_EQ(mkdir("rd2", 0755), 0);
	CHECK_EQ(rename("rd", "rd2"), 0); /* over an empty one */
	CHECK(absent("rd") && holds("rd2/out", "one"));
	CHECK_EQ(mkdir("rd", 0755), 0);
	CHECK_ERROR(rename("rd", "rd2"), ENOTEMPTY);
	CHECK_ERROR(rename("rd2", "rd2/below"), EINVAL);
	CHECK_ERROR(rename("rd2/out", "rd"), EISDIR);
	CHECK_ERROR(rename("rd", "rd2/out"), ENOTDIR);
	CHECK_ERROR(rename("absent", "rd3"), ENOENT);
	CHECK_ERROR(rename("rd2/out", "absent/x"), ENOENT);
	CHECK_ERROR(rename("rd2/.", "rd4"), EBUSY);
	CHECK_EQ(
		syscall(SYS_renameat2, AT_FDCWD, "rd2/out", AT_FDCWD, "rd2/free", RENAME_NOREPLACE),
		0);
	put("rd2/other", "x");
	CHECK_ERROR(syscall(SYS_renameat2, AT_FDCWD, "rd2/free", AT_FDCWD, "rd2/other",
			    RENAME_NOREPLACE),
		    EEXIST);
	CHECK_ERROR(syscall(SYS_renameat2, AT_FDCWD, "rd2/free", AT_FDCWD, "rd2/other", 0x80),
		    EINVAL);
	CHECK_EQ(rename("rd2", "rd/moved"), 0);
	CHECK(holds("rd/moved/free", "one"));
	struct stat status, parent;
	CHECK_EQ(stat("rd/moved/..", &parent), 0);
	CHECK_EQ(stat("rd", &status), 0);
	CHECK(status.st_ino == parent.st_ino);
	unlink("rd/moved/free");
	unlink("rd/moved/other");
	CHECK_EQ(rmdir("rd/moved"), 0);
	CHECK_EQ(rmdir("rd"), 0);
}

static void check_image(void)
{
	CHECK_EQ(rename("data/hello.txt", "greeting"), 0);
	CHECK(absent("data/hello.txt") && holds("greeting", "Hello from the image\n"));
	CHECK(absent("data/link")); /* it dangles now */
	put("data/hello.txt", "new");
	CHECK(holds("data/link", "new") && holds("greeting", "Hello from the image\n"));
	CHECK_EQ(rename("greeting", "data/hello.txt"), 0);
	CHECK(holds("data/link", "Hello from the image\n"));
	CHECK_EQ(rename("data/link", "data/link2"), 0);
	char target[32] = "";
	CHECK_EQ(readlink("data/link2", target, sizeof(target)), 9);
	put("fresh", "fresh");
	CHECK_EQ(rename("fresh", "data/readonly.txt"), 0);
	CHECK(holds("data/readonly.txt", "fresh"));
	int moved = rename("data/dir", "data/directory");
	CHECK(moved == 0 ||
	      (moved == -1 && errno == EXDEV)); /* as overlayfs: EXDEV is an answer programs know */
	CHECK(holds(moved == 0 ? "data/directory/sub/deep.txt" : "data/dir/sub/deep.txt",
		    "deep\n"));
}

int main(void)
{
	check_files();
	check_directories();
	check_image();
	return check_done("rename");
}
