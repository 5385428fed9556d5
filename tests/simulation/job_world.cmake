# The whole program on one thread over the simulated disk; the oracle's runner; the crash campaigns.
add_library(mr_job_world STATIC ${CMAKE_CURRENT_LIST_DIR}/job_world.c
    ${CMAKE_CURRENT_LIST_DIR}/job_world_state.c)
target_link_libraries(mr_job_world PUBLIC mr_app mr_model_store mr_sim_disk)
add_library(mr_disk_log STATIC ${CMAKE_CURRENT_LIST_DIR}/disk_log.c)
target_link_libraries(mr_disk_log PUBLIC mr_sim_disk PRIVATE PkgConfig::ZSTD)
add_library(mr_state_check STATIC ${CMAKE_CURRENT_LIST_DIR}/state_check.c)
target_link_libraries(mr_state_check PUBLIC mr_job_world mr_disk_log)
add_executable(sim_job ${CMAKE_CURRENT_LIST_DIR}/sim_job.c)
target_link_libraries(sim_job PRIVATE mr_state_check)
set_target_properties(sim_job PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
add_library(mr_crash_checks STATIC ${CMAKE_CURRENT_LIST_DIR}/crash_checks.c)
target_link_libraries(mr_crash_checks PUBLIC mr_state_check)
add_executable(crash_campaign ${CMAKE_CURRENT_LIST_DIR}/crash_campaign.c
    ${CMAKE_CURRENT_LIST_DIR}/crash_points.c ${CMAKE_CURRENT_LIST_DIR}/crash_reach.c
    ${CMAKE_CURRENT_LIST_DIR}/crash_scripts.c)
target_link_libraries(crash_campaign PRIVATE mr_crash_checks)
set_target_properties(crash_campaign PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

# The scripts are made for tiny limits: small batches, chunks, segments and epochs.
if(MR_TINY)
    add_test(NAME sim_crash_campaign COMMAND crash_campaign)
    set_tests_properties(sim_crash_campaign PROPERTIES TIMEOUT 1800)
    if(MR_BROKEN)
        add_test(NAME sim_broken_on_purpose COMMAND crash_campaign --broken all)
        set_tests_properties(sim_broken_on_purpose PROPERTIES TIMEOUT 1200)
    endif()
endif()
