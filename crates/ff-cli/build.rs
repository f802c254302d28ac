//! Sets the run path of binaries and tests, so that they find libtorch without `LD_LIBRARY_PATH`.
//! Every crate that uses libtorch has this build script.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        // The path as it is named comes first, so that a link changed later (the CUDA libraries)
        // takes effect at once; then the resolved path, so that the binary outlives the link.
        let real = std::fs::canonicalize(&lib).map_or(lib.clone(), |path| path.display().to_string());
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib},-rpath,{real}");
    }
}
