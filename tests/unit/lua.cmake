mr_unit_test(lua_script mr_lua)
mr_unit_test(lua_string mr_lua PkgConfig::LUA)
mr_unit_test(lua_check mr_lua)
mr_unit_test(lua_expr mr_lua)
