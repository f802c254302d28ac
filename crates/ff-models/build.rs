//! Binaries and tests find libtorch where cargo was told it is, without `LD_LIBRARY_PATH`. For
//! every crate that uses it.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        // First as it is named, so that a link put elsewhere (the CUDA libraries) takes effect at
        // once; then where it really is, so that the binary outlives the link.
        let real = std::fs::canonicalize(&lib).map_or(lib.clone(), |path| path.display().to_string());
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib},-rpath,{real}");
    }
}
