# Random plans against the naive model: Python's standard library only.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(oracle_environment "MILLRACE=$<TARGET_FILE:millrace>" "PYTHONDONTWRITEBYTECODE=1")
if(TARGET sim_job)
    list(APPEND oracle_environment "SIM_JOB=$<TARGET_FILE:sim_job>")
endif()
# Small here, so that all tests fit in a few minutes; .ci/run asks for at least 100.
set(MR_ORACLE_PLANS 16 CACHE STRING "random plans of the oracle campaign")
add_test(NAME campaign_oracle
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/run.py --plans ${MR_ORACLE_PLANS})
set_tests_properties(campaign_oracle PROPERTIES TIMEOUT 1800 LABELS campaign
    ENVIRONMENT "${oracle_environment}")
