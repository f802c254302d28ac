//! The pinned wheels that libtorch is made of.
//!
//! The wheel of PyTorch on the Python package index is the CUDA 13 build. Its CPU library needs
//! only four others, two of which come from wheels of NVIDIA's; the CPU build keeps nothing else.

/// A pinned wheel, and the files of it that are kept.
pub struct Wheel {
    /// Name and version as pip takes them.
    pub requirement: &'static str,
    /// SHA-256 of the wheel, in hexadecimal.
    pub sha256: &'static str,
    /// Size of the wheel in MB, rounded up.
    pub megabytes: u64,
    /// Prefixes of paths in the wheel, each with its replacement in the folder of libtorch.
    pub keep: &'static [(&'static str, &'static str)],
}

/// A set of wheels that together make a libtorch.
pub struct Build {
    /// Name of its folder in the cache.
    pub name: &'static str,
    /// Name in messages.
    pub title: &'static str,
    /// Small wheels first, so that network problems show early.
    pub wheels: &'static [Wheel],
    /// Size of the libraries and headers that are kept, in MB.
    pub unpacked_megabytes: u64,
}

/// libtorch for the CPU.
pub const CPU: Build = Build {
    name: "libtorch-2.11.0-cpu",
    title: "libtorch 2.11.0 for the CPU",
    wheels: &[
        Wheel { keep: &[("nvidia/cu13/lib/libcudart.so.13", "lib/libcudart.so.13")], ..CUDA_RUNTIME },
        Wheel { keep: &[("nvidia/cu13/lib/libcupti.so.13", "lib/libcupti.so.13")], ..CUPTI },
        Wheel {
            keep: &[
                ("torch/include/", "include/"),
                ("torch/lib/libc10.so", "lib/libc10.so"),
                ("torch/lib/libgomp.so.1", "lib/libgomp.so.1"),
                ("torch/lib/libtorch_cpu.so", "lib/libtorch_cpu.so"),
            ],
            ..TORCH
        },
    ],
    unpacked_megabytes: 500,
};

/// libtorch for NVIDIA GPUs and the CPU. All libraries are in one folder, since PyTorch's look in
/// their own folder last.
pub const CUDA: Build = Build {
    name: "libtorch-2.11.0-cuda13",
    title: "libtorch 2.11.0 with CUDA 13",
    wheels: &[
        Wheel {
            requirement: "nvidia-nvtx==13.0.85",
            sha256: "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4",
            megabytes: 1,
            keep: CU13,
        },
        Wheel {
            requirement: "nvidia-cufile==1.15.1.6",
            sha256: "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
            megabytes: 2,
            keep: CU13,
        },
        CUDA_RUNTIME,
        CUPTI,
        Wheel {
            requirement: "nvidia-nvjitlink==13.0.88",
            sha256: "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
            megabytes: 41,
            keep: CU13,
        },
        Wheel {
            requirement: "nvidia-curand==10.4.0.35",
            sha256: "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
            megabytes: 60,
            keep: CU13,
        },
        Wheel {
            requirement: "nvidia-nvshmem-cu13==3.4.5",
            sha256: "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
            megabytes: 61,
            keep: &[("nvidia/nvshmem/lib/", "lib/")],
        },
        Wheel {
            requirement: "nvidia-cuda-nvrtc==13.0.88",
            sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
            megabytes: 91,
            keep: CU13,
        },
        Wheel {
            requirement: "nvidia-cusparse==12.6.3.3",
            sha256: "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
            megabytes: 146,
            keep: CU13,
        },
        Wheel {
            requirement: "nvidia-cusparselt-cu13==0.8.0",
            sha256: "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
            megabytes: 170,
            keep: &[("nvidia/cusparselt/lib/", "lib/")],
        },
        Wheel {
            requirement: "nvidia-nccl-cu13==2.28.9",
            sha256: "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
            megabytes: 197,
            keep: &[("nvidia/nccl/lib/", "lib/")],
        },
        Wheel {
            requirement: "nvidia-cusolver==12.0.4.66",
            sha256: "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
            megabytes: 201,
            keep: CU13,
        },
        Wheel {
            requirement: "nvidia-cufft==12.0.0.61",
            sha256: "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
            megabytes: 215,
            keep: CU13,
        },
        Wheel {
            requirement: "nvidia-cudnn-cu13==9.19.0.56",
            sha256: "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
            megabytes: 367,
            keep: &[("nvidia/cudnn/lib/", "lib/")],
        },
        Wheel {
            requirement: "nvidia-cublas==13.1.0.3",
            sha256: "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
            megabytes: 424,
            keep: CU13,
        },
        TORCH,
    ],
    unpacked_megabytes: 3720,
};

const CU13: &[(&str, &str)] = &[("nvidia/cu13/lib/", "lib/")];

const CUDA_RUNTIME: Wheel = Wheel {
    requirement: "nvidia-cuda-runtime==13.0.96",
    sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
    megabytes: 3,
    keep: CU13,
};

const CUPTI: Wheel = Wheel {
    requirement: "nvidia-cuda-cupti==13.0.85",
    sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
    megabytes: 11,
    keep: CU13,
};

const TORCH: Wheel = Wheel {
    requirement: "torch==2.11.0",
    sha256: "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
    megabytes: 531,
    keep: &[("torch/include/", "include/"), ("torch/lib/", "lib/")],
};
