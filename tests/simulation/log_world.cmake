# A whole log on one thread over the simulated disk; for unit tests and crash scripts.
if(NOT TARGET mr_log_world)
    add_library(mr_log_world STATIC ${CMAKE_CURRENT_LIST_DIR}/log_world.c)
    target_link_libraries(mr_log_world PUBLIC mr_log_client mr_log_io mr_sim_disk)
endif()
