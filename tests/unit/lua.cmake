mr_unit_test(lua_script mr_lua)
