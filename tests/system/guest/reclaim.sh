# SPDX-License-Identifier: GPL-2.0-only
# reclaim: more memory is wanted than there is. Pages of mapped files, and
# those that were given up lazily, are taken from processes while others use
# theirs; nobody may see another's.
. /tests/common.sh
free=$(awk '/MemFree/ { print int($2 / 1024) }' /proc/meminfo)

memory 30 &
first=$!
memory 30 &
second=$!
mkdir -p /tmp/disk
if truncate -s $((free / 2))M /tmp/image && mke2fs -q /tmp/image 2>/dev/null &&
	mount -o loop /tmp/image /tmp/disk 2>/dev/null; then
	step "a file system on a loop device"
	stress-ng --mmap 1 --mmap-file --mmap-bytes 32M --temp-path /tmp/disk \
		--verify -t 20 >/tmp/log 2>&1 || { cat /tmp/log; fail mmap; }
fi
stress-ng --vm 3 --vm-bytes $((free / 5))M --verify --oomable -t 20 \
	--madvise 1 --bigheap 1 --bigheap-growth 1M >/tmp/log 2>&1
status=$?
case $status in
0 | 3) ;;
*)
	cat /tmp/log
	fail "stress-ng ended with $status"
	;;
esac
for pid in $first $second; do
	wait "$pid"
	status=$?
	# 137: chosen by the kernel when memory ran out
	[ $status = 0 ] || [ $status = 137 ] || fail "memory ended with $status"
done
audit
if dmesg | grep -E 'WARNING:|BUG:|Oops|Bad page|soft lockup|rcu.*stall'; then
	fail "the kernel was in trouble"
fi
