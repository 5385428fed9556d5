mr_unit_test(record_batch mr_record)
mr_unit_test(record_system mr_record)
mr_unit_test(disk_posix mr_log_io)
