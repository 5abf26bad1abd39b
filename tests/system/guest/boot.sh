# SPDX-License-Identifier: GPL-2.0-only
# boot VCPUS [WORD]: what a freshly started guest looks like. WORD has to be
# on its kernel command line.
. /tests/common.sh
vcpus=$1

[ "$(nproc)" = "$vcpus" ] || fail "nproc says $(nproc), not $vcpus"
[ "$(cat /sys/devices/system/cpu/online)" = "$(seq -s, 0 $((vcpus - 1)) |
	sed 's/^0,.*,/0-/; s/^0,/0-/')" ] ||
	fail "CPUs online: $(cat /sys/devices/system/cpu/online)"
[ -z "${2:-}" ] || grep -qw "$2" /proc/cmdline ||
	fail "no $2 in $(cat /proc/cmdline)"

if on_lodge; then
	[ "$(cat /sys/hypervisor/type)" = lodge ] ||
		fail "/sys/hypervisor/type: $(cat /sys/hypervisor/type)"
	[ "$(cat /sys/devices/system/clocksource/*0/current_clocksource)" \
		= lodge ] || fail "another clock source"
	dmesg | grep -q 'Hypervisor detected: Lodge' ||
		fail "the kernel log does not name Lodge"
fi
# Also tells whether a flush of kernel addresses does what it should.
dmesg | grep -q 'rodata_test: all tests were successful' ||
	fail "read-only data is not: $(dmesg | grep rodata_test)"

# Each CPU can run something, gets its timer, and an interrupt from another.
for cpu in $(seq 0 $((vcpus - 1))); do
	taskset -c "$cpu" sleep 0.05 || fail "CPU $cpu runs nothing"
done
start=$(date +%s)
sleep 1
end=$(date +%s)
[ $((end - start)) -ge 1 ] && [ $((end - start)) -le 10 ] ||
	fail "a second took $((end - start)) s"
[ "$(date +%Y)" -ge 2024 ] || fail "the date is $(date)"
audit
# Xen's own kernel messages are not our business.
dmesg | grep -q 'Hypervisor detected: Xen' || kernel_log_is_clean
