mr_unit_test(app_options mr_app)
mr_unit_test(app_settings mr_app)
mr_unit_test(app_threads mr_app)
mr_unit_test(app_view mr_app)
