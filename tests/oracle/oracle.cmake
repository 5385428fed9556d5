# Random plans against the naive model: Python's standard library only.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(oracle_environment "MILLRACE=$<TARGET_FILE:millrace>" "PYTHONDONTWRITEBYTECODE=1")
if(TARGET sim_job)
    list(APPEND oracle_environment "SIM_JOB=$<TARGET_FILE:sim_job>")
endif()
set(MR_ORACLE_PLANS 100 CACHE STRING "random plans of the oracle campaign, at least 100")
add_test(NAME campaign_oracle COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/run.py
    --plans ${MR_ORACLE_PLANS} --minimum 100)
set_tests_properties(campaign_oracle PROPERTIES TIMEOUT 1800 LABELS campaign
    ENVIRONMENT "${oracle_environment}")
# A program broken on purpose must not agree with the model. The plans' settings are those of normal limits.
if(MR_BROKEN AND NOT MR_TINY AND TARGET sim_job)
    foreach(broken window-end late-outside time-record-first)
        add_test(NAME oracle_notices_${broken} COMMAND ${Python3_EXECUTABLE}
            ${CMAKE_CURRENT_LIST_DIR}/run.py --plans 30 --runs 3 --break ${broken})
        set_tests_properties(oracle_notices_${broken} PROPERTIES TIMEOUT 600 LABELS campaign
            ENVIRONMENT "${oracle_environment}")
    endforeach()
endif()
