# End-to-end tests of the built program: Python's standard library only.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(subject usage check settings run beside reset mistakes)
    add_test(NAME cli_${subject}
        COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/test_${subject}.py)
    set(environment "MILLRACE=$<TARGET_FILE:millrace>" "PYTHONDONTWRITEBYTECODE=1")
    # The thread sanitizer does not know RocksDB's own locks, as that library is not built with it.
    if(MR_SANITIZE MATCHES "thread")
        list(APPEND environment "MILLRACE_STATE=memory")
    endif()
    set_tests_properties(cli_${subject} PROPERTIES TIMEOUT 600 ENVIRONMENT "${environment}")
endforeach()
# It looks at a clock: a signal is obeyed within a second.
set_tests_properties(cli_run PROPERTIES RUN_SERIAL TRUE)
