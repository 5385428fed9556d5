# Thin on purpose: everything here is plain CMake and ctest (CONTRIBUTING.md).
JOBS ?= $(shell nproc)
BUILD = build/release

.PHONY: build demo test bench format clean

build: $(BUILD)/build.ninja
	@cmake --build $(BUILD) --target millrace -j $(JOBS)

$(BUILD)/build.ninja:
	@.ci/setup
	@cmake --preset release

demo: build
	@examples/demo $(BUILD)/millrace

test: $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS)
	@ctest --test-dir $(BUILD) --output-on-failure --timeout 300 -j $(JOBS)

bench: build
	@bench/run --build $(BUILD)

format:
	@git ls-files -z '*.c' '*.h' '*.cpp' | xargs -0 clang-format -i

clean:
	rm -rf build
