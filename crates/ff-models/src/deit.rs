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
use crate::onnx::{Attribute, Graph};

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

    fn onnx(&self, graph: &mut Graph, x: &str) -> String {
        let x = self.proj.onnx(graph, x);
        let x = graph.reshape(&x, &[0, 0, -1]);
        graph.transpose(&x, &[0, 2, 1])
    }
}

/// Multi-head self-attention.
struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: i64,
    /// Width of a head's queries and keys.
    head_width: f64,
}

impl Attention {
    fn new(b: &mut Builder, name: &str, width: i64, heads: i64) -> Self {
        let qkv = linear(b, &format!("{name}.qkv"), width, 3 * width);
        let proj = linear(b, &format!("{name}.proj"), width, width);
        Self { qkv, proj, heads, head_width: (width / heads) as f64 }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let (n, tokens, width) = x.size3().expect("tokens are [N, T, D]");
        let qkv = self.qkv.forward(x).view([n, tokens, 3, self.heads, width / self.heads]);
        let qkv = qkv.permute([2, 0, 3, 1, 4]).unbind(0);
        let attended = attend(&qkv[0], &qkv[1], &qkv[2]);
        count(|| 2 * tokens * tokens * width);
        self.proj.forward(&attended.transpose(1, 2).reshape([n, tokens, width]))
    }

    fn onnx(&self, graph: &mut Graph, x: &str) -> String {
        let qkv = self.qkv.onnx(graph, x);
        let qkv = graph.reshape(&qkv, &[0, 0, 3, self.heads, -1]);
        let qkv = graph.transpose(&qkv, &[2, 0, 3, 1, 4]);
        let [query, key, value] = [0, 1, 2].map(|i| graph.select(&qkv, 0, i));
        let scale = graph.number(self.head_width.powf(-0.5));
        let query = graph.mul(&query, &scale);
        let key = graph.transpose(&key, &[0, 1, 3, 2]);
        let scores = graph.matmul(&query, &key);
        let weights = graph.node("Softmax", &[&scores], &[("axis", Attribute::Int(-1))]);
        let attended = graph.matmul(&weights, &value);
        let attended = graph.transpose(&attended, &[0, 2, 1, 3]);
        let attended = graph.reshape(&attended, &[0, 0, -1]);
        self.proj.onnx(graph, &attended)
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

    /// GELU is `x / 2 (1 + erf(x / √2))`.
    fn onnx(&self, graph: &mut Graph, x: &str) -> String {
        let [root, one, half] = [std::f64::consts::SQRT_2, 1.0, 0.5].map(|value| graph.number(value));
        let x = self.fc1.onnx(graph, x);
        let scaled = graph.node("Div", &[&x, &root], &[]);
        let erf = graph.node("Erf", &[&scaled], &[]);
        let sum = graph.add(&erf, &one);
        let product = graph.mul(&x, &sum);
        let x = graph.mul(&product, &half);
        self.fc2.onnx(graph, &x)
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

    fn onnx(&self, graph: &mut Graph, x: &str) -> String {
        let y = self.norm1.onnx(graph, x);
        let y = self.attn.onnx(graph, &y);
        let x = graph.add(x, &y);
        let y = self.norm2.onnx(graph, &x);
        let y = self.mlp.onnx(graph, &y);
        graph.add(&x, &y)
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

/// Adds tokens of zeros before and after those of `x`, `[N, T, D]`.
fn pad_tokens(graph: &mut Graph, x: &str, before: i64, after: i64) -> String {
    let pads = graph.constant(&Tensor::from_slice(&[0, before, 0, 0, after, 0]));
    graph.node("Pad", &[x, &pads], &[])
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

    fn onnx(&self, graph: &mut Graph, images: &str) -> Option<String> {
        let patches = self.patch_embed.onnx(graph, images);
        let [class, positions] = [&self.cls_token, &self.pos_embed].map(|value| graph.constant(value));
        // A class token for each image needs the size of the batch. Zeros around the tokens make a
        // sum of it, whatever the size.
        let after = self.pos_embed.size()[1] - 1;
        let patches = pad_tokens(graph, &patches, 1, 0);
        let class = pad_tokens(graph, &class, 0, after);
        let class = graph.add(&class, &positions);
        let mut x = graph.add(&patches, &class);
        for block in &self.blocks {
            x = block.onnx(graph, &x);
        }
        x = graph.select(&x, 1, 0);
        x = self.norm.onnx(graph, &x);
        Some(self.head.onnx(graph, &x))
    }
}
