//! Compiles the C++ of this crate against the libtorch that torch-sys found, and sets the run path
//! of its tests.

use std::env::var;

fn main() {
    println!("cargo:rerun-if-changed=src/shim.cpp");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let lib = var("DEP_TCH_LIBTORCH_LIB").expect("torch-sys names the folder of libtorch's libraries");
    let include = std::path::Path::new(&lib).parent().expect("a folder above the libraries").join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .include(include)
        .file("src/shim.cpp")
        .compile("ff_torch");
    let real = std::fs::canonicalize(&lib).map_or(lib.clone(), |path| path.display().to_string());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib},-rpath,{real}");
}
