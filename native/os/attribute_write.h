// SPDX-License-Identifier: MIT
//
// Writing a sysfs attribute, or the socket that a simulated host puts in its place.
// Called by: native/binding system_functions, off the event loop: binding a driver can take
// seconds.

#ifndef VMBUS_OS_ATTRIBUTE_WRITE_H_
#define VMBUS_OS_ATTRIBUTE_WRITE_H_

#include <string>

namespace vmbus::os {

// One write(2) of the whole text. 0 or an errno. At a socket (stream): connects, sends the text,
// ends its half and reads the answer, a decimal errno, within 30 s.
int WriteAttribute(const std::string& path, const std::string& text);

}  // namespace vmbus::os

#endif  // VMBUS_OS_ATTRIBUTE_WRITE_H_
