# SPDX-License-Identifier: GPL-2.0-only
# kernel: the kernel changes its own code and page tables: modules, kprobes,
# uprobes, the function tracers, jump labels, memory by vmalloc.
. /tests/common.sh

# The directory is needed for "trace" to be read and written.
[ -d $tracing/events ] || mount -t tracefs trace $tracing
trace() {
	echo "$2" >"$tracing/$1" || fail "tracing: $2 >$1"
}

echo "- modules"
for _ in $(seq 30); do
	insmod $modules/lodge-test.ko || fail insmod
	[ -d $debug ] || fail "no $debug"
	rmmod lodge-test || fail rmmod
done
[ -d $debug ] && fail "$debug is still there"

echo "- kprobes"
trace kprobe_events 'p:lodge_in do_sys_openat2 flags=+0(%si):x64'
trace kprobe_events '' && trace kprobe_events 'p:lodge_in do_sys_openat2'
echo 'r:lodge_out do_sys_openat2 ret=$retval' >>$tracing/kprobe_events
for round in 1 2 3 4 5; do
	trace trace ''
	trace events/kprobes/enable 1
	cat /etc/passwd >/dev/null
	trace events/kprobes/enable 0
	entries=$(grep -c lodge_in $tracing/trace)
	returns=$(grep -c lodge_out $tracing/trace)
	[ "$entries" -gt 0 ] && [ "$returns" -gt 0 ] ||
		fail "kprobes, round $round: $entries hits, $returns returns"
done
trace kprobe_events ''

echo "- uprobes"
offset=0x$(grep -a -m1 -o 'nothing' /dev/null || echo 0)
address=$(cat /tests/clock.entry 2>/dev/null || :)
if [ -n "$address" ]; then
	trace uprobe_events "p:lodge_user /tests/bin/clock:$address"
	trace trace ''
	trace events/uprobes/enable 1
	clock 0.1 >/dev/null
	trace events/uprobes/enable 0
	grep -q lodge_user $tracing/trace || fail "uprobe did not hit"
	trace uprobe_events ''
fi
: "$offset"

echo "- tracers"
for tracer in function function_graph; do
	for _ in 1 2 3; do
		trace current_tracer $tracer
		ls -R /sys/kernel >/dev/null 2>&1
		trace current_tracer nop
	done
	trace current_tracer $tracer
	trace trace ''
	cat /etc/passwd >/dev/null
	trace tracing_on 0
	lines=$(grep -c vfs $tracing/trace)
	trace tracing_on 1
	trace current_tracer nop
	[ "$lines" -gt 0 ] || fail "$tracer saw nothing"
done

echo "- jump labels and static calls"
for _ in $(seq 20); do
	trace events/sched/enable 1
	trace events/syscalls/enable 1 2>/dev/null
	sleep 0.02
	trace events/enable 0
done
trace trace ''

echo "- vmalloc and huge pages"
for mode in always never madvise; do
	echo $mode >/sys/kernel/mm/transparent_hugepage/enabled
	memory 2 || fail "memory, huge pages $mode"
	stress-ng --vm 2 --vm-bytes 32M --vm-method rowhammer,walk-0d --verify \
		-t 2 >/dev/null 2>&1 || stress-ng --vm 2 --vm-bytes 32M \
		--verify -t 3 >/tmp/log 2>&1 || { cat /tmp/log; fail vm; }
done
echo 4 >/proc/sys/vm/nr_hugepages
echo 3 >/proc/sys/vm/drop_caches
echo 1 >/proc/sys/vm/compact_memory
audit
kernel_log_is_clean
