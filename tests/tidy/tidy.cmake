# Checks on the source tree itself; tests/tidy/README.md.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(mr_tidy_test check)
    add_test(NAME tidy_${check}
        COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tidy/tidy.py ${CMAKE_SOURCE_DIR} ${check} ${ARGN})
    set_tests_properties(tidy_${check} PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")
endfunction()

foreach(check includes names sizes bools readmes links texts format)
    mr_tidy_test(${check})
endforeach()
mr_tidy_test(headers ${CMAKE_BINARY_DIR} ${CMAKE_C_COMPILER})
# Sanitizers and coverage bring calls and globals of their own.
if(NOT MR_SANITIZE AND NOT MR_FUZZ)
    mr_tidy_test(calls ${CMAKE_BINARY_DIR})
endif()
