# The simulated disk; campaigns link it.
add_library(mr_sim_disk STATIC simulation/sim_disk.c simulation/sim_disk_model.c
    simulation/sim_disk_crash.c simulation/sim_disk_check.c)
target_link_libraries(mr_sim_disk PUBLIC mr_base)
mr_unit_test(sim_disk mr_sim_disk)
mr_unit_test(sim_disk_faults mr_sim_disk)
include(simulation/log_world.cmake)
include(simulation/model_store.cmake)
include(simulation/job_world.cmake)
