// SPDX-License-Identifier: MIT
//
// What DPDK's ring and channel code needs from the rest of DPDK to be linked. None of it is called
// on the way of a packet; what is never called at all aborts.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" {

int vmbus_logtype_bus = 0;

size_t rte_mem_page_size() { return 4096; }
int rte_log(uint32_t, uint32_t, const char*, ...) { return 0; }
[[noreturn]] void __rte_panic(const char*, const char*, ...) { std::abort(); }
[[noreturn]] void rte_free() { std::abort(); }
[[noreturn]] void rte_zmalloc_socket() { std::abort(); }
[[noreturn]] void vmbus_uio_find_resource() { std::abort(); }
[[noreturn]] void vmbus_uio_get_subchan() { std::abort(); }
[[noreturn]] void vmbus_uio_map_rings() { std::abort(); }
[[noreturn]] void vmbus_uio_subchannels_supported() { std::abort(); }
}
