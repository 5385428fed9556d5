mr_unit_test(record_batch mr_record)
mr_unit_test(record_system mr_record)
mr_unit_test(disk_posix mr_log_io)
# The tests below run a whole log over the simulated disk.
include(${CMAKE_CURRENT_LIST_DIR}/../simulation/log_world.cmake)
mr_unit_test(log_parts mr_log_client)
mr_unit_test(log_commit mr_log_world)
mr_unit_test(log_recovery mr_log_world)
mr_unit_test(log_storm mr_log_world)
