# SPDX-License-Identifier: GPL-2.0-only
# labels ROUNDS: the kernel changes its own code (jump labels, static calls)
# while all CPUs run it.
. /tests/common.sh
[ -d $tracing/events ] || mount -t tracefs trace $tracing

for _ in 1 2 3; do
	memory 100000 &
done
for _ in $(seq "$1"); do
	echo 1 >$tracing/events/sched/enable || fail "no tracing"
	echo 1 >$tracing/events/irq/enable
	sleep 0.02
	echo 0 >$tracing/events/enable
done
audit
kernel_log_is_clean
