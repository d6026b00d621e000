# SPDX-License-Identifier: BSD-3-Clause
# Cases about sockets, over the loopback. Sourced by cases.sh.

for program in socktcp sockedges sockerror sockpoll sockclose sockconnect sockudp sockopt sockblock sockif; do
	try $program
done
