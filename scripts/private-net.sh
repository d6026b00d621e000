# SPDX-License-Identifier: BSD-3-Clause
# For scripts that join a machine to the host by a tap interface, to be sourced: a network of the script's own, which touches nothing
# else and goes with it. Root can have one, and everybody where the host allows user namespaces.

# private_network SCRIPT ARGUMENT...: becomes the script again, in such a network. Inside it returns 0: the interface tap0 is 10.0.2.2/24,
# as QEMU's user network has it. Where there can be none it returns 1, and $no_network says why.
private_network()
{
	PATH=$PATH:/usr/sbin:/sbin
	if [ -n "${PRIVATE_NETWORK-}" ]; then
		ip link set lo up
		ip address add 10.0.2.2/24 dev tap0
		ip link set tap0 up
		return
	fi
	for tool in ip unshare; do
		command -v $tool >/dev/null || { no_network="$tool is not installed"; return 1; }
	done
	for how in -n -rn; do
		if unshare $how ip tuntap add dev tap0 mode tap 2>/dev/null; then
			PRIVATE_NETWORK=yes exec unshare $how sh -c 'ip tuntap add dev tap0 mode tap && exec "$@"' - "$@"
		fi
	done
	no_network='no rights to make a network namespace with a tap interface'
	return 1
}

# The options of QEMU that join its device -device ...,netdev=net to that interface.
tap_netdev='tap,id=net,ifname=tap0,script=no,downscript=no'
