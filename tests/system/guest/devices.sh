#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Uses each disk and network card of the machine: devices.sh URL SHA256. What it
# writes to the disks is random; the sum is printed for the host to compare.
# The last line says "devices: all well", or there was a line with "devices:
# WRONG".
url=$1 want=$2
wrong=0

fail() {
	echo "devices: WRONG: $*"
	wrong=1
}

sum() {
	sha256sum | cut -d ' ' -f 1
}

# All interrupts counted for the lines of /proc/interrupts that match.
interrupts() {
	awk -v name="$1" '$NF ~ name || $(NF - 1) ~ name {
		for (i = 2; $i ~ /^[0-9]+$/; i++)
			n += $i
	} END { print n + 0 }' /proc/interrupts
}

check_interrupts() { # the pattern, and how many there were
	after=$(interrupts "$1")
	echo "devices: $1: $((after - $2)) interrupts"
	[ "$after" -gt "$2" ] || fail "$1: no interrupts"
}

disk_sum() {
	echo 3 >/proc/sys/vm/drop_caches
	dd if="$1" bs=64k count=128 2>/dev/null | sum
}

check_disk() {
	disk=/dev/$1
	[ -b "$disk" ] || { fail "no $disk"; return; }
	before=$(interrupts "$2")
	dd if=/dev/urandom of=/tmp/data bs=64k count=128 2>/dev/null
	written=$(sum </tmp/data)
	dd if=/tmp/data of="$disk" bs=64k conv=fsync 2>/dev/null ||
		fail "$1: cannot write"
	sync
	blockdev --flushbufs "$disk"
	got=$(disk_sum "$disk")
	[ "$got" = "$written" ] || fail "$1: reads something else"
	echo "devices: disk $1 sha256 $written"
	check_interrupts "$2" "$before"
}

# Takes the interrupts of the NVMe disk away and gives them back: with its
# driver, and with the CPU that they go to.
check_again() {
	before=$(disk_sum /dev/nvme0n1)
	device=$(readlink /sys/block/nvme0n1/device/device)
	for way in 1 2 3; do
		echo "${device##*/}" >/sys/bus/pci/drivers/nvme/unbind
		[ -b /dev/nvme0n1 ] && fail "nvme0n1: does not go"
		echo "${device##*/}" >/sys/bus/pci/drivers/nvme/bind
		for _ in 1 2 3 4 5 6 7 8 9; do
			[ -b /dev/nvme0n1 ] || sleep 1
		done
		[ "$(disk_sum /dev/nvme0n1)" = "$before" ] ||
			fail "nvme0n1: another driver's turn $way"
		echo 0 >/sys/devices/system/cpu/cpu1/online
		[ "$(disk_sum /dev/nvme0n1)" = "$before" ] ||
			fail "nvme0n1: without CPU 1"
		echo 1 >/sys/devices/system/cpu/cpu1/online
		[ "$(taskset 2 dd if=/dev/nvme0n1 iflag=direct bs=64k \
			count=128 2>/dev/null | sum)" = "$before" ] ||
			fail "nvme0n1: on CPU 1"
	done
}

# The script that udhcpc calls.
cat >/tmp/dhcp <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/24" dev "$interface"
ip route add default via "$router"
END
chmod +x /tmp/dhcp

check_net() {
	card=
	for dev in /sys/class/net/*; do
		driver=$(readlink "$dev/device/driver")
		[ "${driver##*/}" = "$1" ] && card=${dev##*/}
	done
	[ -n "$card" ] || { fail "no card of $1"; return; }
	before=$(interrupts "$2")
	ip link set "$card" up
	udhcpc -i "$card" -n -q -t 10 -T 2 -s /tmp/dhcp >/dev/null 2>&1 ||
		fail "$1: no address"
	ping -c 2 -W 10 10.0.2.2 >/dev/null || fail "$1: no answer to ping"
	got=$(wget -q -O - "$url" | sum)
	[ "$got" = "$want" ] || fail "$1: got something else by HTTP"
	check_interrupts "$2" "$before"
	ip addr flush dev "$card"
	ip link set "$card" down
}

# The names that the drivers give to their interrupts.
check_disk vda '^virtio[0-9]+-req'
check_disk nvme0n1 '^nvme0q'
check_disk sda '^ahci'
check_again
check_net virtio_net '^virtio[0-9]+-(in|out)put'
check_net e1000e '^eth[0-9]+'
cat /proc/interrupts
[ "$wrong" = 0 ] && echo "devices: all well"
sleep 1 # a serial line that is hung up forgets what it has yet to send
exit "$wrong"
