# SPDX-License-Identifier: GPL-2.0
#
# Lodge: everything starts here. `make help` lists what there is to make.

VERSIONS := 6.12
HV := hypervisor-stub
B := build

.PHONY: all help deps test-deps bench-deps run run-guest debian guest-image \
	test-image test test-quick soak \
	test-bochs bench gdb iso clean check check-patches \
	check-cloud-config hypervisor tools kernel initramfs

all: deps
	+@$(MAKE) --no-print-directory hypervisor tools kernel initramfs

help:
	@echo 'make              build everything (hypervisor, tools, kernel, initramfs)'
	@echo 'make run          the control domain in QEMU, from which guests start'
	@echo 'make run-guest    one Linux guest in QEMU, without a control domain'
	@echo 'make debian       build/control-debian.img: Debian for the control domain'
	@echo 'make guest-image  build/debian1.img, debian2.img: the guests of make run'
	@echo 'make test         all tests; make test-quick: about two minutes'
	@echo 'make soak         long runs; make test-bochs: tests in Bochs'
	@echo 'make bench        measure against native and Xen in the same QEMU'
	@echo 'make iso          build/lodge.iso, bootable with GRUB'
	@echo 'make gdb          gdb on the hypervisor, guest started in QEMU'
	@echo 'make check        style of scripts and C, headers, analyzers, docs'
	@echo 'make check-patches  style and size of patches; each builds, off and on'
	@echo 'make check-cloud-config  the option in a cloud kernel'"'"'s options'
	@echo 'make deps         install missing Debian packages (root or sudo)'
	@echo 'make bench-deps   what make bench needs, Xen (in build/xen) too'
	@echo 'make clean        empty build/, but for the unpacked kernel sources'

deps:
	@kernel/deps kernel/packages.txt

test-deps:
	@kernel/deps kernel/packages-test.txt
	-@boot/fetch-xen # without it, the test on Xen is skipped and says so

bench-deps: deps test-deps
	@boot/fetch-xen

hypervisor:
	+@$(MAKE) --no-print-directory -C $(HV)

tools:
	+@$(MAKE) --no-print-directory -C $(HV)/tools

kernel: $(VERSIONS:%=kernel-%)

kernel-%:
	+@kernel/build $*

initramfs: $(B)/test.initrd $(B)/control.initrd

INITRAMFS := boot/initramfs boot/archive.py $(shell find boot/base -type f)

$(B)/test.initrd: $(INITRAMFS) boot/init boot/motd
	@boot/initramfs -o $@

$(B)/control.initrd: $(INITRAMFS) boot/control-initrd \
		$(shell find boot/control boot/hello -type f) \
		$(B)/linux-6.12/bzImage $(B)/linux-6.12/modules.stamp \
		$(B)/tools/lodge
	@boot/control-initrd

# Made by others, who leave them alone if nothing changed.
$(B)/linux-6.12/bzImage $(B)/linux-6.12/modules.stamp: kernel-6.12
	@:
$(B)/tools/lodge: tools
	@:

run: all
	@boot/run

run-guest: all
	@boot/qemu --no-control --smp 2 --mem 1024

debian: all
	@boot/debian-image

guest-image: deps
	@boot/guest-image

test-image: deps
	@boot/guest-image test

test: all test-deps
	@tests/run all

test-quick: all test-deps
	@tests/run quick

soak: all test-deps
	@tests/run --once soak

test-bochs: all test-deps
	@tests/run bochs

bench: all bench-deps
	@tests/bench/run

iso: all
	@boot/make-iso

gdb: all
	@boot/gdb

check:
	@kernel/check
	@tests/check

check-patches: deps
	@kernel/check-patches

check-cloud-config: deps
	@kernel/check-cloud-config

# What kernel/prepare would have to unpack and patch again stays: the source,
# and beside it what it knows about that.
clean:
	@mkdir -p $(B)
	@find $(B) -mindepth 1 -maxdepth 1 ! -name 'linux-*' -exec rm -rf {} +
	@find $(B) -mindepth 2 -maxdepth 2 ! -name src ! -name source \
		! -name pristine ! -name stage ! -name overlay.list \
		-exec rm -rf {} +
	@rm -rf $(B)/linux-*/src/obj
