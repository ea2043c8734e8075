// SPDX-License-Identifier: MIT
//
// Where a UIO map begins in the first page of its mapping. The kernel maps whole pages; a map of
// 4096 bytes that it allocated on larger pages may begin anywhere in one.
// Called by: uio_device.
// Source: Linux drivers/uio/uio.c (uio_vma_fault, map_addr_show), drivers/hv/connection.c
// (vmbus_connect; older kernels take these pages from kmalloc where pages are larger).

#ifndef VMBUS_OS_MAP_OFFSET_H_
#define VMBUS_OS_MAP_OFFSET_H_

#include <cstddef>
#include <string>

#include "result.h"

namespace vmbus::os {

// `uio` is the device's folder in sysfs, the one with `maps`. EPROTO: the map does not lie within
// one page, or its attribute holds no address.
Result<size_t> MapOffset(const std::string& uio, int map, size_t map_bytes, size_t page_bytes);

}  // namespace vmbus::os

#endif  // VMBUS_OS_MAP_OFFSET_H_
