# Fuzz targets: clang and -DMR_FUZZ=ON. mr_fuzz_target(name LIBS...): tests/fuzz/fuzz_<name>.c.
add_custom_target(fuzzers) # all of them, and nothing else: `cmake --build --preset fuzz --target fuzzers`
function(mr_fuzz_target name)
    if(MR_FUZZ)
        add_executable(fuzz_${name} fuzz/fuzz_${name}.c)
        target_link_libraries(fuzz_${name} PRIVATE mr_warnings ${ARGN})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        add_dependencies(fuzzers fuzz_${name})
    endif()
endfunction()

# With any compiler: what the seeds are made from may have moved.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME fuzz_seeds COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/seeds.py
    ${CMAKE_CURRENT_BINARY_DIR}/fuzz-seeds ${CMAKE_CURRENT_BINARY_DIR}/fuzz-words)
set_tests_properties(fuzz_seeds PROPERTIES ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")

mr_fuzz_target(batch mr_record PkgConfig::ZSTD)
mr_fuzz_target(yaml mr_topologies)
include(${CMAKE_CURRENT_LIST_DIR}/fuzz_segment.cmake OPTIONAL)
