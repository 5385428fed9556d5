# The stores' model: needed by the store's own tests and by the simulator.
if(NOT TARGET mr_model_store)
    add_library(mr_model_store STATIC ${CMAKE_CURRENT_LIST_DIR}/model_store.c)
    target_link_libraries(mr_model_store PUBLIC mr_statestore)
endif()
