// Functions of libtorch that tch does not reach. Each returns null, or the text of an error that
// the caller frees. Nothing here needs the headers or libraries of CUDA: streams and events are
// those of c10, which the CUDA library implements once it is loaded.

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <vector>

namespace {

template <typename Work>
char* caught(Work work) {
  try {
    work();
    return nullptr;
  } catch (const c10::Error& error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return strdup(error.what());
  }
}

std::vector<at::Tensor> list(void* const* tensors, size_t count) {
  std::vector<at::Tensor> found;
  found.reserve(count);
  for (size_t i = 0; i < count; i++) {
    found.push_back(*static_cast<at::Tensor*>(tensors[i]));
  }
  return found;
}

// Checks that lists of one length have, at each place, tensors of one shape, all of them f32,
// contiguous and on one device. The rules for the CPU check nothing and would write elsewhere.
void check_alike(std::initializer_list<const std::vector<at::Tensor>*> lists) {
  const auto& first = **lists.begin();
  for (const auto* tensors : lists) {
    for (size_t i = 0; i < first.size(); i++) {
      const auto& tensor = (*tensors)[i];
      TORCH_CHECK(tensor.sizes() == first[i].sizes(), "expected tensors of one shape");
      TORCH_CHECK(tensor.scalar_type() == at::kFloat && tensor.is_contiguous() &&
                      tensor.device() == first[0].device(),
                  "expected contiguous f32 on one device");
    }
  }
}

// A tensor that is under way to a device on the stream `copies`, and the event that ends its copy.
struct Sent {
  at::Tensor tensor;
  c10::Event arrived;
  c10::Stream copies;
};

c10::impl::VirtualGuardImpl cuda() {
  return c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA);
}

c10::Device card(int index) {
  return c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index));
}

// Returns a tensor over the same memory. When it is freed, the stream of copies waits for the work
// that is queued then, and may use the memory again. libtorch's `record_stream` says the same, but
// freeing the tensor then throws on a lost GPU, from a destructor, which ends the process.
at::Tensor used_here(at::Tensor tensor, c10::Stream copies) {
  auto* memory = tensor.data_ptr();
  auto sizes = tensor.sizes().vec();
  auto options = tensor.options();
  auto freed = [tensor = std::move(tensor), copies](void*) mutable {
    try {
      c10::DeviceGuard guard(copies.device());
      c10::Event used(c10::DeviceType::CUDA);
      used.record(cuda().getStream(copies.device()));
      used.block(copies);
    } catch (...) {
      new at::Tensor(std::move(tensor));  // leaked: nothing can be freed on a lost GPU
    }
  };
  return at::from_blob(memory, sizes, std::move(freed), options, copies.device());
}

}  // namespace

extern "C" {

void ff_torch_free(char* text) { free(text); }

char* ff_torch_set_tf32(bool on) {
  return caught([&] {
    at::globalContext().setAllowTF32CuDNN(on);
    at::globalContext().setAllowTF32CuBLAS(on);
  });
}

bool ff_torch_tf32() {
  return at::globalContext().allowTF32CuDNN() && at::globalContext().allowTF32CuBLAS();
}

char* ff_torch_set_deterministic(bool on) {
  return caught([&] {
    auto& context = at::globalContext();
    // cuBLAS reads it when its first handle is made.
    if (on) setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
    context.setDeterministicAlgorithms(on, false);
    // Memory is always written before it is read here, so filling it would only cost time.
    context.setDeterministicFillUninitializedMemory(false);
    context.setDeterministicCuDNN(on);
    context.setBenchmarkCuDNN(!on);
  });
}

bool ff_torch_deterministic() { return at::globalContext().deterministicAlgorithms(); }

char* ff_torch_fused_adamw(void* const* weights, void* const* gradients, void* const* means,
                           void* const* squares, void* const* steps, size_t count, double lr,
                           double beta1, double beta2, double weight_decay, double eps) {
  return caught([&] {
    auto w = list(weights, count), g = list(gradients, count);
    auto m = list(means, count), s = list(squares, count);
    check_alike({&w, &g, &m, &s});
    at::_fused_adamw_(w, g, m, s, {}, list(steps, count), lr, beta1, beta2, weight_decay, eps,
                      false, false);
  });
}

char* ff_torch_fused_sgd(void* const* weights, void* const* gradients, void* const* momenta,
                         size_t count, double momentum, double weight_decay, double lr) {
  return caught([&] {
    auto w = list(weights, count), g = list(gradients, count), m = list(momenta, count);
    check_alike({&w, &g, &m});
    // A momentum of zeros gives what PyTorch's first step gives. Without momentum it expects none.
    if (momentum == 0) m.clear();
    at::_fused_sgd_(w, g, m, weight_decay, momentum, lr, 0.0, false, false, false);
  });
}

// Makes a stream for copies to a card.
char* ff_torch_copy_stream(int index, int64_t* id) {
  return caught([&] { *id = cuda().getStreamFromGlobalPool(card(index)).id(); });
}

// Starts to copy host memory to a card on the stream `id`, by way of pinned memory, which libtorch
// keeps and uses again once the copy is over.
char* ff_torch_send(const void* data, const int64_t* sizes, size_t dims, int kind, int index,
                    int64_t id, Sent** sent) {
  return caught([&] {
    auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(kind));
    at::IntArrayRef shape(sizes, dims);
    auto pinned = at::empty(shape, options.pinned_memory(true));
    std::memcpy(pinned.data_ptr(), data, pinned.nbytes());
    c10::Stream stream(c10::Stream::UNSAFE, card(index), id);
    c10::StreamGuard guard(stream);
    c10::Event arrived(c10::DeviceType::CUDA);
    auto tensor = pinned.to(card(index), /*non_blocking=*/true);
    arrived.record(stream);
    *sent = new Sent{std::move(tensor), std::move(arrived), stream};
  });
}

// Makes the work that is queued from now on wait for the copy, and returns the tensor. Frees
// `sent`. The host does not wait.
char* ff_torch_receive(Sent* sent, void** tensor) {
  return caught([&] {
    // The event has to end on its own device: CUDA would otherwise open a context on another.
    c10::DeviceGuard guard(sent->copies.device());
    std::unique_ptr<Sent> owned(sent);
    owned->arrived.block(cuda().getStream(owned->copies.device()));
    *tensor = new at::Tensor(used_here(std::move(owned->tensor), owned->copies));
  });
}

void ff_torch_forget(Sent* sent) {
  ff_torch_free(caught([&] {
    c10::DeviceGuard guard(sent->copies.device());
    delete sent;
  }));
}
}
