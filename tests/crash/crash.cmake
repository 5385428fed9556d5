# The real program, killed and mistreated: Python's standard library only.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_test(NAME crash_kill
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/kill_campaign.py $<TARGET_FILE:millrace>)
set_tests_properties(crash_kill PROPERTIES TIMEOUT 900 LABELS campaign)

add_test(NAME crash_acceptance
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/acceptance.py)
set_tests_properties(crash_acceptance PROPERTIES TIMEOUT 600
    ENVIRONMENT "MILLRACE=$<TARGET_FILE:millrace>;PYTHONDONTWRITEBYTECODE=1")
