#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# data.sh DIR: the files that the guest programs expect below data/, the same in an image and on the host.
set -e
umask 022
mkdir -p "$1/dir/sub" "$1/many"
cd "$1"
echo 'Hello from the image' >hello.txt
: >empty
seq -f '%07.0f' 0 131071 >big.bin # 1 MiB, eight bytes a line
seq 1 20000 >numbers.txt
echo a >dir/a
echo bb >dir/b
echo ccc >dir/c
echo deep >dir/sub/deep.txt
ln -sf hello.txt link
ln -sfn dir dirlink
ln -sfn dir/sub/../b crooked
ln -sf nowhere dangling
ln -sf loop2 loop1
ln -sf loop1 loop2
echo hard >hard1
ln -f hard1 hard2
echo '#!/bin/false' >exec.sh
chmod 755 exec.sh
echo read only >readonly.txt
chmod 444 readonly.txt
echo unicode >'ünï cödé'
echo long >"$(printf '%0254d' 0 | tr 0 n)" # mkfs.erofs 1.5 takes no 255
i=100
while [ $i -lt 600 ]; do
	echo $i >many/file$i
	i=$((i + 1))
done
dd if=/dev/null of=sparse bs=1 seek=300000 2>/dev/null
printf end | dd of=sparse bs=1 seek=200000 conv=notrunc 2>/dev/null
touch -d @1700000000 hello.txt
touch -d @86400 dir
