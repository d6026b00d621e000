/* SPDX-License-Identifier: BSD-3-Clause */
/* What --help prints. docs/cli.md says the same at greater length. */
#include "options.h"

#include <stdio.h>

static const char general[] =
	"Usage: capuchin run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	"  or:  capuchin build -o FILE.iso [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	"  or:  capuchin build -o DIRECTORY --for=VMM [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	"  or:  capuchin build --selftest -o FILE.iso [OPTION]...\n"
	"  or:  capuchin run --devices [OPTION]...\n"
	"  or:  capuchin selftest [OPTION]...\n"
	"  or:  capuchin help [COMMAND]\n"
	"Run an unmodified Linux x86-64 program as a virtual machine of its own.\n"
	"\n"
	"Commands:\n"
	"  run       boot PROGRAM in a virtual machine; its input, output and exit status are\n"
	"            this command's\n"
	"  build     write a bootable ISO image (BIOS and UEFI) with PROGRAM in it, or what a\n"
	"            VMM needs to start it without this command\n"
	"  selftest  boot the kernel's test of itself and of its machine\n"
	"  help      print this, or the help of COMMAND\n"
	"\n"
	"      --help     print this help and exit\n"
	"      --version  print the version and exit\n"
	"\n"
	"'capuchin COMMAND --help' lists the options.\n";

static const char run_head[] =
	"Usage: capuchin run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	"  or:  capuchin run --devices [OPTION]...\n"
	"Boot PROGRAM, a Linux x86-64 executable or script, in a virtual machine. Its standard\n"
	"input, output and exit status are this command's. Options end at PROGRAM or at --.\n"
	"\n"
	"      --vmm=VMM          qemu (default), firecracker, cloud-hypervisor, libkrun, or "
	"auto:\n"
	"                         the quickest of them that is there and can do what is asked\n"
	"  -m, --memory=SIZE      memory of the machine in MiB, or with suffix K, M, G or T\n"
	"                         (default: 128, and more for a large root directory)\n"
	"      --cpus=N           processors, 1 to 32, of which one is used (default: 1)\n"
	"      --accel=WHICH      auto, kvm or tcg (default: auto, which is kvm where it works)\n"
	"      --machine=KIND     QEMU's microvm, q35 or pc (default: microvm)\n"
	"      --pci              devices on PCI (Firecracker)\n"
	"      --timeout=SECONDS  end the machine after that time, with status 123\n"
	"  -p, --publish=[ADDR:]HOST:GUEST[/udp]\n"
	"                         make the machine's port GUEST the host's port HOST, at ADDR\n"
	"                         or all of its addresses. Repeatable\n"
	"      --net=KIND         user (QEMU: outward connections and -p, needs no rights), tap\n"
	"                         (made for this machine, needs root), tap=NAME (an interface of\n"
	"                         the host), none (default, unless another option is about the\n"
	"                         network)\n"
	"      --ip=ADDR/PREFIX[,gw=ADDR][,dns=ADDR]\n"
	"                         the machine's address, or dhcp (default for tap=NAME)\n"
	"      --mac=ADDR         its hardware address\n"
	"      --pcap=FILE        copy all frames to FILE, as tcpdump and Wireshark read it\n"
	"      --disk=FILE[,ro][,format=raw|qcow2][,bps=BYTES][,iops=N]\n"
	"                         a disk: /dev/vda, /dev/vdb and so on, perhaps limited to so "
	"much\n"
	"                         a second. Repeatable\n"
	"      --root-on-disk     have the root directory on the first disk, not in memory\n"
	"      --vsock=PATH       AF_VSOCK, whose other end is the Unix socket PATH\n"
	"      --entropy          a source of random numbers\n"
	"      --balloon=SIZE     a balloon, which takes SIZE of the memory at first\n"
	"      --metadata=FILE    what Firecracker's metadata service tells, JSON\n"
	"      --devices          list the machine's devices instead of running a program\n";

static const char build_head[] =
	"Usage: capuchin build -o FILE.iso [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	"  or:  capuchin build -o DIRECTORY --for=VMM [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	"Write an ISO image that boots PROGRAM, a Linux x86-64 executable or script, with BIOS\n"
	"and UEFI, on any hypervisor or machine that takes one; or a directory with kernel, root\n"
	"image and what starts them on a VMM. Options end at PROGRAM or at --.\n"
	"\n"
	"  -o, --output=FILE      the image to write; an existing one is replaced\n"
	"      --for=VMM          qemu, firecracker, cloud-hypervisor or libkrun. With it go\n"
	"                         --memory, --cpus, --accel, --machine, --net, --mac, --disk,\n"
	"                         --vsock, --entropy and --balloon, as with 'run'\n"
	"      --selftest         no program, but the kernel's test of itself (docs/selftest.md)\n"
	"      --ip=ADDR/PREFIX[,gw=ADDR][,dns=ADDR]\n"
	"                         the machine's address, or dhcp\n";

static const char selftest_help[] =
	"Usage: capuchin selftest [OPTION]...\n"
	"Boot the kernel's test of itself, ask its services, compare the machine with what was\n"
	"asked for, and print a table. The machine has a scratch disk, an entropy device, a\n"
	"balloon and, with QEMU, a network, besides what the options say.\n"
	"\n"
	"The machine, as for 'capuchin run' (see there): -m, --accel, --machine, --vmm, --cpus,\n"
	"--pci, -p, --net, --ip, --mac, --pcap, --disk, --balloon, --vsock, --metadata, --timeout\n"
	"(default: 300), --kernel-arg, -v.\n"
	"\n"
	"A disk of --disk whose first bytes are the line 'capuchin scratch disk' is overwritten.\n"
	"\n"
	"Exit status: 0 if everything works, 1 if something does not, 2 for wrong usage; else as\n"
	"for 'capuchin run'.\n";

static const char common_options[] =
	"  -e, --env=KEY[=VALUE]  set an environment variable of the program; KEY alone takes\n"
	"                         the value it has here, if it has one. Repeatable. Without it\n"
	"                         the program sees PATH, HOME=/ and, on a terminal, TERM\n"
	"      --rootfs=DIR|TAR   the program's root directory, or a tar archive of it, also\n"
	"                         compressed; PROGRAM is a path in it\n"
	"      --add=HOST[:GUEST] put the file or directory HOST into the root directory, at\n"
	"                         the absolute path GUEST (default: the same path). Repeatable,\n"
	"                         also directly behind PROGRAM\n"
	"      --kernel-arg=WORD  put WORD on the kernel's command line as it is. Repeatable\n"
	"      --strace           log the program's system calls to the console\n"
	"  -v, --verbose          say on standard error what is done, and show kernel messages\n"
	"  -h, --help             print this help and exit\n";

static const char run_tail[] =
	"\n"
	"Exit status:\n"
	"  the program's own; 128+N if signal N killed it\n"
	"  1    the program cannot be run (this command has said why)\n"
	"  2    wrong usage\n"
	"  122  the machine ended without telling a status\n"
	"  123  the time of --timeout ran out\n"
	"  124  the kernel could not boot or start the program\n"
	"  125  the kernel panicked\n"
	"  128+N  signal N (SIGINT, SIGTERM, SIGHUP, SIGPIPE) ended this command\n"
	"\n"
	"On a terminal all keys go to the program; three Ctrl-C within a second end the machine.\n"
	"The program's standard output and standard error both arrive on standard output.\n"
	"\n"
	"Environment:\n"
	"  CAPUCHIN_KERNEL  the kernel image to use\n"
	"  TMPDIR           where temporary files go (default: /tmp)\n";

static const char build_tail[] =
	"\n"
	"Exit status: 0 if the image was written, 1 if not, 2 for wrong usage.\n"
	"\n"
	"Environment:\n"
	"  CAPUCHIN_KERNEL  the kernel image to use\n"
	"  TMPDIR           where temporary files go (default: /tmp)\n";

void help_print_general(void)
{
	fputs(general, stdout);
}

void help_print(enum command command)
{
	bool run = command == COMMAND_RUN;

	if (command == COMMAND_SELFTEST) {
		fputs(selftest_help, stdout);
		return;
	}
	fputs(run ? run_head : build_head, stdout);
	fputs(common_options, stdout);
	fputs(run ? run_tail : build_tail, stdout);
}
