# The real program, killed and mistreated: Python's standard library only.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# Small here, so that all tests fit in a few minutes; .ci/run asks for at least 50.
set(MR_CRASH_KILLS 10 CACHE STRING "kills of the crash campaign on the real program")
add_test(NAME crash_kill
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/kill_campaign.py $<TARGET_FILE:millrace>
        --kills ${MR_CRASH_KILLS})
set_tests_properties(crash_kill PROPERTIES TIMEOUT 900 LABELS campaign)

add_test(NAME crash_acceptance
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/acceptance.py)
set_tests_properties(crash_acceptance PROPERTIES TIMEOUT 600
    ENVIRONMENT "MILLRACE=$<TARGET_FILE:millrace>;PYTHONDONTWRITEBYTECODE=1")
# It looks at a clock: a signal is obeyed within a second.
set_tests_properties(crash_acceptance PROPERTIES RUN_SERIAL TRUE)
