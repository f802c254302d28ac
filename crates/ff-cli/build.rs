//! Sets the run path of binaries and tests, so that they find libtorch without `LD_LIBRARY_PATH`.
//! Every crate that uses libtorch has this build script; only this one's can be given another path.

use std::env::var;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=FF_RPATH");
    if let Ok(path) = var("FF_RPATH") {
        // `cargo xtask wheel`: programs for other machines keep no path of this one.
        println!("cargo:rustc-link-arg=-Wl,-rpath,{path}");
    } else if let Ok(lib) = var("DEP_TCH_LIBTORCH_LIB") {
        // The path as it is named comes first, so that a link changed later (the CUDA libraries)
        // takes effect at once; then the resolved path, so that the binary outlives the link.
        let real = std::fs::canonicalize(&lib).map_or(lib.clone(), |path| path.display().to_string());
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib},-rpath,{real}");
    }
}
