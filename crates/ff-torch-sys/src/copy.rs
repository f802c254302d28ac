//! Copies to a GPU beside the computation.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};

use tch::kind::Element;
use tch::{Device, Kind, Tensor};

use crate::call::check;

unsafe extern "C" {
    fn ff_torch_copy_stream(index: c_int, id: *mut i64) -> *mut c_char;
    fn ff_torch_send(
        data: *const c_void,
        sizes: *const i64,
        dims: usize,
        kind: c_int,
        index: c_int,
        id: i64,
        sent: *mut *mut c_void,
    ) -> *mut c_char;
    fn ff_torch_receive(sent: *mut c_void, tensor: *mut *mut c_void) -> *mut c_char;
    fn ff_torch_forget(sent: *mut c_void);
}

/// A tensor under way to a device.
pub struct Sent(State);

enum State {
    Here(Tensor),
    UnderWay(*mut c_void),
    Received,
}

/// The stream for copies to each GPU. There is one for each, since libtorch keeps freed memory for
/// the stream that it was made on.
static STREAMS: Mutex<BTreeMap<c_int, i64>> = Mutex::new(BTreeMap::new());

/// Sends values to a device as a tensor of the shape `size`. For a GPU, they are copied into pinned
/// memory here, and from there on a stream of its own: beside the computation, and after this has
/// returned.
///
/// ```
/// use ff_torch_sys::send;
/// use tch::Device;
///
/// let sent = send(Device::Cpu, &[1u8, 2, 3, 4], &[2, 2]);
/// assert_eq!(sent.receive().size(), [2, 2]);
/// ```
///
/// # Panics
/// If the number of values is not that of the shape; on other types than u8, i64 and f32 for a GPU;
/// if the device is not there or memory is short.
pub fn send<T: Element>(device: Device, values: &[T], size: &[i64]) -> Sent {
    assert_eq!(size.iter().product::<i64>(), values.len() as i64, "values of the shape {size:?}");
    let Device::Cuda(index) = device else {
        return Sent(State::Here(Tensor::from_slice(values).view(size)));
    };
    let index = index as c_int;
    let stream = copy_stream(index);
    let mut sent = std::ptr::null_mut();
    // SAFETY: the values are as many as the shape says, and are read before the call returns.
    check(unsafe {
        let data = values.as_ptr().cast();
        ff_torch_send(data, size.as_ptr(), size.len(), number(T::KIND), index, stream, &mut sent)
    });
    Sent(State::UnderWay(sent))
}

fn copy_stream(index: c_int) -> i64 {
    let mut streams = STREAMS.lock().unwrap_or_else(PoisonError::into_inner);
    *streams.entry(index).or_insert_with(|| {
        let mut id = 0;
        // SAFETY: `id` outlives the call.
        check(unsafe { ff_torch_copy_stream(index, &mut id) });
        id
    })
}

/// Returns libtorch's number of a type (`c10/core/ScalarType.h`).
fn number(kind: Kind) -> c_int {
    match kind {
        Kind::Uint8 => 0,
        Kind::Int64 => 4,
        Kind::Float => 6,
        other => panic!("expected bytes, 64-bit integers or 32-bit floats, found {other:?}"),
    }
}

impl Sent {
    /// Returns the tensor. Computation that is queued from here on waits for the copy; the host
    /// does not.
    pub fn receive(mut self) -> Tensor {
        match std::mem::replace(&mut self.0, State::Received) {
            State::Here(tensor) => tensor,
            State::UnderWay(sent) => {
                let mut tensor = std::ptr::null_mut();
                // SAFETY: `sent` is of `ff_torch_send` and is not used again; the tensor is new.
                unsafe {
                    check(ff_torch_receive(sent, &mut tensor));
                    Tensor::from_ptr(tensor.cast())
                }
            }
            State::Received => unreachable!("a tensor is received once"),
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let State::UnderWay(sent) = self.0 {
            // SAFETY: `sent` is of `ff_torch_send` and is not used again.
            unsafe { ff_torch_forget(sent) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_arrive_in_their_shape() {
        let tensor = send(Device::Cpu, &[1i64, 2, 3, 4, 5, 6], &[3, 2]).receive();
        assert_eq!((tensor.size(), tensor.int64_value(&[2, 1])), (vec![3, 2], 6));
        assert_eq!(send::<u8>(Device::Cpu, &[], &[0, 3]).receive().size(), [0, 3]);
    }

    #[test]
    #[should_panic(expected = "values of the shape")]
    fn values_of_another_number_are_refused() {
        send(Device::Cpu, &[1f32, 2.0], &[3]);
    }
}
