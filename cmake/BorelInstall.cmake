# SPDX-License-Identifier: MIT
# What others build against: borelConfig.cmake for find_package(borel), borel.pc for pkg-config, and the headers of
# libborel for programs that embed it. Everything is found relative to these files, so an installed tree may be moved.
include(CMakePackageConfigHelpers)

set(config_folder "${CMAKE_INSTALL_LIBDIR}/cmake/borel")
set(pc_folder "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
foreach(folder INCLUDE LIB BIN)
  file(RELATIVE_PATH borel_from_config_${folder} "/P/${config_folder}" "/P/${CMAKE_INSTALL_${folder}DIR}")
endforeach()
file(RELATIVE_PATH borel_prefix_from_pc "/P/${pc_folder}" "/P")
string(REGEX REPLACE "/$" "" borel_prefix_from_pc "${borel_prefix_from_pc}")

set(made "${CMAKE_BINARY_DIR}/generated/install")
configure_file("${CMAKE_SOURCE_DIR}/cmake/borelConfig.cmake.in" "${made}/borelConfig.cmake" @ONLY)
configure_file("${CMAKE_SOURCE_DIR}/cmake/borel.pc.in" "${made}/borel.pc" @ONLY)
write_basic_package_version_file("${made}/borelConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${made}/borelConfig.cmake" "${made}/borelConfigVersion.cmake" DESTINATION ${config_folder})
install(FILES "${made}/borel.pc" DESTINATION ${pc_folder})
install(DIRECTORY runtime/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/borel/runtime
  FILES_MATCHING PATTERN "*.h" PATTERN "*.def" PATTERN "include" EXCLUDE)
