# Recovery of the log from arbitrary bytes.
if(MR_FUZZ)
    add_executable(fuzz_segment ${CMAKE_CURRENT_LIST_DIR}/fuzz_segment.c)
    target_link_libraries(fuzz_segment PRIVATE mr_warnings mr_log_world)
    target_link_options(fuzz_segment PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers fuzz_segment)
endif()
