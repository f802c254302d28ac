//! DeiT (Touvron et al. 2021, "Training data-efficient image transformers"), without distillation,
//! with timm's names.
//!
//! In bf16, linear layers, attention and GELU compute in bf16; the residual stream and LayerNorm
//! are fp32.

use tch::{Kind, Tensor};

use crate::backbone::{Backbone, Mode};
use crate::builder::Builder;
use crate::cost::count;
use crate::init::Init;
use crate::layers::{Conv2d, LayerNorm, Linear};

fn linear(b: &mut Builder, name: &str, inputs: i64, outputs: i64) -> Linear {
    Linear::new(b, name, [inputs, outputs], Init::trunc_normal(), Init::Constant(0.0))
}

/// The patch embedding: cuts an image into patches and makes a token of each, `[N, 3, H, W]` to
/// `[N, patches, width]`.
struct PatchEmbed {
    proj: Conv2d,
}

impl PatchEmbed {
    fn new(b: &mut Builder, patch: i64, width: i64) -> Self {
        let init = Init::torch_default(3 * patch * patch);
        // This is a linear map of patches that happens to be written as a convolution, so it is
        // declared as a weight and not as a kernel: in-model merging does not merge it.
        let weight = b.weight("patch_embed.proj.weight".to_owned(), &[width, 3, patch, patch], init);
        let bias = b.weight("patch_embed.proj.bias".to_owned(), &[width], init);
        Self { proj: Conv2d::new(b, weight, Some(bias), patch, 0) }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        self.proj.forward(x).flatten(2, 3).transpose(1, 2)
    }
}

/// Multi-head self-attention.
struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: i64,
}

impl Attention {
    fn new(b: &mut Builder, name: &str, width: i64, heads: i64) -> Self {
        let qkv = linear(b, &format!("{name}.qkv"), width, 3 * width);
        Self { qkv, proj: linear(b, &format!("{name}.proj"), width, width), heads }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let (n, tokens, width) = x.size3().expect("tokens are [N, T, D]");
        let qkv = self.qkv.forward(x).view([n, tokens, 3, self.heads, width / self.heads]);
        let qkv = qkv.permute([2, 0, 3, 1, 4]).unbind(0);
        let attended = attend(&qkv[0], &qkv[1], &qkv[2]);
        count(|| 2 * tokens * tokens * width);
        self.proj.forward(&attended.transpose(1, 2).reshape([n, tokens, width]))
    }
}

/// Computes scaled dot-product attention: the values averaged by the softmax of the scaled products
/// of queries and keys, each `[N, heads, T, D]`.
fn attend(query: &Tensor, key: &Tensor, value: &Tensor) -> Tensor {
    // libtorch's fused attention computes its gradients in fp32 on a CPU, at less than half the
    // speed of bf16 products.
    if query.device().is_cuda() || query.kind() == Kind::Float {
        let (mask, scale) = (None::<&Tensor>, None::<f64>);
        return Tensor::scaled_dot_product_attention(query, key, value, mask, 0.0, false, scale, false);
    }
    let width = query.size()[3] as f64;
    let scores = (query * width.powf(-0.5)).matmul(&key.transpose(-2, -1));
    scores.softmax(-1, None).matmul(value)
}

/// The MLP of a block: two linear layers with a hidden layer four times as wide.
struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    fn new(b: &mut Builder, name: &str, width: i64) -> Self {
        let fc1 = linear(b, &format!("{name}.fc1"), width, 4 * width);
        Self { fc1, fc2: linear(b, &format!("{name}.fc2"), 4 * width, width) }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        self.fc2.forward(&self.fc1.forward(x).gelu("none"))
    }
}

/// A transformer block: attention and an MLP, each on the normalised tokens and added to them.
struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: Mlp,
}

impl Block {
    fn new(b: &mut Builder, name: &str, width: i64, heads: i64) -> Self {
        Self {
            norm1: LayerNorm::new(b, &format!("{name}.norm1"), width),
            attn: Attention::new(b, &format!("{name}.attn"), width, heads),
            norm2: LayerNorm::new(b, &format!("{name}.norm2"), width),
            mlp: Mlp::new(b, &format!("{name}.mlp"), width),
        }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let x = x + self.attn.forward(&self.norm1.forward(x));
        &x + self.mlp.forward(&self.norm2.forward(&x))
    }
}

/// The sizes of a DeiT.
pub(crate) struct DeitLayout {
    /// Side of a patch, in pixels.
    pub patch: i64,
    pub width: i64,
    pub depth: usize,
    pub heads: i64,
}

/// A DeiT: patch embedding, class token, position embedding, blocks, linear classifier on the class
/// token.
struct Deit {
    cls_token: Tensor,
    pos_embed: Tensor,
    patch_embed: PatchEmbed,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
}

impl DeitLayout {
    pub(crate) fn build(self, b: &mut Builder) -> Box<dyn Backbone> {
        let Self { patch, width, depth, heads } = self;
        let tokens = 1 + (b.image_size / patch).pow(2);
        Box::new(Deit {
            cls_token: b.weight("cls_token".to_owned(), &[1, 1, width], Init::Normal(1e-6)),
            pos_embed: b.weight("pos_embed".to_owned(), &[1, tokens, width], Init::trunc_normal()),
            patch_embed: PatchEmbed::new(b, patch, width),
            blocks: (0..depth).map(|i| Block::new(b, &format!("blocks.{i}"), width, heads)).collect(),
            norm: LayerNorm::new(b, "norm", width),
            head: linear(b, "head", width, b.outputs).in_fp32(),
        })
    }
}

impl Backbone for Deit {
    fn features(&self, images: &Tensor, _mode: Mode) -> Tensor {
        let patches = self.patch_embed.forward(images).to_kind(Kind::Float);
        let class = self.cls_token.expand([patches.size()[0], -1, -1], false);
        let mut x = Tensor::cat(&[class, patches], 1) + &self.pos_embed;
        for block in &self.blocks {
            x = block.forward(&x);
        }
        // Only the class token is used, so only it is normalised.
        self.norm.forward(&x.select(1, 0))
    }

    fn classify(&self, features: &Tensor, _mode: Mode) -> Tensor {
        self.head.forward(features)
    }
}
