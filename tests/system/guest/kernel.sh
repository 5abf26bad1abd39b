# SPDX-License-Identifier: GPL-2.0-only
# kernel: the kernel changes its own code and page tables: modules, kprobes,
# uprobes, the function tracers, jump labels, memory by vmalloc.
. /tests/common.sh

# The directory is needed for "trace" to be read and written.
[ -d $tracing/events ] || mount -t tracefs trace $tracing
trace() {
	echo "$2" >"$tracing/$1" || fail "tracing: $2 >$1"
}

step "modules"
for _ in $(seq 30); do
	insmod $modules/lodge-test.ko || fail insmod
	[ -d $debug ] || fail "no $debug"
	rmmod lodge-test || fail rmmod
done
[ -d $debug ] && fail "$debug is still there"

step "kprobes"
trace kprobe_events 'p:lodge_in do_sys_openat2'
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

step "uprobes"
# An offset into the file, of a function that is called often.
trace uprobe_events "p:lodge_user /tests/bin/clock:$(cat /tests/clock.seconds_now)"
trace trace ''
trace events/uprobes/enable 1
clock 0.1 no-vdso >/dev/null || fail "clock, under a uprobe"
trace events/uprobes/enable 0
grep -q lodge_user $tracing/trace || fail "the uprobe did not hit"
trace uprobe_events ''

step "tracers"
# All functions once; that is tens of thousands of changes to kernel code.
trace buffer_size_kb 64
for tracer in function function function_graph function_graph; do
	trace trace ''
	trace current_tracer $tracer
	cat /etc/passwd >/dev/null
	trace tracing_on 0
	lines=$(wc -l <$tracing/trace)
	trace current_tracer nop
	trace tracing_on 1
	[ "$lines" -gt 6 ] || fail "$tracer saw $lines lines"
	trace set_ftrace_filter 'vfs_*'
	step "$tracer done"
done

step "jump labels and static calls"
for _ in $(seq 20); do
	trace events/sched/enable 1
	sleep 0.02
	trace events/enable 0
done
trace trace ''

step "vmalloc and huge pages"
for mode in always never madvise; do
	echo $mode >/sys/kernel/mm/transparent_hugepage/enabled
	memory 2 || fail "memory, huge pages $mode"
	stress-ng --vm 2 --vm-bytes 32M --verify -t 3 >/tmp/log 2>&1 || {
		cat /tmp/log
		fail "stress-ng vm, huge pages $mode"
	}
done
echo 4 >/proc/sys/vm/nr_hugepages
echo 3 >/proc/sys/vm/drop_caches
echo 1 >/proc/sys/vm/compact_memory
audit
kernel_log_is_clean
