// SPDX-License-Identifier: MIT
//
// The loops of ring_loops.h as functions of a Node addon, so that a ring from C and one from
// JavaScript take turns in one process and on one processor. Built by the bench, once per face:
//   receive(bytes, fills) send(bytes, fills) transfer(bytes, packets, producerCpu, consumerCpu)
//     nanoseconds per packet
//   pin(cpu) keeps the calling thread on a processor; -1 lets it go
// VMBUS_BENCH_FACE names the header of the ring.

#include <node_api.h>

#include <array>

#include VMBUS_BENCH_FACE

#include "ring_loops.h"

namespace {

using Loops = vmbus::bench::RingLoops<vmbus::bench::Producer, vmbus::bench::Consumer>;

Loops& TheLoops() {
  static auto* const loops = new Loops;
  return *loops;
}

std::array<int64_t, 4> Arguments(napi_env env, napi_callback_info info) {
  napi_value values[4];
  size_t count = 4;
  std::array<int64_t, 4> numbers{};
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  for (size_t i = 0; i < count && i < 4; i++) napi_get_value_int64(env, values[i], &numbers[i]);
  return numbers;
}

napi_value Number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

napi_value Receive(napi_env env, napi_callback_info info) {
  const auto [bytes, fills, a, b] = Arguments(env, info);
  return Number(env,
                TheLoops().Receive(static_cast<uint32_t>(bytes), static_cast<uint32_t>(fills)));
}

napi_value Send(napi_env env, napi_callback_info info) {
  const auto [bytes, fills, a, b] = Arguments(env, info);
  return Number(env, TheLoops().Send(static_cast<uint32_t>(bytes), static_cast<uint32_t>(fills)));
}

napi_value Transfer(napi_env env, napi_callback_info info) {
  const auto [bytes, packets, producer, consumer] = Arguments(env, info);
  return Number(env,
                TheLoops().Transfer(static_cast<uint32_t>(bytes), static_cast<uint64_t>(packets),
                                    static_cast<int>(producer), static_cast<int>(consumer)));
}

napi_value PinThread(napi_env env, napi_callback_info info) {
  const auto [cpu, a, b, c] = Arguments(env, info);
  vmbus::bench::Pin(static_cast<int>(cpu));
  return Number(env, static_cast<double>(TheLoops().used() & 1));
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

NAPI_MODULE_INIT() {
  Export(env, exports, "receive", Receive);
  Export(env, exports, "send", Send);
  Export(env, exports, "transfer", Transfer);
  Export(env, exports, "pin", PinThread);
  return exports;
}
