foreach(part yaml check connectors plan expr settings)
    mr_unit_test(topologies_${part} mr_topologies)
endforeach()
mr_unit_test(topologies_documents mr_topologies mr_lua)
target_compile_definitions(test_topologies_documents PRIVATE
    MR_LANGUAGE_REFERENCE="${CMAKE_SOURCE_DIR}/docs/language.md")
