# SPDX-License-Identifier: Apache-2.0
#
# The front door. Each target installs the Debian packages it needs (tools/packages.txt) when they
# are not here yet, then hands over to Meson and Ninja in build/.

BUILD := build
DESTDIR ?=
IMAGE ?=

.PHONY: help build demo check check-long bench fuzz install format clean

help:
	@echo 'medveil: encrypted medical image transmission (see README.md)'
	@echo
	@echo 'make demo                 build, then send one brain scan the whole way [IMAGE=file]'
	@echo 'make check                every check and test; what CI runs'
	@echo
	@echo 'make build                the program, build/medveil, and the test tools in build/tools/'
	@echo 'make check-long           more: valgrind, constant time, old processor, all images, fuzzing'
	@echo 'make bench                the table of speeds and sizes'
	@echo 'make fuzz                 fuzz each parser for a minute [MV_FUZZ_S=seconds]'
	@echo 'make install DESTDIR=..   program, library, headers, man pages, completions'
	@echo 'make format               format the C files as .clang-format says'
	@echo 'make clean                remove the build folders'

build:
	@tools/install_packages build
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	ninja -C $(BUILD)

demo:
	@tools/install_packages build run
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	ninja -C $(BUILD) medveil
	$(BUILD)/medveil demo -o $(BUILD)/medveil-demo.png $(IMAGE)

check:
	@tools/install_packages build run check
	@tools/check

check-long:
	@tools/install_packages build run check long
	@tools/check --long

bench: build
	$(BUILD)/medveil bench

fuzz:
	@tools/install_packages build check long
	@tools/check fuzz

install: build
	DESTDIR='$(DESTDIR)' meson install -C $(BUILD) --no-rebuild

format:
	@tools/install_packages check
	@tools/check_format --fix

clean:
	rm -rf build build-clang build-asan build-fuzz
