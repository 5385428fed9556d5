# A test's label is the first word of its name: `ctest -L unit`, `-LE campaign`. What a registration says
# itself stays.
get_property(registered DIRECTORY PROPERTY TESTS)
foreach(test ${registered})
    get_test_property(${test} LABELS labels)
    if(NOT labels)
        string(REGEX MATCH "^[a-z]+" subject ${test})
        set_tests_properties(${test} PROPERTIES LABELS ${subject})
    endif()
endforeach()
