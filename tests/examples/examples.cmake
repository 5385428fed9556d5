# Every example runs, and its own check says whether the result is right.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
file(GLOB jobs RELATIVE ${CMAKE_SOURCE_DIR}/examples CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/examples/*/job.yaml)
foreach(job ${jobs})
    get_filename_component(example ${job} DIRECTORY)
    foreach(workers 1 2)
        set(options --workers ${workers})
        # The thread sanitizer does not know RocksDB's own locks, as that library is not built with it.
        if(MR_SANITIZE MATCHES "thread" OR workers EQUAL 1)
            list(APPEND options --state memory)
        else()
            list(APPEND options --spill-bytes 64KiB --commit-interval 5ms)
        endif()
        add_test(NAME example_${example}_${workers}
            COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/examples/run_example.py
                $<TARGET_FILE:millrace> ${CMAKE_SOURCE_DIR}/examples/${example} ${options})
        set_tests_properties(example_${example}_${workers} PROPERTIES TIMEOUT 300
            ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")
    endforeach()
endforeach()
