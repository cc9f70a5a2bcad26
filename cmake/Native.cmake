# leat::native: the static library of native/ (Rust), behind the C ABIs of native/include/.
# What cargo compiles lies in .deps/, not in the build folder: all presets share it, and it outlives them.
find_program(LEAT_CARGO cargo PATHS /usr/bin NO_DEFAULT_PATH)  # Debian's cargo-web, with its own rustc
find_program(LEAT_CARGO cargo REQUIRED)
cmake_path(GET LEAT_CARGO PARENT_PATH cargo_folder)
set(native ${CMAKE_SOURCE_DIR}/native)
set(native_library ${LEAT_DEPS}/cargo/release/libleat_native.a)
file(GLOB native_sources CONFIGURE_DEPENDS ${native}/src/*.rs)
add_custom_command(OUTPUT ${native_library}
  COMMAND ${CMAKE_COMMAND} -E env CARGO_TARGET_DIR=${LEAT_DEPS}/cargo RUSTC=${cargo_folder}/rustc
          ${LEAT_CARGO} build --release --locked --quiet --manifest-path ${native}/Cargo.toml
  # cargo leaves the file alone when nothing has changed.
  COMMAND ${CMAKE_COMMAND} -E touch_nocreate ${native_library}
  DEPENDS ${native_sources} ${native}/Cargo.toml ${native}/Cargo.lock
  COMMENT "cargo build (native)"
  VERBATIM)
add_custom_target(leat_native_build DEPENDS ${native_library})
add_library(leat_native STATIC IMPORTED GLOBAL)
set_target_properties(leat_native PROPERTIES
  IMPORTED_LOCATION ${native_library}
  INTERFACE_INCLUDE_DIRECTORIES ${native}/include
  # What `cargo rustc -- --print native-static-libs` lists.
  INTERFACE_LINK_LIBRARIES "OpenSSL::SSL;OpenSSL::Crypto;Threads::Threads;m;${CMAKE_DL_LIBS}")
add_dependencies(leat_native leat_native_build)
add_library(leat::native ALIAS leat_native)
